#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The dashboard in a real Chromium: make check-browser. With invented answers, and with the agent's replay.
set -eu
top=${srcdir:-.} agent=${builddir:-.}/agent/xenscoped
command -v python3 > /dev/null || { echo '1..0 # SKIP no python3 here'; exit 0; }
set -- "$@"
for c in "$top"/tests/captures/*.jsonl; do
    [ -x "$agent" ] && [ -e "$c" ] || continue
    case " $* " in *" --capture "*) ;; *) set -- "$@" --agent "$agent" --capture ;; esac
    set -- "$@" "$c"
done
exec python3 "$top/tests/system/browser.py" "$@"
