/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rounds of a migration: as a table with a bar for each figure, and as a picture over time. */
import { NONE, PAGE_BYTES, bytes, el, heading, is, keyed, pages, percent, rate, seconds, svg, table, text } from './base.js';
import { dirtyRate, numberOf, sendRate } from './words.js';

const COLUMNS = [['Round'], ['Took', 'num'], ['Pages sent', 'num'], ['Send rate', 'num minor'], ['Pages dirtied', 'num'],
	['Dirty rate', 'num minor'], ['Harvest', 'num minor'], ['Guest CPU', 'num minor'], ['', 'bars']];

/* The rounds, and behind them the final pass, which is none. */
export function roundRows(m) {
	const rows = (m.rounds || []).map((r, i) => Object.assign({ key: i, label: numberOf(r), over: m.result !== 'running' }, r)), f = m.final;

	if (f && (is(f.pages) || is(f.seconds)))
		rows.push({ key: 'final', label: 'final', final: true, started: f.started, seconds: f.seconds, left: f.pages,
			harvest_seconds: f.harvest_seconds, overhead: f.overhead });
	return rows;
}

function roundRow() {
	const cells = COLUMNS.slice(1, -1).map(c => el('td', c[1]));
	const bars = el('td', 'bars', el('i', 'bar sent'), el('i', 'bar dirtied'), el('i', 'bar final'));

	bars.setAttribute('aria-hidden', 'true');
	return el('tr', '', heading('row'), ...cells, bars);
}

function sentText(r) {
	if (r.final)
		return '';
	return is(r.pages_sent) ? pages(r.pages_sent) : is(r.frames_sent) ? pages(r.frames_sent) + ' frames' : NONE;
}

const costText = r => r.overhead && is(r.overhead.overhead_ratio) ? percent(r.overhead.overhead_ratio) : NONE;

function updateRow(tr, r, max) {
	const c = tr.children, bars = tr.lastChild.children;
	const said = [r.label, r.seen === false ? 'not seen' : is(r.seconds) ? seconds(r.seconds) : r.final ? NONE : r.over ? 'not ended' : 'under way',
		sentText(r), r.final ? '' : rate(sendRate(r)), r.final ? pages(r.left) + ' left' : pages(r.pages_dirtied),
		r.final ? '' : rate(dirtyRate(r)), seconds(r.harvest_seconds), costText(r)];

	said.forEach((s, i) => text(c[i], s));
	[r.pages_sent, r.pages_dirtied, r.left].forEach((v, i) => {
		bars[i].hidden = !is(v);
		bars[i].style.width = is(v) ? 100 * v / max + '%' : '0';
	});
}

export const roundsTable = () => table('rounds', 'Rounds', COLUMNS);

/* Frame numbers are no pages: a round of which only those are known has no bar of what it sent. */
export function updateRounds(t, m) {
	const rows = roundRows(m);
	const max = Math.max(1, ...rows.map(r => Math.max(r.pages_sent || 0, r.pages_dirtied || 0, r.left || 0)));

	keyed(t.tBodies[0], rows, r => r.key, roundRow, (tr, r) => updateRow(tr, r, max));
}

export function key() {
	const of = (kind, said) => el('span', '', el('i', kind), said);

	return el('p', 'key', of('sent', 'sent'), of('dirtied', 'dirtied meanwhile'), of('final', 'left when the guest was paused'));
}

const barsOf = r => [['sent', r.pages_sent], ['dirtied', r.pages_dirtied], ['final', r.left]].filter(b => is(b[1]));

/* Time from left to right, the rate upwards, so that a bar's area is its pages. Of what a round sent and what was
 * dirtied in it, the lower bar stands in front. */
export function picture(m) {
	const rows = roundRows(m).filter(r => is(r.started) && r.seconds > 0);
	const top = Math.max(0, ...rows.map(r => Math.max(0, ...barsOf(r).map(b => b[1])) / r.seconds));

	if (top === 0)
		return null;
	const from = rows[0].started, span = Math.max(...rows.map(r => r.started + r.seconds)) - from;
	const g = svg('svg', { class: 'picture', viewBox: '0 0 1000 100', preserveAspectRatio: 'none', role: 'img',
		'aria-label': 'The rounds over ' + seconds(span) + '; the highest rate is ' + rate(top) });
	for (const r of rows) {
		const x = 1000 * (r.started - from) / span, width = Math.max(1.5, 1000 * r.seconds / span - 0.8);

		for (const [kind, n] of barsOf(r).sort((a, b) => b[1] - a[1])) {
			const height = 100 * n / r.seconds / top;

			g.append(svg('rect', { class: kind, x: x.toFixed(2), width: width.toFixed(2),
				y: (100 - height).toFixed(2), height: height.toFixed(2) }));
		}
	}
	g.append(svg('line', { class: 'axis', x1: 0, x2: 1000, y1: 100, y2: 100 }));
	return el('figure', '', el('p', 'scale', rate(top) + ', ' + bytes(top * PAGE_BYTES) + '/s'), g,
		el('figcaption', 'scale', el('span', '', '0'), el('span', '', 'area: pages'), el('span', '', seconds(span))));
}

/* What was dirtied in each round and left at the end, so small that it stands in a row of a list. */
export function spark(m) {
	const rows = roundRows(m).slice(-12), top = Math.max(1, ...rows.map(r => r.left || r.pages_dirtied || 0));
	const g = svg('svg', { class: 'spark', viewBox: '0 0 72 20', 'aria-hidden': 'true' });

	rows.forEach((r, i) => {
		const v = r.final ? r.left : r.pages_dirtied, h = is(v) ? Math.max(1, 19 * v / top) : 0;

		g.append(svg('rect', { class: r.final ? 'final' : 'dirtied', x: 6 * i, y: (20 - h).toFixed(1), width: 4.5,
			height: h.toFixed(1), rx: 1 }));
	});
	return g;
}
