/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A migration that is under way: what it does, what is expected of it, its rounds as they come. */
import { NONE, dotted, el, figure, is, keyed, nameOf, pages, plural, rate, route, scroll, seconds, show, text, word } from './base.js';
import { key, roundsTable, updateRounds } from './rounds.js';
import { DIRECTION, MODE, dirtyRate, last, numberOf, sendRate } from './words.js';

const OUTLOOK = { yes: ['converging', 'good'], no: ['not converging', 'bad'] };

/* A figure that is looked at from afar. */
export function tile(label) {
	return el('div', 'tile', el('dt', '', label), el('dd', '', el('span', 'big'), el('small')));
}

export function fill(t, said, beside) {
	text(t.lastChild.firstChild, said);
	text(t.lastChild.lastChild, beside);
}

const TILES = ['Pass', 'So far', 'Dirtied', 'Sent', 'Expected still', 'Expected downtime'];

function passText(m) {
	const rounds = m.rounds || [];

	if (m.final && (is(m.final.pages) || is(m.final.started)))
		return 'final';
	return rounds.length ? numberOf(last(rounds)) : NONE;
}

function figures(m, now) {
	const rounds = m.rounds || [], done = rounds.filter(r => is(r.pages_dirtied)), sent = rounds.filter(r => is(sendRate(r)));
	const f = last(m.forecast || []) || {}, so_far = is(m.started) ? Math.max(0, now - m.started) : NaN;
	const left = is(f.total_seconds) && is(so_far) ? Math.max(0, f.total_seconds - so_far) : f.remaining_seconds;

	return [
		[passText(m), is(f.rounds) ? 'of ' + plural(f.rounds, 'round') + ' expected' : ''],
		[seconds(so_far), is(f.total_seconds) ? 'of ' + seconds(f.total_seconds) + ' expected' : ''],
		[done.length ? rate(dirtyRate(last(done))) : NONE, done.length ? pages(last(done).pages_dirtied) + ' pages in round ' +
			numberOf(last(done)) : 'after the first round'],
		[sent.length ? rate(sendRate(last(sent))) : NONE, sent.length ? pages(last(sent).pages_sent) + ' pages in round ' +
			numberOf(last(sent)) : 'not seen yet'],
		[is(left) ? seconds(left) : NONE, is(f.after_round) ? 'by the rates of round ' + figure(f.after_round) : 'after the first round'],
		[is(f.downtime_seconds) ? seconds(f.downtime_seconds) : NONE, f.converges === 'no' ? 'by the limit of rounds' :
			f.converges === 'yes' ? 'few pages will be left' : ''],
	];
}

/* heading: h1 on a page of its own, else h2 or h3 with a link to that page */
export function makeRun(level) {
	const name = level === 'h1' ? el('span', 'name') : el('a', 'name'), outlook = el('span', 'outlook');
	const progress = el('progress'), tiles = el('dl', 'tiles', ...TILES.map(tile)), t = roundsTable();
	const box = el('article', 'run', el('header', '', el(level, '', name), outlook), el('p', 'state'), progress, tiles);

	progress.max = 1;
	box.append(el('div', 'rounds-box', key(), scroll('Rounds', t)));
	return box;
}

/* now: the agent's time, seconds since 1970 */
export function updateRun(box, m, now) {
	const name = box.querySelector('.name'), outlook = box.querySelector('.outlook'), progress = box.querySelector('progress');
	const f = last(m.forecast || []) || {}, [said, mood] = OUTLOOK[f.converges] || ['', ''];

	text(name, nameOf(m));
	if (name.tagName === 'A')
		route(name, 'migration', m.id);
	text(outlook, said);
	outlook.className = 'outlook ' + mood;
	text(box.querySelector('.state'), dotted([word(DIRECTION, m.direction), 'by ' + word({}, m.toolstack),
		'tracked by ' + word(MODE, m.tracking_mode)]));
	progress.setAttribute('aria-label', 'Time of ' + nameOf(m) + ' against what is expected');
	if (f.total_seconds > 0)
		progress.value = Math.min(1, Math.max(0, now - m.started) / f.total_seconds);
	else
		progress.removeAttribute('value');
	figures(m, now).forEach((v, i) => fill(box.querySelectorAll('.tile')[i], ...v));
	show(box.querySelector('.rounds-box'), (m.rounds || []).length > 0);
	updateRounds(box.querySelector('table'), m);
}

/* All that run, each in its box; level: of their headings, h3 below a heading h2. */
export const showRunning = (box, list, now, level) => keyed(box, list, m => m.id, () => makeRun(level || 'h3'),
	(b, m) => updateRun(b, m, now));
