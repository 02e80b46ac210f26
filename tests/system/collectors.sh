#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# dashboards/collectd and dashboards/netdata: a real collectd and a real netdata take the values of an agent by the examples
# and have what the agent's JSON has: from the same host, by TLS with a token, and through what xapi would put between them.
# Telegraf's example is only read.
set -u
. "${srcdir:?}/tests/system/tap.sh"
PATH=$PATH:/usr/sbin
need collectd curl jq netdata openssl python3
examples=$srcdir/dashboards
shown="$tmp/said $tmp/arrived $tmp/collectd.log $tmp/netdata/error $tmp/difference"
others=''
trap 'kill $others 2> /dev/null; wait $others 2> /dev/null; stop || :; rm -rf "$tmp"' EXIT
chmod 755 "$tmp"

# until_true COMMAND...: true as soon as it is, false when it is not for half a minute
until_true() {
    tries=150
    until "$@"; do
        [ $((tries -= 1)) -gt 0 ] || return 1
        sleep 0.2
    done
}

# rows: of lines of a UUID or "host", a metric and its value, sorted and without the prefix
rows() { sed 's/ xenscope_/ /' | sort; }

# same WANTED GOT: true when it has these rows and no others; collectd's csv plugin writes six decimals
same() {
    awk 'NR == FNR { wanted[$1, $2] = $3; n++; next }
        !(($1, $2) in wanted) || ($3 - wanted[$1, $2]) ^ 2 > 1e-12 || seen[$1, $2]++ { print "got", $0, "for", wanted[$1, $2]; bad++ }
        { got++ }
        END { print got + 0, "of", n + 0; exit bad || got != n }' "$1" "$2" > "$tmp/difference"
}

# --- what no agent is needed for
/usr/bin/python3 - "$examples/telegraf/xenscope.conf" > "$tmp/said" 2>&1 << 'P'
import sys
try:
    import tomllib
except ImportError:
    sys.exit()
text = open(sys.argv[1]).read()
for wanted, some in (1, text), (3, text.replace("\n#[[", "\n[[").replace("\n#  ", "\n  ")):
    inputs = tomllib.loads(some)["inputs"]["prometheus"]
    assert len(inputs) == wanted and all(i["urls"] and i["metric_version"] == 2 for i in inputs), inputs
P
ok $? "Telegraf's example is TOML, and stays so with its other ways"
if /usr/bin/python3 -c 'import yaml' 2> /dev/null; then
    /usr/bin/python3 -c 'import sys, yaml
jobs = yaml.safe_load(open(sys.argv[1]))["jobs"]
assert len({j["name"] for j in jobs}) == 3 and all(j["url"].endswith("/metrics") for j in jobs)' "$examples/netdata/prometheus.conf" > "$tmp/said" 2>&1
    ok $? "the example for netdata's go.d.plugin is YAML"
fi
# with names that an enemy chose; what they say is judged in the end
mkdir "$tmp/hostile"
"${builddir:?}/tests/tools/print_metrics" prometheus > "$tmp/hostile/metrics"
COLLECTD_INTERVAL=5 "$examples/collectd/domains" "file://$tmp/hostile" h > "$tmp/puts" 2>&1 &
others="$others $!"
"$examples/netdata/xenscope.plugin" 99 "file://$tmp/hostile" > "$tmp/sets" 2>&1 &
others="$others $!"

# --- an agent, with TLS if it can; of a capture of one tick, so that its values stay
jq -c 'select((.t // 0) < 1)' "$srcdir/tests/golden/captures/qemu-idle.jsonl" > "$tmp/capture"
tls=''
if grep -q '^#define HAVE_GNUTLS 1' "$builddir/config.h"; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout "$tmp/key.pem" -out "$tmp/cert.pem" \
        -subj /CN=localhost -addext 'subjectAltName=IP:127.0.0.1' 2> "$tmp/said"
    "$builddir/agent/xenscope" token collectd > "$tmp/made" 2> /dev/null
    sed -n '1s/^/Authorization: Bearer /p' "$tmp/made" > "$tmp/header"
    sed -n 2p "$tmp/made" > "$tmp/tokens"
    chmod 600 "$tmp/key.pem" "$tmp/tokens"
    tls="--listen=127.0.0.1:0,0.0.0.0:0 --tls_certificate=$tmp/cert.pem --tls_key=$tmp/key.pem --tokens=$tmp/tokens"
