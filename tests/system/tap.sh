#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests beside it share: . "${srcdir:?}/tests/system/tap.sh". $tmp is a directory that goes when the test ends,
# and so does the agent that play started; shown are the files whose ends explain a claim that does not hold.
tmp=$(mktemp -d) || exit 99
shown=$tmp/said
n=0 failed=0
running=''
trap 'stop || :; rm -rf "$tmp"' EXIT

# ok STATUS CLAIM: the claim holds when STATUS is 0
ok() {
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else
        failed=1
        echo "not ok $n - $2"
        for file in $shown; do
            [ ! -s "$file" ] || tail -n 20 "$file" | tr -cd '\11\12\40-\176' | sed 's/^/# /'
        done
    fi
}

end() {
    echo "1..$n"
    exit $failed
}

# need TOOL...: where one is missing the test fails, or with XENSCOPE_WITHOUT_TOOLS is skipped
need() {
    for tool in "$@"; do
        command -v "$tool" > /dev/null && continue
        [ -z "${XENSCOPE_WITHOUT_TOOLS:-}" ] || { echo "1..0 # SKIP not installed: $tool"; exit 0; }
        echo "Bail out! not installed: $tool"
        exit 99
    done
}

# play STATE OPTION...: an agent in the background, until it answers at $state/sock; what it says is in $tmp/said
play() {
    state=$tmp/$1
    shift
    "${builddir:-.}/agent/xenscoped" --config=/dev/null --state-dir="$state" --socket="$state/sock" --listen= "$@" > "$tmp/said" 2>&1 &
    running=$!
    tries=100
    until "${builddir:-.}/agent/xenscope" --socket "$state/sock" status > "$tmp/status" 2>&1; do
        [ $((tries -= 1)) -gt 0 ] && kill -0 $running 2>/dev/null || return 1
        sleep 0.1
    done
}

# stop: ends it; its status
stop() {
    [ -n "$running" ] || return 0
    kill "$running" 2>/dev/null || :
    wait "$running" && r=0 || r=$?
    running=''
    return $r
}
