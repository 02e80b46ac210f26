#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What others make of /metrics: promtool's lint and the parsers of Prometheus's own Python client.
# A tool that is missing fails the test, unless XENSCOPE_WITHOUT_TOOLS is set.
print=${builddir:?}/tests/tools/print_metrics
parse=${srcdir:?}/tests/system/parse_openmetrics.py
. "$srcdir/tests/system/tap.sh"

# check NAME TOOL COMMAND...: the command's success is the claim
check() {
    name=$1 tool=$2
    shift 2
    if eval "$tool" >"$tmp/said" 2>&1; then
        "$@" >"$tmp/said" 2>&1 && [ ! -s "$tmp/said" ]
        ok $? "$name"
    elif [ -n "${XENSCOPE_WITHOUT_TOOLS:-}" ]; then
        ok 0 "$name # SKIP not installed: $tool"
    else
        ok 1 "$name: not installed: $tool"
    fi
}

promtool_lints() {
    "$print" prometheus | promtool check metrics
}

# promtool reads OpenMetrics only for import, with time stamps; it prints a table of what it took
promtool_imports() {
    "$print" openmetrics | sed '/^#/!s/$/ 1700000000/' >"$tmp/metrics" &&
        promtool tsdb create-blocks-from openmetrics "$tmp/metrics" "$tmp/blocks" >"$tmp/import" 2>&1 ||
        cat "$tmp/import"
    [ -d "$tmp/blocks" ] && [ -n "$(ls "$tmp/blocks")" ]
}

python_takes() {
    "$print" "$1" | /usr/bin/python3 "$parse" "$1"
}

python_has="/usr/bin/python3 -c 'import prometheus_client.openmetrics.parser'"
check "promtool finds nothing to say about the text format" "promtool --version" promtool_lints
check "Prometheus imports OpenMetrics" "promtool --version" promtool_imports
check "Python reads the text format, hostile names included" "$python_has" python_takes prometheus
check "Python reads OpenMetrics, hostile names included" "$python_has" python_takes openmetrics
check "Python reads when the counters began" "$python_has" python_takes created
end
