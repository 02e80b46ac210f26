#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The template for Zabbix, in a real one: see zabbix.py.
. "${srcdir:?}/tests/system/tap.sh"
for dir in /usr/lib/postgresql/*/bin; do PATH=$dir:$PATH; done
PATH=$PATH:/usr/sbin
need python3 php zabbix_server initdb
trap - EXIT
rm -rf "$tmp"
exec python3 "$srcdir/tests/system/zabbix.py" "${builddir:?}" "$srcdir"
