#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The committed template for Zabbix must be what its generator makes of the table of metrics, and know the alerts.
. "${srcdir:?}/tests/system/tap.sh"
need python3
made=$srcdir/dashboards/zabbix/xenscope.yaml
"${AGENT:-${builddir:?}/agent/xenscoped}" --dump-metrics=json > "$tmp/metrics" &&
    python3 "$srcdir/dashboards/zabbix/generate" < "$tmp/metrics" 2> "$tmp/said" | diff -u "$made" - >> "$tmp/said"
ok $? 'dashboards/zabbix/xenscope.yaml is current; else run make update-docs'

sed -n 's/^ *- alert: //p' "$srcdir/dashboards/prometheus/xenscope_alerts.yml" | sort > "$tmp/alerts"
sed -n "s/.*'What to do: \(.*\) in docs.*/\1/p" "$made" | sort -u | diff "$tmp/alerts" - > "$tmp/said"
ok $? "its triggers are the $(wc -l < "$tmp/alerts") alerts of dashboards/prometheus"
end
