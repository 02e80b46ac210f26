#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What other hosts may do, and what is refused: a whole agent, asked by curl and openssl.
# A tool that is missing fails the test, unless XENSCOPE_WITHOUT_TOOLS is set.
set -u
agent=${builddir:?}/agent/xenscoped
xenscope=$builddir/agent/xenscope
capture=${srcdir:?}/tests/golden/captures/qemu-idle.jsonl

if ! grep -q '^#define HAVE_GNUTLS 1' "$builddir/config.h"; then
    echo "1..0 # SKIP built without GnuTLS"
    exit 0
fi
. "$srcdir/tests/system/tap.sh"
need curl openssl
openssl req -help 2>&1 | grep -q -- -CAkey || need 'openssl with -CAkey'
shown="$tmp/said $tmp/log"

# certificate NAME SUBJECT PURPOSE [AUTHORITY]: a key and a certificate, of itself or of an authority made before
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout "$tmp/$1.key" -out "$tmp/$1.pem" \
        -subj "/CN=$2" -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" ${3:+-addext "extendedKeyUsage=$3"} \
        ${4:+-CA "$tmp/$4.pem" -CAkey "$tmp/$4.key" -addext basicConstraints=CA:FALSE} 2>"$tmp/said" || {
        sed 's/^/# /' "$tmp/said"
        echo 'Bail out! openssl makes no certificate'
        exit 99
    }
    chmod 600 "$tmp/$1.key"
}

certificate first localhost ''
certificate second localhost ''
certificate authority clients ''
certificate client prometheus clientAuth authority
certificate server server serverAuth authority
certificate stranger stranger clientAuth
cp "$tmp/first.pem" "$tmp/now.pem"
cp "$tmp/first.key" "$tmp/now.key"
"$xenscope" token prometheus >"$tmp/made" 2>/dev/null
token=$(sed -n 1p "$tmp/made")
sed -n 2p "$tmp/made" >"$tmp/tokens"
chmod 600 "$tmp/tokens" "$tmp/now.key"

# refused OPTION OPTION-OF-THE-AGENT...: the agent does not start and names the option to change
refused() {
    option=$1
    shift
    timeout 20 "$agent" --config=/dev/null --replay="$capture" --state_dir="$tmp/state" --socket= --xapi_socket= "$@" >"$tmp/said" 2>&1
    [ $? = 1 ] && grep -q "$option" "$tmp/said"
    ok $? "it does not start with $*: $(sed -n 's/.*agent: //p' "$tmp/said" | head -1)"
    timeout 20 "$agent" --config=/dev/null --check "$@" >"$tmp/said" 2>&1
    [ $? = 64 ] && grep -q "$option" "$tmp/said"
    ok $? "and --check says so"
}
tls="--tls_certificate=$tmp/now.pem --tls_key=$tmp/now.key"
refused tls_certificate --listen=0.0.0.0:0
refused tls_certificate --listen='127.0.0.1:0,[::]:0' --tokens="$tmp/tokens"
# shellcheck disable=SC2086  # options
refused 'tokens or tls_clients' --listen=0.0.0.0:0 $tls
refused local_token --local_token=yes
refused tls_key --tls_certificate="$tmp/now.pem" --tls_key="$tmp/second.key"
chmod 644 "$tmp/tokens"
# shellcheck disable=SC2086
refused 'tokens:.*chmod 600' --listen=0.0.0.0:0 $tls --tokens="$tmp/tokens"
chmod 600 "$tmp/tokens"

# shellcheck disable=SC2086
"$agent" --config=/dev/null --replay="$capture" --state_dir="$tmp/state" --socket= --xapi_socket= --listen=127.0.0.1:0,0.0.0.0:0 \
    $tls --tokens="$tmp/tokens" --tls_clients="$tmp/authority.pem" --request_rate=4 >"$tmp/log" 2>&1 &
running=$!
tries=200
until grep -q 'https://' "$tmp/log" || [ $((tries -= 1)) = 0 ]; do sleep 0.1; done
plain=$(sed -n 's|.*\(http://.*\)/$|\1|p' "$tmp/log")
port=$(sed -n 's|.*https://0.0.0.0:\([0-9]*\)/$|\1|p' "$tmp/log")
until curl -sf --max-time 5 -o /dev/null "$plain/healthz" || [ $((tries -= 1)) -lt 0 ]; do sleep 0.1; done

# a client that sends a byte a second, through all that follows
began=$(date +%s)
for _ in $(seq 60); do printf G && sleep 1; done 2>/dev/null | openssl s_client -quiet -connect "localhost:$port" >/dev/null 2>&1 &
slow=$!

