#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""xapi_proxy.py DIRECTORY: a stand-in for xapi's /services/plugin/NAME, which forwards to the socket DIRECTORY/NAME.

It does what xapi does and nothing beyond, so that what would break there breaks here:
 - HEAD and OPTIONS are not its business, and nobody is let in without Basic authentication or a session;
 - the request's head goes on as it came, with query, cookies and Authorization, one request a connection; of a GET no
   body does, whatever length its head tells;
 - of the answer's head each line is split at every colon: two parts are a header, all else becomes an empty one;
 - a body comes back only with status 200, and of it as many bytes as Content-Length tells: of chunks, none.
Prints its URL, and runs until it is ended."""
import re
import socket
import socketserver
import sys

MAX_HEAD = 1 << 16
TIMEOUT = 20  # seconds


def read_head(f):
    """The lines up to the empty one; [] where the other side says nothing."""
    lines = []
    while sum(map(len, lines)) < MAX_HEAD:
        line = f.readline(MAX_HEAD).rstrip(b'\r\n')
        if not line:
            break
        lines.append(line)
    return lines


def value(lines, name):
    """That of a header, b'' if it is not there."""
    for line in lines[1:]:
        if line.lower().startswith(name + b':'):
            return line.split(b':', 1)[1].strip()
    return b''


def copy(source, to, n):
    while n > 0:
        some = source.read1(min(n, 1 << 16))
        if not some:
            break
        to.sendall(some)
        n -= len(some)


def split_header(line):
    parts = line.split(b':')
    return parts[0] + b': ' + parts[1].strip() if len(parts) == 2 else b': '


class Client(socketserver.StreamRequestHandler):
    timeout = TIMEOUT

    def say(self, status, *headers):
        """An answer of xapi itself."""
        self.connection.sendall(b'\r\n'.join((b'HTTP/1.1 ' + status, b'Content-Length: 0', *headers, b'', b'')))

    def plugin(self, lines):
        """The socket that the request is for, or None when it is answered already."""
        method, target = lines[0].split(b' ')[:2]
        m = re.match(rb'/services/plugin/([^/?]+)', target)
        if method not in (b'GET', b'POST', b'PUT') or not m:
            self.say(b'404 Not Found')
        elif not (value(lines, b'authorization').startswith(b'Basic ') or b'session_id=' in value(lines, b'cookie')
                  or b'session_id=' in target):
            self.say(b'401 Unauthorized', b'WWW-Authenticate: Basic realm="XenServer"')
        else:
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(TIMEOUT)
            try:
                s.connect(sys.argv[1].encode() + b'/' + m.group(1))
                return s
            except OSError:
                self.say(b'404 Not Found')
        return None

    def handle(self):
        request = read_head(self.rfile)
        s = self.plugin(request) if request else None
        if not s:
            return
        with s, s.makefile('rb') as plugin:
            kept = [line for line in request if not line.lower().startswith(b'connection:')]
            s.sendall(b'\r\n'.join(kept + [b'Connection: close', b'', b'']))
            try:
                if not request[0].startswith(b'GET '):
                    copy(self.rfile, s, int(value(request, b'content-length') or 0))
                answer = read_head(plugin)
            except OSError:
                answer = []
            if not answer:
                self.say(b'500 Internal Server Error')
                return
            self.connection.sendall(b'\r\n'.join([answer[0]] + [split_header(h) for h in answer[1:]] + [b'', b'']))
            if answer[0].split(b' ')[1] == b'200':
                copy(plugin, self.connection, int(value(answer, b'content-length') or 0))


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.splitlines()[0])
    with Server(('127.0.0.1', 0), Client) as server:
        print('http://127.0.0.1:%d' % server.server_address[1], flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


main()
