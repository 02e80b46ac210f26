/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SMAP and its like: in the CPU, in Xen, in each guest. */
import { el, group, heading, is, keyed, listed, plural, table, text } from './base.js';

export const SHORT = { smap: 'SMAP', smep: 'SMEP', umip: 'UMIP', pku: 'PKU', cet_ss: 'CET-SS', cet_ibt: 'CET-IBT' };
const GUARDS = ['smap', 'smep'];
const COLUMNS = [['cpu', 'CPU'], ['host', 'Host'], ['xen', 'Xen'], ['hvm', 'HVM'], ['pv', 'PV']];
/* What a guest does with a feature, the best first. */
const USES = [['yes', 'in use'], ['half', 'offered, not in use'], ['maybe', 'offered, use unknown'], ['no', 'not offered'],
	['unknown', 'unknown']];

function sign(td, kind, said) {
	if (!td.firstChild)
		td.append(el('i', 'sign'), el('span', 'word'));
	td.className = kind;
	td.firstChild.className = 'sign ' + kind;
	td.firstChild.setAttribute('aria-hidden', 'true');
	text(td.lastChild, said);
}

/* exposed: in the guest's CPUID policy; active: set in its CR4 */
export function guestUse(f) {
	const { exposed, active } = f || {};

	if (active === 'yes')
		return 'yes';
	if (exposed === 'yes')
		return active === 'no' ? 'half' : 'maybe';
	return exposed === 'no' ? 'no' : 'unknown';
}

export const useText = { yes: 'yes', half: 'offered', maybe: 'offered\u00a0?', no: 'no', unknown: 'unknown' };
const SIGN = { yes: 'yes', half: 'half', maybe: 'maybe', no: 'no', unknown: 'unknown' };
export const guestSign = (td, f) => sign(td, SIGN[guestUse(f)], useText[guestUse(f)]);

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

export function smapAnswer(features, guests) {
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

export function pmlAnswer(pml) {
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

function row(name, f) {
	const th = heading('row', '', el('span', 'short', SHORT[name] || name), el('span', 'long', f.title || ''), el('small'));
	const share = el('td', 'share', el('span', 'tally', el('span', 'shares', ...USES.map(u => el('i', u[0]))), el('small')),
		el('span', 'hidden'));

	share.firstChild.setAttribute('aria-hidden', 'true');
	return el('tr', '', th, ...COLUMNS.map(() => el('td')), share);
}

function updateShare(td, guests, name) {
	const count = {}, shares = td.firstChild.firstChild;

	for (const d of guests) {
		const use = guestUse((d.features || {})[name]);

		count[use] = (count[use] || 0) + 1;
	}
	const asked = guests.length - (count.maybe || 0) - (count.unknown || 0);
	USES.forEach((u, i) => {
		shares.children[i].style.flexGrow = count[u[0]] || 0;
		shares.children[i].hidden = !count[u[0]];
	});
	text(td.firstChild.lastChild, !guests.length ? 'none' : asked ? group(count.yes || 0) + ' of ' + group(asked) : 'unknown');
	text(td.lastChild, USES.filter(u => count[u[0]]).map(u => group(count[u[0]]) + ' ' + u[1]).join(', ') || 'no guest');
}

/* In Xen's own column a missing SMAP or SMEP is what this page is about. */
function update(tr, name, f, guests) {
	const guard = GUARDS.includes(name), reason = tr.firstChild.lastChild;

	text(reason, f.reason || (f.confidence === 'assumed' ? 'assumed: Xen\u2019s command line could not be read' : ''));
	reason.className = guard && f.xen !== 'yes' ? 'why' : '';
	COLUMNS.forEach(([c], i) => {
		const value = ['yes', 'no'].includes(f[c]) ? f[c] : 'unknown';

		sign(tr.children[i + 1], guard && c === 'xen' && value === 'no' ? 'off' : value, value);
	});
	updateShare(tr.lastChild, guests, name);
}

/* The matrix of protections by where they are; update takes the agent's report. */
export function matrix() {
	const t = table('matrix', 'Protections of the processor: in the CPU, on the host, used by Xen, offered to guests, and how ' +
		'many guests use them', [['Protection'], ...COLUMNS.map(c => [c[1]]), ['In guests', 'share']]);

	return { node: t, update(report) {
		const features = report.features || {}, guests = (report.domains || []).filter(d => d.domid !== 0);

		keyed(t.tBodies[0], Object.keys(features), n => n, n => row(n, features[n] || {}),
			(tr, n) => update(tr, n, features[n] || {}, guests));
	} };
}

export function legend() {
	const rows = [['yes', 'yes, in use'], ['half', 'offered, not in use'], ['maybe', 'offered, use unknown'], ['no', 'no'],
		['unknown', 'unknown']];
	const list = el('ul', 'legend', ...rows.map(([kind, said]) => el('li', '', el('i', 'sign ' + kind), said)));

	list.setAttribute('aria-label', 'Signs');
	return list;
}

export const countText = (n, of) => is(of) && n < of ? group(n) + ' of ' + plural(of, 'guest') : plural(n, 'guest');
