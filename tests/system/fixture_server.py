#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Serves the dashboard with invented answers, for tests of the page and of the xapi plugin without an agent.

fixture_server.py --scenario NAME [--web DIR] [--without FILE] [--unix PATH] [--port N]
Prints its URL (or the socket's path) once it listens. Scenarios: see SCENARIOS below.
"""
import argparse, http.server, json, math, os, re, socketserver, time, urllib.parse

START = time.time()
PREFIX = "/services/plugin/xenscope"
CSP = ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
       "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
TYPES = {"html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8",
         "svg": "image/svg+xml"}
UUID = "00000000-0000-4000-8000-%012d"
HOSTILE = ["<script>document.title='owned'</script>", "\"><img src=x onerror=alert(1)>", "';DROP TABLE vms;--",
           "\u202egnp.exe \u4f60\u597d \U0001f525", "a" * 127]
PROBLEMS = {500: ("Internal Server Error", "the answer could not be made"),
            503: ("Service Unavailable", "no sample yet: the agent has just started; ask again in 5 s")}
FEATURES = [("smap", "Supervisor Mode Access Prevention"), ("smep", "Supervisor Mode Execution Prevention"),
            ("umip", "User Mode Instruction Prevention"), ("pku", "Protection Keys for Userspace"),
            ("cet_ss", "CET Shadow Stacks"), ("cet_ibt", "CET Indirect Branch Tracking")]
SPECULATION = """Speculative mitigation facilities:
  Hardware hints: RDCL_NO IBRS_ALL SKIP_L1DFL MDS_NO TAA_NO
  Hardware features: IBPB IBRS STIBP SSBD L1D_FLUSH MD_CLEAR
  Xen settings: BTI-Thunk: JMP, SPEC_CTRL: IBRS+ STIBP- SSBD-, Other: IBPB-ctxt VERW
  Support for HVM VMs: MSR_SPEC_CTRL MSR_VIRT_SPEC_CTRL RSB EAGER_FPU"""


TIMES = ("time", "started", "ended", "requested", "suspended", "harvested", "sent", "done", "released", "cr4_read", "next", "start")
TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../agent/metrics/metrics.def")


def table(pattern):
    """Of each row of the agent's table of metrics what the pattern's groups find, by its name."""
    with open(TABLE) as f:
        return {m[0]: m[1:] for m in re.findall(pattern, f.read())}


ROWS = table(r'METRIC\(\w+, "(\w+)", MT_(\w+), MU_(\w+)')
SCOPES = {s: re.findall(r'METRIC\(\w+, "(\w+)"', rows[0])
          for s, rows in table(r"METRICS_OF\((\w+)\)((?:.|\n)*?)METRICS_END").items()}


def metrics(*scopes, **known):
    """All metrics of the scopes, most of them not known."""
    return {name: known.get(name) for s in scopes for name in SCOPES[s]}


def with_texts(value):
    """Beside each time its text, as the agent has it."""
    if isinstance(value, list):
        return [with_texts(v) for v in value]
    if not isinstance(value, dict):
        return value
    out = {k: with_texts(v) for k, v in value.items()}
    for k in TIMES:
        if k in value and not isinstance(value[k], str) and not (k == "next" and value[k] is None):
            out[k + "_text"] = value[k] and time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(value[k]))
    return out


def traced(**known):
    """What tracking cost in a pass of a migration, or in all of one."""
    counts = ("windows", "torn_windows", "lost_records", "violations", "violation_cycles", "pml_full", "pml_full_cycles", "recalcs",
              "recalc_cycles")
    figures = ("tracked_seconds", "traced_seconds", "sampled_fraction", "pages_dirtied", "splits", "avoided_exits", "overhead_ratio",
               "exits_per_kpage", "recalc_exits_per_kpage", "cycles_per_page", "harvest_seconds")
    return dict(dict.fromkeys(counts, 0), **dict(dict.fromkeys(figures), **known))


def problem(status, title, detail, path):
    return status, {"type": "about:blank", "title": title, "status": status, "detail": detail, "instance": path}


class Scenario:
    def __init__(self, source="live", age=1.2, names=("web-1", "db-primary", "build-03", "mail"), smap_hvm=False,
                 unknown=False, running=True, past=True, status=200, many=0, migrations=0, ends=0, gone=False, step=5):
        self.source, self.age, self.names, self.smap_hvm, self.unknown = source, age, list(names), smap_hvm, unknown
        self.moving, self.past, self.status, self.journalled, self.ends = running, past, status, migrations, ends
        self.gone, self.step = gone, step
        self.kept = {}  # of many domains: what a page takes is measured, not what Python takes
        self.names += ["guest-%03d" % i for i in range(many)]

    @property
    def running(self):
        return self.moving and not (self.ends and time.time() > START + self.ends)

    def body(self, path, query):
        key = path + repr(query)
        if key not in self.kept or not self.journalled:
            status, doc = self.answer(path, query)
            self.kept[key] = status, json.dumps(doc).encode()
        return self.kept[key]

    def answer(self, path, query):
        now = time.time() - self.age
        head = {"source": self.source, "stale": self.gone, "time": now}
        name, _, key = path[len("/api/v1/"):].partition("/")
        make = getattr(self, "%s_%s" % ("one" if key else "get", name), None) if path.startswith("/api/v1/") else None
        if make is None:
            return problem(404, "Not Found", "there is nothing at this path", path)
        if self.status != 200:
            title, detail = PROBLEMS[self.status] if self.status else time.sleep(60) or PROBLEMS[500]
            return problem(self.status, title, detail, path)
        try:
            found = make(key) if key else make(query, now)
            if found is None:
                return problem(404, "Not Found", "there is no %s" % key, path)
            head.update(found)
        except KeyError as e:
            return problem(400, "Bad Request", "parameter %s is missing" % e, path)
        return 200, with_texts(head)

    def get_host(self, query, now):
        return {"age_seconds": self.age, "agent_version": "0.1.0", "step": self.step, "xen_version": "4.17.7", "cpu_model": "Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz",
                "boot_id": UUID % 99, "command_line": "dom0_mem=4G,max:4G console=vga,com1" +
                (" smap=hvm ept=no-pml" if self.smap_hvm else ""),
                "notes": ["tracefs is not mounted: pages sent are not seen. mount -t tracefs tracefs /sys/kernel/tracing"]
                if self.unknown else [],
                "metrics": metrics("HOST", "SERVE", xenscope_host_cpus=64, xenscope_host_memory_bytes=274877906944,
                                   xenscope_host_free_bytes=118111600640, xenscope_host_domains=len(self.names) + 1,
                                   xenscope_migrations_running=int(self.running),
                                   xenscope_migrations_total=5 + bool(self.ends and not self.running)),
                "collectors": [{"name": "host", "error": None, "metrics": metrics("COLLECTOR", xenscope_collector_up=1)}]}

    def get_features(self, query, now):
        def row(name, title):
            y = "unknown" if self.unknown else "yes"
            r = {"title": title, "cpu": y, "host": y, "xen": y, "hvm": y, "pv": "no" if not self.unknown else y,
                 "reason": None, "confidence": "unknown" if self.unknown else "exact"}
            if self.unknown:
                r["reason"] = "the featuresets could not be read: Operation not permitted"
            elif name == "smap" and self.smap_hvm:
                r.update(xen="no", reason="smap=hvm on Xen's command line")
            elif name in ("umip", "pku"):
                r.update(xen="no", reason="Xen does not use it for itself")
            elif name.startswith("cet"):
                r.update(cpu="no", host="no", xen="no", hvm="no", reason="absent in the CPU")
            return r
        pml = {"state": "in_use", "reason": None, "source": "console_ring"}
        if self.smap_hvm:
            pml = {"state": "disabled", "reason": "ept=no-pml on Xen's command line", "source": "command_line"}
        if self.unknown:
            pml = {"state": "unknown", "reason": "the console ring has lost the boot and there is no saved console log",
                   "source": "none"}
        return {"features": {n: row(n, t) for n, t in FEATURES}, "pml": pml,
                "ept_ad": "unknown" if self.unknown or self.smap_hvm else "yes", "hap": "unknown" if self.unknown else "yes",
                "speculation": {"source": "none" if self.unknown else "console_ring", "text": "" if self.unknown else SPECULATION},
                "domains": [{k: d[k] for k in ("uuid", "name", "domid", "kind", "features", "cr4_read")} for d in self.domain_list()]}

    def domain_list(self):
        out = []
        for i, name in enumerate(["Domain-0"] + self.names):
            kind = "pv" if i == 0 else ("pvh" if i % 3 == 2 else "hvm")
            feat = {}
            for f, _ in FEATURES:
                exposed = "no" if f.startswith("cet") or kind == "pv" else "yes"
                active = "unknown" if kind == "pv" or i % 4 == 3 else ("yes" if f in ("smap", "smep") or i % 2 else "no")
                feat[f] = {"exposed": exposed, "active": "no" if exposed == "no" and kind != "pv" else active}
            out.append({"uuid": UUID % i, "name": name, "domid": i, "kind": kind,
                        "state": "running" if i < 2 else ("paused" if i == 4 else "blocked"), "features": feat,
                        "cr4_read": time.time() - 400,
                        "metrics": metrics("DOMAIN", xenscope_domain_memory_bytes=(i + 1) << 30, xenscope_domain_vcpus=2 + i % 4,
                                           xenscope_domain_tracked=int((i == 1 and self.running) or i == 3))})
        return out

    def get_domains(self, query, now):
        return {"domains": [d for d in self.domain_list() if query.get("uuid", d["uuid"]) == d["uuid"]], "next": None}

    def one_domains(self, key):
        uuid, _, advice = key.partition("/")
        d = next((d for d in self.domain_list() if d["uuid"] == uuid), None)
        return d and (self.advice(d) if advice else {"domain": d})

    def advice(self, d):
        a = {"uuid": d["uuid"], "name": d["name"], "state": "unknown", "missing": "3 of 5 measurements; xenscope probe adds one",
             "basis": None, "windows": 3, "migrations": 3, "probes": 0, "truncated": False, "covariate": None,
             "estimate_error_ratio": None, "now": None, "best": None, "best_hours": [], "estimate_pages_per_second_by_hour": None}
        if d["domid"] == 1:
            def expect(rate, converges, rounds, total, down):
                return {"estimate_pages_per_second": rate, "estimate_converges": converges, "estimate_rounds": rounds,
                        "estimate_total_seconds": total, "estimate_downtime_seconds": down}
            hours = [400 + 900 * abs(math.sin(h / 24 * math.pi)) * (0.4 if h // 24 > 4 else 1) for h in range(168)]
            a.update(state="known", missing=None, basis="by its CPU time, as 7 measurements agree", windows=7, migrations=6, probes=1,
                     covariate="cpu", estimate_error_ratio=0.12, now=expect(1280, "no", 5, 18.4, 0.41),
                     best=expect(410, "yes", 4, 11.9, 0.14), estimate_pages_per_second_by_hour=hours,
                     best_hours=[{"day": "sunday", "hour": h, "next": time.time() + 86400 * 3, "estimate_pages_per_second": 410}
                                 for h in (0, 1, 23)])
        return a

    def rounds(self, started, mode, seen_from=0, dirtied=(4262, 1120, 436, 285, 517)):
        out, at, send = [], started, 32784
        for n, d in enumerate(dirtied):
            s = max(0.02, send / 7400)
            if n < seen_from:
                out.append({"n": n, "seen": False, "started": None, "seconds": None, "pages_sent": None,
                            "frames_sent": None, "pages_dirtied": None, "harvest_seconds": None, "overhead": None})
            else:
                out.append({"n": n, "seen": True, "started": at, "seconds": s, "pages_sent": send if n else None,
                            "frames_sent": send if n else 1044480, "pages_dirtied": d,
                            "harvest_seconds": 0.0019 if mode == "pml" else 0.0043,
                            "overhead": traced(overhead_ratio=0.0118 if mode == "pml" else 0.0273)})
            at, send = at + s, d
        return out, at

    def record(self, i, ago, **more):
        started = START - ago
        mode = more.get("tracking_mode", "pml")
        rounds, at = self.rounds(started, mode, more.pop("unseen", 0))
        r = {"id": "%d-%d" % (started, i), "uuid": UUID % i, "name": (["Domain-0"] + self.names)[i], "domid": i,
             "direction": "out", "toolstack": "xl", "mode_note": "", "bytes_sent": 161398784, "released": None, "released_source": None,
             "checkpoints": None, "xen_extra": ".7", "source": self.source, "tracking_mode": mode, "mode_source": "inferred", "started": started,
             "ended": at + 0.31, "result": "completed", "reason": "", "memory_pages": 32768, "rounds": rounds,
             "rounds_begun": len(rounds), "rounds_unseen": sum(not x["seen"] for x in rounds),
             "final": {"started": at, "seconds": 0.17, "requested": at - 0.05, "suspended": at, "harvested": at + 0.002,
                       "sent": None, "done": at + 0.17, "pages": 517, "harvest_seconds": 0.002, "overhead": None},
             "pages_sent": 39404, "frames_sent": 1051000, "downtime_seconds": 0.21, "downtime_source": "suspend_to_off",
             "stop_reason": "round_limit", "rounds_source": "bpf", "tracking_left_on": False,
             "cpu_model": "Intel", "xen_version": "4.17.7", "boot_id": UUID % 99,
             "forecast": [{"after_round": 0, "converges": "no", "rounds": 5, "remaining_seconds": 2.1, "total_seconds": 6.4,
                           "downtime_seconds": 0.19},
                          {"after_round": 1, "converges": "yes", "rounds": 4, "remaining_seconds": 0.8, "total_seconds": 5.6,
                           "downtime_seconds": 0.2}],
             "forecast_error": {"after_round": 1, "rounds": 0, "total_ratio": 0.031, "downtime_ratio": 0.104},
             "overhead": dict(traced(
                 tracked_seconds=5.3, traced_seconds=0.5, windows=6, violations=21, violation_cycles=1310367, pml_full=30,
                 pml_full_cycles=41853904, recalcs=345, recalc_cycles=53647823, sampled_fraction=0.094, splits=21, avoided_exits=6590,
                 overhead_ratio=0.0118, exits_per_kpage=4.08, recalc_exits_per_kpage=23.4, cycles_per_page=7260), vcpus=2, cpu_hz=2.1e9)}
        r.update(more)
        return r

    def get_migrations(self, query, now):
        out = []
        if self.running:
            t = (time.time() - START) % 12 + 3
            r = self.record(1, 0, result="running", ended=None, downtime_seconds=None, downtime_source=None,
                            stop_reason="unknown", started=time.time() - t, final=None)
            rounds, _ = self.rounds(r["started"], "pml")
            r["rounds"] = [x for x in rounds if x["started"] <= time.time()]
            last = r["rounds"][-1]
            if last["started"] + last["seconds"] > time.time():
                last.update(seconds=None, pages_dirtied=None, harvest_seconds=None, pages_sent=None, frames_sent=700000)
            r["rounds_begun"] = len(r["rounds"])
            out.append(r)
        if self.ends and not self.running:
            out.append(self.record(1, 0))
        if self.past:
            n = len(self.names)
            out += [self.record(1, 600),
                    self.record(2, 3000, tracking_mode="ept_wp", toolstack="xapi", downtime_seconds=0.74),
                    self.record(3, 7000, result="failed", reason="the sender ended in round 4", tracking_left_on=True,
                                final=None, downtime_seconds=None, downtime_source=None, stop_reason="unknown"),
                    self.record(min(4, n), 9000, direction="save", rounds=[], rounds_begun=0, tracking_mode="off",
                                downtime_seconds=None, stop_reason="not_live", rounds_source="process"),
                    self.record(1, 12000, unseen=2, rounds_source="uprobe")]
            out[-1]["rounds"][-1]["n"] = None  # and how many came before the last one, nobody knows
        out += [self.record(1 + i % len(self.names), 20000 + 600 * i, result="failed" if i % 50 == 7 else "completed")
                for i in range(self.journalled - len(out))]
        for name in ("uuid", "result"):
            out = [r for r in out if name not in query or r[name] in query[name].split(",")]
        at, limit = int(query.get("cursor", 0)), int(query.get("limit", 100))
        return {"migrations": out[at:at + limit], "truncated": False, "next": str(at + limit) if len(out) > at + limit else None}

    def one_migrations(self, key):
        found = [r for r in self.get_migrations({"limit": "10000"}, 0)["migrations"] if r["id"] == key]
        return {"migration": found[0]} if found else None

    def get_events(self, query, now):
        def event(seq, kind, severity, text, of=4):
            return {"seq": seq, "time": now - 600 * (10 - seq), "kind": kind, "severity": severity, "text": text, "source": self.source,
                    "message_id": "XENSCOPE-M00%d" % (seq % 5), "uuid": UUID % of, "domid": of, "name": (["Domain-0"] + self.names)[of],
                    "migration": None, "details": {}}
        found = [] if not self.past else [
            event(9, "migration_started", "info", "Migration of \"%s\" (domain 1) began." % self.names[0], 1),
            event(8, "tracking_left_on", "warning", "Migration of \"%s\" (domain 4) left dirty tracking on, which costs "
                  "the guest time; to end it: xenscope untrack 4, or migrate or save it again." % self.names[3]),
            event(7, "migration_failed", "err", "Migration of \"mail\" (domain 4) failed: the sender ended in round 4.")]
        return {"truncated": False, "next": None, "events": [e for e in found if query.get("uuid", e["uuid"]) == e["uuid"] and
                                               e["kind"] in query.get("kind", e["kind"]).split(",")]}

    def get_overhead(self, query, now):
        def row(mode, runs, exits, cycles, ratio, harvest):
            all_of = traced(tracked_seconds=5.3 * runs, traced_seconds=0.5 * runs, pages_dirtied=6620 * runs, exits_per_kpage=exits,
                            recalc_exits_per_kpage=23.4, cycles_per_page=cycles, overhead_ratio=ratio, sampled_fraction=0.046)
            del all_of["harvest_seconds"]
            return dict(all_of, tracking_mode=mode, estimate=False, migrations=runs, probes=1, measured=runs, pages_traced=300 * runs,
                        mode_source={"trace": runs, "inferred": 0}, started=START - 9000, ended=START - 600, harvests=5 * runs,
                        harvest_seconds_per_round=harvest)
        head = {"uuid": query.get("uuid"), "unreadable": 0, "truncated": False, "untracked": 0, "unplaced": 0, "left_out": 0}
        if not self.past:
            return dict(head, records=0, boots=[])
        boot = {"cpu_model": "Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz", "xen_version": "4.17.7", "boot_id": UUID % 99,
                "xen_extra": ".7", "source": self.source, "current": True, "started": START - 9000, "ended": START - 600, "vms": []}
        if self.smap_hvm:
            return dict(head, records=5, boots=[dict(boot, modes=[row("ept_wp", 2, 1000, 10400, 0.0173, 0.00014)])])
        guess = {"tracking_mode": "ept_wp", "estimate": True, "basis": "Basis: a violation of 5572 cycles, the mean of 6353 "
                 "under write protection.", "estimate_pages": 900, "estimate_cycles_per_violation": 5572, "estimate_exits_per_kpage": 1000,
                 "estimate_recalc_exits_per_kpage": 23.4, "estimate_cycles_per_page": 10360.2, "estimate_overhead_ratio": 0.0169}
        earlier = dict(boot, boot_id=UUID % 98, current=False, modes=[])
        return dict(head, records=5, boots=[dict(boot, modes=[row("pml", 3, 4.0785, 7260.1, 0.0118, 0.0019), guess]), earlier])

    def get_history(self, query, now):
        names, n, start = query["metric"].split(","), int(query.get("points", 240)), float(query.get("start", "-21600"))
        end = float(query.get("end", now))
        span = -start if start < 0 else end - start
        head = {"uuid": query.get("uuid"), "cf": query.get("cf", "AVERAGE"), "start": end - span, "step": max(5, span / n)}
        columns = [{"metric": m, "type": ROWS[m][0].lower(), "unit": {"NONE": None}.get(ROWS[m][1], ROWS[m][1].lower()),
                    "per_second": ROWS[m][0] == "COUNTER", "values": self.values(m, n)} for m in names]
        return dict(head, columns=columns)

    def values(self, metric, n):
        values = []
        for i in range(n):
            x = i / n
            if "tracking" in metric:
                on = 0.55 < x < 0.575 or 0.8 < x < 0.84 or 0.965 < x < 0.98
                v = {"xenscope_tracking_seconds_total": 1, "xenscope_tracking_traced_vcpu_seconds_total": 0.18,
                     "xenscope_tracking_exit_seconds_total": 0.0021}.get(metric, 900 + 1500 * abs(math.sin(40 * x))) if on else None
            elif "free" in metric:
                v = 118e9 + 9e9 * math.sin(9 * x)
            elif "running" in metric:
                v = 1 if 0.8 < x < 0.84 or x > 0.98 else 0
            elif metric == "xenscope_host_domains":
                v = len(self.names) + 1 + (x > 0.4) - (x > 0.7)
            elif "memory" in metric:
                v = 2 << 30
            else:  # CPU seconds, bytes and the like, by second
                v = (0.6 if "cpu" in metric else 4e5) * (1.2 + math.sin(7 * x))
            values.append(None if self.unknown or 0.2 < x < 0.24 else v)
        return values


SCENARIOS = {
    "live": dict(), "ending": dict(ends=8), "replay": dict(source="replay"), "quiet": dict(running=False),
    "smap_hvm": dict(smap_hvm=True, running=False), "hostile": dict(names=HOSTILE),
    "empty": dict(names=(), running=False, past=False, unknown=True), "error": dict(status=500),
    "starting": dict(status=503), "loading": dict(status=0),
    "stale": dict(age=900, running=False), "gone": dict(age=4, running=False, gone=True),
    "seldom": dict(age=100, step=60, running=False), "many": dict(many=996, migrations=500, running=False),
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def address_string(self):
        return "local"

    def reply(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", CSP)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        path = url.path[len(PREFIX):] if url.path.startswith(PREFIX) else url.path
        name = path[1:] or "index.html"
        if name in self.server.without:
            return self.reply(404, "text/plain", b"")
        if self.server.web and name in os.listdir(self.server.web):
            with open(os.path.join(self.server.web, name), "rb") as f:
                return self.reply(200, TYPES[name.rsplit(".")[-1]], f.read())
        status, body = self.server.scenario.body(path, dict(urllib.parse.parse_qsl(url.query)))
        self.reply(status, "application/json", body)


class TcpServer(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--scenario", choices=sorted(SCENARIOS), default="live")
    p.add_argument("--web")
    p.add_argument("--unix")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--without", default="", help="a file that is not there")
    a = p.parse_args()
    server = UnixServer(a.unix, Handler) if a.unix else TcpServer(("127.0.0.1", a.port), Handler)
    server.web, server.without, server.scenario = a.web, a.without.split(), Scenario(**SCENARIOS[a.scenario])
    print(a.unix or "http://127.0.0.1:%d" % server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
