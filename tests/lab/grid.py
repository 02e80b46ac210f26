#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""grid.py RUN POINTS LINK: of the boots RUN/grid-*, each record of the agent's journal with its point of the grid (the list
in the file POINTS), one a line, after the lab's witnesses were asked: the harvests that bpfdirty saw, and the pages in
the stream. A record that they contradict ends it."""
import glob
import json
import os
import re
import sys

from witness import Witness

HOLD_OUT = 3 # every third point of the list


def stream_pages(path):
    with open(path, encoding='ascii', errors='replace') as f:
        return [int(n) for n in re.findall(r'^STREAM pass=\d+ pages=(\d+)', f.read(), re.M)]


def check(name, record, episode, stream):
    """What is wrong with the record, or None."""
    dirtied = [r['pages_dirtied'] for r in record['rounds']]
    if dirtied != episode.dirtied[:len(dirtied)] or record['final']['pages'] != episode.dirtied[-1]:
        return '%s: the agent saw %s, the witness %s' % (name, dirtied, episode.dirtied)
    sent = [r['frames_sent'] for r in record['rounds']] + [record['final']['pages']]
    # A pass ends where page numbers start again: a small one may look like a part of the one before.
    if sum(stream) != sum(sent):
        return '%s: the agent counted %s, the stream %s' % (name, sent, stream)
    return None


def main():
    run, link = sys.argv[1], float(sys.argv[3])
    with open(sys.argv[2], encoding='ascii') as f:
        number = {line.split(':')[0]: i for i, line in enumerate(f, 1)}
    lines = []
    for boot in sorted(glob.glob(os.path.join(run, 'grid-*'))):
        out = os.path.join(boot, 'out')
        witness = Witness(out)
        with open(os.path.join(out, 'points.txt'), encoding='ascii') as f:
            points = [line.split()[0] for line in f]
        with open(os.path.join(out, 'migrations.jsonl'), encoding='utf-8') as f:
            records = [json.loads(line) for line in f]
        episodes = [e for e in witness.episodes if e.enable]
        if not len(points) == len(records) == len(episodes):
            sys.exit('%s: %d points, %d records, %d episodes' % (boot, len(points), len(records), len(episodes)))
        for point, record, episode in zip(points, records, episodes):
            wrong = check(point, record, episode, stream_pages(os.path.join(out, 'stream-%s.txt' % point)))
            if wrong:
                sys.exit(wrong)
            for extra in ('forecast', 'forecast_error'): # by the model of that day
                record.pop(extra, None)
            lines.append({'point': point, 'link_mib': link, 'held_out': number[point] % HOLD_OUT == 0, 'record': record})
    for line in lines:
        print(json.dumps(line, separators=(',', ':')))


if __name__ == '__main__':
    main()
