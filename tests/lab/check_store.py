# SPDX-License-Identifier: GPL-2.0-or-later
"""The RRD files that the agent left, read with Debian's rrdtool."""
import math
import os
import subprocess

STEP = 5


def fetch(path, start, end, cf='AVERAGE'):
    """{data source: [(end of the step, value)]}, without unknown values: the steps that these times touch."""
    start, end = int(start) // STEP * STEP, (int(end) // STEP + 1) * STEP
    p = subprocess.run(['rrdtool', 'fetch', path, cf, '-r', str(STEP), '-s', str(start), '-e', str(end)],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if p.returncode:
        return {}
    lines = p.stdout.splitlines()
    names = lines[0].split()
    series = {n: [] for n in names}
    for line in lines[1:]:
        if ':' not in line:
            continue
        time, values = line.split(':', 1)
        for name, value in zip(names, values.split()):
            if start < int(time) <= end and not math.isnan(float(value)):
                series[name].append((int(time), float(value)))
    return series


def total(series):
    """The integral of a rate."""
    return sum(v for _, v in series) * STEP


def check_tracking(tap, public, record, episode):
    path = os.path.join(public, 'vm', record['uuid'] + '.tracking.rrd')
    if not tap.ok(os.path.exists(path), 'the guest has an RRD of its tracking', path):
        return
    begin, end = episode.enable.at, episode.off.at
    series = fetch(path, begin - 4 * STEP, end + STEP) # the tick after the end is in it
    dirtied, rounds = series.get('pages_dirtied', []), series.get('rounds', [])
    want = sum(episode.dirtied)
    tap.near(total(dirtied), want, want * 0.005, 'the RRD holds the pages dirtied: rate times step adds up to %d' % want)
    tap.near(total(rounds), episode.rounds, 0.1, 'the RRD holds the %d rounds' % episode.rounds)
    # A counter's growth between two ticks lies in the steps that these touch.
    first, last = episode.cleans[0].at - 2 * STEP, episode.cleans[-1].at + 3 * STEP
    outside = [(t, v) for t, v in dirtied if v and not first < t <= last]
    tap.equal(outside, [], 'the RRD has them at the time of the harvests, and at no other')
    tracked = total(series.get('tracked_seconds', []))
    tap.near(tracked, end - begin, 1.0, 'the RRD holds the time of tracking, %.1f s' % (end - begin))
    for name in 'violations', 'pml_full', 'recalcs':
        want = (record.get('overhead') or {}).get(name)
        if want is not None:
            tap.near(total(series.get(name, [])), want, max(0.1, want * 0.005), 'the RRD holds the exits: %s, %d' % (name, want))


def check_host(tap, public, record, episode, domains):
    path = os.path.join(public, 'host.rrd')
    series = fetch(path, episode.enable.at - 4 * STEP, episode.off.at + STEP)
    seen = [v for _, v in series.get('domains', [])]
    tap.ok(seen and min(seen) >= domains - 0.01, 'host.rrd has the number of domains, %d' % domains, seen)
    tap.near(total(series.get('migrations', [])), 1, 0.05, 'host.rrd counts one migration in that time')
    tap.near(total(series.get('migration_rounds', [])), episode.rounds, 0.1, 'host.rrd counts its rounds')
    running = [t for t, v in series.get('migrations_running', []) if v > 0]
    tap.ok(running and episode.enable.at - STEP < running[0] and running[-1] < episode.off.at + 2 * STEP,
           'host.rrd shows it running while it ran', running)


def check(tap, witness, journal, domains):
    public = witness.path('state/public')
    for name in 'host.rrd', 'migrations.jsonl':
        tap.ok(os.path.exists(os.path.join(public, name)), 'the agent left %s' % name)
    for uuid, (name, _) in sorted(witness.domains().items(), key=lambda x: x[1][1]):
        tap.ok(os.path.exists(os.path.join(public, 'vm', uuid + '.rrd')), 'the agent left an RRD of %s' % name)
    if journal and witness.episodes and witness.episodes[0].cleans and witness.episodes[0].off:
        check_tracking(tap, public, journal[0], witness.episodes[0])
        check_host(tap, public, journal[0], witness.episodes[0], domains)
