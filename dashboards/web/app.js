/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks the agent again and again, and shows the first two of the four answers. */
import { byId, bytes, clock, dotted, el, facts, get, group, heading, is, keyed, listed, nameOf, plural, seconds, show, text,
	word } from './base.js';
import { showEvents } from './events.js';
import { makeSpans, showHistory } from './history.js';
import { MODE, showMigrations } from './migrations.js';
import { showOverhead } from './overhead.js';

const POLL = 5, POLL_RUNNING = 1, MAX_PAUSE = 60;	/* seconds */
const STALE = 30;							/* seconds */
const FIRST_GUESTS = 12;
const SHORT = { smap: 'SMAP', smep: 'SMEP', umip: 'UMIP', pku: 'PKU', cet_ss: 'CET-SS', cet_ibt: 'CET-IBT' };
const GUARDS = ['smap', 'smep'];
const COLUMNS = ['cpu', 'host', 'xen', 'hvm', 'pv'];
const BOOT_SOURCE = { console_ring: 'Xen\u2019s console ring', console_log: 'the saved console log',
	command_line: 'Xen\u2019s command line', cpu: 'the CPU\u2019s features' };

const state = { migrations: [], guests: [], features: [], received: 0, ahead: 0 };

/* --- 1: protections --- */

function sign(td, kind, said) {
	if (!td.firstChild)
		td.append(el('i', 'sign'), el('span', 'word'));
	if (td.className !== kind) {
		td.className = kind;
		td.firstChild.className = 'sign ' + kind;
	}
	text(td.lastChild, said);
	td.title = said;
}

function featureRow(name, f) {
	const th = heading('row', '', el('span', 'short', SHORT[name] || name), el('span', 'long', f.title || ''), el('small'));

	return el('tr', '', th, ...COLUMNS.map(() => el('td')));
}

/* In Xen's own column a missing SMAP or SMEP is what this page is about. */
function updateFeature(tr, name, f) {
	const guard = GUARDS.includes(name), reason = tr.firstChild.lastChild;

	text(reason, f.reason || (f.confidence === 'assumed' ? 'assumed: Xen\u2019s command line could not be read' : ''));
	reason.className = guard && f.xen !== 'yes' ? 'why' : '';
	COLUMNS.forEach((c, i) => {
		const value = ['yes', 'no'].includes(f[c]) ? f[c] : 'unknown';

		sign(tr.children[i + 1], guard && c === 'xen' && value === 'no' ? 'off' : value, value);
	});
}

function guestsAnswer(guests) {
	const active = d => ((d.features || {}).smap || {}).active;
	const known = guests.filter(d => d.domid !== 0 && ['yes', 'no'].includes(active(d)));
	const using = known.filter(d => active(d) === 'yes').length;

	if (known.length === 0)
		return '';
	if (known.length === 1)
		return using ? ' The guest looked at uses it too.' : ' The guest looked at does not use it.';
	return ' ' + (using === known.length ? 'All ' + group(using) : group(using) + ' of ' + group(known.length)) +
		' guests looked at use SMAP themselves.';
}

function smapAnswer(features, guests) {
	const of = v => GUARDS.filter(n => (features[n] || {}).xen === v), name = names => listed(names.map(n => SHORT[n]));
	const on = of('yes'), off = of('no');
	const reason = (features[off[0] || GUARDS.find(n => !on.includes(n))] || {}).reason, why = reason ? ': ' + reason : '';

	if (off.length)
		return (on.length ? 'Not wholly. Xen runs with ' + name(on) + ', but without ' : 'No. Xen runs without ') + name(off) +
			why + '.' + guestsAnswer(guests);
	if (on.length === GUARDS.length)
		return 'Yes. Xen runs with SMAP and SMEP.' + guestsAnswer(guests);
	return (on.length ? 'Xen runs with ' + name(on) + '; the other is unknown' : 'Unknown') + why + '.';
}

