#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""dashboards/zabbix in a real Zabbix: server, frontend and their database run from a temporary directory, without any
rights, and watch two agents that replay captures, with a migration that fails, of a VM whose owner means harm, and
without SMAP and PML; and what no capture has.

zabbix.py BUILDDIR SRCDIR"""
import collections, gzip, hashlib, http.client, http.server, json, os, re, shutil, subprocess, sys, threading, time
import urllib.request
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import playing, tap
from playing import agent, cut, free_port, read, start, tmp
from tap import ok

BUILD, SRC = sys.argv[1:]
TEMPLATE = os.path.join(SRC, "dashboards/zabbix/xenscope.yaml")
FRONTEND, SCHEMA = "/usr/share/zabbix", "/usr/share/zabbix-server-pgsql"
TABLES = {"role", "role_rule", "usrgrp", "users", "users_groups", "hstgrp", "config", "config_autoreg_tls",
          "graph_theme", "regexps", "expressions"}
PATIENCE = 120          # seconds until Zabbix has what it should
ITEMS_PER_VM = 30
TOKEN, SECRET = "0123456789abcdefghijklmnopqrstuv", "not to be told"
# macros of Zabbix, ends of its keys and of strings, markup; longer than Zabbix takes
HOSTILE = "{$SECRET}{HOST.HOST}{#UUID}\"]\\'<b>\n\t" + "\u00e9\U0001f608x" * 50
# what is not stored, what no capture has, and what a migration that fails in its first round does not get to
ABSENT = {"metrics", "trace_lost_records_total", "domain_smap_active", "domain_smep_active"}
NOT_FAR = {"forecast_error_ratio", "migration_round_dirtied_pages", "migration_converging",
           "migration_forecast_seconds", "migration_forecast_downtime_seconds", "migration_downtime_seconds"}
MADE_UP = "76d15957-0000-4321-b439-c902c9f697a7"
WELL = """xenscope_pml_in_use 1
xenscope_trace_lost_records_total 5
xenscope_domain_info{uuid="%s",name="busy",domid="7",kind="hvm"} 1
xenscope_feature_cpu{feature="smep"} 1
xenscope_feature_xen{feature="smep"} 1
""" % MADE_UP
WORSE = """xenscope_pml_in_use 0
xenscope_trace_lost_records_total 6
xenscope_domain_info{uuid="%s",name="busy",domid="7",kind="hvm"} 1
xenscope_migration_running{uuid="%s",direction="out"} 1
xenscope_migration_converging{uuid="%s",direction="out"} 0
xenscope_feature_cpu{feature="smep"} 1
xenscope_feature_xen{feature="smep"} 0
""" % (MADE_UP, MADE_UP, MADE_UP)
# few processes, no port, and what changes is known a second later
SERVER = """
LogType=console
PidFile={0}/pid
SocketDir={0}
DBHost={0}
DBName=zabbix
DBUser=zabbix
CacheUpdateFrequency=1
StartPollers=2
StartTrappers=0
StartPingers=0
StartDiscoverers=0
StartDBSyncers=1
StartPreprocessors=1
StartLLDProcessors=1
StartHistoryPollers=1
StartAlerters=1
"""
home = os.path.join(tmp, "zabbix")
NOBODY = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}


def run(*command, **options):
    done = subprocess.run(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options, **NOBODY)
    if done.returncode:
        raise OSError("%s: %s" % (command[0], done.stdout.decode()[-1000:]))


def shipped():
    """The SQL that Zabbix comes with, but for its templates."""
    schema, data = (gzip.decompress(open("%s/%s.sql.gz" % (SCHEMA, part), "rb").read()) for part in ("schema", "data"))
    rows = (b"INSERT INTO " + row for row in data.split(b"\nINSERT INTO ")[1:])
    return schema + b"\n".join(row for row in rows if row.split()[2].decode() in TABLES)


def database():
    """A PostgreSQL with what Zabbix needs; a socket in home is its only door."""
    run("initdb", "-D", "db", "-A", "trust", "-U", "zabbix", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    start("postgres", "postgres", "-F", "-D", home + "/db", "-k", home, "-c", "listen_addresses=",
          "-c", "full_page_writes=off", "-c", "synchronous_commit=off", cwd=home, **NOBODY)
    wait(lambda: not subprocess.call(["pg_isready", "-q", "-h", home, "-U", "zabbix"], **NOBODY), PATIENCE)
    run("createdb", "-h", home, "-U", "zabbix", "zabbix")
    run("psql", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-h", home, "-U", "zabbix", "zabbix", input=shipped())


def frontend():
    """PHP's own web server with a copy of the frontend that knows this database; its port."""
    ui, port = home + "/ui", free_port()
    shutil.copytree(FRONTEND, ui, ignore=shutil.ignore_patterns("locale", "assets", "audio", "fonts"))
    config = ui + "/include/classes/core/CConfigFile.php"
    text = read(config).replace("/etc/zabbix/zabbix.conf.php", home + "/zabbix.conf.php")
    with open(config, "w") as f:
        f.write(text)
    with open(home + "/zabbix.conf.php", "w") as f:
        f.write("<?php $DB = ['TYPE' => 'POSTGRESQL', 'SERVER' => '%s', 'PORT' => '0', 'DATABASE' => 'zabbix',"
                " 'USER' => 'zabbix', 'PASSWORD' => '', 'SCHEMA' => '', 'ENCRYPTION' => false,"
                " 'DOUBLE_IEEE754' => true]; $IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;" % home)
    start("php", "php", "-S", "127.0.0.1:%d" % port, "-t", ui, cwd=home, **NOBODY)
    return port


