#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# XenCenter's tab in a real Chromium: make check-browser.
set -eu
top=${srcdir:-.} build=${builddir:-.}
command -v python3 > /dev/null || { echo '1..0 # SKIP no python3 here'; exit 0; }
exec python3 "$top/tests/system/xencenter.py" "$build/plugin/xapi/xenscope" "$build/agent/xenscoped" \
    "$top"/tests/captures/*.jsonl
