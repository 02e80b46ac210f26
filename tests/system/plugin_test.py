# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the plugins have in common: agents of invented answers, the real agent, an end."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

from tap import end, ok

HERE = os.path.dirname(os.path.abspath(__file__))
CAPTURE = os.path.join(HERE, "..", "golden", "captures", "qemu-idle.jsonl")
DIR = tempfile.mkdtemp(prefix="xenscope-plugin.")


def run_all(*tests):
    try:
        for test in tests:
            test()
    finally:
        shutil.rmtree(DIR)
    end()


class Agent:
    """Answers as fixture_server.py invents them; the socket's path."""
    def __init__(self, scenario):
        self.path = os.path.join(DIR, scenario)
        self.process = subprocess.Popen([sys.executable, "-B", os.path.join(HERE, "fixture_server.py"), "--scenario", scenario,
                                         "--unix", self.path], stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def __enter__(self):
        return self.path

    def __exit__(self, *args):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        os.unlink(self.path)


class RealAgent:
    """The agent itself, which plays a small capture. `asked` tells when it has figures."""
    def __init__(self, program, asked, *options):
        self.path = os.path.join(DIR, "http.sock")
        self.log = open(os.path.join(DIR, "log"), "w+")
        self.process = subprocess.Popen(
            [program, "--config=/dev/null", "--replay=" + CAPTURE, "--socket=" + self.path, "--xapi_socket=", "--dashboard_dir=",
             "--state_dir=" + os.path.join(DIR, "state"), *(options or ["--listen="])], stderr=self.log)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None and not asked(self.path):
            time.sleep(0.1)

    def said(self):
        with open(self.log.name) as f:
            return f.read()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.process.terminate()
        ok(self.process.wait() == 0, "the agent ends in order", self.said())
        self.log.close()


def says(text, seconds=0, times=1):
    """A socket whose other end says this to so many clients, after so long, and is gone."""
    path = os.path.join(DIR, "says-%d" % len(os.listdir(DIR)))
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(1)

    def serve():
        for _ in range(times):
            c, _ = s.accept()
            c.recv(4096)
            time.sleep(seconds)
            try:
                c.sendall(text)
            except OSError:
                pass  # the client did not wait
            c.close()
        s.close()
    threading.Thread(target=serve, daemon=True).start()
    return path