fi
mkdir "$tmp/xapi"
# shellcheck disable=SC2086  # options
play s --replay="$tmp/capture" --xapi_socket="$tmp/xapi/xenscope" --listen=127.0.0.1:0 $tls
ok $? 'an agent plays'
url=$(sed -n 's|.*\(http://127.*\)/$|\1|p' "$tmp/said")
https=$(sed -n 's|.*https://0.0.0.0:\([0-9]*\)/$|https://127.0.0.1:\1|p' "$tmp/said")

/usr/bin/python3 "$srcdir/tests/system/xapi_proxy.py" "$tmp/xapi" > "$tmp/proxy" &
others="$others $!"
echo "Authorization: Basic $(printf %s collectd:PASSWORD | base64)" > "$tmp/xapi.header"

# --- collectd: its exec plugin runs nothing as root
user=$(id -un)
[ "$user" != root ] || user=nobody
cp "$examples/collectd/domains" "$tmp"
here="s|/usr/share/xenscope/collectd|$tmp|; s|\"nobody\"|\"$user\"|"
sed -e "$here; s|http://127.0.0.1:9965|$url|" "$examples/collectd/xenscope.conf" > "$tmp/plain.conf"
cat > "$tmp/collectd.conf" << C
Hostname "here"
FQDNLookup false
BaseDir "$tmp"
PIDFile "$tmp/collectd.pid"
Interval 1
LoadPlugin logfile
<Plugin logfile>
	File "$tmp/collectd.log"
</Plugin>
LoadPlugin csv
<Plugin csv>
	DataDir "$tmp/csv"
</Plugin>
Include "$tmp/plain.conf"
C
hosts='here xenserver1.example'
until_true test -s "$tmp/proxy"
xapi=$(cat "$tmp/proxy")
sed -e "$here; s|http://127.0.0.1:9965|$xapi/services/plugin/xenscope|; s|https://xenserver1.example|$xapi|" \
    -e '/^\tExec/d; /"xenserver1/s/^\t#Exec/\tExec/; /Through xapi/,/^$/s/#\(Host\|User\|Password\|Interval\)/\1/' \
    -e "s|\"--cacert\" \"[^\"]*\"||; s|/etc/collectd/xapi.header|$tmp/xapi.header|" "$examples/collectd/xenscope.conf" > "$tmp/xapi.conf"
echo "Include \"$tmp/xapi.conf\"" >> "$tmp/collectd.conf"
if [ -n "$https" ]; then
    hosts="$hosts xen1.example"
    sed -e "$here; s|http://127.0.0.1:9965|$https|; s|https://xen1.example:9965|$https|" -e '/^\tExec/d; /"xen1/s/^\t#Exec/\tExec/' \
        -e "s|/etc/collectd/xenscope.pem|$tmp/cert.pem|; s|/etc/collectd/xenscope.header|$tmp/header|" \
        -e "/own HTTPS/,/^\$/s/#\(Host\|CACert\|Header\)/\1/; s|Authorization: Bearer TOKEN|$(cat "$tmp/header")|" \
        "$examples/collectd/xenscope.conf" > "$tmp/tls.conf"
    echo "Include \"$tmp/tls.conf\"" >> "$tmp/collectd.conf"
    "$examples/netdata/xenscope.plugin" 99 "$https" "$tmp/cert.pem" "$tmp/header" > "$tmp/sets-tls" 2>&1 &
    others="$others $!"
fi
collectd -f -C "$tmp/collectd.conf" > "$tmp/collectd.out" 2>&1 &
others="$others $!"

/usr/bin/python3 "$srcdir/tests/tools/netdata.py" "$tmp/netdata" 1 "$(cd "$examples/netdata" && pwd)/xenscope.plugin" "$url" > "$tmp/url" 2> "$tmp/netdata.out" &
others="$others $!"

# kept METRIC COLUMN: the newest value that netdata has stored
kept() {
    curl -sS --max-time 5 "$netdata/api/v1/data?chart=xenscope.$1&after=-9" | jq -es --argjson n "$2" '[.[0].data[][$n] | numbers][0]'
}

# arrived: true when each has been told of the last thing that it is told of
arrived() {
    for host in $hosts; do
        ls "$tmp/csv/$host"/xenscope-host/*-rounds_total-* "$tmp/csv/$host"/xenscope-*-*/gauge-domain_smep_exposed-* || return
    done
    for file in puts sets ${https:+sets-tls}; do test -s "$tmp/$file" || return; done
    kept domain_smep_exposed 2
} > "$tmp/arrived" 2>&1
netdata=''
until_true test -s "$tmp/url" && netdata=$(cat "$tmp/url") && until_true arrived
ok $? 'collectd and netdata take what it tells'

