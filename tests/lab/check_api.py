# SPDX-License-Identifier: GPL-2.0-or-later
"""What curl and wget were answered inside Dom0."""
import json
import re
import subprocess

PARSE_OPENMETRICS = '''
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
print(sum(len(f.samples) for f in parse(sys.stdin.read())))
'''
CODES = {'bad-method.json': 405, 'bad-path.json': 404, 'bad-query.json': 400}


def load(text):
    try:
        return json.loads(text)
    except ValueError:
        return {}


def run(command, text):
    p = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    return p.returncode, p.stdout


def samples(text):
    """{(name, labels as text): value} of a metrics text."""
    found = {}
    for line in text.splitlines():
        m = re.match(r'([a-z_]+)(?:\{(.*)\})? (\S+)', line)
        if m:
            found[m.group(1), m.group(2) or ''] = float(m.group(3))
    return found


class Api:
    def __init__(self, witness):
        self.witness = witness

    def text(self, name):
        return self.witness.text('http/' + name)

    def json(self, name):
        return load(self.text(name))

    def header(self, name, field):
        m = re.search(r'(?im)^%s: *(.*?)\r?$' % field, self.text(name + '.headers'))
        return m.group(1) if m else ''


def check_codes(tap, api):
    codes = [(line + ' - -').split() for line in api.text('codes.txt').splitlines()]
    tap.ok(len(codes) >= 13, 'curl made its requests', api.text('curl.err'))
    for c in codes:
        want = CODES.get(c[0], 200)
        tap.equal(int(c[1]), want, '%s: status %d' % (c[0], want))
        if c[0].endswith('.json'):
            tap.ok(re.match(r'application/(problem\+)?json', c[2]) and api.json(c[0]), '%s: JSON, and said so' % c[0], c,
                   api.text(c[0]))
    tap.ok('GET' in api.header('bad-method.json', 'Allow'), 'a refused method is told which are allowed')
    for name in CODES:
        tap.ok(re.search(r'[a-z]{4,} [a-z]', api.text(name)), '%s: says in words what was wrong' % name, api.text(name))
    page = api.text('page.html')
    tap.ok('<html' in page and api.header('page.html', 'Content-Type').startswith('text/html'),
           'the dashboard is served at /', page[:200])


def check_domains(tap, api):
    listed = {d['uuid']: (d['name'], d['domid']) for d in api.json('domains.json').get('domains', [])}
    want = api.witness.domains()
    tap.equal({u: listed.get(u) for u in want}, want, 'the domains are those that xl lists: uuid, name, number')
    tap.equal(len(listed), len(want), 'and no other')
    tap.equal(api.json('host.json').get('source'), 'live', 'the figures are said to be live')


def check_migrations(tap, api, journal):
    served = api.json('migrations.json').get('migrations', [])
    tap.equal(served, journal[::-1], '/api/v1/migrations agrees with the journal, newest first')
    wget = load(api.text('wget-migrations.json')).get('migrations', [])
    tap.equal(wget, served, 'busybox\'s wget is answered the same')
    running = load(api.witness.text('running.json')).get('migrations', [])
    under_way = [r for r in running if r['result'] == 'running']
    tap.equal([r['id'] for r in under_way], [r['id'] for r in journal[:1]],
              'while it ran, the migration was served as running, by the id that the journal has')
    stale = api.witness.text('stale.json')
    if stale:
        tap.equal(load(stale).get('stale'), True, 'when the agent was killed, its last figures were shown as stale')
    values = samples(api.witness.text('running-metrics.txt'))
    tap.equal(values.get(('xenscope_migrations_running', '')), 1, 'and /metrics said that one is running')


def check_history(tap, api, journal, witness):
    h = api.json('history-work.json')
    column = (h.get('columns') or [{}])[0]
    values = [v for v in column.get('values', []) if v is not None]
    tap.equal(column.get('per_second'), True, 'the history of a counter is said to be a rate')
    first = witness.episodes[0]
    start, step = h.get('start') or 0, h.get('step') or 0
    near = [v for i, v in enumerate(column.get('values', [])) if v is not None and
            first.begin - 4 * step < start + (i + 1) * step <= first.off.at + 3 * step]
    want = sum(first.dirtied)
    tap.near(sum(near) * step, want, want * 0.005, 'the history of the first migration adds up to its dirtied pages')
    tap.ok(values and min(values) >= 0, 'no rate is below 0')


def check_metrics(tap, api, journal):
    text, om = api.text('metrics.txt'), api.text('metrics.om')
    tap.ok(api.header('metrics.txt', 'Content-Type').startswith('text/plain; version=0.0.4'), 'text format by Accept')
    tap.ok(api.header('metrics.om', 'Content-Type').startswith('application/openmetrics-text'), 'OpenMetrics by Accept')
    rc, said = run(['promtool', 'check', 'metrics'], text)
    tap.ok(rc == 0, 'promtool accepts /metrics', said)
    rc, said = run(['/usr/bin/python3', '-c', PARSE_OPENMETRICS], om)
    tap.ok(rc == 0 and int(said) > 50, 'prometheus_client parses the OpenMetrics form', said)
    values = samples(text)
    failed = sum(r['result'] != 'completed' for r in journal)
    tap.equal(values.get(('xenscope_migrations_total', '')), len(journal), '/metrics counts the journal\'s records')
    tap.equal(values.get(('xenscope_migration_failures_total', '')), failed, '/metrics counts those that failed')
    api_domains = len(api.json('domains.json').get('domains', []))
    tap.equal(values.get(('xenscope_host_domains', '')), api_domains, '/metrics counts the domains')


def check_client(tap, witness, journal):
    for line in witness.text('cli.txt').splitlines():
        name, rc = line.split()
        tap.equal(rc, 'rc=0', 'xenscope %s works' % name)
    for line in witness.text('cli-doctor.txt').splitlines():
        if line.startswith(('missing', 'limited')):
            tap.note('xenscope doctor: ' + line)
    said = load(witness.text('cli-migrations.json')).get('migrations')
    tap.equal(said, journal[::-1], 'xenscope migrations --json agrees with the journal')


def check(tap, witness, journal):
    api = Api(witness)
    check_codes(tap, api)
    check_domains(tap, api)
    check_migrations(tap, api, journal)
    if witness.episodes and witness.episodes[0].off:
        check_history(tap, api, journal, witness)
    check_metrics(tap, api, journal)
    check_client(tap, witness, journal)
    return api
