#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""xenscope through a pseudo-terminal and a pipe, on a replayed migration; and against agents that answer badly.

terminal.py BUILDDIR SRCDIR"""
import csv, fcntl, io, json, os, pty, re, resource, select, shutil, signal, socket, struct, subprocess, sys, tempfile
import termios, threading, time

BUILD, SRC = sys.argv[1], sys.argv[2]
XENSCOPE, AGENT = os.path.join(BUILD, "agent/xenscope"), os.path.join(BUILD, "agent/xenscoped")
CAPTURE = os.path.join(SRC, "tests/captures/intel-pml.jsonl")
FROM, TO = 51.5, 71             # of the capture: one live migration, up to
FAST, SPEED = 62, 10.0          # played so many times as fast, and from
AFTER, SLOWER = 64.5, 2.0       # so many times
LEAVE = "\x1b[?1049l"
count = failed = 0


def ok(holds, claim, *shown):
    global count, failed
    count += 1
    failed += not holds
    print("%sok %d - %s" % ("" if holds else "not ", count, claim))
    if not holds:
        for text in shown:
            print("".join("# %s\n" % line for line in str(text).split("\n")), end="")
    sys.stdout.flush()


def cut_capture(path):
    """The capture's FROM ... TO as one that begins there; answers from before it hold."""
    def warp(t):
        return max(min(t, FAST) - FROM, 0) / SPEED + max(min(t, AFTER) - FAST, 0) + max(t - AFTER, 0) / SLOWER

    with open(CAPTURE) as f, open(path, "w") as out:
        for line in f:
            d = json.loads(line)
            if "t" in d:
                if d["t"] > TO or ("event" in d and d["t"] < FROM):
                    continue
                for key in "t", "at", "from":
                    if isinstance(d.get(key), float):
                        d[key] = warp(d[key])
            out.write(json.dumps(d, separators=(",", ":")) + "\n")


class Screen:
    """What a terminal of this size shows after these bytes: as much of a VT100 as xenscope uses."""
    CODES = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])")

    def __init__(self, columns, rows):
        self.columns, self.rows, self.lines, self.x, self.y = columns, rows, {}, 0, 0
        self.overrun = False    # a line longer than the terminal

    def feed(self, text):
        while text:
            m = self.CODES.match(text)
            if m:
                text = text[m.end():]
                if m.group(2) == "H":   # a page begins: one that was on its way when the size changed does not count
                    self.x = self.y = 0
                    self.overrun = False
                elif m.group(2) == "K":
                    self.lines[self.y] = self.lines.get(self.y, "")[:self.x]
                elif m.group(2) == "J":
                    first = 0 if m.group(1) == "2" else self.y
                    self.lines = {y: s[:self.x] if y == first and first else s for y, s in self.lines.items()
                                  if y < first or (y == first and first)}
                continue
            c, text = text[0], text[1:]
            if c == "\r":
                self.x = 0
            elif c == "\n":
                self.y = min(self.y + 1, self.rows - 1)
            else:
                self.overrun = self.overrun or self.x >= self.columns
                line = self.lines.get(self.y, "").ljust(self.x)
                self.lines[self.y] = line[:self.x] + c + line[self.x + 1:]
                self.x += 1

    def text(self):
        return "\n".join(self.lines.get(y, "") for y in range(self.rows))


