/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What dirty tracking cost: by tracking mode side by side, and by exit reason. */
import { NONE, dotted, el, figure, group, heading, is, keyed, number, percent, plural, scroll, seconds, show, table, text,
	word } from './base.js';
import { MODE } from './words.js';

const FIGURES = ['exits_per_kpage', 'cycles_per_page', 'overhead_ratio'];
const TELL = [number, number, percent];
const OF = [' exits per 1000 pages', ' cycles per page', ' of the guests\u2019 CPU time'];
const REASONS = [['violations', 'violation_cycles', { npt_wp: 'Write to a page under NPT protection' }, 'Write to a log-dirty page'],
	['pml_full', 'pml_full_cycles', {}, 'PML buffer full'],
	['recalcs', 'recalc_cycles', {}, 'Entry that a harvest invalidated']];

const runs = r => [r.migrations > 0 ? plural(r.migrations, 'migration') : '', r.probes > 0 ? plural(r.probes, 'probe') : '']
	.filter(Boolean).join(', ') || 'none';

function bar() {
	return el('td', 'gauge', el('span'), el('i', 'bar'));
}

function row() {
	return el('tr', '', heading('row', '', el('span'), el('small')), bar(), bar(), bar(), el('td', 'num wide'), el('td', 'num wide'));
}

/* An estimate has its figures under names of their own. */
const of = (r, name) => r[(r.estimate ? 'estimate_' : '') + name];

function origin(r) {
	if (r.estimate)
		return 'estimate';
	return dotted([r.earlier ? 'an earlier boot' : '', is(r.measured) && r.measured === 0 ? 'not traced' : '', runs(r)]);
}

function update(tr, r, top) {
	const c = tr.children;

	tr.className = r.estimate ? 'estimate' : '';
	text(c[0].firstChild, word(MODE, r.tracking_mode));
	text(c[0].lastChild, origin(r));
	FIGURES.forEach((name, i) => {
		const v = of(r, name), [said, b] = c[i + 1].children;

		text(said, TELL[i](v));
		b.className = 'bar mode-' + (r.tracking_mode === 'pml' ? 'pml' : 'wp') + (r.estimate ? ' guess' : '');
		b.style.width = is(v) && top[i] > 0 ? Math.max(1, 100 * v / top[i]) + '%' : '0';
	});
	text(c[4], r.estimate ? '' : seconds(r.harvest_seconds_per_round));
	text(c[5], r.estimate || !is(r.pages_dirtied) ? '' : group(r.pages_dirtied));
}

/* Of the boot that is shown, and beside them modes that only an earlier one like it measured: their own rows, never
 * one sum. */
function rowsOf(boots) {
	const [boot, ...others] = boots, rows = (boot.modes || []).slice(), has = mode => rows.some(r => !r.estimate && r.tracking_mode === mode);

	for (const b of others)
		if (b.cpu_model === boot.cpu_model && b.xen_version === boot.xen_version && b.xen_extra === boot.xen_extra)
			for (const r of b.modes || [])
				if (!r.estimate && r.measured > 0 && !has(r.tracking_mode))
					rows.push(Object.assign({ earlier: true }, r));
	return rows.sort((a, b) => (a.tracking_mode !== 'pml') - (b.tracking_mode !== 'pml') || Number(a.estimate) - Number(b.estimate));
}

/* What PML saves against write protection, in a sentence; measured figures before estimates, and time before cycles
 * before exits: fewer exits alone are not less time. boots: as comparison() takes them. */
export function paysAnswer(boots, state) {
	const rows = boots.length ? rowsOf(boots) : [], used = state === 'in_use';
	const mode = name => rows.find(r => r.tracking_mode === name && !r.estimate && r.measured > 0) ||
		rows.find(r => r.tracking_mode === name && r.estimate) || {};
	const pml = mode('pml'), wp = mode('ept_wp');
	const i = [2, 1, 0].find(n => is(of(pml, FIGURES[n])) && is(of(wp, FIGURES[n])));

	if (state !== 'in_use' && state !== 'disabled')
		return '';
	if (i === undefined)
		return ' Whether it ' + (used ? 'pays' : 'would pay') + ' was not measured yet.';
	const a = of(pml, FIGURES[i]), b = of(wp, FIGURES[i]), verb = i ? ['pays', 'pay'] : ['saves exits', 'save exits'];
	return ' It ' + (used ? a < b ? verb[0] : 'does not ' + verb[1] : (a < b ? 'would ' : 'would not ') + verb[1]) + ': ' +
		TELL[i](a) + OF[i] + ' with it' + (pml.estimate ? ' by estimate' : '') + ', ' +
		TELL[i](b) + ' without' + (wp.estimate ? ' by estimate' : '') + '.';
}

