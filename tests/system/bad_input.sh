#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the daemon says and does when what it is given is wrong: the thing is named, and the way out.
set -eu
agent=${builddir:-.}/agent/xenscoped
capture=${srcdir:-.}/tests/golden/captures/qemu-idle.jsonl
. "${srcdir:-.}/tests/system/tap.sh"
dir=$tmp

# refused WORDS STATUS CLAIM OPTION...: the agent ends with this status and says these words
refused() {
    words=$1 status=$2 claim=$3
    shift 3
    rc=0
    timeout 20 "$agent" "$@" > "$dir/said" 2>&1 || rc=$?
    r=0
    [ "$rc" = "$status" ] || { r=1; echo "status $rc" >> "$dir/said"; }
    grep -q -e "$words" "$dir/said" || r=1
    ok $r "$claim"
}

printf 'step = 5\nstepp = 5\n' > "$dir/unknown.conf"
refused "unknown.conf:2: unknown option \"stepp\"" 64 'an unknown option of the file is named, with file and line' \
    --config="$dir/unknown.conf" --check
printf 'listen 127.0.0.1\n' > "$dir/line.conf"
refused 'line.conf:1: expected "name = value"' 64 'so is a line that is none' --config="$dir/line.conf" --check
refused 'no.conf: No such file' 64 'and a file that is not there' --config="$dir/no.conf" --check
refused 'takes a whole number from 1 to 60' 64 'a value outside its range is answered with the range' --step=0 --check
refused 'stop_rule takes auto, libxc.* or ROUNDS:PAGES, not "foo"' 64 'a stop rule that is none, with those there are' \
    --stop-rule=foo --check
refused 'probe takes no, yes or unsafe-without-lock, not "maybe"' 64 'a word that probe does not know' --probe=maybe --check
refused 'probe takes no, yes or unsafe-without-lock, not "maybe"' 64 'also when the agent is to start' \
    --probe=maybe --state-dir="$dir/s0" --listen= --socket= --replay="$capture"
printf '#!/bin/sh\n' > "$dir/hook"
chmod 0777 "$dir/hook"
refused "event_hook: $dir/hook: it, or a directory above it, is not root's, or others may write there" 64 \
    'a command for events that others could write is refused' --event-hook="$dir/hook" --check
refused 'event_hook: hook: it is not an absolute path' 64 'as is one without its whole path' --event-hook=hook --check
refused 'see xenscoped --help' 64 'an argument that is none is refused' frobnicate
refused 'the formats are markdown' 64 'a format that is none is answered with those there are' --dump-metrics=xml

printf 'hello\n' > "$dir/hello.jsonl"
refused 'hello.jsonl: not a capture' 1 'a file that is no capture is refused' \
    --state-dir="$dir/s0" --listen= --socket= --replay="$dir/hello.jsonl"
refused 'gone.jsonl: No such file' 1 'a capture that is not there too' \
    --state-dir="$dir/s0" --listen= --socket= --replay="$dir/gone.jsonl"
refused 'cannot write in /dev/null/public .*choose another place with --state-dir' 1 \
    'a state directory that cannot be is named, with the way out' --state-dir=/dev/null --replay="$capture"
refused '0.0.0.0' 1 'an address that is not loopback is refused' \
    --state-dir="$dir/s1" --socket= --listen=0.0.0.0:9965 --replay="$capture"
if [ ! -e /dev/xen/privcmd ]; then
    refused 'no hypervisor to be reached through /dev/xen/privcmd.*--replay=FILE' 1 \
        'without a hypervisor it says what is missing and what can be done' --state-dir="$dir/s2" --listen= --socket=
    [ ! -e "$dir/s2" ] && r=0 || r=1
    ok $r 'and has touched nothing'
fi

head -c -20 "$capture" > "$dir/torn.jsonl"
play s3 --replay="$dir/torn.jsonl" && r=0 || r=1
ok $r 'a capture that ends in mid-line plays up to there'
grep -q 'torn.jsonl: .*line' "$dir/said" && r=0 || r=1
ok $r 'and that is said'
stop && r=0 || r=1
ok $r 'SIGTERM ends it with 0'

play s4 --replay="$capture" && r=0 || r=1
ok $r 'an agent plays'
serving() { cat "/proc/$running/task/$running/children"; }
before=$(serving)
# shellcheck disable=SC2086  # a list of one
kill -9 $before
tries=100
until "${builddir:-.}/agent/xenscope" --socket "$dir/s4/sock" status > "$dir/status" 2>&1; do
    [ $((tries -= 1)) -gt 0 ] || break
    sleep 0.1
done
[ $tries -gt 0 ] && [ "$(serving)" != "$before" ] && grep -q 'starting it again in 1 s' "$dir/said" && r=0 || r=1
ok $r 'when its serving half is killed it starts another, and says so'
refused 'another xenscoped writes in' 1 'a second one on its state directory is refused' \
    --state-dir="$dir/s4" --listen= --socket= --replay="$capture"
refused "$dir/s4/sock" 1 'a socket that is in use is named' \
    --state-dir="$dir/s5" --listen= --socket="$dir/s4/sock" --replay="$capture"
stop

printf '%s' '{"id":"20260101T000000Z-d1-1","uui' >> "$dir/s4/public/migrations.jsonl"
printf 'garbage' > "$dir/s4/public/host.rrd"
play s4 --replay="$capture" && r=0 || r=1
ok $r 'with a torn journal and a damaged RRD it goes on'
[ -s "$dir/s4/public/migrations.jsonl.torn" ] && r=0 || r=1
ok $r 'what was torn is kept beside the journal'
[ -n "$(find "$dir/s4/public" -name 'host.rrd.corrupt-*')" ] && [ -s "$dir/s4/public/host.rrd" ] && r=0 || r=1
ok $r 'the damaged RRD is set aside, and a new one begun'
stop
end