class Terminal:
    """A program on a pseudo-terminal."""

    def __init__(self, *arguments, columns=80, rows=24, **environment):
        self.master, slave = pty.openpty()
        self.size(columns, rows, slave)
        self.before = termios.tcgetattr(slave)
        env = dict(os.environ, TERM="xterm-256color", LANG="C.UTF-8", LC_ALL="C.UTF-8")
        env.pop("NO_COLOR", None)
        env.update(environment)
        self.slave, self.raw = slave, ""

        def own():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen([XENSCOPE] + list(arguments), stdin=slave, stdout=slave, stderr=slave, env=env,
                                        preexec_fn=own)

    def size(self, columns, rows, fd=None):
        self.columns, self.rows = columns, rows
        fcntl.ioctl(self.slave if fd is None else fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds, until=None):
        """The bytes of so many seconds, or up to the end of the page on which until(screen) holds: that screen."""
        end, new, quiet = time.time() + seconds, "", False
        while time.time() < end:
            quiet = not select.select([self.master], [], [], 0.05)[0]
            if not quiet:
                try:
                    new += os.read(self.master, 65536).decode("utf-8", "replace")
                except OSError:
                    break
            if quiet and until and until(self.screen(new)):
                break
        self.raw += new
        return self.screen(new)

    def screen(self, text):
        screen = Screen(self.columns, self.rows)
        screen.feed(text)
        return screen

    def end(self, seconds=5):
        """Its status; and whether the terminal is as it was."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = "hung %s" % self.process.wait()
        self.read(0.2)
        restored = termios.tcgetattr(self.slave) == self.before
        entered, left = self.raw.count("\x1b[?1049h"), self.raw.count(LEAVE)
        restored = restored and entered == left and self.raw.rfind("\x1b[?25h") >= self.raw.rfind("\x1b[?25l")
        os.close(self.slave)
        os.close(self.master)
        return status, restored


class Agent:
    def __init__(self, directory):
        self.dir, self.socket = directory, os.path.join(directory, "sock")
        capture = os.path.join(directory, "migration.jsonl")
        cut_capture(capture)
        self.process = subprocess.Popen(
            [AGENT, "--state-dir=" + directory, "--socket=" + self.socket, "--listen=", "--replay=" + capture],
            stdout=subprocess.DEVNULL, stderr=open(os.path.join(directory, "log"), "w"), start_new_session=True)
        for _ in range(200):
            if run("status", "--socket", self.socket)[0] == 0:
                return
            time.sleep(0.05)
        sys.exit("Bail out! the agent does not start: " + open(os.path.join(directory, "log")).read())

    def kill(self):
        """Only the root half: the other one then serves its last figures as stale."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        self.process.wait()
        try: # the serve half outlives a root half that was killed
            os.killpg(self.process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass


def run(*arguments, **environment):
    """Status, standard output and standard error in a pipe."""
    p = subprocess.run([XENSCOPE] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30,
                       stdin=subprocess.DEVNULL, env=dict(os.environ, **environment))
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def serve(answer):
    """The URL of a server that says this to whoever connects, and closes."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(8)

    def loop():
        while True:
            try:
                c, _ = s.accept()
            except OSError:
                return
            with c:
                c.recv(4096)
                c.sendall(answer)
    threading.Thread(target=loop, daemon=True).start()
    return "http://127.0.0.1:%d" % s.getsockname()[1]


def http(status, body):
    return ("HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        status, len(body.encode()), body)).encode()


def watch_whole(agent):
    """A migration from its first round to its end, on one page."""
    t = Terminal("watch", "--socket", agent.socket)
    page = t.read(20, lambda s: "Forecast    not converging" in s.text() and re.search("^Dirties .* % of", s.text(), re.M))
    text = page.text()
    ok("under way" in text and re.search(r"^work \(domain 3\)  local by xl, tracking pml, \d+ s$", text, re.M),
       "watch shows a migration that is under way", text)
    ok(re.search(r"^ +0 +[\d.]+ s +1044480 frames +(\d+) +\d+ █+\n +1 +[\d.]+ s +\1 +\d+ +\d+ █+", text, re.M), "a line and a bar for each round, with its pages", text)
    ok(re.search(r"^Dirties +\d+ pages/s \(.* MiB/s\), \d+ % of \d+ sent", text, re.M),
       "the dirty rate against the throughput", text)
    ok(re.search(r"^Forecast +not converging: 5 rounds, .* left, [\d.]+ s down$", text, re.M), "and the forecast", text)
    ok("REPLAY" in text and "PML in use" in text and not page.overrun, "above it what it is of, all within the terminal", text)
    page = t.read(20, lambda s: re.search(r"^Ended +completed", s.text(), re.M))
    ok("No migration is under way. The last one:" in page.text(), "one that has ended stays until the next begins", page.text())
    os.write(t.master, b"q")
    status, restored = t.end()
    ok(status == 0 and restored, "q ends it with 0, and the terminal is as it was", status)


def watch_sizes(agent):
    t = Terminal("watch", "--socket", agent.socket)
    t.read(5, lambda s: "q ends" in s.text())
    for columns, rows in (40, 10), (200, 60), (10, 3), (1, 1):
        t.size(columns, rows)
        t.process.send_signal(signal.SIGWINCH)
        page = t.read(0.6)
        ok(page.text().strip() and not page.overrun, "a terminal of %d by %d gets a page that fits" % (columns, rows),
           page.text())
    os.write(t.master, b"\x03")
    status, restored = t.end()
    ok(status == 0 and restored, "Ctrl-C ends it with 0, and the terminal is as it was", status)


def watch_ends(agent):
    for number, want in ((signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGQUIT, 0), (signal.SIGSEGV, -signal.SIGSEGV),
                         (signal.SIGABRT, -signal.SIGABRT)):
        t = Terminal("watch", "--socket", agent.socket)
        t.read(5, lambda s: "q ends" in s.text())
        t.process.send_signal(number)
        status, restored = t.end()
        ok(status == want and restored, "%s gives the terminal back, too" % number.name, status)
    t = Terminal("watch", "--socket", agent.socket)
    t.read(5, lambda s: "q ends" in s.text())
    os.kill(t.process.pid, signal.SIGTSTP)
    _, how = os.waitpid(t.process.pid, os.WUNTRACED)
    t.read(0.3)
    ok(os.WIFSTOPPED(how) and termios.tcgetattr(t.slave) == t.before and LEAVE in t.raw,
       "Ctrl-Z gives the terminal to the shell")
    os.kill(t.process.pid, signal.SIGCONT)
    page = t.read(5, lambda s: "q ends" in s.text())
    ok("q ends" in page.text(), "and fg takes it again", page.text())
    os.write(t.master, b"q")
    ok(t.end() == (0, True), "to give it back at the end")


def watch_pipe(agent):
    p = subprocess.Popen([XENSCOPE, "watch", "--socket", agent.socket], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    lines, end = [], time.time() + 25
    while time.time() < end and not any("completed after" in line for line in lines):
        lines.append(p.stdout.readline().decode())
    text = "".join(lines)
    ok("\x1b" not in text and all(re.match(r"\d\d:\d\d:\d\d .+: .+\n$", line) for line in lines), "in a pipe watch writes plain lines", text)
    rounds = re.findall(r"round (\d): [\d.]+ s, \d+ \w+ sent, \d+ pages dirtied", text.partition("begins")[2] or text)
    ok(rounds[-5:] == list("01234") and "forecast: not converging" in text, "one for each round, and for each forecast", text)
    p.stdout.close()
    try:
        status = p.wait(20)
    except subprocess.TimeoutExpired:
        p.kill()
        status = "hung"
    ok(status == 0, "it ends when nobody reads any more", status)


def tables(agent):
    at = ["--socket", agent.socket]
    migration = json.loads(run("migrations", "--json", *at)[1])["migrations"][-1]["id"]
    commands = [["status"], ["features"], ["domains"], ["migrations"], ["migration", migration], ["events"], ["overhead"],
                ["history"], ["history", "xenscope_host_free_bytes"], ["doctor"], ["advice", "Domain-0"]]
    for c in commands:
        t = Terminal(*(c + at))
        t.read(10, lambda s: t.process.poll() is not None)
        t.end()
        plain = re.sub(r"\x1b\[[\d;]*m", "", t.raw)
        longest = max(len(line) for line in plain.split("\r\n") if " " in line.strip())  # a path is not broken
        ok(longest <= 80 and len(plain) > 40, "%s fits 80 columns" % c[0], plain)
        if c[0] in ("migrations", "doctor"):
            ok("\x1b[3" in t.raw, "%s has colours on a terminal" % c[0], repr(t.raw))
            t = Terminal(*(c + at), NO_COLOR="1")
            t.read(10, lambda s: t.process.poll() is not None)
            t.end()
            ok("\x1b[" not in t.raw, "and none with NO_COLOR")
            ok("\x1b[" not in run(*(c + at))[1], "and none in a pipe")
    for c in commands[1:] + [["trace", os.path.join(agent.dir, "x.xt")]]:
        if c[0] == "trace":
            import gzip
            with gzip.open(os.path.join(SRC, "tests/golden/trace/pml-migrate.xt.gz")) as f, open(c[1], "wb") as out:
                shutil.copyfileobj(f, out)
            at = []
        status, out, err = run(*(c + ["--csv"] + at))
        rows = list(csv.reader(io.StringIO(out)))
        ok(status in ((0, 1) if c[0] == "doctor" else (0,)) and len({len(r) for r in rows}) == 1 and
           (len(rows) > 1 or c[0] in ("advice", "overhead")), "%s --csv is a table" % " ".join(c[:1]), out[:500], err)
    ok(run("status", "--csv")[0] == 2, "status is no table: --csv is refused")


def cost(agent):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(10):
        run("status", "--socket", agent.socket)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    ms = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 100
    ok(ms <= 20 or sanitized(), "xenscope status takes 20 ms of CPU at most: %.1f" % ms)


def sanitized():
    with open(XENSCOPE, "rb") as f:
        return b"AddressSanitizer" in f.read()


def bad_answers(agent):
    """status, standard output, standard error: what is said, and that nothing looks whole"""
    def refused(claim, want, words, *arguments):
        status, out, err = run(*arguments)
        ok(status == want and re.search(words, err) and not out, claim, status, out, err)

    at = ["--socket", agent.socket]
    domains = '{"source":"live","stale":false,"domains":[{"domid":1,"name":"a"}]}'
    refused("no agent: 3, and where to look", 3, "systemctl status xenscoped.*xenscope doctor", "domains", "--socket=/nothing/here")
    refused("half an answer: 1", 1, "broke off before its end", "domains", "--url", serve(http(200, domains)[:-9]))
    refused("half of JSON: 1", 1, "not xenscoped", "domains", "--url", serve(http(200, domains[:-9])))
    refused("another server: 1", 1, "broke off|not xenscoped", "domains", "--url", serve(b"SSH-2.0-OpenSSH\r\n"))
    refused("a wrong token: 1, and what to do", 1, "401: no such token\n.*--token-file", "domains", "--url",
            serve(http(401, '{"detail":"no such token"}')))
    refused("an unknown VM by its name: 1", 1, "no domain .* uuid: it's \"x\"\\\\x0a; xenscope domains", "advice", "it's \"x\"\n", *at)
    refused("an unknown VM by its uuid: 1", 1, "404", "advice", "00000000-0000-4000-8000-00000000000f", *at)
    refused("an unknown migration: 1", 1, "404", "migration", "20260101T000000Z-d1-1", *at)
    refused("what is no id: 2", 2, "not the id", "migration", "a/../b", *at)
    refused("an unknown metric: 1, and which there are", 1, "400: it's: there is no metric", "history", "it's", *at)
    refused("an unknown command, harmless: 2", 2, r'no command "da\\x1bnce"', "da\x1bnce")
    refused("no command: 2", 2, "Usage", )
    refused("a missing argument: 2", 2, "advice takes DOMAIN", "advice", *at)
    refused("too many: 2", 2, "status takes no argument", "status", "x", *at)
    refused("an option of another command: 2", 2, "--limit is not for status", "status", "--limit=1", *at)
    refused("an unknown option: 2", 2, "See xenscope help", "status", "--nonsense")
    refused("two forms at once: 2", 2, "either --json or --csv", "domains", "--json", "--csv")
    refused("two agents at once: 2", 2, "either --socket", "domains", "--url=http://127.0.0.1:1", *at)
    refused("another host without TLS: 2", 2, "by HTTPS only", "domains", "--host=http://example.com")
    token = os.path.join(agent.dir, "token")
    for mode, text, words in (0o644, "abc\n", "others can read this token: chmod 600"), (0o600, "\n", "no token"):
        with open(token, "w") as f:
            f.write(text)
        os.chmod(token, mode)
        refused("a file of tokens as it must not be: 2", 2, words, "domains", "--host=https://127.0.0.1:1", "--token-file", token)
    refused("no file of tokens: 2", 2, "No such file", "domains", "--host=https://127.0.0.1:1", "--token-file", token + "s")
    with open(token, "w") as f:
        f.write("abc\n")
    refused("another host that does not answer: 3", 3, "https://127.0.0.1:1: .*\n.*no agent answers there", "domains",
            "--host=https://127.0.0.1:1", "--token-file", token)
    if os.geteuid() == 0 and shutil.which("setpriv"):
        os.chmod(agent.socket, 0o600)
        p = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", os.path.abspath(XENSCOPE),
                            "domains"] + at, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.chmod(agent.socket, 0o666)
        ok(p.returncode == 3 and b"ask as root" in p.stderr or b"failed to execute" in p.stderr, "no permission: 3, and what to do",
           p.returncode, p.stderr)


def agent_gone(agent):
    """Killed while somebody watches, and after."""
    t = Terminal("watch", "--socket", agent.socket)
    t.read(5, lambda s: "q ends" in s.text())
    agent.kill()
    page = t.read(20, lambda s: "STALE" in s.text())
    ok(re.search("^STALE: .*agent.*", page.text(), re.M) and "domain 3" in page.text(),
       "watch says when the agent has gone, and shows what it knew", page.text())
    os.write(t.master, b"q")
    status, restored = t.end()
    ok(restored, "and gives the terminal back", status)
    status, out, err = run("domains", "--socket", agent.socket)
    ok((status == 1 and "last figures" in err and out) or (status == 3 and not out),
       "a table of an agent that has gone is said to be that, or there is none: %s" % status, out, err)
    status, out, err = run("doctor", "--json", "--socket=/nothing/here")
    checks = {c["check"]: c for c in json.loads(out)["checks"]}
    ok(status == 1 and checks["agent"]["state"] == "missing" and "systemctl restart" in checks["agent"]["remedy"] and
       all(c["cost"] and c["remedy"] for c in checks.values() if c["state"] != "ok"),
       "doctor works without an agent: what is missing, what it costs, what to do", out)


def completions():
    status, script, err = run("completion", "bash")
    path = os.path.join(os.environ["HERE"], "completion")
    with open(path, "w") as f:
        f.write(script)

    def complete(*words):
        p = subprocess.run(["bash", "-c", '. "$0"; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); compopt() { echo "$@"; }; '
                            '_xenscope; printf "%s\\n" "${COMPREPLY[@]}"', path, "xenscope"] + list(words),
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return p.stdout.decode().split("\n")[:-1]
    names = re.findall(r"^  (\w+)", run("help")[1], re.M)
    ok(status == 0 and complete("") == names and "watch" in names, "bash completes the commands, those of help", complete(""), names)
    ok(complete("mig") == ["migrations", "migration"], "from their beginnings")
    for c in names:
        want = re.findall(r"^  (--[\w-]+)", run("help", c)[1], re.M) + ["--version"]
        got = complete(c, "--")
        if got != want:
            ok(False, "bash completes the options of %s, those of its help" % c, got, want)
            break
    else:
        ok(True, "and the options of each, those of its help")
    ok(complete("migrations", "--export", "c") == ["csv"], "and words that an option takes")
    ok("default" in " ".join(complete("trace", "")), "and files")
    status, script, err = run("completion", "zsh")
    ok(status == 0 and script.startswith("#compdef xenscope\n") and
       all("\t%s)\n" % c in script for c in names), "zsh gets the same commands")
    if shutil.which("zsh"):
        with open(path, "w") as f:
            f.write(script)
        p = subprocess.run(["zsh", "-n", path], stderr=subprocess.PIPE)
        ok(p.returncode == 0, "in a script that zsh takes", p.stderr)
    ok(run("completion", "fish")[0] == 2, "a shell that is not known is refused")
    for c in names:
        status, out, err = run(c, "--help")
        if status != 0 or "Usage: xenscope " + c not in out:
            ok(False, "%s --help" % c, out, err)
    with open(os.path.join(SRC, "packaging/man/xenscope.1")) as f:
        manual = f.read()
    ok(not [c for c in names if not re.search(r"^\.It Cm %s\b" % c, manual, re.M)], "the manual has all commands",
       [c for c in names if not re.search(r"^\.It Cm %s\b" % c, manual, re.M)])
    options = {o for c in names for o in re.findall(r"^  --([\w-]+)", run("help", c)[1], re.M)}
    missing = [o for o in sorted(options) if not re.search(r"Fl Fl %s\b" % o.replace("-", r"\\?-"), manual)]
    ok(not missing, "and all options", missing)


def main():
    here = tempfile.mkdtemp()
    os.environ["HERE"] = here
    agent = Agent(here)
    try:
        watch_whole(agent)
        watch_sizes(agent)
        watch_ends(agent)
        watch_pipe(agent)
        tables(agent)
        cost(agent)
        bad_answers(agent)
        completions()
        agent_gone(agent)
    finally:
        agent.stop()
        shutil.rmtree(here, ignore_errors=True)
    print("1..%d" % count)
    sys.exit(failed > 0)


main()
