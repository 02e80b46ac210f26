#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The dashboard in a real Chromium, with invented answers (fixture_server.py) and with the agent's own replay.

browser.py [--shots DIR] [--agent PROGRAM --capture FILE...]   TAP on standard output; DIR gets a picture of each state
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import chromium  # noqa: E402

WEB = os.path.join(HERE, "..", "..", "dashboards", "web")
READY = "document.getElementById('main').getAttribute('aria-busy') === 'false'"
HISTORY = "document.querySelectorAll('#charts .chart').length > 2"
TEXT = "document.getElementById('%s').textContent"
done = failed = 0
shots = None


def ok(cond, claim, detail=""):
    global done, failed
    done += 1
    failed += not cond
    print("%sok %d - %s" % ("" if cond else "not ", done, claim), flush=True)
    if not cond and detail:
        print("# %s" % str(detail).replace("\n", "\n# "), flush=True)


class Fixture:
    def __init__(self, scenario):
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "fixture_server.py"), "--scenario", scenario,
                                         "--web", WEB], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def picture(page, name):
    if shots:
        page.shot(os.path.join(shots, name + ".png"))


class Agent:
    """The agent itself, playing captures."""

    def __init__(self, program, captures):
        self.dir = tempfile.mkdtemp(prefix="xenscope-browser.")
        self.log = os.path.join(self.dir, "log")
        arguments = ["--replay=" + c for c in captures] + ["--listen=127.0.0.1:0", "--socket=", "--xapi_socket=",
                                                           "--state_dir=" + self.dir, "--dashboard_dir=" + WEB]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([program] + arguments, stderr=log)
        self.url = self.wait_for(lambda: re.search(r"http://127\.0\.0\.1:\d+", open(self.log).read())).group()
        self.wait_for(lambda: self.get("migrations")["migrations"], 120)

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

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.dir)


def with_page(browser, scenario, path, function, name, **options):
    fixture = Fixture(scenario) if isinstance(scenario, str) else scenario
    page = browser.open(fixture.url + path, **options)
    try:
        function(page, fixture)
        picture(page, name)
    finally:
        page.close()
        if isinstance(scenario, str):
            fixture.stop()


def said(page, name):
    return page.run(TEXT % name)


def check_live(page, fixture):
    ok(page.wait(READY), "the page shows what the API says")
    ok(page.wait(HISTORY), "the charts are drawn")
    ok(said(page, "smap-answer").startswith("Yes. Xen runs with SMAP and SMEP."), "the first question is answered",
       said(page, "smap-answer"))
    ok(said(page, "pml-answer") == "Yes. Xen uses Page Modification Logging.", "the second is", said(page, "pml-answer"))
    cells = page.run("[...document.querySelectorAll('#overhead tr')].map(r => [...r.cells].map(c => c.innerText.trim()))")
    ok(len(cells) == 2 and cells[0][3] == "4.08" and cells[0][5] == "1.18\u00a0%" and cells[0][2] == "19\u202f860",
       "each tracking mode has its row of what it cost", cells)
    ok(cells[1][0].split() == ["EPT", "write", "protection", "estimate"] and cells[1][3] == "1\u202f000" and cells[1][1] == "",
       "an estimate is called one", cells)
    ok("the mean of 6353" in said(page, "overhead-note") and "1\u00a0more boot" in said(page, "overhead-note"),
       "with its basis", said(page, "overhead-note"))
    ok("is migrating now" in said(page, "migration-answer"), "the third is", said(page, "migration-answer"))
    events = page.run("[...document.querySelectorAll('#events tr')].map(r => r.innerText)")
    ok(len(events) == 2 and "left dirty tracking on" in events[0] and "failed" in events[1],
       "what should not be is listed, and nothing else", events)
    ok("In the last 6 h" in said(page, "history-answer"), "the fourth is", said(page, "history-answer"))
    ok(page.run("document.querySelectorAll('#features tr').length") == 6, "each protection has its row")
    ok(page.run("document.querySelectorAll('#guests tr').length") == 5, "each domain has its row")
    ok(page.run("document.querySelectorAll('#running .rounds tbody tr').length") > 0, "the running migration shows its rounds")
    ok(page.run("document.getElementById('replay').hidden"), "a live page does not say replay")


