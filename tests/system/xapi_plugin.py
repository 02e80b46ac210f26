#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The xapi plugin as xapi runs it, against an agent of invented answers. Python's own XML-RPC reads the replies and
writes what they are compared with, as in XenAPIPlugin.py. At last the real agent, which plays a small capture.
xapi_plugin.py PROGRAM AGENT; TAP on standard output."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import xmlrpc.client

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.abspath(sys.argv[1])
AGENT = os.path.abspath(sys.argv[2])
CAPTURE = os.path.join(HERE, "..", "fuzz", "corpus", "capture", "joined-torn.jsonl")
SESSION = "OpaqueRef:12345678-1234-1234-1234-123456789abc"
DIR = tempfile.mkdtemp(prefix="xenscope-plugin.")
done = failed = 0


def ok(cond, claim, detail=""):
    global done, failed
    done += 1
    failed += not cond
    print("%sok %d - %s" % ("" if cond else "not ", done, claim))
    if not cond:
        print("# %s" % str(detail).replace("\n", "\n# "))


def run(arguments, path, **options):
    """With the surroundings that xapi gives: no environment but PATH, SIGPIPE ignored, / as directory."""
    return subprocess.run([PROGRAM] + arguments, stdin=subprocess.DEVNULL, cwd="/", timeout=30,
                          env={"PATH": "/sbin:/usr/sbin:/bin:/usr/bin", "XENSCOPE_SOCKET": path},
                          preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN),
                          stderr=subprocess.PIPE, **dict(dict(stdout=subprocess.PIPE), **options))


def call(path, function, **arguments):
    """The reply's struct; fails the test if the reply is not byte for byte what XenAPIPlugin.py would print."""
    p = run([xmlrpc.client.dumps((SESSION, arguments), function)], path)
    reply = xmlrpc.client.loads(p.stdout.decode())[0][0]
    want = xmlrpc.client.dumps((reply,), "", True) + "\n"
    ok(p.returncode == 0 and p.stderr == b"" and p.stdout.decode() == want, "%s: exit 0 and a reply in the library's form" % function,
       p.stdout.decode() + p.stderr.decode())
    return reply


def fails(path, code, word, claim, function, **arguments):
    reply = call(path, function, **arguments)
    words = reply.get("ErrorDescription", [""])
    ok(reply["Status"] == "Failure" and words[0] == code and word in " ".join(words), claim, reply)


class Agent:
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


def says_once(text):
    """A socket whose other end says this to one client, and is gone."""
    path = os.path.join(DIR, "once-%d" % len(os.listdir(DIR)))
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(1)

    def serve():
        c, _ = s.accept()
        c.recv(4096)
        c.sendall(text)
        c.close()
        s.close()
    threading.Thread(target=serve, daemon=True).start()
    return path


def answers():
    with Agent("quiet") as path:
        reply = call(path, "features")
        ok(reply["Status"] == "Success" and isinstance(reply["Value"], str), "the value is a string", reply)
        ok(json.loads(reply["Value"])["features"]["smap"]["xen"] == "yes", "which holds the agent's JSON")
        migrations = json.loads(call(path, "migrations")["Value"])["migrations"]
        ok(len(migrations) == 5 and migrations[0]["rounds"][1]["pages_dirtied"] == 1120, "migrations come round by round")
        uuid = migrations[1]["uuid"]
        some = json.loads(call(path, "migrations", uuid=uuid.upper())["Value"])["migrations"]
        ok([m["uuid"] for m in some] == [uuid], "those of one VM")
        ok(len(json.loads(call(path, "migrations", limit="2")["Value"])["migrations"]) == 2, "and at most so many")
        fails(path, "XENSCOPE_BAD_ARGUMENT", "limit", "an argument is checked before the agent is asked", "migrations", limit="0x2")
        fails(path, "UNKNOWN_XENAPI_PLUGIN_FUNCTION", "nosuch", "an unknown function is named", "nosuch")
        functions = json.loads(call(path, "help")["Value"])["functions"]
        ok({f["name"] for f in functions} >= {"features", "migrations", "version", "help"}, "help names the functions")
        ok("plugin" in json.loads(call(path, "version")["Value"]), "version tells the version")
    with Agent("hostile") as path:
        names = [d["name"] for d in json.loads(call(path, "features")["Value"])["domains"]]
        ok("<script>document.title='owned'</script>" in names, "a name with tags comes through as it is")


def failures():
    fails(os.path.join(DIR, "nothing"), "XENSCOPE_AGENT_DOWN", "systemctl start xenscoped", "no agent: how to start it", "features")
    fails(os.path.join(DIR, "quiet"), "XENSCOPE_AGENT_DOWN", "refused", "an agent that has died", "features")
    with Agent("error") as path:
        fails(path, "XENSCOPE_AGENT_ERROR", "no sample yet", "an error of the agent comes with its own words", "features")
    whole = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n{"a":1\r\n1\r\n}\r\n0\r\n\r\n'
    reply = call(says_once(whole), "features").get("ErrorDescription", [""])
    ok(reply[0] == "XENSCOPE_AGENT_ERROR", "an answer without a length, which the agent never gives, is refused", reply)
    half = b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1'
    fails(says_once(half), "XENSCOPE_AGENT_ERROR", "broke off", "one that breaks off is not taken for whole", "features")
    fails(says_once(b""), "XENSCOPE_AGENT_ERROR", "broke off", "nor is an empty one", "features")
    p = run(["<!DOCTYPE a [<!ENTITY b 'c'>]><methodCall/>"], "")
    ok(p.returncode == 0 and b"XENSCOPE_BAD_REQUEST" in p.stdout, "a call with a DOCTYPE is refused", p.stdout)
    for arguments in [], ["a", "b"]:
        p = run(arguments, "")
        ok(p.returncode == 1 and p.stdout == b"" and b"number of arguments" in p.stderr,
           "%d arguments: exit 1 and a message" % len(arguments), p)
    with open("/dev/full", "wb") as full:
        p = run([xmlrpc.client.dumps((SESSION, {}), "version")], "", stdout=full)
    ok(p.returncode == 1 and b"No space" in p.stderr, "a reply that cannot be written is a failure", p)


def real_agent():
    path = os.path.join(DIR, "http.sock")
    agent = subprocess.Popen([AGENT, "--config=/dev/null", "--replay=" + CAPTURE, "--socket=" + path, "--listen=", "--xapi_socket=",
                              "--dashboard_dir=", "--state_dir=" + os.path.join(DIR, "state")], stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and agent.poll() is None and b"Success" not in run([xmlrpc.client.dumps(
                (SESSION, {}), "features")], path).stdout:
            time.sleep(0.1)
        features = json.loads(call(path, "features").get("Value", "{}"))
        ok(features.get("source") == "replay" and features["features"]["smap"]["title"] == "Supervisor Mode Access Prevention",
           "the real agent's features come through", features)
        migrations = json.loads(call(path, "migrations", limit="3", uuid="00000000-0000-4000-8000-000000000001").get("Value", "{}"))
        ok(isinstance(migrations.get("migrations"), list), "and its migrations: it knows the plugin's parameters", migrations)
    finally:
        agent.terminate()
        said = agent.communicate()[1].decode()
    ok(agent.returncode == 0, "and it ends in order", said)


try:
    answers()
    failures()
    real_agent()
finally:
    shutil.rmtree(DIR)
print("1..%d" % done)
sys.exit(failed > 0)
