# SPDX-License-Identifier: GPL-2.0-or-later
"""What the agent told people, against the journal's records."""
import json

ALSO = {'migration_not_converging', 'pml_fallback'} # depends on how fast the emulator is


def check(tap, witness, journal):
    events = [json.loads(line) for line in witness.text('state/public/events.jsonl').splitlines()]
    if not tap.equal([e['seq'] for e in events], list(range(1, len(events) + 1)), 'events are counted without a gap'):
        return
    for record in journal:
        of = [e for e in events if e['migration'] == record['id']]
        want = ['migration_started', 'migration_completed' if record['result'] == 'completed' else 'migration_failed']
        if record['direction'] == 'probe':
            want = []
        if record['tracking_left_on']:
            want.append('tracking_left_on')
        tap.equal([e['kind'] for e in of if e['kind'] not in ALSO], want,
                  '%s: what became of it was told, each thing once' % record['id'])
        also = [e['kind'] for e in of if e['kind'] in ALSO]
        tap.equal(len(also), len(set(also)), '%s: so was what else there was to tell' % record['id'])
        for e in of:
            if e['kind'] == 'tracking_left_on':
                tap.ok('xenscope untrack %d' % record['domid'] in e['text'] and e['uuid'] == record['uuid'],
                       '%s: tracking that it left on is told with the guest and the way out' % record['id'], e)
    tap.equal([e for e in events if e['kind'] in ('feature_changed', 'supervisor_violation')], [],
              'no feature changed, and nothing violated SMAP')
