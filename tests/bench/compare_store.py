#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""compare_store.py STORE [DIR]: what storing a tick costs the agent, collectd, netdata and bare librrd, side by side.

STORE is the program tests/bench/store, DIR has room for 4 GB (default: the current directory). All run at the same time
at the same pace, each with its own files; CPU time of all threads and bytes dirtied come from /proc, a row for each
window, then medians and ratios. collectd needs its package and headers (collectd-core, collectd-dev), netdata
netdata-core; what is not here is left out. Of netdata counts what it takes more than one that stores nothing; it
writes a page when it has 1024 values, so what that costs is seen only by runs of more ticks. The files of the others
are held in memory (hold.py says why), which takes 5 GB of it, unless XENSCOPE_BENCH_HOLD is 0.
XENSCOPE_BENCH_PACE (5 s), _WINDOWS (5), _TICKS (60 a window), _DOMAINS (1000)."""
import glob
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../tools'))
import netdata
PACE = int(os.environ.get('XENSCOPE_BENCH_PACE', 5))
WINDOWS = int(os.environ.get('XENSCOPE_BENCH_WINDOWS', 5))
TICKS = int(os.environ.get('XENSCOPE_BENCH_TICKS', 60))
DOMAINS = int(os.environ.get('XENSCOPE_BENCH_DOMAINS', 1000))
HOLD = os.environ.get('XENSCOPE_BENCH_HOLD', '1') != '0'
INCLUDE = '/usr/include/collectd/core'
LIMITS = (  # what, of whom, at most
    ('CPU', 'collectd', 0.12),
    ('CPU', 'collectd, CacheTimeout 60', 0.4),
    ('CPU', 'netdata', 0.4),
    ('CPU', 'librrd', 1.3),
    ('bytes', 'collectd', 0.1),
)
IDLE = 'netdata-idle'
CONFIG = '''
BaseDir "{top}"
PIDFile "{top}/pid"
PluginDir "{top}/plugins"
TypesDB "{top}/types.db"
Interval {pace}
LoadPlugin rrdtool
LoadPlugin collectd_load
<Plugin rrdtool>
	DataDir "{top}/rrd"
	{more}
</Plugin>
<Plugin collectd_load>
	Domains {domains}
</Plugin>
'''


def usage(pid):
    """(seconds of CPU, bytes dirtied) of all threads."""
    ns = 0
    for path in glob.glob('/proc/%d/task/*/schedstat' % pid):
        with open(path, encoding='ascii') as f:
            ns += int(f.read().split()[0])
    with open('/proc/%d/io' % pid, encoding='ascii') as f:
        dirtied = next(int(line.split()[1]) for line in f if line.startswith('write_bytes:'))
    return ns / 1e9, dirtied


def start_collectd(top, more):
    plugins = os.path.join(top, 'plugins')
    os.makedirs(plugins)
    subprocess.check_call(['cc', '-O2', '-fPIC', '-shared', '-DHAVE_CONFIG_H', '-I' + INCLUDE, '-I' + INCLUDE + '/daemon',
                           '-I' + INCLUDE + '/..', '-o', os.path.join(plugins, 'collectd_load.so'),
                           os.path.join(HERE, 'collectd_load.c')])
    shutil.copy(glob.glob('/usr/lib*/collectd/rrdtool.so')[0], plugins)
    with open(os.path.join(top, 'types.db'), 'w', encoding='ascii') as f:
        f.write('xen_load ' + ', '.join('v%d:%s:U:U' % (i, 'DERIVE' if i < 5 else 'GAUGE') for i in range(10)) + '\n')
    with open(os.path.join(top, 'conf'), 'w', encoding='ascii') as f:
        f.write(CONFIG.format(top=top, pace=PACE, more=more, domains=DOMAINS))
    p = subprocess.Popen(['collectd', '-f', '-C', os.path.join(top, 'conf')], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    while len(glob.glob(os.path.join(top, 'rrd', '**', '*.rrd'), recursive=True)) < DOMAINS:
        time.sleep(1)
        if p.poll() is not None:
            sys.exit('collectd ended')
    return p


def start_netdata(running, top):
    """One that is fed and one that is not, so that their difference is what storing costs."""
    feed = os.path.join(HERE, 'netdata_load'), str(DOMAINS)
    for name, plugin in (IDLE, ()), ('netdata', feed):
        command, url = netdata.prepare(os.path.join(top, name), PACE, *plugin)
        running[name] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not netdata.ask(url, 'data?chart=xen.%06d' % (DOMAINS - 1)):
        time.sleep(1)
        if running['netdata'].poll() is not None:
            sys.exit('netdata ended')


def start_holder(top):
    p = subprocess.Popen([os.path.join(HERE, 'hold.py'), top], stdout=subprocess.PIPE)
    if p.stdout.readline() != b'held\n':
        sys.exit('the files cannot be held in memory: XENSCOPE_BENCH_HOLD=0 measures without')
    return p


def start_store(program, way, top):
    p = subprocess.Popen([program, way, top, str(DOMAINS), '1000000', str(PACE)], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL)
    if p.stdout.readline() != b'ready\n':
        sys.exit('%s %s ended' % (program, way))
    return p


def start(program, top, running):
    if os.path.isdir(INCLUDE) and shutil.which('collectd'):
        running['collectd'] = start_collectd(os.path.join(top, 'c'), '')
        running['collectd, CacheTimeout 60'] = start_collectd(
            os.path.join(top, 'cc'), 'CacheTimeout %d\n\tCacheFlush %d' % (60 * PACE, 600 * PACE))
    else:
        print('collectd or its headers are not here')
    if shutil.which('netdata'):
        start_netdata(running, os.path.join(top, 'n'))
    else:
        print('netdata is not here')
    for way in 'librrd', 'agent':
        running[way] = start_store(program, way, os.path.join(top, way))


def measure(running):
    """{name: [(ms of CPU a tick, kB a tick)]}, a pair for each window."""
    figures = {name: [] for name in running}
    os.sync()
    time.sleep(30 if PACE > 1 else 5)
    before = {name: usage(p.pid) for name, p in running.items()}
    for window in range(WINDOWS):
        time.sleep(TICKS * PACE)
        for name, p in running.items():
            now = usage(p.pid)
            cpu, dirtied = now[0] - before[name][0], now[1] - before[name][1]
            figures[name].append((cpu / TICKS * 1e3, dirtied / TICKS / 1e3))
            print('  window %d  %-26s %7.2f ms  %8.1f kB' % (window + 1, name, *figures[name][-1]), flush=True)
            before[name] = now
    if IDLE in figures:
        idle = figures.pop(IDLE)
        figures['netdata'] = [(n[0] - i[0], n[1] - i[1]) for n, i in zip(figures['netdata'], idle)]
    return figures


def report(figures):
    print('%d domains x 10 values, a tick each %d s, medians of %d x %d ticks, files %s' % (
        DOMAINS, PACE, WINDOWS, TICKS, 'held in memory' if HOLD else 'in memory while the kernel keeps them'))
    median = {}
    for name, pairs in figures.items():
        cpu, dirtied = zip(*pairs)
        median[name] = {'CPU': statistics.median(cpu), 'bytes': statistics.median(dirtied)}
        print('  %-26s %7.2f ms (%.2f-%.2f)  %8.1f kB (%.1f-%.1f) a tick' % (
            name, median[name]['CPU'], min(cpu), max(cpu), median[name]['bytes'], min(dirtied), max(dirtied)))
    for what, whom, limit in LIMITS:
        if whom in median:
            print('  agent: %.3f of the %s of %s, limit %g' % (
                median['agent'][what] / median[whom][what], what, whom, limit))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__.splitlines()[0])
    top = tempfile.mkdtemp(prefix='bench-store.', dir=sys.argv[2] if len(sys.argv) > 2 else '.')
    running, holders = {}, []
    try:
        start(os.path.abspath(sys.argv[1]), os.path.abspath(top), running)
        if HOLD:
            holders.append(start_holder(top))
        figures = measure(running)
        if any(p.poll() is not None for p in holders + list(running.values())):
            sys.exit('one of them ended meanwhile: these figures are worth nothing')
        report(figures)
    finally:
        for p in holders + list(running.values()):
            p.send_signal(signal.SIGKILL)
            p.wait()
        shutil.rmtree(top)


main()
