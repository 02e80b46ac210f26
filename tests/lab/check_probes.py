#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check_probes.py RUN: migrations that began in the middle of a probe, by the guest's own eyes and the observer's."""
import glob
import json
import os
import re
import sys

from tap import Tap
from witness import Witness, fields

AGENT = 'xenscoped'


def check_memory(tap, witness, moments):
    beats = [fields(line) for name in ('guest-work.log', 'guest-work--incoming.log')
             for line in witness.text(name).splitlines() if 'DOMU t=' in line]
    tap.ok(len(beats) > 3 * len(moments), 'the guest lived on', len(beats))
    tap.equal({b.get('bad') for b in beats}, {'0'}, 'no page that the guest wrote was lost on the way')


def check_operations(tap, witness):
    """Who switched off what: each OFF of the agent's must follow an ENABLE of its own."""
    tap.equal([o.op for o in witness.operations if o.comm == AGENT and o.op not in ('ENABLE_LOGDIRTY', 'OFF')], [],
              'the agent harvested nothing')
    owner, foreign, taken = {}, [], 0
    for o in witness.operations:
        if o.op == 'ENABLE_LOGDIRTY' and o.result >= 0:
            taken += o.comm != AGENT and owner.get(o.domid) == AGENT
            owner[o.domid] = o.comm
        elif o.op == 'OFF':
            if o.comm == AGENT and owner.get(o.domid) != AGENT:
                foreign.append((o.at, o.domid, owner.get(o.domid)))
            if o.result >= 0 and o.comm != AGENT and owner.get(o.domid) == AGENT:
                taken += 1
            owner.pop(o.domid, None)
    tap.equal(foreign, [], 'the agent switched off only what it had switched on itself')
    tap.note('%d migrations took over a tracking that was the probe\'s' % taken)


def check_records(tap, witness, moments):
    served = json.loads(witness.text('migrations.json') or '{}').get('migrations', [])
    migrations = [r for r in served if r['direction'] != 'probe']
    tap.equal([r['result'] for r in migrations], ['completed'] * len(moments), 'each migration is in the journal, completed')
    probes = [r for r in served if r['direction'] == 'probe']
    tap.note('%d probes in the journal: %s' % (len(probes), [r['result'] for r in probes]))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tap, run = Tap('probes'), sys.argv[1]
    witness = Witness(os.path.join(run, 'out'))
    with open(os.path.join(run, 'console.log'), encoding='utf-8', errors='replace') as f:
        ends = re.findall(r'probe ended rc=(\d+), migration rc=(\d+)', f.read())
    moments = glob.glob(witness.path('probe-*.txt'))
    tap.ok(moments and len(ends) == len(moments), 'the scenario ran to its end', ends)
    tap.equal([m for _, m in ends], ['0'] * len(ends), 'each migration arrived')
    for path in sorted(moments):
        tap.note('%s: %s' % (os.path.basename(path), witness.text(os.path.basename(path)).strip().partition('\n')[0]))
    check_memory(tap, witness, moments)
    check_operations(tap, witness)
    check_records(tap, witness, moments)
    tap.end()


main()
