#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check.py DIRECTORY...

Asserts what boots of the lab left. A directory is that of a run, LAB_DIR/run/pml (or wp, npt: its name says
what to expect), also one that was kept from another day. Python's standard library, rrdtool, promtool.
"""
import json
import os
import re
import subprocess
import sys
import traceback

import check_api
import check_events
import check_features
import check_overhead
import check_rounds
import check_store
from tap import Tap
from witness import Witness, fields

STEPS = ('clean', 'sampled', 'taken', 'interrupted', 'fail', 'after_off', 'mid_round', 'save', 'several')
SEVERAL = 3 # migrations and saves in that step, side by side
IDLE_CPU_LIMIT = 0.002  # of one CPU; make bench prints it too: a time is never asserted
MAX_PSS_KIB = 12 * 1024


def read(path):
    try:
        with open(path, encoding='utf-8', errors='replace') as f:
            return f.read()
    except OSError:
        return ''


def steps_of(console):
    return [s for s in re.findall(r'LAB t=\S+ step (\w+)$', console, re.M) if s in STEPS]


def by_episode(journal, episodes):
    """The records in the order of the episodes: what runs side by side ends in any order."""
    left, found = list(journal), []
    for e in episodes:
        record = next((r for r in left if r['domid'] == e.domid), None)
        if record:
            left.remove(record)
            found.append(record)
    return found + left


def each(steps, records):
    """A word for each record: what runs side by side is a pair, or a save."""
    words = []
    for s in steps:
        of = records[len(words):len(words) + SEVERAL]
        words += ['save' if r['direction'] == 'save' else 'pair' for r in of] if s == 'several' else [s]
    return words


def read_journal(tap, witness):
    records = []
    for line in witness.text('state/public/migrations.jsonl').splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            tap.ok(False, 'each line of the journal is JSON', line)
    left = witness.text('state/public/migrations.open').strip()
    tap.equal(left, '', 'nothing is left in migrations.open')
    return records


def check_usage(tap, boot, witness):
    """Cost of the idle agent: both halves, three guests, no migration."""
    seen = {}
    for line in witness.text('usage.txt').splitlines():
        f = fields(line)
        seen.setdefault(line.split()[0], {})[f['pid']] = f
    begin, end = seen.get('idle-begin', {}), seen.get('idle-end', {})
    if not tap.ok(len(begin) == 2 and set(begin) == set(end), 'the agent is two processes', seen):
        return
    wall = sum(float(end[p]['up']) - float(begin[p]['up']) for p in end) / len(end)
    cpu = sum(int(end[p]['ns']) - int(begin[p]['ns']) for p in end) / 1e9
    pss = sum(int(f['pss_kib']) for f in end.values())
    of_limit = '' if boot == 'npt' else ' (%.2f of the limit)' % (cpu / wall / IDLE_CPU_LIMIT) # QEMU's clock is the host's
    tap.note('idle agent: %.3f %% of one CPU over %.0f s%s, %.1f MiB' % (100 * cpu / wall, wall, of_limit, pss / 1024))
    tap.ok(pss <= MAX_PSS_KIB, 'both processes together take at most 12 MiB', pss)


def check_unit(tap, witness, console):
    """All that the boot shows was seen with the unit's capabilities."""
    status = dict(re.findall(r'^(\w+):\s+(\S+)', witness.text('status'), re.M))
    names = ' '.join(re.findall(r'^CapabilityBoundingSet=(.*)', witness.text('xenscoped.service'), re.M)).split()
    header = read('/usr/include/linux/capability.h')
    number = {n: int(i) for n, i in re.findall(r'^#define (CAP_\w+)\s+(\d+)$', header, re.M)}
    want = '%016x' % sum(1 << number.get(n, 63) for n in names)
    tap.equal((status.get('CapEff'), status.get('CapBnd')), (want, want), "the agent has its unit's capabilities and no other")
    tap.equal((status.get('Umask'), status.get('NoNewPrivs')), ('0077', '1'), 'its umask, and no new privileges')
    at = {w: float(t) for t, w in reversed(re.findall(r'LAB t=(\S+) (rpm begin|rpm end|agent start|agent answers)', console))}
    installing = 'rpm -i %.1f s, ' % (at['rpm end'] - at['rpm begin']) if 'rpm end' in at else ''
    tap.note('installed: %sfrom the start to the first JSON answer %.1f s (goal for both: 10)' %
             (installing, at['agent answers'] - at['agent start']))


