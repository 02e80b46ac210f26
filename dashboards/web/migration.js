/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One migration: while it runs its rounds as they come, then what it was and what it cost. */
import { NONE, PAGE_BYTES, bytes, clock, dotted, el, facts, figure, get, heading, is, nameOf, pages, panel, percent, route,
	scroll, seconds, table, word } from './base.js';
import { reasons, totals } from './overhead.js';
import { key, picture, roundRows, roundsTable, updateRounds } from './rounds.js';
import { fill, makeRun, tile, updateRun } from './run.js';
import { DIRECTION, DOWNTIME, MODE, MODE_SOURCE, ROUNDS_SOURCE, STOP, resultClass, resultOf, startedText, took } from './words.js';

const STEPS = [['requested', 'asked to suspend'], ['suspended', 'suspended'], ['harvested', 'last harvest'],
	['sent', 'last page sent'], ['done', 'done']];
const CONVERGES = { yes: 'converges', no: 'by the limit of rounds', unknown: 'unknown' };

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

function rowsOf(m) {
	return [
		['Guest', dotted([nameOf(m), m.uuid, is(m.domid) ? 'domain ' + m.domid : ''])],
		['Began, ended', clock(m.started) + ', ' + clock(m.ended)],
		['Result', word({}, m.result) + (m.reason ? ': ' + m.reason : '')],
		['Source', m.source === 'replay' ? 'replay: played from a recorded capture' : ''],
		['Memory', is(m.memory_pages) ? bytes(m.memory_pages * PAGE_BYTES) + ', ' + pages(m.memory_pages) + ' pages' : ''],
		['Downtime', is(m.downtime_seconds) ? word(DOWNTIME, m.downtime_source) : 'not seen'],
		['Final phase', stepsText(m.final)],
		['Runs here since', releasedText(m)],
		['Checkpoints', is(m.checkpoints) ? String(m.checkpoints) : ''],
		['Pre-copy ended by', STOP[m.stop_reason]],
		['Tracking', [word(MODE, m.tracking_mode), MODE_SOURCE[m.mode_source], m.mode_note].filter(Boolean).join(', ')],
		['Tracking left on', m.tracking_left_on ? 'it was not seen to be turned off: xenscope untrack, or the next migration or save, ' +
			'ends it' : '', 'why'],
		['Rounds seen by', ROUNDS_SOURCE[m.rounds_source]],
		['Rounds unseen', m.rounds_unseen > 0 ? String(m.rounds_unseen) :
			m.rounds_begun > 0 && !is(m.rounds_unseen) ? 'nobody can tell how many' : ''],
		['Host', dotted([m.xen_version ? 'Xen ' + m.xen_version : '', m.cpu_model])],
	];
}

function tiles(m) {
	const rows = [['Took', seconds(took(m)), word(DIRECTION, m.direction)], ['Downtime', seconds(m.downtime_seconds), ''],
		['Rounds', is(m.rounds_begun) ? String(m.rounds_begun) : NONE, STOP[m.stop_reason] ? 'ended by ' + STOP[m.stop_reason] : ''],
		['Sent', is(m.bytes_sent) ? bytes(m.bytes_sent) : is(m.pages_sent) ? bytes(m.pages_sent * PAGE_BYTES) : NONE, sentInAll(m)],
		['Guest\u2019s CPU time', percent((m.overhead || {}).overhead_ratio), 'that tracking took']];

	return el('dl', 'tiles', ...rows.map(([label, said, beside]) => {
		const t = tile(label);

		fill(t, said, beside);
		return t;
	}));
}

