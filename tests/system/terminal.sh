#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# xenscope on a terminal, in a pipe, and asked for what cannot be: see terminal.py.
exec python3 "${srcdir:-.}/tests/system/terminal.py" "${builddir:-.}" "${srcdir:-.}"
