#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""serve.py BUILD [SECONDS]: what answering costs the agent, beside programs that answer the same; ten minutes.

1000 domains with ten series each, the agent's tick running and counted. All servers run at the same time on one CPU, the
client on another; each is asked in its turn, five times around, SECONDS (3) at a time. What counts is the CPU time of all
its threads and processes by request: medians, with the least and the most. The figures stand beside their limits: a ratio
of at most 1 is good. It judges nothing.

The client is wrk; the peers are nginx (nginx-light), prometheus-node-exporter, and collectd with the headers of its
plugins (collectd-core, collectd-dev, libprotobuf-c1): Debian's packages, of which what is missing is named and left out.
As root the agent's serving process is the user of a package, else it keeps this one's rights."""
import collections
import glob
import http.client
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
DASHBOARD = os.path.join(HERE, '..', '..', 'dashboards', 'web')
DOMAINS, STEP, TIMES = 1000, 5, 5
FAST_STEP = 1  # so that there are some ticks while it is scraped
PAST = 130  # ticks before the first: each domain has its file by then, and its ten values
NICE = 5
ENOUGH = 20  # requests to tell what one costs
STARTS = 7
FEW, MANY = 1000, 10000  # scrapes
BATCHES = 30  # up to each of them
CPUS = sorted(os.sched_getaffinity(0))
INCLUDE = '/usr/include/collectd/core'
METRICS, JSON = '/metrics', '/api/v1/domains'
TEXTFILE = 'node_exporter (textfile)'
SENDFILE, NO_SENDFILE = 'nginx (sendfile)', 'nginx (no sendfile)'
LIMITS = {  # requests by CPU second, at least so many times those of
    METRICS: ((TEXTFILE, 300), ('collectd', 25), (SENDFILE, 1.3), (NO_SENDFILE, 1.3), ('bare loop', 0.9)),
    JSON: (('jansson', 100), (SENDFILE, 1.3), (NO_SENDFILE, 1.3)),
}
MADE = (  # of tests/bench/tick and history: what, its line, milliseconds at most
    ('a tick: collected and handed over', ('collect', 'hand over'), 1),
    ('body of /metrics', ('/metrics',), 0.7),
    ('body of /metrics (OpenMetrics)', ('/metrics (OpenMetrics)',), 0.7),
    ('body of /api/v1/domains', ('/api/v1/domains',), 2),
    ('filtered: ?name=', ('/api/v1/domains?name=vm-7',), 3),
    ('filtered: ?fields=name,metrics', ('/api/v1/domains?fields=name,metrics',), 3),
    ('/api/v1/history, a day to 400 points', ('/api/v1/history',), 0.5),
)
LINEAR = 11  # ten times the domains, so many times the CPU at most
PSS_LIMIT, GROWTH_LIMIT = 16 * 1024, 1.02
NGINX = '''
pid {top}/nginx.pid;
error_log stderr;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
	access_log off;
	keepalive_requests 100000000;
	client_body_temp_path {top}/body;
	proxy_temp_path {top}/proxy;
	fastcgi_temp_path {top}/fastcgi;
	uwsgi_temp_path {top}/uwsgi;
	scgi_temp_path {top}/scgi;
	root {top}/files;
	default_type text/plain;
	sendfile {sendfile};
	server {{ listen 127.0.0.1:{port}; }}
}}
'''
COLLECTD = '''
BaseDir "{top}"
PIDFile "{top}/pid"
PluginDir "{top}/plugins"
TypesDB "{top}/types.db"
Interval {step}
LoadPlugin write_prometheus
LoadPlugin collectd_load
<Plugin write_prometheus>
	Host "127.0.0.1"
	Port "{port}"
</Plugin>
<Plugin collectd_load>
	Domains {domains}
</Plugin>
'''
running = []  # all processes


class Server(collections.namedtuple('Server', 'process port path')):
    """One that runs: its process, where it listens, and the path that it is asked for."""

    def pids(self):
        if self.process.poll() is not None:
            sys.exit('%s ended with %d' % (self.process.args[0], self.process.returncode))
        pids = [self.process.pid]
        for pid in pids:  # and those that they have
            with open('/proc/%d/task/%d/children' % (pid, pid), encoding='ascii') as f:
                pids += [int(p) for p in f.read().split()]
        return pids

    def cpu(self):
        """Seconds on a CPU of all its threads and processes."""
        ns = 0
        for pid in self.pids():
            for path in glob.glob('/proc/%d/task/*/schedstat' % pid):
                with open(path, encoding='ascii') as f:
                    ns += int(f.read().split()[0])
        return ns / 1e9

    def pss(self):
        kib = 0
        for pid in self.pids():
            with open('/proc/%d/smaps_rollup' % pid, encoding='ascii') as f:
                kib += next(int(line.split()[1]) for line in f if line.startswith('Pss:'))
        return kib

    def stop(self):
        self.process.terminate()
        self.process.wait()


def pin(cpu, nice=0):
    def apply():
        os.sched_setaffinity(0, [cpu])
        os.nice(nice)
    return apply


def free_port():
    with http.client.socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def start(argv, port, path):
    """Others run as the agent's serving process does, which gives way to the agent."""
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                         preexec_fn=pin(CPUS[0], 0 if argv[0].endswith('busy_agent') else NICE))
    running.append(p)
    return Server(p, port, path)


