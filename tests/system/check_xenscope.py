#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check_xenscope as Nagios runs it: against invented answers, bad ones, the real agent by its socket and by TLS; at last
under a real Icinga, which judges the exit status and the performance data.
check_xenscope.py PROGRAM AGENT CLIENT; TAP on standard output. A tool that is missing fails the test, unless
XENSCOPE_WITHOUT_TOOLS is set."""
import grp
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from plugin_test import DIR, Agent, RealAgent, run_all, says
from tap import ok

PROGRAM, AGENT, CLIENT = map(os.path.abspath, sys.argv[1:4])
ICINGA = "/usr/lib/%s-linux-gnu/icinga2/sbin/icinga2" % os.uname().machine
OK, WARNING, CRITICAL, UNKNOWN = range(4)
RANGE = r"(?:@?(?:~:|-?[0-9.]+:)?(?:-?[0-9.]+)?)"
FIGURE = r"[a-z_]+=(?:U|-?[0-9]+(?:\.[0-9]+)?(?:s|%%|B|c)?);%s;%s;0" % (RANGE, RANGE)
LINE = re.compile(r"[A-Z_]+ (OK|WARNING|CRITICAL|UNKNOWN): [^|\n]+(?: \| %s(?: %s)*)?" % (FIGURE, FIGURE))


def run(*arguments, **options):
    return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=30, text=True, **options)


def check(status, word, claim, *arguments, **options):
    """The first line is of the guidelines' form and says the exit status."""
    p = run(*arguments, **options)
    first = p.stdout.split("\n")[0]
    m = LINE.fullmatch(first)
    ok(p.returncode == status and p.stderr == "" and m and m.group(1) == ("OK", "WARNING", "CRITICAL", "UNKNOWN")[status] and
       word in p.stdout, claim, p)
    return p.stdout


def of(path, *arguments):
    return (*arguments, "-H", "unix:" + path)


def answers():
    with Agent("quiet") as path:
        check(OK, "3 on, 0 off, 1 unknown | guests_off=0;", "SMAP is on", *of(path, "--feature", "smap"))
        check(CRITICAL, "off in Xen", "a feature that Xen does not use is critical", *of(path, "--feature", "umip"))
        check(UNKNOWN, "it knows pml, smap", "one that nobody knows is not", *of(path, "--feature", "sma"))
        check(OK, "in use", "PML is in use", *of(path, "--feature", "pml"))
        check(CRITICAL, "1 failed (build-03)", "a failed migration is critical", *of(path, "--migrations"))
        check(WARNING, "3 not converging", "one that did not converge is a warning", *of(path, "--migrations", "-c", "1"))
        check(OK, "downtime=0.74s;", "unless thresholds say otherwise",
              *of(path, "--migrations", "-c", "1", "-w", "not_converging=5", "-w", "left_on=1"))
        check(CRITICAL, "downtime=0.74s;0.2;0.5;0", "of any figure",
              *of(path, "--migrations", "-c", "1", "-w", "downtime=0.2", "-c", "downtime=0.5"))
        check(CRITICAL, "rounds=5;;@5:;0", "inside of a range, too", *of(path, "--migrations", "-c", "1", "-c", "rounds=@5:"))
        check(UNKNOWN, 'no figure for the threshold "speed=3"', "a threshold of no figure is not let pass",
              *of(path, "--migrations", "-w", "speed=3"))
        check(WARNING, "overhead=1.18%;1;;0", "overhead is compared in per cent", *of(path, "--overhead", "-w", "1"))
        check(OK, "age=", "the agent is well", *of(path, "--agent"))
        lines = check(CRITICAL, "build-03: failed: the sender ended in round 4", "-v has a line for each migration",
                      *of(path, "--migrations", "-v")).splitlines()
        ok(len(lines) == 6 and not any("|" in line for line in lines[1:]), "one for each", lines)
        check(OK, "GET /api/v1/host: 200, ", "-vv tells what was asked", *of(path, "--agent", "-vv"))
        check(OK, '"boot_id": ', "-vvv the answer", *of(path, "--agent", "-vvv"))
    with Agent("smap_hvm") as path:
        check(CRITICAL, "smap=hvm on Xen's command line", "SMAP that Xen does not use, with the reason", *of(path, "--feature", "smap"))
        check(WARNING, "ept=no-pml", "PML that it does not", *of(path, "--feature", "pml"))
    with Agent("empty") as path:
        check(UNKNOWN, "featuresets could not be read", "what the agent does not know", *of(path, "--feature", "smap"))
        check(OK, "0 in 60 min", "no migrations at all", *of(path, "--migrations"))
        check(OK, "overhead=U;", "nothing measured", *of(path, "--overhead", "-w", "1"))
    with Agent("hostile") as path:
        check(CRITICAL, "1 failed (';DROP TABLE vms;--)", "names as nobody should give them",
              *of(path, "--migrations", "-v"))
    with Agent("stale") as path:
        check(CRITICAL, "age=900s", "figures of a quarter of an hour ago", *of(path, "--agent"))
    with Agent("error") as path:
        check(CRITICAL, "500: the answer could not be made", "an error of the agent is its own", *of(path, "--agent"))
        check(UNKNOWN, "500: the answer could not be made", "and leaves the rest unknown", *of(path, "--migrations"))


