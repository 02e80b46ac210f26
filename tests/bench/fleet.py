#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""fleet.py BUILD DIRECTORY [HOSTS [GUESTS]]: a real Prometheus that scrapes 1000 hosts of 50 guests each minute, with all rules.

The hosts are one program (fleet_hosts) that answers at as many addresses with what two real agents told of captures, one
with PML and one without. Prometheus finds them in what xenscope discover wrote. A day is put into it before, of those
series that the fleet's dashboard looks back on. Printed are the series of a host and of a domain, what they cost Prometheus,
how long the rules take, and each query of the dashboard as Grafana asks it for a day, three times: the longest, and the least
CPU time that Prometheus took meanwhile, its scrapes included, which others on the machine do not lengthen. The bounds of
series are judged, times are not: they stand beside their limit. Ten minutes, 6 GB of memory, and 1 GB in DIRECTORY."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

SRC = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
RULES = os.path.abspath(os.path.join(SRC, 'dashboards/prometheus'))
CAPTURES = 'intel-pml', 'intel-wp'
PLAYED = 70  # seconds: a migration begins after 50
STEP = 60  # seconds between two scrapes
SCRAPES = 4  # before anything is measured
DAY = 86400
POINTS = 720  # of a graph of Grafana
TIMES = 3
LIMITS = {'domain': 30, 'host': 200, 'query': 2.0}
VARIABLES = {'$__range': '24h', '$__rate_interval': '4m'}
JOB = 'xenscope-hosts'
running = []


def start(directory, name, *command):
    with open(os.path.join(directory, name + '.log'), 'w') as log:
        running.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT))
    return running[-1].pid


def free_port(address):
    with socket.socket() as s:
        s.bind((address, 0))
        return s.getsockname()[1]


def fetch(url, seconds=60, **parameters):
    with urllib.request.urlopen(url + '?' + urllib.parse.urlencode(parameters), timeout=seconds) as r:
        return r.read().decode()


def guests_of(text):
    """{uuid: its lines}"""
    found = {}
    for line in text.splitlines():
        m = re.search('uuid="([^"]*)"', line)
        if m and not line.startswith('#'):
            found.setdefault(m.group(1), []).append(line)
    return found


def template(text, uuid):
    """The host's own lines and those of this guest, which becomes many."""
    for line in text.splitlines():
        if 'uuid="' not in line:
            yield line
        elif 'uuid="%s"' % uuid in line:
            yield re.sub('name="[^"]*"', 'name="vm-$"', line.replace(uuid, '$'))


def record(build, directory):
    """Files with the fullest /metrics that agents have while they play the captures: the guest with most lines counts."""
    urls, best = {}, {}
    for name in CAPTURES:
        port = free_port('127.0.0.1')
        start(directory, name, build + '/agent/xenscoped', '--config=/dev/null', '--socket=', '--xapi_socket=', '--control_socket=',
              '--rrdd_dir=', '--replay=%s/tests/captures/%s.jsonl' % (SRC, name), '--state_dir=%s/%s' % (directory, name),
              '--listen=127.0.0.1:%d' % port, '--step=1')
        urls[name] = 'http://127.0.0.1:%d/metrics' % port
    for _ in range(PLAYED):
        time.sleep(1)
        for name, url in urls.items():
            try:
                text = fetch(url)
            except OSError:
                continue  # it begins
            uuid, lines = max(guests_of(text).items(), key=lambda g: len(g[1]), default=('', []))
            if len(lines) >= len(best.get(name, ('', '', []))[2]):
                best[name] = text, uuid, lines
    for p in running:
        p.terminate()
        p.wait()
    del running[:]
    for name, (text, uuid, _) in best.items():
        with open(os.path.join(directory, name + '.txt'), 'w') as f:
            f.write('\n'.join(template(text, uuid)) + '\n')
    return [os.path.join(directory, name + '.txt') for name in CAPTURES]


