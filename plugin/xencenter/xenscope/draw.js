/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Figures as text, and the picture of a migration's rounds. What comes from the host is only ever written as text: a
 * guest's name is never markup. */
var Draw = (function () {
	'use strict';

	var NONE = '\u2013', SPACE = '\u00a0';
	var WIDTH = 720, HEIGHT = 150, TOP = 22, BOTTOM = 40; /* of the picture, and what of it holds its texts */

	function is(v) {
		return typeof v === 'number' && isFinite(v);
	}

	/* Without the characters that would turn the text around them. */
	function straight(s) {
		return String(s).replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
	}

	/* 1 044 480 */
	function group(v) {
		return is(v) ? String(Math.round(v)).replace(/\B(?=(\d{3})+$)/g, SPACE) : NONE;
	}

	/* With three digits that count. */
	function figure(v) {
		var a = Math.abs(v);

		if (!is(v))
			return NONE;
		return a >= 100 || v === Math.round(v) ? group(v) : v.toFixed(a >= 10 ? 1 : 2);
	}

	function percent(v) {
		return is(v) ? figure(v * 100) + SPACE + '%' : NONE;
	}

	function seconds(v) {
		if (!is(v))
			return NONE;
		if (v < 0.0995)
			return figure(v * 1000) + SPACE + 'ms';
		if (v < 60)
			return v.toFixed(v < 9.95 ? 2 : 1) + SPACE + 's';
		return Math.floor(v / 60) + SPACE + 'min ' + Math.floor(v % 60) + SPACE + 's';
	}

	function two(n) {
		return (n < 10 ? '0' : '') + n;
	}

	function clock(t) {
		var d = new Date(t * 1000);

		return !is(t) ? NONE : d.getFullYear() + '-' + two(d.getMonth() + 1) + '-' + two(d.getDate()) + ' ' +
			two(d.getHours()) + ':' + two(d.getMinutes()) + ':' + two(d.getSeconds());
	}

	/* --- nodes --- */

	/* children: nodes, and anything else as text. */
	function fill(e, children) {
		children.forEach(function (c) {
			e.appendChild(c && c.nodeType ? c : document.createTextNode(straight(c)));
		});
		return e;
	}

	function el(tag, className, children) {
		var e = document.createElement(tag);

		if (className)
			e.className = className;
		return fill(e, children || []);
	}

	function svg(tag, attributes, children) {
		var e = document.createElementNS('http://www.w3.org/2000/svg', tag);

		Object.keys(attributes).forEach(function (k) {
			e.setAttribute(k, attributes[k]);
		});
		return fill(e, children || []);
	}

	/* The first cell of a row is its heading; figures: the columns from that one on. */
	function table(heads, rows, figures) {
		function row(cells, head) {
			return el('tr', '', cells.map(function (c, i) {
				var th = head || i === 0, e = el(th ? 'th' : 'td', i >= figures ? 'figure' : '', [c]);

				if (th)
					e.setAttribute('scope', head ? 'col' : 'row');
				if (c === 'yes' || c === 'no' || c === 'unknown')
					e.className += ' ' + c;
				return e;
			}));
		}
		return el('table', '', [el('thead', '', [row(heads, true)]), el('tbody', '', rows.map(function (r) {
			return row(r, false);
		}))]);
	}

	/* --- the rounds --- */

	/* What each round left to the next one, and the last to the guest's pause. */
	function bars(m) {
		var out = (m.rounds || []).map(function (r) {
			return { label: is(r.n) ? String(r.n) : '?', pages: r.pages_dirtied, seconds: r.seconds,
				kind: is(r.pages_dirtied) ? 'dirtied' : '',
				above: r.seen === false ? 'not seen' : is(r.pages_dirtied) ? group(r.pages_dirtied) :
					m.result === 'running' && !is(r.seconds) ? 'under way' : 'unknown',
				text: 'Round ' + (is(r.n) ? r.n : '?') + ': ' + (r.seen === false ? 'not seen' : (is(r.pages_sent) ?
					group(r.pages_sent) + ' pages sent' : group(r.frames_sent) + ' frame numbers walked') + ', ' +
					group(r.pages_dirtied) + ' pages dirtied in ' + seconds(r.seconds) + ', harvest ' +
					seconds(r.harvest_seconds)) };
		});

		if (out.length && m.final && is(m.final.pages))
			out.push({ label: 'final', pages: m.final.pages, seconds: m.final.seconds, kind: 'final',
				above: group(m.final.pages), text: 'Final pass: ' + group(m.final.pages) + ' pages left when the guest was paused, ' +
					seconds(m.final.seconds) });
		return out;
	}

	function bar(b, i, width, most) {
		var full = HEIGHT - TOP - BOTTOM, height = is(b.pages) && most > 0 ? Math.max(1, full * b.pages / most) : 0;
		var x = i * width, middle = (x + width / 2).toFixed(1), base = HEIGHT - BOTTOM;

		return svg('g', { 'class': b.kind }, [
			svg('title', {}, [b.text]),
			svg('rect', { x: (x + width * 0.15).toFixed(1), y: (base - height).toFixed(1), width: (width * 0.7).toFixed(1),
				height: height.toFixed(1) }),
			svg('text', { x: middle, y: (base - height - 6).toFixed(1), 'text-anchor': 'middle' }, [b.above]),
			svg('text', { x: middle, y: base + 15, 'text-anchor': 'middle' }, [b.label]),
			svg('text', { x: middle, y: base + 31, 'text-anchor': 'middle', 'class': 'minor' },
				[is(b.seconds) ? seconds(b.seconds) : ''])
		]);
	}

	/* null: no round of it was seen. */
	function rounds(m) {
		var list = bars(m), width, most;

		if (!list.length)
			return null;
		most = Math.max.apply(null, list.map(function (b) {
			return b.pages || 0;
		}));
		width = Math.min(90, WIDTH / list.length);
		return svg('svg', { viewBox: '0 0 ' + WIDTH + ' ' + HEIGHT, width: WIDTH, height: HEIGHT, role: 'img',
			'aria-label': list.map(function (b) {
				return b.text;
			}).join('. ') }, list.map(function (b, i) {
			return bar(b, i, width, most);
		}).concat([svg('line', { x1: 0, x2: list.length * width, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM })]));
	}

	return { is: is, group: group, figure: figure, percent: percent, seconds: seconds, clock: clock, straight: straight,
		fill: fill, el: el, table: table, rounds: rounds, NONE: NONE };
}());
