#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""rrd_readers.py AGENT: /rrd_updates, /host_rrd and /vm_rrd as a reader of XenServer's metrics reads them, against what
rrdtool itself finds in the files. The agent plays a capture on top of two hours that rrdtool wrote; TAP."""
import http.client
import json
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml

HERE = os.path.dirname(os.path.abspath(__file__))
AGENT = os.path.abspath(sys.argv[1])
CAPTURE = os.path.join(HERE, "..", "captures", "intel-pml.jsonl")
DIR = tempfile.mkdtemp(prefix="xenscope-readers.")
SOCKET = os.path.join(DIR, "s")
PREFIX = "/services/plugin/xenscope"
NOBODY = "00000000-0000-0000-0000-000000000000"  # a replay's host, and xl's Dom0
STEP = 5
ARCHIVES = ((1, 360), (12, 1440), (180, 672), (720, 2160), (17280, 1830))
count = failed = 0


def ok(good, claim, detail=""):
    global count, failed
    count += 1
    failed += not good
    print("%sok %d - %s" % ("" if good else "not ", count, claim), flush=True)
    if not good:
        print("# %s" % str(detail)[:2000].replace("\n", "\n# "))


# --- the files ---

def rrdtool(*arguments):
    return subprocess.run(["rrdtool"] + list(arguments), stdout=subprocess.PIPE, check=True).stdout.decode()


def sources(scope):
    text = subprocess.run([AGENT, "--dump-metrics=rrd"], stdout=subprocess.PIPE, check=True).stdout.decode()
    return [line.split()[1] for line in text.splitlines() if line.startswith(scope + " ")]


def fill(path, scope, functions, end):
    """Two hours of values that no two steps or sources share, up to end."""
    wanted = sources(scope)
    rrdtool("create", path, "--start", str(end - 7201), "--step", str(STEP), *wanted,
            *("RRA:%s:0.5:%d:%d" % (f, steps, rows) for steps, rows in ARCHIVES for f in functions))
    rrdtool("update", path, *("%d:" % t + ":".join(
        "U" if (t // STEP + i) % 50 == 0 else
        "%.6f" % (abs(math.sin(t / 700 + i)) * (1 if s.endswith(":1") else 10 ** (3 * i % 10)))
        for i, s in enumerate(wanted)) for t in range(end - 7200, end + 1, STEP)))
    os.chmod(path, 0o644)


def fetch(path, function, step, first, last):
    """What rrdtool finds: {time: {name: value}}."""
    lines = rrdtool("fetch", path, function, "-r", str(step), "-s", str(first - step), "-e", str(last - 1)).splitlines()
    names, rows = lines[0].split(), {}
    for line in lines[1:]:
        m = re.match(r"(\d+): (.*)", line)
        if m:
            rows[int(m.group(1))] = dict(zip(names, map(float, m.group(2).split())))
    return rows


# --- the reader: the legend tells whose each column is, the rows come newest first ---

class Updates:
    def __init__(self, text):
        if text.startswith("{"):
            document = json.loads(text)
            meta, rows = document["meta"], document["data"]
            legend = meta["legend"]
            self.rows = [(int(row["t"]), [float(v) for v in row["values"]]) for row in rows]
            self.strings = all(isinstance(v, str) for row in rows for v in row["values"])
        else:
            root = xml.fromstring(text)
            meta = {e.tag: e.text for e in root.find("meta")}
            legend = [e.text for e in root.findall("meta/legend/entry")]
            self.rows = [(int(row.find("t").text), [float(v.text) for v in row.findall("v")])
                         for row in root.findall("data/row")]
            self.strings = True
        self.start, self.step, self.end, n, columns = (int(meta[k]) for k in ("start", "step", "end", "rows", "columns"))
        self.columns = [tuple(entry.split(":")) for entry in legend]
        times = [t for t, _ in self.rows]
        self.sound = (n == len(times) and columns == len(self.columns) and all(len(c) == 4 for c in self.columns) and
                      all(len(values) == columns for _, values in self.rows) and
                      times == list(range(self.end, self.start - 1, -self.step)) and self.strings)

    def table(self, function, kind, uuid):
        """{time: {name: value}}"""
        return {t: {c[3]: v for c, v in zip(self.columns, values) if c[:3] == (function, kind, uuid)}
                for t, values in self.rows}


class Dump:
    def __init__(self, text):
        root = xml.fromstring(text)
        self.step, self.last = int(root.find("step").text), int(root.find("lastupdate").text)
        self.names = [e.text for e in root.findall("ds/name")]
        self.archives = {(a.find("cf").text, int(a.find("pdp_per_row").text)):
                         [[float(v.text) for v in row] for row in a.findall("database/row")] for a in root.findall("rra")}

    def table(self, function, steps):
        rows, step = self.archives[function, steps], self.step * steps
        last = self.last // step * step
        return {last - (len(rows) - 1 - i) * step: dict(zip(self.names, row)) for i, row in enumerate(rows)}


def same(ours, theirs, least):
    """All that both have a row of is the same, and that is not little. (Of the newest rows the agent's log knew the time
    better than the file does now: librrd cuts it to microseconds.)"""
    known = 0
    for t in set(ours) & set(theirs):
        for name, v in ours[t].items():
            w = theirs[t].get(name, math.nan)
            if math.isnan(v) != math.isnan(w) or abs(v - w) > 1e-6 * abs(w):
                return "%d %s: %r, not %r" % (t, name, v, w)
            known += not math.isnan(v)
    return known >= least or "only %d values" % known


# --- the agent ---

class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(SOCKET)


def get(path, **headers):
    connection = Connection("xen")
    try:
        connection.request("GET", path, headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.headers, reply.read().decode()
    except OSError:
        return 0, {}, ""
    finally:
        connection.close()


def begin():
    agent = subprocess.Popen([AGENT, "--config=/dev/null", "--replay=" + CAPTURE, "--socket=" + SOCKET, "--listen=",
                              "--xapi_socket=", "--control_socket=", "--dashboard_dir=", "--log_daemon=",
                              "--log_xensource=", "--log_libvirt=", "--state_dir=" + os.path.join(DIR, "state")],
                             stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and agent.poll() is None and get("/healthz")[0] != 200:
        time.sleep(0.05)
    return agent


def ask(query):
    """The same from both places and in both forms; the XML one of them is looked at."""
    status, headers, text = get(PREFIX + "/rrd_updates?" + query, **{"Accept-Encoding": "identity"})
    length = headers.get("Content-Length")
    ok(status == 200 and headers["Content-Type"] == "text/xml" and length and int(length) == len(text) and
       not headers.get("Transfer-Encoding"), "/rrd_updates?%s: XML of a length that is known" % query, text)
    updates = Updates(text)
    ok(updates.sound, "rows are as the head says, newest first, a step apart", text)
    status, headers, text = get("/rrd_updates?json=true&" + query)
    other = Updates(text)
    ok(status == 200 and headers["Content-Type"] == "application/json" and other.sound and
       other.columns == updates.columns and
       all(repr(dict(other.rows)[t]) == repr(v) for t, v in updates.rows if t in dict(other.rows)),
       "the same as JSON, values as strings", text)
    return updates


def questions():
    fine = ask("start=-1500&host=true&cf=AVERAGE")
    minute = ask("start=%d&host=true&interval=60" % (time.time() - 3600))
    day = ask("start=-100000&host=true&vm_uuid=%s&cf=MAX&session_id=x" % NOBODY)
    ok((fine.step, minute.step, day.step) == (5, 60, 900), "the archive is the one that reaches back, or the interval's")
    ok(len(fine.rows) in (300, 301), "all rows since start, that one too, and no older", len(fine.rows))
    ok({c[0] for c in minute.columns if c[1] == "host"} == {"AVERAGE", "MIN", "MAX"} and
       {c[0] for c in minute.columns if c[1] == "vm"} == {"AVERAGE", "MAX"}, "without cf all are told")
    ok({c[2] for c in fine.columns if c[1] == "vm"} >= {NOBODY} and {c[2] for c in day.columns if c[1] == "vm"} == {NOBODY},
       "of all domains, or of one")
    none = ask("start=-60&host=true&vm_uuid=none")
    ok({c[1] for c in none.columns} == {"host"}, "or of none")
    future = ask("start=%d&cf=AVERAGE&host=true" % (time.time() + 1000))
    ok(future.rows == [] and len(future.columns) > 0, "of the future there are no rows")
    for query, word in (("", "start"), ("start=x", "start"), ("start=1&cf=LAST", "cf"), ("start=1&vm_uuid=x", "vm_uuid"),
                        ("start=1&host=maybe", "host"), ("start=1&interval=-1", "interval")):
        status, headers, text = get("/rrd_updates?" + query)
        ok(status == 400 and json.loads(text)["detail"].startswith(word), "?%s is refused" % query, text)
    ok(get("/rrd_updates?start=-9&vm_uuid=11111111-2222-3333-4444-555555555555")[0] == 404 and
       get("/vm_rrd?uuid=11111111-2222-3333-4444-555555555555")[0] == 404 and get("/vm_rrd")[0] == 400,
       "a domain of which nothing is stored is not found")
    return fine, minute, day


def judge(updates, files):
    for u in updates:
        for function, kind, uuid in sorted({c[:3] for c in u.columns if c[2] == NOBODY}):
            verdict = same(u.table(function, kind, uuid), fetch(files[kind], function, u.step, u.start, u.end), 40)
            ok(verdict is True, "%s of the %s, step %d: as rrdtool finds them" % (function, kind, u.step), verdict)


def judge_dump(path, text, kind):
    dump = Dump(text)
    document = os.path.join(DIR, kind + ".xml")
    restored = document + ".rrd"
    with open(document, "w") as f:
        f.write(text)
    rrdtool("restore", document, restored)
    for function, steps in sorted(dump.archives):
        table = dump.table(function, steps)
        last, step = max(table), dump.step * steps
        theirs = fetch(path, function, step, last - 300 * step, last)
        verdict = same(table, theirs, 50 if steps < 720 else 0)
        ok(verdict is True and len(table) == dict(ARCHIVES)[steps], "%s of /%s_rrd by %d steps: as in the file" %
           (function, kind, steps), verdict)
        verdict = same(fetch(restored, function, step, last - 300 * step, last), theirs, 50 if steps < 720 else 0)
        ok(verdict is True, "rrdtool restores it", verdict)


def main():
    public = os.path.join(DIR, "state", "public")
    files = {"host": os.path.join(public, "host.rrd"), "vm": os.path.join(public, "vm", NOBODY + ".rrd")}
    os.makedirs(os.path.dirname(files["vm"]))
    for path in DIR, os.path.join(DIR, "state"), public, os.path.dirname(files["vm"]):
        os.chmod(path, 0o755)
    end = int(time.time()) // STEP * STEP - STEP
    fill(files["host"], "host", ("AVERAGE", "MAX", "MIN"), end)
    fill(files["vm"], "domain", ("AVERAGE", "MAX"), end)
    agent = begin()
    try:
        updates = questions()
        dumps = [(kind, get(path)[2]) for kind, path in (("host", "/host_rrd"), ("vm", "/vm_rrd?uuid=" + NOBODY))]
        status, _, text = get("/vm_rrd?json=true&uuid=" + NOBODY)
        shape = json.loads(text)
        ok(status == 200 and shape["version"] == "0003" and shape["step"] == "5" and
           [d["name"] for d in shape["ds"]] == Dump(dumps[1][1]).names and shape["rra"][0]["params"]["xff"] == "0.5" and
           len(shape["rra"][0]["cdp_prep"]["ds"]) == len(shape["ds"]) and
           all(isinstance(v, str) for v in shape["rra"][0]["database"][-1]), "/vm_rrd as JSON has the same members", text)
    finally:
        agent.terminate()
        status = agent.wait()
    ok(status == 0, "the agent ends in good order", status)
    judge(updates, files)
    for kind, text in dumps:
        judge_dump(files[kind], text, kind)


try:
    main()
finally:
    shutil.rmtree(DIR)
print("1..%d" % count)
sys.exit(failed > 0)
