/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "probe/lock.h"

#include <errno.h>
#include <stdbool.h>
#include <time.h>

#include "base/utf8.h"
#include "base/util.h"
#include "probe/command.h"

#define XE_SECONDS 20.0 /* for one call */
#define VALUE                                                                                      \
	"xenscope_probe" /* what xapi answers to who wants to migrate the VM; tells ours from      \
			    others' */

/* All operations of xapi that turn dirty tracking on, or stop the VM and carry its memory away. */
static const char *const operations[] = {"pool_migrate", "migrate_send", "suspend", "checkpoint"};

#define OPERATIONS ARRAY_SIZE(operations)

enum step {
	IDLE,
	READ,	 /* what is blocked already */
	ADD,	 /* operation k */
	CHECK,	 /* that all of them are blocked now */
	CURRENT, /* what xapi had begun before: a new one it will not begin */
	READ_OURS,
	REMOVE, /* operation k */
};

struct lock {
	char *xe, *uuid;
	enum step step;
	size_t k;
	bool todo[OPERATIONS];
	struct command *command;
	char why[256]; /* fits WHY_SIZE */
};

char *
lock_find_xe(const char *root)
{
	static const char *const paths[] = {"/opt/xensource/bin/xe", "/usr/bin/xe"};
	_cleanup_(freep) char *xapi = xasprintf("%s/var/lib/xcp", root);

	if (access(xapi, F_OK) < 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_cleanup_(freep) char *path = xasprintf("%s%s", root, paths[i]);

		if (access(path, X_OK) == 0)
			return TAKE_PTR(path);
	}
	return NULL;
}

struct lock *
lock_new(const char *xe, const char *uuid)
{
	struct lock *l = xcalloc(1, sizeof(*l));

	l->xe = xstrdup(xe);
	l->uuid = xstrdup(uuid);
	return l;
}

void
lock_free(struct lock *l)
{
	if (!l)
		return;
	command_free(l->command);
	free(l->xe);
	free(l->uuid);
	free(l);
}

static void
begin(struct lock *l, enum step step)
{
	command_free(TAKE_PTR(l->command));
	memset(l->todo, 0, sizeof(l->todo));
	l->step = step;
	l->why[0] = '\0';
}

void
lock_take(struct lock *l)
{
	begin(l, READ);
}

void
lock_drop(struct lock *l)
{
	begin(l, READ_OURS);
}

const char *
lock_why(const struct lock *l)
{
	return l->why;
}

/* The value of a key in xe's "key: value; key: value"; false: it is not there. */
static bool
map_value(const char *text, const char *key, char *value, size_t size)
{
	size_t length = strlen(key);

	for (const char *p = text; p; p = strstr(p, "; ")) {
		size_t n;

		p += strncmp(p, "; ", 2) == 0 ? 2 : 0;
		n = strcspn(p, ";\n");
		if (n < length + 2 || strncmp(p, key, length) != 0 ||
		    strncmp(p + length, ": ", 2) != 0)
			continue;
		n -= length + 2;
		(void) snprintf(value, size, "%.*s", (int) MIN(n, size - 1), p + length + 2);
		return true;
	}
	return false;
}

/* Whether the word is one of xe's "word; word". */
static bool
set_has(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *p = text; *p; p += strcspn(p, "; \n"), p += strspn(p, "; \n"))
		if (strncmp(p, word, length) == 0 && strchr("; \n", p[length]))
			return true;
	return false;
}

