# SPDX-License-Identifier: GPL-2.0-or-later
"""What tracking cost, by the agent, against the lab's own follower of the same trace buffers, counted by exits.py.

The follower's file is searched between two moments by the TSC: where ENABLE began and where OFF began, which bpfdirty saw.
Outside of them there is no write to a log-dirty page, nor a full PML buffer."""
import json

import exits
from witness import fields

CAUSED = ('violations', 'pml_full', 'recalcs')
PML_BUFFER = 512        # entries
CPU_LIMIT = 0.01        # of Dom0's CPU time, printed beside what was seen: a time is never asserted
MAX_LOGGING = 0.01      # of the violations under write protection: what PML may leave of logging exits
MAX_RECALCS = 0.1       # by which the recalculations of both boots may differ
SAME = 0.01             # of cycles and of the TSC's rate: two computations from one source
ROUNDING = 1e-5         # of ratios, which are written to six digits
ENDS = 0.001            # of the tracking: what the ENABLE and the OFF themselves take
XENS_OWN = {'pml': 0, 'wp': 0, 'npt': 2} # pages that Xen itself may have marked dirty, as the guest was slow to touch them
SAMPLED = 1.5           # factor by which a sample may be off: a third of the cycles are bursts behind harvests, which it may miss
CUT = 0.005             # a window is cut when the agent hears of a harvest, a little later than its round ended


class Followed:
    """The follower's account of one tracking; pml and wp compare theirs."""

    def __init__(self, tap, boot, witness, step, episode):
        self.text = witness.text('follow-%s.txt' % step)
        ends = [fields(x) for x in self.text.splitlines() if x.startswith('FOLLOW end')]
        self.trace = None
        if not tap.ok(ends and int(ends[-1].get('overruns', 1)) == 0 and int(ends[-1]['bytes']) > 0,
                      '%s: the follower of the trace buffers ran, and was never a buffer behind' % step, self.text):
            return
        self.trace = exits.read(witness.path('trace-%s.xt' % step), svm=boot == 'npt')
        tap.equal(self.trace.lost, 0, '%s: Xen lost no record of the trace' % step)
        hz = witness.tsc_hz()
        self.begin, self.end = episode.enable.tsc(hz)[0], episode.off.tsc(hz)[0]
        still = episode.cleans[-1].tsc(hz)[1] # the guest is, from before the last harvest on: nothing comes but Dom0's records
        tap.ok(self.trace.first < self.begin and still < self.trace.last,
               '%s: the trace holds the whole tracking' % step, (self.trace.first, self.begin, still, self.trace.last))
        self.caused = self.trace.caused(self.trace.of(episode.domid, self.begin, self.end))
        ever = self.trace.caused(self.trace.of(episode.domid))
        for name in ('violations', 'pml_full'):
            tap.equal(ever[name].count, self.caused[name].count, '%s: no %s outside of the tracking' %
                      (step, name.replace('_', '-')))
        tap.note('%s: the follower counted %s' % (step, ', '.join('%s %d (%d before or after)' % (
            n, self.caused[n].count, ever[n].count - self.caused[n].count) for n in CAUSED)))

    def count(self, name):
        return self.caused[name].count


