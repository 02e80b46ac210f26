#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The agent's answers against its own /openapi.json, by an independent validator.
# A tool that is missing fails the test, unless XENSCOPE_WITHOUT_TOOLS is set.
if ! /usr/bin/python3 -c 'from jsonschema import Draft202012Validator' 2> /dev/null; then
    [ -z "${XENSCOPE_WITHOUT_TOOLS:-}" ] || { echo '1..0 # SKIP not installed: python3-jsonschema'; exit 0; }
    echo 'Bail out! not installed: python3-jsonschema'
    exit 99
fi
exec /usr/bin/python3 "${srcdir:?}/tests/system/openapi.py" "${builddir:?}/agent/xenscoped" "$srcdir/dashboards/web" \
    "$srcdir/tests/captures/intel-pml.jsonl" "$srcdir/tests/captures/intel-wp.jsonl"
