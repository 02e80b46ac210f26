#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check_traces.py XENSCOPE RUN...: what xenscope trace counts in the traces that make-traces left, against exits.py."""
import json
import os
import subprocess
import sys

import exits
from tap import Tap
from witness import Witness, fields

NAMES = ('two', 'failing', 'lost', 'save')
LOST_ARCS = 0.01


def check_decoder(tap, xenscope, path, own):
    """own: counted strictly."""
    p = subprocess.run([xenscope, 'trace', '--json', path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       universal_newlines=True)
    if not tap.ok(p.returncode == 0, 'xenscope trace reads it', p.stderr):
        return
    said = json.loads(p.stdout)
    tap.equal(said['lost_records'], own.lost, 'lost records')
    domains = said['domains'] + [{'domid': exits.NOBODY, 'exits': said['unattributed']}]
    got = {(d['domid'], e['reason']): (e['count'], e['cycles']) for d in domains for e in d['exits']}
    want = {(d, r): (s.count, s.cycles) for d in own.domains() for r, s in own.by_reason(d).items()}
    # Which arcs to give up where records were lost is a matter of choice.
    for what, i, slack in ('exits', 0, 0), ('cycles', 1, LOST_ARCS if own.lost else 0):
        apart = ['domain %d, reason %d: %s, expected %s' % (at + (got.get(at), want.get(at)))
                 for at in sorted(set(got) | set(want))
                 if abs(want.get(at, (0, 0))[i] - got.get(at, (0, 0))[i]) > slack * want.get(at, (0, 0))[i]]
        tap.ok(not apart, '%s by domain and reason: %d in all' % (what, sum(v[i] for v in want.values())), '\n'.join(apart))


def check_follower(tap, witness, path):
    """The lab takes the follower's word: byte for byte it must have what xentrace, the consumer, has."""
    ends = [fields(x) for x in witness.text('follow.txt').splitlines() if x.startswith('FOLLOW end')]
    tap.ok(ends and ends[0].get('overruns') == '0', 'the follower was never a buffer behind', ends)
    theirs, ours = ({}, {})
    for into, name in (theirs, path), (ours, witness.path('two-followed.xt')):
        with open(name, 'rb') as f:
            for r in exits.records(f.read()):
                into.setdefault(r.cpu, []).append(r)
    tap.equal(sorted(ours), sorted(theirs), 'the follower saw the same CPUs')
    for cpu in sorted(theirs):
        their, our = theirs[cpu], ours.get(cpu, [])
        begin = our.index(their[0]) if their[0] in our else 0 # it began earlier, and ended a little earlier
        n = min(len(their), len(our) - begin)
        tap.ok(n > 0.9 * len(their) and their[:n] == our[begin:begin + n],
               'CPU %d: %d of the %d records that xentrace has, and they are the same' % (cpu, n, len(their)))


def check_tracked(tap, own, episode):
    """A violation for each page harvested, or a full PML buffer for 512. Nearly: Xen itself marks pages dirty that it writes
    for a guest of several vCPUs."""
    caused, dirtied = own.caused(own.of(episode.domid)), sum(episode.dirtied)
    if caused['pml_full'].count:
        tap.equal(caused['pml_full'].count, sum(d // 512 for d in episode.dirtied),
                  'domain %d: a full PML buffer for each 512 pages harvested' % episode.domid)
    else:
        tap.near(caused['violations'].count, dirtied, dirtied * 0.005,
                 'domain %d: about a violation for each page harvested' % episode.domid)


def check_trace(tap, boot, name, xenscope, witness):
    path = witness.path(name + '.xt')
    if not tap.ok(os.path.exists(path), 'the trace is there'):
        return
    own = exits.read(path, svm=boot == 'npt')
    places = {}
    for e in own.exits:
        places.setdefault((e.domid, e.vcpu), set()).add(e.cpu)
    tap.note('%d records, %d lost, domains %s, CPUs of each vCPU %s' % (
        own.records, own.lost, own.domains(), sorted((k, len(v)) for k, v in places.items())))
    if boot == 'npt':
        tap.ok(any(len(v) > 1 for v in places.values()), 'a vCPU went from one CPU to another')
    tap.equal(own.lost > 0, name == 'lost', 'records are lost only where that was meant')
    if name == 'two':
        check_follower(tap, witness, path)
        for episode in witness.episodes[:2]:
            check_tracked(tap, own, episode)
    check_decoder(tap, xenscope, path, exits.read(path, own.svm, strict=True))


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    tap = Tap()
    for run in sys.argv[2:]:
        boot = os.path.basename(os.path.normpath(run)).replace('traces-', '')
        tap.begin(boot)
        witness = Witness(os.path.join(run, 'out'))
        tap.ok(witness.complete, 'the scenario ran to its end')
        for name in NAMES:
            tap.begin('%s, %s' % (boot, name))
            check_trace(tap, boot, name, sys.argv[1], witness)
    tap.end()


main()