function showFeatures(report, guests) {
	const features = report.features || {}, speculation = report.speculation || {};

	text(byId('smap-answer'), smapAnswer(features, guests));
	keyed(byId('features'), Object.keys(features), n => n, n => featureRow(n, features[n] || {}),
		(tr, n) => updateFeature(tr, n, features[n] || {}));
	show(byId('speculation'), Boolean(speculation.text));
	text(byId('speculation-text'), speculation.text || '');
}

/* exposed: in the guest's CPUID policy; active: set in its CR4 */
function guestSign(td, f) {
	const { exposed, active } = f || {};

	if (active === 'yes')
		sign(td, 'yes', 'in use');
	else if (exposed === 'yes')
		sign(td, 'half', active === 'no' ? 'offered' : 'offered\u00a0?');
	else
		sign(td, exposed === 'no' ? 'no' : 'unknown', exposed === 'no' ? 'no' : 'unknown');
}

/* On a phone the row is a grid, which would no longer be a row to a screen reader without these roles. */
function guestRow(n) {
	const th = heading('row', '', el('span', 'name'), el('small')), cells = Array.from({ length: n }, () => el('td'));
	const tr = el('tr', '', th, ...cells);

	tr.setAttribute('role', 'row');
	th.setAttribute('role', 'rowheader');
	for (const td of cells)
		td.setAttribute('role', 'cell');
	return tr;
}

let allGuests = false;

function showGuests(guests, features) {
	keyed(byId('guest-head'), features, n => n, n => {
		const th = heading('col', '', SHORT[n] || n);

		th.setAttribute('role', 'columnheader');
		return th;
	}, () => undefined);
	text(byId('guest-count'), guests.length ? plural(guests.length, 'domain') : '');
	keyed(byId('guests'), allGuests ? guests : guests.slice(0, FIRST_GUESTS), d => d.uuid + ' ' + d.domid,
		() => guestRow(features.length),
		(tr, d) => {
			const memory = (d.metrics || {}).xenscope_domain_memory_bytes;

			text(tr.firstChild.firstChild, nameOf(d));
			text(tr.firstChild.lastChild, dotted([word({}, d.kind).toUpperCase(), is(d.domid) ? 'domain ' + d.domid : '',
				d.state, is(memory) ? bytes(memory) : '']));
			features.forEach((n, i) => guestSign(tr.children[i + 1], (d.features || {})[n]));
		});
	show(byId('guests-none'), guests.length === 0);
	show(byId('guests-more'), guests.length > FIRST_GUESTS);
	text(byId('guests-more'), allGuests ? 'Show fewer' : 'Show all ' + group(guests.length));
}

/* --- 2: PML --- */

function pmlAnswer(pml) {
	const why = pml.reason ? ': ' + pml.reason : '';

	switch (pml.state) {
	case 'in_use':
		return 'Yes. Xen uses Page Modification Logging.';
	case 'disabled':
		return 'No, it is disabled' + why + '.';
	case 'unsupported':
		return 'No, this processor has none' + why + '. Dirty pages are found by write protection.';
	default:
		return 'Unknown' + why + '.';
	}
}

function showPml(report, guests, migrations) {
	const pml = report.pml || {}, count = {}, of = d => migrations.filter(m => m.uuid === d.uuid);
	const tracked = guests.filter(d => (d.metrics || {}).xenscope_domain_tracked === 1);
	const left = tracked.filter(d => of(d).some(m => m.tracking_left_on) && !of(d).some(m => m.result === 'running'));

	for (const m of migrations)
		if (m.rounds_begun > 0)
			count[m.tracking_mode] = (count[m.tracking_mode] || 0) + 1;
	text(byId('pml-answer'), pmlAnswer(pml));
	facts(byId('pml-facts'), [
		['Known from', BOOT_SOURCE[pml.source]],
		['EPT accessed and dirty bits', report.ept_ad],
		['Hardware assisted paging', report.hap],
		['Tracked now', tracked.map(nameOf).join(', ') || (guests.length ? 'no guest' : '')],
		['Tracking left on', left.length ? left.map(nameOf).join(', ') + ': its sender ended without turning it off, and the ' +
			'guest pays for it until its next migration or save' : '', 'why'],
		['Modes seen', Object.keys(count).map(k => word(MODE, k) + ' in ' + plural(count[k], 'migration')).join(', ')],
	]);
}

