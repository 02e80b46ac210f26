# SPDX-License-Identifier: GPL-2.0-or-later
"""Each claim of a test is one TAP line, a sentence."""
import sys

done = failed = 0


def ok(cond, claim, detail=""):
    global done, failed
    done += 1
    failed += not cond
    print("%sok %d - %s" % ("" if cond else "not ", done, claim), flush=True)
    if not cond and detail:
        print("# %s" % str(detail).replace("\n", "\n# "), flush=True)


def end():
    print("1..%d" % done)
    sys.exit(failed > 0)