def check_kept(page, fixture):
    """Nothing jumps: what was opened stays open and focused while answers come in."""
    page.wait(READY)
    page.run("document.querySelector('#past-table .toggle').focus(), document.activeElement.click(), window.kept = "
             "document.activeElement, window.place = kept.getBoundingClientRect().top, 0")
    rows = page.run("document.querySelectorAll('.detail:not([hidden]) .rounds tbody tr').length")
    ok(rows == 6, "an opened migration shows five rounds and the final pass", rows)
    ok(page.run("document.querySelectorAll('.detail:not([hidden]) svg rect').length") == 10, "and its picture a bar for each figure")
    ok(page.run("kept.getAttribute('aria-expanded')") == "true", "the button says that it is open")
    first = said(page, "status-text")
    ok(page.wait("%s !== %r" % (TEXT % "status-text", first)), "new answers come in", first)
    ok(page.run("kept.isConnected && document.activeElement === kept"), "the focus stays where it was")
    ok(page.run("document.querySelectorAll('.detail:not([hidden])').length") == 1, "what was opened stays open")
    ok(page.run("kept.getBoundingClientRect().top === place"), "and in its place")


def check_access(page, fixture):
    page.wait(READY)
    page.wait(HISTORY)
    ok(page.run("[...document.querySelectorAll('table')].every(t => t.caption && t.caption.textContent)"),
       "each table has a caption")
    ok(page.run("[...document.querySelectorAll('th')].every(t => t.scope)"), "each heading says what it heads")
    ok(page.run("[...document.querySelectorAll('svg')].every(s => s.getAttribute('aria-label') || s.closest('[aria-hidden]'))"),
       "each picture has a text")
    ok(page.run("[...document.querySelectorAll('button:not([hidden])')].every(b => b.textContent.trim())"),
       "each button has a name")
    low = page.run("""(() => {
        const lum = c => { const v = c.match(/[\\d.]+/g).slice(0, 3).map(x => x / 255)
            .map(x => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
            return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
        const paper = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
            if (!/, 0\\)$/.test(c) && c !== 'transparent') return c; } return 'rgb(255,255,255)'; };
        return [...document.querySelectorAll('body *')].filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())
            && e.checkVisibility() && !e.closest('.hidden, .replay, noscript')).map(e => {
            const a = lum(getComputedStyle(e).color), b = lum(paper(e)), r = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
            return r < 4.5 ? e.className + ' ' + e.textContent.slice(0, 20) + ' ' + r.toFixed(2) : ''; }).filter(Boolean);
        })()""")
    ok(not low, "each text has a contrast of 4.5 or more", low)


def check_narrow(page, fixture):
    page.wait(READY)
    page.wait(HISTORY)
    page.run("for (const b of document.querySelectorAll('.toggle')) b.click(); 0")
    labels = page.run("[...document.querySelectorAll('#past-table > tbody:last-child .rounds tbody th')].map(t => t.textContent)")
    ok(labels == ["0", "1", "2", "3", "?", "final"], "a round without a number has a question mark", labels)
    ok("not seen" in page.run("document.querySelector('#past-table > tbody:last-child .rounds tbody').textContent"),
       "and one that nobody saw is called that")
    wide = page.run("document.scrollingElement.scrollWidth - innerWidth")
    ok(wide <= 0, "nothing is wider than a phone, with everything opened", wide)


def check_hostile(page, fixture):
    page.wait(READY)
    page.wait(HISTORY)
    page.run("for (const b of document.querySelectorAll('.toggle')) b.click(); 0")
    ok(page.run("document.querySelectorAll('script').length === 1 && document.querySelectorAll('img').length === 0"),
       "a name with tags makes no element")
    ok("<script>document.title='owned'</script>" in page.run("document.getElementById('guests').textContent"), "but is shown as it is")
    ok(page.run("document.title") == "xenscope", "and does nothing")
    wide = page.run("document.scrollingElement.scrollWidth - innerWidth")
    ok(wide <= 0, "a long name does not widen the page", wide)


