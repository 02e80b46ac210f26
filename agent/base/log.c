/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/util.h"

#define MAX_LINE 1024

static const struct {
	const char *name;
	int syslog;
} levels[] = {
	[LOG_LEVEL_ERR] = {"err", LOG_ERR},
	[LOG_LEVEL_WARN] = {"warn", LOG_WARNING},
	[LOG_LEVEL_INFO] = {"info", LOG_INFO},
	[LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

static enum log_level threshold = LOG_LEVEL_INFO;

void
log_set_level(enum log_level level)
{
	threshold = level;
}

int
log_level_parse(const char *text, enum log_level *ret_level)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		if (strcmp(text, levels[i].name) == 0) {
			*ret_level = (enum log_level) i;
			return 0;
		}
	return -EINVAL;
}

static void __attribute__((format(printf, 3, 0)))
write_line(enum log_level level, const char *part, const char *format, va_list ap)
{
	char line[MAX_LINE];

	if (level > threshold)
		return;
	(void) vsnprintf(line, sizeof(line), format, ap);
	for (char *c = line; *c; c++)
		if ((unsigned char) *c < 0x20 || *c == 0x7f)
			*c = '?';
	/* systemd sets this when standard error is the journal */
	if (getenv("JOURNAL_STREAM"))
		(void) fprintf(stderr, "<%d>%s: %s\n", levels[level].syslog, part, line);
	else
		(void) fprintf(stderr, "%s: %s: %s\n", levels[level].name, part, line);
}

void
log_write(enum log_level level, const char *part, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	write_line(level, part, format, ap);
	va_end(ap);
}

void
complain(struct trouble *t, const char *part, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	write_line(t->said ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, part, format, ap);
	va_end(ap);
	t->said = true;
}

void
complain_over(struct trouble *t, const char *part, const char *what)
{
	if (t->said)
		log_info(part, "%s works again", what);
	t->said = false;
}
