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
cp "$tmp/xenscope.token" "$tmp/remote.token"
cp "$rules"/xenscope_*.yml "$rules"/fleet/xenscope_*.yml "$tmp"
mkdir "$tmp/xenscope"
printf 'xen1.example rack=7\n' > "$tmp/list"
"${builddir:?}/agent/xenscope" discover -o "$tmp/xenscope/list-racks.json" "$tmp/list" &&
    "$builddir/agent/xenscope" discover --xapi "$tmp/list" > "$tmp/xenscope/pool-one.json"
ok $? 'xenscope discover writes the lists of hosts that the examples for fleets name'
for example in prometheus.yml fleet/prometheus.yml fleet/federation.yml; do
    sed "s|/etc/prometheus/|$tmp/|" "$rules/$example" > "$tmp/example.yml"
    promtool check config "$tmp/example.yml" > "$tmp/said" 2>&1
    ok $? "promtool takes the example $example, with all files that it names"
done
# it shows each label twice: as it was found, and as it is kept
for pool in list-racks pool-one; do
    printf 'scrape_configs: [{job_name: x, file_sd_configs: [{files: [%s]}]}]\n' "$tmp/xenscope/$pool.json" > "$tmp/sd.yml"
    promtool check service-discovery "$tmp/sd.yml" x
done > "$tmp/said" 2>&1
[ "$(grep -c '"rack": "7"' "$tmp/said")" = 4 ] && grep -q '"__metrics_path__": "/services/plugin/xenscope/metrics"' "$tmp/said" &&
    grep -q '"__address__": "xen1.example:9965"' "$tmp/said"
ok $? 'Prometheus finds the hosts in them, with their labels, and the path through xapi'
promtool check rules --lint=all --lint-fatal "$rules"/xenscope_*.yml "$rules"/fleet/xenscope_*.yml > "$tmp/said" 2>&1
ok $? 'promtool finds nothing to say about the rules'
promtool test rules "$srcdir/tests/system/prometheus_rules.yml" "$srcdir/tests/system/prometheus_rules_week.yml" > "$tmp/said" 2>&1
ok $? 'each alert fires when it should, and only then'
promtool test rules "$srcdir/tests/system/prometheus_fleet.yml" > "$tmp/said" 2>&1
ok $? 'the rules for fleets record what they should'

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

# the manual's are made of them: the same words, without the marks of either language
sed '/^## /,$!d' "$srcdir/docs/runbooks.md" | tr -d '*`#' | tr -s ' \n' '\n' | sed '/^$/d' > "$tmp/words"
sed '/^\.Sh ALERTS/,/^\.El/!d; s/^\.It Li //; /^\./d; s/\\f[BIP]//g; s/\\-/-/g' "${builddir:?}/packaging/man/xenscope-metrics.7" |
    sed '1,/^with what each means/d' | tr -s ' \n' '\n' | diff "$tmp/words" - > "$tmp/said"
ok $? "xenscope-metrics(7) has the $(wc -l < "$tmp/words") words of the runbooks"

sed -n 's/^ *- name: //p' "$rules"/xenscope_*.yml "$rules"/fleet/xenscope_*.yml > "$tmp/groups"

# what the rules name is what the agent has, or what the rules record
"$builddir/agent/xenscoped" --config=/dev/null --dump-metrics=json > "$tmp/known"
cat "$rules"/xenscope_*.yml "$rules"/fleet/xenscope_*.yml | sed 's/^ *#.*//' | grep -o 'xenscope_[a-z0-9_]*' | sort -u > "$tmp/used"
grep -v -x -F -f "$tmp/groups" "$tmp/used" | while read -r metric; do
    grep -q "\"name\": \"$metric\"" "$tmp/known" || echo "$metric is no metric"
done > "$tmp/said"
[ -s "$tmp/used" ] && [ ! -s "$tmp/said" ]
ok $? 'the rules name no metric that the agent does not have'
end