def bad_input():
    for arguments, word in ((), "no check"), (("--feature",), "lacks its value"), (("--feature", "a b"), "a name like"), \
            (("--feature", ""), "a name like"), (("--agent", "--migrations"), "one check"), (("--agent", "x"), "no option"), \
            (("--agent", "-w", "5:1"), "no [FIGURE=]RANGE"), (("--agent", "-c", "a\nb|"), "no [FIGURE=]RANGE"), \
            (("--agent", "-t", "0"), "seconds"), (("--agent", "-t", "1e3"), "seconds"), (("--migrations", "--minutes", "0"), "number"), \
            (("--overhead", "--uuid", "x"), "UUID"), (("--agent", "--uuid", "00000000-0000-4000-8000-000000000001"), "--uuid is for"), \
            (("--nosuch",), "no such option"), (("--agent", "-H", "http://example.com"), "not https://"), \
            (("--agent", "-H", "ftp://x"), "not https://"), (("--agent", "--token-file", "/nonexistent"), "No such file"), \
            (("--agent", "-H", "https://localhost:1", "--ca", "/dev/null"), "no certificate in it"), \
            (("--agent", "-w", "1") * 20, "one check"):
        check(UNKNOWN, word, "refused: %s" % " ".join(arguments).encode("unicode_escape").decode(), *arguments)
    nothing = os.path.join(DIR, "nothing")
    check(CRITICAL, "systemctl status xenscoped", "no agent: critical when it is asked for", *of(nothing, "--agent"))
    check(UNKNOWN, "systemctl status xenscoped", "and unknown what it would have said", *of(nothing, "--migrations"))
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"
    check(UNKNOWN, "no whole answer", "half an answer", *of(says(whole), "--migrations"))
    check(UNKNOWN, "no whole answer", "no HTTP", *of(says(b"SSH-2.0\r\n\r\n"), "--feature", "smap"))
    check(UNKNOWN, "not xenscoped", "an answer of something else", *of(says(whole.replace(b"99", b"2")), "--overhead"))
    check(UNKNOWN, "not xenscoped", "one that is no JSON", *of(says(whole.replace(b"99", b"1")), "--overhead"))
    began = time.monotonic()
    check(CRITICAL, "no answer within 1 s", "an agent that hangs", *of(says(whole, 5), "--agent", "-t", "1"))
    ok(time.monotonic() - began < 3, "it is not waited for")
    token = os.path.join(DIR, "token")
    for text, mode, word in ("abc", 0o604, "chmod"), ("\n", 0o600, "no token"):
        with open(token, "w") as f:
            f.write(text)
        os.chmod(token, mode)
        check(UNKNOWN, word, "a token file that is not right: %s" % word, "--agent", "--token-file", token)
    if os.geteuid() == 0:
        locked = says(b"")
        os.chmod(DIR, 0o755)
        os.chmod(locked, 0o600)
        nobody = pwd.getpwnam("nobody")
        copy = shutil.copy(PROGRAM, DIR)  # the build directory may be locked for others
        p = subprocess.run([copy, *of(locked, "--agent")], user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[],
                           stdout=subprocess.PIPE, text=True)
        ok(p.returncode == UNKNOWN and "group xenscope" in p.stdout, "a user who may not ask is told how to", p)
    for option in "-V", "-h", "--help", "--version":
        p = run(option)
        ok(p.returncode == UNKNOWN and "check_xenscope" in p.stdout, option)


