/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shows the view that the address names, asks the agent again and again, and says when it does not answer. */
import { byId, bytes, clock, dotted, el, get, is, plural, route, seconds, show, text } from './base.js';
import { events } from './events.js';
import { guest } from './guest.js';
import { guests } from './guests.js';
import { history } from './history.js';
import { migration } from './migration.js';
import { migrations } from './migrations.js';
import { overview } from './overview.js';
import { page } from './words.js';

const POLL = 5, POLL_RUNNING = 1, MAX_PAUSE = 60;	/* seconds */
const HEALTHY_STEPS = 3, HEALTHY_SECONDS = 10;		/* how old a sample may be: agent/serve/host.c */
const LATER = 503;					/* HTTP's status until there is a sample, and of a busy agent */
const MAX_KEPT = 12;					/* views that are not looked at */

/* #/NAME/KEY/MORE. make(key, agent) gives {title, node, refresh()}, and may give at(more) and live(running, now). */
const VIEWS = { overview, guests, guest, migrations, migration, history, events };
const BELOW = { guest: 'guests', migration: 'migrations' }, DEFAULT = { history: 'host' };

const kept = new Map();
let current = null, received = 0, ahead = 0, running = [], ended = 0, hurry = false, wake = () => undefined;

/* journal(): changes when a migration begins or has ended; null: not asked yet. */
const agent = { now: () => Date.now() / 1000 + ahead, failed,
	journal: () => received ? running.map(m => m.id).join() + ' ' + ended : null };

/* --- what the agent says of itself --- */

function status(kind, said, alert) {
	byId('status').dataset.state = kind;
	text(byId('status-text'), said);
	show(byId('alert'), Boolean(alert));
	text(byId('alert'), alert);
	document.body.classList.toggle('stale', kind !== 'live' && kind !== 'replay');
}

function title() {
	document.title = (page.replay ? 'Replay: ' : '') + dotted([current && current.title, 'xenscope']);
}

function showHost(host) {
	const m = host.metrics || {}, broken = (host.collectors || []).filter(c => c.error);

	const replay = host.source === 'replay';

	page.replay = replay;
	show(byId('replay'), replay);
	text(byId('host'), dotted([host.xen_version ? 'Xen ' + host.xen_version : '', host.cpu_model,
		is(m.xenscope_host_cpus) ? plural(m.xenscope_host_cpus, 'CPU') : '',
		is(m.xenscope_host_memory_bytes) ? bytes(m.xenscope_host_memory_bytes) : '']));
	text(byId('notes'), (host.notes || []).concat(broken.map(c => 'Collector ' + c.name + ': ' + c.error)).join('\n'));
	if (host.stale)
		status('stale', 'stale', 'The agent has gone: these are its last figures, ' + seconds(host.age_seconds) +
			' old. On the host, systemctl start xenscoped starts it again.');
	else if (host.age_seconds > HEALTHY_STEPS * host.step + HEALTHY_SECONDS)
		status('stale', 'stale', 'These figures are ' + seconds(host.age_seconds) + ' old: the agent answers, but has ' +
			'collected nothing since. On the host, journalctl -u xenscoped says why.');
	else
		status(replay ? 'replay' : 'live', (replay ? 'replay, ' : 'live, ') + clock(host.time), '');
}

function failed(e) {
	const waits = e.status === LATER, said = !e.status ? 'no answer' : !waits ? 'HTTP ' + e.status : received ? 'waiting' : 'starting';

	status(waits ? 'loading' : 'error', said, 'The agent ' + (e.status ? 'answers: ' : 'does not answer: ') + e.message + '. ' +
		(received ? 'Shown is what it said at ' + clock(received) + '. ' : '') + 'Asking again.');
}

/* --- views --- */

function read() {
	const parts = location.hash.replace(/^#\/?/, '').split('/').map(s => {
		try {
			return decodeURIComponent(s);
		} catch (e) {
			return '';
		}
	});

	if (!Object.prototype.hasOwnProperty.call(VIEWS, parts[0]))
		return ['overview'];
	return [parts[0], parts[1] || DEFAULT[parts[0]], parts[2]];
}

