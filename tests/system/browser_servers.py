# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers of the dashboard for browser.py: fixture_server.py's invented answers, and the agent with its replay."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
WEB = os.path.join(HERE, "..", "..", "dashboards", "web")
UUID = "00000000-0000-4000-8000-%012d"


class Fixture:
    def __init__(self, scenario, port=0, without=""):
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "fixture_server.py"), "--scenario", scenario,
                                         "--web", WEB, "--port", str(port), "--without", without],
                                        stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def crowded(capture, path, n):
    """The capture with so many domains more, each like the first guest in it."""
    ids = range(10000, 10000 + n)
    with open(capture) as f, open(path, "w") as out:
        like = None
        for line in f:
            a = json.loads(line)
            if a.get("call") == "domain_list" and len(a["domains"]) > 1:
                first, like = like is None, a["domains"][1]
                a["domains"] += [dict(like, domid=i, uuid=UUID % i) for i in ids]
                line = json.dumps(a) + "\n"
                if first:
                    for i in ids:
                        line += json.dumps({"t": a["t"], "call": "domain_name", "domid": i, "text": "guest-%d" % i}) + "\n"
            elif like and a.get("domid") == like["domid"] and a.get("call") in ("domain_policy", "vcpu_cr4"):
                line += "".join(json.dumps(dict(a, domid=i)) + "\n" for i in ids)
            out.write(line)
    return path


class Agent:
    """The agent itself, playing captures; in a process group of its own, in which its serve half stays when it is killed."""

    def __init__(self, program, captures, domains=0):
        self.dir = tempfile.mkdtemp(prefix="xenscope-browser.")
        self.log = os.path.join(self.dir, "log")
        if domains:
            captures = [crowded(captures[0], os.path.join(self.dir, "crowded.jsonl"), domains)]
        self.command = [program, "--socket=", "--xapi_socket=", "--state_dir=" + self.dir, "--dashboard_dir=" + WEB]
        self.command += ["--replay=" + c for c in captures]
        self.start(0)

    def start(self, port):
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(self.command + ["--listen=127.0.0.1:%d" % port], stderr=log, start_new_session=True)

    def wait(self):
        self.url = self.wait_for(lambda: re.search(r"http://127\.0\.0\.1:\d+", open(self.log).read()), 120).group()
        self.wait_for(lambda: self.get("migrations")["migrations"], 120)
        return self

    def wait_for(self, function, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                got = function()
                if got:
                    return got
            except OSError:
                pass
            time.sleep(0.2)
        with open(self.log) as f:
            raise RuntimeError("the agent does not get that far: " + f.read())

    def get(self, name):
        with urllib.request.urlopen(self.url + "/api/v1/" + name, timeout=5) as r:
            return json.load(r)

    def end(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        self.process.wait(20)

    def stop(self):
        self.end()
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        shutil.rmtree(self.dir, ignore_errors=True)