def server():
    with open(home + "/server.conf", "w") as f:
        f.write(SERVER.format(home))
    start("server", "zabbix_server", "-f", "-c", home + "/server.conf", cwd=home, **NOBODY)


class Zabbix:
    """Its JSON-RPC."""
    def __init__(self, port):
        self.port, self.auth = port, None
        wait(self.answers, PATIENCE)
        self.auth = self.call("user.login", username="Admin", password="zabbix")

    def answers(self):
        try:
            return self.call("apiinfo.version")
        except OSError:
            return None

    def call(self, method, **parameters):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("POST", "/api_jsonrpc.php", json.dumps({
            "jsonrpc": "2.0", "method": method, "params": parameters or [], "auth": self.auth, "id": 1}),
            {"Content-Type": "application/json-rpc"})
        text = connection.getresponse().read().decode()
        connection.close()
        try:
            return json.loads(text)["result"]
        except (KeyError, ValueError):
            raise RuntimeError("%s: %s" % (method, text[:1000]))

    def values(self, host):
        """{key: item} of all items of the host."""
        return {i["key_"]: i for i in self.call("item.get", hostids=host, output=[
            "key_", "name", "state", "error", "lastvalue", "lastclock", "status"])}

    def problems(self, host):
        """The names of those that are not over, as people are told of them."""
        return sorted(p["name"] for p in self.call("problem.get", hostids=host, output=["name"]))


def wait(until, seconds):
    """What it returned at last; the time it may take is over when that is nothing."""
    end = time.time() + seconds
    while True:
        ended = [p.args[0] for p in playing.running if p.poll() is not None]
        if ended:
            raise OSError("%s ended" % ended)
        r = until()
        if r or time.time() > end:
            return r
        time.sleep(0.5)


def imported(zabbix):
    """As a user does who ticks every box, twice: the second one finds nothing to do."""
    new = {"createMissing": True, "updateExisting": True}
    rules = {kind: dict(new, deleteMissing=True) for kind in (
        "items", "discoveryRules", "triggers", "graphs", "valueMaps", "templateDashboards")}
    rules.update(templates=new, groups={"createMissing": True, "updateExisting": True})
    source = read(TEMPLATE)
    try:
        done = zabbix.call("configuration.import", format="yaml", source=source, rules=rules)
        ok(done is True, "Zabbix imports the template")
        left = zabbix.call("configuration.importcompare", format="yaml", source=source, rules=rules)
        ok(left == [], "a second import of it would change nothing", json.dumps(left)[:3000])
    except RuntimeError as e:
        ok(False, "Zabbix imports the template", e)
        raise
    return zabbix.call("template.get", filter={"host": "Xen by xenscope"}, output=["templateid"])[0]["templateid"]


