/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A figure over time: by uPlot where it is installed, else as a small curve of our own. */
import { clock, el, is, svg, text, timeOf } from './base.js';

/* Of a chart with axes, in the sizes of the page's letters, which grow with the screen. */
const HEIGHT = 11.3, LETTER = 0.47, LABEL = 0.8;
const DAY = 86400;
const BINARY = Array.from({ length: 50 }, (_, i) => Math.pow(2, i));
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

let Plot = null;

/* Resolves to whether there are charts: uPlot comes with a release, and a build from a clone fetches it by npm. */
export const charts = () => charts.asked = charts.asked || import('./uplot.js').then(module => {
	const sheet = el('link');

	sheet.rel = 'stylesheet';
	sheet.href = 'uplot.css';
	document.head.append(sheet);
	Plot = module.default;
	return true;
}, () => false);

/* --- our own --- */

/* Gaps stay gaps. A count keeps its value until the next; a lonely point is a short line. */
function outline(values, top, stepped, closed) {
	const x = i => (1000 * i / Math.max(1, values.length - 1)).toFixed(1), y = v => (98 - 94 * v / top).toFixed(2);
	let d = '', from = -1;

	for (let i = 0; i <= values.length; i++) {
		if (is(values[i])) {
			if (from < 0) {
				from = i;
				d += closed ? 'M' + x(i) + ',98V' + y(values[i]) : 'M' + x(i) + ',' + y(values[i]);
			} else
				d += stepped ? 'H' + x(i) + 'V' + y(values[i]) : 'L' + x(i) + ',' + y(values[i]);
		} else if (from >= 0) {
			d += (from === i - 1 ? 'h2' : '') + (closed ? 'V98Z' : '');
			from = -1;
		}
	}
	return d;
}

function makeCurve() {
	const still = { 'vector-effect': 'non-scaling-stroke' };
	const area = svg('path', { class: 'area' }), curve = svg('path', { class: 'curve' });
	const cross = svg('line', Object.assign({ class: 'cross', y1: 0, y2: 98, visibility: 'hidden' }, still));
	const node = svg('svg', { class: 'own', viewBox: '0 0 1000 100', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
		svg('line', Object.assign({ class: 'axis', x1: 0, x2: 1000, y1: 98, y2: 98 }, still)), area, curve, cross);

	return {
		node,
		update(c, top) {
			area.setAttribute('d', outline(c.values, top, c.stepped, true));
			curve.setAttribute('d', outline(c.values, top, c.stepped, false));
		},
		point(i, n) {
			cross.setAttribute('visibility', i < 0 ? 'hidden' : 'visible');
			for (const at of ['x1', 'x2'])
				cross.setAttribute(at, i < 0 ? 0 : 1000 * i / n);
		},
	};
}

/* --- uPlot's --- */

function tick(t, increment) {
	const d = new Date(t * 1000), day = d.getDate() + '\u00a0' + MONTHS[d.getMonth()];

	if (increment >= DAY || (d.getHours() === 0 && d.getMinutes() === 0))
		return increment >= 365 * DAY ? String(d.getFullYear()) : day;
	return timeOf(d, increment >= 60);
}

const em = () => parseFloat(getComputedStyle(document.documentElement).fontSize);
/* Of the axis at the left, by its longest label. */
const widest = (u, said) => 16 + LETTER * em() * Math.max(4, ...(said || []).map(s => s.length));

function options(box, c, zoom) {
	const style = getComputedStyle(box), colour = name => style.getPropertyValue(name).trim();
	const line = colour(c.dirty ? '--dirtied' : '--accent'), font = LABEL * em() + 'px ' + style.fontFamily;
	const axis = { stroke: colour('--dim'), font, grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };

	return {
		width: Math.max(120, box.clientWidth), height: HEIGHT * em(), legend: { show: false }, padding: [8, 18, 0, 0],
		cursor: { y: false, drag: { x: true, y: false, setScale: false }, points: { size: 7 }, sync: { key: 'time' } },
		scales: { y: { range: () => [0, box.top * 1.06] } },
		series: [{}, { stroke: line, width: 1.5, fill: line + '22', points: { show: c.dirty ? true : undefined, size: 4, fill: line },
			paths: c.stepped ? Plot.paths.stepped({ align: -1 }) : undefined }],
		axes: [Object.assign({ space: 4.6 * em(), size: 1.75 * em(), values: (u, at, n, space, by) => at.map(t => tick(t, by)) }, axis),
			Object.assign({ space: 2.2 * em(), size: widest, values: (u, at) => at.map(v => c.unit(v)) }, axis,
				c.binary ? { incrs: BINARY } : c.whole ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] } : {})],
		hooks: {
			setSelect: [u => u.select.width > 4 && zoom(u.posToVal(u.select.left, 'x'), u.posToVal(u.select.left + u.select.width, 'x'))],
			setCursor: [u => box.pointed && box.pointed(u.cursor.idx)],
		},
	};
}

