#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The committed metric reference must be what the agent says of its table.
doc=${srcdir:?}/agent/metrics/metrics.md
echo 1..1
if "${AGENT:-${builddir:?}/agent/xenscoped}" --dump-metrics=markdown | diff -u "$doc" -; then
    echo "ok 1 - agent/metrics/metrics.md is current"
else
    echo "not ok 1 - agent/metrics/metrics.md is stale: run make update-docs"
fi