/* What was expected after each round, and what came of it. */
function forecasts(m) {
	const list = m.forecast || [], t = table('forecasts', 'Forecasts', [['After round'], ['Expected'], ['Rounds', 'num'],
		['In all', 'num'], ['Downtime', 'num']]);

	if (list.length === 0)
		return null;
	const row = (name, ...said) => el('tr', '', heading('row', '', name), ...said.map((s, i) => el('td', i ? 'num' : '', s)));
	for (const f of list)
		t.tBodies[0].append(row(is(f.after_round) ? figure(f.after_round) : NONE, word(CONVERGES, f.converges),
			is(f.rounds) ? figure(f.rounds) : NONE, seconds(f.total_seconds), seconds(f.downtime_seconds)));
	if (m.result !== 'running') {
		t.tBodies[0].append(row('It came', word(STOP, m.stop_reason), is(m.rounds_begun) ? String(m.rounds_begun) : NONE,
			seconds(took(m)), seconds(m.downtime_seconds)));
		t.tBodies[0].lastChild.className = 'sum';
	}
	return t;
}

function errorText(m) {
	const e = m.forecast_error;

	return e && is(e.total_ratio) ? 'The forecast after round ' + e.after_round + ' missed the time in all by ' +
		percent(Math.abs(e.total_ratio)) + (is(e.downtime_ratio) ? ', the downtime by ' + percent(Math.abs(e.downtime_ratio)) : '') +
		(is(e.rounds) && e.rounds !== 0 ? ', the rounds by ' + figure(Math.abs(e.rounds)) : '') + '.' : '';
}

function roundsPanel(m) {
	if (roundRows(m).length === 0)
		return panel('rounds', 'Rounds', el('p', 'none', 'No round of it was seen.'));
	const t = roundsTable(), drawn = picture(m);

	updateRounds(t, m);
	return panel('rounds', 'Rounds', key(), ...(drawn ? [drawn] : []), scroll('Rounds', t));
}

function costPanel(m) {
	const t = reasons(m), dl = el('dl', 'facts');

	if (!t)
		return panel('cost', 'What tracking cost', el('p', 'none', m.rounds_begun > 0 ? 'Xen\u2019s trace was not read, so that nothing ' +
			'was measured: events say whether somebody else held it.' : 'Nothing was tracked.'));
	facts(dl, totals(m));
	return panel('cost', 'What tracking cost', scroll('Exits by their reasons', t), dl);
}

function forecastPanel(m) {
	const t = forecasts(m), said = errorText(m);

	return t ? [panel('forecast', 'Expected, and what came', scroll('Forecasts', t), ...(said ? [el('p', 'note', said)] : []))] : [];
}

function ended(m) {
	const guest = el('a', 'name', nameOf(m)), badge = el('span', 'badge ' + resultClass(m), resultOf(m)), dl = el('dl', 'facts');

	facts(dl, rowsOf(m));
	return [el('header', 'subject', el('h1', '', m.uuid ? route(guest, 'guest', m.uuid) : el('span', 'name', nameOf(m))), badge),
		el('p', 'state', startedText(m)), tiles(m), roundsPanel(m),
		el('div', 'columns', costPanel(m), ...forecastPanel(m)), panel('record', 'The record', dl)];
}

export function migration(id, agent) {
	const node = el('div', 'view', el('h1', '', 'Migration'), el('p', 'answer', '\u2026'));
	let run = null, shown = false;

	const view = {
		title: 'Migration',
		node,
		/* A record that has ended does not change any more. */
		async refresh() {
			if (shown)
				return;
			const m = (await get('api/v1/migrations/' + encodeURIComponent(id))).migration || {};

			view.title = 'Migration of ' + nameOf(m);
			if (m.result === 'running')
				return view.draw(m, agent.now());
			shown = true;
			node.replaceChildren(...ended(m));
		},
		draw(m, now) {
			if (!run) {
				run = makeRun('h1');
				node.replaceChildren(run, el('div', 'drawn'));
			}
			updateRun(run, m, now);
			const drawn = picture(m);
			node.lastChild.replaceChildren(...(drawn ? [drawn] : []));
		},
		live(list, now) {
			const m = list.find(r => r.id === id);

			if (m && !shown)
				view.draw(m, now);
			else if (run && !shown)
				return view.refresh();
		},
	};
	return view;
}
