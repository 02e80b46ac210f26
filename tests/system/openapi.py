# SPDX-License-Identifier: GPL-2.0-or-later
"""openapi.py XENSCOPED WEB CAPTURE...: what /openapi.json says is what the agent answers, as jsonschema judges it.

Plays the captures, asks for every path of the document and holds each answer against its schema, made strict: a
member that the document does not name is as wrong as one that is missing. TAP on standard output.
"""
import copy, datetime, http.client, json, os, re, socket, subprocess, sys, tempfile, time

import jsonschema

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import fixture_server

PREFIX = '/services/plugin/xenscope'
PROBLEM = {'$ref': '#/components/schemas/Problem'}
MADE_NOW = ('xenscope_tracking_',)      # begins a member that is there for some domains only
ANYTHING = ('name', 'session_id', 'sr_uuid')  # no value of it is wrong
RFC3339 = r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d\d\d)?Z$'
count = 0


def ok(claim, name, said=''):
    global count
    count += 1
    print('%s %d - %s' % ('ok' if claim else 'not ok', count, name))
    if not claim:
        print('# ' + str(said)[:2000].replace('\n', '\n# '))


def beside(program, other):
    return os.path.join(os.path.dirname(os.path.abspath(program)), other)


class Agent:
    def __init__(self, program, web, captures, directory):
        self.socket = os.path.join(directory, 'http.sock')
        self.log = os.path.join(directory, 'log')
        with open(self.log, 'w') as log:
            self.process = subprocess.Popen(
                [program, '--state_dir=' + directory, '--socket=' + self.socket, '--listen=', '--dashboard_dir=' + web,
                 '--xapi_socket=', '--graph_program=' + beside(program, 'xenscope-graph')] + ['--replay=' + c for c in captures], stdout=log, stderr=log)

    def ask(self, path, method='GET', headers=None):
        """Status, media type, body."""
        c = http.client.HTTPConnection('localhost', timeout=10)
        c.sock = socket.socket(socket.AF_UNIX)
        c.sock.settimeout(10)
        c.sock.connect(self.socket)
        c.request(method, path, headers=headers or {})
        r = c.getresponse()
        body = r.read()
        c.close()
        return r.status, (r.getheader('Content-Type') or '').split(';')[0], body

    def wait(self):
        for _ in range(200):
            try:
                if self.ask('/healthz')[0] == 200:
                    return True
            except OSError:
                pass
            time.sleep(0.05)
        return False


def strict(node):
    """The schema with nothing more and nothing less than it names, and times that are RFC 3339."""
    if isinstance(node, list):
        return [strict(n) for n in node]
    if not isinstance(node, dict):
        return node
    node = {k: strict(v) for k, v in node.items()}
    if node.get('format') == 'date-time':
        node['pattern'] = RFC3339
    if node.get('type') == 'object' and isinstance(node.get('properties'), dict):
        node['additionalProperties'] = False
        node.setdefault('required', [n for n in node['properties'] if not n.startswith(MADE_NOW)])
    return node


def faults(document, schema, value):
    v = jsonschema.Draft202012Validator(dict(schema, components=document['components']))
    return ['%s: %s' % (list(e.absolute_path), e.message[:300]) for e in v.iter_errors(value)]


def untrue_times(value, where=''):
    """Members NAME_text that do not tell what NAME does."""
    found = []
    if isinstance(value, list):
        for i, v in enumerate(value):
            found += untrue_times(v, '%s/%d' % (where, i))
    if isinstance(value, dict):
        for k, v in value.items():
            found += untrue_times(v, where + '/' + k)
            if k.endswith('_text') and k[:-5] in value:
                t = value[k[:-5]]
                text = t if t is None else datetime.datetime.utcfromtimestamp(int(t)).strftime('%Y-%m-%dT%H:%M:%SZ')
                if text != re.sub(r'\.\d+Z$', 'Z', v or '') and text != v:
                    found.append('%s/%s: %s is not %s' % (where, k, v, t))
    return found


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get('$ref'), str):
            yield node['$ref']
        node = list(node.values())
    if isinstance(node, list):
        for n in node:
            yield from references(n)


def check_document(d):
    schemas = d['components']['schemas']
    ok(d['openapi'].startswith('3.1.'), 'the document is of OpenAPI 3.1', d['openapi'])
    bad = []
    for name, schema in schemas.items():
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as e:
            bad.append('%s: %s' % (name, e.message))
    ok(schemas and not bad, '%d schemas are schemas' % len(schemas), bad)
    used = set(references(d))
    known = {'#/components/schemas/' + n for n in schemas}
    ok(used <= known, 'each is there that another names', used - known)
    ids = [p['get']['operationId'] for p in d['paths'].values()]
    ok(len(ids) == len(set(ids)), 'each operation has a name of its own', ids)
    bad = [p for p, item in d['paths'].items() if re.findall(r'{(\w+)}', p) !=
           [x['name'] for x in item['get']['parameters'] if x['in'] == 'path']]
    ok(not bad, 'what stands in braces in a path is one of its parameters', bad)