def real_agent():
    """By its socket, then by TLS with and without a token."""
    name, key = os.path.join(DIR, "pem"), os.path.join(DIR, "key")
    tokens, token = os.path.join(DIR, "tokens"), os.path.join(DIR, "mine")
    with_tls = "built without" not in run("--agent", "-H", "https://localhost:1").stdout and shutil.which("openssl")
    options = ["--listen="]
    if with_tls:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-keyout", key, "-out", name, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                       check=True, stderr=subprocess.DEVNULL)
        with open(token, "w") as f:
            subprocess.run([CLIENT, "token", "icinga"], check=True, stdout=f, stderr=subprocess.DEVNULL)
        with open(token) as f, open(tokens, "w") as g:
            g.write(f.read().splitlines()[1] + "\n")
        for path in key, token, tokens:
            os.chmod(path, 0o600)
        options = ["--listen=0.0.0.0:0", "--tls_certificate=" + name, "--tls_key=" + key, "--tokens=" + tokens]

    def has_figures(path):
        return run(*of(path, "--agent")).returncode < CRITICAL
    with RealAgent(AGENT, has_figures, *options) as agent:
        for arguments in ("--feature", "smap"), ("--feature", "pml"), ("--migrations", "--minutes", "5"), ("--overhead",), ("--agent",), \
                ("--overhead", "--uuid", "00000000-0000-4000-8000-000000000001"), \
                ("--migrations", "--uuid", "00000000-0000-4000-8000-000000000001"):
            p = run(*of(agent.path, *arguments))
            ok(p.returncode < UNKNOWN and LINE.fullmatch(p.stdout.strip()) and "REPLAY" in p.stdout,
               "the real agent answers %s" % " ".join(arguments), p)
        if not with_tls:
            return ok(True, "other hosts # SKIP no GnuTLS, or no openssl here")
        url = "https://localhost:%s" % re.search(r"https://[^/]*:(\d+)/", agent.said()).group(1)
        far = ("--agent", "-H", url, "--ca", name)
        check(OK, "figures of", "and one on another host, by TLS and a token", *far, "--token-file", token)
        check(UNKNOWN, "wants a token", "no token", *far)
        wrong = os.path.join(DIR, "wrong")
        with open(os.open(wrong, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write("abc\n")
        check(UNKNOWN, "does not know the token", "a wrong token", *far, "--token-file", wrong)
        check(UNKNOWN, "certificate is NOT trusted", "a certificate that nobody vouches for", *far[:3], "--token-file", token)
        check(UNKNOWN, "name in the certificate", "one of another name", "--agent", "-H", url.replace("localhost", "127.0.0.1"), "--ca", name,
              "--token-file", token)


CONFIGURATION = """
include <itl>
object CheckerComponent "checker" {}
object PerfdataWriter "results" {
  rotation_interval = 1s
  service_perfdata_path = "%(dir)s/service"
  service_temp_path = "%(dir)s/service.tmp"
  host_perfdata_path = "%(dir)s/host"
  host_temp_path = "%(dir)s/host.tmp"
  service_format_template = "$service.name$\\t$service.state$\\t$service.output$"
}
object GraphiteWriter "figures" {
  host = "127.0.0.1"
  port = "%(port)d"
  enable_send_thresholds = true
}
object CheckCommand "xenscope" {
  command = [ "%(program)s" ]
  arguments = {
    "--feature" = "$feature$"
    "--migrations" = { set_if = "$migrations$" }
    "--agent" = { set_if = "$agent$" }
    "--host" = "unix:$socket$"
    "--warning" = { value = "$warning$", repeat_key = true }
  }
}
object Host "dom0" {
  check_command = "dummy"
  vars.socket = "%(socket)s"
}
template Service "soon" {
  host_name = "dom0"
  check_command = "xenscope"
  check_interval = 1s
  retry_interval = 1s
}
object Service "smap" {
  import "soon"
  vars.feature = "smap"
}
object Service "migrations" {
  import "soon"
  vars.migrations = true
  vars.warning = [ "downtime=0.5", "rounds=10" ]
}
object Service "agent" {
  import "soon"
  vars.agent = true
  vars.socket = "/nonexistent"
}
"""


def until(stream, words, seconds):
    """What comes from it until all words have come."""
    text, deadline = "", time.monotonic() + seconds
    stream.settimeout(1)
    while time.monotonic() < deadline and not all(word in text for word in words):
        try:
            text += stream.recv(65536).decode()
        except socket.timeout:
            pass
    return text


def icinga():
    if not os.access(ICINGA, os.X_OK):
        if not os.environ.get("XENSCOPE_WITHOUT_TOOLS"):
            return ok(False, "under a real Icinga", "%s is missing (Debian: icinga2-bin)" % ICINGA)
        return ok(True, "under a real Icinga # SKIP none here")
    home = os.path.join(DIR, "icinga")
    os.mkdir(home)
    graphite = socket.create_server(("127.0.0.1", 0))
    graphite.settimeout(30)
    with Agent("quiet") as path, open(home + "/log", "w") as log:
        with open(home + "/conf", "w") as f:
            f.write(CONFIGURATION % {"dir": home, "port": graphite.getsockname()[1], "program": PROGRAM, "socket": path})
        user = pwd.getpwuid(os.geteuid()).pw_name
        process = subprocess.Popen(
            [ICINGA, "--no-stack-rlimit", "daemon", "-c", home + "/conf", "-DRunAsUser=" + user, "-DRunAsGroup=" + grp.getgrgid(os.getegid()).gr_name,
             *("-D%s=%s" % (name, home) for name in ("ConfigDir", "DataDir", "LogDir", "CacheDir", "SpoolDir", "InitRunDir")),
             *("-D%s=%s/%s" % (name, home, name) for name in ("PidPath", "StatePath", "ModAttrPath", "ObjectsPath", "VarsPath"))],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        words = ["perfdata." + word for word in
                 ("guests_on.value 3 ", "failed.value 1 ", "failed.crit 0 ", "downtime.value 0.74", "downtime.warn 0.5", "rounds.warn 10 ")]
        try:
            figures = until(graphite.accept()[0], words, 30)
            time.sleep(2)  # the files of results follow
        except socket.timeout:
            figures = ""
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    with open(home + "/log") as f:
        said = f.read()
    results = {}
    for name in sorted(os.listdir(home)):
        if name.startswith("service"):
            with open(os.path.join(home, name)) as f:
                results.update((line.split("\t")[0], line.rstrip("\n").split("\t")[1:]) for line in f)
    for word in words:
        ok(word in figures, "Icinga reads %s" % word.strip(), figures + said)
    ok("perfdata" not in said, "and no figure that it cannot", said)
    for service, state, word in ("smap", "OK", "3 on"), ("migrations", "CRITICAL", "1 failed"), ("agent", "CRITICAL", "systemctl"):
        ok(results.get(service, [""])[0] == state and word in results[service][1], "its service %s is %s" % (service, state), results)


run_all(answers, bad_input, real_agent, icinga)
