#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The scrape examples and rules of dashboards/prometheus, judged by promtool; and that each alert has its runbook.
set -u
. "${srcdir:?}/tests/system/tap.sh"
need promtool openssl
rules=$srcdir/dashboards/prometheus

# the files that the examples name, and theirs
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=xen1.example -keyout "$tmp/key" \
    -out "$tmp/xenscope.pem" 2> "$tmp/said" || : > "$tmp/xenscope.pem"
cp "$tmp/xenscope.pem" "$tmp/xapi-pool.pem"
echo secret | tee "$tmp/xenscope.token" > "$tmp/xapi.password"
cp "$rules"/xenscope_*.yml "$tmp"
sed "s|/etc/prometheus/|$tmp/|" "$rules/prometheus.yml" > "$tmp/prometheus.yml"
promtool check config "$tmp/prometheus.yml" > "$tmp/said" 2>&1
ok $? 'promtool takes the scrape examples, with all files that they name'
promtool check rules --lint=all --lint-fatal "$rules"/xenscope_*.yml > "$tmp/said" 2>&1
ok $? 'promtool finds nothing to say about the rules'
promtool test rules "$srcdir/tests/system/prometheus_rules.yml" "$srcdir/tests/system/prometheus_rules_week.yml" > "$tmp/said" 2>&1
ok $? 'each alert fires when it should, and only then'

sed -n 's/^ *- alert: //p' "$rules/xenscope_alerts.yml" > "$tmp/alerts"
while read -r alert; do
    anchor=$(echo "$alert" | tr '[:upper:]' '[:lower:]')
    grep -q "^## $alert\$" "$srcdir/docs/runbooks.md" && grep -q "runbook_url: runbooks.md#$anchor\$" "$rules/xenscope_alerts.yml" ||
        echo "$alert has no section"
    grep -q "alertname: $alert\$" "$srcdir/tests/system/prometheus_rules.yml" || echo "$alert never fires in the test"
    grep -q "alertname: $alert}\$" "$srcdir/tests/system/prometheus_rules.yml" || echo "$alert never rests in the test"
done < "$tmp/alerts" > "$tmp/said"
[ "$(grep -c '^## ' "$srcdir/docs/runbooks.md")" = "$(wc -l < "$tmp/alerts")" ] || echo 'docs/runbooks.md has others' >> "$tmp/said"
[ -s "$tmp/alerts" ] && [ ! -s "$tmp/said" ]
ok $? "each of the $(wc -l < "$tmp/alerts") alerts has a runbook, and a test for firing and not firing"

sed -n 's/^ *- name: //p' "$rules"/xenscope_*.yml > "$tmp/groups"

# what the rules name is what the agent has, or what the rules record
"${builddir:?}/agent/xenscoped" --config=/dev/null --dump-metrics=json > "$tmp/known"
cat "$rules"/xenscope_*.yml | sed 's/^ *#.*//' | grep -o 'xenscope_[a-z0-9_]*' | sort -u > "$tmp/used"
grep -v -x -F -f "$tmp/groups" "$tmp/used" | while read -r metric; do
    grep -q "\"name\": \"$metric\"" "$tmp/known" || echo "$metric is no metric"
done > "$tmp/said"
[ -s "$tmp/used" ] && [ ! -s "$tmp/said" ]
ok $? 'the rules name no metric that the agent does not have'
end
