/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How every migration went: those under way with a bar a round, those that ended as rows that open. */
import { NONE, PAGE_BYTES, byId, bytes, clock, dotted, el, facts, group, heading, is, keyed, nameOf, pages, plural, rate,
	seconds, show, svg, text, word } from './base.js';

const FIRST_PAST = 10;
const DIRECTION = { out: 'to another host', in: 'from another host', local: 'within this host', save: 'saved to a file',
	probe: 'not moved: probed for what tracking costs' };
const KIND = { save: 'save ', probe: 'probe ' };
const NOW = { save: ' is being saved', probe: ' is being probed' };
const LAST = { save: 'The last was a save of ', probe: 'The last was a probe of ' };
const MODE_SOURCE = { inferred: 'inferred', trace: 'seen in traced exits' };
const ROUNDS_SOURCE = { bpf: 'eBPF on Dom0\u2019s hypercalls', uprobe: 'uprobes on libxenctrl',
	log: 'the toolstack\u2019s logs', process: 'processes only', probe: 'a probe', none: 'nobody' };
const STOP = { few_dirty: 'few pages were left', round_limit: 'the limit of rounds', not_live: 'not live' };
const DOWNTIME = { suspend_to_off: 'from the suspend to the end of tracking',
	final_clean_to_off: 'from the final harvest to the end of tracking', both_ends: 'from suspend here to unpause there',
	suspend_to_sent: 'from the suspend to the last page sent', suspend_to_resume: 'from suspend until it was resumed here' };
const STEPS = [['requested', 'asked to suspend'], ['suspended', 'suspended'], ['harvested', 'last harvest'],
	['sent', 'last page sent'], ['done', 'done']];

export const MODE = { pml: 'PML', ept_wp: 'EPT write protection', npt_wp: 'NPT write protection', shadow: 'shadow paging',
	off: 'none', unknown: 'unknown' };

const dirtyRate = r => is(r.pages_dirtied) && r.seconds > 0 ? r.pages_dirtied / r.seconds : NaN;
const took = m => is(m.ended) && is(m.started) ? m.ended - m.started : NaN;
const last = list => list[list.length - 1];

/* A round whose forerunners nobody saw has no number. */
const number = r => is(r.n) ? String(r.n) : '?';

/* The rounds, and behind them the final pass, which is none. */
function roundRows(m) {
	const rows = (m.rounds || []).map((r, i) => Object.assign({ key: i, label: number(r) }, r)), f = m.final;

	if (f && (is(f.pages) || is(f.seconds)))
		rows.push({ key: 'final', label: 'final', final: true, started: f.started, seconds: f.seconds, left: f.pages,
			harvest_seconds: f.harvest_seconds });
	return rows;
}

function roundsTable() {
	const columns = [['Round', ''], ['Took', 'num'], ['Pages sent', 'num'], ['Pages dirtied', 'num'],
		['Dirty rate', 'num minor'], ['Harvest', 'num minor'], ['', 'bars']];
	const head = el('tr', '', ...columns.map(c => heading('col', c[1], c[0])));

	return el('table', 'rounds', el('caption', 'hidden', 'Rounds'), el('thead', '', head), el('tbody'));
}

function roundRow() {
	const bars = el('td', 'bars', el('i', 'bar sent'), el('i', 'bar dirtied'), el('i', 'bar final'));

	bars.setAttribute('aria-hidden', 'true');
	return el('tr', '', heading('row'), el('td', 'num'), el('td', 'num'), el('td', 'num'), el('td', 'num minor'),
		el('td', 'num minor'), bars);
}

function sentText(r) {
	if (r.final)
		return '';
	return is(r.pages_sent) ? pages(r.pages_sent) : is(r.frames_sent) ? pages(r.frames_sent) + ' frames' : NONE;
}

function updateRounds(table, m) {
	const rows = roundRows(m);
	const max = Math.max(1, ...rows.map(r => Math.max(r.pages_sent || 0, r.pages_dirtied || 0, r.left || 0)));

	keyed(table.tBodies[0], rows, r => r.key, roundRow, (tr, r) => {
		const c = tr.children;

		text(c[0], r.label);
		text(c[1], r.seen === false ? 'not seen' : is(r.seconds) ? seconds(r.seconds) : r.final ? NONE : 'under way');
		text(c[2], sentText(r));
		text(c[3], r.final ? pages(r.left) + ' left' : pages(r.pages_dirtied));
		text(c[4], r.final ? '' : rate(dirtyRate(r)));
		text(c[5], seconds(r.harvest_seconds));
		[r.pages_sent, r.pages_dirtied, r.left].forEach((v, i) => {
			const bar = c[6].children[i];

			bar.hidden = !is(v);
			bar.style.width = is(v) ? 100 * v / max + '%' : '0';
		});
	});
}

function legend() {
	return el('p', 'key', el('span', '', el('i', 'sent'), 'sent'), el('span', '', el('i', 'dirtied'), 'dirtied meanwhile'),
		el('span', '', el('i', 'final'), 'left when the guest was paused'));
}

