#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# All that xenscoped serves, asked by curl through what xapi would put between them: tests/system/xapi_proxy.py.
set -u
. "${srcdir:=.}/tests/system/tap.sh"
need curl gzip jq python3
shown="$tmp/head $tmp/body"
web=$srcdir/dashboards/web
plugins=$tmp/var/lib/xcp/plugin
graph=$(cd "${builddir:=.}" && pwd)/agent/xenscope-graph # if it was built
secret=OpaqueRef:c0ffee
proxy=''
trap 'stop; [ -z "$proxy" ] || kill $proxy; rm -rf "$tmp"' EXIT

mkdir -p "$plugins"
mkfifo "$tmp/url"
/usr/bin/python3 "$srcdir/tests/system/xapi_proxy.py" "$plugins" > "$tmp/url" &
proxy=$!
read -r url < "$tmp/url"

# get CODE TARGET [CURL-OPTION...]: true when the whole answer came through, with that status
get() {
    code=$1 target=$2
    shift 2
    rm -f "$tmp/body" "$tmp/head"
    : > "$tmp/body"
    got=$(curl -sS -g --max-time 20 -b "session_id=$secret" -D "$tmp/crlf" -o "$tmp/body" -w '%{http_code}' "$@" "$url$target" 2> "$tmp/curl")
    r=$?
    tr -d '\r' < "$tmp/crlf" > "$tmp/head"
    cat "$tmp/curl" >> "$tmp/head"
    [ $r = 0 ] && [ "$got" = "$code" ] && ! grep -q '^: *$' "$tmp/head"
}

# header NAME: its value in the answer
header() { sed -n "s/^$1: //p" "$tmp/head"; }

# plugin ANSWER: a program behind the proxy that says this to one client and goes
plugin() {
    rm -f "$plugins/other"
    printf "$1" | /usr/bin/python3 -c 'import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1] + ".new")
s.listen(1)
os.rename(sys.argv[1] + ".new", sys.argv[1])
c = s.accept()[0]
c.recv(65536)
c.sendall(sys.stdin.buffer.read())' "$plugins/other" &
    tries=100
    until [ -e "$plugins/other" ] || [ $((tries -= 1)) = 0 ]; do sleep 0.05; done
}

# breaks CLAIM ANSWER: of such an answer, something is lost
breaks() {
    plugin "$2"
    get 200 /services/plugin/other && [ "$(cat "$tmp/body")" = hello ] && r=1 || r=0
    ok $r "the proxy breaks $1"
    wait $!
}

plugin 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello'
get 200 /services/plugin/other && [ "$(cat "$tmp/body")" = hello ]
ok $? 'the proxy takes what has a length and no second colon'
wait $!
breaks 'chunks' 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'
breaks 'an answer without a length' 'HTTP/1.1 200 OK\r\n\r\nhello'
breaks 'a Date' 'HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 14:00:00 GMT\r\nContent-Length: 5\r\n\r\nhello'
breaks 'an entity tag with a colon' 'HTTP/1.1 200 OK\r\nETag: "a:b"\r\nContent-Length: 5\r\n\r\nhello'
plugin 'HTTP/1.1 404 Not Found\r\nX-Why: so\r\nContent-Length: 5\r\n\r\nhello'
! get 404 /services/plugin/other && [ "$(header X-Why)" = so ] && [ ! -s "$tmp/body" ]
ok $? 'it tells the length of an error, and breaks its body'
wait $!

play s --xapi_socket="$plugins/xenscope" --dashboard_dir="$web" --replay="$srcdir/tests/captures/intel-pml.jsonl" \
    --graph_program="$graph"
ok $? 'an agent plays'
prefix=/services/plugin/xenscope
direct() { curl -sS -g --max-time 20 --unix-socket "$state/sock" "http://localhost$1"; }
uuid=$(direct /api/v1/domains | jq -r '.domains[-1].uuid')
id=$(direct /api/v1/migrations | jq -r '.migrations[-1].id')

