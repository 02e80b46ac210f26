/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The four questions, and their answers in one look. */
import { clock, dotted, el, facts, figure, get, is, keyed, panel, plural, route, scroll, show, straight, text,
	word } from './base.js';
import { makeChart } from './charts.js';
import { careful } from './events.js';
import { legend, matrix, pmlAnswer, smapAnswer } from './features.js';
import { HOST, hasFew, loadAll } from './history.js';
import { pastTable } from './migrations.js';
import { comparison, paysAnswer } from './overhead.js';
import { showRunning } from './run.js';
import { EVENT, PML_SOURCE, migrationsAnswer } from './words.js';

const SHORTEST = 900, SPANS = [[7 * 86400, '7 days'], [86400, '24 h'], [SHORTEST, '15 min']];	/* seconds */
const PAST = 6, EVENTS = 6, POINTS = 168;
const FEATURES_EVERY = 5, FEATURES_EVERY_MANY = 30, MANY = 200, HISTORY_EVERY = 60;

/* Asks again after as many seconds as ask tells, or when key changes; null: it is not known yet. */
function seldom(ask) {
	let due = 0, known;

	return async (now, key) => {
		if (now < due && (key === known || known === null)) {
			known = key;
			return;
		}
		const every = await ask();
		due = now + every - 0.5;
		known = key;
	};
}

function card(className, title, answer, ...children) {
	const box = panel('card ' + className, title, answer, ...children);

	box.querySelector('h2').id = 'head-' + className;
	box.setAttribute('aria-labelledby', 'head-' + className);
	return box;
}

const more = (label, ...to) => el('p', 'more', route(el('a', '', label), ...to));

function protections(others) {
	const answer = el('p', 'answer', '\u2026'), m = matrix(), speculation = el('pre');
	const boot = el('details', '', el('summary', '', 'Speculative execution, as Xen reported it at boot'), speculation);

	boot.hidden = true;
	return {
		node: card('smap', 'Is SMAP really on?', answer, scroll('Protections', m.node), legend(), boot, more('All guests', 'guests')),
		refresh: seldom(async () => {
			const report = await get('api/v1/features'), guests = report.domains || [];
			const said = (report.speculation || {}).text;

			text(answer, smapAnswer(report.features || {}, guests));
			m.update(report);
			show(boot, Boolean(said));
			text(speculation, said);
			others(report);
			return guests.length > MANY ? FEATURES_EVERY_MANY : FEATURES_EVERY;
		}),
	};
}

function pml() {
	const answer = el('p', 'answer', '\u2026'), dl = el('dl', 'facts inline');
	const cost = comparison('Nothing was measured yet: migrate a guest, or run xenscope probe on this host.'), of = el('small');
	let logging = null, measured = null;

	function say() {
		if (logging && measured)
			text(answer, pmlAnswer(logging) + paysAnswer(measured, logging.state));
	}
	return {
		report(report) {
			logging = report.pml || {};
			say();
			facts(dl, [['Known from', PML_SOURCE[(report.pml || {}).source]], ['EPT accessed and dirty bits', report.ept_ad],
				['Nested paging', report.hap]]);
		},
		node: card('pml', 'Is PML on, and does it pay?', answer, dl, el('h3', '', 'What dirty tracking cost the guests ', of), cost.node),
		refresh: seldom(async () => {
			const boots = (await get('api/v1/overhead')).boots || [], at = Math.max(0, boots.findIndex(b => b.current));
			const boot = boots[at];

			text(of, boot ? dotted([boot.current ? 'this boot' : 'an earlier boot', 'Xen ' + boot.xen_version, boot.cpu_model]) : '');
			measured = boot ? [boot].concat(boots.filter(b => b !== boot)) : [];
			cost.update(measured);
			say();
			return 3600;
		}),
	};
}

function moved() {
	const answer = el('p', 'answer', '\u2026'), running = el('div', 'running'), past = pastTable();
	const box = scroll('The newest migrations', past.node);
	let ended = [], now = [];

	box.hidden = true;
	return {
		node: card('moved', 'How did every live migration go?', answer, running, box, more('All migrations', 'migrations')),
		refresh: seldom(async () => {
			ended = ((await get('api/v1/migrations?limit=' + 2 * PAST)).migrations || []).filter(m => m.result !== 'running');
			past.update(ended.slice(0, PAST));
			show(box, ended.length > 0);
			text(answer, migrationsAnswer(now, ended));
			return 3600;
		}),
		live(list, at) {
			now = list;
			showRunning(running, list, at);
			text(answer, migrationsAnswer(list, ended));
		},
	};
}

/* The longest time of which there is something, of an agent that has just begun a short one. */
async function longest() {
	for (const [length, label] of SPANS) {
		const charts = await loadAll(HOST, length, null, POINTS);

		if (!hasFew(charts) || length === SHORTEST)
			return [charts, length, label];
	}
}

function eventLine(e) {
	return el('li', e.severity, el('a', ''), el('span', 'said'));
}

function weekAnswer(charts, label, found) {
	const runs = charts.find(c => c.id === 'running').values.filter(is), events = found.events || [];
	const busy = runs.length ? Math.ceil(Math.max(...runs)) : 0;

	return 'In the last ' + label + ': ' + (events.length === 0 ? 'nothing to look at' : (found.truncated ? 'at least ' : '') +
		plural(events.length, 'event') + ' to look at') + (busy > 1 ? ', up to ' + figure(busy) + ' migrations at once' : '') + '.';
}

function week(agent) {
	const answer = el('p', 'answer', '\u2026'), grid = el('div', 'charts small'), list = el('ul', 'lines');

	return {
		node: card('week', 'How was the last week?', answer, grid, list,
			el('p', 'more', route(el('a', '', 'All of history'), 'history'), route(el('a', '', 'All events'), 'events'))),
		refresh: seldom(async () => {
			const [found, [charts, length, label]] = await Promise.all([careful('limit=100'), longest()]);

			found.events = (found.events || []).filter(e => e.time >= agent.now() - length);
			keyed(grid, charts, c => c.id, c => makeChart(c, null, true), (box, c) => box.update(c));
			keyed(list, found.events.slice(0, EVENTS), e => e.seq, eventLine, (li, e) => {
				route(li.firstChild, ...(e.migration ? ['migration', e.migration] : ['events']));
				text(li.firstChild, word(EVENT, e.kind));
				text(li.lastChild, dotted([clock(e.time, true), straight(e.text || '')]));
			});
			text(answer, weekAnswer(charts, label, found));
			return HISTORY_EVERY;
		}),
	};
}

export function overview(key, agent) {
	const logging = pml(), cards = [protections(logging.report), logging, moved(), week(agent)];

	return {
		title: 'Overview',
		node: el('div', 'view overview', el('h1', 'hidden', 'Overview'), ...cards.map(c => c.node)),
		/* What the journal tells is asked for again when a migration has ended. */
		async refresh() {
			const now = performance.now() / 1000;

			await Promise.all([cards[0].refresh(now, ''), cards[1].refresh(now, agent.journal()), cards[2].refresh(now, agent.journal()),
				cards[3].refresh(now, '')]);
		},
		live(list, now) {
			cards[2].live(list, now);
		},
	};
}
