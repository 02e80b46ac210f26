/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the agent told on its own. */
import { clock, dotted, el, get, heading, keyed, panel, plural, route, scroll, show, straight, table, text, word } from './base.js';
import { choice } from './migrations.js';
import { EVENT, SEVERITY } from './words.js';

const MOST = 500, EVERY = 30;	/* seconds */
const CARE = Object.keys(EVENT).filter(k => !['migration_started', 'migration_completed'].includes(k));
const FILTERS = [['care', 'To look at'], ['protections', 'Protections'], ['migrations', 'Migrations'], ['all', 'All']];
const KINDS = { care: CARE, protections: ['feature_changed', 'supervisor_violation', 'pml_fallback'],
	migrations: CARE.filter(k => k.startsWith('migration')).concat('migration_started', 'migration_completed', 'tracking_left_on'),
	all: [] };

const pathOf = (kinds, more) => 'api/v1/events?' + (kinds.length ? 'kind=' + kinds.join() + '&' : '') + more;
export const careful = more => get(pathOf(CARE, more));

function row() {
	return el('tr', '', heading('row', ''), el('td', '', el('span', 'badge')), el('td', 'said', el('span'), el('small')));
}

function update(tr, e) {
	const [time, kind, said] = tr.children, links = said.lastChild;

	text(time, clock(e.time));
	text(kind.firstChild, word(EVENT, e.kind));
	kind.firstChild.className = 'badge ' + (SEVERITY[e.severity] ? e.severity : '');
	text(said.firstChild, straight(e.text || e.kind));
	if (!links.firstChild) {
		if (e.migration)
			links.append(route(el('a', '', 'the migration'), 'migration', e.migration));
		if (e.uuid)
			links.append(route(el('a', '', 'the guest'), 'guest', e.uuid));
		links.append(el('span', '', dotted([word(SEVERITY, e.severity), e.message_id])));
	}
}

/* A table of events; update takes them, the newest first. */
export function eventTable() {
	const t = table('events', 'Events, the newest first', [['Time'], ['What'], ['Said']]);

	return { node: t, update: list => keyed(t.tBodies[0], list, e => e.seq, row, update) };
}

export function events(key, agent) {
	const answer = el('p', 'answer', '\u2026'), list = eventTable(), box = scroll('Events', list.node);
	const none = el('p', 'none', 'Nothing of this kind has happened.');
	let filter = 'care', shown = '', due = 0;

	const kinds = choice('Which are listed', FILTERS, value => {
		filter = value;
		kinds.set(value);
		refresh().catch(agent.failed);
	});
	async function refresh() {
		const of = filter, now = performance.now() / 1000;

		if (of === shown && now < due)
			return;
		const found = await get(pathOf(KINDS[of], 'limit=' + MOST)), all = found.events || [];

		if (of !== filter)
			return;
		shown = of;
		due = now + EVERY;
		list.update(all);
		show(box, all.length > 0);
		show(none, all.length === 0);
		text(answer, all.length === 0 ? 'Nothing.' : (found.truncated ? 'The newest ' : '') + plural(all.length, 'event') +
			(of === 'care' ? ' to look at' : '') + '; the last one at ' + clock(all[0].time) + '.');
	}
	kinds.set(filter);
	box.hidden = none.hidden = true;
	return { title: 'Events', node: el('div', 'view', el('h1', '', 'Events'), answer, panel('listed', 'What happened', kinds.node, box, none)),
		refresh };
}
