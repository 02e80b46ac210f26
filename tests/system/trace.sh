#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
command -v python3 > /dev/null || { echo '1..0 # SKIP no python3 here'; exit 0; }
exec python3 "${srcdir:-.}/tests/system/trace.py" "${builddir:-.}/agent/xenscope" "${srcdir:-.}/tests/golden/trace" \
    "${srcdir:-.}/tests/captures/intel-wp.jsonl"