def check_empty(page, fixture):
    page.wait(READY)
    ok(said(page, "smap-answer").startswith("Unknown: the featuresets"), "what is unknown is called so, with its reason",
       said(page, "smap-answer"))
    ok(said(page, "pml-answer").startswith("Unknown: the console ring"), "so is PML", said(page, "pml-answer"))
    ok(said(page, "migration-answer") == "None has been seen yet.", "no migration yet", said(page, "migration-answer"))
    ok(page.run("document.getElementById('overhead-table').hidden && document.getElementById('overhead-none').checkVisibility()"),
       "nothing measured yet")
    ok(page.wait(HISTORY) and "nothing stored" in said(page, "charts"), "no history yet")
    ok("last 15 min" in said(page, "history-answer"), "so the last minutes are shown", said(page, "history-answer"))
    page.run("document.querySelector('#spans button[value=\"86400\"]').click()")
    ok(page.wait("%s.includes('last 24 h')" % (TEXT % "history-answer")), "until somebody chooses", said(page, "history-answer"))
    ok(page.run("[...document.querySelectorAll('#spans [aria-pressed=true]')].map(b => b.textContent).join()") == "24 h",
       "which the button says")
    ok("tracefs is not mounted" in said(page, "notes"), "what the agent cannot see is said")


def check_replay(page, fixture):
    page.wait(READY)
    page.wait(HISTORY)
    ok(page.run("document.getElementById('replay').checkVisibility() && document.getElementById('replay').innerText.toUpperCase()"
                ".startsWith('REPLAY')"), "a replay is labelled at the top")
    ok(page.run("document.title") == "Replay: xenscope" and "replay" in said(page, "status-text"), "in the title and the status")


def check_smap_hvm(page, fixture):
    page.wait(READY)
    page.wait(HISTORY)
    ok(said(page, "smap-answer").startswith("Not wholly. Xen runs with SMEP, but without SMAP: smap=hvm"), "SMAP off in Xen has its reason",
       said(page, "smap-answer"))
    ok(said(page, "pml-answer") == "No, it is disabled: ept=no-pml on Xen's command line.", "so has PML", said(page, "pml-answer"))


def check_error(page, fixture):
    ok(page.wait("document.body.classList.contains('stale')"), "an error of the API is shown")
    ok("no sample yet: the agent has just started" in said(page, "alert"), "with the API's own words", said(page, "alert"))


def check_stale(page, fixture):
    page.wait(READY)
    page.wait(HISTORY)
    ok("15\u00a0min" in said(page, "alert") and "journalctl" in said(page, "alert"), "old figures are called old", said(page, "alert"))


def check_gone(page, fixture):
    page.wait(READY)
    page.wait(HISTORY)
    fixture.process.terminate()
    fixture.process.wait()
    ok(page.wait("!document.getElementById('alert').hidden"), "an agent that went away is noticed")
    ok("Shown is what it said at" in said(page, "alert"), "the last figures stay, with their time", said(page, "alert"))
    ok(page.run("document.querySelectorAll('#features tr').length") == 6, "in their place")


def check_many(page, fixture):
    page.wait(READY)
    page.wait(HISTORY)
    ok(page.run("document.querySelectorAll('#guests tr').length") == 12, "of many guests the first are shown")
    page.run("document.getElementById('guests-more').click()")
    ok(page.run("document.querySelectorAll('#guests tr').length") == 305, "and all of them on demand")
    page.run("document.getElementById('guests-more').click()")


