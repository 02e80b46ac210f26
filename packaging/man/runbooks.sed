# SPDX-License-Identifier: GPL-2.0-or-later
# docs/runbooks.md, which is Markdown, as the list under ALERTS of xenscope-metrics(7): mdoc.
/^## /,$!d
/^$/d
s/\\/\\e/g
/^## /{
N
N
s/^## \([A-Za-z]*\)\n*/.It Li \1\
/
}
s/-/\\-/g
s/`\([^`]*\)`/\\fB\1\\fP/g
s/^\*\*\([^*]*\)\*\*/.Pp\
\\fI\1\\fP/
s/\*\**\([^*]*\)\*\**/\\fI\1\\fP/g
s/\. /.\
/g