def get(port, path, headers=None, connection=None):
    c = connection or http.client.HTTPConnection('127.0.0.1', port, timeout=60)
    c.request('GET', path, headers=headers or {})
    r = c.getresponse()
    return r.status, r.read()


def first_answer(server):
    """The CPU time until it has answered with 200."""
    until = time.time() + 60
    while time.time() < until:
        try:
            if get(server.port, server.path)[0] == 200:
                return server.cpu()
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.001)
    sys.exit('no answer from port %d' % server.port)


def start_agent(build, top, past=0, step=STEP):
    port = free_port()
    return start([os.path.join(build, 'tests', 'bench', 'busy_agent'), os.path.join(top, 'state-%d' % step), DASHBOARD,
                  str(port), str(step), str(DOMAINS), str(past)], port, METRICS)


def age(body):
    """Seconds since the values of this body of /metrics were collected."""
    return time.time() - float(re.search(rb'^xenscope_sample_timestamp_seconds ([\d.]+)', body, re.M).group(1))


def settle(agent, step):
    """Until its domains have their files and their ten values; it answers while it plays the past, too."""
    first_answer(agent)
    while age(get(agent.port, METRICS)[1]) > step:
        time.sleep(0.5)


def start_nginx(top, sendfile):
    port, own = free_port(), os.path.join(top, 'nginx-' + sendfile)
    os.mkdir(own)
    os.symlink(os.path.join(top, 'files'), os.path.join(own, 'files'))
    with open(os.path.join(own, 'conf'), 'w', encoding='ascii') as f:
        f.write(NGINX.format(top=own, port=port, sendfile=sendfile))
    return start(['nginx', '-p', own, '-c', os.path.join(own, 'conf'), '-g', 'daemon off; master_process off;'], port,
                 METRICS)


def start_textfile(top):
    port, own = free_port(), os.path.join(top, 'textfile')
    os.mkdir(own)
    shutil.copy(os.path.join(top, 'files', 'metrics'), os.path.join(own, 'xenscope.prom'))
    return start(['prometheus-node-exporter', '--collector.disable-defaults', '--collector.textfile',
                  '--collector.textfile.directory=' + own, '--web.disable-exporter-metrics',
                  '--web.max-requests=0', '--web.listen-address=127.0.0.1:%d' % port], port, METRICS)


