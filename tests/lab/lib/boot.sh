# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034
# Options and files common to boot-bochs and boot-qemu; common.sh comes first.

usage() {
    cat >&2 <<U
usage: ${0##*/} [options] --script FILE
  --lab DIR        work directory (default: \$XENSCOPE_LAB_DIR or ./lab-work)
  --name NAME      name of this run; results in DIR/run/NAME (default: ${0##*/})
  --script FILE    runs in Dom0 as root once the Xen userland is up
  --env NAME=VALUE set for that script (repeat)
  --overlay DIR    added to the Dom0 tree (repeat)
  --xen "ARGS"     more hypervisor arguments
  --dom0 "ARGS"    more kernel arguments for Dom0
  --dom0-mem MIB   memory of Dom0 (default $DOM0_MEM)
  --mem MIB        memory of the machine (default $MEM)
  --cpu MODEL      CPU model (default $CPU)
  --timeout S      host seconds after which the machine is stopped (default $TIMEOUT)
  --quiet          console only to the file
Results: console.log (raw), console.ts (with host seconds), out/ (what the script left in /out),
result (one line). Exit status: the script's; 124 time-out; 125 the lab failed.
U
    exit 125
}

parse_options() {
    NAME=${0##*/} SCRIPT='' OVERLAYS='' XEN_ARGS='' DOM0_ARGS='' QUIET='' ENVIRONMENT=''
    while [ $# -gt 0 ]; do
        case $1 in
        --quiet) QUIET=--quiet; shift; continue ;;
        -h | --help) usage ;;
        --lab | --name | --script | --env | --overlay | --xen | --dom0 | --dom0-mem | --mem | \
            --cpu | --timeout) [ $# -ge 2 ] || usage ;;
        *) say "${0##*/}: unknown option $1" >&2; usage ;;
        esac
        case $1 in
        --lab) LAB_DIR=$2 ;;
        --name) NAME=$2 ;;
        --script) SCRIPT=$2 ;;
        --env) ENVIRONMENT="$ENVIRONMENT$2
" ;;
        --overlay) [ -d "$2" ] || die "overlay $2 is not a directory"
            OVERLAYS="$OVERLAYS$(cd "$2" && pwd)
" ;;
        --xen) XEN_ARGS="$XEN_ARGS $2" ;;
        --dom0) DOM0_ARGS="$DOM0_ARGS $2" ;;
        --dom0-mem) DOM0_MEM=$2 ;;
        --mem) MEM=$2 ;;
        --cpu) CPU=$2 ;;
        --timeout) TIMEOUT=$2 ;;
        esac
        shift 2
    done
    [ -n "$SCRIPT" ] || usage
    [ -r "$SCRIPT" ] || die "cannot read $SCRIPT"
    case $NAME in */* | .*) die "--name must be a plain name" ;; esac
    use_lab_dir
    need_rig
    need cpio cpio
    need python3 python3
}

# prepare_run: RUN, its initrd (base tree, overlays, script) and the disk for the way out
prepare_run() {
    RUN=$LAB_DIR/run/$NAME
    if [ -s "$RUN/pid" ] && kill -0 "$(cat "$RUN/pid")" 2>/dev/null; then
        die "run $NAME is still going on (pid $(cat "$RUN/pid")); choose another --name"
    fi
    rm -rf "$RUN"
    mkdir -p "$RUN/out" "$RUN/script/lab"
    install -m 755 "$SCRIPT" "$RUN/script/lab/script"
    # NAME='value', quoted for sh
    printf '%s' "$ENVIRONMENT" |
        sed "s/'/'\\\\''/g; s/^\\([A-Za-z_][A-Za-z_0-9]*\\)=\\(.*\\)\$/export \\1='\\2'/" > "$RUN/script/lab/env"
    make_cpio "$RUN/script" "$RUN/script.cpio"
    cp "$RIG/dom0.cpio" "$RUN/initrd"
    printf '%s' "$OVERLAYS" | while read -r o; do
        make_cpio "$o" "$RUN/overlay.cpio"
        cat "$RUN/overlay.cpio" >> "$RUN/initrd"
    done
    cat "$RUN/script.cpio" >> "$RUN/initrd"
    rm -rf "$RUN/overlay.cpio" "$RUN/script.cpio" "$RUN/script"
    # 1040 cylinders of 16 heads, 63 sectors: 512 MiB, sparse
    truncate -s $((1040 * 16 * 63 * 512)) "$RUN/out.img"
}

finish_run() {
    rm -f "$RUN/initrd" "$RUN/boot.iso" "$RUN/out.img"
}
