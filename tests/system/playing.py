# SPDX-License-Identifier: GPL-2.0-or-later
"""Agents that play captures, and other programs in the background, for tests that ask them all. tmp goes when end() is
called, after what runs."""
import json, os, re, shutil, signal, socket, subprocess, sys, tempfile, time

tmp = tempfile.mkdtemp()
running = []
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))   # by way of end()


def read(path):
    with open(path) as f:
        return f.read()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(name, *command, **options):
    """What it says is in tmp, NAME.log. A signal to all of the test is for end() to hand on."""
    with open(os.path.join(tmp, name + ".log"), "w") as log:
        running.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                                        **options))


def cut(capture, since, until=float("inf"), speed=1, change=lambda d: None):
    """A copy of the capture's seconds from since to until, so many times as fast; answers from before hold."""
    path = os.path.join(tmp, os.path.basename(capture))
    with open(capture) as f, open(path, "w") as out:
        for line in f:
            d = json.loads(line)
            if "event" in d and d["t"] < since or d.get("t", 0) > until:
                continue
            for key in {"t", "at", "from"} & set(d):
                d[key] = (max(d[key] - since, 0) if key == "t" else d[key] - since) / speed
            change(d)
            out.write(json.dumps(d, separators=(",", ":")) + "\n")
    return path


def agent(build, name, capture, *options):
    """An agent that plays it; its address."""
    start(name, build + "/agent/xenscoped", "--config=/dev/null", "--replay=" + capture, "--step=1",
          "--state_dir=%s/%s" % (tmp, name), "--socket=", "--xapi_socket=", "--control_socket=", "--rrdd_dir=",
          "--listen=127.0.0.1:0", *options)
    for _ in range(100):
        m = re.search(r"listening on http://([\d.:]+)/", read("%s/%s.log" % (tmp, name)))
        if m:
            return m.group(1)
        time.sleep(0.1)
    raise OSError(read("%s/%s.log" % (tmp, name)))


def end():
    """What was started last ends first: it may need the others to the last."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for p in reversed(running):
        p.terminate()
        try:
            p.wait(30)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
    shutil.rmtree(tmp)
