#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The dashboard in a real Chromium: make check-browser. With invented answers, and with the agent's replay.
# npm fetches axe-core, which looks for what people with a screen reader or a keyboard would miss.
set -eu
top=${srcdir:-.} agent=${builddir:-.}/agent/xenscoped
npm=${builddir:-.}/tests/npm
command -v python3 > /dev/null || { echo '1..0 # SKIP no python3 here'; exit 0; }
set -- --shots "${builddir:-.}/tests/browser-shots" "$@"
if [ -n "$(command -v npm)" ] && [ ! -e "$npm/node_modules/axe-core/axe.min.js" ]; then
    mkdir -p "$npm"
    cp "$top/dashboards/package.json" "$top/dashboards/package-lock.json" "$top/dashboards/.npmrc" "$npm/"
    (cd "$npm" && npm ci --ignore-scripts --no-audit --no-fund) > "$npm/log" 2>&1 || cat "$npm/log" >&2
fi
[ ! -e "$npm/node_modules/axe-core/axe.min.js" ] || set -- --axe "$npm/node_modules/axe-core/axe.min.js" "$@"
for c in "$top"/tests/captures/*.jsonl; do
    [ -x "$agent" ] && [ -e "$c" ] || continue
    case " $* " in *" --capture "*) ;; *) set -- "$@" --agent "$agent" --capture ;; esac
    set -- "$@" "$c"
done
exec python3 "$top/tests/system/browser.py" "$@"
