#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""plugin.py BUILD: what one call of the xapi plugin costs, beside its limits: at most 1 is good. It judges nothing.

The agent plays a capture. CPU time is the plugin's own and the agent's for that call, the mean of 200. Memory is the
most that was ever resident, shared libraries whole: PSS is below it. The answer is an invented one of half a megabyte."""
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import xmlrpc.client

HERE = os.path.dirname(os.path.abspath(__file__))
CAPTURE = os.path.join(HERE, '..', 'golden', 'captures', 'qemu-idle.jsonl')
CALLS = 200
CPU_LIMIT = 10    # ms
RSS_LIMIT = 4096  # KiB, of PSS
FUNCTIONS = 'features', 'host', 'migrations', 'overhead'


def row(what, value, limit, unit):
    print('  %-44s %8.4g %-14s limit %-6g ratio %.2f' % (what, value, unit, limit, value / limit))


def call_of(function):
    return xmlrpc.client.dumps(('OpaqueRef:1', {}), function)


def ticks(pid):
    """Of the process and its children, in ns; /proc/PID/stat would count in 10 ms."""
    total = 0
    for p in [pid] + [int(c) for c in open('/proc/%d/task/%d/children' % (pid, pid)).read().split()]:
        for task in os.listdir('/proc/%d/task' % p):
            total += int(open('/proc/%d/task/%s/schedstat' % (p, task)).read().split()[0])
    return total


def measure(build, function):
    usage, plugin = os.path.join(build, 'tests', 'bench', 'usage'), os.path.join(build, 'plugin', 'xapi', 'xenscope')
    seconds, rss, status = subprocess.run([usage, plugin, call_of(function)], stdout=subprocess.PIPE, check=True).stdout.split()
    if status != b'0':
        sys.exit('the plugin ends with %s' % status)
    return float(seconds) * 1000, int(rss)


def cpu(build, tmp):
    path = os.path.join(tmp, 'http.sock')
    plugin = os.path.join(build, 'plugin', 'xapi', 'xenscope')
    agent = subprocess.Popen([os.path.join(build, 'agent', 'xenscoped'), '--config=/dev/null', '--replay=' + CAPTURE, '--socket=' + path,
                              '--listen=', '--xapi_socket=', '--state_dir=' + os.path.join(tmp, 'state')], stderr=subprocess.DEVNULL)
    try:
        os.environ['XENSCOPE_SOCKET'] = path
        while b'Success' not in subprocess.run([plugin, call_of('features')], stdout=subprocess.PIPE, check=True).stdout:
            time.sleep(0.2)
        for function in FUNCTIONS:
            before = ticks(agent.pid)
            mine = [measure(build, function)[0] for _ in range(CALLS)]
            theirs = (ticks(agent.pid) - before) / 1e6 / CALLS
            row('CPU, %s: plugin %.2f, agent %.2f' % (function, statistics.mean(mine), theirs), statistics.mean(mine) + theirs, CPU_LIMIT,
                'ms')
    finally:
        agent.terminate()
        agent.wait()


def memory(build, tmp):
    body = json.dumps({'domains': [{'name': 'x' * 90}] * 4800}).encode()
    path = os.path.join(tmp, 'large')
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)

    def serve():
        c, _ = listener.accept()
        c.recv(4096)
        c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % len(body) + body)
        c.close()
    threading.Thread(target=serve, daemon=True).start()
    os.environ['XENSCOPE_SOCKET'] = path
    rss = measure(build, 'domains')[1]
    row('resident at most, a page of %d kB' % (len(body) // 1000), rss, RSS_LIMIT, 'KiB')


with tempfile.TemporaryDirectory() as directory:
    print('xapi plugin, a call:')
    cpu(os.path.abspath(sys.argv[1]), directory)
    memory(os.path.abspath(sys.argv[1]), directory)