domains() { curl -sS --max-time 5 "$url/api/v1/domains"; }
domains | jq -r '.domains[] | .uuid as $of | .metrics | to_entries[] | select(.value != null) | "\($of) \(.key) \(.value)"' | rows > "$tmp/wanted"
curl -sS --max-time 5 "$url/api/v1/host" | jq -r '.metrics | to_entries[] | "host \(.key) \(.value)"' | rows > "$tmp/host"
moving='agent_cpu_seconds_total\|sample_timestamp_seconds'
sed -n "s/.*<Key .*\/xenscope_\(.*\)\">/\1/p" "$examples/collectd/xenscope.conf" | grep -v "$moving" |
    while read -r metric; do grep "^host $metric " "$tmp/host"; done | sort > "$tmp/wanted-host"

# stored HOST DIRECTORY-PATTERN: the newest value of each of collectd's series
stored() {
    for file in "$tmp/csv/$1"/xenscope-$2/*; do # a pattern
        of=${file%/*} name=${file##*/}
        name=${name#*-}
        echo "${of#*/xenscope-} ${name%-????-??-??} $(tail -n 1 "$file" | cut -d, -f2)"
    done | rows
}
for host in $hosts; do
    stored "$host" '*-*' > "$tmp/got"
    same "$tmp/wanted" "$tmp/got"
    ok $? "collectd has $(wc -l < "$tmp/wanted") values of domains of host $host"
    stored "$host" host | grep -v "$moving" > "$tmp/got"
    same "$tmp/wanted-host" "$tmp/got"
    ok $? "and $(wc -l < "$tmp/wanted-host") of it"
done

curl -sS --max-time 5 "$netdata/api/v1/allmetrics?format=json" > "$tmp/all"
jq -r 'to_entries[] | (.key | ltrimstr("xenscope.")) as $metric | .value.dimensions | to_entries[] | select(.key | test("^[-0-9a-f]{36}$")) |
    "\(.key) \($metric) \(.value.value)"' "$tmp/all" | rows | grep -v _total > "$tmp/got"
grep -v _total "$tmp/wanted" > "$tmp/wanted-gauges"
same "$tmp/wanted-gauges" "$tmp/got"
ok $? "netdata has $(wc -l < "$tmp/wanted-gauges") values of domains"
names=$(jq -r '.["xenscope.domain_memory_bytes"].dimensions[].name' "$tmp/all" | sort)
[ "$names" = "$(domains | jq -r '.domains[].name' | sort)" ]
ok $? 'under their names'
[ "$(kept host_memory_bytes 1 | xargs printf %.6e)" = "$(awk '$2 == "host_memory_bytes" { printf "%.6e", $3 }' "$tmp/host")" ]
ok $? 'and stores what it takes, to seven digits'
curl -sS --max-time 5 "$netdata/api/v1/charts" | jq -e '.charts["xenscope.domain_cpu_seconds_total"] | .units == "seconds/s" and
    (.title | startswith("CPU time that the domain used.")) and ([.dimensions[]] | length == 2)' > "$tmp/said" 2>&1
ok $? 'a counter is a rate, with its unit and meaning'
if [ -n "$https" ]; then
    grep -q "^SET '[-0-9a-f]\{36\}' = [0-9]*$" "$tmp/sets-tls"
    ok $? 'its plugin takes TLS and a token'
fi

grep -q '^PUTVAL h/xenscope-[-0-9a-f]*/gauge-domain_memory_bytes interval=5 N:[0-9]*$' "$tmp/puts" &&
    ! grep -vE '^PUTVAL h/xenscope-[-0-9a-f]*/(gauge|derive)-[a-z0-9_]* interval=5 N:[-+.e0-9]*$' "$tmp/puts" > "$tmp/said"
ok $? 'whatever guests call themselves, collectd is told values only'
grep -q "^SET '[-0-9a-f]\{36\}' = [0-9]*$" "$tmp/sets" &&
    ! grep -vE -e "^CHART xenscope[.][a-z_]* '' '[^']*' '[a-z/]*' [a-z]* xenscope[.][a-z_]* line 90000 99 '' xenscope$" \
        -e "^DIMENSION '[^']+' '[^']*' (absolute|incremental) 1 1000$" -e "^BEGIN xenscope[.][a-z_]*$" -e "^SET '[^']+' = -?[0-9]+$" \
        -e '^END$' "$tmp/sets" > "$tmp/said"
ok $? 'and netdata nothing but what is meant for it'
end
