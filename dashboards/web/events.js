/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What should not be. That a migration began and completed is among the migrations. */
import { byId, clock, el, get, heading, keyed, show, straight, text } from './base.js';

const FIRST_EVENTS = 8;

export async function showEvents() {
	const events = ((await get('api/v1/events')).events || []).filter(e => e.severity !== 'info').slice(0, FIRST_EVENTS);

	show(byId('events-head'), events.length > 0);
	keyed(byId('events'), events, e => e.seq, () => el('tr', '', heading('row'), el('td')), (tr, e) => {
		text(tr.children[0], clock(e.time));
		text(tr.children[1], straight(e.text || e.kind));
		tr.className = e.severity;
	});
}
