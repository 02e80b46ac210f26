# SPDX-License-Identifier: GPL-2.0-or-later
"""Drives a headless Chromium over its debugging pipe: Python's standard library is enough."""
import base64, json, os, select, shutil, subprocess, tempfile, time

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe"]


def program():
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="xenscope-chromium.")
        to_read, self.to = os.pipe()
        self.frm, from_write = os.pipe()

        def give():  # Chromium reads its commands from 3 and answers on 4; both pipes' ends may stand there now
            a, b = os.dup(to_read), os.dup(from_write)
            a, b = os.dup2(a, 30), os.dup2(b, 31)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen([program(), *FLAGS, "--user-data-dir=" + self.profile, "about:blank"],
                                        preexec_fn=give, close_fds=False, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(from_write)
        self.buffer, self.number, self.events = b"", 0, []

    def receive(self, deadline):
        while b"\0" not in self.buffer:
            if not select.select([self.frm], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError("Chromium does not answer")
            data = os.read(self.frm, 1 << 20)
            if not data:
                raise EOFError("Chromium is gone")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, seconds=30, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + seconds
        while True:
            m = self.receive(deadline)
            if m.get("id") == self.number:
                if "error" in m:
                    raise RuntimeError("%s: %s" % (method, m["error"].get("message")))
                return m["result"]
            if "method" in m:
                self.events.append(m)

    def open(self, url, width=1280, height=900, scheme="light"):
        return Page(self, url, width, height, scheme)

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.profile, ignore_errors=True)


class Page:
    def __init__(self, browser, url, width, height, scheme):
        self.browser, browser.events = browser, []
        self.target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(domain + ".enable")
        self.size(width, height)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url=url)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def size(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def run(self, script):
        r = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in r:
            raise RuntimeError(r["exceptionDetails"].get("exception", {}).get("description", script))
        return r["result"].get("value")

    def wait(self, script, seconds=20):
        """True as soon as the script's value is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if self.run(script):
                    return True
            except RuntimeError:  # the page is still being loaded
                pass
            time.sleep(0.1)
        return False

    def drag(self, x0, x1, y):
        for kind, x, held in (("mouseMoved", x0, 0), ("mousePressed", x0, 1), ("mouseMoved", (x0 + x1) / 2, 1), ("mouseMoved", x1, 1),
                              ("mouseReleased", x1, 0)):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, buttons=held, clickCount=1,
                      button="none" if kind == "mouseMoved" and not held else "left")

    def key(self, name, code, text=""):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code,
                      **({"text": text} if text and kind == "keyDown" else {}))

    def complaints(self):
        """What the page threw, and what Chromium's console says against it."""
        self.run("0")
        out = []
        for e in self.browser.events:
            p = e["params"]
            if e["method"] == "Runtime.exceptionThrown":
                out.append(str(p["exceptionDetails"]))
            elif e["method"] == "Log.entryAdded" and p["entry"]["level"] in ("error", "warning"):
                out.append(p["entry"]["text"] + " " + p["entry"].get("url", ""))
            elif e["method"] == "Runtime.consoleAPICalled" and p["type"] in ("error", "warning"):
                out.append(str(p["args"]))
        return out

    def shot(self, path, whole=True):
        if whole:
            m = self.call("Page.getLayoutMetrics")["cssContentSize"]
            self.size(int(self.run("innerWidth")), int(m["height"]) + 1)
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)
