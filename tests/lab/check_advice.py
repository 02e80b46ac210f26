#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check_advice.py RUN [FILE]: the agent's advice about a guest that followed a schedule, against the guest's own account.
FILE: for tests/unit/test_advice, what was measured in each minute of the schedule."""
import json
import os
import sys

import check_seen
from tap import Tap
from witness import Witness, fields

PAGES = 256          # in a MiB
BACKGROUND = 256     # pages that a kernel writes by itself within a second, at most
SLACK = 0.15         # of a rate: the guest's clock under an emulator


def read_minutes(witness):
    minutes = []
    for line in witness.text('minutes.txt').splitlines():
        f = fields(line)
        minutes.append({'n': int(f['n']), 'rate': int(f['rate']), 'what': f['what'], 'begun': int(f['begun'])})
    return minutes


def add_cpu(minutes, history):
    for m in minutes:
        at = int((m['begun'] - history['start']) // history['step'])
        m['cpu'] = history['columns'][0]['values'][at]


def add_records(minutes, records):
    for m in minutes:
        found = [r for r in records if m['begun'] <= r['started'] < m['begun'] + 60]
        m['record'] = found[0] if len(found) == 1 else None


def beats(witness):
    return [fields(line) for name in ('guest-work.log', 'guest-work--incoming.log')
            for line in witness.text(name).splitlines() if 'DOMU t=' in line]


def check_measurements(tap, minutes):
    for m in minutes:
        r = m['record']
        name = 'minute %d, %d MiB/s' % (m['n'], m['rate'])
        if not tap.ok(r and r['result'] == 'completed', '%s: its %s is in the journal, completed' % (name, m['what']), r):
            continue
        dirtied = [x['pages_dirtied'] for x in r['rounds'] if x['pages_dirtied'] is not None]
        tap.note('%s: %.3f CPU, %s dirtied %r' % (name, m['cpu'], m['what'], dirtied))
        if m['what'] == 'probe':
            want = m['rate'] * PAGES
            tap.ok(want * (1 - SLACK) <= dirtied[0] <= want * (1 + SLACK) + BACKGROUND,
                   '%s: the probe\'s first second found what the guest wrote in it' % name, dirtied)


def check_advice(tap, witness, minutes):
    advice = json.loads(witness.text('advice.json') or '{}')
    last = max(beats(witness), key=lambda b: float(b['t']))
    mean = int(last['pages']) / float(last['t'])
    tap.equal((advice.get('state'), advice.get('windows'), advice.get('covariate')), ('known', len(minutes), 'cpu'),
              'the rate is estimated by CPU time, from all measurements: %s' % advice.get('missing'))
    error = advice.get('estimate_error_ratio') or 0
    now = (advice.get('now') or {}).get('estimate_pages_per_second') or 0
    tap.note('error %.0f %%; now: %.0f pages/s; the guest wrote %.0f in the mean of its life' % (100 * error, now, mean))
    tap.ok(abs(now - mean) <= (error + SLACK) * mean, 'the estimate of the last quarter of an hour is off by no more than '
           'the stated error', now, mean)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    tap, run = Tap('advice'), sys.argv[1]
    witness = Witness(os.path.join(run, 'out'))
    records = json.loads(witness.text('migrations.json') or '{"migrations":[]}')['migrations']
    minutes = read_minutes(witness)
    if not tap.ok(minutes, 'the scenario ran'):
        tap.end()
    add_cpu(minutes, json.loads(witness.text('cpu.json')))
    add_records(minutes, records)
    check_measurements(tap, minutes)
    check_advice(tap, witness, minutes)
    check_seen.check(tap, 'migrations', witness.text('seen.txt'), records)
    if len(sys.argv) == 3:
        with open(sys.argv[2], 'w', encoding='ascii') as f:
            for m in minutes:
                for extra in ('forecast', 'forecast_error'): # by the model of that day
                    m['record'].pop(extra, None)
                f.write(json.dumps(m, separators=(',', ':')) + '\n')
    tap.end()


main()
