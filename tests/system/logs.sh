#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# xenscope reads another host's logs without an agent, and is not to be upset by them.
set -eu
xenscope=${builddir:-.}/agent/xenscope
logs=${srcdir:-.}/tests/golden/logs/replay
. "${srcdir:-.}/tests/system/tap.sh"
dir=$tmp
shown="$dir/out $dir/err"
export TZ=UTC

# run STATUS ARGUMENT...: it ends with this status
run() {
    status=$1 rc=0
    shift
    "$xenscope" "$@" > "$dir/out" 2> "$dir/err" < "$dir/in" || rc=$?
    [ "$rc" = "$status" ] || { echo "status $rc" >> "$dir/err"; return 1; }
}

# is TEXT EXPRESSION: what jq makes of the answer
is() { [ "$(jq -rc "$2" "$dir/out" 2>> "$dir/err")" = "$1" ]; }

cp "$logs/xenserver-8/daemon.log" "$logs/xenserver-8/xensource.log" "$dir"
: > "$dir/in"
gzip -c "$dir/daemon.log" > "$dir/daemon.log.1.gz"

r=0; run 0 migrations --json --log "$dir/daemon.log" "$dir/xensource.log" || r=1
is 4 '.migrations | length' || r=1
ok $r 'the answer has the form of the agent'"'"'s: an object with the list of migrations'
r=0; is '["save","save","out","out"]' '[.migrations[].direction]' || r=1
ok $r 'the newest comes first'
r=0; is '["log"]' '[.migrations[].source] | unique' || r=1
ok $r 'each says that it is from a log'
r=0; is '[4262,1120,436,285,null]' '.migrations[3].rounds | map(.pages_dirtied)' || r=1
ok $r 'with its rounds'
cp "$dir/out" "$dir/want"
r=0; run 0 migrations "$dir/daemon.log.1.gz" --log "$dir/xensource.log" --json || r=1
cmp -s "$dir/out" "$dir/want" || r=1
ok $r 'a compressed log makes the same, and the order of the names does not matter'
cp "$dir/daemon.log" "$dir/in"
r=0; run 0 migrations --json --log "$dir/xensource.log" - || r=1
cmp -s "$dir/out" "$dir/want" || r=1
ok $r 'so does standard input'
: > "$dir/in"
r=0; run 0 migrations --log "$dir/daemon.log" "$dir/xensource.log" || r=1
grep -q 'failed.*0c9be1f4.*xenguest: Broken pipe' "$dir/out" || r=1
ok $r 'a person gets a table, with uuids where no name is known'
r=0; run 0 migrations --json --log "$dir/in" || r=1
is 0 '.migrations | length' || r=1
grep -q 'no line of these logs tells of a migration' "$dir/err" || r=1
ok $r 'an empty log makes an empty list, and it is said'
r=0; run 1 migrations --log "$dir/daemon.log" "$dir/none" || r=1
grep -q "$dir/none: No such file" "$dir/err" || r=1
ok $r 'a log that is not there: 1, and its name'
r=0; rc=0
gzip -c "$dir/daemon.log" | "$xenscope" migrations --log - > "$dir/out" 2> "$dir/err" || rc=$?
[ "$rc" = 1 ] && grep -q -e '-: what comes from a pipe must be unpacked already' "$dir/err" || r=1
ok $r 'a compressed log through a pipe: 1, and why'
r=0; cat "$dir/daemon.log" | "$xenscope" migrations --log - > "$dir/out" 2> "$dir/err" || r=1
grep -q 'failed.*domain 14' "$dir/out" || r=1
ok $r 'a plain one is read'
r=0; run 2 domains --log "$dir/daemon.log" || r=1
ok $r 'only migrations reads logs: 2'
r=0; run 2 migrations "$dir/daemon.log" || r=1
ok $r 'and only with --log: 2'
awk 'BEGIN {
    for (i = 1; i <= 4000; i++) {
        t = sprintf("2026-11-%02dT%02d:%02d:%02d+00:00 host", 1 + int(i / 720), i % 720 / 30, i % 30 * 2, 0)
        printf "%s emu-manager-%d[%d]: Startup: operation mode: hvm_save, live\n", t, i, 2 * i
        for (n = 0; n < 5; n++)
            printf "%s xenguest-%d-emp[%d]: Checking live policy.  %d / 0 for %d\n", t, i, 2 * i + 1, 9000 - n, n
        printf "%s xenguest-%d-emp[%d]: Finished, send complete\n", t, i, 2 * i + 1
    } }' > "$dir/many.log"
# shellcheck disable=SC3045  # each shell that is sh somewhere has it, and none is no failure
lean() { (ulimit -v 65536 && "$xenscope" "$@") > "$dir/out" 2> "$dir/err"; }
if lean --version; then
    r=0; lean migrations --log "$dir/many.log" --json || r=1
    is 4000 '.migrations | length' || r=1
    lean migrations --log "$dir/many.log" --export jsonl || r=1
    [ "$(wc -l < "$dir/out")" = 4000 ] || r=1
    ok $r 'thousands of migrations are written in 64 MiB of memory'
fi
head -c 3000000 /dev/urandom > "$dir/noise" 2> /dev/null
r=0; run 0 migrations --json --log "$dir/noise" || r=1
ok $r 'noise is no log, and does no harm'
end