function makePlot(c, zoom) {
	const box = el('div', 'plot');
	let plot = null, shown = c;

	const data = () => [shown.values.map((v, i) => shown.start + (i + 1) * shown.step), shown.values.map(v => is(v) ? v : null)];
	function build() {
		if (!box.isConnected || box.clientWidth === 0)
			return;
		if (plot)
			plot.destroy();
		plot = new Plot(options(box, shown, zoom), data(), box);
		plot.root.setAttribute('aria-hidden', 'true');
	}
	new ResizeObserver(() => plot && box.clientWidth ? plot.setSize({ width: box.clientWidth, height: HEIGHT * em() }) : build()).observe(box);
	for (const query of ['(prefers-color-scheme: dark)', '(min-width: 1700px)'])
		matchMedia(query).addEventListener('change', build);
	return {
		node: box,
		update(now, top) {
			shown = now;
			box.top = top;
			if (plot)
				plot.setData(data());
			else
				build();
		},
		point(i) {
			if (plot)
				plot.setCursor(i < 0 ? { left: -10, top: -10 } : { left: plot.valToPos(data()[0][i], 'x'), top: 20 });
		},
	};
}

/* --- both --- */

function summary(c, known) {
	if (known.length === 0)
		return 'nothing stored';
	return 'lowest ' + c.unit(Math.min(...known)) + ', highest ' + c.unit(Math.max(...known)) + ', last ' +
		c.unit(known[known.length - 1]);
}

/* c: {title, unit, values, start, step}, of values null where nothing is known; stepped: they keep until the next;
 * least: the smallest top; dirty: of dirty pages; binary: in powers of two. zoom(from, to) is told of a span that was
 * drawn. small: never with axes. */
export function makeChart(c, zoom, small) {
	const now = el('span', 'now'), name = el('span', 'name'), from = el('span'), to = el('span', '', 'now');
	const drawn = Plot && !small ? makePlot(c, zoom) : makeCurve(), frame = el('div', 'frame', drawn.node);
	const box = el('article', 'chart' + (c.dirty ? ' dirty' : '') + (Plot && !small ? ' big' : ''), el('h3', '', name, now), frame,
		el('p', 'scale', from, to));
	let shown = c, at = -1;

	function point(i) {
		const v = shown.values[i];

		at = i >= 0 && i < shown.values.length ? i : -1;
		text(now, at < 0 ? shown.said : (is(v) ? shown.unit(v) : 'unknown') + ' at ' + clock(shown.start + (i + 1) * shown.step, true));
	}

	frame.tabIndex = small ? -1 : 0;
	frame.setAttribute('role', 'img');
	frame.addEventListener('keydown', e => {
		const way = { ArrowLeft: -1, ArrowRight: 1 }[e.key], n = shown.values.length - 1;

		if (way === undefined || n < 1)
			return;
		e.preventDefault();
		const i = Math.max(0, Math.min(n, at < 0 ? n : at + way));
		point(i);
		drawn.point(i, n);
		frame.setAttribute('aria-label', shown.title + ': ' + now.textContent);
	});
	const leave = () => {
		point(-1);
		drawn.point(-1, 1);
	};
	frame.addEventListener('blur', leave);
	frame.addEventListener('pointerleave', leave);
	if (drawn.node.classList.contains('plot'))
		drawn.node.pointed = i => point(is(i) ? i : -1);
	else
		frame.addEventListener('pointermove', e => {
			const r = frame.getBoundingClientRect(), n = shown.values.length - 1;

			if (n > 0) {
				point(Math.max(0, Math.min(n, Math.round((e.clientX - r.left) / r.width * n))));
				drawn.point(at, n);
			}
		});
	box.update = next => {
		const known = next.values.filter(is), top = Math.max(...known, next.least || 0) || 1;

		shown = next;
		next.said = known.length === 0 ? 'nothing stored' : next.dirty ? 'up to ' + next.unit(Math.max(...known)) :
			next.unit(known[known.length - 1]);
		text(name, next.title);
		name.title = next.title;
		text(from, clock(next.start, true));
		text(to, next.ends ? clock(next.ends, true) : 'now');
		frame.setAttribute('aria-label', next.title + ': ' + summary(next, known));
		drawn.update(next, top);
		if (at < 0)
			text(now, next.said);
	};
	return box;
}
