#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""exits.py FILE [--svm] [--strict]

The lab's own count of the exits in a raw trace (xentrace's, tracefollow's), by domain and reason. It shares no code with the
agent and must never: it is what the agent is measured against. Layout of the records: xen/include/public/trace.h.

cycles: of the arcs from a vCPU's exit to its next entry; on_cpu: the same less the time in which it had no CPU.
strict: who runs is told by a switch alone, not by "continue running" nor by what is said where records were lost; so counts
xenscope trace, as the reference counts of its tests were made."""
import collections
import struct
import sys

LOST_RECORDS, CPU_CHANGE = 0x1f001, 0x1f003
RUNSTATE_CHANGE, CONTINUE_RUNNING = 0x21001, 0x21002
VMENTRY, VMEXIT, SVM_VMEXIT, NPF = 0x81001, 0x81002, 0x81003, 0x82021
WIDE = 0x100            # the same event with 64-bit addresses
RUNNING = 0             # of runstates
NOBODY = 0xffff         # it is not known whose exits these are
LOGDIRTY, WRITE = 2, 2  # p2m type, and the bit of a qualification
EPT_VIOLATION, EPT_MISCONFIG, PML_FULL, SVM_NPF = 48, 49, 62, 0x400

Record = collections.namedtuple('Record', 'cpu event tsc data')


class Exit:
    """One exit of a vCPU; closed by its next entry, on whatever CPU."""
    __slots__ = ('tsc', 'cpu', 'domid', 'vcpu', 'reason', 'npf', 'logdirty', 'cycles', 'away')

    def __init__(self, tsc, cpu, domid, vcpu, reason):
        self.tsc, self.cpu, self.domid, self.vcpu, self.reason = tsc, cpu, domid, vcpu, reason
        self.npf = self.logdirty = False
        self.cycles, self.away = None, 0

    @property
    def on_cpu(self):
        return None if self.cycles is None else self.cycles - self.away


class Sum:
    """Of some exits."""

    def __init__(self, exits=()):
        exits = list(exits)
        self.count = len(exits)
        self.cycles = sum(e.cycles or 0 for e in exits)
        self.on_cpu = sum(e.on_cpu or 0 for e in exits)


def records(data):
    cpu, at = 0, 0
    while at + 4 <= len(data):
        head, = struct.unpack_from('<I', data, at)
        words, has_tsc = head >> 28 & 7, head >> 31
        size = 4 + 8 * has_tsc + 4 * words
        if at + size > len(data):
            raise ValueError('the file ends in a record, at byte %d of %d' % (at, len(data)))
        tsc = struct.unpack_from('<Q', data, at + 4)[0] if has_tsc else None
        extra = struct.unpack_from('<%dI' % words, data, at + 4 + 8 * has_tsc)
        at += size
        if head & 0xfffffff == CPU_CHANGE:
            cpu = extra[0]
        else:
            yield Record(cpu, head & 0xfffffff, tsc, extra)


class Trace:
    def __init__(self, data, svm=False, strict=False):
        self.svm, self.strict, self.records, self.lost = svm, strict, 0, 0
        self.first = self.last = None
        self.exits = []
        self.entries = collections.Counter()  # by domain
        self.steps = []   # what arcs are made of: (stamp, number in the file, CPU, what, vCPU, exit)
        self.running = {} # by CPU
        self.latest = {}  # the newest exit of a CPU
        for r in records(data):
            self.take(r)
        self.close()

    def take(self, r):
        self.records += 1
        if r.tsc:
            self.first = min(self.first or r.tsc, r.tsc)
            self.last = max(self.last or r.tsc, r.tsc)
        if r.event == LOST_RECORDS: # says who runs when it is written
            self.lost += r.data[0]
            if self.strict:
                self.running.pop(r.cpu, None)
            else:
                self.running[r.cpu] = r.data[1] & 0xffff, r.data[1] >> 16
            self.latest.pop(r.cpu, None)
            self.step(r, 'lost', None)
        elif r.event & ~0xff0 == RUNSTATE_CHANGE:
            self.runstate(r, old=r.event >> 8 & 3, new=r.event >> 4 & 3)
        elif r.event == CONTINUE_RUNNING and not self.strict:
            self.running[r.cpu] = self.vcpu_of(r)
        elif r.event == VMENTRY:
            who = self.who(r)
            self.entries[who[0]] += 1
            self.step(r, 'entry', who)
        elif r.event & ~WIDE in (VMEXIT, SVM_VMEXIT):
            self.svm |= r.event & ~WIDE == SVM_VMEXIT
            e = self.latest[r.cpu] = Exit(r.tsc, r.cpu, *self.who(r), r.data[0])
            self.exits.append(e)
            self.step(r, 'exit', (e.domid, e.vcpu), e)
        elif r.event & ~WIDE == NPF and r.cpu in self.latest:
            qualification, p2m_type = r.data[-2:]
            e = self.latest[r.cpu]
            e.npf = True
            e.logdirty = p2m_type == LOGDIRTY and bool(qualification & WRITE)

    @staticmethod
    def vcpu_of(r):
        return r.data[0] >> 16, r.data[0] & 0xffff

    def who(self, r):
        return self.running.get(r.cpu, (NOBODY, r.cpu))

    def runstate(self, r, old, new):
        who = self.vcpu_of(r)
        if new == RUNNING:
            self.running[r.cpu] = who
            self.step(r, 'run', who)
        elif old == RUNNING:
            self.step(r, 'stop', who)

    def step(self, r, what, who, e=None):
        self.steps.append((r.tsc, self.records, r.cpu, what, who, e))

    def close(self):
        """The arcs, in the order of time: a vCPU may enter on another CPU than it left, once it was seen to stop there. Where
        records were lost it may have done anything: an arc of that CPU, or of a vCPU that had none, is given up."""
        opened, away, place = {}, {}, {}
        for tsc, _, cpu, what, who, e in sorted(self.steps, key=lambda s: s[:2]):
            if what in ('run', 'entry') and who not in away and place.get(who, cpu) != cpu:
                opened.pop(who, None)
            if what == 'exit':
                opened[who] = e
                away.pop(who, None)
            elif what == 'stop':
                away[who] = tsc
            elif what == 'run' and who in away:
                gone = tsc - away.pop(who)
                if who in opened:
                    opened[who].away += gone
            elif what == 'entry' and who in opened:
                e = opened.pop(who)
                e.cycles = tsc - e.tsc
            elif what == 'lost':
                opened = {v: e for v, e in opened.items() if place[v] != cpu and v not in away}
            place[who] = cpu
        self.steps = []

    def domains(self):
        return sorted({e.domid for e in self.exits})

    def of(self, domid, begin=None, end=None):
        """The exits of a domain from one stamp to another."""
        return [e for e in self.exits if e.domid == domid and (begin is None or e.tsc >= begin) and
                (end is None or e.tsc < end)]

    # What dirty tracking causes. On Intel a violation is a write to a page of that p2m type. On AMD, where the record is
    # written when the type has been changed, it is a fault that left a record: one that only brings an entry of the
    # tables up to date leaves none.
    def violation(self, e):
        return e.reason == SVM_NPF and e.npf if self.svm else e.reason == EPT_VIOLATION and e.logdirty

    def pml_full(self, e):
        return not self.svm and e.reason == PML_FULL

    def recalc(self, e):
        return e.reason == SVM_NPF and not e.npf if self.svm else e.reason == EPT_MISCONFIG

    def caused(self, exits):
        """{what the journal calls it: sum}."""
        return {'violations': Sum(e for e in exits if self.violation(e)),
                'pml_full': Sum(e for e in exits if self.pml_full(e)),
                'recalcs': Sum(e for e in exits if self.recalc(e))}

    def by_reason(self, domid):
        of = self.of(domid)
        return {reason: Sum(e for e in of if e.reason == reason) for reason in sorted({e.reason for e in of})}


def read(path, svm=False, strict=False):
    with open(path, 'rb') as f:
        return Trace(f.read(), svm, strict)


def main():
    options = [a for a in sys.argv[1:] if a.startswith('--')]
    files = [a for a in sys.argv[1:] if not a.startswith('--')]
    if len(files) != 1 or set(options) - {'--svm', '--strict'}:
        sys.exit(__doc__.splitlines()[0])
    t = read(files[0], '--svm' in options, '--strict' in options)
    print('records=%d lost=%d tsc=%s..%s' % (t.records, t.lost, t.first, t.last))
    for d in t.domains():
        of = t.of(d)
        print('domain %s exits=%d entries=%d npf=%d %s' % (
            d, len(of), t.entries[d], sum(e.npf for e in of),
            ' '.join('%s=%d' % (k, s.count) for k, s in t.caused(of).items())))
        for reason, s in t.by_reason(d).items():
            print('  exit %4d 0x%03x %8d cycles=%d on_cpu=%d' % (reason, reason, s.count, s.cycles, s.on_cpu))


if __name__ == '__main__':
    main()
