#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
command -v python3 > /dev/null || { echo '1..0 # SKIP no python3 here'; exit 0; }
exec python3 "${srcdir:-.}/tests/system/rrdd_page.py" "${srcdir:-.}/tests/golden/rrdd/v2.hex" \
    "${builddir:-.}/tests/tools/publish_race" "${builddir:-.}/agent/xenscoped" "${srcdir:-.}/tests/captures/intel-pml.jsonl"
