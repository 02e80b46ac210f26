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

from plugin_test import DIR, Agent, RealAgent, run_all, says
from tap import ok

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
        fails(path, "XENSCOPE_AGENT_ERROR", "the answer could not be made", "an error of the agent comes with its own words", "features")
    whole = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n{"a":1\r\n1\r\n}\r\n0\r\n\r\n'
    reply = call(says(whole), "features").get("ErrorDescription", [""])
    ok(reply[0] == "XENSCOPE_AGENT_ERROR", "an answer without a length, which the agent never gives, is refused", reply)
    half = b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1'
    fails(says(half), "XENSCOPE_AGENT_ERROR", "broke off", "one that breaks off is not taken for whole", "features")
    fails(says(b""), "XENSCOPE_AGENT_ERROR", "broke off", "nor is an empty one", "features")
    p = run(["<!DOCTYPE a [<!ENTITY b 'c'>]><methodCall/>"], "")
    ok(p.returncode == 0 and b"XENSCOPE_BAD_REQUEST" in p.stdout, "a call with a DOCTYPE is refused", p.stdout)
    for arguments in [], ["a", "b"]:
        p = run(arguments, "")
        ok(p.returncode == 1 and p.stdout == b"" and b"number of arguments" in p.stderr,
           "%d arguments: exit 1 and a message" % len(arguments), p)
    with open("/dev/full", "wb") as full:
        p = run([xmlrpc.client.dumps((SESSION, {}), "version")], "", stdout=full)
    ok(p.returncode == 1 and b"No space" in p.stderr, "a reply that cannot be written is a failure", p)


def http(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def pages():
    """An answer over 100 kB comes in pages, which are of one answer and make it up."""
    answer = {"domains": [{"name": 'a\u20ac"\\\n\U0001f525' * 9, "domid": i} for i in range(2500)]}
    body = json.dumps(answer, ensure_ascii=False).encode()
    path = says(http(body), times=20)
    first = json.loads(call(path, "domains")["Value"])
    ok(first["page"] == 1 and first["pages"] == 1 + len(body) // 65536, "a long answer has pages", (first["pages"], len(body)))
    texts = [first["text"]]
    for n in range(2, first["pages"] + 1):
        reply = call(path, "domains", page=str(n), version=first["version"])["Value"]
        texts.append(json.loads(reply)["text"])
    ok(json.loads("".join(texts)) == answer, "together they are the answer")
    ok(max(len(t.encode()) for t in texts) <= 65536 + 3, "none is much longer than 64 KiB")
    fails(path, "XENSCOPE_BAD_ARGUMENT", "not so many", "there is an end to them", "domains", page=str(first["pages"] + 1), version=first["version"])
    fails(path, "XENSCOPE_BAD_ARGUMENT", "version", "a later page needs the version", "domains", page="2")
    fails(path, "XENSCOPE_CHANGED", "page 1 again", "pages of two answers are not mixed", "domains", page="2", version="00000000000000ff")
    fails(path, "XENSCOPE_BAD_ARGUMENT", "no version", "a version has its form", "domains", page="2", version="0x0000000000000f")
    fails(path, "XENSCOPE_BAD_ARGUMENT", "from 1 to", "a page its range", "domains", page="0")
    short = http(b'{"a":"' + b"x" * 99000 + b'"}')
    ok("pages" not in json.loads(call(says(short), "features", page="1")["Value"]), "99 kB come at once")
    fails(says(b"HTTP/1.1 400 \r\nContent-Length: 32\r\n\r\n{\"detail\":\"x<y\",\"parameter\":\"p\"}"[:-1] + b"}"), "XENSCOPE_BAD_ARGUMENT",
          "x<y", "what the agent has against an argument is told", "domains")


def real_agent():
    def has_figures(path):
        return b"Success" in run([xmlrpc.client.dumps((SESSION, {}), "features")], path).stdout
    with RealAgent(AGENT, has_figures) as agent:
        features = json.loads(call(agent.path, "features").get("Value", "{}"))
        ok(features.get("source") == "replay" and features["features"]["smap"]["title"] == "Supervisor Mode Access Prevention",
           "the real agent's features come through", features)
        domain = json.loads(call(agent.path, "domains")["Value"])["domains"][0]
        every = {
            "features": {}, "host": {}, "overhead": {"uuid": domain["uuid"]}, "domain": {"uuid": domain["uuid"], "fields": "name"},
            "domains": {"uuid": domain["uuid"], "name": domain["name"], "limit": "1", "after": "0", "fields": "uuid,name"},
            "migrations": {"uuid": domain["uuid"], "name": "a&b= c", "since": "-31536000", "until": "2026-11-03T12:00:00+01:00", "result": "failed,lost",
                           "direction": "out,in", "toolstack": "xl", "limit": "3", "cursor": "5", "fields": "id,rounds"},
            "history": {"metric": "xenscope_host_free_bytes,xenscope_host_domains", "start": "-600", "end": "-60", "step": "5", "cf": "MAX",
                        "points": "10"},
            "events": {"uuid": domain["uuid"], "kind": "migration_failed", "since": "0", "limit": "5"}}
        for function, arguments in every.items():
            reply = call(agent.path, function, **arguments)
            ok(reply["Status"] == "Success" and json.loads(reply["Value"])["source"] == "replay",
               "the real agent takes all arguments of %s" % function, reply)
        functions = {f["name"]: f for f in json.loads(call(agent.path, "help")["Value"])["functions"]}
        told = {name: {a["name"] for a in f["arguments"]} - {"page", "version"} for name, f in functions.items()}
        every["history"]["uuid"] = domain["uuid"]
        ok(all(told[name] == set(arguments) for name, arguments in every.items()), "which are those that help tells", told)
        ok(set(functions) == set(every) | {"migration", "version", "help"}, "there are no other functions", sorted(functions))
        nobody = "00000000-0000-4000-8000-00000000dead"
        fails(agent.path, "XENSCOPE_NOT_FOUND", nobody, "a VM that nobody knows", "domain", uuid=nobody)
        fails(agent.path, "XENSCOPE_NOT_FOUND", "", "a migration likewise", "migration", id="1795442414-5")
        fails(agent.path, "XENSCOPE_BAD_ARGUMENT", "uuid", "an argument that is missing", "domain")
        fails(agent.path, "XENSCOPE_BAD_ARGUMENT", "id", "or an id", "migration", id="../host")
        fails(agent.path, "XENSCOPE_BAD_ARGUMENT", "metric", "what only the agent asks for", "history")
        fails(agent.path, "XENSCOPE_BAD_ARGUMENT", "result", "a word that it does not know", "migrations", result="won")
        fails(agent.path, "XENSCOPE_BAD_ARGUMENT", "longer", "a text without end", "migrations", name="a" * 513)
        fails(agent.path, "XENSCOPE_BAD_ARGUMENT", "does not take it", "an argument of another function", "features", uuid=nobody)
        hostile = json.loads(call(agent.path, "migrations", name="\n\"'<&>%00 HTTP/1.1\u20ac").get("Value", "{}"))
        ok(hostile.get("migrations") == [], "a name with quotes and line ends is only a name", hostile)


run_all(answers, failures, pages, real_agent)
