#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The dashboards for Grafana, against a Prometheus that scrapes two agents: see grafana.py.
. "${srcdir:?}/tests/system/tap.sh"
need prometheus python3
trap - EXIT
rm -rf "$tmp"
exec python3 "$srcdir/tests/system/grafana.py" "${builddir:?}" "$srcdir"