def check_ends(tap, witness):
    tap.equal(witness.text('agent-exit.txt').strip(), '0', 'the agent ends with status 0 at SIGTERM')
    tap.equal(witness.text('uprobes-left.txt').strip(), '', 'and leaves no probe in the kernel')


def check_guest(tap, witness):
    """The guest finds in each page what it wrote last."""
    beats = [fields(line) for name in ('guest-work.log', 'guest-work--incoming.log')
             for line in witness.text(name).splitlines() if 'DOMU t=' in line]
    tap.ok(beats and all(b.get('bad') == '0' for b in beats), 'no page that the guest wrote was lost on the way',
           beats[-1:])


def check_capture(tap, witness):
    lines = witness.text('capture.jsonl').splitlines()
    if not lines:
        return
    whole = 0
    for line in lines:
        try:
            whole += isinstance(json.loads(line), dict)
        except ValueError:
            break
    tap.equal(whole, len(lines), 'the capture is JSON, line by line')


def check_stream(tap, directory):
    """Xen's own reader of streams, on what the clean migration sent."""
    lab = os.path.dirname(os.path.dirname(directory))
    xen, copy = os.path.join(lab, 'rig/root/usr/lib/xen-4.17'), os.path.join(directory, 'out/stream-clean.bin')
    r = subprocess.run(['python3', os.path.join(xen, 'bin/verify-stream-v2'), '-f', 'xl', '-i', copy],
                       env=dict(os.environ, PYTHONPATH=os.path.join(xen, 'lib/python')), stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, universal_newlines=True)
    tap.ok(r.returncode == 0, 'verify-stream-v2 accepts the copied stream', r.stdout[-500:])


def check_boot(tap, boot, directory):
    """Returns the trace follower's account of the boot's first migration, or None."""
    tap.begin(boot)
    result, console = read(os.path.join(directory, 'result')), read(os.path.join(directory, 'console.log'))
    console = console.replace('\r', '')
    if not tap.ok(result.startswith('rc=0 '), 'the scenario ran to its end', result,
                  '\n'.join(x for x in console.splitlines() if 'LAB' in x)[-1500:]):
        return None
    witness = Witness(os.path.join(directory, 'out'))
    steps, journal = steps_of(console), read_journal(tap, witness)
    records = by_episode(journal, witness.episodes)
    steps = each(steps, records)
    check_rounds.check(tap, boot, witness, steps, records)
    followed = check_overhead.check(tap, boot, witness, steps, records)
    api = check_api.check(tap, witness, journal)
    check_events.check(tap, witness, journal)
    check_features.check(tap, boot, witness, api.json('features.json'),
                         [r['name'] for s, r in zip(steps, records) if s == 'pair'])
    check_store.check(tap, witness, journal, domains=4)
    check_usage(tap, boot, witness)
    check_unit(tap, witness, console)
    check_ends(tap, witness)
    check_guest(tap, witness)
    check_capture(tap, witness)
    if boot == 'npt':
        check_stream(tap, os.path.abspath(directory))
    return followed


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__.splitlines()[0])
    tap, followed = Tap(), {}
    for directory in sys.argv[1:]:
        boot = os.path.basename(os.path.normpath(directory)).split('.')[0].split('-')[0]
        try:
            followed[boot] = check_boot(tap, boot, directory)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as e:
            tap.ok(False, 'what the boot left can be read', repr(e), traceback.format_exc())
    if followed.get('pml') and followed.get('wp'):
        check_overhead.check_boots(tap, followed['pml'], followed['wp'])
    tap.end()


main()
