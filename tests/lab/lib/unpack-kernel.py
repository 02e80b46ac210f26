#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""unpack-kernel.py BZIMAGE VMLINUX VMLINUX_QEMU

Extracts the ELF kernel from a bzImage, without the zeros at the ends of its segments and without
section headers: 40 MB instead of 65 for the emulated CD drive. The second output has each
same-privilege iretq of sync_core() replaced:
    68 imm32   pushq $1f      (imm32 is the address of the instruction after iretq)
    48 cf      iretq
becomes
    48 8d 64 24 20   lea 0x20(%rsp),%rsp
    66 90            nop
QEMU before 9.1 pops the IRET frame with the kernel's rights, so that an iretq from ring 3
(all of a PV kernel runs there) faults once CR4.SMAP is set.
"""
import lzma
import struct
import sys
import zlib


def unpack(image):
    start = ((image[0x1F1] or 4) + 1) * 512
    offset, length = struct.unpack_from('<II', image, 0x248)
    payload = image[start + offset:start + offset + length]
    if payload[:6] == b'\xfd7zXZ\0':
        return lzma.LZMADecompressor().decompress(payload)
    if payload[:2] == b'\x1f\x8b':
        return zlib.decompressobj(31).decompress(payload)
    sys.exit('unpack-kernel.py: unknown compression, payload starts with ' + payload[:8].hex())


def segments(kernel):
    """Position of the program header, file offset, address, size in the file of each PT_LOAD."""
    phoff, = struct.unpack_from('<Q', kernel, 32)
    phnum, = struct.unpack_from('<H', kernel, 56)
    for header in range(phoff, phoff + phnum * 56, 56):
        ptype, _, offset, vaddr, _, size = struct.unpack_from('<IIQQQQ', kernel, header)
        if ptype == 1:
            yield header, offset, vaddr, size


def trim(kernel):
    end = 0
    for header, offset, _, size in segments(kernel):
        size = len(kernel[offset:offset + size].rstrip(b'\0'))
        struct.pack_into('<Q', kernel, header + 32, size)
        end = max(end, offset + size)
    struct.pack_into('<Q', kernel, 40, 0)       # e_shoff
    struct.pack_into('<HH', kernel, 60, 0, 0)   # e_shnum, e_shstrndx
    del kernel[end:]


def patch_iretq(kernel):
    count = 0
    for _, offset, vaddr, size in segments(kernel):
        at = kernel.find(b'\x48\xcf', offset, offset + size)
        while at >= 0:
            push = at - 5
            if kernel[push] == 0x68:
                target, = struct.unpack_from('<i', kernel, push + 1)
                if target & (1 << 64) - 1 == vaddr + at + 2 - offset:
                    kernel[push:push + 7] = b'\x48\x8d\x64\x24\x20\x66\x90'
                    count += 1
            at = kernel.find(b'\x48\xcf', at + 2, offset + size)
    return count


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__.splitlines()[0])
    with open(sys.argv[1], 'rb') as f:
        kernel = bytearray(unpack(f.read()))
    if kernel[:4] != b'\x7fELF':
        sys.exit('unpack-kernel.py: no ELF inside')
    trim(kernel)
    with open(sys.argv[2], 'wb') as f:
        f.write(kernel)
    count = patch_iretq(kernel)
    with open(sys.argv[3], 'wb') as f:
        f.write(kernel)
    print('kernel: %d bytes, %d iretq patched for QEMU' % (len(kernel), count))


main()
