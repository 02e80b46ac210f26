#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""hold.py DIR: keeps the RRD files and logs of ticks below DIR in the page cache, as a host with memory to spare does,
until it is killed or its parent ends; says "held" when all that is there is. Some machines of a cloud give back within
a minute what nobody reads, and reading it again would be most of what storing a tick costs there. Needs the right to
lock memory."""
import ctypes
import glob
import mmap
import os
import sys
import time

INTERVAL = 5  # seconds; what has just been written stays longer
SUFFIXES = '.rrd', '.wal', '.wal.old'
MAP_FAILED = ctypes.c_void_p(-1).value
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = libc.mlock.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def check(good, what):
    if not good:
        sys.exit('%s: %s' % (what, os.strerror(ctypes.get_errno())))


def lock(fd, size):
    """Page by page: what is read ahead comes in large folios, and an update of a few bytes dirties all of one."""
    p = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0)
    check(p != MAP_FAILED, 'mmap')
    check(libc.madvise(p, size, mmap.MADV_RANDOM) == 0, 'madvise')
    check(libc.mlock(p, size) == 0, 'locking files in memory')
    return p, size


def hold(top, held):
    """held: {inode: (address, size)}; what has grown is locked anew, what is gone is let go."""
    there = set()
    for path in glob.glob(os.path.join(top, '**', '*'), recursive=True):
        if not path.endswith(SUFFIXES):
            continue
        try:
            fd = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        st = os.fstat(fd)
        there.add(st.st_ino)
        old = held.get(st.st_ino)
        if st.st_size > (old[1] if old else 0):
            held[st.st_ino] = lock(fd, st.st_size)
            if old:
                libc.munmap(*old)
        os.close(fd)
    for inode in held.keys() - there:
        libc.munmap(*held.pop(inode))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    held, parent = {}, os.getppid()
    hold(sys.argv[1], held)
    print('held', flush=True)
    while os.getppid() == parent:
        time.sleep(INTERVAL)
        hold(sys.argv[1], held)


main()