/* --- the agent --- */

function status(kind, said, alert) {
	byId('status').dataset.state = kind;
	text(byId('status-text'), said);
	show(byId('alert'), Boolean(alert));
	text(byId('alert'), alert);
	document.body.classList.toggle('stale', kind === 'stale' || kind === 'error');
}

function showSource(host) {
	const replay = host.source === 'replay';

	show(byId('replay'), replay);
	document.title = (replay ? 'Replay: ' : '') + 'xenscope';
	if (host.age_seconds > STALE)
		status('stale', 'stale', 'These figures are ' + seconds(host.age_seconds) + ' old: the agent answers, but has ' +
			'collected nothing since. On the host, journalctl -u xenscoped says why.');
	else
		status(replay ? 'replay' : 'live', (replay ? 'replay, ' : 'live, ') + clock(host.time), '');
}

function showHost(host) {
	const m = host.metrics || {}, broken = (host.collectors || []).filter(c => c.error);

	text(byId('host'), dotted([host.xen_version ? 'Xen ' + host.xen_version : '', host.cpu_model,
		is(m.xenscope_host_cpus) ? plural(m.xenscope_host_cpus, 'CPU') : '',
		is(m.xenscope_host_memory_bytes) ? bytes(m.xenscope_host_memory_bytes) : '']));
	text(byId('notes'), (host.notes || []).concat(broken.map(c => 'Collector ' + c.name + ': ' + c.error)).join('\n'));
}

function failed(e) {
	status('error', 'no answer', 'The agent ' + (e.status ? 'answers: ' : 'does not answer: ') + e.message + '. ' +
		(state.received ? 'Shown is what it said at ' + clock(state.received) + '. ' : '') + 'Asking again.');
}

const agentNow = () => Date.now() / 1000 + state.ahead;

async function poll() {
	const [host, report, domains, journal] = await Promise.all(['host', 'features', 'domains', 'migrations']
		.map(p => get('api/v1/' + p)));

	state.received = Date.now() / 1000;
	if (is(host.time) && is(host.age_seconds))
		state.ahead = host.time + host.age_seconds - state.received;
	state.migrations = journal.migrations || [];
	state.guests = domains.domains || report.domains || [];
	state.features = Object.keys(report.features || {});
	showSource(host);
	showHost(host);
	showFeatures(report, state.guests);
	showGuests(state.guests, state.features);
	showPml(report, state.guests, state.migrations);
	showMigrations(state.migrations, agentNow());
	await Promise.all([showOverhead(state.migrations), showEvents()]);
	byId('main').setAttribute('aria-busy', 'false');
}

async function pollRunning() {
	state.migrations = (await get('api/v1/migrations')).migrations || [];
	showMigrations(state.migrations, agentNow());
}

async function run() {
	let next = 0, nextHistory = 0, failures = 0;

	for (;;) {
		const now = performance.now() / 1000, looked_at = !document.hidden || !state.received;

		try {
			if (looked_at && now >= next) {
				await poll();
				next = now + POLL - 0.1;
				if (now >= nextHistory) {
					nextHistory = now + await showHistory(state.migrations);
				}
				failures = 0;
			} else if (looked_at && !failures && state.migrations.some(m => m.result === 'running'))
				await pollRunning();
		} catch (e) {
			failed(e);
			next = now + Math.min(MAX_PAUSE, POLL * Math.pow(2, failures++)) - 0.1;
		}
		await new Promise(done => setTimeout(done, POLL_RUNNING * 1000));
	}
}

byId('guests-more').addEventListener('click', () => {
	allGuests = !allGuests;
	showGuests(state.guests, state.features);
});
makeSpans(failed);
run();
