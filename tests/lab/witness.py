# SPDX-License-Identifier: GPL-2.0-or-later
"""What the witnesses of a boot say, without the agent: bpfdirty, streamcount, killat, xenlab, xl."""
import os
import re


class Operation:
    """One log-dirty operation as bpfdirty saw it; at: when it returned, in seconds since 1970, by Dom0's clock. Its
    begin and end by the TSC are computed from the pair of stamps that bpfdirty took a little later."""

    def __init__(self, fields, offset):
        self.at = float(fields['mono']) + offset
        self.seconds = float(fields['us']) / 1e6
        self.mono, self.pair = float(fields['mono']), (float(fields.get('tsc_mono', 0)), int(fields.get('tsc', 0)))
        self.pid, self.domid, self.comm = int(fields['pid']), int(fields['dom']), fields['comm']
        self.op, self.final = fields['op'], fields['mode'] == '1'
        self.result, self.dirty = int(fields['ret']), int(fields['dirty'])

    def tsc(self, hz):
        """(begin, end)"""
        mono, tsc = self.pair
        end = tsc - (mono - self.mono) * hz
        return end - self.seconds * hz, end


class Episode:
    """What one save or migration did: enable, the harvests, off; enable is None for a save that is not
    live, off is None where the sender died."""

    def __init__(self, domid, pid):
        self.domid, self.pid = domid, pid
        self.enable = self.off = None
        self.cleans = []
        self.had_been_left_on = False # by a sender that died

    @property
    def dirtied(self):
        return [c.dirty for c in self.cleans]

    @property
    def rounds(self):
        """How many rounds these operations are: a harvest that finds nothing begins none, and the final one ends none then."""
        empty = len(self.cleans) > 1 and self.cleans[-1].final and self.cleans[-2].dirty == 0
        return len(self.cleans) - (1 if empty else 0)

    @property
    def begin(self):
        return (self.enable or self.off).at


def fields(line):
    return dict(re.findall(r'(\w+)=(\S+)', line))


class Witness:
    def __init__(self, out):
        self.out = out
        self.operations, self.episodes = [], []
        self.complete = False
        self.clocks = [] # (CLOCK_MONOTONIC, TSC) at the begin and at the end
        self.read_observed()
        self.group()

    def path(self, name):
        return os.path.join(self.out, name)

    def text(self, name):
        try:
            with open(self.path(name), encoding='utf-8', errors='replace') as f:
                return f.read()
        except OSError:
            return ''

    def read_observed(self):
        offset = None
        for line in self.text('observed.txt').splitlines():
            f = fields(line)
            if line.startswith('BPF clock') and 'tsc' in f:
                self.clocks.append((float(f['tsc_mono']), int(f['tsc'])))
            if line.startswith('BPF clock') and offset is None:
                offset = float(f['real']) - float(f['mono'])
            elif line.startswith('BPF mono='):
                self.operations.append(Operation(f, offset))
            elif line.startswith('BPF end'):
                self.complete = True
        self.offset = offset

    def group(self):
        by_pid = {}
        for o in self.operations:
            if o.comm == 'xenlab': # by hand
                continue
            e = by_pid.get(o.pid)
            if e is None:
                e = by_pid[o.pid] = Episode(o.domid, o.pid)
                self.episodes.append(e)
            if o.op == 'ENABLE_LOGDIRTY' and o.result < 0:
                e.had_been_left_on = True # libxc switches it off and tries again
            elif o.op == 'ENABLE_LOGDIRTY':
                e.enable, e.off = o, None
            elif o.op == 'CLEAN':
                e.cleans.append(o)
            elif o.op == 'OFF':
                e.off = o

    def by_hand(self, domid):
        """The lab tracked that domain itself, without a harvest."""
        return any(o.comm == 'xenlab' and o.domid == domid for o in self.operations)

    def tsc_hz(self):
        (mono, tsc), (mono_end, tsc_end) = self.clocks[0], self.clocks[-1]
        return (tsc_end - tsc) / (mono_end - mono)

    def stream(self, step):
        """Pages with data in each pass of a migration's stream; pass 0 is the whole memory."""
        lines = self.text('stream-%s.txt' % step).splitlines()
        return [int(fields(x)['with_data']) for x in lines if x.startswith('STREAM pass=')]

    def stream_bytes(self, step):
        """Bytes of libxc's records in it."""
        return int(fields(re.search('^STREAM total .*', self.text('stream-%s.txt' % step), re.M).group())['libxc'])

    def kill(self, step):
        """When the agent was killed, since 1970, and how long after the operation; None: it was not."""
        for line in self.text('kill-%s.txt' % step).splitlines():
            f = fields(line)
            if line.startswith('KILL mono'):
                return float(f['mono']) + self.offset, float(f['after_ms'])
        return None

    def featureset(self, name):
        """{'smap': True, ...} as xenlab read it from the hypervisor."""
        for line in self.text('info.txt').splitlines():
            if line.startswith('FS %-8s 7b0' % name):
                return {k: v == '1' for k, v in fields(line).items() if v in '01'}
        return {}

    def domains(self):
        """{uuid: (name, domid)} by xl, at the end."""
        found = {}
        for line in self.text('xl-vm-list.txt').splitlines()[1:]:
            uuid, domid, name = line.split(None, 2)
            found[uuid] = (name.strip(), int(domid))
        return found
