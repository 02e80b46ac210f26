#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A build without rrdtool, on a capture: all but history, which says what is missing and the way out. The page of
# xcp-rrdd is rrdd_page.sh's.
set -eu
top=${srcdir:-.} build=${builddir:-.}
. "${srcdir:-.}/tests/system/tap.sh"
need curl jq ldd
shown="$tmp/said $tmp/body"

for program in xenscoped xenscope; do
    ldd "$build/agent/$program" | grep -E 'librrd|libglib|libdbi' > "$tmp/body" && r=1 || r=0
    ok $r "$program needs nothing of rrdtool"
done

play s --replay="$top/tests/captures/intel-pml.jsonl" && r=0 || r=1
ok $r 'the agent plays a capture'
grep -q 'built without rrdtool' "$tmp/said" && r=0 || r=1
ok $r 'it says at its start what it does not keep'

ask() { curl -sS -g --max-time 20 --unix-socket "$state/sock" -o "$tmp/body" -w '%{http_code}' "http://localhost$1"; }
ask /metrics > "$tmp/code"
[ "$(cat "$tmp/code")" = 200 ] && grep -q '^xenscope_pml_in_use ' "$tmp/body" && r=0 || r=1
ok $r '/metrics has the figures of now'
for path in features domains migrations host; do
    [ "$(ask /api/v1/$path)" = 200 ] && jq -e . "$tmp/body" > /dev/null && r=0 || r=1
    ok $r "/api/v1/$path is answered"
done
for path in '/api/v1/history?metric=xenscope_host_domains' '/graph/history.png?metric=xenscope_host_domains' \
    '/rrd_updates?start=-60&host=true' /host_rrd; do
    [ "$(ask "$path")" = 501 ] && grep -q 'without rrdtool.*xcp-rrdd.*rrdd_dir.*or install' "$tmp/body" && r=0 || r=1
    ok $r "$path: not implemented, with the reason and the way out"
done
"$build/agent/xenscope" --socket "$state/sock" history xenscope_host_domains > "$tmp/body" 2>&1 && r=1 || r=0
[ $r = 0 ] && grep -q 'without rrdtool' "$tmp/body" || r=1
ok $r 'and so says the client'
"$build/agent/xenscope" --socket "$state/sock" migrations > "$tmp/body" 2>&1 && r=0 || r=1
ok $r 'migrations are kept'
stop && [ -e "$state/public/migrations.jsonl" ] && r=0 || r=1
ok $r 'the agent ends in good order, and leaves the journal'
find "$state/public" -name '*.rrd' -o -name '*.wal' > "$tmp/body"
[ ! -s "$tmp/body" ] && r=0 || r=1
ok $r 'and no file of metrics'
end
