#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""journal.py BUILD [RECORDS [FILE...]]: what a long journal costs to open and to search, beside grep -c on the same file.

The records are those of FILEs (journals, as make lab leaves them), else of the logs in tests/golden, again and again
with other ids, VMs, names, times and results. It judges nothing but that grep finds the same."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

LIMIT_OPEN, LIMIT_SEARCH = 2.0, 1.0  # seconds, for a million records
RUNS = 5
VMS = 5000
STARTED = 1700000000.0
RESULTS = ['completed'] * 97 + ['failed', 'aborted', 'lost']


def samples(build, files):
    """The records as texts, cut where other values go."""
    if files:
        lines = [line for name in files for line in open(name, encoding='utf-8')]
    else:
        logs = os.path.join(os.path.dirname(__file__), '../golden/logs/replay/xenserver-8')
        lines = subprocess.check_output(
            [os.path.join(build, 'agent/xenscope'), 'migrations', '--export', 'jsonl', '--log',
             os.path.join(logs, 'daemon.log'), os.path.join(logs, 'xensource.log')], encoding='utf-8').splitlines()
    records = [json.loads(line) for line in lines]
    if not records:
        sys.exit('no record to begin with')
    for r in records:
        r.update(id='@ID@', uuid='@UUID@', name='@NAME@', started='@STARTED@', ended='@ENDED@', result='@RESULT@')
    return [json.dumps(r, separators=(',', ':')) for r in records]


def make(path, texts, n):
    with open(path, 'w', encoding='utf-8', buffering=1 << 20) as f:
        for i in range(n):
            vm, begun = i * 7919 % VMS, STARTED + i * 60.25
            text = texts[i % len(texts)]
            head, rest = text.split('"@RESULT@"', 1)
            head = head.replace('@ID@', 'm%d' % i).replace('@UUID@', '00000000-0000-4000-8000-%012d' % vm)
            head = head.replace('@NAME@', 'vm %d' % vm).replace('"@STARTED@"', repr(begun))
            f.write('%s"%s"%s\n' % (head.replace('"@ENDED@"', repr(begun + 30.5)), RESULTS[i * 31 % 100], rest))


def grep(pattern, path):
    """Lines, and the median of the seconds."""
    took = []
    for _ in range(RUNS):
        begun = time.monotonic()
        # no matter that it finds none
        found = subprocess.run(['grep', '-c', '-F', pattern, path], stdout=subprocess.PIPE,
                               env=dict(os.environ, LC_ALL='C'), check=False).stdout
        took.append(time.monotonic() - begun)
    return int(found), statistics.median(took)


def main():
    build, n = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000000
    texts = samples(build, sys.argv[3:])
    # what is asked for, and what grep has to look for if it can
    searches = [('uuid=00000000-0000-4000-8000-%012d' % 7, '"uuid":"00000000-0000-4000-8000-%012d"' % 7),
                ('uuid=00000000-0000-4000-8000-%012d' % VMS, '"uuid":"00000000-0000-4000-8000-%012d"' % VMS),
                ('name=vm 4711', '"name":"vm 4711"'), ('result=lost', '"result":"lost"'),
                ('since=%d' % (STARTED + n * 60 - 86400), None), ('toolstack=libvirt', '"toolstack":"libvirt"')]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'migrations.jsonl')
        make(path, texts, n)
        print('%d records, %d MB' % (n, os.path.getsize(path) >> 20))
        text = ''.join(s + '\n' for s, _ in searches)
        out = subprocess.run([os.path.join(build, 'tests/bench/journal_search'), folder], input=text, encoding='utf-8',
                             stdout=subprocess.PIPE, check=True).stdout
        size = os.path.getsize(os.path.join(folder, 'migrations.index'))
        print('index %d MB' % (size >> 20))
        same = True
        patterns = dict(searches)
        for line in out.splitlines():
            what, found, took = line.split('\t')
            limit = LIMIT_SEARCH if what in patterns else LIMIT_OPEN if what == 'open' else None
            told = '%-46s %8s %8.3f s' % (what, found, float(took))
            if limit:
                told += ' (limit %.0f s)' % limit
            if patterns.get(what):
                lines, theirs = grep(patterns[what], path)
                same = same and lines == int(found)
                told += ', grep -c -F %.3f s: 1/%.0f%s' % (theirs, theirs / max(float(took), 1e-6),
                                                          '' if lines == int(found) else ', but %d lines' % lines)
            print(told)
        sys.exit(not same)


main()
