/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Figures as text, nodes that stay, and the way to the agent. What the agent says is only ever written as text: a
 * guest's name is never markup. */

export const PAGE_BYTES = 4096;
export const NONE = '\u2013';
const TIMEOUT = 10; /* seconds */

/* --- text --- */

export const is = v => typeof v === 'number' && isFinite(v);
export const word = (table, key) => table[key] || (typeof key === 'string' ? key : 'unknown');
/* Without the characters that would turn the text around it. */
export const straight = s => s.replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
export const nameOf = d => d.name ? straight(d.name) : is(d.domid) ? 'domain ' + d.domid : d.uuid || 'unknown';
export const dotted = parts => parts.filter(Boolean).join(' \u00b7 ');

/* 1 044 480 */
export const group = v => String(Math.round(v)).replace(/\B(?=(\d{3})+$)/g, '\u202f');

/* With three digits that count. */
export function figure(v) {
	const a = Math.abs(v);

	return a >= 100 || v === Math.round(v) ? group(v) : v.toFixed(a >= 10 ? 1 : 2);
}

export function bytes(v) {
	const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
	let i = 0;

	for (; v >= 1024 && i < units.length - 1; i++)
		v /= 1024;
	return figure(v) + '\u00a0' + units[i];
}

export function seconds(v) {
	if (!is(v))
		return NONE;
	if (v < 60) {
		const [n, unit] = v < 0.0995 ? [v * 1000, 'ms'] : [v, 's'];

		return n.toFixed(n < 9.995 ? 2 : 1) + '\u00a0' + unit;
	}
	if (v < 3600)
		return Math.floor(v / 60) + '\u00a0min' + (v < 600 ? ' ' + Math.floor(v % 60) + '\u00a0s' : '');
	if (v < 172800)
		return Math.floor(v / 3600) + '\u00a0h ' + Math.floor(v % 3600 / 60) + '\u00a0min';
	return Math.floor(v / 86400) + '\u00a0days';
}

export const pages = v => is(v) ? group(v) : NONE;
export const rate = v => is(v) ? figure(v) + '\u00a0pages/s' : NONE;
export const number = v => is(v) ? figure(v) : NONE;
export const percent = v => !is(v) ? NONE : v > 0 && v < 0.0001 ? '< 0.01\u00a0%' : figure(v * 100) + '\u00a0%';
export const plural = (n, one, many) => group(n) + '\u00a0' + (n === 1 ? one : many || one + 's');
export const listed = words => words.length < 2 ? words.join('') :
	words.slice(0, -1).join(', ') + ' and ' + words[words.length - 1];

const two = n => String(n).padStart(2, '0');

export const timeOf = (d, short) => two(d.getHours()) + ':' + two(d.getMinutes()) + (short ? '' : ':' + two(d.getSeconds()));

/* Local time, with its date unless that is today's. */
export function clock(t, short) {
	const d = new Date(t * 1000);

	if (!is(t))
		return NONE;
	return d.toDateString() === new Date().toDateString() ? timeOf(d, short) :
		d.getFullYear() + '-' + two(d.getMonth() + 1) + '-' + two(d.getDate()) + ' ' + timeOf(d, short);
}

/* --- nodes --- */

export const byId = id => document.getElementById(id);

export function el(tag, className, ...children) {
	const e = document.createElement(tag);

	if (className)
		e.className = className;
	e.append(...children);
	return e;
}

export function heading(scope, className, ...children) {
	const th = el('th', className, ...children);

	th.scope = scope;
	return th;
}

export function svg(tag, attributes, ...children) {
	const e = document.createElementNS('http://www.w3.org/2000/svg', tag);

	for (const k of Object.keys(attributes))
		e.setAttribute(k, attributes[k]);
	e.append(...children);
	return e;
}

export function text(e, s) {
	s = s === undefined || s === null ? '' : String(s);
	if (e.textContent !== s)
		e.textContent = s;
}

export function show(e, yes) {
	if (e.hidden === yes)
		e.hidden = !yes;
}

/* One child of parent for each item, kept by its key and in the items' order: focus, selection and scrolling stay
 * from one answer to the next. Children without a key are left alone. */
export function keyed(parent, items, key, make, update) {
	const old = new Map(), seen = new Set();
	let at = null;

	for (const c of parent.children)
		if (c.dataset.key !== undefined) {
			old.set(c.dataset.key, c);
			at = at || c;
		}
	for (const item of items) {
		let k = String(key(item));

		while (seen.has(k))
			k += '+';
		seen.add(k);
		const node = old.get(k) || make(item);
		node.dataset.key = k;
		old.delete(k);
		update(node, item);
		if (node === at)
			at = at.nextElementSibling;
		else
			parent.insertBefore(node, at);
	}
	for (const node of old.values())
		node.remove();
}

/* A link within the page, by its parts: 'guest', uuid. */
export function route(e, ...parts) {
	e.setAttribute('href', '#/' + parts.map(encodeURIComponent).join('/'));
	return e;
}

/* A question or a subject, and what is to be said of it. */
export function panel(className, title, ...children) {
	const head = el('h2', '', title), box = el('section', 'panel ' + className, head, ...children);

	head.id = 'head-' + className.split(' ')[0];
	box.setAttribute('aria-labelledby', head.id);
	return box;
}

/* columns: [title, class] of each; the caption is for who does not see the table. */
export function table(className, caption, columns) {
	const head = el('tr', '', ...columns.map(([title, c]) => title ? heading('col', c || '', title) : el('td', c || '')));

	return el('table', className, el('caption', 'hidden', caption), el('thead', '', head), el('tbody'));
}

/* What is wider than the screen scrolls by itself, by the keyboard, too. */
export function scroll(name, child) {
	const box = el('div', 'scroll', child);

	box.tabIndex = 0;
	box.setAttribute('role', 'region');
	box.setAttribute('aria-label', name + ', table');
	return box;
}

export function button(className, label, press) {
	const b = el('button', className, label);

	b.type = 'button';
	b.addEventListener('click', press);
	return b;
}

/* Rows [term, text, class or nothing] of a <dl>; those without a text are left out. */
export function facts(dl, rows) {
	const cells = [];

	for (const [term, said, className] of rows)
		if (said)
			cells.push({ tag: 'dt', key: term, text: term, className: '' },
				{ tag: 'dd', key: '=' + term, text: said, className: className || '' });
	keyed(dl, cells, c => c.key, c => el(c.tag), (e, c) => {
		text(e, c.text);
		e.className = c.className;
	});
}

/* --- the agent --- */

/* An Error whose message is for a person; status: HTTP's, if there was one. */
export async function get(path) {
	const stop = new AbortController(), timer = setTimeout(() => stop.abort(), TIMEOUT * 1000);

	try {
		const headers = { Accept: 'application/json' };
		const reply = await fetch(path, { signal: stop.signal, headers, cache: 'no-cache' });
		const body = await reply.json().catch(() => null);
		if (reply.ok && body !== null)
			return body;
		const why = (body && body.detail) || reply.headers.get('X-Xenscope-Error'); // xapi's proxy drops an error's body
		throw Object.assign(new Error(why || 'HTTP ' + reply.status), { status: reply.status });
	} catch (e) {
		if (e.name === 'AbortError')
			throw new Error('no answer within ' + TIMEOUT + ' s');
		throw e instanceof TypeError ? new Error('it cannot be reached') : e;
	} finally {
		clearTimeout(timer);
	}
}
