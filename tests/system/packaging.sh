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
man=$build/packaging/man
for page in "$man/xenscoped.8" "$man/xenscoped.conf.5" "$man/xenscope-api.7" "$man/xenscope-metrics.7" \
    "$top/packaging/man/xenscope.1" "$top/packaging/man/xenscope-graph.8" "$top/packaging/man/check_xenscope.8"; do
    name=${page##*/}
    if command -v mandoc > /dev/null; then
        mandoc -Tlint -W warning "$page" > "$dir/said" 2>&1 && r=0 || r=1
        ok $r "mandoc has no warning about $name"
    fi
    grep '@[a-zA-Z]*@' "$page" > "$dir/said" && r=1 || r=0
    ok $r "every list and path was put into $name"
done

# listed TABLE PATTERN ITEM PAGE...: the name of each row of a table, as sed finds it, begins an item in each of the pages
listed() {
    table=$1 item=$3
    sed -n "s|^$2.*|\1|p" "$top/agent/$table" > "$dir/names"
    shift 3
    for page; do
        while read -r name; do
            grep -q -e "^$item$name\( \|\$\)" "$page" || echo "$name is not in $page"
        done < "$dir/names"
    done > "$dir/said"
    [ -s "$dir/names" ] && [ ! -s "$dir/said" ] && r=0 || r=1
    ok $r "the manual has all $(wc -l < "$dir/names") rows of $table"
}
listed config/options.def 'OPTION([a-z0-9_]*, "\([a-z0-9_]*\)"' '.It Cm ' "$man/xenscoped.conf.5"
listed config/options.def 'OPTION([a-z0-9_]*, "\([a-z0-9_]*\)"' '#' "$build/packaging/xenscoped.conf"
listed metrics/metrics.def 'METRIC([A-Z0-9_]*, "\([a-z0-9_]*\)"' '.It Li ' "$man/xenscope-metrics.7"
listed metrics/notices.def 'NOTICE([A-Z0-9_]*, "\([a-z0-9_]*\)"' '.It Cm ' "$man/xenscoped.8"
listed serve/routes.def 'ROUTE("\([^"]*\)"' '.It Pa ' "$man/xenscope-api.7"
listed serve/parameters.def 'PARAMETER("\([^"]*\)"' '.It Cm ' "$man/xenscope-api.7"
listed serve/schemas.def '[A-Z]*("\([a-z_]*\)", ["e]' '.It Va ' "$man/xenscope-api.7"
listed serve/schemas.def '[OP][A-Z]*[CT][TA][A-Z]*("\([A-Z][A-Za-z]*\)"' '.Ss ' "$man/xenscope-api.7"
"$build/agent/xenscoped" --help | sed -n 's/^ *--\([a-z-]*\).*/\1/p' > "$dir/flags"
while read -r f; do
    grep -q "Fl Fl $f" "$man/xenscoped.8" || echo "--$f is not in the manual"
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
# what xen-bugtool runs: 2 is a command line that is wrong
sed -n 's|.*>/usr/bin/xenscope \(.*\) 2&gt;&amp;1</command>|\1|p' "$top/packaging/bugtool/xenscope/stuff.xml" > "$dir/commands"
while read -r words; do
    # shellcheck disable=SC2086  # words
    "$build/agent/xenscope" $words --socket "$dir/none" > "$dir/out" 2>&1 < /dev/null || [ $? != 2 ] || echo "$words: $(cat "$dir/out")"
done < "$dir/commands" > "$dir/said"
[ -s "$dir/commands" ] && [ ! -s "$dir/said" ] && r=0 || r=1
ok $r "xenscope takes the $(wc -l < "$dir/commands") command lines of xen-bugtool"

# packages OPTION...: those of the spec, as rpm expands it with a platform's macros
packages() {
    rpmspec -q --builtrpms --qf '%{name} ' "$@" "$build/packaging/rpm/xenscope.spec" 2> "$dir/said"
}
for platform in 'el7 rhel 7' 'el8 rhel 8' 'el9 rhel 9' 'el10 rhel 10' 'fc42 fedora 42'; do
    command -v rpmspec > /dev/null || break
    # shellcheck disable=SC2086  # words
    set -- $platform
    all=$(packages --define "dist .$1" --define "$2 $3")
    some=$(packages --define "dist .$1" --define "$2 $3" --define '_without_rrd --without-rrd')
    [ ! -s "$dir/said" ] && [ "$some" = 'xenscope xenscope-xapi xenscope-nagios xenscope-doc xenscope-dashboards ' ] &&
        [ "$all" = "${some}xenscope-graphs " ] && r=0 || r=1
    ok $r "the spec is understood for $1, also without rrdtool"
done
grep -v '^#\|^$' "$build/packaging/xenscoped.conf" > "$dir/said" && r=1 || r=0
ok $r "the example configuration changes nothing: each line is a comment"
end
