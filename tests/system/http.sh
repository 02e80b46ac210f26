#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The serve half asked by real clients: curl, jq, and our own.
# A tool that is missing fails the test, unless XENSCOPE_WITHOUT_TOOLS is set.
serve=${builddir:?}/tests/tools/serve_once
xenscope=$builddir/agent/xenscope
uuid=00000000-0000-0000-0000-00000000000
. "${srcdir:-.}/tests/system/tap.sh"
need curl jq mkfifo
shown="$tmp/body $tmp/head"
mkdir -p "$tmp/state/public" "$tmp/web"
echo '<!DOCTYPE html><title>the page</title>' >"$tmp/web/index.html"
printf '%s\n' "{\"id\":\"m-1\",\"uuid\":\"${uuid}1\",\"name\":\"a\\\"b\",\"result\":\"completed\"}" \
    "{\"id\":\"m-2\",\"uuid\":\"${uuid}2\",\"name\":\"x\",\"result\":\"failed\"}" >"$tmp/state/public/migrations.jsonl"
chmod 0644 "$tmp/state/public/migrations.jsonl"

mkfifo "$tmp/in" "$tmp/out"
"$serve" "$tmp/state" "$tmp/web" "$tmp/http.sock" <"$tmp/in" >"$tmp/out" 2>"$tmp/err" &
daemon=$!
exec 3>"$tmp/in" 4<"$tmp/out"
read -r url <&4 && read -r _ <&4 && read -r pid <&4 || { sed 's/^/# /' "$tmp/err"; echo "Bail out! it does not start"; exit 99; }
url=${url%/}
trap 'exec 3>&-; wait; rm -rf "$tmp"' EXIT

