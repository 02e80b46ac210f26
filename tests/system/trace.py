#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""trace.py XENSCOPE DIRECTORY CAPTURE: what xenscope trace counts in real traces, against a reference and against xenalyze;
and that a capture of windows of such a trace fits its harvests."""
import glob
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile

XENSCOPE, DIRECTORY, CAPTURE = sys.argv[1:]
# where xenalyze has another name than we
NAMES = {'PENDING_INTERRUPT': 'INTERRUPT_WINDOW', 'PAUSE_INSTRUCTION': 'PAUSE'}
count = failed = 0


def ok(good, claim):
    global count, failed
    count += 1
    failed += not good
    print('%s %d - %s' % ('ok' if good else 'not ok', count, claim), flush=True)


def xenscope(*args):
    return subprocess.run([XENSCOPE, 'trace'] + list(args), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True)


def reference(text):
    """{domain: {reason: (count, cycles)}}"""
    domains = {}
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ['domain']:
            domains[int(words[1])] = reasons = {}
        elif words[:1] == ['exit']:
            reasons[int(words[1])] = int(words[-2]), int(words[-1].split('=')[1])
    return domains


def xenalyze(text):
    """{domain: {name: (count, mean cycles)}}"""
    domains = {}
    for line in text.splitlines():
        m = re.match(r'\|-- Domain (\d+)', line)
        if m:
            domains[int(m.group(1))] = reasons = {}
        m = re.match(r' (?:VMEXIT_)?(\w+) +(\d+) .* (\d+) cyc', line)
        if m:
            reasons[NAMES.get(m.group(1), m.group(1))] = int(m.group(2)), int(m.group(3))
    return domains


def counted(domain):
    return {e['reason']: (e['count'], e['cycles']) for e in domain['exits']}


def near(exit_, count_, mean):
    """xenalyze leaves out the exit whose entry the trace lacks, rounds its mean down, and leaves out part of the time
    without a CPU: where there is some, it may have less."""
    if not 0 <= exit_['count'] - count_ <= 1:
        return False
    least, most = 0.99 * count_ * mean, 1.01 * count_ * (mean + 1)
    return least <= exit_['cycles'] and (exit_['cycles'] <= most or exit_['cpu_cycles'] < exit_['cycles'])


def test(name, path, text):
    expected, second = text.split('[xenalyze]')
    r = xenscope('--json', path)
    ok(r.returncode == 0, '%s is read' % name)
    got = json.loads(r.stdout)
    domains = {d['domid']: d for d in got['domains']}
    ok({i: counted(d) for i, d in domains.items()} == reference(expected),
       '%s: counts and cycles by domain and reason equal the reference' % name)
    ok('records=%(records)d lost_records=%(lost_records)d in %(lost_events)d events, first_tsc=%(first_tsc)d '
       'last_tsc=%(last_tsc)d span=%(span_cycles)d ' % got in expected, '%s: so do records, losses and span' % name)
    ok(not got['unattributed'] and not got['skipped_bytes'] and not got['truncated'],
       '%s: nothing of it is left over' % name)
    ok(all(sum(v['exits'][k]['count'] for v in d['vcpus'] for k in range(len(v['exits']))) ==
           sum(e['count'] for e in d['exits']) for d in domains.values()), '%s: vCPUs add up to domains' % name)
    faults = ['%s %s' % (i, x) for i, reasons in xenalyze(second).items() for x, y in reasons.items()
              if not any(e['name'] == x and near(e, *y) for e in domains[i]['exits'])]
    ok(not faults, '%s: what xenalyze reports is within 1 %%' % name)
    for f in faults:
        print('# ' + f)
    r = xenscope('--cpu-hz', '200M', path)
    ok(r.returncode == 0 and max(map(len, r.stdout.splitlines())) <= 80, '%s: the table fits 80 columns' % name)
    return got


def captured(path):
    """(pages found dirty, violations in the windows before) of each harvest, domain by domain."""
    with open(path, encoding='utf-8') as f:
        events = [json.loads(line) for line in f if '"event"' in line]
    cleans = [e for e in events if e['event'] == 'shadow_op' and e.get('op') == 11 and e['source'] == 'bpf']
    windows = [e for e in events if e['event'] == 'trace_window']
    begun = {}
    for clean in cleans:
        since, begin = begun.get(clean['domid'], 0), clean['t'] - clean['seconds']
        begun[clean['domid']] = begin
        yield clean.get('dirty', 0), sum(w.get('violations', 0) for w in windows if w['domid'] == clean['domid'] and
                                  since <= (w['from'] + w['t']) / 2 < begin)


def main():
    found = list(captured(CAPTURE))
    ok(found and all(dirty == violations for dirty, violations in found),
       'intel-wp.jsonl: each round that was traced whole took as many violations as it dirtied pages')
    with tempfile.TemporaryDirectory() as tmp:
        for gz in sorted(glob.glob(os.path.join(DIRECTORY, '*.xt.gz'))):
            name = os.path.basename(gz)[:-len('.xt.gz')]
            path = os.path.join(tmp, name)
            with gzip.open(gz) as packed, open(path, 'wb') as f:
                data = packed.read()
                f.write(data)
            with open(os.path.join(DIRECTORY, name + '.txt'), encoding='utf-8') as f:
                whole = test(name, path, f.read())
            r = xenscope(gz)
            ok(r.returncode == 1 and 'gzip -d first' in r.stderr, '%s: the packed file is refused' % name)
            with open(path, 'ab') as f:
                f.write(data)
            r = xenscope('--json', '--cpu-hz', '1G', path)
            twice = json.loads(r.stdout)
            text = xenscope(path).stdout.splitlines()[0]
            ok(r.returncode == 0 and twice['backwards'] and twice['span_cycles'] is None and
               twice['span_seconds'] is None and 'cycles' not in text, '%s: with stamps that go back it has no span' % name)
            with open(path, 'r+b') as f:
                f.truncate(len(data) // 2 + 1)
            r = xenscope('--json', path)
            part = json.loads(r.stdout)
            ok(r.returncode == 0 and part['truncated'] and 0 < part['records'] < whole['records'],
               '%s: of the half of it that is whole is counted' % name)
    print('1..%d' % count)
    sys.exit(failed > 0)


main()