# get WANTED CLAIM [CURL-OPTION...]: the answer's status over TLS; 000 where there is none
get() {
    want=$1 claim=$2
    shift 2
    sleep 1 # the rate
    got=$(curl -s --max-time 10 -D "$tmp/head" -o "$tmp/said" -w '%{http_code}' --cacert "$tmp/first.pem" "$@" "https://localhost:$port/api/v1/host")
    [ "$got" = "$want" ]
    ok $? "$claim: $got"
}
bearer="Authorization: Bearer $token"
old='--ciphers DEFAULT@SECLEVEL=0'
get 401 'no token' && grep -qi '^WWW-Authenticate: Bearer' "$tmp/head" && grep -q '"status":401' "$tmp/said"
ok $? 'with the challenge and a problem'
get 401 'a wrong token' -H "${bearer}0"
get 401 'the hash in place of the token' -H "Authorization: Bearer $(cut -d: -f2 "$tmp/tokens")"
get 200 'the token, TLS 1.2' -H "$bearer" --tlsv1.2 --tls-max 1.2
get 200 'the token, TLS 1.3' -H "$bearer" --tlsv1.3
# shellcheck disable=SC2086
get 000 'TLS 1.1 is refused' -H "$bearer" --tlsv1.0 --tls-max 1.1 $old
openssl s_client -connect "localhost:$port" -tls1_1 -cipher DEFAULT@SECLEVEL=0 </dev/null >"$tmp/said" 2>&1
grep -q 'Cipher is (NONE)' "$tmp/said" && grep -q 'read 0 bytes and written [1-9]' "$tmp/said"
ok $? 'also by openssl, which offers it'
get 200 "a client's certificate, no token" --cert "$tmp/client.pem" --key "$tmp/client.key"
get 401 "a server's certificate" --cert "$tmp/server.pem" --key "$tmp/server.key"
get 401 "a stranger's certificate" --cert "$tmp/stranger.pem" --key "$tmp/stranger.key"

# client WANTED WORDS CLAIM TOKEN AUTHORITY COMMAND: xenscope itself from another host; its status, and what it says
client() {
    printf '%s\n' "$4" >"$tmp/token"
    chmod 600 "$tmp/token"
    sleep 1
    "$xenscope" "$6" --host="https://localhost:$port" --token-file="$tmp/token" --ca-file="$tmp/$5.pem" >"$tmp/said" 2>&1
    [ $? = "$1" ] && grep -q "$2" "$tmp/said"
    ok $? "xenscope --host: $3"
}
client 0 '^ *0  Domain-0' 'the token is taken' "$token" first domains
client 1 '401.*' 'a wrong one is not' "${token}0" first domains
grep -q 'xenscope token makes a new one' "$tmp/said"
ok $? 'and what to do is said'
client 3 'https://localhost.*certificate' 'a certificate of nobody known is not trusted' "$token" stranger domains
client 0 '^ok *agent .*answers' 'doctor looks at what that agent tells' "$token" first doctor
sleep 1
[ "$(curl -s --max-time 5 -o /dev/null -w '%{http_code}' "http://localhost:$port/healthz")" = 000 ]
ok $? 'HTTP without TLS gets nothing'
[ "$(curl -s --max-time 5 -o /dev/null -w '%{http_code}' "$plain/healthz")" = 200 ]
ok $? 'this host asks without either'

seen=
for _ in $(seq 60); do
    seen="$seen $(curl -s --max-time 5 -D "$tmp/head.$((n % 2))" -o /dev/null -w '%{http_code}' --cacert "$tmp/first.pem" -H "$bearer" "https://localhost:$port/healthz")"
    case $seen in *429*000*) break ;; *429) grep -qi '^Retry-After: 5' "$tmp/head.$((n % 2))" || break ;; esac
done
case $seen in *200*429*000*) r=0 ;; *) r=1 ;; esac
ok $r "who asks too often gets 429, then nothing: $(printf '%s\n' "$seen" | tr ' ' '\n' | sort | uniq -c | tr -s ' \n' ' ')"
[ "$(curl -s --max-time 5 -o /dev/null -w '%{http_code}' "$plain/healthz")" = 200 ]
ok $? 'while this host is answered'
wait $slow
took=$(($(date +%s) - began))
[ $took -ge 18 ] && [ $took -le 45 ]
ok $? "who never comes to the end of a request is sent away: after $took s"

# exchanged while it runs: the certificate before its key, as it comes
cp "$tmp/second.pem" "$tmp/new" && mv "$tmp/new" "$tmp/now.pem"
cp "$tmp/second.key" "$tmp/new" && mv "$tmp/new" "$tmp/now.key"
"$xenscope" token backup >"$tmp/made" 2>/dev/null
sed -n 2p "$tmp/made" >"$tmp/new" && chmod 600 "$tmp/new" && mv "$tmp/new" "$tmp/tokens"
tries=20
while [ $((tries -= 1)) -gt 0 ]; do
    sleep 1
    curl -s --max-time 5 -o "$tmp/said" --cacert "$tmp/second.pem" "https://localhost:$port/healthz" && break
done
[ $tries -gt 0 ]
ok $? 'a new certificate is used without a restart'
kill -0 $running && [ "$(grep -c 'listening on' "$tmp/log")" = 2 ]
ok $? 'on the same sockets'
cp "$tmp/second.pem" "$tmp/first.pem"
get 401 'a token that was removed is worth nothing' -H "$bearer"
get 200 'the new one is' -H "Authorization: Bearer $(sed -n 1p "$tmp/made")"
stop
ok $? 'it ends in good order'

# systemd's own tool binds the address and starts the agent at the first connection
if command -v systemd-socket-activate >/dev/null; then
    address=${plain#http://}
    systemd-socket-activate -l "$address" "$agent" --config=/dev/null --replay="$capture" --state_dir="$tmp/state" --socket= \
        --xapi_socket= --listen="$address" >"$tmp/log" 2>&1 &
    running=$!
    tries=100
    until grep -q 'Listening on' "$tmp/log" || [ $((tries -= 1)) = 0 ]; do sleep 0.1; done
    curl -s --max-time 20 -o "$tmp/said" "$plain/api/v1/host" && grep -q '"source":"replay"\|no sample yet' "$tmp/said"
    ok $? 'the first connection to a socket of systemd starts the agent, and is answered'
    stop
else
    ok 0 "systemd's sockets # SKIP no systemd-socket-activate here"
fi
end
