/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of migrations: those under way, and those that ended, by pages of the agent's. */
import { NONE, button, clock, el, get, heading, is, keyed, nameOf, panel, route, scroll, seconds, show, table, text,
	word } from './base.js';
import { spark } from './rounds.js';
import { showRunning } from './run.js';
import { MODE, migrationsAnswer, resultClass, resultOf, took } from './words.js';

const PAGE = 50, EVERY = 60;	/* seconds */
const FILTERS = [['', 'All'], ['completed', 'Completed'], ['failed,aborted,lost', 'Not completed']];
const COLUMNS = [['Guest'], ['Dirtied', 'wide'], ['Ended', 'wide'], ['Result'], ['Tracking', 'wide extra'], ['Rounds', 'num wide'],
	['Took', 'num'], ['Downtime', 'num']];

function row(m) {
	const cells = COLUMNS.slice(1).map(c => el('td', c[1] || ''));

	cells[0].append(spark(m));
	return el('tr', '', heading('row', '', el('a', 'name')), ...cells);
}

function update(tr, m) {
	const c = tr.children;

	text(route(c[0].firstChild, 'migration', m.id), nameOf(m));
	text(c[2], clock(m.ended));
	text(c[3], resultOf(m));
	c[3].className = resultClass(m);
	text(c[4], word(MODE, m.tracking_mode));
	text(c[5], is(m.rounds_begun) ? m.rounds_begun : NONE);
	text(c[6], seconds(took(m)));
	text(c[7], seconds(m.downtime_seconds));
}

/* A table of those that ended; update takes them, the newest first. */
export function pastTable() {
	const t = table('past', 'Migrations and saves that ended', COLUMNS);

	return { node: t, update: list => keyed(t.tBodies[0], list, m => m.id, row, update) };
}

/* Pages of those that ended: the newest is asked for again when there is another one, older ones when somebody wants
 * them. */
export function pastList(agent, query, nothing) {
	const past = pastTable(), box = scroll('Migrations that ended', past.node), none = el('p', 'none', nothing);
	const more = button('quiet', 'Show older ones', () => older().catch(e => text(more, 'Show older ones: ' + e.message)));
	let newest = [], rest = [], cursor = null, begun = false, asked = '', known = '', due = 0;

	const path = () => 'api/v1/migrations?limit=' + PAGE + '&' + asked;
	function draw() {
		const known = new Set(newest.map(m => m.id)), all = newest.concat(rest.filter(m => !known.has(m.id)));

		past.update(all);
		show(box, all.length > 0);
		show(none, all.length === 0);
		show(more, cursor !== null);
		return all;
	}
	async function older() {
		const of = asked, page = await get(path() + '&cursor=' + cursor);

		if (of !== asked)
			return;
		rest = rest.concat(page.migrations || []);
		cursor = page.next === undefined ? null : page.next;
		text(more, 'Show older ones');
		draw();
	}
	none.hidden = more.hidden = true;
	return { nodes: [box, none, more], async refresh(filter) {
		const wanted = [query, filter].filter(Boolean).join('&');

		if (wanted !== asked || !begun) {
			asked = wanted;
			rest = [];
			begun = false;
		}
		const now = performance.now() / 1000, journal = agent.journal();

		if (begun && now < due && (journal === known || known === null)) {
			known = journal;
			return draw();
		}
		const page = await get(path());
		if (wanted !== asked)
			return [];
		known = journal;
		due = now + EVERY;
		newest = (page.migrations || []).filter(m => m.result !== 'running');
		if (!begun)
			cursor = page.next === undefined ? null : page.next;
		begun = true;
		return draw();
	} };
}

/* Buttons of which one is pressed. */
export function choice(name, options, press) {
	const box = el('div', 'spans', ...options.map(([value, label]) => {
		const b = button('', label, () => press(value));

		b.value = value;
		return b;
	}));

	box.setAttribute('role', 'group');
	box.setAttribute('aria-label', name);
	return { node: box, set(value) {
		for (const b of box.children)
			b.setAttribute('aria-pressed', String(b.value === String(value)));
	} };
}

export function migrations(key, agent) {
	const answer = el('p', 'answer', '\u2026'), running = el('div', 'running');
	const past = pastList(agent, '', 'No migration of this kind is in the journal.');
	let filter = '', running_box, now = [];

	const results = choice('Which are listed', FILTERS, value => {
		filter = value;
		results.set(value);
		refresh().catch(agent.failed);
	});
	async function refresh() {
		const list = await past.refresh(filter ? 'result=' + filter : '');

		if (!filter)
			text(answer, migrationsAnswer(now, list));
	}
	results.set('');
	running_box = panel('under-way', 'Under way', running);
	running_box.hidden = true;
	return {
		title: 'Migrations',
		node: el('div', 'view', el('h1', '', 'Migrations'), answer, running_box,
			panel('ended', 'Ended', results.node, ...past.nodes)),
		refresh,
		live(list, at) {
			now = list;
			show(running_box, list.length > 0);
			showRunning(running, list, at);
			if (list.length)
				text(answer, migrationsAnswer(list, []));
		},
	};
}
