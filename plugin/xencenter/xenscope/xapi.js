/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls to xapi through XenCenter, which posts them from a thread of its own and hands the answer to XenCenterXML.
 * ES5: XenCenter's browser is Internet Explorer. */
var Xapi = (function () {
	'use strict';

	var TIMEOUT = 20; /* seconds; XenCenter tells nobody when a call fails */
	var waiting = {}, calls = 0;

	function escaped(s) {
		return String(s).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
	}

	/* A text, or an object of texts. */
	function encoded(v) {
		if (typeof v !== 'object')
			return '<string>' + escaped(v) + '</string>';
		return '<struct>' + Object.keys(v).map(function (k) {
			return '<member><name>' + escaped(k) + '</name><value>' + encoded(v[k]) + '</value></member>';
		}).join('') + '</struct>';
	}

	function elements(node, name) {
		return Array.prototype.filter.call(node.childNodes, function (c) {
			return c.nodeType === 1 && (!name || c.nodeName === name);
		});
	}

	/* A <value>: an object, an array, or the text of all else. */
	function decoded(node) {
		var type = elements(node)[0], out;

		if (type && type.nodeName === 'struct') {
			out = {};
			elements(type, 'member').forEach(function (m) {
				out[elements(m, 'name')[0].textContent] = decoded(elements(m, 'value')[0]);
			});
			return out;
		}
		if (type && type.nodeName === 'array')
			return elements(elements(type, 'data')[0], 'value').map(decoded);
		return node.textContent;
	}

	/* Some xapis write the value as JSON when they are asked at XenCenter's address: a text is then in quotes. */
	function plain(v) {
		return typeof v === 'string' && v.charAt(0) === '"' ? JSON.parse(v) : v;
	}

	function problem(code, text) {
		return { code: code, text: text };
	}

	function answerOf(text) {
		var xml = new DOMParser().parseFromString(text, 'text/xml'), value = xml.getElementsByTagName('value')[0], r;

		/* browsers other than Internet Explorer show half a document, and an element of this name in it */
		if (!value || xml.getElementsByTagName('parsererror').length || xml.documentElement.nodeName !== 'methodResponse')
			throw new Error('no methodResponse');
		r = decoded(value);
		if (r.Status === 'Success')
			return { value: plain(r.Value) };
		if (!r.ErrorDescription)
			throw new Error('neither a success nor a failure');
		return { error: problem(r.ErrorDescription[0], r.ErrorDescription.slice(1).join(': ')) };
	}

	function end(name) {
		var done = waiting[name] && waiting[name].done;

		if (done) {
			clearTimeout(waiting[name].timer);
			delete waiting[name];
		}
		return done;
	}

	return {
		/* done(error, value): error is null or has xapi's code and a text; the session is put before the others. */
		call: function (method, params, done) {
			var name = 'answer' + ++calls, all = [window.external.SessionOpaqueRef].concat(params);
			var xml = '<?xml version="1.0"?><methodCall><methodName>' + method + '</methodName><params>' +
				all.map(function (p) {
					return '<param><value>' + encoded(p) + '</value></param>';
				}).join('') + '</params></methodCall>';

			waiting[name] = { done: done, timer: setTimeout(function () {
				end(name)(problem('', 'no answer within ' + TIMEOUT + ' s'));
			}, TIMEOUT * 1000) };
			/* XenCenter takes the name from what looks like a function's beginning */
			window.external.writeXML('function ' + name + '()', xml);
		},

		/* What was asked is not waited for any more. */
		forget: function () {
			Object.keys(waiting).forEach(end);
		},

		receive: function (name, text) {
			var done = end(name), r;

			if (!done)
				return;
			try {
				r = answerOf(text);
			} catch (e) {
				r = { error: problem('', 'the answer could not be read: ' + e.message) };
			}
			done(r.error || null, r.value);
		}
	};
}());

/* XenCenter calls this by its name. */
function XenCenterXML(name, text) {
	'use strict';
	Xapi.receive(name, text);
}