def start_collectd(top):
    port, own = free_port(), os.path.join(top, 'collectd')
    plugins = os.path.join(own, 'plugins')
    os.makedirs(plugins)
    subprocess.check_call(['cc', '-O2', '-fPIC', '-shared', '-DHAVE_CONFIG_H', '-I' + INCLUDE, '-I' + INCLUDE + '/daemon',
                           '-I' + INCLUDE + '/..', '-o', os.path.join(plugins, 'collectd_load.so'),
                           os.path.join(HERE, 'collectd_load.c')])
    shutil.copy(glob.glob('/usr/lib*/collectd/write_prometheus.so')[0], plugins)
    with open(os.path.join(own, 'types.db'), 'w', encoding='ascii') as f:
        f.write('xen_load ' + ', '.join('v%d:%s:U:U' % (i, 'DERIVE' if i < 5 else 'GAUGE') for i in range(10)) + '\n')
    with open(os.path.join(own, 'conf'), 'w', encoding='ascii') as f:
        f.write(COLLECTD.format(top=own, port=port, step=STEP, domains=DOMAINS))
    return start(['collectd', '-f', '-C', os.path.join(own, 'conf')], port, METRICS)


def start_bare(build, top, name, more):
    port = free_port()
    return start([os.path.join(build, 'tests', 'bench', 'bare_server'), str(port), os.path.join(top, 'files', name)] + more,
                 port, '/')


def keep_answer(agent, path, top):
    name = os.path.join(top, 'files') + path
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, 'wb') as f:
        f.write(get(agent.port, path)[1])


def have(what, *needed):
    missing = [n for n in needed if not (shutil.which(n) or glob.glob(n))]
    if missing:
        print('%s is not compared with: there is no %s' % (what, ', '.join(missing)))
    return not missing


def start_peers(build, top):
    """{path: {name: server}} beside the agent, all of which have answered."""
    peers = {METRICS: {'bare loop': start_bare(build, top, 'metrics', [])},
             JSON: {'jansson': start_bare(build, top, 'api/v1/domains', ['jansson'])}}
    if have(TEXTFILE, 'prometheus-node-exporter'):
        peers[METRICS][TEXTFILE] = start_textfile(top)
    if have('collectd', 'collectd', 'cc', INCLUDE, '/usr/lib*/collectd/write_prometheus.so'):
        peers[METRICS]['collectd'] = start_collectd(top)
    if have('nginx', 'nginx'):
        for name, sendfile in ((SENDFILE, 'on'), (NO_SENDFILE, 'off')):
            peers[METRICS][name] = start_nginx(top, sendfile)
            peers[JSON][name] = peers[METRICS][name]._replace(path=JSON)
    for servers in peers.values():
        for server in servers.values():
            first_answer(server)
    return peers


def load(server, seconds):
    """Requests by second of the server's CPU, while a client asks as fast as it can."""
    before, answered = server.cpu(), 0
    while answered < ENOUGH:
        out = subprocess.run(['wrk', '-t1', '-c4', '-d%ds' % seconds, '--timeout', '60s',
                              'http://127.0.0.1:%d%s' % (server.port, server.path)],
                             stdout=subprocess.PIPE, universal_newlines=True, check=True, preexec_fn=pin(CPUS[-1])).stdout
        if 'Non-2xx' in out:
            sys.exit('not all of its answers were good:\n' + out)
        answered += int(re.search(r'(\d+) requests in', out).group(1))
    return answered / (server.cpu() - before)


def row(what, value, limit, unit, least=False):
    print('  %-44s %9.4g %-12s limit %-6g ratio %.2f' % (what, value, unit, limit, limit / value if least else value / limit),
          flush=True)


def compare(path, servers, seconds):
    rates = {name: [] for name in servers}
    for _ in range(TIMES):
        for name, server in servers.items():
            rates[name].append(load(server, seconds))
    print('%s: requests by CPU second' % path)
    median = {}
    for name, values in rates.items():
        median[name] = statistics.median(values)
        print('  %-26s %8.0f (%.0f to %.0f), %.3f ms each, %d bytes' % (
            name, median[name], min(values), max(values), 1e3 / median[name],
            len(get(servers[name].port, servers[name].path)[1])))
    for name, limit in LIMITS[path]:
        if name in median:
            row('as many as of ' + name, median['xenscope'] / median[name], limit, 'times', True)


