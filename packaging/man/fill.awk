# SPDX-License-Identifier: GPL-2.0-or-later
# Fills a manual page in: @OPTIONS@ from the example configuration (lines "# help" and "#name = value"), @METRICS@ from
# a file in mdoc, as @EVENTS@, @name@ from -v name=value.
#   awk -v config=FILE -v metrics=FILE -v events=FILE -v ... -f fill.awk PAGE.in

/^@OPTIONS@$/ {
	while ((getline line < config) > 0) {
		if (line ~ /^# /)
			help = substr(line, 3)
		else if (line ~ /^#/) {
			sub(/^#/, "", line)
			sub(/ *$/, "", line)
			name = line
			sub(/ =.*/, "", name)
			value = line
			sub(/^[^=]*= */, "", value)
			print ".It Cm " name " No = " (value == "" ? "" : "Ar " value)
			print help
		}
	}
	next
}
/^@METRICS@$/ {
	while ((getline line < metrics) > 0)
		print line
	next
}
/^@EVENTS@$/ {
	while ((getline line < events) > 0)
		print line
	next
}
{
	gsub(/@sysconfdir@/, sysconfdir)
	gsub(/@localstatedir@/, localstatedir)
	gsub(/@pkgdatadir@/, pkgdatadir)
	gsub(/@VERSION@/, version)
	print
}
