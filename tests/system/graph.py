#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""graph.py PROGRAMS CAPTURE: pictures from a whole agent, and from the client. TAP on standard output."""
import http.client, json, os, socket, struct, subprocess, sys, tempfile, threading, time, xml.dom.minidom, zlib

PROGRAMS, CAPTURE = sys.argv[1:]
DRAWS = os.access(os.path.join(PROGRAMS, 'xenscope-graph'), os.X_OK)  # built, unless configured --without-graphs
count = 0


def ok(claim, name, said=''):
    global count
    count += 1
    print('%s %d - %s' % ('ok' if claim else 'not ok', count, name))
    if not claim:
        print('# ' + repr(said)[:1000])


class Agent:
    def __init__(self, program):
        self.dir = tempfile.TemporaryDirectory()
        os.chmod(self.dir.name, 0o755)
        self.socket = os.path.join(self.dir.name, 'http.sock')
        self.log = open(os.path.join(self.dir.name, 'log'), 'w+')
        self.process = subprocess.Popen(
            [PROGRAMS + '/xenscoped', '--state_dir=' + self.dir.name + '/state', '--socket=' + self.socket, '--listen=',
             '--xapi_socket=', '--control_socket=', '--graph_program=' + program, '--replay=' + CAPTURE],
            stdout=self.log, stderr=self.log)

    def __enter__(self):
        for _ in range(200):
            try:
                if self.ask('/healthz')[0] == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.05)
        self.log.seek(0)
        print('Bail out! the agent does not answer\n' + self.log.read())
        sys.exit(99)

    def __exit__(self, *what):
        self.process.terminate()
        ok(self.process.wait(10) == 0, 'the agent ends in good order')
        self.log.close()
        self.dir.cleanup()

    def ask(self, path, headers=None):
        """Status, headers, body."""
        c = http.client.HTTPConnection('localhost', timeout=20)
        c.sock = socket.socket(socket.AF_UNIX)
        c.sock.settimeout(20)
        c.sock.connect(self.socket)
        c.request('GET', path, headers=headers or {})
        r = c.getresponse()
        body = r.read()
        c.close()
        return r.status, r.headers, body


def pixels(png):
    """Size and the colours of a PNG, each checksum checked; None: it is not whole."""
    if png[:8] != b'\x89PNG\r\n\x1a\n':
        return None
    at, data, size = 8, b'', None
    while at < len(png):
        n, kind = struct.unpack('>I4s', png[at:at + 8])
        chunk = png[at + 8:at + 8 + n]
        if zlib.crc32(kind + chunk) != struct.unpack('>I', png[at + 8 + n:at + 12 + n])[0]:
            return None
        if kind == b'IHDR':
            size = struct.unpack('>II', chunk[:8])
        data += chunk if kind == b'IDAT' else b''
        at += 12 + n
    return size and kind == b'IEND' and size + (len(set(zlib.decompress(data))),)


def check_pictures(agent):
    metric = '?metric=xenscope_host_free_bytes&start=-120'
    status, headers, body = agent.ask('/graph/history.png' + metric)
    size = pixels(body)
    ok(status == 200 and headers['Content-Type'] == 'image/png' and size and size[:2] == (700, 280) and size[2] > 20,
       'a PNG of the usual size, with something in it', (status, size, body[:300]))
    body = agent.ask('/graph/history.png' + metric + '&width=1001&height=333&theme=dark')[2]
    ok(pixels(body)[:2] == (1001, 333), 'of the size that was asked for', body[:300])
    for prefix in '', '/services/plugin/xenscope':
        status, headers, body = agent.ask(prefix + '/graph/history.svg' + metric)
        root = xml.dom.minidom.parseString(body).documentElement
        ok(status == 200 and headers['Content-Type'] == 'image/svg+xml' and root.tagName == 'svg' and
           root.getAttribute('width') in ('700px', '700'), 'an SVG is XML: ' + prefix, body[:300])
    ok(not root.getElementsByTagName('script') and b'<text' not in body, 'without scripts')
    status, headers, body = agent.ask('/graph/history.svg' + metric, {'Accept-Encoding': 'gzip'})
    ok(headers['Content-Encoding'] == 'gzip' and xml.dom.minidom.parseString(zlib.decompress(body, 31)),
       'as gzip for who takes it')
    for vm in json.loads(agent.ask('/api/v1/domains')[2])['domains']:
        status, _, body = agent.ask('/graph/history.png?metric=xenscope_domain_cpu_seconds_total&uuid=' + vm['uuid'])
        ok(status == 200 and pixels(body), 'one of each domain', body[:300])


