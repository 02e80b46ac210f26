/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One guest: what it dirties, how its migrations went, when to migrate it. */
import { NONE, clock, el, facts, get, heading, is, nameOf, panel, percent, plural, rate, scroll, seconds, show, svg, table,
	text, word } from './base.js';
import { eventTable } from './events.js';
import { SHORT, guestUse, useText } from './features.js';
import { detail } from './guests.js';
import { guestCharts, moreCharts, timeline } from './history.js';
import { pastList } from './migrations.js';
import { comparison } from './overhead.js';
import { showRunning } from './run.js';

const DAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];
const COVARIATE = { cpu: 'its CPU time', network: 'its network', block_writes: 'its writes to disks', none: '' };
const capital = s => s.charAt(0).toUpperCase() + s.slice(1);

/* The 168 hours of a week, darker where more is dirtied. */
function week(rates) {
	const known = rates.filter(is), low = Math.min(...known), high = Math.max(...known);

	if (known.length === 0 || high - low < high / 100)
		return null;
	const g = svg('svg', { class: 'hours', viewBox: '0 0 268 76', role: 'img', 'aria-label': 'Estimated dirty rate by hour of the week, ' +
		'from ' + rate(low) + ' to ' + rate(high) });
	rates.forEach((v, i) => {
		if (is(v))
			g.append(svg('rect', { x: 28 + i % 24 * 10, y: Math.floor(i / 24) * 10 + 1, width: 9, height: 9, rx: 1.5,
				'fill-opacity': (0.12 + 0.88 * (v - low) / (high - low || 1)).toFixed(2) }));
	});
	DAYS.forEach((d, i) => g.append(svg('text', { x: 0, y: 10 * i + 9 }, capital(d.slice(0, 3)))));
	return el('figure', '', g, el('figcaption', 'scale', el('span', '', '0:00 UTC'), el('span', '', rate(low) + ' (faint) to ' +
		rate(high)), el('span', '', '24:00')));
}

function expectations(a) {
	const t = table('expect', 'What a migration would be like', [['A migration would'], ['Now', 'num'], ['At best', 'num']]);
	const of = (name, tell) => ['now', 'best'].map(k => a[k] ? tell(a[k]['estimate_' + name]) : NONE);
	const rows = [['dirty at first', ...of('pages_per_second', rate)], ['converge', ...of('converges', v => word({}, v))],
		['take', ...of('total_seconds', seconds)], ['in', ...of('rounds', v => is(v) ? plural(v, 'round') : NONE)],
		['pause the guest for', ...of('downtime_seconds', seconds)]];

	for (const [name, now, best] of rows)
		t.tBodies[0].append(el('tr', '', heading('row', '', name), el('td', 'num', now), el('td', 'num', best)));
	return t;
}

function adviceAnswer(a) {
	if (a.state !== 'known')
		return 'Not known yet: ' + (a.missing || 'nothing was measured') + '.';
	const h = a.best_hours[0];
	return h ? 'Best ' + capital(h.day) + ' at ' + h.hour + ':00 UTC, next on ' + clock(h.next, true) + '.' :
		'Any hour: none is known to be better than another.';
}

function adviceBody(a) {
	const dl = el('dl', 'facts');

	facts(dl, [['Basis', a.basis ? a.basis : ''],
		['Measured by', is(a.windows) && a.windows ? [a.migrations ? plural(a.migrations, 'migration') : '', a.probes ?
			plural(a.probes, 'probe') : ''].filter(Boolean).join(' and ') : ''],
		['Follows', COVARIATE[a.covariate]],
		['Estimates miss by', is(a.estimate_error_ratio) ? percent(a.estimate_error_ratio) : ''],
		['Missing', a.state === 'known' ? a.missing : ''],
		['Also good', (a.best_hours || []).slice(1, 5).map(h => capital(h.day) + ' ' + h.hour + ':00').join(', ')]]);
	const drawn = week(a.estimate_pages_per_second_by_hour || []);
	return a.state === 'known' ? [scroll('What a migration would be like', expectations(a)), ...(drawn ? [drawn] : []), dl] : [dl];
}

const featureText = d => Object.keys(d.features || {}).map(n => (SHORT[n] || n) + ' ' + useText[guestUse(d.features[n])]).join(', ');

export function guest(uuid, agent) {
	const h1 = el('h1', 'name', 'Guest'), state = el('p', 'state'), answer = el('p', 'answer', '\u2026'), running = el('div', 'running');
	const past = pastList(agent, 'uuid=' + encodeURIComponent(uuid), 'It has not been migrated.'), body = el('div', 'advice');
	const cost = comparison('What tracking it costs was not measured yet: migrate it, or run xenscope probe on this host.');
	const happened = eventTable(), none = el('p', 'none', 'Nothing.'), dl = el('dl', 'facts');
	let here = true, known = '', slow = 0;
	const line = timeline(agent, () => guestCharts(uuid).concat(here && here.xenstat ? moreCharts(uuid) : []), 'guest', uuid);

	const view = { title: 'Guest', at: line.at };
	function showDomain(d, list) {
		const m = (d && d.metrics) || {}, one = d || list[0];

		here = d && { xenstat: is(m.xenscope_domain_block_writes_total) };
		text(h1, nameOf(one));
		view.title = nameOf(one);
		text(state, d ? detail(d) : 'not on this host now');
		facts(dl, [['UUID', uuid], ['Protections', d ? featureText(d) : ''], ['CR4 read', d ? (is(d.cr4_read) ? clock(d.cr4_read) :
			'not yet: at the earliest 30 s after its start') : '']]);
	}
	async function more(list) {
		const of = encodeURIComponent(uuid), [advice, overhead, events] = await Promise.all([
			here ? get('api/v1/domains/' + of + '/advice') : null, get('api/v1/overhead?uuid=' + of), get('api/v1/events?limit=10&uuid=' + of)]);

		text(answer, advice ? adviceAnswer(advice) : 'Nobody can tell while it is not on this host.');
		body.replaceChildren(...(advice ? adviceBody(advice) : []));
		cost.update((overhead.boots || []).map(b => Object.assign({}, b, { modes: (b.vms || []).filter(v => v.uuid === uuid) }))
			.filter(b => b.modes.length));
		happened.update(events.events || []);
		show(none, !(events.events || []).length);
		known = list.map(m => m.id).join();
	}
	view.node = el('div', 'view', h1, state, dl, running, el('div', 'columns', panel('advice-panel', 'When to migrate it', answer, body),
		panel('cost-panel', 'What tracking it cost', cost.node)), panel('its-migrations', 'Its migrations', ...past.nodes),
	panel('its-history', 'Its history', ...line.nodes), panel('its-events', 'Its events', scroll('Events', happened.node), none));
	none.hidden = true;
	view.refresh = async () => {
		const now = performance.now() / 1000;
		const [found, list] = await Promise.all([get('api/v1/domains?uuid=' + encodeURIComponent(uuid)), past.refresh('')]);
		const d = (found.domains || [])[0];

		if (!d && list.length === 0)
			throw Object.assign(new Error('neither this host nor its journal knows a guest with the UUID ' + uuid), { status: 404 });
		showDomain(d, list);
		if (now >= slow || known !== list.map(m => m.id).join()) {
			slow = now + 60;
			line.again();
			await more(list);
		}
		await line.refresh();
	};
	view.live = (list, now) => showRunning(running, list.filter(m => m.uuid === uuid), now, 'h2');
	return view;
}
