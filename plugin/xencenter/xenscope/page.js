/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tab: what xenscope knows of the server or VM that is selected. Who may call plugins is shown all of it, anybody
 * else what xcp-rrdd has been shown. */
(function () {
	'use strict';

	var OFTEN = 5, SELDOM = 20, ALL_EACH = 9; /* seconds; after so many looks at the migrations all is asked for again */
	var MODE = { pml: 'PML', ept_wp: 'EPT write protection', npt_wp: 'NPT write protection', shadow: 'shadow paging',
		off: 'no tracking', unknown: 'unknown' };
	var PML = { in_use: 'Xen logs dirty pages in hardware: Page Modification Logging is in use.',
		disabled: 'Page Modification Logging is disabled: Xen finds dirty pages by write protection.',
		unsupported: 'The CPU has no Page Modification Logging: Xen finds dirty pages by write protection.',
		unknown: 'Whether Page Modification Logging is in use is unknown.' };
	var WAY = { out: 'to another host', 'in': 'from another host', local: 'within this host', save: 'saved to a file',
		probe: 'probed, not moved' };
	var CONVERGES = { yes: 'converging', no: 'not converging' };
	/* What xcp-rrdd has, with how it is said. Its rates are per second. */
	var BASIC = {
		host: [['xenscope_smap_active', 'Xen itself runs with SMAP', yesNo], ['xenscope_smep_active', 'Xen itself runs with SMEP', yesNo],
			['xenscope_pml_in_use', 'Xen uses Page Modification Logging', yesNo],
			['xenscope_migrations_running', 'Migrations and saves under way', Draw.group],
			['xenscope_migrations', 'Migrations and saves that ended', Draw.group],
			['xenscope_migration_failures', 'of them not completed', Draw.group],
			['xenscope_tracking_fallbacks', 'of them fallen back from PML', Draw.group]],
		VM: [['xenscope_domain_smap_active', 'The guest\u2019s kernel uses SMAP', yesNo],
			['xenscope_domain_smep_active', 'The guest\u2019s kernel uses SMEP', yesNo],
			['xenscope_domain_tracked', 'Dirty tracking is on', yesNo],
			['xenscope_tracking_pages_dirtied', 'Pages dirtied a second', Draw.group],
			['xenscope_migration_rounds', 'Rounds of its newest migration', Draw.group],
			['xenscope_migration_converging', 'That migration is converging', yesNo],
			['xenscope_tracking_exit_seconds', 'CPU time in exits that tracking causes, a second', Draw.seconds],
			['xenscope_tracking_traced_vcpu_seconds', 'vCPU time traced, a second', Draw.seconds]]
	};
	var el = Draw.el, is = Draw.is, selected, known, timer;

	function byId(id) {
		return document.getElementById(id);
	}

	function yesNo(v) {
		return v === 1 ? 'yes' : v === 0 ? 'no' : 'unknown';
	}

	function joined(list, by) {
		return list.filter(function (s) {
			return s;
		}).join(by);
	}

	function plural(n, word) {
		return Draw.group(n) + ' ' + word + (n === 1 ? '' : 's');
	}

	function say(text, trouble) {
		var e = byId('said');

		e.className = trouble ? 'trouble' : '';
		e.textContent = '';
		Draw.fill(e, [text]);
	}

	function show(sections) {
		var main = byId('main');

		main.textContent = '';
		Draw.fill(main, sections);
	}

	function section(title, children) {
		return el('div', 'section', [el('h2', '', [title])].concat(children));
	}

	function note(text) {
		return el('p', 'note', [text]);
	}

	/* --- what the agent tells --- */

	function hostFeatures(f) {
		var rows = Object.keys(f.features).map(function (name) {
			var x = f.features[name];

			return [x.title, x.cpu, x.host, x.xen, x.hvm, x.pv, x.reason || ''];
		});

		return section('Features of the CPU', [Draw.table(['', 'CPU has it', 'left on', 'Xen uses it', 'HVM and PVH guests',
			'PV guests', 'Why'], rows, 99)]);
	}

	function guestFeatures(f) {
		var guest = (f.domains || []).filter(function (d) {
			return d.uuid === selected.uuid;
		})[0], rows;

		if (!guest)
			return section('Features of the CPU', [note('The agent does not list this VM.')]);
		rows = Object.keys(f.features).map(function (name) {
			var x = guest.features[name] || {};

			return [f.features[name].title, x.exposed || 'unknown', x.active || 'unknown'];
		});
		return section('Features of the CPU', [Draw.table(['', 'offered to this VM', 'its kernel uses it'], rows, 99),
			is(guest.cr4_read) ? note('Read from its first vCPU at ' + Draw.clock(guest.cr4_read) + '.') : '']);
	}

	function pml(p) {
		return section('Dirty logging', [el('p', '', [PML[p.state] || PML.unknown]), p.reason ? note('Why: ' + p.reason) : '']);
	}

	/* An estimate has its figures under names of their own. */
	function costRow(r) {
		function of(name) {
			return r[(r.estimate ? 'estimate_' : '') + name];
		}
		return [(MODE[r.tracking_mode] || r.tracking_mode) + (r.estimate ? ' (estimate)' : ''),
			r.estimate ? '' : Draw.group(r.migrations), r.estimate ? '' : Draw.group(r.pages_dirtied),
			Draw.figure(of('exits_per_kpage')), Draw.figure(of('cycles_per_page')), Draw.percent(of('overhead_ratio')),
			r.estimate ? '' : Draw.seconds(r.harvest_seconds_per_round)];
	}

	/* This boot, or the newest that has rows of what is selected; boots are never mixed. */
	function cost(answer) {
		var boot = null, rows = [];

		(answer.boots || []).forEach(function (b) {
			var mine = selected.kind === 'host' ? b.modes || [] : (b.vms || []).filter(function (r) {
				return r.uuid === selected.uuid;
			});

			if (mine.length && (!boot || b.current)) {
				boot = b;
				rows = mine;
			}
		});
		if (!boot)
			return section('What dirty tracking cost', [note('No migration, save or probe of it is in the journal.')]);
		return section('What dirty tracking cost', [Draw.table(['', 'Migrations', 'Pages dirtied', 'Exits per 1000 pages',
			'Cycles per page', 'Overhead', 'Harvest per round'], rows.map(costRow), 1)].concat(rows.filter(function (r) {
			return r.estimate;
		}).map(function (r) {
			return note('The estimate is not measured. ' + (r.basis || ''));
		}), [note((boot.current ? 'This boot' : 'An earlier boot') + ': Xen ' + boot.xen_version + ', ' + boot.cpu_model + '.')]));
	}

	/* --- migrations --- */

	function expected(m) {
		var f = (m.forecast || [])[(m.forecast || []).length - 1];

		return m.result === 'running' && f && is(f.rounds) ? 'expected: ' + joined([plural(f.rounds, 'round'),
			is(f.total_seconds) ? Draw.seconds(f.total_seconds) + ' in all' : '',
			is(f.downtime_seconds) ? Draw.seconds(f.downtime_seconds) + ' of downtime' : '', CONVERGES[f.converges]], ', ') : '';
	}

	function facts(m) {
		return joined(['began ' + Draw.clock(m.started), is(m.ended) ? 'took ' + Draw.seconds(m.ended - m.started) : '',
			plural(m.rounds_begun, 'round'), is(m.downtime_seconds) ? 'downtime ' + Draw.seconds(m.downtime_seconds) : '',
			m.tracking_mode === 'off' ? 'not tracked' : 'tracked by ' + (MODE[m.tracking_mode] || m.tracking_mode),
			m.overhead && is(m.overhead.overhead_ratio) ? 'overhead ' + Draw.percent(m.overhead.overhead_ratio) : '',
			expected(m)], ' \u00b7 ');
	}

	function migration(m) {
		var picture = Draw.rounds(m), name = m.name || m.uuid;

		return el('div', 'migration ' + m.result, [
			el('h3', '', [name + ': ' + (WAY[m.direction] || m.direction) + ', ' + m.result]),
			m.reason ? el('p', '', ['Why: ' + m.reason]) : '',
			el('p', 'note', [facts(m)]),
			m.tracking_left_on ? el('p', 'no', ['Dirty tracking was left on, which costs the guest time.']) : '',
			picture || note('No round of it was seen.')]);
	}

	function migrations(list) {
		return section('Live migrations and saves', list.length ? [note('A bar is the pages that the guest dirtied while a ' +
			'round ran, which the next one has to send; the last is what was left when the guest was paused.')].concat(
			list.map(migration)) : [note('None, as far as the journal goes back.')]);
	}

	function showAll() {
		var f = known.features;

		show([f.source === 'replay' ? el('p', 'replay', ['Replay: these figures are played from a capture, they are not ' +
			'this server\u2019s.']) : '', selected.kind === 'host' ? hostFeatures(f) : guestFeatures(f), pml(f.pml || {}),
			cost(known.overhead), migrations(known.migrations.migrations || [])]);
		say((f.stale ? 'The agent has stopped; these are its last figures, of ' : 'From the agent, ') +
			Draw.clock(known.migrations.time) + '.', f.stale);
	}

	/* --- asking --- */

	function again(seconds, what) {
		timer = setTimeout(what, seconds * 1000);
	}

	function failed(what, e) {
		show([]);
		say(what + ': ' + (e.text || e.code).replace(/\.?$/, '.') + ' Trying again in ' + SELDOM + ' s.', true);
		again(SELDOM, start);
	}

	/* A long answer comes in pages, whose texts together are the answer. */
	function gather(fn, args, text, done) {
		Xapi.call('host.call_plugin', [selected.host, 'xenscope', fn, args], function (e, value) {
			var answer, more = false;

			if (!e)
				try {
					answer = JSON.parse(value);
					more = answer.page < answer.pages;
					if (answer.page === answer.pages && answer.pages)
						answer = JSON.parse(text + answer.text);
				} catch (wrong) {
					e = { code: '', text: 'the agent\u2019s answer could not be read.' };
				}
			if (!more)
				return done(e, answer);
			args.page = String(answer.page + 1);
			args.version = answer.version;
			gather(fn, args, text + answer.text, done);
		});
	}

	/* Of the agent, by its plugin in xapi. */
	function ask(fn, done) {
		var args = fn === 'features' || selected.kind === 'host' ? {} : { uuid: selected.uuid };

		if (fn === 'migrations')
			args.limit = '10';
		gather(fn, args, '', function (e, answer) {
			known[fn] = answer;
			if (e && e.code === 'RBAC_PERMISSION_DENIED')
				basic('Your role may not call plugins: these are the figures that xcp-rrdd has of it.');
			else if (e && e.code === 'XENAPI_MISSING_PLUGIN')
				basic('The package xenscope-xapi is not installed on this server; what xcp-rrdd has:');
			else if (e)
				failed('The agent on this server was asked for its ' + fn, e);
			else
				done();
		});
	}

	function look(times) {
		ask('migrations', function () {
			var running = (known.migrations.migrations || []).some(function (m) {
				return m.result === 'running';
			});

			showAll();
			again(running ? OFTEN : SELDOM, function () {
				if (times < ALL_EACH)
					look(times + 1);
				else
					askAll();
			});
		});
	}

	function askAll() {
		ask('features', function () {
			ask('overhead', function () {
				look(0);
			});
		});
	}

	/* --- for who may not --- */

	/* The overhead is the quotient of the two last ones. */
	function showBasic(why, values) {
		var list = BASIC[selected.kind], rows = list.map(function (b, i) {
			return [b[1], b[2](values[i])];
		}), exits = values[6], traced = values[7];

		if (selected.kind === 'VM')
			rows.push(['Overhead of dirty tracking', traced > 0 ? Draw.percent(exits / traced) : Draw.NONE]);
		show([section('Figures', [Draw.table(['', 'now'], rows, 1)])]);
		say(why, false);
	}

	function basic(why) {
		var list = BASIC[selected.kind], values = [], method = selected.kind + '.query_data_source';

		(function next() {
			if (values.length === list.length) {
				showBasic(why, values);
				again(SELDOM, function () {
					basic(why);
				});
				return;
			}
			Xapi.call(method, [selected.ref, list[values.length][0]], function (e, value) {
				values.push(e ? NaN : parseFloat(value));
				next();
			});
		}());
	}

	/* --- what is selected --- */

	function startVm() {
		Xapi.call('VM.get_uuid', [selected.ref], function (e, uuid) {
			if (e) {
				failed('This VM', e);
				return;
			}
			selected.uuid = uuid;
			Xapi.call('VM.get_resident_on', [selected.ref], function (e, host) {
				if (e) {
					failed('This VM', e);
				} else if (!host || host === 'OpaqueRef:NULL') {
					say('This VM is not running. The migrations that it made are shown on the server where it ran.', false);
					show([]);
					again(SELDOM, start);
				} else {
					selected.host = host;
					askAll();
				}
			});
		});
	}

	function start() {
		var external = window.external, kind = external && external.SelectedObjectType;

		clearTimeout(timer);
		Xapi.forget();
		known = {};
		if (!window.DOMParser || !document.createElementNS) {
			document.getElementById('said').innerText = 'This page needs Internet Explorer 9 or later.';
			return;
		}
		if (!kind || !external.SelectedObjectRef) {
			say('This page is a tab of XenCenter: it shows the server or VM that is selected there.', true);
			return;
		}
		selected = { kind: kind, ref: external.SelectedObjectRef, host: external.SelectedObjectRef };
		if (kind === 'VM')
			startVm();
		else if (kind === 'host')
			askAll();
		else
			say('Select a server or a VM.', false);
	}

	/* XenCenter calls it when it is connected again, with a new session. */
	window.RefreshPage = start;
	start();
}());
