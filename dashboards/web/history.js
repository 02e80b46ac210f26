/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the last hours were: small charts of what the RRDs hold. */
import { byId, bytes, clock, el, figure, get, is, keyed, nameOf, plural, rate, svg, text } from './base.js';

const SPANS = [[900, '15 min'], [3600, '1 h'], [6 * 3600, '6 h'], [86400, '24 h'], [7 * 86400, '7 days']];
const SHORTEST = 900, USUAL = 6 * 3600; /* seconds */
const FEW = 3; /* points: no curve yet */
const MAX_DIRTY_CHARTS = 4;
const POINTS = 240;
const REFRESH_MIN = 10, REFRESH_MAX = 60; /* seconds */

let span = USUAL, chosen = false;

/* Gaps stay gaps. A count keeps its value until the next; a lonely point is a short line. */
function plot(values, top, stepped, closed) {
	const x = i => (1000 * i / Math.max(1, values.length - 1)).toFixed(1), y = v => (98 - 94 * v / top).toFixed(2);
	let d = '', from = -1;

	for (let i = 0; i <= values.length; i++) {
		if (is(values[i])) {
			if (from < 0) {
				from = i;
				d += closed ? 'M' + x(i) + ',98V' + y(values[i]) : 'M' + x(i) + ',' + y(values[i]);
			} else
				d += stepped ? 'H' + x(i) + 'V' + y(values[i]) : 'L' + x(i) + ',' + y(values[i]);
		} else if (from >= 0) {
			d += (from === i - 1 ? 'h2' : '') + (closed ? 'V98Z' : '');
			from = -1;
		}
	}
	return d;
}

function makeChart(c) {
	const now = el('span', 'now'), cross = svg('line', { class: 'cross', y1: 0, y2: 98, visibility: 'hidden',
		'vector-effect': 'non-scaling-stroke' });
	const g = svg('svg', { viewBox: '0 0 1000 100', preserveAspectRatio: 'none', role: 'img' },
		svg('line', { class: 'axis', x1: 0, x2: 1000, y1: 98, y2: 98, 'vector-effect': 'non-scaling-stroke' }),
		svg('path', { class: 'area' }), svg('path', { class: 'curve' }), cross);
	const box = el('article', 'chart' + (c.dirty ? ' dirty' : ''), el('h3', '', el('span', 'name'), now), g,
		el('p', 'scale', el('span'), el('span', '', 'now')));

	g.addEventListener('pointermove', e => {
		const { values, start, step, unit } = box.chart, r = g.getBoundingClientRect(), n = values.length - 1;
		const i = Math.max(0, Math.min(n, Math.round((e.clientX - r.left) / r.width * n)));

		if (n < 1)
			return;
		cross.setAttribute('x1', 1000 * i / n);
		cross.setAttribute('x2', 1000 * i / n);
		cross.setAttribute('visibility', 'visible');
		text(now, (is(values[i]) ? unit(values[i]) : 'unknown') + ' at ' + clock(start + (i + 1) * step, true));
	});
	g.addEventListener('pointerleave', () => {
		cross.setAttribute('visibility', 'hidden');
		text(now, box.chart.said);
	});
	return box;
}

function updateChart(box, c) {
	const known = c.values.filter(is), high = Math.max(...known), g = box.querySelector('svg');
	const top = Math.max(high, c.least || 0) || 1, name = box.querySelector('.name');

	c.said = known.length === 0 ? 'nothing stored' :
		c.dirty ? 'up to ' + c.unit(high) : c.unit(known[known.length - 1]);
	box.chart = c;
	text(name, c.title);
	name.title = c.title;
	if (box.querySelector('.cross').getAttribute('visibility') === 'hidden')
		text(box.querySelector('.now'), c.said);
	g.setAttribute('aria-label', c.title + ': ' + (known.length === 0 ? c.said :
		'lowest ' + c.unit(Math.min(...known)) + ', highest ' + c.unit(high)));
	g.querySelector('.area').setAttribute('d', plot(c.values, top, c.stepped, true));
	g.querySelector('.curve').setAttribute('d', plot(c.values, top, c.stepped, false));
	text(box.lastChild.firstChild, clock(c.start, true));
}

