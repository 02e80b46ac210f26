# SPDX-License-Identifier: GPL-2.0-or-later
"""When the rounds of a migration were first in an answer of /api/v1/migrations, as firstseen asked for it."""
from witness import fields

LIMIT = 0.25 # s


def check(tap, step, judged, text, records):
    """records: those of the journal that firstseen may have met. judged: the clock is that of the processor, as in Bochs;
    QEMU's is the host's, where a processor that is emulated beside other work may take a second for an answer."""
    begun = {(r['id'], x['n']) for r in records for x in r['rounds'] if x['seen']}
    lines = [fields(line) for line in text.splitlines() if line.startswith('SEEN ')]
    seen = {(f['id'], int(f['n'])): float(f['seen']) - float(f['started']) for f in lines}
    tap.note('%s: rounds were seen after %s ms' % (step, ', '.join('%.0f' % (1000 * d) for d in seen.values())))
    tap.equal(set(seen) - begun, set(), '%s: each round that was seen while it ran is in the journal' % step)
    tap.ok(begun and len(seen) >= 0.8 * len(begun), '%s: %d of %d rounds were seen while they ran' %
           (step, len(seen), len(begun)), sorted(begun - set(seen)))
    if seen and judged:
        tap.ok(sorted(seen.values())[len(seen) // 2] <= LIMIT,
               '%s: in the middle they are seen within %.0f ms of their begin' % (step, 1000 * LIMIT), seen)
