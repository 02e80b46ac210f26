#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""trace.py BUILD [RECORDS]: the decoder on made traces (10 million records, of one CPU and of four), beside xenalyze and
beside cat of the file.

Five repetitions, one after the other of each program; the medians' ratios stand beside their limits: at most 1 is good.
It judges nothing. xenalyze is that of PATH, of $XENALYZE, or Debian's package, which is unpacked and not installed."""
import glob
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

REPEATED = 5
XENALYZE_TIMES = 6   # as many records per CPU second, at least
CAT_TIMES = 1.5      # of cat's CPU time, at most
RSS_LIMIT = 4096     # KiB
CPU_HZ = '2000000000'
CPUS = 1, 4


def find_xenalyze(tmp):
    found = os.environ.get('XENALYZE') or shutil.which('xenalyze')
    if not found and shutil.which('apt-get') and shutil.which('dpkg-deb'):
        subprocess.run(['apt-get', '-q', 'download', 'xen-utils-common'], cwd=tmp, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)
        for deb in glob.glob(os.path.join(tmp, 'xen-utils-common_*.deb')):
            subprocess.run(['dpkg-deb', '-x', deb, tmp], check=True)
            found = os.path.join(tmp, 'usr', 'bin', 'xenalyze')
    return found


def measure(usage, argv):
    seconds, rss, status = subprocess.run([usage] + argv, stdout=subprocess.PIPE, universal_newlines=True,
                                          check=True).stdout.split()
    if status != '0':
        sys.exit('%s ends with %s' % (argv[0], status))
    return float(seconds), int(rss)


def row(what, value, limit, unit):
    print('  %-44s %8.4g %-14s limit %-6g ratio %.2f' % (what, value, unit, limit, value / limit))


def bench(build, records, cpus, xenalyze, tmp):
    bench = os.path.join(build, 'tests', 'bench')
    usage, xenscope = os.path.join(bench, 'usage'), os.path.join(build, 'agent', 'xenscope')
    trace = os.path.join(tmp, 'trace.xt')
    with open(trace, 'wb') as f:
        subprocess.run([os.path.join(bench, 'trace_make'), records, str(cpus)], stdout=f, check=True)
    programs = {'xenscope': [xenscope, 'trace', trace], 'cat': ['cat', trace]}
    if xenalyze:
        programs['xenalyze'] = [xenalyze, '--cpu-hz', CPU_HZ, '--summary', trace]
    runs = {name: [] for name in programs}
    for argv in programs.values():
        measure(usage, argv)  # the file is in the page cache from here on
    for _ in range(REPEATED):
        for name, argv in programs.items():
            runs[name].append(measure(usage, argv))
    cpu = {name: statistics.median(r[0] for r in values) for name, values in runs.items()}
    print('%s records of %d CPUs, %d bytes, medians of %d runs' % (records, cpus, os.path.getsize(trace), REPEATED))
    for name, values in runs.items():
        print('  %-10s %.4f s of CPU (%.4f to %.4f), %.1f M records per CPU second, %d KiB resident' %
              (name, cpu[name], min(values)[0], max(values)[0], int(records) / cpu[name] / 1e6,
               max(r[1] for r in values)))
    if xenalyze:
        row('CPU, of a sixth of xenalyze --summary', cpu['xenscope'], cpu['xenalyze'] / XENALYZE_TIMES, 's')
    else:
        print('  no xenalyze to be had: not compared')
    row('CPU, beside cat of the file', cpu['xenscope'] / cpu['cat'], CAT_TIMES, "cat's")
    row('memory (resident)', max(r[1] for r in runs['xenscope']), RSS_LIMIT, 'KiB')


def main():
    build, records = os.path.abspath(sys.argv[1]), (sys.argv + ['10000000'])[2]
    with tempfile.TemporaryDirectory() as tmp:
        xenalyze = find_xenalyze(tmp)
        for cpus in CPUS:
            bench(build, records, cpus, xenalyze, tmp)


main()