def watch(zabbix, template, name, address, *macros):
    """A host that the template is linked to; its number."""
    group = zabbix.call("hostgroup.get", filter={"name": "Hypervisors"})[0]["groupid"]
    given = dict({"URL": "http://" + address, "INTERVAL": "1s"}, **dict(macros))
    macros = [{"macro": "{$XENSCOPE.%s}" % m, "value": value} for m, value in given.items()]
    return zabbix.call("host.create", host=name, groups=[{"groupid": group}], templates=[{"templateid": template}],
                       macros=macros + [{"macro": "{$SECRET}", "value": SECRET}])["hostids"][0]


class MadeUp(http.server.BaseHTTPRequestHandler):
    """An agent that tells what it is told to."""
    text = WELL

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(("xenscope_sample_timestamp_seconds %d\n%s" % (time.time(), self.text)).encode())

    def log_message(self, *_):
        pass


def made_up():
    """Its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), MadeUp)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return "127.0.0.1:%d" % server.server_port


def vm_of(key):
    m = re.search(r"\[([0-9a-f-]{36})\]$", key)
    return m and m.group(1)


def missing(items, vm, absent):
    """What of a host and its VM is not there, or has no value, or Zabbix could not make one of."""
    if "xenscope.feature_xen[smap]" not in items or vm not in map(vm_of, items):
        return ["features, or %s, were not found" % vm]
    return (["%s: no value" % k for k, i in items.items() if i["lastclock"] == "0" and vm_of(k) in (None, vm) and
             re.split(r"[.[]", k)[1] not in absent] +
            ["%s: %s" % (k, i["error"]) for k, i in items.items() if i["state"] != "0" or i["status"] != "0"])


def check_items(zabbix, host, name, vm, absent):
    found = []

    def complete():
        found[:] = missing(zabbix.values(host), vm, absent)
        return not found
    ok(wait(complete, PATIENCE), "%s: all items are supported, and all but the %d that its capture lacks have values" %
       (name, len(absent)), "\n".join(found))
    items = zabbix.values(host)
    vms = collections.Counter(vm_of(key) for key in items if vm_of(key))
    ok(vm in vms and max(vms.values()) <= ITEMS_PER_VM and not [uuid for uuid in vms if not uuid.strip("0-")],
       "%s: VMs are found by their UUIDs, %d of them and not Dom0, with %d items each" %
       (name, len(vms), max(vms.values(), default=0)), vms)
    rules = zabbix.call("discoveryrule.get", hostids=host, output=["key_", "error", "state"])
    ok(len(rules) == 2 and not any(r["error"] or r["state"] != "0" for r in rules),
       "%s: of all that was found Zabbix made items, triggers and graphs" % name, rules)
    return items


def check_values(zabbix, host, address, vm):
    """Those that the agent has as JSON, and those that Zabbix calculates of rates."""
    with urllib.request.urlopen(urllib.request.Request(
            "http://%s/api/v1/host" % address, headers={"Authorization": "Bearer " + TOKEN})) as r:
        told = json.loads(r.read().decode())
    items = zabbix.values(host)
    got = [items["xenscope." + k]["lastvalue"] for k in ("host_memory_bytes", "xen_version", "smap_active")]
    ok(float(got[0]) == told["metrics"]["xenscope_host_memory_bytes"] and got[1:] == [told["xen_version"], "0"],
       "intel-wp: values are the agent's", got)
    keys = ["xenscope.%s[%s]" % (k, vm) for k in ("dirty_rate", "overhead")]
    ok(wait(lambda: all(float(zabbix.values(host)[k]["lastvalue"]) > 0 for k in keys), PATIENCE),
       "intel-wp: there are a dirty rate and an overhead of tracking")


def check_problems(zabbix, host, claim, *wanted):
    ok(wait(lambda: zabbix.problems(host) == sorted(wanted), PATIENCE), claim, zabbix.problems(host))


def check_changes(zabbix, host):
    """The problems that follow from a change: of what was well, and then is not."""
    keys = "xenscope.pml_in_use", "xenscope.trace_lost_records_total", "xenscope.feature_xen[smep]"
    wait(lambda: all(zabbix.values(host).get(k, {"lastclock": "0"})["lastclock"] != "0" for k in keys), PATIENCE)
    check_problems(zabbix, host, "made-up: no problem while all is well")
    MadeUp.text = WORSE
    check_problems(zabbix, host, "made-up: then what a boot took, lost records and a migration that does not converge",
                   "Migration of busy is not expected to converge", "PML was lost by a boot", "Xen drops trace records",
                   "smep was lost by a boot")


def shown(zabbix, host):
    """All that people read."""
    texts = [i["name"] for i in zabbix.values(host).values()] + zabbix.problems(host)
    for method, field in ("trigger.get", "description"), ("graph.get", "name"):
        options = {"expandDescription": True} if method == "trigger.get" else {}
        texts += [t[field] for t in zabbix.call(method, hostids=host, output=[field], **options)]
    return texts


def hostile(d):
    if d.get("call") == "domain_name" and d["text"] == "work":
        d["text"] = HOSTILE


def moves(capture):
    """A second before each live migration of the capture, and the VM's UUID."""
    with open(capture) as f:
        begins = [d for d in map(json.loads, f) if d.get("event") == "process_begin" and d["role"] == "live_save"]
    return [d["t"] - 1 for d in begins], begins[0]["uuid"]


