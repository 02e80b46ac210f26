#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""XenCenter's tab in a real Chromium, in front of a stand-in for XenCenter's scripting object and for xapi: calls are
read and answered by Python's own XML-RPC, plugins are run as xapi runs them.

xencenter.py [--shots DIR] PLUGIN AGENT CAPTURE...   TAP on standard output; DIR gets a picture of each state
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xmlrpc.client

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import chromium  # noqa: E402
import fixture_server  # noqa: E402
import plugin_test  # noqa: E402
import tap  # noqa: E402
from fixture_server import HOSTILE, UUID  # noqa: E402
from tap import ok  # noqa: E402

PAGE = "file://" + os.path.abspath(os.path.join(TOP, "plugin", "xencenter", "xenscope", "xenscope.html"))
DIR = tempfile.mkdtemp(prefix="xenscope-xencenter.")
HOST, VM = "OpaqueRef:the-host", "OpaqueRef:the-vm"
TEXT = "document.body.innerText"
options = None

# What the page finds in window.external. XenCenter posts in the background and takes the callback's name from what
# looks like the beginning of a function.
OBJECT = """(function (object, hurry) {
    var real = window.setTimeout;
    if (object)
        object.writeXML = function (callback, text) { toXenCenter(JSON.stringify([String(callback), String(text)])); };
    Object.defineProperty(window, 'external', { value: object || {}, writable: true, configurable: true });
    window.setTimeout = function (f, ms) { return real(f, ms / hurry); };
}(%s, %d));"""


class Failure(Exception):
    """An API error: its code and its parameters."""


class Xapi:
    """Of a host and a VM on it. rights: what the user may call; agent: the socket that the plugin asks."""

    def __init__(self, agent="", rights=("plugin",), plugin=True, uuid=UUID % 1, resident=HOST, sources=None):
        self.agent, self.rights, self.plugin, self.uuid, self.resident = agent, rights, plugin, uuid, resident
        self.sources, self.sessions, self.asked = sources or {}, ["OpaqueRef:session-1"], []

    def call(self, method, session, *params):
        self.asked.append((method,) + params)
        if session != self.sessions[-1]:
            raise Failure("SESSION_INVALID", session)
        return getattr(self, method.replace(".", "_"))(*params)

    def VM_get_uuid(self, vm):
        return self.uuid

    def VM_get_resident_on(self, vm):
        return self.resident

    def host_call_plugin(self, host, plugin, fn, args):
        if "plugin" not in self.rights:
            raise Failure("RBAC_PERMISSION_DENIED", "host.call_plugin", "No permission in user session. <you>")
        if not self.plugin or host != HOST or plugin != "xenscope":
            raise Failure("XENAPI_MISSING_PLUGIN", plugin)
        p = subprocess.run([options.plugin, xmlrpc.client.dumps(("OpaqueRef:x", args), fn)], cwd="/", timeout=30,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env={"XENSCOPE_SOCKET": self.agent or os.path.join(DIR, "nobody")},
                           preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN))
        reply = xmlrpc.client.loads(p.stdout.decode())[0][0]
        if reply["Status"] != "Success":
            raise Failure(*reply["ErrorDescription"])
        return reply["Value"]

    def query_data_source(self, name):
        if name not in self.sources:
            raise Failure("INVALID_VALUE", "data_source", name)
        return self.sources[name]

    def host_query_data_source(self, host, name):
        return self.query_data_source(name)

    def VM_query_data_source(self, vm, name):
        return self.query_data_source(name)