/* The view stays as it was left: what was scrolled to and opened, and its figures until there are newer ones. */
function viewOf(name, key) {
	const id = name + '/' + (key || '');
	let view = kept.get(id);

	if (!view)
		view = Object.assign(VIEWS[name](key || '', agent), { id, name, due: 0, begun: false });
	kept.delete(id);
	kept.set(id, view);
	if (kept.size > MAX_KEPT)
		kept.delete(kept.keys().next().value);
	return view;
}

function navigate() {
	const [name, key, more] = read(), view = viewOf(name, key), first = current === null;

	view.due = 0;
	if (view.at)
		view.at(more);
	if (view !== current) {
		if (current)
			current.scrolled = scrollY;
		current = view;
		byId('main').replaceChildren(view.node);
		byId('main').setAttribute('aria-busy', String(!view.begun));
		for (const a of document.querySelectorAll('nav a'))
			if (a.hash === '#/' + (BELOW[name] || name))
				a.setAttribute('aria-current', BELOW[name] ? 'true' : 'page');
			else
				a.removeAttribute('aria-current');
		if (!first) {
			scrollTo(0, view.scrolled || 0);
			byId('main').focus({ preventScroll: true });
		}
		title();
	}
	hurry = true;
	wake();
}

function missing(view, e) {
	const said = el('p', 'answer', 'There is nothing here: ' + e.message + '.');

	view.node.replaceChildren(el('h1', '', 'Not found'), said, el('p', '', route(el('a', '', 'Overview'), 'overview')));
	view.due = Infinity;
	view.begun = true;
	if (view === current)
		byId('main').setAttribute('aria-busy', 'false');
}

async function refresh(view, now) {
	try {
		view.due = now + POLL - 0.1;
		await view.refresh();
		if (!view.begun)
			performance.mark('first-view');
		view.begun = true;
		if (view === current) {
			byId('main').setAttribute('aria-busy', 'false');
			title();
		}
	} catch (e) {
		view.due = 0;
		if (e.status !== 404 && e.status !== 400)
			throw e;
		missing(view, e);
		kept.delete(view.id);
	}
}

/* --- again and again --- */

async function askHost() {
	const host = await get('api/v1/host');

	received = Date.now() / 1000;
	if (is(host.time) && is(host.age_seconds))
		ahead = host.time + host.age_seconds - received;
	ended = (host.metrics || {}).xenscope_migrations_total;
	showHost(host);
	title();
}

async function askRunning() {
	running = (await get('api/v1/migrations?result=running')).migrations || [];
	if (current.live)
		current.live(running, agent.now());
}

const pause = time => new Promise(done => {
	const timer = setTimeout(done, time);

	wake = () => {
		clearTimeout(timer);
		done();
	};
});

async function run() {
	let next = 0, failures = 0, waiting = 0;

	for (;;) {
		const now = performance.now() / 1000, view = current;

		if (hurry)
			waiting = 0;
		hurry = false;
		if ((!document.hidden || !received) && now >= waiting)
			try {
				const due = now >= next, asked = [];

				if (due)
					asked.push(askHost());
				if (due || running.length)
					asked.push(askRunning());
				if (now >= view.due)
					asked.push(refresh(view, now));
				await Promise.all(asked);
				if (due)
					next = now + POLL - 0.1;
				failures = 0;
			} catch (e) {
				failed(e);
				waiting = now + Math.min(MAX_PAUSE, POLL * Math.pow(2, failures++)) - 0.1;
				view.due = next = 0;
			}
		if (!hurry)
			await pause(POLL_RUNNING * 1000);
	}
}

/* The address belongs to the views. */
document.querySelector('.skip').addEventListener('click', e => {
	e.preventDefault();
	byId('main').focus();
});
addEventListener('hashchange', navigate);
document.addEventListener('visibilitychange', () => wake());
navigate();
run();