def check_witnesses(tap, boot, step, seen, episode):
    """Follower and observer are two witnesses: they must agree before the agent is judged."""
    dirtied = sum(episode.dirtied)
    full = sum(d // PML_BUFFER for d in episode.dirtied)
    if boot == 'pml':
        tap.equal(seen.count('pml_full'), full, '%s: the follower saw as many full PML buffers as the harvests\' pages fill' %
                  step)
    else:
        tap.near(seen.count('violations'), dirtied, XENS_OWN[boot],
                 '%s: the follower saw a violation for each page that was harvested' % step)
        tap.equal(seen.count('pml_full'), 0, '%s: and no full PML buffer' % step)


def check_counts(tap, step, record, seen):
    o = record['overhead']
    tap.equal((o['lost_records'], o['torn_windows']), (0, 0), '%s: the agent lost no record and tore no window' % step)
    tap.near(o['sampled_fraction'], 1, ENDS, '%s: all of the tracking was traced' % step)
    for name in CAUSED:
        tap.equal(o[name], seen.count(name), '%s: %s: the agent counted what the follower did, %d' %
                  (step, name, seen.count(name)))
        cycles = seen.caused[name].on_cpu
        tap.near(o[{'violations': 'violation_cycles', 'pml_full': 'pml_full_cycles', 'recalcs': 'recalc_cycles'}[name]],
                 cycles, cycles * SAME, '%s: %s: and their cycles, %d' % (step, name, cycles))
        passes = [p['overhead'][name] for p in record['rounds'] + [record['final']] if p['overhead']]
        tap.equal(sum(passes), o[name], '%s: %s: the rounds and the final pass add up to it' % (step, name))


def check_rounds(tap, boot, step, record, episode):
    """Round by round, against the observer's harvests: no stamp of the trace is needed for that."""
    for r, dirty in zip(record['rounds'], episode.dirtied):
        o = r['overhead'] or {}
        if boot == 'pml':
            tap.equal(o.get('pml_full'), dirty // PML_BUFFER, '%s: round %d: a full PML buffer for each %d of its %d pages' %
                      (step, r['n'], PML_BUFFER, dirty))
        else:
            tap.near(o.get('violations'), dirty, XENS_OWN[boot], '%s: round %d: a violation for each of its %d pages' %
                     (step, r['n'], dirty))


def check_formulas(tap, boot, step, o, pages, hz):
    """The figures of the design, computed again."""
    cycles = o['violation_cycles'] + o['pml_full_cycles'] + o['recalc_cycles']
    tap.equal(o['pages_dirtied'], pages, '%s: pages dirtied' % step)
    tap.near(o['cpu_hz'], hz, hz * SAME, '%s: the TSC\'s rate' % step)
    for name, want, slack in (
            ('overhead_ratio', cycles / (o['traced_seconds'] * o['vcpus'] * o['cpu_hz']), ROUNDING),
            ('exits_per_kpage', 1000.0 * (o['violations'] + o['pml_full']) / pages, CUT),
            ('recalc_exits_per_kpage', 1000.0 * o['recalcs'] / pages, CUT),
            ('cycles_per_page', cycles / pages, CUT)):
        tap.near(o[name], want, want * slack, '%s: %s is what its formula says' % (step, name))
    if boot == 'pml':
        tap.equal(o['splits'], o['violations'], '%s: under PML the violations are splits' % step)
        tap.near(o['avoided_exits'], pages - o['pml_full'], pages * CUT, '%s: the exits that PML avoided' % step)
    else:
        tap.equal((o['splits'], o['avoided_exits']), (None, None), '%s: neither splits nor avoided exits without PML' % step)


def check_whole(tap, boot, witness, record, episode):
    """A tracking that was traced from its begin to its end. Returns the follower's account."""
    step = 'clean'
    tap.equal((record['mode_source'], record.get('mode_note')), ('trace', ''),
              '%s: the tracking mode was decided by the trace, and nothing contradicts it' % step)
    if not tap.ok(record.get('overhead'), '%s: the record says what tracking cost' % step, record):
        return None
    seen = Followed(tap, boot, witness, step, episode)
    if not seen.trace:
        return None
    check_witnesses(tap, boot, step, seen, episode)
    check_counts(tap, step, record, seen)
    check_rounds(tap, boot, step, record, episode)
    check_formulas(tap, boot, step, record['overhead'], sum(episode.dirtied), witness.tsc_hz())
    return seen


def check_sampled(tap, boot, step, record, whole):
    """Traced in part, as by default; whole: the record of a like migration that was traced from end to end."""
    o, w = record.get('overhead'), whole.get('overhead') or {}
    if not tap.ok(o, '%s: the record says what tracking cost' % step, record):
        return
    tap.equal((o['lost_records'], o['torn_windows']), (0, 0), '%s: the agent lost no record and tore no window' % step)
    tap.ok(0 < o['sampled_fraction'] < 1, '%s: a part of the tracking was traced' % step, o['sampled_fraction'])
    tap.equal(record['mode_note'], '', '%s: a sample is not said to contradict what the host can do' % step)
    tap.note('%s: %.1f %% traced' % (step, 100 * o['sampled_fraction']))
    for name in 'exits_per_kpage', 'recalc_exits_per_kpage', 'cycles_per_page', 'overhead_ratio':
        tap.note('%s: %s %.4g, and %.4g where all was traced' % (step, name, o[name] or 0, w.get(name) or 0))
    for name in 'cycles_per_page', 'overhead_ratio':
        a, b = o[name] or 0, w.get(name) or 0
        tap.ok(0 < b / SAMPLED <= a <= b * SAMPLED, '%s: %s is at most a factor of %.1f from where all was traced' %
               (step, name, SAMPLED), (a, b))


def cpu_of(witness, moment):
    """(ns of the agent's halves, ns of Dom0)"""
    agent = [int(fields(x)['ns']) for x in witness.text('usage.txt').splitlines() if x.split()[0] == moment]
    dom0 = [int(fields(x)['ns']) for x in witness.text('domain-cpu.txt').splitlines()
            if x.startswith(moment + ' dom=0 ')]
    return sum(agent), sum(dom0)


def check_taken(tap, witness, step, record):
    """xentrace had the buffers: nothing of this migration was traced, and the host said why."""
    notes = json.loads(witness.text('host-taken.json') or '{}').get('notes', [])
    tap.equal((record['overhead'], record['mode_source']), (None, 'inferred'), '%s: nothing is said of what it cost' % step)
    tap.ok(any('xentrace' in n for n in notes), '%s: the host says that another program reads the buffers' % step, notes)
    tap.equal(witness.text('xentrace.txt').strip(), 'change evtmask to 0x400000', '%s: which went on undisturbed' % step)


def note_cpu(tap, boot, witness):
    begin, end = cpu_of(witness, 'sampled-begin'), cpu_of(witness, 'sampled-end')
    if end[1] <= begin[1]:
        return
    share = (end[0] - begin[0]) / (end[1] - begin[1])
    of_limit = '' if boot == 'npt' else ' (%.2f of the limit)' % (share / CPU_LIMIT)  # QEMU's clock is the host's
    tap.note('sampled: the agent took %.2f %% of Dom0\'s CPU time over the migration%s' % (100 * share, of_limit))


def check_answer(tap, boot, witness, journal):
    """/api/v1/overhead: the sums of the journal's records by tracking mode."""
    answer = json.loads(witness.text('http/overhead.json') or '{}')
    boots = answer.get('boots', [])
    if not tap.equal([b['current'] for b in boots], [True], '/api/v1/overhead has one boot, this one'):
        return
    rows = {r['tracking_mode']: r for r in boots[0]['modes']}
    for mode in sorted({r['tracking_mode'] for r in journal} - {'off', 'unknown'}):
        row, of = rows.get(mode), [r for r in journal if r['tracking_mode'] == mode]
        if not tap.ok(row and not row['estimate'], '/api/v1/overhead: mode %s was measured' % mode, rows):
            continue
        tap.equal(row['migrations'], len(of), '/api/v1/overhead: mode %s: its migrations' % mode)
        for name in CAUSED + ('windows', 'lost_records'):
            tap.equal(row[name], sum(r['overhead'][name] for r in of if r['overhead']),
                      '/api/v1/overhead: mode %s: %s: those of the journal\'s records' % (mode, name))
    if boot == 'pml':
        row = rows.get('ept_wp', {})
        tap.equal((row.get('estimate'), row.get('estimate_cycles_per_violation', '')), (True, None),
                  '/api/v1/overhead: write protection, which this boot does not have, is an estimate without a guess')


def check(tap, boot, witness, steps, journal):
    """Returns the follower's account of the clean step, or None."""
    seen = None
    for step, record, episode in zip(steps, journal, witness.episodes):
        if step == 'clean' and episode.enable and episode.off:
            seen = check_whole(tap, boot, witness, record, episode)
        elif step == 'taken':
            check_taken(tap, witness, step, record)
        elif step == 'sampled':
            check_sampled(tap, boot, step, record, journal[0])
            note_cpu(tap, boot, witness)
    check_answer(tap, boot, witness, journal)
    table = witness.text('cli-overhead.txt')
    tap.ok(table.strip(), 'xenscope overhead prints its table')
    tap.note(table)
    return seen


def check_boots(tap, pml, wp):
    """The same guest with PML and without."""
    tap.begin('pml against wp')
    logging = pml.count('violations') + pml.count('pml_full')
    tap.ok(logging <= MAX_LOGGING * wp.count('violations'),
           'PML leaves %d logging exits of the %d under write protection, at most 1 in 100' %
           (logging, wp.count('violations')))
    a, b = pml.count('recalcs'), wp.count('recalcs')
    tap.ok(abs(a - b) <= MAX_RECALCS * max(a, b), 'the recalculations are alike, %d and %d' % (a, b))

