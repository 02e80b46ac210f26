#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""XenCenter's plugin as it is in its zip: what XenCenter's loader asks of the descriptor, and scripts that Internet
Explorer can read, by a parser of ES5.

xencenter_files.py ZIP   TAP on standard output
"""
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile

sys.dont_write_bytecode = True
import tap  # noqa: E402
from tap import ok  # noqa: E402

NS = "{http://www.citrix.com/XenCenter/Plugins/schema}"
# What came after Internet Explorer 9 and ES5, and what makes markup of text
TOO_NEW = (r"\b(fetch|Promise|Map|Set|Symbol|WeakMap|Proxy|classList|dataset|requestAnimationFrame|MutationObserver|URL)\b|"
           r"\.(includes|startsWith|endsWith|padStart|repeat|append|remove|closest|assign|values|entries|find|hidden)\b")
MARKUP = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function"
# XenCenter's enums and lists, as its sources have them
FEATURES = {"MenuItem", "GroupMenuItem", "TabPage", "Search", "MethodList"}
MENUS = {"file", "view", "pool", "server", "vm", "storage", "templates", "tools", "window", "help"}
SCOPES = {"Pool", "Server", "VM", "Snapshot", "UserTemplate", "DefaultTemplate", "RemoteSR", "LocalSR", "VDI", "Network"}


def parses(script):
    p = subprocess.run(["acorn", "--ecma5", "--silent"], input=script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       universal_newlines=True)
    return p.returncode == 0, p.stdout


def check_descriptor(root, files):
    ok(root.tag == NS + "XenCenterPlugin" and root.get("version") in ("1", "1.0.0.0", "2"), "XenCenter takes its version")
    ok({c.tag.replace(NS, "") for c in root} <= FEATURES, "and every element in it")
    searches = {s.get("uuid"): {e.tag.replace(NS, "") for e in s.find("%sQuery/%sQueryScope" % (NS, NS))}
                for s in root.findall(NS + "Search")}
    ok(all(scope <= SCOPES for scope in searches.values()), "a search names what XenCenter can search", searches)
    tab, item = root.find(NS + "TabPage"), root.find(NS + "MenuItem")
    ok(searches[tab.get("search")] == {"Server", "VM"} and tab.get("relative") == tab.get("credentials") == "true",
       "the tab is for servers and VMs, local, and has a session")
    ok("://" not in tab.get("url"), "which no page from a network gets")
    ok(tab.get("url").startswith("Plugins/xenscope/") and tab.get("url")[len("Plugins/xenscope/"):] in files,
       "its page is where it is installed", tab.get("url"))
    shell = list(item)
    ok(item.get("menu") in MENUS and len(shell) == 1 and shell[0].tag == NS + "Shell" and
       shell[0].get("filename").replace("\\", "/")[len("Plugins/xenscope/"):] in files,
       "the menu's item starts a file that is there")
    ok(all(f.get("name") for f in (tab, item)), "both have names")


def check_scripts(texts):
    ok(not parses("let x = () => 1;")[0] and parses("var x = 1;")[0], "the parser knows ES5 from what is newer")
    scripts = [n for n in texts if n.endswith(".js")]
    for name in scripts:
        good, said = parses(texts[name])
        ok(good, "%s is ES5" % name, said)
        code = re.sub(r"/\*.*?\*/|'(\\.|[^'\\])*'", "", texts[name], flags=re.S)
        ok(not re.search(TOO_NEW, code), "%s calls nothing newer" % name, re.findall(TOO_NEW, code))
        ok(not re.search(MARKUP, code), "%s makes no markup of text" % name, re.findall(MARKUP, code))
    page = texts["xenscope/xenscope.html"]
    ok(["xenscope/" + s for s in re.findall(r'<script src="(\w+\.js)">', page)] != [] and
       {"xenscope/" + s for s in re.findall(r'<script src="([^"]*)"', page)} == set(scripts) and "onclick" not in page,
       "the page has these scripts and none in itself")
    ok(re.search(r'<head>\s*<meta http-equiv="X-UA-Compatible" content="IE=edge">', page), "and asks for the newest engine first")
    urls = {u for n, t in texts.items() if n.startswith("xenscope/") and not n.endswith(".cmd")
            for u in re.findall(r"\w+://[^\"' ]*", t)}
    ok(urls == {NS[1:-1], "http://www.w3.org/2000/svg"}, "no address stands in it", urls)


def main():
    with zipfile.ZipFile(sys.argv[1]) as z:
        files = [n for n in z.namelist() if not n.endswith("/")]
        texts = {n: z.read(n).decode() for n in files}
    ok({"install.ps1", "README.md", "COPYING"} < set(files), "the zip has an installer, its manual and the licence", files)
    descriptors = [n for n in files if n.endswith(".xcplugin.xml")]
    ok(descriptors == ["xenscope/xenscope.xcplugin.xml"], "the descriptor has its folder's name", descriptors)
    check_descriptor(ET.fromstring(texts[descriptors[0]]), files)
    check_scripts(texts)
    tap.end()


main()
