#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The supplemental pack, of packages with the real ones' names; XENSCOPE_RPM: of the real ones in that directory.
set -eu
top=${srcdir:-.}
. "${srcdir:-.}/tests/system/tap.sh"
need python3 rpmbuild createrepo_c xorriso rpm2cpio cpio
make_pack=$top/packaging/xenserver/make-supplemental-pack

# package NAME VERSION
package() {
    printf '%s\n' "Name: $1" "Version: $2" 'Release: 1' 'Summary: x' 'License: x' 'BuildArch: noarch' '%description' '%install' \
        "mkdir -p %{buildroot}/opt && echo $1-$2 > %{buildroot}/opt/$1" '%files' "/opt/$1" > "$tmp/$1.spec"
    rpmbuild -bb --define "_topdir $tmp/rpmbuild" --define "_rpmdir $tmp" --define '_rpmfilename %{NAME}-%{VERSION}.rpm' \
        "$tmp/$1.spec" > "$tmp/said" 2>&1
}
if [ -n "${XENSCOPE_RPM:-}" ]; then
    set -- "$XENSCOPE_RPM"/xenscope-[0-9]*."$(rpm --eval '%{_target_cpu}')".rpm "$XENSCOPE_RPM"/xenscope-xapi-*.rpm
else
    package xenscope 0.1.0
    package xenscope 0.1.1
    package xenscope-xapi 0.1.0
    set -- "$tmp/xenscope-0.1.0.rpm" "$tmp/xenscope-xapi-0.1.0.rpm"
fi
"$make_pack" "$tmp/pack.iso" "$@" > "$tmp/made" 2> "$tmp/said" && r=0 || r=1
ok $r 'a pack is made'
python3 "$top/tests/system/supplemental_pack.py" "$tmp/pack.iso" "$tmp/tree" "$@" > "$tmp/read" && r=0 || r=1
while read -r line; do
    case $line in
    ok*) ok 0 "${line#ok * - }" ;;
    not*) ok 1 "${line#not ok * - }" ;;
    esac
done < "$tmp/read"
grep -q '^1\.\.' "$tmp/read" && r=0 || r=1
ok $r 'it was read to its end'
sleep 1
"$make_pack" "$tmp/again.iso" "$@" > "$tmp/said" 2>&1 && cmp "$tmp/pack.iso" "$tmp/again.iso" >> "$tmp/said" 2>&1 && r=0 || r=1
ok $r 'made again it is the same'
"$make_pack" "$tmp/none.iso" > "$tmp/said" 2>&1 && r=1 || r=0
ok $r 'of nothing none is made'
"$make_pack" "$tmp/none.iso" "$2" > "$tmp/said" 2>&1 && r=1 || r=0
[ $r = 0 ] && grep -q 'xenscope itself is not among them' "$tmp/said" && [ ! -e "$tmp/none.iso" ] || r=1
ok $r 'nor of what does without the package itself'
if [ -z "${XENSCOPE_RPM:-}" ]; then
    "$make_pack" "$tmp/newer.iso" "$tmp/xenscope-0.1.1.rpm" > "$tmp/newer"
    [ "$(sed 's/.*update //' "$tmp/made")" != "$(sed 's/.*update //' "$tmp/newer")" ] && r=0 || r=1
    ok $r 'another version is another update'
fi
end
