#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""dashboards/grafana: each query of each panel and variable returns data from a real Prometheus with the project's rules,
which scrapes two agents that replay captures, one with PML and one without, while guests are migrated. It finds them in
what xenscope discover wrote.

grafana.py BUILDDIR SRCDIR"""
import json, os, re, subprocess, sys, time, urllib.parse, urllib.request
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import playing, tap
from playing import agent, cut, free_port, read, start, tmp
from tap import ok

BUILD, SRC = sys.argv[1], sys.argv[2]
GRAFANA, RULES = os.path.join(SRC, "dashboards/grafana"), os.path.join(SRC, "dashboards/prometheus")
NAMES = "fleet", "host", "vm"
CAPTURES = {"intel-pml": 49, "intel-wp": 49}    # a migration begins a second later
SPEED = 6.0                                     # times as fast as it was
PATIENCE = 45                                   # seconds until all have data: a migration takes 2
KINDS = {"stat", "bargauge", "timeseries", "state-timeline", "table"}
# what Grafana puts in: any host and VM, and a time
VARIABLES = {"$instance": ".+", "$vm": ".+", "$__rate_interval": "15s", "$__range": "10m"}


def is_current():
    subprocess.run([sys.executable, os.path.join(GRAFANA, "generate"), tmp], check=True)
    stale = [n for n in NAMES if read("%s/%s.json" % (tmp, n)) != read("%s/%s.json" % (GRAFANA, n))]
    ok(not stale, "the dashboards are what dashboards/grafana/generate writes", stale)


def faults(board):
    """What the classic model of dashboards asks for, in Grafana's documentation."""
    cells = set()
    for key, kind in (("uid", str), ("title", str), ("schemaVersion", int), ("tags", list), ("time", dict),
                      ("templating", dict), ("annotations", dict), ("panels", list)):
        if not isinstance(board.get(key), kind):
            yield "no " + key
    if len({p["id"] for p in board["panels"]}) != len(board["panels"]):
        yield "two panels of one id"
    for p in board["panels"]:
        at = p["gridPos"]
        taken = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        if taken & cells or at["x"] + at["w"] > 24:
            yield "%s: lies on another panel, or beyond the edge" % p["title"]
        cells |= taken
        if p["type"] not in KINDS or not p["description"] or not p["fieldConfig"]["defaults"]["unit"]:
            yield "%s: no kind, description or unit" % p["title"]
        if len({t["refId"] for t in p["targets"]}) != len(p["targets"]) or not p["targets"]:
            yield "%s: queries without a name of their own" % p["title"]
        if any(t["datasource"]["uid"] != "${datasource}" for t in p["targets"]):
            yield "%s: a data source of its own" % p["title"]
    known = set(VARIABLES) | {"$" + v["name"] for v in board["templating"]["list"]}
    for name in set(re.findall(r"\$\w+", json.dumps([p["targets"] for p in board["panels"]]))) - known:
        yield "%s is not defined" % name


def prometheus(targets):
    """A Prometheus that scrapes them each second; its URL."""
    address = "127.0.0.1:%d" % free_port()
    subprocess.run([BUILD + "/agent/xenscope", "discover", "--output", tmp + "/hosts.json", "-"], check=True,
                   input="\n".join(targets).encode())
    with open(tmp + "/prometheus.yml", "w") as f:
        json.dump({"global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
                   "rule_files": [os.path.abspath(RULES) + d + "/xenscope_*.yml" for d in ("", "/fleet")],
                   "scrape_configs": [{"job_name": "xenscope", "file_sd_configs": [{"files": [tmp + "/hosts.json"]}]}]}, f)
    start("prometheus", "prometheus", "--config.file=%s/prometheus.yml" % tmp, "--storage.tsdb.path=%s/tsdb" % tmp,
          "--web.listen-address=" + address, "--log.level=warn")
    return "http://" + address


def ask(url, path, **parameters):
    """The answer's data; an error is its text."""
    try:
        with urllib.request.urlopen("%s/api/v1/%s?%s" % (url, path, urllib.parse.urlencode(parameters)), timeout=10) as r:
            return json.loads(r.read().decode())["data"]
    except urllib.error.HTTPError as e:
        return e.read().decode()
    except OSError as e:
        return str(e)


def filled(expr):
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


def has_data(url, expr):
    data = ask(url, "query", query=filled(expr))
    return (isinstance(data, dict) and any(r["value"][1] != "NaN" for r in data["result"])) or data