class Tab:
    """XenCenter's tab. form: how xapi writes its values."""

    def __init__(self, browser, xapi, kind="host", ref=HOST, hurry=1, form="plain", **size):
        self.xapi, self.form, self.silent, self.spoil, self.callbacks = xapi, form, False, None, []
        self.page = browser.open("about:blank", **size)
        self.page.call("Network.enable")
        self.page.call("Runtime.addBinding", name="toXenCenter")
        self.object = kind and {"SelectedObjectType": kind, "SelectedObjectRef": ref, "SessionUrl": "https://192.0.2.1",
                                "SessionOpaqueRef": xapi.sessions[-1], "SessionUuid": xapi.sessions[-1]}
        self.page.call("Page.addScriptToEvaluateOnNewDocument", source=OBJECT % (json.dumps(self.object), hurry))
        self.page.call("Page.navigate", url=PAGE)

    def response(self, text):
        """The body of xapi's response to what the page wrote."""
        params, method = xmlrpc.client.loads(text)
        try:
            reply = {"Status": "Success", "Value": self.xapi.call(method, *params)}
            if self.form == "json":
                reply["Value"] = json.dumps(reply["Value"])
        except Failure as e:
            reply = {"Status": "Failure", "ErrorDescription": list(e.args)}
        xml = xmlrpc.client.dumps((reply,), methodresponse=True)
        return xml if self.form == "typed" else re.sub("</?string>", "", xml)

    def pump(self):
        """Answers what was asked meanwhile. XenCenter reads lines and drops their ends; if there is no answer it calls
        nobody."""
        self.page.run("0")
        events, self.page.browser.events = self.page.browser.events, []
        self.seen = getattr(self, "seen", []) + [e for e in events if e["method"] != "Runtime.bindingCalled"]
        for e in events:
            if e["method"] != "Runtime.bindingCalled":
                continue
            callback, text = json.loads(e["params"]["payload"])
            name = re.match(r"^function(.*)\(", callback)
            self.callbacks.append(name.group(1).strip() if name else "")
            answer = "".join(self.response(text).splitlines())
            answer = self.spoil(answer) if self.spoil else answer
            if not self.silent:
                self.page.run("XenCenterXML(%s, %s)" % (json.dumps(self.callbacks[-1]), json.dumps(answer)))

    def wait(self, script, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                self.pump()
                if self.page.run(script):
                    return True
            except RuntimeError:
                pass
            time.sleep(0.03)
        return False

    def shows(self, text, seconds=20):
        return self.wait("%s.indexOf(%s) >= 0" % (TEXT, json.dumps(text)), seconds)

    def text(self):
        return self.page.run(TEXT)

    def connect_again(self, session):
        """As XenCenter does when the connection was lost and is there again."""
        self.xapi.sessions.append(session)
        self.page.run("window.external.SessionOpaqueRef = %s, window.external.SessionUuid = %s, RefreshPage(), 0" %
                      (json.dumps(session), json.dumps(session)))

    def close(self, name, claim=True):
        self.pump()
        urls = [e["params"]["request"]["url"] for e in self.seen if e["method"] == "Network.requestWillBeSent"]
        if options.shots:
            self.page.shot(os.path.join(options.shots, name + ".png"))
        self.page.browser.events = self.seen
        complaints = self.page.complaints()
        ok(urls and all(u.startswith("file:") for u in urls) and not complaints,
           "%s: it asks nobody but XenCenter, and throws nothing" % name, (urls, complaints))
        self.page.close()


class Agent:
    """An agent of invented answers, or the real one that plays captures."""

    def __init__(self, scenario=None, captures=()):
        self.path = os.path.join(DIR, scenario or "agent.sock")
        command = [sys.executable, "-B", os.path.join(HERE, "fixture_server.py"), "--scenario", scenario or "", "--unix",
                   self.path]
        if captures:
            command = [options.agent, "--config=/dev/null", "--listen=", "--socket=" + self.path, "--xapi_socket=",
                       "--control_socket=", "--state_dir=" + DIR] + ["--replay=" + c for c in captures]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not os.path.exists(self.path) and time.monotonic() < deadline and self.process.poll() is None:
            time.sleep(0.05)

    def __enter__(self):
        return self.path

    def __exit__(self, *args):
        self.process.terminate()
        self.process.wait(20)
        if os.path.exists(self.path):
            os.unlink(self.path)


# --- what it shows ---

def check_host(browser, form):
    with Agent("live") as path:
        tab = Tab(browser, Xapi(path), form=form)
        ok(tab.shows("Live migrations and saves"), "%s: a server's tab is shown" % form, tab.text())
        text = tab.text()
        ok("Supervisor Mode Access Prevention" in text and "Xen does not use it for itself" in text and
           "absent in the CPU" in text, "%s: features with their reasons" % form, text)
        ok("Page Modification Logging is in use" in text, "%s: PML" % form)
        ok("EPT write protection (estimate)" in text and "4.08" in text and "1.18\u00a0%" in text and
           "The estimate is not measured. Basis:" in text, "%s: what tracking cost, an estimate called one" % form, text)
        ok("web-1: to another host, running" in text and "mail" not in text.split("What dirty")[0],
           "%s: the migration under way" % form)
        ok(tab.page.run("document.querySelectorAll('.migration').length") == 6 and
           tab.page.run("document.querySelectorAll('.migration svg').length") == 5 and "No round of it was seen." in text,
           "%s: each migration has its rounds, a save none" % form)
        ok("Why: the sender ended in round 4" in text and "Dirty tracking was left on" in text,
           "%s: why one failed, and what it left" % form)
        bars = "[...document.querySelectorAll('.migration')[1].querySelectorAll('rect')].map(r => +r.getAttribute('height'))"
        heights = tab.page.run(bars)
        ok(len(heights) == 6 and max(heights) == heights[0] and abs(heights[1] / heights[0] - 1120 / 4262) < 0.01,
           "%s: a bar's height is its pages" % form, heights)
        asked = [(a[0],) + a[3:4] for a in tab.xapi.asked]
        ok(asked[:3] == [("host.call_plugin", f) for f in ("features", "overhead", "migrations")] and
           tab.xapi.asked[2][4] == {"limit": "10"}, "%s: three calls are enough" % form, tab.xapi.asked)
        ok(tab.callbacks and all(re.match(r"^\w+$", c) for c in tab.callbacks), "%s: each names its callback" % form)
        tab.close("host-" + form)


def check_live(browser):
    """A migration that is under way grows; the session changes; what was asked for the old one is not taken."""
    with Agent("live") as path:
        tab = Tab(browser, Xapi(path), hurry=10)
        tab.shows("running")
        asked = len(tab.xapi.asked)
        count = "document.querySelectorAll('.migration.running rect').length"
        first = tab.page.run(count)
        ok(tab.wait("%s > %d" % (count, first), 20), "the rounds of a running migration come as they happen", first)
        ok(len(tab.xapi.asked) > asked and {a[3] for a in tab.xapi.asked[asked:asked + 3]} == {"migrations"},
           "for which only the migrations are asked for")
        tab.xapi.sessions.append("OpaqueRef:session-2")
        ok(tab.shows("Trying again"), "a session that is over is said", tab.text())
        tab.connect_again("OpaqueRef:session-3")
        ok(tab.shows("From the agent"), "RefreshPage goes on with the new one", tab.text())
        tab.page.run("XenCenterXML('answer1', 'late'), XenCenterXML('', ''), XenCenterXML('nobody', '<a/>'), 0")
        ok("From the agent" in tab.text(), "answers that nobody waits for change nothing")
        tab.close("live")


def check_vm(browser):
    with Agent("live") as path:
        tab = Tab(browser, Xapi(path, uuid=UUID % 1), kind="VM", ref=VM)
        ok(tab.shows("Live migrations and saves"), "a VM's tab is shown", tab.text())
        text = tab.text()
        ok("offered to this VM" in text and "its kernel uses it" in text, "with what its kernel uses", text)
        ok(tab.page.run("document.querySelectorAll('.migration').length") == 3 and "db-primary" not in text,
           "and its migrations alone", text)
        ok("No migration, save or probe of it is in the journal" in text, "and that nothing is known of its cost")
        calls = [a for a in tab.xapi.asked if a[0] == "host.call_plugin"]
        ok(all(a[1] == HOST for a in calls) and calls[2][4] == {"uuid": UUID % 1, "limit": "10"},
           "the agent of the server where it runs is asked for it", calls)
        tab.close("vm")
        tab = Tab(browser, Xapi(path, resident="OpaqueRef:NULL"), kind="VM", ref=VM)
        ok(tab.shows("This VM is not running."), "one that does not run says where its migrations are", tab.text())
        tab.close("vm-halted")


def check_hostile(browser):
    with Agent("hostile") as path:
        tab = Tab(browser, Xapi(path))
        tab.shows("Live migrations and saves")
        ok(HOSTILE[0] in tab.text() and HOSTILE[1] in tab.text() and tab.page.run("document.title") == "xenscope" and
           tab.page.run("document.querySelectorAll('#main img, #main script').length") == 0,
           "a guest's name is text, never markup", tab.text())
        ok("\u202e" not in tab.text(), "and turns nothing around it")
        tab.close("hostile")


def check_pages(browser):
    """More guests than one reply of the plugin holds: an agent that gives one answer to all."""
    invented, answer = fixture_server.Scenario(many=600, past=False), {}
    for path in "features", "overhead", "migrations":
        answer.update(invented.answer("/api/v1/" + path, {})[1])
    body = json.dumps(answer).encode()
    path = plugin_test.says(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body), times=1000)
    tab = Tab(browser, Xapi(path, uuid=UUID % 600), kind="VM", ref=VM)
    ok(tab.shows("offered to this VM"), "what is known of the last of 600 guests is shown", tab.text()[:500])
    pages = [a[4].get("page", "1") for a in tab.xapi.asked if a[3:4] == ("features",)]
    ok(len(pages) > 2 and pages == [str(n + 1) for n in range(len(pages))], "it came page by page", pages)
    tab.close("pages")