/* Time from left to right, the rate upwards, so that a bar's area is its pages. Of what a round sent and what was
 * dirtied in it, the lower bar stands in front. */
function picture(m) {
	const rows = roundRows(m).filter(r => is(r.started) && r.seconds > 0);
	const bars = r => [['sent', r.pages_sent], ['dirtied', r.pages_dirtied], ['final', r.left]].filter(b => is(b[1]));
	const most = r => Math.max(0, ...bars(r).map(b => b[1])) / r.seconds;
	const top = Math.max(0, ...rows.map(most));

	if (top === 0 || rows.length < 2)
		return null;
	const from = rows[0].started, span = Math.max(...rows.map(r => r.started + r.seconds)) - from;
	const g = svg('svg', { class: 'picture', viewBox: '0 0 1000 100', preserveAspectRatio: 'none', role: 'img',
		'aria-label': 'The rounds over ' + seconds(span) + '; the highest rate is ' + rate(top) });
	for (const r of rows) {
		const x = 1000 * (r.started - from) / span, width = Math.max(1.5, 1000 * r.seconds / span - 0.8);

		for (const [kind, n] of bars(r).sort((a, b) => b[1] - a[1])) {
			const height = 100 * n / r.seconds / top;

			g.append(svg('rect', { class: kind, x: x.toFixed(2), width: width.toFixed(2),
				y: (100 - height).toFixed(2), height: height.toFixed(2) }));
		}
	}
	g.append(svg('line', { class: 'axis', x1: 0, x2: 1000, y1: 100, y2: 100 }));
	return el('figure', '', el('p', 'scale', rate(top) + ', ' + bytes(top * PAGE_BYTES) + '/s'), g,
		el('figcaption', 'scale', el('span', '', '0'), el('span', '', 'area: pages'), el('span', '', seconds(span))));
}

/* --- those that ended --- */

function sentInAll(m) {
	if (is(m.pages_sent))
		return pages(m.pages_sent) + ' pages, ' + bytes(m.pages_sent * PAGE_BYTES);
	return is(m.frames_sent) ? pages(m.frames_sent) + ' frames' : 'not seen';
}

/* The steps of the final phase that were seen, each with the time since the one before. */
function stepsText(f) {
	const seen = STEPS.filter(s => f && is(f[s[0]]));

	return seen.map((s, i) => s[1] + (i ? ' +' + seconds(f[s[0]] - f[seen[i - 1][0]]) : '')).join(', ');
}

function releasedText(m) {
	if (!is(m.released))
		return '';
	return clock(m.released) + (m.released_source === 'hypercall' ? '' : ', by the list of domains: late by up to a tick');
}

/* What was expected after the newest round. */
function expected(m) {
	const f = last(m.forecast || []);

	if (!f || !is(f.rounds))
		return '';
	return [plural(f.rounds, 'round'), is(f.total_seconds) ? seconds(f.total_seconds) + ' in all' : '',
		is(f.downtime_seconds) ? seconds(f.downtime_seconds) + ' of downtime' : '',
		{ yes: 'converging', no: 'not converging' }[f.converges]].filter(Boolean).join(', ');
}

function forecastError(m) {
	const e = m.forecast_error;

	return e && is(e.total_ratio) ? 'after round ' + e.after_round + ', ' + Math.round(100 * e.total_ratio) +
		' % off in total time' + (is(e.rounds) ? ', ' + plural(e.rounds, 'round') : '') : '';
}

function detailFacts(m) {
	const mode = [word(MODE, m.tracking_mode), MODE_SOURCE[m.mode_source],
		m.tracking_left_on ? 'not seen to be turned off' : ''].filter(Boolean).join(', ');
	const down = is(m.downtime_seconds) ? [seconds(m.downtime_seconds), DOWNTIME[m.downtime_source]].filter(Boolean) : [];

	return [
		['Guest', dotted([nameOf(m), m.uuid, is(m.domid) ? 'domain ' + m.domid : ''])],
		['Way', word(DIRECTION, m.direction) + ', by ' + word({}, m.toolstack)],
		['Began, ended', clock(m.started) + ', ' + clock(m.ended)],
		['Result', word({}, m.result) + (m.reason ? ': ' + m.reason : '')],
		['Source', m.source === 'replay' ? 'replay: played from a recorded capture' : ''],
		['Memory', is(m.memory_pages) ? bytes(m.memory_pages * PAGE_BYTES) + ', ' + pages(m.memory_pages) + ' pages' : ''],
		['Sent in all', sentInAll(m)],
		['Downtime', down.join(', ') || 'not seen'],
		['Final phase', stepsText(m.final)],
		['Runs here since', releasedText(m)],
		['Checkpoints', is(m.checkpoints) ? String(m.checkpoints) : ''],
		['Stopped by', STOP[m.stop_reason]],
		['Forecast', forecastError(m)],
		['Tracking', mode],
		['Rounds seen by', ROUNDS_SOURCE[m.rounds_source]],
		['Rounds unseen', m.rounds_unseen > 0 ? String(m.rounds_unseen) :
			m.rounds_begun > 0 && !is(m.rounds_unseen) ? 'nobody can tell how many' : ''],
	];
}

