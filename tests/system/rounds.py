#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""rounds.py XENSCOPED CAPTURE: how long a round of a migration takes to be seen in /api/v1/migrations, from outside.

Plays the first migration of tests/captures/intel-pml.jsonl from its round 1 on as fast as it was, what comes before in a
second, and asks for the migrations that run, over and over. TAP on standard output.
"""
import http.client, json, os, shutil, socket, subprocess, sys, tempfile, time

LIMIT = 0.25               # s
ROUNDS = 5
BEGIN, ROUND_1 = 51.9, 62.3 # s of the capture: the migration's helper comes, round 0 is nearly over
END = 64.0
SHOWN = ('shadow_op', 'process_begin', 'process_end', 'stage', 'round_named')


def faster(t):
    """The same order of all times, and from round 1 on the same pace."""
    if t < BEGIN:
        return t / BEGIN / 2
    return 0.5 + (t - BEGIN) / (ROUND_1 - BEGIN) / 2 if t < ROUND_1 else 1 + t - ROUND_1


def shorten(capture, path):
    with open(capture, encoding='utf-8') as f, open(path, 'w', encoding='utf-8') as to:
        to.write(f.readline())
        for line in f:
            o = json.loads(line)
            if o['t'] < END and ('call' in o or o['event'] in SHOWN):
                o.update((k, faster(o[k])) for k in ('t', 'at') if k in o)
                to.write(json.dumps(o, separators=(',', ':')) + '\n')


class Client:
    """One connection, as a dashboard has."""
    def __init__(self, path):
        self.connection = http.client.HTTPConnection('localhost', timeout=10)
        self.connection.sock = socket.socket(socket.AF_UNIX)
        self.connection.sock.connect(path)

    def running(self):
        self.connection.request('GET', '/api/v1/migrations?result=running')
        return json.load(self.connection.getresponse()).get('migrations', [])


def connect(path, process):
    for _ in range(400):
        try:
            return Client(path)
        except OSError:
            time.sleep(0.02)
        if process.poll() is not None:
            break
    return None


def delays(client):
    """{round: seconds from its begin until it was seen}, of a migration from its begin to its end."""
    found, until = {}, time.time() + 20
    while time.time() < until:
        running = client.running()
        now = time.time()
        for r in running:
            for x in r['rounds']:
                if x['seen']:
                    found.setdefault(x['n'], now - x['started'])
        if len(found) >= ROUNDS and not running:
            break
        time.sleep(0.005)
    return found


def is_late(found):
    return len(found) < ROUNDS or not all(-0.05 < s <= LIMIT for s in found.values())


def watch(client):
    """A machine that is busy with something else may be late once: the capture is played again and again."""
    for _ in range(3):
        found = delays(client)
        print('# seen after %s ms' % ', '.join('%.0f' % (1000 * s) for s in found.values()))
        if not is_late(found):
            break
    return found


def main():
    program, capture = sys.argv[1:]
    directory = tempfile.mkdtemp()
    path, short = os.path.join(directory, 'http.sock'), os.path.join(directory, 'capture.jsonl')
    shorten(capture, short)
    with open(os.path.join(directory, 'log'), 'w') as log:
        process = subprocess.Popen([program, '--config=/dev/null', '--state_dir=' + directory, '--socket=' + path, '--listen=',
                                    '--xapi_socket=', '--replay=' + short], stdout=log, stderr=log)
    try:
        client = connect(path, process)
        found = watch(client) if client else {}
        print('%s 1 - each of %d rounds is seen in the answer within %.0f ms of its begin' %
              ('not ok' if is_late(found) else 'ok', ROUNDS, 1000 * LIMIT))
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(directory)
    print('1..1')


main()