function note(rows, more) {
	const guess = rows.find(r => r.estimate), lost = rows.reduce((n, r) => n + (r.lost_records || 0), 0);
	const sampled = rows.filter(r => is(r.sampled_fraction)).map(r => word(MODE, r.tracking_mode) + ' ' + percent(r.sampled_fraction));

	return [sampled.length ? 'Traced, of the time tracked: ' + sampled.join(', ') + '.' : '',
		lost ? plural(lost, 'record') + ' of the trace lost.' : '',
		guess ? 'The estimate is not measured. ' + guess.basis : '',
		more ? plural(more, 'more boot') + ' in the journal, never mixed with this one: xenscope overhead --all.' : '']
		.filter(Boolean).join(' ');
}

/* A row for each tracking mode; update takes the boots of the agent's answer, the newest first. */
export function comparison(nothing) {
	const t = table('compare', 'What dirty tracking cost, by tracking mode', [['Tracking'], ['Exits per 1000 pages'],
		['Cycles per page'], ['Guest\u2019s CPU time'], ['Harvest per round', 'num wide'], ['Pages dirtied', 'num wide']]);
	const box = scroll('What dirty tracking cost', t), under = el('p', 'note'), none = el('p', 'none', nothing);

	none.hidden = box.hidden = true;
	return { node: el('div', 'comparison', box, none, under), update(boots) {
		const rows = boots.length ? rowsOf(boots) : [];
		const top = FIGURES.map(name => Math.max(0, ...rows.map(r => of(r, name)).filter(is)));

		show(box, rows.length > 0);
		show(none, rows.length === 0);
		keyed(t.tBodies[0], rows, r => r.tracking_mode + r.estimate, row, (tr, r) => update(tr, r, top));
		text(under, rows.length ? note(rows, boots.length - 1) : '');
	} };
}

/* Where a migration's cycles went. Null: nothing was traced. */
export function reasons(m) {
	const o = m.overhead;

	if (!o || !is(o.windows) || o.windows === 0)
		return null;
	const t = table('reasons', 'Exits by their reasons', [['Reason'], ['Exits', 'num'], ['Cycles', 'num'], ['Cycles per exit', 'num wide'],
		['Share of the cycles', 'gauge']]);
	const all = REASONS.reduce((n, r) => n + (o[r[1]] || 0), 0);

	for (const [count, cycles, names, name] of REASONS) {
		const b = bar();

		text(b.firstChild, all ? percent((o[cycles] || 0) / all) : NONE);
		b.lastChild.className = 'bar mode-' + (count === 'pml_full' ? 'pml' : 'wp');
		b.lastChild.style.width = all ? 100 * (o[cycles] || 0) / all + '%' : '0';
		t.tBodies[0].append(el('tr', '', heading('row', '', names[m.tracking_mode] || name), el('td', 'num', number(o[count])),
			el('td', 'num', number(o[cycles])), el('td', 'num wide', o[count] > 0 ? figure(o[cycles] / o[count]) : NONE), b));
	}
	return t;
}

/* [term, text] of what all the exits came to. */
export function totals(m) {
	const o = m.overhead || {};

	return [['Guest\u2019s CPU time', is(o.overhead_ratio) ? percent(o.overhead_ratio) + ' at least' : ''],
		['Exits', is(o.exits_per_kpage) ? number(o.exits_per_kpage) + ' per 1000 pages dirtied' : ''],
		['Entries set up again', is(o.recalc_exits_per_kpage) ? number(o.recalc_exits_per_kpage) + ' per 1000 pages dirtied' : ''],
		['Cycles', is(o.cycles_per_page) ? number(o.cycles_per_page) + ' per page dirtied' : ''],
		['Avoided by PML', is(o.avoided_exits) ? plural(o.avoided_exits, 'exit') : ''],
		['Superpages split', is(o.splits) ? number(o.splits) : ''],
		['Traced', is(o.traced_seconds) ? seconds(o.traced_seconds) + ' of ' + seconds(o.tracked_seconds) + ' in ' +
			plural(o.windows, 'window') + (o.torn_windows ? ', ' + plural(o.torn_windows, 'torn one') + ' left out' : '') +
			(o.lost_records ? ', ' + plural(o.lost_records, 'record') + ' lost' : '') : '']];
}