# get CODE PATH [FILTER [CURL-OPTION...]]: the path is answered with CODE and JSON for which jq's FILTER is true
get() {
    code=$1 path=$2 filter=${3:-true}
    shift 2
    [ $# -gt 0 ] && shift
    got=$(curl -sS -g --max-time 10 -D "$tmp/head" -o "$tmp/body" -w '%{http_code}' "$@" "$url$path")
    [ "$got" = "$code" ] && jq -e "$filter" "$tmp/body" >/dev/null 2>&1
    ok $? "$code $path: $filter"
}

# text CODE PATH PATTERN [CURL-OPTION...]: likewise, any text that grep finds the pattern in, head or body
text() {
    code=$1 path=$2 pattern=$3
    shift 3
    got=$(curl -sS -g --max-time 10 -D "$tmp/head" -o "$tmp/body" -w '%{http_code}' "$@" "$url$path")
    [ "$got" = "$code" ] && cat "$tmp/head" "$tmp/body" | tr -d '\r' | grep -q -e "$pattern"
    ok $? "$code $path: $pattern"
}

label='.source == "replay" and (.time_text | fromdate) > 1700000000'
for prefix in "" /services/plugin/xenscope; do
    get 200 $prefix/healthz '.status == "ok"'
    get 200 $prefix/api/v1/host "$label and .xen_version == \"4.17.7\" and .metrics.xenscope_host_cpus == 4"
    get 200 $prefix/api/v1/features "$label"' and .features.smap.xen == "no" and .pml.state == "in_use" and (.domains | length) == 3'
    get 200 $prefix/api/v1/domains "$label"' and (.domains | length) == 3 and (.domains[1].name | startswith("a\"b\\c</script>"))'
    get 200 $prefix/api/v1/domains/${uuid}1 "$label"' and .domain.domid == 1'
    get 200 $prefix/api/v1/migrations "$label"' and [.migrations[].id] == ["m-7", "m-2", "m-1"]'
    get 200 $prefix/api/v1/migrations/m-1 "$label"' and .migration.name == "a\"b"'
    get 200 $prefix/api/v1/overhead "$label"' and .records == 2 and .boots == []'
    get 200 "$prefix/api/v1/history?metric=xenscope_host_domains&start=-60" "$label"' and ([.columns[0].values[] | numbers] | length) > 0'
    get 200 $prefix/api/v1/metrics-reference '[.metrics[].name] | index("xenscope_smap_active")'
    text 200 $prefix/metrics '^xenscope_host_cpus 4'
    text 200 $prefix/ 'the page'
done
get 421 /api/v1/host '.detail | test("^the header Host")' -H 'Host: evil.example'
get 200 /api/v1/host "$label" -H 'Host: localhost:1'
text 200 /metrics '^# EOF' -H 'Accept: application/openmetrics-text'
text 200 /metrics '^Content-Type: text/plain; version=0.0.4' -H 'Accept: text/plain'
text 200 / '^Content-Security-Policy: '
text 200 /api/v1/host '^Content-Type: application/json$' --head
get 405 /api/v1/host '.status == 405 and (.detail | length) > 0' -X POST -d x=1
text 405 /api/v1/host '^Allow: GET, HEAD$' -X DELETE
get 404 /nothing '.type == "about:blank" and .title == "Not Found" and .instance == "/nothing"'
text 404 /nothing '^Content-Type: application/problem+json$'
get 404 /../../etc/passwd '.status == 404' --path-as-is
get 404 /%2e%2e%2f%2e%2e%2fetc%2fpasswd '.status == 404'
get 404 /api/v1/domains/${uuid}9 '.detail | contains("/api/v1/domains")'
get 200 "/api/v1/migrations?since=2000-01-01T00:00:00+01:00&limit=1" '.next == null'
get 400 "/api/v1/migrations?until=then" '.detail | test("^until takes a time like")'
get 404 "/api/v1/history?metric=xenscope_domain_vcpus&uuid=${uuid}9" '.status == 404'
get 400 /api/v1/domains/%22%00%ff '.status == 400'
get 400 "/api/v1/host?evil=%22" '.detail | contains("evil")'
get 400 "/api/v1/migrations?limit=-1" '.detail | contains("1 to 1000")'
get 400 "/api/v1/history?metric=%27;DROP" '.detail | contains("metrics-reference")'
get 414 "/$(head -c 3000 /dev/zero | tr '\0' a)" '.status == 414'
text 200 /healthz ok
get 200 /api/v1/host "$label" --unix-socket "$tmp/http.sock"

for command in status features domains migrations overhead; do
    "$xenscope" $command --url="$url" >"$tmp/body" 2>"$tmp/head" && grep -q '^REPLAY' "$tmp/body"
    ok $? "xenscope $command over TCP says that it is a replay"
    "$xenscope" $command --socket="$tmp/http.sock" --json | jq -e . >"$tmp/body" 2>"$tmp/head"
    ok $? "xenscope $command --json over the socket is JSON"
done
"$xenscope" advice vm2 --url="$url" >"$tmp/body" && grep -q '^Missing *0 of 5 measurements' "$tmp/body"
ok $? "xenscope advice finds a domain by its name"
"$xenscope" advice ${uuid}2 --url="$url" --json | jq -e '.name == "vm2" and .state == "unknown"' >"$tmp/body"
ok $? "and by its uuid"
"$xenscope" advice '&"' --url="$url" 2>"$tmp/head"
[ $? = 1 ] && grep -q 'no domain of this host has this name' "$tmp/head"
ok $? "and says when there is none"
"$xenscope" migrations --url="$url" --export=csv --result=failed,completed --name='a"b' >"$tmp/body" &&
    tail -n +2 "$tmp/body" | grep -q "^m-1,${uuid}1,\"a\"\"b\"," && [ "$(wc -l <"$tmp/body")" = 2 ]
ok $? "xenscope exports what was asked for as CSV"
"$xenscope" migrations --url="$url" --export=jsonl >"$tmp/body" && [ "$(jq -r .id "$tmp/body" | tail -n 2 | tr '\n' ' ')" = "m-2 m-1 " ]
ok $? "and all as JSON lines"
"$xenscope" domains --url="$url" >"$tmp/body"
! LC_ALL=C grep -q "$(printf '[\001-\010\033]')" "$tmp/body"
ok $? "no control character reaches the terminal"
if [ "$(id -u)" = 0 ]; then
    grep -q '^CapEff:[[:space:]]*0*$' "/proc/$pid/status" && ! grep -q '^Uid:[[:space:]]*0' "/proc/$pid/status"
    ok $? "the process that answers has no rights"
fi
exec 3>&-
wait "$daemon"
ok $? "it ends in good order"
"$xenscope" status --socket="$tmp/http.sock" >"$tmp/body" 2>"$tmp/head"
[ $? = 3 ] && grep -q 'no agent answers' "$tmp/head"
ok $? "xenscope tells that no agent answers: 3"
end