# example ROUTE: what to ask for
example() {
    case $1 in
    '/{file}') echo /style.css ;;
    */domains/*) echo "$1" | sed "s/{uuid}/$uuid/" ;;
    */migrations/*) echo "$1" | sed "s/{id}/$id/" ;;
    */history) echo "$1?metric=xenscope_host_domains,xenscope_host_free_bytes&start=-600" ;;
    /graph/*) echo "$1?metric=xenscope_host_free_bytes&start=-600" ;;
    /rrd_updates) echo "$1?start=-600&host=true" ;;
    /vm_rrd) echo "$1?uuid=$uuid" ;;
    *) echo "$1" ;;
    esac
}

# compressed TARGET: true when what comes for who takes gzip is the same, its length told
compressed() {
    get 200 "$prefix$1" && cp "$tmp/body" "$tmp/plain" && tag=$(header ETag)
    get 200 "$prefix$1" -H 'Accept-Encoding: gzip' && [ "$(header Content-Length)" = "$(wc -c < "$tmp/body")" ] || return 1
    if [ "$(header Content-Encoding)" = gzip ]; then
        gzip -dc < "$tmp/body" > "$tmp/unpacked" && mv "$tmp/unpacked" "$tmp/body" || return 1
    fi
    [ -z "$tag" ] || cmp "$tmp/plain" "$tmp/body"
}

# unchanged TARGET: true when it is not sent again to who has it
unchanged() {
    get 200 "$prefix$1" && tag=$(header ETag)
    get 304 "$prefix$1" -H "If-None-Match: $tag" && [ ! -s "$tmp/body" ] && [ "$(header ETag)" = "$tag" ]
}

# same TARGET: true when it is what the agent says to who asks it directly
same() { get 200 "$prefix$1" && direct "$1" | cmp - "$tmp/body"; }

# claim NAME TARGET: true of one of three tries, since between two requests the agent may have got new figures
claim() {
    "$1" "$2" || "$1" "$2" || "$1" "$2"
    ok $? "$2: $1"
}

# passes TARGET: it comes through in all the ways there are
passes() {
    get 200 "$prefix$1" && [ "$(header Content-Length)" = "$(wc -c < "$tmp/body")" ] && [ -s "$tmp/body" ]
    ok $? "$1 comes through whole, its length told"
    case $(header Content-Type) in application/json*) jq -e . "$tmp/body" > "$tmp/out"; ok $? "$1: JSON" ;; esac
    tag=$(header ETag)
    if [ -n "$tag" ]; then
        expr "$tag" : '"[^":]*"$' > "$tmp/out"
        ok $? "$1: a quoted tag without a colon"
        claim unchanged "$1"
    fi
    claim compressed "$1"
}

# failure CODE TARGET WORDS [CURL-OPTION...]: the proxy drops the text, so a header has it
failure() {
    status=$1 path=$2 words=$3
    shift 3
    get "$status" "$prefix$path" "$@" && header X-Xenscope-Error | grep -q "$words"
    ok $? "$status $(echo "$path" | head -c 60): $(header X-Xenscope-Error | head -c 60)"
}

for route in $(sed -n 's/^ROUTE("\([^"]*\)".*/\1/p' "$srcdir/agent/serve/routes.def"); do
    case $route in
    /graph/*) [ -x "$graph" ] || { failure 501 "$(example "$route")" 'not installed'; continue; } ;;
    esac
    passes "$(example "$route")"
done
for selection in '/api/v1/domains?limit=2' '/api/v1/domains?fields=name,uuid&limit=1' "/api/v1/domains?uuid=$uuid" \
    '/api/v1/migrations?limit=1' "/api/v1/overhead?uuid=$uuid" '/rrd_updates?start=-600&host=true&json=true' '/host_rrd?json'; do
    passes "$selection"
done
claim same '/api/v1/domains?fields=uuid'
claim same /metrics
get 200 $prefix/metrics -H 'Accept: application/openmetrics-text' && tail -n 1 "$tmp/body" | grep -q '^# EOF'
ok $? 'OpenMetrics comes for who asks for it'

failure 404 /nothing 'there is nothing at this path'
failure 404 /api/v1/domains/00000000-0000-0000-0000-00000000beef 'api/v1/domains'
failure 404 /api/v1/migrations/none 'migration'
failure 400 '/api/v1/domains?evil=a:b%0d%0aX:%20y' evil
failure 400 '/api/v1/migrations?since=12:00:00' 'since takes a time'
failure 400 '/api/v1/history?metric=nothing' metrics-reference
failure 404 "/vm_rrd?uuid=00000000-0000-0000-0000-00000000beef" 'nothing is stored'
failure 405 /api/v1/host 'only answers GET' -X PUT
failure 405 /api/v1/host 'only answers GET' -X POST
[ "$(header Allow)" = 'GET, HEAD' ]
ok $? 'with what it takes'
failure 400 /api/v1/host 'no body' -X GET -d x=1
failure 414 "/$(head -c 3000 /dev/zero | tr '\0' a)" characters
failure 431 /api/v1/host header -H "X-Long: $(head -c 9000 /dev/zero | tr '\0' a)"
get 404 "$prefix/" -I
ok $? 'HEAD does not come through, and is not missed'
get 301 $prefix && [ "$(header Location)" = $prefix/ ]
ok $? 'the path without its slash leads to the page'

# the dashboard: each file of it, and no link that leaves its directory
for file in "$web"/*; do
    get 200 "$prefix/${file##*/}" && cmp "$file" "$tmp/body"
    ok $? "${file##*/} comes as it is: $(header Content-Type)"
done
get 200 $prefix/ && cmp "$web/index.html" "$tmp/body"
ok $? 'the page is the dashboard'
header Content-Security-Policy | grep -q "^default-src 'none'; "
ok $? 'under its policy'
{
    sed -n 's/.*\(href\|src\)="\([^"#]*\)".*/\2/p' "$web"/*.html
    sed -n "s/^import.* from '\(.*\)';/\1/p" "$web"/*.js
} | sort -u > "$tmp/links"
[ -s "$tmp/links" ] && ! grep -e '^/' -e : "$tmp/links" > "$tmp/body"
ok $? "its $(wc -l < "$tmp/links") links are relative"
while read -r link; do
    get 200 "$prefix/${link#./}"
    ok $? "$link leads to something"
done < "$tmp/links"
grep -n "[\`'\"]/\(api\|metrics\|openapi\|rrd_updates\|graph\)" "$web"/*.js > "$tmp/body"
[ $? = 1 ]
ok $? 'its scripts ask by relative paths, too'
stop
ok $? 'the agent ends in good order'
! grep -q -e c0ffee -e session_id "$tmp/said"
ok $? 'and has logged nothing of a session'
end