def addresses(hosts):
    return ['127.1.%d.%d' % (i // 250, i % 250 + 1) for i in range(hosts)]


def past(hosts, port, until):
    """A day of what the dashboard looks back on, as OpenMetrics."""
    stamps = range(until - DAY, until, STEP)
    labels = ['instance="%s:%d",job="%s",pool="%d"' % (a, port, JOB, i // 16) for i, a in enumerate(addresses(hosts))]
    for kind, name, suffix in (('counter', 'xenscope_migration_failures', '_total'), ('gauge', 'xenscope_forecast_error_ratio', '')):
        yield '# TYPE %s %s\n' % (name, kind)
        for i, label in enumerate(labels):
            begin = '%s%s{%s} ' % (name, suffix, label)
            yield ''.join('%s%d %d\n' % (begin, (n + i) // 200, t) for n, t in enumerate(stamps))
    for name in 'downtime', 'duration':  # others every ten minutes
        yield '# TYPE xenscope:fleet_worst_%s_seconds gauge\n' % name
        for n, t in enumerate(stamps):
            for i in range(20):
                yield 'xenscope:fleet_worst_%s_seconds{%s,uuid="%d",name="vm-%d"} %d %d\n' % (
                    name, labels[i % len(labels)], n // 10 * 20 + i, i, i, t)
    for name in 'fleet_migrations:increase1h', 'fleet_migration_failures:increase1h', 'fleet_forecast_error_ratio':
        yield '# TYPE xenscope:%s gauge\n' % name
        yield ''.join('xenscope:%s %d %d\n' % (name, t % 7, t) for t in stamps)
    yield '# EOF\n'


def backfill(directory, hosts, port):
    with open(directory + '/past', 'w') as f:
        f.writelines(past(hosts, port, int(time.time()) - 2 * STEP))
    subprocess.run(['promtool', 'tsdb', 'create-blocks-from', '--max-block-duration=24h', 'openmetrics', '--quiet', directory + '/past', directory + '/tsdb'],
                   check=True, stdout=subprocess.DEVNULL)
    os.unlink(directory + '/past')


def prometheus(build, directory, hosts, port):
    """Its URL and process."""
    address = '127.0.0.1:%d' % free_port('127.0.0.1')
    targets = ''.join('%s:%d pool=%d\n' % (a, port, i // 16) for i, a in enumerate(addresses(hosts)))
    subprocess.run([build + '/agent/xenscope', 'discover', '-o', directory + '/hosts.json', '-'], input=targets.encode(), check=True)
    with open(directory + '/prometheus.yml', 'w') as f:
        json.dump({'global': {'scrape_interval': '%ds' % STEP, 'evaluation_interval': '%ds' % STEP, 'scrape_timeout': '30s'},
                   'rule_files': [RULES + '/xenscope_*.yml', RULES + '/fleet/xenscope_*.yml'],
                   'scrape_configs': [{'job_name': JOB, 'file_sd_configs': [{'files': [directory + '/hosts.json']}]}]}, f)
    pid = start(directory, 'prometheus', 'prometheus', '--config.file=%s/prometheus.yml' % directory,
                '--storage.tsdb.path=%s/tsdb' % directory, '--web.listen-address=' + address, '--log.level=warn')
    return 'http://' + address, pid


def query(url, expr, **parameters):
    path = '/api/v1/query_range' if 'start' in parameters else '/api/v1/query'
    return json.loads(fetch(url + path, 120, query=expr, **parameters))['data']['result']


def number(url, expr):
    result = query(url, expr)
    return float(result[0]['value'][1]) if result else 0.0


def wait(url, hosts):
    """Until each host was scraped often enough; how long it took."""
    begin = time.time()
    while True:
        time.sleep(5)
        try:
            if number(url, 'count(count_over_time(up{job="%s"}[1h]) >= %d)' % (JOB, SCRAPES)) >= hosts:
                return time.time() - begin
        except OSError:
            pass
        if time.time() - begin > (SCRAPES + 6) * STEP:
            sys.exit('Prometheus does not get through: see %s' % 'prometheus.log')


def cpu_seconds(pid):
    with open('/proc/%d/stat' % pid) as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def resident(pid):
    with open('/proc/%d/status' % pid) as f:
        return int(re.search(r'VmRSS:\s*(\d+)', f.read()).group(1)) / 1024 / 1024


def print_cost(url, pid):
    """Of two minutes in which nobody asks anything."""
    begin, used = time.time(), cpu_seconds(pid)
    time.sleep(2 * STEP)
    share = (cpu_seconds(pid) - used) / (time.time() - begin)
    own = fetch(url + '/metrics')
    series = float(re.search(r'^prometheus_tsdb_head_series (\S+)', own, re.M).group(1))
    print('Prometheus: %.0f series, %.1f %% of a CPU for scrapes and rules, %.1f GiB resident' % (series, 100 * share, resident(pid)))
    groups = json.loads(fetch(url + '/api/v1/rules'))['data']['groups']
    for g in sorted(groups, key=lambda g: -g['evaluationTime']):
        print('  rules %-28s %6.3f s each minute' % (g['name'], g['evaluationTime']))
    return [r['name'] for g in groups for r in g['rules'] if r['health'] == 'err']  # what is due hourly is unknown yet


def count_series(url, port):
    """The most series of a domain, and of a host itself."""
    most = {'domain': 0.0, 'host': 0.0, 'all': 0.0}
    for address in addresses(2):  # one of each kind
        at = '__name__=~"xenscope_.+",instance="%s:%d"' % (address, port)
        for what, expr in (('domain', 'max(count by (uuid) ({%s,uuid!=""}))'), ('host', 'count({%s,uuid=""})'), ('all', 'count({%s})')):
            most[what] = max(most[what], number(url, expr % at))
    return most


def time_queries(url, pid):
    """[(seconds, of CPU, title, series in the answer)] of the fleet's dashboard, slowest first."""
    with open(SRC + '/dashboards/grafana/fleet.json') as f:
        panels = json.load(f)['panels']
    found = []
    for p in panels:
        for t in p['targets']:
            expr, spent, used, n = t['expr'], [], [], 0
            for name, value in VARIABLES.items():
                expr = expr.replace(name, value)
            for _ in range(TIMES):
                now = int(time.time())
                span = {'start': now - DAY, 'end': now, 'step': DAY // POINTS} if t['range'] else {}
                begin, cpu = time.time(), cpu_seconds(pid)
                n = len(query(url, expr, **span))
                spent.append(time.time() - begin)
                used.append(cpu_seconds(pid) - cpu)
            found.append((max(spent), min(used), p['title'], n))
    return sorted(found, reverse=True)


def measure(build, directory, hosts, guests):
    texts = record(build, directory)
    port = free_port('0.0.0.0')
    start(directory, 'hosts', build + '/tests/bench/fleet_hosts', str(port), str(guests), *texts)
    backfill(directory, hosts, port)
    url, pid = prometheus(build, directory, hosts, port)
    print('%d hosts of %d guests: %d scrapes of each after %.0f s' % (hosts, guests, SCRAPES, wait(url, hosts)), flush=True)
    series = count_series(url, port)
    for what in 'domain', 'host':
        print('series of a %-7s %4.0f, limit %d' % (what, series[what], LIMITS[what]))
    print('series of a host with all its domains: %.0f' % series['all'])
    unwell = print_cost(url, pid)
    queries = time_queries(url, pid)
    for spent, used, title, n in queries:
        print('  query %6.3f s, %5.2f s of CPU  %4d series  %s' % (spent, used, n, title))
    empty = [title for _, _, title, n in queries if n == 0 and title != 'Alerts']
    bad = [w for w in ('domain', 'host') if not 0 < series[w] <= LIMITS[w]]
    for what, found in (('too many series of a', bad), ('no data for', empty), ('unwell rule', unwell)):
        for one in found:
            print('%s %s' % (what, one))
    print('the slowest query takes %.3f s (%.2f s of CPU), limit %.0f s, load %.1f; a domain has %.0f series of %d, a host %.0f of '
          '%d' % (queries[0][0], max(q[1] for q in queries), LIMITS['query'], os.getloadavg()[0], series['domain'], LIMITS['domain'],
                  series['host'], LIMITS['host']))
    return not (bad or empty or unwell)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__.splitlines()[0])
    build, directory = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    hosts, guests = [int(a) for a in sys.argv[3:]] + [1000, 50][len(sys.argv[3:]):]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended'))
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    try:
        well = measure(build, directory, hosts, guests)
    finally:
        for p in running:
            p.terminate()
        for p in running:
            p.wait()
        shutil.rmtree(directory + '/tsdb', ignore_errors=True)
    sys.exit(not well)


main()