def examples(agent):
    """Paths to ask for, beside or in place of what the document has."""
    domains = json.loads(agent.ask('/api/v1/domains')[2])['domains']
    migrations = json.loads(agent.ask('/api/v1/migrations')[2])['migrations']
    uuid = migrations[0]['uuid']
    return {
        '/{file}': ['/style.css'],
        '/api/v1/domains/{uuid}/advice': ['/api/v1/domains/%s/advice' % d['uuid'] for d in domains],
        '/api/v1/domains/{uuid}': ['/api/v1/domains/' + d['uuid'] for d in domains],
        '/api/v1/migrations/{id}': ['/api/v1/migrations/' + m['id'] for m in migrations],
        '/api/v1/overhead': ['/api/v1/overhead', '/api/v1/overhead?uuid=' + uuid],
        '/api/v1/history': ['/api/v1/history?metric=xenscope_host_domains&start=-600&cf=MAX',
                            '/api/v1/history?metric=xenscope_host_domains,xenscope_host_free_bytes&points=7'],
        '/graph/history.png': ['/graph/history.png?metric=xenscope_host_domains&width=300&height=200&theme=dark'],
        '/graph/history.svg': ['/graph/history.svg?metric=xenscope_host_domains,xenscope_migrations_running'],
        '/rrd_updates': ['/rrd_updates?start=-600&host=true', '/rrd_updates?start=-600&host=true&json=true'],
        '/vm_rrd': ['/vm_rrd?uuid=' + domains[0]['uuid'], '/vm_rrd?json&uuid=' + domains[0]['uuid']],
    }


def check_answers(agent, document, hard):
    paths = {p: [p] for p in document['paths']}
    paths.update(examples(agent))
    if not os.access(beside(sys.argv[1], 'xenscope-graph'), os.X_OK):  # configured --without-graphs
        paths = {p: asked for p, asked in paths.items() if not p.startswith('/graph/')}
    for path, asked in sorted(paths.items()):
        content = document['paths'][path]['get']['responses']['200']['content']
        for prefix in ('', PREFIX):
            for one in asked:
                status, media, body = agent.ask(prefix + one)
                wanted = content.get(media, content.get('*/*'))
                ok(status == 200 and wanted is not None, '%s%s: %d %s' % (prefix, one, status, media), body)
                if not wanted or 'schema' not in wanted:
                    continue
                value = json.loads(body)
                wrong = faults(hard, wanted['schema'], value) + untrue_times(value)
                ok(not wrong, '%s%s is as it is described' % (prefix, one), '\n'.join(wrong[:10]))


def is_problem(agent, hard, path, status, name, **more):
    got, media, body = agent.ask(path, **more)
    value = json.loads(body) if media == 'application/problem+json' else None
    wrong = faults(hard, PROBLEM, value) if value else ['no problem document']
    ok(got == status and not wrong and value['status'] == status, '%s: %s is a problem, %d' % (path[:80], name, status),
       [got, media, body, wrong])
    return value or {}


def check_problems(agent, document, hard):
    for path, item in sorted(document['paths'].items()):
        bare = re.sub(r'{\w+}', 'index.html', path)
        is_problem(agent, hard, bare, 405, 'POST', method='POST')
        if 'application/json' not in item['get']['responses']['200']['content']:
            continue
        said = is_problem(agent, hard, bare + '?nothing=1', 400, 'an unknown parameter')
        ok(said.get('parameter') == 'nothing', '%s: it is named' % path, said)
        for p in item['get']['parameters']:
            if p['in'] == 'path':
                is_problem(agent, hard, path.split('{')[0] + '%22', 400, 'a wrong ' + p['name'])
                continue
            if p['name'] in ANYTHING:
                continue
            said = is_problem(agent, hard, '%s?%s=%%01' % (bare, p['name']), 400, 'a wrong ' + p['name'])
            ok('unknown parameter' not in said.get('detail', ''), '%s takes %s' % (path, p['name']), said)
    is_problem(agent, hard, '/nothing', 404, 'what is not there')
    is_problem(agent, hard, '/api/v1/domains/00000000-0000-0000-0000-00000000beef', 404, 'who is not there')
    is_problem(agent, hard, '/' + 3000 * 'a', 414, 'a long path')
    is_problem(agent, hard, '/api/v1/domains?uuid=' + 3000 * 'a', 414, 'a long query')
    is_problem(agent, hard, '/api/v1/host?' + '&'.join('a%d=1' % i for i in range(40)), 400, 'many parameters')
    is_problem(agent, hard, '/api/v1/host', 431, 'a long header', headers={'X-Long': 9000 * 'a'})