static int
start(struct lock *l, const struct tick *now)
{
	char uuid[64], name[64] = "param-name=blocked-operations", more[64];
	const char *argv[] = {l->xe, "vm-param-get", uuid, name, NULL, NULL};
	int r;

	(void) snprintf(uuid, sizeof(uuid), "uuid=%s", l->uuid);
	switch (l->step) {
	case ADD:
		argv[1] = "vm-param-add";
		(void) snprintf(more, sizeof(more), "%s=%s", operations[l->k], VALUE);
		argv[4] = more;
		break;
	case REMOVE:
		argv[1] = "vm-param-remove";
		(void) snprintf(more, sizeof(more), "param-key=%s", operations[l->k]);
		argv[4] = more;
		break;
	case CURRENT:
		(void) snprintf(name, sizeof(name), "param-name=current-operations");
		break;
	case IDLE:
	case READ:
	case CHECK:
	case READ_OURS:
		break;
	}
	r = command_start(argv, XE_SECONDS, now, &l->command);
	if (r < 0)
		(void) snprintf(
		    l->why, sizeof(l->why), "%s cannot be run: %s", l->xe, strerror(-r));
	return r;
}

/* The next operation to be done, and the step when there is none left. */
static void
next(struct lock *l, enum step each, enum step then)
{
	for (l->k = 0; l->k < OPERATIONS; l->k++)
		if (l->todo[l->k]) {
			l->todo[l->k] = false;
			l->step = each;
			return;
		}
	l->step = then;
}

/* From what xe said. -errno. */
static int
understand(struct lock *l, const char *text)
{
	char value[64];

	switch (l->step) {
	case READ:
	case CHECK:
	case READ_OURS:
		for (size_t i = 0; i < OPERATIONS; i++) {
			bool there = map_value(text, operations[i], value, sizeof(value));

			l->todo[i] =
			    l->step == READ_OURS ? there && strcmp(value, VALUE) == 0 : !there;
			if (l->step == CHECK && !there) {
				(void) snprintf(l->why, sizeof(l->why),
				    "xapi does not keep %s blocked", operations[i]);
				return -EIO;
			}
		}
		if (l->step == READ_OURS)
			next(l, REMOVE, IDLE);
		else if (l->step == READ)
			next(l, ADD, CHECK);
		else
			l->step = CURRENT;
		return 0;
	case ADD:
		next(l, ADD, CHECK);
		return 0;
	case REMOVE:
		next(l, REMOVE, IDLE);
		return 0;
	case CURRENT:
		for (size_t i = 0; i < OPERATIONS; i++)
			if (set_has(text, operations[i])) {
				(void) snprintf(l->why, sizeof(l->why),
				    "xapi has an operation %s of it under way", operations[i]);
				return -EBUSY;
			}
		l->step = IDLE;
		return 0;
	case IDLE:
		break;
	}
	return 0;
}

/* A call of xe ended. */
static int
ended(struct lock *l, int result)
{
	char text[160];

	if (result == 0)
		return understand(l, command_output(l->command));
	utf8_clean(text, sizeof(text), command_output(l->command));
	(void) snprintf(l->why, sizeof(l->why), "xe %s: %s",
	    result == -ETIMEDOUT ? "did not answer in time" : "failed", text);
	return result == -ETIMEDOUT ? result : -EIO;
}

int
lock_step(struct lock *l, const struct tick *now)
{
	int r = 0;

	if (l->step == IDLE)
		return 0;
	if (l->command) {
		r = command_poll(l->command, now);
		if (r == -EAGAIN)
			return r;
		r = ended(l, r);
		command_free(TAKE_PTR(l->command));
	}
	if (r == 0 && l->step != IDLE)
		r = start(l, now);
	if (r == 0 && l->step != IDLE)
		return -EAGAIN;
	l->step = IDLE;
	return r;
}

int
lock_finish(struct lock *l, double seconds)
{
	const struct timespec moment = {0, 20000000};
	double end = tick_now().mono + seconds;

	for (;;) {
		struct tick now = tick_now();
		int r = lock_step(l, &now);

		if (r != -EAGAIN)
			return r;
		if (now.mono >= end) {
			(void) snprintf(l->why, sizeof(l->why), "xe did not answer in time");
			return -ETIMEDOUT;
		}
		(void) nanosleep(&moment, NULL);
	}
}
