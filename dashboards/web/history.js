/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the RRDs hold, over a time that is chosen by buttons, or drawn in a chart. */
import { bytes, button, clock, el, figure, get, is, keyed, nameOf, panel, percent, rate, seconds, show, table, text } from './base.js';
import { charts, makeChart } from './charts.js';
import { choice } from './migrations.js';

const SPANS = [[900, '15 min'], [3600, '1 h'], [6 * 3600, '6 h'], [86400, '24 h'], [7 * 86400, '7 days'], [30 * 86400, '30 days'],
	[365 * 86400, '1 year']];
const SHORTEST = 900, USUAL = 6 * 3600;		/* seconds */
const LEAST = 60, MOST = 5 * 365 * 86400;	/* that can be zoomed to */
const FEW = 3;					/* points: no curve yet */
const POINTS = 300, TABLE_ROWS = 24;
const REFRESH_MIN = 10, REFRESH_MAX = 60;
const MAX_DIRTY = 4;				/* charts of guests */

/* librrd fits what it is told to its own steps, so that a count may be broken. */
const count = v => figure(Math.round(v));
/* What is stored of a counter is its rate: pages a second by tracked seconds a second are pages a tracked second. */
const perTracked = (a, b) => b > 0 ? a / b : null;

const dirtyChart = (uuid, title) => ({ id: 'dirty' + uuid, uuid, title, dirty: true, unit: rate, combine: perTracked,
	metrics: ['xenscope_tracking_pages_dirtied_total', 'xenscope_tracking_seconds_total'] });

export const HOST = [
	{ id: 'domains', title: 'Domains', unit: count, stepped: true, whole: true, cf: 'MAX', metrics: ['xenscope_host_domains'] },
	{ id: 'running', title: 'Migrations under way', unit: count, stepped: true, whole: true, cf: 'MAX', least: 1,
		metrics: ['xenscope_migrations_running'] },
	{ id: 'free', title: 'Free memory', unit: bytes, binary: true, metrics: ['xenscope_host_free_bytes'] },
];

export const guestCharts = uuid => [dirtyChart(uuid, 'Dirty rate while tracked'),
	{ id: 'cost', uuid, title: 'Time taken by tracking, of its CPU time', dirty: true, unit: percent, combine: perTracked,
		metrics: ['xenscope_tracking_exit_seconds_total', 'xenscope_tracking_traced_vcpu_seconds_total'] },
	{ id: 'cpu', uuid, title: 'CPU, in vCPUs', unit: figure, metrics: ['xenscope_domain_cpu_seconds_total'] },
	{ id: 'memory', uuid, title: 'Memory', unit: bytes, binary: true, metrics: ['xenscope_domain_memory_bytes'] }];

const perSecond = v => bytes(v) + '/s';
export const moreCharts = uuid => [['network_receive_bytes', 'Network, received', perSecond],
	['network_transmit_bytes', 'Network, sent', perSecond], ['block_writes', 'Block writes', v => figure(v) + '\u00a0/s']]
	.map(([id, title, unit]) => ({ id, uuid, title, unit, binary: unit === perSecond, metrics: ['xenscope_domain_' + id + '_total'] }));

/* All of one guest, or of the host, in one question; of what is counted, the most within a step. */
async function load(uuid, cf, list, query) {
	const metrics = Array.from(new Set([].concat(...list.map(c => c.metrics))));
	const of = (uuid ? '&uuid=' + encodeURIComponent(uuid) : '') + (cf ? '&cf=' + cf : '');
	const answer = await get('api/v1/history?metric=' + metrics.join() + of + query).catch(e => {
		if (e.status === 404)	/* nothing yet */
			return {};
		throw e;
	});
	const columns = answer.columns || [], values = name => (columns.find(c => c.metric === name) || {}).values;

	return list.map(c => {
		const [first, second] = c.metrics.map(values), all = first || [];

		return Object.assign({}, c, { step: answer.step || 1, start: is(answer.start) ? answer.start : Date.now() / 1000,
			values: c.combine ? all.map((v, i) => is(v) && second ? c.combine(v, second[i]) : null) : all });
	});
}

/* Of length seconds until to, or until now; in the order of the list. */
export async function loadAll(list, length, to, points) {
	const query = (to ? '&start=' + (to - length) + '&end=' + to : '&start=-' + length) + '&points=' + (points || POINTS);
	const parts = new Map(), charts = new Map();

	for (const c of list) {
		const key = c.uuid + ' ' + c.cf;

		parts.set(key, (parts.get(key) || []).concat(c));
	}
	for (const part of await Promise.all(Array.from(parts.values(), of => load(of[0].uuid, of[0].cf, of, query))))
		for (const c of part)
			charts.set(c.id, Object.assign(c, { ends: to }));
	return list.map(c => charts.get(c.id));
}

export const hasFew = list => list.every(c => c.values.filter(is).length < FEW);

