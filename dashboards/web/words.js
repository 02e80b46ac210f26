/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's words in a person's. */
import { clock, dotted, is, nameOf, plural, seconds, word } from './base.js';

export const MODE = { pml: 'PML', ept_wp: 'EPT write protection', npt_wp: 'NPT write protection', shadow: 'shadow paging',
	off: 'none', unknown: 'unknown' };
export const MODE_SOURCE = { inferred: 'inferred', trace: 'seen in traced exits' };
export const DIRECTION = { out: 'to another host', in: 'from another host', local: 'within this host', save: 'saved to a file',
	probe: 'not moved: probed for what tracking costs' };
const KIND = { save: 'save ', probe: 'probe ' };
export const ROUNDS_SOURCE = { bpf: 'eBPF on Dom0\u2019s hypercalls', uprobe: 'uprobes on libxenctrl',
	log: 'the toolstack\u2019s logs', process: 'processes only', probe: 'a probe', none: 'nobody' };
export const STOP = { few_dirty: 'few pages were left', round_limit: 'the limit of rounds', long_round: 'a round that took too long', not_live: 'not live' };
export const DOWNTIME = { suspend_to_off: 'from the suspend to the end of tracking',
	final_clean_to_off: 'from the final harvest to the end of tracking', both_ends: 'from suspend here to unpause there',
	suspend_to_sent: 'from the suspend to the last page sent', suspend_to_resume: 'from suspend until it was resumed here' };
export const PML_SOURCE = { console_ring: 'Xen\u2019s console ring', console_log: 'the saved console log',
	command_line: 'Xen\u2019s command line', cpu: 'the CPU\u2019s features' };
export const EVENT = { migration_started: 'Migration began', migration_not_converging: 'Not converging',
	migration_completed: 'Migration completed', migration_failed: 'Migration failed', tracking_left_on: 'Tracking left on',
	pml_fallback: 'PML fell back', tracing_unavailable: 'No tracing', feature_changed: 'Protection changed',
	supervisor_violation: 'SMAP or SMEP violation' };
export const SEVERITY = { info: 'information', warning: 'warning', err: 'error', crit: 'critical' };
const NOW = { save: ' is being saved', probe: ' is being probed' };
const LAST = { save: 'The last was a save of ', probe: 'The last was a probe of ' };

export const last = list => list[list.length - 1];
export const took = m => is(m.ended) && is(m.started) ? m.ended - m.started : NaN;
export const dirtyRate = r => is(r.pages_dirtied) && r.seconds > 0 ? r.pages_dirtied / r.seconds : NaN;
export const sendRate = r => is(r.pages_sent) && r.seconds > 0 ? r.pages_sent / r.seconds : NaN;
/* A round whose forerunners nobody saw has no number. */
export const numberOf = r => is(r.n) ? String(r.n) : '?';
/* On a page of a replay all is one, which its top says. */
export const page = { replay: false };
export const resultOf = m => (KIND[m.direction] || '') + word({}, m.result) + (m.source === 'replay' && !page.replay ? ', replay' : '');
export const resultClass = m => 'result-' + word({}, m.result).replace(/\W/g, '');

/* Of all that were seen, or of the newest one. */
export function migrationsAnswer(running, past) {
	if (running.length > 1)
		return running.length + ' are under way now.';
	if (running.length === 1) {
		const m = running[0], rounds = m.rounds || [];

		return nameOf(m) + (NOW[m.direction] || ' is migrating') + ' now' +
			(rounds.length ? ', in round ' + numberOf(last(rounds)) : '') + '.';
	}
	if (past.length === 0)
		return 'None has been seen yet.';
	const m = past[0], what = (LAST[m.direction] || 'The last was of ') + nameOf(m);
	if (m.result !== 'completed')
		return what + ', and it did not complete' + (m.reason ? ': ' + m.reason : '') + '.';
	return what + ': ' + [is(took(m)) ? seconds(took(m)) : '', m.rounds_begun > 0 ? plural(m.rounds_begun, 'round') : '',
		is(m.downtime_seconds) ? seconds(m.downtime_seconds) + ' of downtime' : 'completed'].filter(Boolean).join(', ') + '.';
}

export const startedText = m => dotted([word(DIRECTION, m.direction), 'by ' + word({}, m.toolstack), clock(m.started)]);