function wantedCharts(migrations) {
	const tracked = new Map();

	for (const m of migrations)
		if (m.uuid && m.rounds_begun > 0 && tracked.size < MAX_DIRTY_CHARTS)
			tracked.set(m.uuid, nameOf(m));
	return Array.from(tracked, ([uuid, name]) => ({ id: uuid, uuid, title: 'Dirty rate of ' + name, dirty: true, unit: rate,
		metrics: ['xenscope_tracking_pages_dirtied_total', 'xenscope_tracking_seconds_total'] })).concat([
		{ id: 'domains', title: 'Domains', unit: figure, stepped: true, metrics: ['xenscope_host_domains'] },
		{ id: 'running', title: 'Migrations under way', unit: figure, stepped: true, least: 1,
			metrics: ['xenscope_migrations_running'] },
		{ id: 'free', title: 'Free memory', unit: bytes, metrics: ['xenscope_host_free_bytes'] },
	]);
}

async function stored(c, metric, length) {
	const query = 'metric=' + metric + '&start=-' + length + '&step=' + Math.round(length / POINTS) +
		(c.uuid ? '&uuid=' + encodeURIComponent(c.uuid) : '');

	try {
		return await get('api/v1/history?' + query);
	} catch (e) {
		if (e.status === 404)	/* nothing yet */
			return {};
		throw e;
	}
}

/* What is stored of a counter is its rate: pages a second by tracked seconds a second are pages a tracked second. */
async function load(c, length) {
	const [first, second] = await Promise.all(c.metrics.map(m => stored(c, m, length)));
	const values = first.values || [], by = second && second.values;

	c.step = first.step || 1;
	c.start = is(first.start) ? first.start : Date.now() / 1000 - length;
	c.values = !second ? values : values.map((v, i) => is(v) && by && by[i] > 0 ? v / by[i] : null);
	return c;
}

function answer(charts, migrations) {
	const since = Date.now() / 1000 - span, ended = migrations.filter(m => is(m.ended) && m.ended >= since);
	const bad = ended.filter(m => m.result !== 'completed').length;
	const peak = Math.max(0, ...charts.filter(c => c.dirty).map(c => Math.max(0, ...c.values.filter(is))));

	return 'In the last ' + SPANS.find(s => s[0] === span)[1] + ': ' + (ended.length === 0 ? 'no migration' :
		plural(ended.length, 'migration or save', 'migrations and saves') + ', ' +
		(bad ? group(bad, ended.length) : ended.length === 1 ? 'completed' : 'all completed')) +
		(peak > 0 ? '; the highest dirty rate was ' + rate(peak) : '') + '.';
}

const group = (bad, of) => of === 1 ? 'which did not complete' : bad + ' of them did not complete';

let latest = [];

const loadAll = length => Promise.all(wantedCharts(latest).map(c => load(c, length)));

function press() {
	for (const b of byId('spans').children)
		b.setAttribute('aria-pressed', String(Number(b.value) === span));
}

/* Of an agent that has just begun the last minutes are shown, until somebody chooses. Returns in how many seconds
 * this is old. */
export async function showHistory(migrations) {
	const before = span;

	latest = migrations;
	let length = chosen ? span : USUAL, charts = await loadAll(length);
	if (!chosen && charts.every(c => c.values.filter(is).length < FEW)) {
		length = SHORTEST;
		charts = await loadAll(length);
	}
	if (span !== before)	/* another was chosen meanwhile */
		return REFRESH_MIN;
	span = length;
	press();
	keyed(byId('charts'), charts, c => c.id, makeChart, updateChart);
	text(byId('history-answer'), answer(charts, migrations));
	return Math.max(REFRESH_MIN, Math.min(REFRESH_MAX, span / 60));
}

/* failed takes the Error of a load that a click began. */
export function makeSpans(failed) {
	const box = byId('spans');

	for (const [value, label] of SPANS) {
		const b = el('button', '', label);

		b.type = 'button';
		b.value = value;
		b.addEventListener('click', () => {
			span = value;
			chosen = true;
			press();
			showHistory(latest).catch(failed);
		});
		box.append(b);
	}
	press();
}
