/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "cli/probe.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/util.h"
#include "cli/commands.h"
#include "cli/fields.h"
#include "cli/table.h"
#include "metrics/record.h"

#define MIB_PAGES 256.0	   /* pages of 4 KiB */
#define PATIENCE_MS 120000 /* for the next word of the agent, which may be waiting for xapi */

struct interval {
	double seconds;
	int64_t pages;
};

struct probed {
	struct interval interval[MAX_PROBE_SECONDS + 1];
	size_t n;
	bool begun;
	struct control_reply last;
};

/* --- the socket --- */

static int
explain(const char *path, int error)
{
	if (error == EACCES || error == EPERM)
		(void) fprintf(stderr, "xenscope: %s: only root may ask for this\n", path);
	else if (error == ENOENT || error == ECONNREFUSED)
		(void) fprintf(stderr,
		    "xenscope: no agent answers on %s. Is it running? systemctl status xenscoped\n",
		    path);
	else
		(void) fprintf(stderr, "xenscope: %s: %s\n", path, strerror(error));
	return EXIT_UNREACHABLE;
}

/* Connects and sends the request: *ret_fd and EXIT_OK, or the exit status, the reason said. */
static int
request(const struct probe_options *o, enum control_op op, uint32_t flags, const char *domain,
    int *ret_fd)
{
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct control_request r;

	if (strlen(domain) >= sizeof(r.domain) || strlen(o->control) >= sizeof(a.sun_path)) {
		(void) fprintf(stderr, "xenscope: that name is too long\n");
		return EXIT_USAGE;
	}
	memset(&r, 0, sizeof(r));
	r.magic = CONTROL_MAGIC;
	r.version = CONTROL_VERSION;
	r.op = op;
	r.flags = flags;
	r.seconds = (uint32_t) (o->seconds ? o->seconds : DEFAULT_PROBE_SECONDS);
	str_copy(r.domain, sizeof(r.domain), domain);
	str_copy(a.sun_path, sizeof(a.sun_path), o->control);
	if (fd < 0 || connect(fd, (const struct sockaddr *) &a, sizeof(a)) < 0)
		return explain(o->control, errno);
	if (send(fd, &r, sizeof(r), MSG_NOSIGNAL) < 0)
		return explain(o->control, errno);
	*ret_fd = fd;
	fd = -1;
	return EXIT_OK;
}

static volatile sig_atomic_t interrupts;

static void
on_interrupt(int number)
{
	(void) number;
	interrupts++;
}

static void
cancel(int fd)
{
	struct control_request r;

	memset(&r, 0, sizeof(r));
	r.magic = CONTROL_MAGIC;
	r.version = CONTROL_VERSION;
	r.op = CONTROL_CANCEL;
	(void) send(fd, &r, sizeof(r), MSG_NOSIGNAL);
	(void) fprintf(
	    stderr, "\nxenscope: ending the probe; once more to leave without waiting\n");
}

/* Waits for a reply. The first interrupt cancels the probe, a second one ends the waiting: false.
 */
static bool
await(int fd)
{
	static int answered;
	struct pollfd p = {.fd = fd, .events = POLLIN};

	for (;;) {
		int r;

		if (interrupts == 0)
			answered = 0;
		if (interrupts > 1)
			return false;
		if (interrupts > answered) {
			answered = 1;
			cancel(fd);
		}
		r = poll(&p, 1, PATIENCE_MS);
		if (r > 0)
			return true;
		if (r == 0 || errno != EINTR)
			return false;
	}
}

static bool
receive(int fd, struct control_reply *ret)
{
	ssize_t n;

	if (!await(fd))
		return false;
	n = recv(fd, ret, sizeof(*ret), 0);
	if (n != (ssize_t) sizeof(*ret) || ret->magic != CONTROL_MAGIC ||
	    ret->version != CONTROL_VERSION)
		return false;
	ret->uuid[sizeof(ret->uuid) - 1] = ret->name[sizeof(ret->name) - 1] = '\0';
	ret->id[sizeof(ret->id) - 1] = ret->text[sizeof(ret->text) - 1] = '\0';
	return true;
}

static int
no_answer(void)
{
	(void) fprintf(
	    stderr, "xenscope: the agent did not answer to the end; its log tells more\n");
	return EXIT_UNREACHABLE;
}

/* "domain 3 (work)", or what was asked for. The caller frees it. */
static char *
called(const struct control_reply *r, const char *asked)
{
	_cleanup_(freep) char *name = visible(*r->uuid ? r->name : asked);

	return *r->uuid ? xasprintf("domain %u (%s)", r->domid, name) : TAKE_PTR(name);
}