/* The charts as numbers, for who does not see them: the newest first. */
function numbers(t, list) {
	const base = list.find(c => c.values.length) || { values: [] }, every = Math.max(1, Math.ceil(base.values.length / TABLE_ROWS));
	const rows = base.values.map((v, i) => i).reverse().filter(i => (base.values.length - 1 - i) % every === 0);

	t.tHead.rows[0].replaceChildren(...['Time'].concat(list.map(c => c.title)).map((title, i) => {
		const th = el('th', i ? 'num' : '', title);

		th.scope = 'col';
		return th;
	}));
	keyed(t.tBodies[0], rows, i => i, () => el('tr'), (tr, i) => {
		const th = el('th', '', clock(base.start + (i + 1) * base.step));

		th.scope = 'row';
		tr.replaceChildren(th, ...list.map(c => el('td', 'num', is(c.values[i]) ? c.unit(c.values[i]) : 'unknown')));
	});
}

/* A range is "", seconds until now, or FROM-TO in seconds since 1970. */
function readRange(s) {
	const [a, b] = String(s || '').split('-').map(Number);

	if (a > 0 && b > a)
		return { length: Math.min(MOST, b - a), to: b };
	return a > 0 ? { length: Math.min(MOST, a), to: null } : { length: USUAL, to: null, usual: true };
}

/* wanted(): the charts; parts: the way to this page, to which the range is added. */
export function timeline(agent, wanted, ...parts) {
	const grid = el('div', 'charts'), said = el('p', 'note'), t = table('numbers', 'The charts as numbers', [['Time']]);
	const details = el('details', '', el('summary', '', 'As numbers'), el('div', 'scroll', t));
	const zoomed = el('p', 'zoomed'), hint = el('p', 'note');
	let range = readRange(''), shown = [], due = 0, drawn = false;

	const go = (...s) => location.hash = '/' + parts.concat(s.map(v => Math.round(v)).join('-')).join('/');
	const end = () => range.to || agent.now();
	const zoom = (from, to) => to - from >= LEAST ? go(from, to) : go((from + to - LEAST) / 2, (from + to + LEAST) / 2);
	const shift = by => go(end() - range.length + by * range.length, end() + by * range.length);
	const spans = choice('Time shown', SPANS, value => go(value));
	const tools = el('div', 'tools', button('tool', '\u2190 Earlier', () => shift(-0.5)), button('tool', 'Later \u2192', () => shift(0.5)),
		button('tool', 'Zoom in', () => zoom(end() - range.length * 0.75, end() - range.length * 0.25)),
		button('tool', 'Zoom out', () => go(end() - range.length * 1.5, Math.min(agent.now(), end() + range.length / 2))));

	tools.setAttribute('role', 'group');
	tools.setAttribute('aria-label', 'Move and zoom');
	details.addEventListener('toggle', () => details.open && numbers(t, shown));
	function draw(list) {
		shown = list;
		grid.setAttribute('aria-busy', 'false');
		spans.set(range.to ? '' : range.length);
		text(zoomed, range.to ? clock(range.to - range.length) + ' to ' + clock(range.to) + ', ' + seconds(range.length) : '');
		keyed(grid, list, c => c.id, c => makeChart(c, zoom), (box, c) => box.update(c));
		text(said, hasFew(list) ? 'Nothing is stored of this time.' : '');
		if (details.open)
			numbers(t, list);
	}
	async function refresh(force) {
		const now = performance.now() / 1000, of = range;

		if (!force && now < due)
			return;
		if (!drawn)
			show(hint, !await charts());
		drawn = true;
		let list = await loadAll(wanted(), of.length, of.to);
		if (of.usual && hasFew(list)) {	/* an agent that has just begun */
			of.length = SHORTEST;
			list = await loadAll(wanted(), of.length, of.to);
		}
		if (of !== range)	/* another was chosen meanwhile */
			return;
		due = now + (of.to ? 1e9 : Math.max(REFRESH_MIN, Math.min(REFRESH_MAX, of.length / 60)));
		draw(list);
	}
	hint.hidden = true;
	text(hint, 'These are small curves. For charts with axes, in which a time can be drawn: install npm and build again, or take a ' +
		'release, which has them.');
	grid.setAttribute('aria-busy', 'true');
	return {
		nodes: [el('div', 'controls', spans.node, tools), zoomed, grid, said, hint, details],
		refresh,
		at(s) {
			range = readRange(s);
			due = 0;
		},
		again() {
			due = 0;
		},
	};
}

/* Guests that were migrated, the newest first. */
async function tracked() {
	const found = new Map();

	for (const m of (await get('api/v1/migrations?limit=20')).migrations || [])
		if (m.uuid && m.rounds_begun > 0 && found.size < MAX_DIRTY && !found.has(m.uuid))
			found.set(m.uuid, dirtyChart(m.uuid, 'Dirty rate of ' + nameOf(m)));
	return Array.from(found.values());
}

export function history(key, agent) {
	let dirty = null;
	const line = timeline(agent, () => HOST.concat(dirty || []), 'history', 'host');

	return {
		title: 'History',
		node: el('div', 'view', el('h1', '', 'History'), panel('stored', 'Host, and the guests migrated last', ...line.nodes)),
		at: line.at,
		async refresh() {
			dirty = dirty || await tracked();
			await line.refresh();
		},
	};
}
