#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The zip of XenCenter's plugin. A tool that is missing fails the test, unless XENSCOPE_WITHOUT_TOOLS is set.
for tool in python3 acorn; do
    command -v $tool > /dev/null && continue
    [ -z "${XENSCOPE_WITHOUT_TOOLS:-}" ] || { echo "1..0 # SKIP not installed: $tool"; exit 0; }
    echo "Bail out! not installed: $tool"
    exit 99
done
cd "${builddir:-.}" && MAKEFLAGS='' make -s xencenter && exec python3 "$srcdir/tests/system/xencenter_files.py" xenscope-xencenter-*.zip
