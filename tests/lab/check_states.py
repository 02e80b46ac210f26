#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check_states.py RUN: what the agent said of SMAP and SMEP in the boots of states, against Xen's CR4."""
import json
import os
import re
import sys

from tap import Tap

# boot: (cpu, host, xen, hvm, reason) of SMAP, then of SMEP; reason: a part of it
YES = ('yes', 'yes', 'yes', 'yes', None)
ABSENT = ('no', 'no', 'no', 'no', 'absent in the CPU')


def off(reason):
    return ('yes', 'no', 'no', 'no', reason)


def guests_only(reason):
    return ('yes', 'yes', 'no', 'yes', reason)


STATES = {
    'default': (YES, YES),
    'smap-0': (off('smap=0'), YES),
    'no-smap': (off('no-smap'), YES),
    'smep-0': (YES, off('smep=0')),
    'smap-hvm': (guests_only('smap=hvm'), YES),
    'smep-hvm': (YES, guests_only('smep=hvm')),
    'cpuid-no-smap': (off('cpuid=no-smap'), YES),
    'both-0': (off('smap=0'), off('smep=0')),
    'last-wins': (guests_only('smap=hvm'), YES),
    'cpu-no-smap': (ABSENT, YES),
    'cpu-neither': (ABSENT, ABSENT),
}
CR4_BIT = {'smap': 21, 'smep': 20}


def text(path):
    try:
        with open(path, encoding='utf-8', errors='replace') as f:
            return f.read()
    except OSError:
        return ''


def check(tap, out, expected):
    try:
        features = json.loads(text(os.path.join(out, 'features.json')))['features']
    except (ValueError, KeyError) as e:
        tap.ok(False, 'the agent reported the features', e)
        return
    cr4 = re.findall(r'cr4: ([0-9a-f]+)', text(os.path.join(out, 'ring-with-cr4.txt')))
    if not tap.ok(cr4, 'Xen told its CR4'):
        return
    for name, want in zip(('smap', 'smep'), expected):
        f = features[name]
        got = tuple(f[k] for k in ('cpu', 'host', 'xen', 'hvm'))
        tap.equal(got, want[:4], '%s in CPU, host, Xen and guests: %s' % (name, ' '.join(want[:4])))
        tap.equal(f['pv'], 'no', '%s is not offered to PV guests' % name)
        tap.ok((want[4] or '') in (f['reason'] or ''), '%s: the reason is %s' % (name, want[4]), f['reason'])
        on = int(cr4[-1], 16) >> CR4_BIT[name] & 1
        tap.equal(f['xen'], 'yes' if on else 'no', '%s: CR4 of Xen itself is 0x%s' % (name, cr4[-1]))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.splitlines()[0])
    tap = Tap()
    for name, expected in STATES.items():
        tap.begin(name)
        check(tap, os.path.join(sys.argv[1], 'state-' + name, 'out'), expected)
    tap.end()


main()