function fillDetail(td, m) {
	const dl = el('dl', 'facts');

	facts(dl, detailFacts(m));
	td.append(dl);
	if (roundRows(m).length === 0) {
		td.append(el('p', 'none', 'No round of it was seen.'));
		return;
	}
	const table = roundsTable(), drawn = picture(m);
	updateRounds(table, m);
	td.append(legend(), ...(drawn ? [drawn] : []), el('div', 'scroll', table));
}

function pastBody(m) {
	const button = el('button', 'toggle', el('span', 'name')), td = el('td'), detail = el('tr', 'detail', td);
	const row = el('tr', '', heading('row', '', button), el('td', 'wide'), el('td'), el('td', 'wide'), el('td', 'num wide'),
		el('td', 'num'), el('td', 'num'));

	td.colSpan = row.children.length;
	detail.id = 'migration-' + String(m.id).replace(/[^\w-]/g, '_');
	detail.hidden = true;
	button.type = 'button';
	button.setAttribute('aria-controls', detail.id);
	button.setAttribute('aria-expanded', 'false');
	button.addEventListener('click', () => {
		if (!td.firstChild)
			fillDetail(td, m);
		show(detail, detail.hidden);
		row.classList.toggle('open', !detail.hidden);
		button.setAttribute('aria-expanded', String(!detail.hidden));
	});
	return el('tbody', '', row, detail);
}

function updatePast(body, m) {
	const c = body.rows[0].children, result = word({}, m.result);

	text(c[0].firstChild.firstChild, nameOf(m));
	text(c[1], clock(m.ended));
	text(c[2], (KIND[m.direction] || '') + result + (m.source === 'replay' ? ', replay' : ''));
	c[2].className = 'result-' + result.replace(/\W/g, '');
	text(c[3], word(MODE, m.tracking_mode));
	text(c[4], is(m.rounds_begun) ? String(m.rounds_begun) : NONE);
	text(c[5], seconds(took(m)));
	text(c[6], seconds(m.downtime_seconds));
}

/* --- those under way --- */

const makeRun = () => el('article', 'run', el('h3', 'name'), el('p', 'state'), legend(), el('div', 'scroll', roundsTable()));

function updateRun(box, m, now) {
	const rounds = m.rounds || [], harvested = last(rounds.filter(r => is(r.pages_dirtied)));
	const pass = m.final && is(m.final.pages) ? 'final pass' : rounds.length ? 'round ' + number(last(rounds)) : 'no round seen yet';

	text(box.children[0], nameOf(m));
	text(box.children[1], dotted([word(DIRECTION, m.direction), word(MODE, m.tracking_mode), pass,
		is(m.started) ? seconds(Math.max(0, now - m.started)) + ' so far' : '',
		harvested ? rate(dirtyRate(harvested)) + ' dirtied' : '',
		expected(m) ? 'expected: ' + expected(m) : '',
		is(m.memory_pages) ? bytes(m.memory_pages * PAGE_BYTES) + ' of memory' : '']));
	updateRounds(box.querySelector('table'), m);
}

/* --- the answer --- */

function answer(running, past) {
	if (running.length > 1)
		return running.length + ' are under way now.';
	if (running.length === 1) {
		const m = running[0], rounds = m.rounds || [];

		return nameOf(m) + (NOW[m.direction] || ' is migrating') + ' now' +
			(rounds.length ? ', in round ' + number(last(rounds)) : '') + '.';
	}
	if (past.length === 0)
		return 'None has been seen yet.';
	const m = past[0], what = (LAST[m.direction] || 'The last was of ') + nameOf(m);
	if (m.result !== 'completed')
		return what + ', and it did not complete' + (m.reason ? ': ' + m.reason : '') + '.';
	return what + ': ' + [is(took(m)) ? seconds(took(m)) : '', m.rounds_begun > 0 ? plural(m.rounds_begun, 'round') : '',
		is(m.downtime_seconds) ? seconds(m.downtime_seconds) + ' of downtime' : 'completed'].filter(Boolean).join(', ') + '.';
}

let all = false, shown = [[], 0];

/* now: the agent's time, seconds since 1970 */
export function showMigrations(list, now) {
	const running = list.filter(m => m.result === 'running'), past = list.filter(m => m.result !== 'running');

	shown = [list, now];
	past.sort((a, b) => (b.ended || 0) - (a.ended || 0));
	text(byId('migration-answer'), answer(running, past));
	keyed(byId('running'), running, m => m.id, makeRun, (box, m) => updateRun(box, m, now));
	show(byId('past-table'), past.length > 0);
	keyed(byId('past-table'), all ? past : past.slice(0, FIRST_PAST), m => m.id, pastBody, updatePast);
	show(byId('past-more'), past.length > FIRST_PAST);
	text(byId('past-more'), all ? 'Show fewer' : 'Show all ' + group(past.length));
}

byId('past-more').addEventListener('click', () => {
	all = !all;
	showMigrations(...shown);
});
