# SPDX-License-Identifier: GPL-2.0-or-later
# Fills a manual page in: a line @NAME@ by the file NAME.mdoc in the directory lists, @name@ elsewhere by -v name=value.
#   awk -v lists=DIRECTORY -v ... -f fill.awk PAGE.in

/^@[a-z]*@$/ {
	list = lists "/" substr($0, 2, length($0) - 2) ".mdoc"
	while ((getline line < list) > 0)
		print line
	next
}
{
	gsub(/@sysconfdir@/, sysconfdir)
	gsub(/@localstatedir@/, localstatedir)
	gsub(/@pkgdatadir@/, pkgdatadir)
	print
}
