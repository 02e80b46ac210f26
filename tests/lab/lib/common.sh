# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034
# Sourced by the host-side scripts; KIT is set by the caller.

XEN_VERSION=4.17
LAB_DIR=${XENSCOPE_LAB_DIR:-./lab-work}

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 125; }

# need PROGRAM PACKAGE
need() {
    command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] ||
        die "$1 not found: install the Debian package $2"
}

# need_file FILE PACKAGE
need_file() {
    [ -e "$1" ] || die "$1 not found: install the Debian package $2"
}

use_lab_dir() {
    mkdir -p "$LAB_DIR" || die "cannot create $LAB_DIR"
    LAB_DIR=$(cd "$LAB_DIR" && pwd)
    RIG=$LAB_DIR/rig
}

need_rig() {
    [ -s "$RIG/complete" ] || die "no rig in $LAB_DIR: run build-rig $LAB_DIR first"
}

# make_cpio DIRECTORY FILE: newc archive, reproducible; owned as it is if root made it, else by root
make_cpio() {
    owner=''
    [ "$(id -u)" = 0 ] || owner='-R 0:0'
    # shellcheck disable=SC2086  # two words or none
    (cd "$1" && find . -print0 | LC_ALL=C sort -z |
        cpio --null -o -H newc $owner --reproducible --quiet) > "$2"
}
