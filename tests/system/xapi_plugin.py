#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The xapi plugin as xapi runs it, against an agent of invented answers. Python's own XML-RPC reads the replies and
writes what they are compared with, as in XenAPIPlugin.py. At last the real agent, which plays a small capture.
xapi_plugin.py PROGRAM AGENT; TAP on standard output."""
import json
import os
import signal
import socket
import subprocess
import sys
import xmlrpc.client

from plugin_test import DIR, Agent, RealAgent, ok, run_all, says_once

PROGRAM = os.path.abspath(sys.argv[1])
AGENT = os.path.abspath(sys.argv[2])
SESSION = "OpaqueRef:12345678-1234-1234-1234-123456789abc"


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
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.path.join(DIR, "dead"))
    fails(os.path.join(DIR, "dead"), "XENSCOPE_AGENT_DOWN", "refused", "an agent that has died", "features")
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
    def has_figures(path):
        return b"Success" in run([xmlrpc.client.dumps((SESSION, {}), "features")], path).stdout
    with RealAgent(AGENT, has_figures) as agent:
        features = json.loads(call(agent.path, "features").get("Value", "{}"))
        ok(features.get("source") == "replay" and features["features"]["smap"]["title"] == "Supervisor Mode Access Prevention",
           "the real agent's features come through", features)
        migrations = json.loads(call(agent.path, "migrations", limit="3", uuid="00000000-0000-4000-8000-000000000001").get("Value", "{}"))
        ok(isinstance(migrations.get("migrations"), list), "and its migrations: it knows the plugin's parameters", migrations)


run_all(answers, failures, real_agent)
