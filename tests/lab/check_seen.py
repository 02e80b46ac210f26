# SPDX-License-Identifier: GPL-2.0-or-later
"""When the rounds of migrations were first in an answer of /api/v1/migrations, as firstseen asked for them."""
from witness import fields


def check(tap, step, text, records):
    """records: those of the journal that firstseen may have met. How long it took is printed, not judged: QEMU's clock is
    the host's, on which a processor that is emulated beside other work may take a second for an answer. On a replay
    tests/system/rounds.py judges it."""
    begun = {(r['id'], x['n']) for r in records for x in r['rounds'] if x['seen']}
    lines = [fields(line) for line in text.splitlines() if line.startswith('SEEN ')]
    seen = {(f['id'], int(f['n'])): float(f['seen']) - float(f['started']) for f in lines}
    tap.ok(seen and set(seen) <= begun, '%s: the rounds that were seen while they ran are in the journal' % step, seen, begun)
    tap.note('%s: %d of %d rounds were seen while it ran, after %s ms' %
             (step, len(seen), len(begun), ', '.join('%.0f' % (1000 * d) for d in sorted(seen.values()))))