def made(build, argv):
    """{line: ms} of a program that prints them, each the median of all runs."""
    runs = {}
    for _ in range(TIMES):
        out = subprocess.run([os.path.join(build, 'tests', 'bench', argv[0])] + argv[1:], stdout=subprocess.PIPE,
                             universal_newlines=True, check=True, preexec_fn=pin(CPUS[0])).stdout
        for line in out.splitlines():
            name, ms = re.match(r'(.*): ([\d.]+) ms', line).groups()
            runs.setdefault(name, []).append(float(ms))
    return {name: statistics.median(values) for name, values in runs.items()}


def bodies(build):
    print('what is made once for a tick or a request, %d domains' % DOMAINS)
    ms = made(build, ['tick', str(DOMAINS)])
    ms.update(made(build, ['history', '3']))
    for what, lines, limit in MADE:
        row(what, sum(ms[line] for line in lines), limit, 'ms of CPU')
    fewer = made(build, ['tick', str(DOMAINS // 10)])
    row('a tick beside one of a tenth of the domains', sum(ms[n] / sum(fewer[m] for m in MADE[0][1]) for n in MADE[0][1]),
        LINEAR, 'times')


def scrape(agent, times):
    """As Prometheus does it and plainly, in turns, some after each tick; the age of the oldest values answered."""
    oldest, c = 0, http.client.HTTPConnection('127.0.0.1', agent.port, timeout=60)
    as_prometheus = {'Accept': 'application/openmetrics-text', 'Accept-Encoding': 'gzip'}
    for i in range(times):
        body = get(agent.port, METRICS, None if i % 2 else as_prometheus, c)[1]
        if i % 2:
            oldest = max(oldest, age(body))
        if i % (times // BATCHES) == 0:
            time.sleep(FAST_STEP)
    return oldest


def most(agent):
    """The most memory that it has within two ticks."""
    readings = []
    for _ in range(20):
        readings.append(agent.pss())
        time.sleep(2 * FAST_STEP / 20)
    return max(readings)


def memory(build, top):
    agent = start_agent(build, top, PAST, FAST_STEP)
    settle(agent, FAST_STEP)
    oldest = scrape(agent, FEW)
    few = most(agent)
    oldest = max(oldest, scrape(agent, MANY - FEW))
    many = most(agent)
    print('all processes after %d scrapes, a tick each second' % MANY)
    row('memory (PSS)', many, PSS_LIMIT, 'KiB')
    row('grown since %d' % FEW, many / few, GROWTH_LIMIT, 'times')
    row('age of the oldest values that were answered', oldest, FAST_STEP + 0.1, 's')
    agent.stop()


def bare_exporter():
    port = free_port()
    return start(['prometheus-node-exporter', '--web.listen-address=127.0.0.1:%d' % port], port, METRICS)


def starts(build, top):
    """What is stored of the domains is there."""
    if not have('a bare node_exporter', 'prometheus-node-exporter'):
        return
    cpu = {'xenscope': [], 'node_exporter': []}
    for _ in range(STARTS):
        for name, server in (('xenscope', lambda: start_agent(build, top)), ('node_exporter', bare_exporter)):
            s = server()
            cpu[name].append(first_answer(s) * 1e3)
            s.stop()
    median = {name: statistics.median(values) for name, values in cpu.items()}
    print('CPU until the first answer')
    for name, values in cpu.items():
        print('  %-26s %8.2f ms (%.2f to %.2f)' % (name, median[name], min(values), max(values)))
    row('beside a bare node_exporter', median['xenscope'] / median['node_exporter'], 1, 'times')


def main():
    build, seconds = os.path.abspath(sys.argv[1]), int((sys.argv + ['3'])[2])
    top = tempfile.mkdtemp(prefix='xenscope-bench-')
    os.chmod(top, 0o755)  # for the user that the serving process becomes
    try:
        bodies(build)
        agent = start_agent(build, top, PAST)
        settle(agent, STEP)
        for path in METRICS, JSON:
            keep_answer(agent, path, top)
        if have('any server', 'wrk'):
            peers = start_peers(build, top)
            for path, servers in peers.items():
                compare(path, dict(xenscope=agent._replace(path=path), **servers), seconds)
        for process in running:
            Server(process, 0, '').stop()
        memory(build, top)
        starts(build, top)
    finally:
        for process in running:
            process.terminate()
            process.wait()
        shutil.rmtree(top)


main()
