/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every domain of this host, with what it has of each protection. */
import { button, bytes, dotted, el, get, group, heading, is, keyed, nameOf, panel, route, scroll, show, table, text, word } from './base.js';
import { SHORT, countText, guestSign, guestUse, legend } from './features.js';
import { choice } from './migrations.js';

const FIRST = 50;
const EVERY = 5, EVERY_MANY = 30, MANY = 200;	/* seconds; domains */
const FIELDS = 'uuid,name,domid,kind,state,features,xenscope_domain_memory_bytes,xenscope_domain_vcpus,xenscope_domain_tracked';
const smap = d => guestUse((d.features || {}).smap);
const FILTERS = [['all', 'All', () => true], ['unused', 'SMAP not in use', d => smap(d) !== 'yes'],
	['tracked', 'Tracked now', d => (d.metrics || {}).xenscope_domain_tracked === 1]];

/* On a phone the row is a grid, which would no longer be a row to a screen reader without these roles. */
function rolesOf(t) {
	t.setAttribute('role', 'table');
	t.tHead.setAttribute('role', 'rowgroup');
	t.tBodies[0].setAttribute('role', 'rowgroup');
	t.tHead.rows[0].setAttribute('role', 'row');
	for (const th of t.tHead.rows[0].cells)
		th.setAttribute('role', 'columnheader');
}

function row(n) {
	const th = heading('row', '', el('a', 'name'), el('small')), cells = Array.from({ length: n }, () => el('td'));
	const tr = el('tr', '', th, ...cells);

	tr.setAttribute('role', 'row');
	th.setAttribute('role', 'rowheader');
	for (const td of cells)
		td.setAttribute('role', 'cell');
	return tr;
}

export function detail(d) {
	const m = d.metrics || {}, memory = m.xenscope_domain_memory_bytes, vcpus = m.xenscope_domain_vcpus;

	return dotted([word({}, d.kind).toUpperCase(), is(d.domid) ? 'domain ' + d.domid : '', d.state, is(memory) ? bytes(memory) : '',
		is(vcpus) ? vcpus + '\u00a0vCPU' + (vcpus === 1 ? '' : 's') : '', m.xenscope_domain_tracked === 1 ? 'tracked' : '']);
}

export function guests(key, agent) {
	const search = el('input', 'search'), count = el('p', 'note'), holder = el('div'), none = el('p', 'none');
	const more = button('quiet', '', () => {
		all = !all;
		draw();
	});
	let list = [], columns = null, t = null, filter = FILTERS[0], all = false, due = 0;

	const kinds = choice('Which are listed', FILTERS, value => {
		filter = FILTERS.find(f => f[0] === value);
		kinds.set(value);
		draw();
	});
	function matches() {
		const said = search.value.trim().toLowerCase();

		return list.filter(d => filter[2](d) && (!said || (d.name || '').toLowerCase().includes(said) ||
			(d.uuid || '').startsWith(said) || String(d.domid) === said));
	}
	function draw() {
		const found = matches(), some = all ? found : found.slice(0, FIRST);

		text(count, list.length ? countText(found.length, list.length) : '');
		keyed(t.tBodies[0], some, d => d.uuid + ' ' + d.domid, () => row(columns.length), (tr, d) => {
			const [name, small] = tr.firstChild.children;

			text(route(name, 'guest', d.uuid), nameOf(d));
			text(small, detail(d));
			columns.forEach((n, i) => guestSign(tr.children[i + 1], (d.features || {})[n]));
		});
		show(holder, found.length > 0);
		show(none, found.length === 0);
		text(none, list.length ? 'No guest is like that.' : 'No guests are running.');
		show(more, found.length > FIRST);
		text(more, all ? 'Show fewer' : 'Show all ' + group(found.length));
	}
	search.type = 'search';
	search.addEventListener('input', () => t && draw());
	kinds.set('all');
	none.hidden = more.hidden = true;
	return {
		title: 'Guests',
		node: el('div', 'view', el('h1', '', 'Guests'), panel('all', 'Protections in each guest',
			el('div', 'controls', el('label', 'find', 'Name, UUID or number', search), kinds.node), count, holder, none, more, legend())),
		async refresh() {
			const now = performance.now() / 1000;

			if (now < due)
				return;
			list = (await get('api/v1/domains?fields=' + FIELDS)).domains || [];
			due = now + (list.length > MANY ? EVERY_MANY : EVERY) - 0.5;
			if (!t) {
				columns = Object.keys((list[0] || {}).features || {});
				t = table('matrix guests', 'Protections in each guest', [['Guest']].concat(columns.map(n => [SHORT[n] || n])));
				rolesOf(t);
				holder.append(scroll('Guests', t));
			}
			draw();
		},
	};
}