static int
refused(const struct control_reply *r, const char *asked)
{
	_cleanup_(freep) char *who = called(r, asked), *why = visible(r->text);

	(void) fprintf(stderr, "xenscope: %s: %s\n", who, why);
	return EXIT_ANSWER;
}

/* --- probe --- */

static void
progress(const struct probed *p, const struct control_reply *r)
{
	_cleanup_(freep) char *what = visible(r->text);

	switch (r->state) {
	case CONTROL_LOCKING:
		(void) fprintf(stderr, "xapi is asked to lock the VM\n");
		break;
	case CONTROL_BEGUN:
		(void) fprintf(stderr,
		    "dirty tracking of domain %u is on for %.0f s; Ctrl-C ends it\n", r->domid,
		    r->wanted);
		break;
	case CONTROL_INTERVAL:
		(void) fprintf(stderr, "%3.0f of %.0f s: %lld pages\n", r->elapsed, r->wanted,
		    (long long) p->interval[p->n - 1].pages);
		break;
	case CONTROL_YIELDS:
		(void) fprintf(
		    stderr, "%s is about to track the domain: waiting for it to take over\n", what);
		break;
	default:
		break;
	}
}

static void
show_intervals(const struct probed *p, FILE *out)
{
	static const char *const titles[] = {
	    ">INTERVAL", ">SECONDS", ">PAGES", ">PAGES/S", ">MIB/S", NULL};
	struct table *t = table_new(titles);

	for (size_t i = 0; i < p->n; i++) {
		const struct interval *x = &p->interval[i];
		double rate = x->seconds > 0 ? (double) x->pages / x->seconds : NAN;

		table_cellf(t, "%zu", i);
		table_cellf(t, "%.2f", x->seconds);
		table_cellf(t, "%lld", (long long) x->pages);
		table_cellf(t, "%.0f", rate);
		table_cellf(t, "%.2f", rate / MIB_PAGES);
	}
	table_print(t, terminal_width(out), out);
	table_free(t);
}

static void
show_overhead(const json_t *record, FILE *out)
{
	const json_t *o = json_object_get(record, "overhead");
	const char *mode = json_string_value(json_object_get(record, "tracking_mode"));
	_cleanup_(freep) char *how = visible(mode ? mode : "unknown");

	(void) fprintf(out, "tracking mode  %s\n", how);
	if (!json_is_object(o) || isnan(number(o, "overhead_ratio"))) {
		(void) fprintf(out, "overhead       not measured: nothing was traced\n");
		return;
	}
	(void) fprintf(
	    out, "overhead       %.3f %% of its CPU time", 100 * number(o, "overhead_ratio"));
	if (!isnan(number(o, "exits_per_kpage")))
		(void) fprintf(out, ", %.1f exits per 1000 pages", number(o, "exits_per_kpage"));
	if (!isnan(number(o, "cycles_per_page")))
		(void) fprintf(out, ", %.0f cycles a page", number(o, "cycles_per_page"));
	(void) fprintf(out, " (traced %.0f %% of the time)\n", 100 * number(o, "sampled_fraction"));
}

static void
show_result(const struct probed *p, const json_t *record, FILE *out)
{
	double seconds = 0, pages = 0;

	for (size_t i = 0; i < p->n; i++) {
		seconds += p->interval[i].seconds;
		pages += (double) p->interval[i].pages;
	}
	show_intervals(p, out);
	if (seconds > 0)
		(void) fprintf(out,
		    "first-touch dirty rate  %.0f pages/s, %.2f MiB/s, over %.1f s\n",
		    pages / seconds, pages / seconds / MIB_PAGES, seconds);
	if (record)
		show_overhead(record, out);
	(void) fprintf(out, "First touch: each page counts once, when it is written to for the "
			    "first time; so does its cost. A\n"
			    "migration harvests in each round, and pays again for each page that "
			    "is written to again.\n");
}

static void
keep_interval(struct probed *p, const struct control_reply *r)
{
	if (p->n == ARRAY_SIZE(p->interval)) /* more than there can be */
		p->n--;
	p->interval[p->n++] = (struct interval){r->seconds, r->pages};
}

/* Follows the probe to its last reply. */
static bool
follow(int fd, struct probed *p)
{
	bool talk = isatty(STDERR_FILENO);

	while (receive(fd, &p->last)) {
		if (p->last.state == CONTROL_REFUSED || p->last.state == CONTROL_ENDED)
			return true;
		p->begun = p->begun || p->last.state == CONTROL_BEGUN;
		if (p->last.state == CONTROL_INTERVAL)
			keep_interval(p, &p->last);
		if (talk || p->last.state == CONTROL_YIELDS)
			progress(p, &p->last);
	}
	return false;
}