def check_many(agent):
    got = []

    def one(i):
        got.append(agent.ask('/graph/history.png?metric=xenscope_host_domains&width=%d' % (400 + i % 4))[0])
    threads = [threading.Thread(target=one, args=(i,)) for i in range(20)]
    begun = time.monotonic()
    for t in threads:
        t.start()
    others = agent.ask('/api/v1/host')[0]
    waited = time.monotonic() - begun
    for t in threads:
        t.join()
    ok(got == [200] * 20, 'twenty clients at once get their pictures', got)
    ok(others == 200 and waited < 5, 'and others are answered meanwhile', waited)


def check_errors(agent):
    status, headers, body = agent.ask('/graph/history.png?metric=xenscope_host_domains,xenscope_host_free_bytes')
    ok(status == 400 and json.loads(body)['parameter'] == 'metric' and 'one unit' in headers['X-Xenscope-Error'],
       'two units are no picture', body)
    ok(agent.ask('/graph/history.gif?metric=xenscope_host_domains')[0] == 404, 'there are no GIFs')


def check_program():
    """The program itself, with what is no request."""
    for what, text in ('nothing', b''), ('too little', b'x' * 100), ('too much', b'x' * 300000), ('zeros', bytes(4000)):
        p = subprocess.run([PROGRAMS + '/xenscope-graph'], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        ok(p.returncode == 1 and p.stdout == b'' and b'not a request' in p.stderr, 'xenscope-graph refuses ' + what, p)
    p = subprocess.run([PROGRAMS + '/xenscope-graph', '--version'], stdout=subprocess.PIPE)
    ok(p.returncode == 0 and p.stdout.startswith(b'xenscope-graph '), 'and tells its version', p)
    p = subprocess.run([PROGRAMS + '/xenscope-graph', 'x.png'], stderr=subprocess.PIPE)
    ok(p.returncode == 1 and b'xenscope-graph(8)' in p.stderr, 'and where its manual is', p)
    for program in 'xenscoped', 'xenscope':
        libraries = subprocess.run(['ldd', '%s/%s' % (PROGRAMS, program)], stdout=subprocess.PIPE).stdout
        ok(b'cairo' not in libraries and b'pango' not in libraries or b'librrd' in libraries,
           '%s is not linked with what draws' % program, libraries)


def check_client(agent):
    def client(*arguments):
        return subprocess.run([PROGRAMS + '/xenscope', 'graph', 'xenscope_host_free_bytes', '--socket=' + agent.socket,
                               *arguments], env=dict(os.environ, LC_ALL='C.UTF-8'), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    p = client('--since=-120')
    ok(p.returncode == 0 and any(c in p.stdout.decode() for c in '▁▂▃▄▅▆▇█') and b'last ' in p.stdout,
       'xenscope graph draws a line of blocks', p)
    for form in 'png', 'svg':
        path = os.path.join(agent.dir.name, 'x.' + form)
        p = client('--output=' + path)
        data = open(path, 'rb').read() if os.path.exists(path) else b''
        ok(p.returncode == 0 and (pixels(data) if form == 'png' else xml.dom.minidom.parseString(data)),
           'and writes a picture: ' + form, p)


def main():
    if DRAWS:
        with Agent(PROGRAMS + '/xenscope-graph') as agent:
            check_pictures(agent)
            check_many(agent)
            check_errors(agent)
            check_client(agent)
        check_program()
    with Agent('/nonexistent/xenscope-graph') as agent:
        status, headers, body = agent.ask('/graph/history.png?metric=xenscope_host_domains')
        problem = json.loads(body)
        ok(status == 501 and problem['title'] == 'Not Implemented' and 'package xenscope-graphs' in problem['detail'] and
           'xenscope-graphs' in headers['X-Xenscope-Error'], 'where it is not installed the answer names the package', body)
        p = subprocess.run([PROGRAMS + '/xenscope', 'graph', 'xenscope_host_domains', '--socket=' + agent.socket, '-o',
                            os.path.join(agent.dir.name, 'x.png')], stderr=subprocess.PIPE)
        ok(p.returncode == 1 and b'xenscope-graphs' in p.stderr, 'and so does the client', p)
    print('1..%d' % count)


main()