def check_words(browser):
    for scenario, words in (("smap_hvm", ["smap=hvm on Xen's command line", "Why: ept=no-pml on Xen's command line"]),
                            ("empty", ["could not be read: Operation not permitted", "is unknown.", "None, as far as"]),
                            ("replay", ["Replay: these figures are played from a capture"])):
        with Agent(scenario) as path:
            tab = Tab(browser, Xapi(path))
            tab.shows("Live migrations and saves")
            ok(all(w in tab.text() for w in words), "%s: %s" % (scenario, words[0]), tab.text())
            tab.close(scenario)


# --- what it says when there is less ---

def published():
    """The names that xcp-rrdd has, from the agent's own tables."""
    with open(os.path.join(TOP, "agent", "metrics", "metrics.def")) as f:
        names = dict(re.findall(r'METRIC\((\w+), "(\w+)"', f.read()))
    with open(os.path.join(TOP, "agent", "publish", "sources.def")) as f:
        return {re.sub("_total$", "", names[i]) for i in re.findall(r"^SOURCE\((\w+)", f.read(), re.M)}


def check_basic(browser):
    sources = {n: 1.0 for n in published() if "converging" not in n}
    sources.update(xenscope_tracking_exit_seconds=0.02, xenscope_tracking_traced_vcpu_seconds=0.8,
                   xenscope_tracking_pages_dirtied=1234.4, xenscope_smep_active=float("nan"))
    for kind, ref, form in ("host", HOST, "plain"), ("VM", VM, "typed"), ("host", HOST, "json"):
        tab = Tab(browser, Xapi(rights=(), sources=sources), kind=kind, ref=ref, form=form)
        ok(tab.shows("Your role may not call plugins") and tab.wait("document.querySelectorAll('td').length > 0"),
           "%s, %s: who may not call plugins gets what xcp-rrdd has" % (kind, form), tab.text())
        names = {a[2] for a in tab.xapi.asked if a[0] == kind + ".query_data_source"}
        ok(names and names <= published(), "%s, %s: it asks for what is published" % (kind, form), names - published())
        rows = dict(tab.page.run("[...document.querySelectorAll('tbody tr')].map(r => [r.cells[0].innerText, r.cells[1].innerText])"))
        if kind == "VM":
            ok(rows["Overhead of dirty tracking"] == "2.50\u00a0%" and rows["Pages dirtied a second"] == "1\u00a0234" and
               rows["That migration is converging"] == "unknown", "its overhead is made of two of them", rows)
        else:
            ok(rows["Xen itself runs with SMAP"] == "yes" and rows["Xen itself runs with SMEP"] == "unknown",
               "%s: what is no number is unknown" % form, rows)
        tab.close("basic-%s-%s" % (kind, form))


