/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "hv/xen_log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

static void log_vmessage(xentoollog_logger *logger, xentoollog_level level, int errnoval,
    const char *context, const char *format, va_list ap) __attribute__((format(printf, 5, 0)));

static void
log_vmessage(xentoollog_logger *logger, xentoollog_level level, int errnoval, const char *context,
    const char *format, va_list ap)
{
	int saved = errno;
	char text[512];

	(void) logger, (void) level, (void) errnoval;
	(void) vsnprintf(text, sizeof(text), format, ap);
	log_debug("xen", "%s: %s", context ? context : "xen", text);
	errno = saved;
}

static void
log_progress(xentoollog_logger *logger, const char *context, const char *doing, int percent,
    unsigned long done, unsigned long total)
{
	(void) logger, (void) context, (void) doing, (void) percent, (void) done, (void) total;
}

xentoollog_logger *
xen_log(void)
{
	static xentoollog_logger logger = {.vmessage = log_vmessage, .progress = log_progress};

	return &logger;
}