def check_selection(agent, hard):
    schema = {'$ref': '#/components/schemas/Domains'}
    whole = json.loads(agent.ask('/api/v1/domains')[2])['domains']
    numbers = [d['domid'] for d in whole]
    ok(numbers == sorted(numbers) and numbers, 'domains come by their numbers', numbers)
    pages, after = [], ''
    while len(pages) <= len(whole):
        page = json.loads(agent.ask('/api/v1/domains?limit=1' + after)[2])
        pages += page['domains']
        if page['next'] is None:
            break
        after = '&after=%d' % page['next']
    ok([d['uuid'] for d in pages] == [d['uuid'] for d in whole], 'page by page they are the same')
    some = json.loads(agent.ask('/api/v1/domains?fields=name,xenscope_domain_vcpus')[2])
    ok(all(sorted(d) == ['metrics', 'name'] and list(d['metrics']) == ['xenscope_domain_vcpus']
           for d in some['domains']), 'with fields they have only those', some)
    loose = [f for f in faults(hard, schema, some) if 'is a required property' not in f]
    ok(not loose, 'which are as they are described', loose)
    some = json.loads(agent.ask('/api/v1/migrations?fields=id,rounds')[2])
    loose = [f for f in faults(hard, {'$ref': '#/components/schemas/Migrations'}, some) if 'is a required property' not in f]
    ok(all(sorted(m) == ['id', 'rounds'] for m in some['migrations']) and not loose, 'so have migrations', loose)


def check_wrong(document, hard, agent):
    """The validator finds what is not as described."""
    schema = {'$ref': '#/components/schemas/Domains'}
    right = json.loads(agent.ask('/api/v1/domains')[2])

    def less(v): del v['domains'][0]['uuid']
    def more(v): v['domains'][0]['nobody_said_so'] = 1
    def word(v): v['domains'][0]['kind'] = 'hvmm'
    def kind(v): v['domains'][0]['domid'] = 'one'
    def when(v): v['time_text'] = 'yesterday'
    def null(v): v['domains'] = None
    ok(not faults(hard, schema, right), 'the right answer is right')
    for change in less, more, word, kind, when, null:
        wrong = copy.deepcopy(right)
        change(wrong)
        ok(faults(hard, schema, wrong), 'a made-up answer is not: ' + change.__name__)
    wrong = copy.deepcopy(right)
    wrong['time_text'] = '2001-01-01T00:00:00Z'
    ok(untrue_times(wrong), 'nor is a time that is told in two ways')


def check_fixture(document, hard):
    """The dashboard is tested with invented answers: they are as described, too."""
    for name, settings in sorted(fixture_server.SCENARIOS.items()):
        scenario, wrong, asked = fixture_server.Scenario(**settings), [], 0
        paths = ['host', 'features', 'domains', 'migrations', 'events', 'overhead', 'history?metric=xenscope_host_domains',
                 'history?metric=xenscope_host_domains,xenscope_host_free_bytes', 'history', 'nothing', 'domains/nobody']
        for list_name, key, more in ('domains', 'uuid', ('', '/advice')), ('migrations', 'id', ('',)):
            found = scenario.answer('/api/v1/' + list_name, {})[1].get(list_name, [])
            paths += ['%s/%s%s' % (list_name, item[key], m) for item in found[:6] for m in more]
        for path in paths if settings.get('status') != 0 else []:
            bare, _, query = ('/api/v1/' + path).partition('?')
            status, value = scenario.answer(bare, dict(p.split('=') for p in query.split('&') if p))
            rule = next((p for p in document['paths'] if re.match(re.sub('{\\w+}', '[^/]+', p) + '$', bare)), None)
            schema = document['paths'][rule]['get']['responses']['200']['content']['application/json']['schema'] if status == 200 else PROBLEM
            wrong += ['%s: %s' % (path, f) for f in faults(hard, schema, value) + untrue_times(value)]
            asked += status == 200
        ok(not wrong, 'the %d invented answers of the scenario "%s" are as described' % (asked, name), '\n'.join(wrong[:20]))


def main():
    program, web, captures = sys.argv[1], sys.argv[2], sys.argv[3:]
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        agent = Agent(program, web, captures, directory)
        try:
            if not agent.wait():
                print('Bail out! the agent does not answer\n' + open(agent.log).read())
                sys.exit(99)
            document = json.loads(agent.ask('/openapi.json')[2])
            hard = strict(document)
            check_document(document)
            check_answers(agent, document, hard)
            check_problems(agent, document, hard)
            check_selection(agent, hard)
            check_wrong(document, hard, agent)
            check_fixture(document, hard)
        finally:
            agent.process.terminate()
            ok(agent.process.wait(10) == 0, 'the agent ends in good order')
    print('1..%d' % count)


main()