def check_trouble(browser):
    with Agent("error") as path:
        cases = [("missing", Xapi(plugin=False), "The package xenscope-xapi is not installed on this server", None),
                 ("down", Xapi(), "Trying again in 20 s.", None),
                 ("error", Xapi(path), "the answer could not be made", None),
                 ("not-xml", Xapi(path), "the answer could not be read", lambda a: a[:len(a) // 2]),
                 ("no-answer", Xapi(path), "no methodResponse", lambda a: "<html><value>x</value></html>"),
                 ("half", Xapi(path), "neither a success nor a failure", lambda a: a.replace("ErrorDescription", "Other"))]
        for name, xapi, words, spoil in cases:
            tab = Tab(browser, xapi)
            tab.spoil = spoil
            ok(tab.shows(words), "%s: %s" % (name, words), tab.text())
            ok(tab.page.run("document.querySelectorAll('.migration').length") == 0, "%s: no figures beside it" % name)
            tab.close("trouble-" + name)
    tab = Tab(browser, Xapi(), hurry=40)
    tab.silent = True
    ok(tab.shows("no answer within 20 s"), "XenCenter that never calls back is noticed", tab.text())
    ok(tab.wait("true") and tab.shows("Trying again"), "and asked again")
    tab.close("silent")
    tab = Tab(browser, Xapi(), kind=None)
    ok(tab.shows("This page is a tab of XenCenter"), "outside of XenCenter it says what it is", tab.text())
    tab.close("alone")
    tab = Tab(browser, Xapi(), kind="pool", ref="OpaqueRef:pool")
    ok(tab.shows("Select a server or a VM."), "a pool is none of its objects")
    tab.close("pool")


def check_agent(browser):
    with Agent(captures=options.capture) as path:
        tab = Tab(browser, Xapi(path))
        ok(tab.shows("Live migrations and saves", 60) and tab.shows("Replay"), "the real agent, by the real plugin", tab.text())
        text = tab.text()
        ok("work: " in text and "completed" in text and tab.page.run("document.querySelectorAll('rect').length") > 10,
           "its migrations and their rounds", text)
        ok(re.search(r"(PML|EPT write protection)\t\d", text), "and what they cost", text)
        tab.close("agent")


def main():
    global options
    p = argparse.ArgumentParser()
    p.add_argument("--shots")
    p.add_argument("plugin")
    p.add_argument("agent")
    p.add_argument("capture", nargs="+")
    options = p.parse_args()
    for name in "plugin", "agent":
        setattr(options, name, os.path.abspath(getattr(options, name)))
    if options.shots:
        os.makedirs(options.shots, exist_ok=True)
    if not chromium.program():
        print("1..0 # SKIP no chromium here")
        return
    browser = chromium.Browser()
    try:
        for form in "plain", "typed", "json":
            check_host(browser, form)
        for check in check_live, check_vm, check_hostile, check_pages, check_words, check_basic, check_trouble, check_agent:
            check(browser)
    finally:
        browser.close()
        shutil.rmtree(DIR, ignore_errors=True)
        shutil.rmtree(plugin_test.DIR)
    tap.end()


if __name__ == "__main__":
    main()
