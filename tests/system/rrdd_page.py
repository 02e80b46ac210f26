#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The page for xcp-rrdd, read as the description of its protocol V2 says, with nothing of the writer's.

rrdd_page.py VECTOR RACE AGENT CAPTURE      TAP on standard output
"""
import json
import math
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib

sys.dont_write_bytecode = True
import tap  # noqa: E402
from tap import ok  # noqa: E402

VECTOR, RACE, AGENT, CAPTURE = sys.argv[1:]


class Refused(Exception):
    pass


class Reader:
    """Reads one plugin's page as often as it likes; remembers what xcp-rrdd does."""

    def __init__(self):
        self.data_crc = self.json_crc = None
        self.sources = []

    def read(self, page):
        if page[:11] != b"DATASOURCES":
            raise Refused("header")
        data_crc, json_crc, count = struct.unpack_from(">III", page, 11)
        if data_crc == self.data_crc:
            raise Refused("no update")
        end = 31 + 8 * count
        if end + 4 > len(page) or zlib.crc32(page[23:end]) != data_crc:
            raise Refused("checksum")
        self.data_crc = data_crc
        if json_crc != self.json_crc:
            length, = struct.unpack_from(">I", page, end)
            text = page[end + 4:end + 4 + length]
            if zlib.crc32(text) != json_crc:
                raise Refused("checksum of the JSON")
            root = json.loads(text.rstrip(b"\0").decode(), object_pairs_hook=list)
            if [key for key, _ in root] != ["datasources"]:
                raise Refused("JSON")
            self.sources = [dict(members, name=name) for name, members in root[0][1]]
            self.json_crc = json_crc
        when, = struct.unpack_from(">d", page, 23)
        values = [struct.unpack_from(">q" if s["value_type"] == "int64" else ">d", page, 31 + 8 * i)[0]
                  for i, s in enumerate(self.sources)]
        return when, values


def why_refused(reader, page):
    try:
        reader.read(page)
        return None
    except Refused as e:
        return str(e)


def check_vector():
    with open(VECTOR) as f:
        page = bytearray.fromhex(f.read().replace("\n", ""))
    reader = Reader()
    ok(reader.read(bytes(page) + bytes(100)) == (1700000000.5, [1, 4.0]), "the reader reads the page that was made by hand")
    ok([(s["name"], s["owner"], s["units"]) for s in reader.sources] ==
       [("pml_enabled", "host", "count"), ("migration_rounds", "vm 931388d6-559e-11e6-ab0a-73658ca1c515", "count")],
       "and what its values are", reader.sources)
    ok(why_refused(reader, bytes(page)) == "no update", "the same page once more is no news")
    page[38] = 2
    ok(why_refused(Reader(), bytes(page)) == "checksum", "a changed value is refused")
    page[38] = 1
    page[60] ^= 1
    ok(why_refused(Reader(), bytes(page)) == "checksum of the JSON", "so is changed JSON")


# --- a reader that races the writer ---

def race_value_is_wrong(source, value, when, rows):
    """The writer made each value of the tick, of whose it is, and of its row."""
    guest = 0 if source["owner"] == "host" else int(source["owner"].rsplit("-", 1)[1])
    row = rows.get(source["name"], rows.get(source["name"] + "_total"))
    if math.isnan(value):
        return guest == 0  # guests are away now and then, and are not tracked
    return value != when * 1e6 + guest * 100 + row


