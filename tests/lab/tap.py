# SPDX-License-Identifier: GPL-2.0-or-later
"""TAP lines: one for each claim, written as a sentence."""
import sys


class Tap:
    def __init__(self, name=''):
        self.prefix, self.count, self.failed = '', 0, 0
        self.begin(name)

    def begin(self, name):
        """What the claims that follow are about."""
        self.prefix = name + ': ' if name else ''

    def ok(self, claim, text, *seen):
        """seen: what to print when the claim does not hold."""
        self.count += 1
        print('%s %d - %s%s' % ('ok' if claim else 'not ok', self.count, self.prefix, text), flush=True)
        if not claim:
            self.failed += 1
            for s in seen:
                self.note('seen: %s' % (s,))
        return bool(claim)

    def equal(self, got, want, text):
        return self.ok(got == want, text, 'got %r, expected %r' % (got, want))

    def near(self, got, want, slack, text):
        good = got is not None and want is not None and abs(got - want) <= slack
        return self.ok(good, text, 'got %r, expected %r +- %r' % (got, want, slack))

    def note(self, text):
        for line in str(text)[:2000].splitlines():
            print('# ' + line, flush=True)

    def end(self):
        print('1..%d' % self.count)
        print('lab: %d passed, %d failed' % (self.count - self.failed, self.failed), flush=True)
        sys.exit(self.failed > 0)
