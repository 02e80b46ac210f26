#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The unit, the manual and the example configuration that the build made.
set -eu
top=${srcdir:-.} build=${builddir:-.}
. "${srcdir:-.}/tests/system/tap.sh"
dir=$tmp

"$top/packaging/ci/unit" "$build/packaging/systemd/xenscoped.service" > "$dir/unit" || :
while read -r line; do
    case $line in
    ok*) ok 0 "${line#ok * - }" ;;
    not*) sed -n '/^#/p' "$dir/unit" > "$dir/said"; ok 1 "${line#not ok * - }" ;;
    esac
done < "$dir/unit"

# each page through the strictest reader here
for page in "$build/packaging/man/xenscoped.8" "$top/packaging/man/xenscope.1" "$top/packaging/man/xenscope-graph.8" \
    "$top/packaging/man/check_xenscope.8"; do
    name=${page##*/}
    if command -v mandoc > /dev/null; then
        mandoc -Tlint -W warning "$page" > "$dir/said" 2>&1 && r=0 || r=1
        ok $r "mandoc has no warning about $name"
    fi
    grep '@[a-zA-Z]*@' "$page" > "$dir/said" && r=1 || r=0
    ok $r "every list and path was put into $name"
done

sed -n 's/^OPTION([a-z0-9_]*, "\([a-z0-9_]*\)".*/\1/p' "$top/agent/config/options.def" > "$dir/options"
sed -n 's/^METRIC([A-Z0-9_]*, "\([a-z0-9_]*\)".*/\1/p' "$top/agent/metrics/metrics.def" > "$dir/metrics"
: > "$dir/said"
while read -r o; do
    grep -q "^\.It Cm $o No = " "$build/packaging/man/xenscoped.8" || echo "$o is not in the manual"
    grep -q "^#$o = " "$build/packaging/xenscoped.conf" || echo "$o is not in the example configuration"
done < "$dir/options" > "$dir/said"
[ -s "$dir/options" ] && [ ! -s "$dir/said" ] && r=0 || r=1
ok $r "the manual and the example configuration have all $(wc -l < "$dir/options") options"
while read -r m; do
    grep -q "^\.It Li $m\( \|$\)" "$build/packaging/man/xenscoped.8" || echo "$m is not in the manual"
done < "$dir/metrics" > "$dir/said"
[ -s "$dir/metrics" ] && [ ! -s "$dir/said" ] && r=0 || r=1
ok $r "the manual has all $(wc -l < "$dir/metrics") metrics"
"$build/agent/xenscoped" --help | sed -n 's/^ *--\([a-z-]*\).*/\1/p' > "$dir/flags"
while read -r f; do
    grep -q "Fl Fl $f" "$build/packaging/man/xenscoped.8" || echo "--$f is not in the manual"
done < "$dir/flags" > "$dir/said"
[ -s "$dir/flags" ] && [ ! -s "$dir/said" ] && r=0 || r=1
ok $r "the manual has all $(wc -l < "$dir/flags") flags"
for c in status features domains migrations record; do
    "$build/agent/xenscope" --help | grep -q "^  $c " && grep -q "Cm.*$c" "$top/packaging/man/xenscope.1" || echo "$c"
done > "$dir/said"
"$build/agent/xenscope" --help | sed -n 's/.*\(--[a-z]*\).*/\1/p' | while read -r f; do
    grep -q "Fl Fl ${f#--}" "$top/packaging/man/xenscope.1" || echo "$f"
done >> "$dir/said"
[ ! -s "$dir/said" ] && r=0 || r=1
ok $r "and xenscope's what xenscope --help lists"
grep -v '^#\|^$' "$build/packaging/xenscoped.conf" > "$dir/said" && r=1 || r=0
ok $r "the example configuration changes nothing: each line is a comment"
end