def has_choices(url, v):
    """As Grafana does: the values of a label, or what the expression finds in the series as text."""
    wanted = v["query"]["query"]
    m = re.match(r"label_values\((.*), (\w+)\)$", wanted)
    if m:
        return bool(ask(url, "label/%s/values" % m.group(2), **{"match[]": m.group(1)}))
    data = ask(url, "query", query=filled(re.match(r"query_result\((.*)\)$", wanted).group(1)))
    if not isinstance(data, dict):
        return data
    series = ["%s{%s} 1 0" % (r["metric"].get("__name__", ""), ",".join(
        '%s="%s"' % x for x in sorted(r["metric"].items()) if x[0] != "__name__")) for r in data["result"]]
    found = [re.search(v["regex"].strip("/").replace("(?<", "(?P<"), s) for s in series]
    return bool(found) and all(f and len(f.group("value")) == 36 and f.group("text") for f in found)


def check_queries(boards, url):
    """Each is asked each second until it has returned data once."""
    wanted = {}
    for name, board in boards.items():
        for v in board["templating"]["list"]:
            if v["type"] == "query":
                wanted[name, "variable " + v["name"], v["query"]["query"]] = lambda v=v: has_choices(url, v)
        for p in board["panels"]:
            for t in p["targets"]:
                wanted[name, p["title"], t["expr"]] = lambda t=t: has_data(url, t["expr"])
    left, said, until = dict(wanted), {}, time.time() + PATIENCE
    while left and time.time() < until:
        time.sleep(1)
        for key, query in list(left.items()):
            said[key] = query()
            if said[key] is True:
                del left[key]
    for name in NAMES:
        missing = ["%s: %s: %s" % (key[1], key[2], said.get(key)) for key in left if key[0] == name]
        ok(not missing, "all %d queries of %s.json return data" % (sum(k[0] == name for k in wanted), name),
           "\n".join(missing))
    bad = [r for g in ask(url, "rules")["groups"] for r in g["rules"] if r["health"] == "err"]
    ok(not bad, "no rule fails on what agents tell", bad)


def check_series(url):
    """How many Prometheus has of each host and of each domain."""
    for what, labels, by, limit in (("domain", '__name__=~"xenscope_.+",uuid!=""', "instance, uuid", 30),
                                    ("host", '__name__=~"xenscope_.+",uuid=""', "instance", 200)):
        data = ask(url, "query", query="max(count by (%s) ({%s}))" % (by, labels))
        most = int(data["result"][0]["value"][1])
        ok(10 < most <= limit, "a %s has at most %d series: %d" % (what, limit, most))


def families(address):
    """The names of a live /metrics, as Prometheus calls them when it asks for OpenMetrics."""
    r = urllib.request.Request("http://%s/metrics" % address, headers={"Accept": "application/openmetrics-text"})
    with urllib.request.urlopen(r, timeout=10) as answer:
        return set(re.findall(r"^# TYPE (\S+)", answer.read().decode(), re.M))


def check_scraped(addresses, url):
    """Each agent answers its scrapes, and nothing that it tells is lost on the way."""
    up = {r["metric"]["instance"]: r["value"][1] for r in ask(url, "query", query="up")["result"]}
    ok(up == dict.fromkeys(addresses, "1"), "up is 1 of each of the %d agents" % len(addresses), up)
    until, wrong = time.time() + PATIENCE, True
    while wrong and time.time() < until:
        time.sleep(1)
        wrong = []
        for a in addresses:
            known = {m["metric"] for m in ask(url, "targets/metadata", match_target='{instance="%s"}' % a)}
            wrong += [a + ": " + name for name in sorted(families(a) - known)] if known else [a + ": nothing"]
    ok(not wrong, "Prometheus knows each family of their /metrics", "\n".join(wrong))


def main():
    is_current()
    boards = {n: json.loads(read("%s/%s.json" % (GRAFANA, n))) for n in NAMES}
    for name, board in boards.items():
        wrong = list(faults(board))
        ok(not wrong, "%s.json is a dashboard: %d panels, each in its place and with queries" %
           (name, len(board["panels"])), "\n".join(wrong))
    addresses = [agent(BUILD, name, cut("%s/tests/captures/%s.jsonl" % (SRC, name), since, speed=SPEED))
                 for name, since in CAPTURES.items()]
    url = prometheus(addresses)
    check_queries(boards, url)
    check_series(url)
    check_scraped(addresses, url)


try:
    main()
finally:
    playing.end()
tap.end()