/* How it ended, where it did not simply complete. */
static void
show_end(const struct control_reply *r)
{
	_cleanup_(freep) char *why = visible(r->text), *who = called(r, "");

	if (r->result != RESULT_COMPLETED)
		(void) fprintf(stderr, "xenscope: %s: the probe ended early: %s\n", who, why);
	if (r->left_on)
		(void) fprintf(stderr,
		    "xenscope: its dirty tracking was left on; to turn it off: xenscope untrack "
		    "%u\n",
		    r->domid);
}

/* It is served a moment after its end was told. NULL: it is not to be had. */
static json_t *
fetch_record(const struct probe_options *o, const char *id)
{
	const struct timespec moment = {0, 100000000};
	json_t *record = *id ? o->fetch(o->arg, id) : NULL;

	for (int i = 0; i < 20 && strcmp(text(record, "result"), "running") == 0; i++) {
		json_decref(record);
		(void) nanosleep(&moment, NULL);
		record = o->fetch(o->arg, id);
	}
	return record;
}

int
probe_command(const struct probe_options *o, FILE *out)
{
	const struct sigaction act = {.sa_handler = on_interrupt};
	_cleanup_(freep) struct probed *p = xcalloc(1, sizeof(*p));
	_cleanup_(closep) int fd = -1;
	json_t *record;
	int status;

	if (o->seconds > MAX_PROBE_SECONDS) {
		(void) fprintf(
		    stderr, "xenscope: a probe lasts at most %d seconds\n", MAX_PROBE_SECONDS);
		return EXIT_USAGE;
	}
	interrupts = 0;
	(void) sigaction(SIGINT, &act, NULL);
	status = request(o, CONTROL_PROBE, 0, o->domain, &fd);
	if (status != EXIT_OK)
		return status;
	if (!follow(fd, p)) {
		if (p->begun)
			(void) fprintf(stderr, "xenscope: dirty tracking may still be on; when the "
					       "agent runs again, xenscope status "
					       "tells\n");
		return no_answer();
	}
	if (p->last.state == CONTROL_REFUSED)
		return refused(&p->last, o->domain);
	record = fetch_record(o, p->last.id);
	if (o->json && record)
		(void) (json_dumpf(record, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER) == 0 &&
			fputs("\n", out));
	else if (!o->json && p->n)
		show_result(p, record, out);
	show_end(&p->last);
	if (o->json && !record)
		(void) fprintf(stderr, "xenscope: its record is not to be had\n");
	status = p->last.result == RESULT_COMPLETED && (record || !o->json) ? EXIT_OK : EXIT_ANSWER;
	json_decref(record);
	return status;
}

/* --- untrack --- */

/* One request and its one reply. */
static int
exchange(
    const struct probe_options *o, uint32_t flags, const char *domain, struct control_reply *ret)
{
	_cleanup_(closep) int fd = -1;
	int status = request(o, CONTROL_UNTRACK, flags, domain, &fd);

	if (status != EXIT_OK)
		return status;
	if (!receive(fd, ret))
		return no_answer();
	return ret->state == CONTROL_REFUSED ? refused(ret, o->domain) : EXIT_OK;
}

static bool
confirm(FILE *in, FILE *out)
{
	char line[16];

	(void) fprintf(out, "Turn it off? [y/N] ");
	(void) fflush(out);
	return fgets(line, sizeof(line), in) &&
	       (strcmp(line, "y\n") == 0 || strcmp(line, "yes\n") == 0);
}

int
untrack_command(const struct probe_options *o, FILE *in, FILE *out)
{
	_cleanup_(freep) char *who = NULL, *would = NULL, *did = NULL;
	struct control_reply r;
	int status = exchange(o, CONTROL_ASK_ONLY, o->domain, &r);

	if (status != EXIT_OK)
		return status;
	who = called(&r, o->domain);
	would = visible(r.text);
	(void) fprintf(out, "%s: %s\n", who, would);
	if (!o->yes && !isatty(fileno(in))) {
		(void) fprintf(stderr,
		    "xenscope: there is no terminal to ask on: --yes does it without asking\n");
		return EXIT_USAGE;
	}
	if (!o->yes && !confirm(in, out)) {
		(void) fprintf(out, "nothing was done\n");
		return EXIT_ANSWER;
	}
	status = exchange(o, 0, r.uuid, &r);
	if (status != EXIT_OK)
		return status;
	did = visible(r.text);
	(void) fprintf(out, "%s: %s\n", who, did);
	return EXIT_OK;
}
