# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# For Dom0 scripts (busybox sh):  . /lab/lab-lib.sh
# Files left in $LAB_OUT (/out) reach the build machine.

GUEST_LOGS=/var/log/xen/console
GUEST_MEMORY=96 # MiB; the kernel alone takes half of it

up() { cut -d ' ' -f 1 /proc/uptime; }
ts() { echo "LAB t=$(up) $*"; }
domid() { xl domid "$1"; }

# wait_for SECONDS COMMAND...: until the command succeeds
wait_for() {
    tries=$(($1 * 5))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $((tries -= 1)) -gt 0 ] || { ts "waited in vain: $*"; return 1; }
        sleep 0.2
    done
}

# start_guest NAME MB RATE: a PVH guest that writes MB MiB over and over, RATE MiB/s (0: as fast as it
# can; MB 0: idle). No self-tests, no check of the page tables: in the emulator they take seconds.
#   $GUEST_CPUS   where it may run if there is more than Dom0's CPU (default: 1)
#   $GUEST_VCPUS  (default: 1)
start_guest() {
    pin=
    [ "$(xl info | sed -n 's/^nr_cpus *: //p')" = 1 ] || pin="cpus=\"${GUEST_CPUS:-1}\""
    cat > "/etc/xen/$1.cfg" <<G
name="$1"
type="pvh"
memory=$GUEST_MEMORY
maxmem=$GUEST_MEMORY
vcpus=${GUEST_VCPUS:-1}
$pin
kernel="/boot/vmlinux"
ramdisk="/boot/domU.cpio.gz"
cmdline="console=hvc0 nokaslr mitigations=off cryptomgr.notests rodata=off quiet loglevel=4 panic=1 dirty_mb=$2 dirty_rate=$3 beat=1"
on_crash="destroy"
on_reboot="destroy"
on_poweroff="destroy"
G
    ts "create $1: memory $GUEST_MEMORY MiB, working set $2 MiB, rate $3 MiB/s"
    xl create "/etc/xen/$1.cfg" || return
    ts "created $1 domid $(domid "$1")"
}

# wait_guest NAME: until it reports its first beat
wait_guest() {
    wait_for 120 grep -q 'DOMU t=' "$GUEST_LOGS/guest-$1.log" || return
    ts "guest $1 runs"
}

# set_guest GUEST NAME WORDS: what the guest does from now on (guest/dirty.c); it answers
set_guest() {
    printf 'name=%s %s\n' "$2" "$3" > "$(xenstore-read "/local/domain/$(domid "$1")/console/tty")"
    wait_for 20 grep -q "DOMU set name=$2 " "$GUEST_LOGS/guest-$1.log" "$GUEST_LOGS/guest-$1--incoming.log"
}

# migrate NAME [FILTER]: live, to this host. FILTER reads the stream and passes it on.
# xl's messages: $LAB_OUT/migrate-NAME.log
migrate() {
    ts "migrate $1 begin, domid $(domid "$1")"
    xl -v migrate -s '' "$1" "${2:+$2 | }xl migrate-receive" >> "$LAB_OUT/migrate-$1.log" 2>&1
    migrate_rc=$?
    ts "migrate $1 end rc=$migrate_rc domid $(domid "$1" 2>/dev/null)"
    return $migrate_rc
}

# kill_receiver: the receiving side of a migration and its helper die
kill_receiver() {
    for p in $(pidof xl libxl-save-helper); do
        case $(tr '\0' ' ' < "/proc/$p/cmdline") in
        'xl migrate-receive '* | *--restore-domain*) kill -9 "$p" ;;
        esac
    done
}

# interrupt_sender: the xl that migrates is told to end, as Ctrl-C does
interrupt_sender() {
    for p in $(pidof xl); do
        case $(tr '\0' ' ' < "/proc/$p/cmdline") in
        'xl -v migrate '*) kill -INT "$p" ;;
        esac
    done
}

# save_guest NAME FILE
save_guest() {
    ts "save $1 begin, domid $(domid "$1")"
    xl -v save "$1" "$2" > "$LAB_OUT/save-$1.log" 2>&1
    save_rc=$?
    ts "save $1 end rc=$save_rc"
    return $save_rc
}

# observer_start: every log-dirty hypercall of this Dom0, by an eBPF program of the lab's own, into
# $OBSERVED; observer_stop
OBSERVED=$LAB_OUT/observed.txt
observer_start() {
    bpfdirty > "$OBSERVED" 2>&1 &
    observer_pid=$!
    wait_for 20 grep -q -E 'attached|BPF.*:' "$OBSERVED"
}
observer_stop() {
    sleep 0.3
    kill -TERM "$observer_pid"
    wait "$observer_pid"
}

# features: what the hypervisor says of itself and of the CPU, to $LAB_OUT
features() {
    xl dmesg > "$LAB_OUT/console-ring.txt"
    xenlab > "$LAB_OUT/info.txt"
    xl info > "$LAB_OUT/xl-info.txt"
}