def check_race(directory):
    path = os.path.join(directory, "xenscope")
    writer = subprocess.Popen([RACE, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    rows = {}
    for line in writer.stdout:
        name, row = line.split()
        rows[name] = int(row)
        if name == "xenscope_http_requests_total":
            break
    read, torn, wrong, grown, made, moved = 0, 0, [], 0, 0, 0
    fd, inode, reader = -1, None, Reader()
    begun = time.monotonic()
    while writer.poll() is None and time.monotonic() < begun + 60 and \
            (time.monotonic() < begun + 2 or read < 100 or not torn or not grown or made < 2):
        try:
            now = os.stat(path).st_ino
        except FileNotFoundError:
            continue
        if now != inode:  # as xcp-rrdd, that keeps what it mapped until the file goes
            if fd >= 0:
                os.close(fd)
            fd, inode = -1, None
            try:
                fd = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue
            inode, made, reader = os.fstat(fd).st_ino, made + 1, Reader()
        before = reader.sources
        try:
            when, values = reader.read(os.pread(fd, 8 << 20, 0))
        except Refused as e:
            torn += str(e) != "no update"
            continue
        read += 1
        if reader.sources is not before:
            grown += bool(before)
            moved += reader.sources[:len(before)] != before
        wrong += [(s, v, when) for s, v in zip(reader.sources, values) if race_value_is_wrong(s, v, when, rows)]
    if fd >= 0:
        os.close(fd)
    writer.stdin.close()
    print("# %s: %d read, %d torn and refused, %d with new guests, %d pages" %
          (writer.stdout.read().strip(), read, torn, grown, made))
    ok(read >= 100 and torn > 0 and grown > 0 and made > 1,
       "a reader races the writer: it meets torn pages, guests that come, and new pages")
    ok(not wrong, "it never sees a wrong value", wrong[:5])
    ok(not moved, "and no source ever moves in a page")
    ok(not os.path.exists(path) and writer.wait() == 0, "the page goes with the writer")
    writer.stdout.close()


# --- the agent ---

def wait_for(function, agent, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and agent.poll() is None:
        got = function()
        if got:
            return got
        time.sleep(0.05)
    raise RuntimeError("the agent does not get that far")


def start(state, rrdd):
    log = open(os.path.join(state, "log"), "w+")
    agent = subprocess.Popen([AGENT, "--config=/dev/null", "--replay=" + CAPTURE, "--listen=127.0.0.1:0", "--socket=",
                              "--xapi_socket=", "--control_socket=", "--state_dir=" + state] + rrdd, stderr=log)
    return agent, log


def said(log):
    log.seek(0)
    return log.read()


def check_agent(directory, state):
    path = os.path.join(directory, "xenscope")
    agent, log = start(state, ["--rrdd_dir=" + directory])
    try:
        wait_for(lambda: os.path.exists(path), agent)
        url = wait_for(lambda: re.search(r"http://127\.0\.0\.1:\d+", said(log)), agent).group()
        reader, size = Reader(), os.stat(path).st_size
        with open(path, "rb") as page:
            first = reader.read(page.read())
        ok(os.stat(path).st_mode & 0o7777 == 0o600 and size % 4096 == 0, "the agent's page is its owner's alone, of whole pages")

        def newer():
            with open(path, "rb") as page:
                try:
                    return reader.read(page.read())
                except Refused:
                    return None
        when, values = wait_for(newer, agent, 30)
        ok(first[0] < when <= time.time() and when - first[0] < 30, "it is renewed with each tick", (first[0], when))
        with urllib.request.urlopen(url + "/api/v1/domains", timeout=5) as r:
            guests = {d["uuid"] for d in json.load(r)["domains"] if d["domid"] != 0}
        owners = {s["owner"].split(" ")[1] for s in reader.sources if s["owner"] != "host"}
        ok(guests and guests <= owners, "each guest of the API is in it", (guests, owners))
        value = {s["name"]: v for s, v in zip(reader.sources, values) if s["owner"] == "host"}
        with urllib.request.urlopen(url + "/metrics", timeout=5) as r:
            text = r.read().decode()
        told = {n: float(v) for n, v in re.findall(r"^(xenscope_(?:sm[ae]p_active|pml_in_use)) (\S+)$", text, re.M)}
        ok(len(told) == 3 and all(value[n] == v for n, v in told.items()), "the host's features are those of /metrics",
           (told, value))
        ok({s["type"] for s in reader.sources} == {"gauge", "derive"} and all(s["default"] == "true" for s in reader.sources),
           "all has a type, and is recorded")
    finally:
        agent.terminate()
        agent.wait(20)
        log.close()
    ok(not os.path.exists(path), "the page goes with the agent")


def main():
    directory, state = tempfile.mkdtemp(prefix="xenscope-rrdd."), tempfile.mkdtemp(prefix="xenscope-rrdd.")
    try:
        check_vector()
        check_race(directory)
        check_agent(directory, state)
    finally:
        shutil.rmtree(directory)
        shutil.rmtree(state)
    tap.end()


main()
