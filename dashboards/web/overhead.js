/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What dirty tracking cost, a row for each tracking mode of the newest boot. */
import { NONE, byId, dotted, el, figure, get, group, heading, is, keyed, plural, seconds, show, text, word } from './base.js';
import { MODE } from './migrations.js';

const percent = v => !is(v) ? NONE : v > 0 && v < 0.0001 ? '< 0.01\u00a0%' : figure(v * 100) + '\u00a0%';
const number = v => is(v) ? figure(v) : NONE;
const runs = r => [is(r.migrations) ? group(r.migrations) : NONE, r.probes > 0 ? plural(r.probes, 'probe') : ''].filter(Boolean).join(', ');

function row() {
	const cells = ['num wide', 'num wide', 'num', 'num wide', 'num', 'num wide'].map(c => el('td', c));

	return el('tr', '', heading('row', '', el('span'), el('small')), ...cells);
}

/* An estimate has its figures under names of their own. */
function update(tr, r) {
	const c = tr.children, of = name => r[(r.estimate ? 'estimate_' : '') + name];

	tr.className = r.estimate ? 'estimate' : '';
	text(c[0].firstChild, word(MODE, r.tracking_mode));
	text(c[0].lastChild, r.estimate ? 'estimate' : is(r.measured) && r.measured === 0 ? 'not traced' : '');
	text(c[1], r.estimate ? '' : runs(r));
	text(c[2], r.estimate ? '' : is(r.pages_dirtied) ? group(r.pages_dirtied) : NONE);
	text(c[3], number(of('exits_per_kpage')));
	text(c[4], number(of('cycles_per_page')));
	text(c[5], percent(of('overhead_ratio')));
	text(c[6], r.estimate ? '' : seconds(r.harvest_seconds_per_round));
}

function note(boot, more) {
	const rows = boot.modes || [], guess = rows.find(r => r.estimate), lost = rows.reduce((n, r) => n + (r.lost_records || 0), 0);
	const sampled = rows.filter(r => is(r.sampled_fraction)).map(r => word(MODE, r.tracking_mode) + ' ' + percent(r.sampled_fraction));

	return [sampled.length ? 'Traced, of the time tracked: ' + sampled.join(', ') + '.' : '',
		lost ? plural(lost, 'record') + ' of the trace lost.' : '',
		guess ? 'The estimate is not measured. ' + guess.basis : '',
		more ? plural(more, 'more boot') + ' in the journal, never mixed with this one: xenscope overhead --all.' : '']
		.filter(Boolean).join(' ');
}

let counted;

/* Asks only when the journal has grown: the agent reads it for the answer. */
export async function showOverhead(migrations) {
	const ended = migrations.filter(m => m.result !== 'running').map(m => m.id).join();

	if (ended === counted)
		return;
	const boots = (await get('api/v1/overhead')).boots || [], boot = boots[0] || {};
	counted = ended;
	show(byId('overhead-table'), boots.length > 0);
	show(byId('overhead-none'), boots.length === 0);
	text(byId('overhead-of'), boots.length ? dotted([boot.current ? 'this boot' : 'an earlier boot', 'Xen ' + boot.xen_version,
		boot.cpu_model]) : '');
	keyed(byId('overhead'), boot.modes || [], r => r.tracking_mode + (r.estimate ? ' estimate' : ''), row, update);
	text(byId('overhead-note'), boots.length ? note(boot, boots.length - 1) : '');
}