def failing_agent():
    """The second migration of intel-pml fails. Its address, and the VM's UUID."""
    capture = SRC + "/tests/captures/intel-pml.jsonl"
    times, vm = moves(capture)
    return agent(BUILD, "intel-pml", cut(capture, times[1], times[2], change=hostile)), vm


def agent_with_token():
    """The same of all migrations of intel-wp."""
    capture, tokens = SRC + "/tests/captures/intel-wp.jsonl", os.path.join(tmp, "tokens")
    with open(os.open(tokens, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
        f.write("zabbix:%s\n" % hashlib.sha256(TOKEN.encode()).hexdigest())
    times, vm = moves(capture)
    return agent(BUILD, "intel-wp", cut(capture, times[0], speed=6), "--tokens=" + tokens, "--local_token=yes"), vm


def main():
    os.chmod(tmp, 0o711)
    os.mkdir(home)
    if NOBODY:
        os.chown(home, NOBODY["user"], NOBODY["group"])
    database()
    server()
    zabbix = Zabbix(frontend())
    template = imported(zabbix)
    (pml_address, pml_vm), (wp_address, wp_vm) = failing_agent(), agent_with_token()
    pml = watch(zabbix, template, "intel-pml", pml_address)
    wp = watch(zabbix, template, "intel-wp", wp_address, ("AUTHORIZATION", "Bearer " + TOKEN),
               ("DOWNTIME.MAX", "0.001"))
    other = watch(zabbix, template, "made-up", made_up())
    check_items(zabbix, wp, "intel-wp", wp_vm, ABSENT)
    if tap.failed:
        raise RuntimeError("what follows asks for these")
    check_values(zabbix, wp, wp_address, wp_vm)
    items = check_items(zabbix, pml, "intel-pml", pml_vm, ABSENT | NOT_FAR)
    check_problems(zabbix, wp, "intel-wp: its problems are SMAP, PML and a long downtime", "Xen runs without smap",
                   "Xen does without PML", "work stood still for long at the end of its migration")
    name = items.get("xenscope.domain_memory_bytes[%s]" % pml_vm, {"name": ": "})["name"].rsplit(": ", 1)[0]
    check_problems(zabbix, pml, "intel-pml: its only problem is that the migration failed",
                   "Migration of %s did not complete" % name)
    check_changes(zabbix, other)
    errors = {t["error"] for t in zabbix.call("trigger.get", hostids=[pml, wp, other], output=["error"])}
    errors = [e for e in errors if e and not e.endswith("not enough data.")]    # where nothing has happened yet
    ok(not errors, "no trigger fails", "\n".join(errors))
    texts = shown(zabbix, pml)
    told = [t for t in texts if "{" in t or SECRET in t]
    ok(name.startswith("($SECRET)(HOST.HOST)(#UUID)\"]\\'<b>") and not told,
       "a VM's name is but a name in all %d names of items, triggers, graphs and problems" % len(texts),
       "\n".join([name] + told))


def logs():
    for name in "postgres", "php", "server":
        path = "%s/%s.log" % (tmp, name)
        if os.path.exists(path):
            yield "%s: %s" % (name, read(path)[-2000:])


try:
    main()
except (OSError, RuntimeError) as e:
    ok(False, "Zabbix runs", "\n".join([str(e)] + list(logs())))
finally:
    playing.end()
tap.end()