def check_agent(page, agent):
    """Against the agent's own words: it may go on while the page is looked at."""
    ok(page.wait(READY) and page.wait(HISTORY), "the page shows what the agent plays")
    ok(page.run("document.getElementById('replay').checkVisibility()"), "and that it is a replay")
    features = agent.get("features")
    row = "[...document.querySelectorAll('#features tr')[%d].cells].slice(1).map(c => c.textContent).join()"
    for i, (name, f) in enumerate(features["features"].items()):
        ok(page.run(row % i) == ",".join(f[c] for c in ("cpu", "host", "xen", "hvm", "pv")), "%s is as the agent says" % name)
    ok(page.run("document.querySelectorAll('#guests tr').length") == min(12, len(features["domains"])), "so are the domains")
    ended = [m for m in agent.get("migrations")["migrations"] if m["result"] != "running"]
    if not ended:
        return
    newest = max(ended, key=lambda m: m["ended"] or 0)
    ok(page.wait("document.querySelector('#migration-%s') !== null" % newest["id"]), "the newest migration has its row")
    page.run("document.querySelector('[aria-controls=migration-%s]').click()" % newest["id"])
    shown = page.run("[...document.querySelectorAll('#migration-%s .rounds tbody tr')].map(r => r.cells[3].textContent)" % newest["id"])
    digits = [int("0" + "".join(c for c in t if c.isdigit())) for t in shown]
    want = [r["pages_dirtied"] or 0 for r in newest["rounds"]]
    ok(digits[:len(want)] == want, "with the pages dirtied in each of its %d rounds" % len(want), (digits, want))


def check_no_complaints(page, fixture, of):
    found = page.complaints()
    ok(not found, "Chromium has nothing against the %s page: no error, no breach of its policy" % of, found)


def run(browser):
    phone = dict(width=390, height=844)
    quiet = lambda check, of: lambda p, f: (check(p, f), check_no_complaints(p, f, of))
    with_page(browser, "live", "/", quiet(check_live, "live"), "live-light")
    with_page(browser, "live", "/services/plugin/xenscope/", quiet(check_live, "proxied"), "live-dark", scheme="dark")
    with_page(browser, "quiet", "/", check_kept, "open-light", height=2600)
    with_page(browser, "quiet", "/", check_access, "quiet-light")
    with_page(browser, "quiet", "/", check_access, "quiet-dark", scheme="dark")
    with_page(browser, "quiet", "/", check_narrow, "phone-open-light", **phone)
    with_page(browser, "live", "/", check_narrow, "phone-open-dark", scheme="dark", **phone)
    with_page(browser, "hostile", "/", quiet(check_hostile, "hostile"), "hostile-light")
    with_page(browser, "hostile", "/", quiet(check_hostile, "hostile"), "hostile-phone", **phone)
    with_page(browser, "empty", "/", quiet(check_empty, "empty"), "empty-light")
    with_page(browser, "replay", "/", check_replay, "replay-dark", scheme="dark")
    with_page(browser, "replay", "/", check_replay, "replay-phone", **phone)
    with_page(browser, "smap_hvm", "/", check_smap_hvm, "smap-hvm-light")
    with_page(browser, "error", "/", check_error, "error-light")
    with_page(browser, "stale", "/", check_stale, "stale-dark", scheme="dark")
    with_page(browser, "many", "/", check_many, "many-light")
    with_page(browser, "quiet", "/", check_gone, "gone-light")


def run_agent(browser, program, captures):
    agent = Agent(program, captures)
    try:
        both = lambda p, f: (check_agent(p, f), check_no_complaints(p, f, "agent's"))
        with_page(browser, agent, "/", both, "agent-light")
        with_page(browser, agent, "/services/plugin/xenscope/", both, "agent-phone", width=390, height=844, scheme="dark")
    finally:
        agent.stop()


def main():
    global shots
    p = argparse.ArgumentParser()
    p.add_argument("--shots")
    p.add_argument("--agent")
    p.add_argument("--capture", nargs="+")
    a = p.parse_args()
    shots = a.shots
    if shots:
        os.makedirs(shots, exist_ok=True)
    if not chromium.program():
        print("1..0 # SKIP no chromium here")
        return 0
    begun, browser = time.monotonic(), chromium.Browser()
    try:
        run(browser)
        if a.agent and a.capture:
            run_agent(browser, a.agent, a.capture)
        else:
            print("# no captures: not with the agent itself")
    finally:
        browser.close()
    print("# %.0f s\n1..%d" % (time.monotonic() - begun, done))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
