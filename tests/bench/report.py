#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""report.py RUN...: what the idle agent cost in Dom0, from the directories that make lab left.

Each figure stands beside its limit, and their ratio: at most 1 is good. It judges nothing."""
import os
import sys

CPU_LIMIT = 0.002  # of one CPU
PSS_LIMIT = 12 * 1024  # KiB, both halves
XENSTORE_LIMIT = 0  # reads a tick
HYPERCALL_LIMIT = 4  # a tick, up to 1024 domains: the list, physinfo, and a guest's CPU policy and CR4 now and then
STEP = 5  # seconds


def usage(path):
    """{moment: (uptime, ns on the CPU, PSS in KiB)}, summed over both halves."""
    moments = {}
    with open(path, encoding='ascii') as f:
        for line in f:
            name, *rest = line.split()
            v = dict(word.split('=') for word in rest)
            up, ns, pss = moments.get(name, (0.0, 0, 0))
            moments[name] = (float(v['up']), ns + int(v['ns']), pss + int(v['pss_kib']))
    return moments


def metric(path, name):
    with open(path, encoding='utf-8') as f:
        return next(float(line.split()[1]) for line in f if line.startswith(name + ' '))


def row(what, value, limit, unit):
    ratio = '%.2f' % (value / limit) if limit else ('0.00' if value == 0 else 'over')
    print('  %-34s %10.4g %-10s limit %-8g ratio %s' % (what, value, unit, limit, ratio))


def report(run):
    out = os.path.join(run, 'out')
    u = usage(os.path.join(out, 'usage.txt'))
    begin, end = u['idle-begin'], u['idle-end']
    seconds = end[0] - begin[0]
    print('%s: %.1f s of Dom0 idle, 3 guests' % (os.path.basename(run), seconds))
    row('CPU of both halves', (end[1] - begin[1]) / 1e9 / seconds, CPU_LIMIT, 'of a CPU')
    row('memory of both halves (PSS)', end[2], PSS_LIMIT, 'KiB')
    for what, name, limit in (
            ('calls to the hypervisor', 'xenscope_agent_hypercalls_total', HYPERCALL_LIMIT),
            ('reads from xenstore', 'xenscope_agent_xenstore_reads_total', XENSTORE_LIMIT)):
        grown = [metric(os.path.join(out, moment + '.txt'), name) for moment in ('idle-begin', 'idle-end')]
        row(what, (grown[1] - grown[0]) / (seconds / STEP), limit, 'a tick')


if len(sys.argv) < 2:
    sys.exit(__doc__.splitlines()[0])
for directory in sys.argv[1:]:
    report(directory.rstrip('/'))
