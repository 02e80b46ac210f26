/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "hv/hv.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/util.h"
#include "tests/fake_hv.h"
#include "tests/tap.h"

#define RING "(XEN) first\n(XEN) \x01 a control character\n\xff\xfe bytes\n"
#define RING_PLAYED "(XEN) first\n(XEN) \x01 a control character\n?? bytes\n"
#define NAME "g\xc3\xbcst \"quoted\" \\ \n"
#define LOG_PATH "/var/log/xen/hypervisor.log"

static int changes_left;

static int
fake_change_fd(struct hv *hv)
{
	(void) hv;
	return 77;
}

static int
fake_next_change(struct hv *hv, struct hv_change *ret)
{
	(void) hv;
	if (changes_left == 0)
		return -EAGAIN;
	*ret = --changes_left ? (struct hv_change){.domains = true}
			      : (struct hv_change){.name = true, .domid = 2};
	return 0;
}

/* A host with two guests that has changes to tell; what is at the limits of its types is there. */
static struct fake_hv *
host(void)
{
	static struct hv_ops ops;
	struct fake_hv *f = fake_hv_new();
	struct fake_domain *d;

	ops = *f->hv.ops;
	ops.change_fd = fake_change_fd;
	ops.next_change = fake_next_change;
	f->hv.ops = &ops;
	f->set_error[HV_FEATURES_HVM] = -EOPNOTSUPP;
	f->words[HV_FEATURES_RAW][0] = UINT32_MAX;
	f->physinfo.cpu_khz = 2600000;
	f->ring = RING;
	f->log = "(XEN) saved\n";
	str_copy(f->cmdline, sizeof(f->cmdline), "smap=hvm ept=no-pml");
	memset(f->version.changeset + 8, 0xff, 8); /* behind a string's end: nobody's business */
	d = fake_hv_add(f, 1);
	str_copy(d->name, sizeof(d->name), NAME);
	d->d.cpu_ns = UINT64_MAX;
	d->policy.d7 = UINT32_MAX;
	d->cr4 = 1ull << 63;
	d = fake_hv_add(f, 2);
	d->d.device_model = d->d.crashed = true;
	d->d.uuid[7] = 0xff;
	return f;
}

static struct tick
at(double seconds)
{
	return (struct tick){1000.25 + seconds, 1.7e9 + seconds};
}

/* Everything that a hypervisor answers, to compare two of them. */
#define CALLS 24

struct said {
	int r[CALLS];
	size_t n;
	struct hv_version version;
	char cmdline[MAX_CMDLINE], name[MAX_HV_NAME], model[64], boot_id[37];
	struct hv_physinfo physinfo;
	uint32_t words[HV_FEATURESETS][MAX_FEATURE_WORDS];
	size_t n_words[HV_FEATURESETS];
	char *ring, *log;
	struct hv_domain domain[8];
	struct hv_xenstat stat[8];
	size_t n_domains, n_stats;
	struct hv_policy policy;
	uint64_t cr4;
};

/* Asks all questions. */
static void
ask_all(struct hv *hv, struct said *s)
{
	const struct hv_ops *ops = hv->ops;
	size_t n = 0, i = 0;

	memset(s, 0, sizeof(*s));
	s->r[i++] = ops->version(hv, &s->version);
	s->r[i++] = ops->cmdline(hv, s->cmdline);
	s->r[i++] = ops->physinfo(hv, &s->physinfo);
	for (int set = 0; set < HV_FEATURESETS; set++)
		s->r[i++] =
		    ops->featureset(hv, (enum hv_featureset) set, s->words[set], &s->n_words[set]);
	s->r[i++] = ops->console_ring(hv, &s->ring, &n);
	s->r[i++] = ops->domain_list(hv, 0, s->domain, 8, &s->n_domains);
	s->r[i++] = ops->domain_policy(hv, 1, &s->policy);
	s->r[i++] = ops->domain_policy(hv, 9, &s->policy);
	s->r[i++] = ops->vcpu_cr4(hv, 1, 0, &s->cr4);
	s->r[i++] = ops->domain_name(hv, 1, s->name);
	s->r[i++] = ops->domain_name(hv, 9, s->name);
	s->r[i++] = ops->xenstat(hv, s->stat, 8, &s->n_stats);
	s->r[i++] = ops->cpu_model(hv, s->model, sizeof(s->model));
	s->r[i++] = ops->boot_id(hv, s->boot_id);
	s->r[i++] = ops->console_log(hv, LOG_PATH, 4096, &s->log, &n);
	s->r[i++] = ops->console_log(hv, "", 4096, &s->log, &n);
	s->n = i;
}

static void
said_done(struct said *s)
{
	free(s->ring);
	free(s->log);
}

#define SAME(member) (a->member == b->member)

static bool
same_domain(const struct hv_domain *a, const struct hv_domain *b)
{
	return SAME(domid) && memcmp(a->uuid, b->uuid, 16) == 0 && SAME(hvm) && SAME(hap) &&
	       SAME(device_model) && SAME(dying) && SAME(crashed) && SAME(shutdown) &&
	       SAME(paused) && SAME(blocked) && SAME(running) && SAME(online_vcpus) &&
	       SAME(max_vcpu_id) && SAME(cpu_ns) && SAME(pages) && SAME(max_pages);
}

static bool
same_stat(const struct hv_xenstat *a, const struct hv_xenstat *b)
{
	return SAME(domid) && SAME(net_rx_bytes) && SAME(net_tx_bytes) && SAME(block_reads) &&
	       SAME(block_writes) && SAME(has_net) && SAME(has_block);
}

static bool
same_physinfo(const struct hv_physinfo *a, const struct hv_physinfo *b)
{
	return SAME(cpus) && SAME(cpu_khz) && SAME(total_pages) && SAME(free_pages) && SAME(hvm) &&
	       SAME(pv) && SAME(hap) && SAME(shadow);
}

static void
compare(const struct said *a, const struct said *b, const char *when)
{
	int same = 0;
	bool domains = SAME(n_domains), stats = SAME(n_stats);

	for (size_t i = 0; i < a->n; i++)
		same += a->r[i] == b->r[i];
	for (size_t i = 0; i < a->n_domains; i++)
		domains = domains && same_domain(&a->domain[i], &b->domain[i]);
	for (size_t i = 0; i < a->n_stats; i++)
		stats = stats && same_stat(&a->stat[i], &b->stat[i]);
	ok(same == (int) a->n, "%s: each of %zu calls returns the same, errors too", when, a->n);
	ok(a->version.major == b->version.major && a->version.minor == b->version.minor &&
		strcmp(a->version.extra, b->version.extra) == 0 &&
		strcmp(a->version.changeset, b->version.changeset) == 0 &&
		strcmp(a->version.capabilities, b->version.capabilities) == 0,
	    "%s: the version is equal", when);
	ok(strcmp(a->cmdline, b->cmdline) == 0, "%s: the command line is equal", when);
	ok(same_physinfo(&a->physinfo, &b->physinfo), "%s: physinfo is equal", when);
	ok(memcmp(a->words, b->words, sizeof(a->words)) == 0 &&
		memcmp(a->n_words, b->n_words, sizeof(a->n_words)) == 0,
	    "%s: the featuresets are equal", when);
	ok(domains && a->n_domains > 1, "%s: the domains are equal", when);
	ok(memcmp(&a->policy, &b->policy, sizeof(a->policy)) == 0 && a->cr4 == b->cr4,
	    "%s: policy and CR4 are equal", when);
	ok(strcmp(a->name, b->name) == 0, "%s: the name is equal", when);
	ok(stats && a->n_stats > 1, "%s: libxenstat's figures are equal", when);
	ok(strcmp(a->model, b->model) == 0 && strcmp(a->boot_id, b->boot_id) == 0,
	    "%s: the CPU model and boot id are equal", when);
	ok(strcmp(a->log, b->log) == 0, "%s: the console log is equal", when);
	ok(strcmp(b->ring, RING_PLAYED) == 0,
	    "%s: the console ring is equal, but that broken UTF-8 became ?", when);
}

static const struct event event_shadow = {.kind = EVENT_SHADOW_OP,
    .source = SOURCE_BPF,
    .seconds = 0.000012345,
    .pid = 1234,
    .domid = 1,
    .op = SHADOW_OP_CLEAN,
    .mode = SHADOW_MODE_FINAL,
    .result = -EBUSY,
    .pages = 1ull << 40,
    .dirty = UINT32_MAX};
static const struct event event_process = {.kind = EVENT_PROCESS_BEGIN,
    .source = SOURCE_PROCESS,
    .seconds = NAN,
    .pid = 1234,
    .domid = 1,
    .role = ROLE_LIVE_SAVE,
    .toolstack = TOOLSTACK_XL,
    .started = UINT64_MAX,
    .comm = "libxl-save-help"};

static const struct event event_window = {.kind = EVENT_TRACE_WINDOW,
    .source = SOURCE_TRACE,
    .seconds = NAN,
    .domid = 1,
    .window = {.count = {1, 2, UINT64_MAX}, .cycles = {3}, .exits = 4, .lost = 5, .torn = true}};

static void
record_event_at(struct hv *hv, struct event e, double seconds)
{
	e.at = at(seconds).mono;
	e.window.from = e.kind == EVENT_TRACE_WINDOW ? e.at - 0.25 : 0;
	ok(hv_record_event(hv, &e) == 0, "an event at %g s is recorded", seconds);
}

/* Records two ticks of the fake into a new file; what it said at each. */
static FILE *
record(struct said *first, struct said *second, char path[64])
{
	FILE *f = tmpfile();
	struct fake_hv *fake = host();
	struct hv *hv = NULL;
	struct tick t = at(0);
	struct hv_change change;
	struct stat st, again;
	struct said same;

	(void) snprintf(path, 64, "/proc/self/fd/%d", fileno(f));
	fake->hv.hypercalls = 5;
	ok(hv_record_open(&fake->hv, fileno(f), &t, &hv) == 0 && hv->hypercalls == 6,
	    "recording begins with the version");
	ask_all(hv, first);
	(void) fstat(fileno(f), &st);
	ask_all(hv, &same);
	(void) fstat(fileno(f), &again);
	ok(st.st_size > 0 && st.st_size == again.st_size,
	    "answers that have not changed are not written again");
	said_done(&same);
	ok(hv->hypercalls == fake->hv.hypercalls && hv->xenstore_reads == fake->hv.xenstore_reads &&
		hv->xenstore_reads == 4,
	    "the recorder's counters are those of what it wraps");
	ok(hv->ops->change_fd(hv) == 77 && hv->ops->watch_name(hv, 1, true) == 0 &&
		fake->domain[0].watched,
	    "watches go through");
	record_event_at(hv, event_process, 0.5);
	record_event_at(hv, event_shadow, 2.000000001);
	fake->error[FAKE_cmdline] = -EACCES;
	fake->physinfo.free_pages++;
	(void) fake_hv_add(fake, 3);
	changes_left = 2;
	t = at(5);
	hv_record_tick(hv, &t);
	ok(hv->ops->next_change(hv, &change) == 0 && change.domains, "changes go through");
	ok(hv->ops->next_change(hv, &change) == 0 && change.name && change.domid == 2,
	    "names' too");
	ok(hv->ops->next_change(hv, &change) == -EAGAIN, "and there is an end to them");
	ask_all(hv, second);
	record_event_at(hv, event_shadow, 4.75);
	record_event_at(hv, event_window, 4.8);
	ok(hv_record_status(hv) == 0, "all was written");
	hv_closep(&hv);
	return f;
}

static bool
same_event(const struct event *a, const struct event *b, double seconds)
{
	struct event x = *a, y = *b;
	bool times = fabs(y.at - (seconds + 500)) < 1e-8 &&
		     (isnan(x.seconds) ? isnan(y.seconds) : fabs(x.seconds - y.seconds) < 1e-9);

	x.at = y.at = x.seconds = y.seconds = 0;
	return times && x.kind == y.kind && x.source == y.source && x.pid == y.pid &&
	       x.domid == y.domid && x.op == y.op && x.mode == y.mode && x.result == y.result &&
	       x.pages == y.pages && x.dirty == y.dirty && x.role == y.role &&
	       x.toolstack == y.toolstack && x.started == y.started && strcmp(x.comm, y.comm) == 0;
}

static bool
readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void
check_events(struct hv *hv)
{
	struct event e;
	struct tick t = {501, 0};

	hv_replay_seek(hv, &t);
	ok(hv_replay_next_event(hv, &e) == 0 && same_event(&event_process, &e, 0.5),
	    "the event at 0.5 s is due after 1 s");
	ok(hv_replay_next_event(hv, &e) == -EAGAIN, "and no other");
	t.mono = 505;
	hv_replay_seek(hv, &t);
	ok(hv_replay_next_event(hv, &e) == 0 && same_event(&event_shadow, &e, 2.000000001),
	    "the second has all its figures");
	ok(hv_replay_next_event(hv, &e) == 0 && same_event(&event_shadow, &e, 4.75),
	    "one that came late keeps its own time");
	ok(hv_replay_next_event(hv, &e) == 0 && same_event(&event_window, &e, 4.8) &&
		fabs(e.window.from - 504.55) < 1e-8 && e.window.torn &&
		memcmp(e.window.count, event_window.window.count, sizeof(e.window.count)) == 0,
	    "a window of the trace has its sums, and begins when it did");
	ok(hv_replay_next_event(hv, &e) == -EAGAIN, "then there are no more");
}

static void
check_changes(struct hv *hv)
{
	struct hv_change c;

	ok(readable(hv->ops->change_fd(hv)), "when there are changes the descriptor is readable");
	ok(hv->ops->next_change(hv, &c) == 0 && c.domains && !c.name, "the first change comes");
	ok(hv->ops->next_change(hv, &c) == 0 && !c.domains && c.name && c.domid == 2,
	    "and the second");
	ok(hv->ops->next_change(hv, &c) == -EAGAIN, "and no more");
	ok(!readable(hv->ops->change_fd(hv)), "and the descriptor is not readable any more");
}

static void
test_round_trip(void)
{
	struct said first, second, played;
	char path[64];
	FILE *f = record(&first, &second, path);
	_cleanup_(hv_closep) struct hv *hv = NULL;
	const char *note = "";
	struct tick t = {500, 1.8e9};
	struct hv_domain d[4];
	size_t n;

	ok(hv_replay_open(path, &t, &hv, &note) == 0 && hv->replay && !note,
	    "what was recorded is played");
	(void) fclose(f); /* the replay has the file open on its own */
	ok(fabs(hv_replay_length(hv) - 5) < 1e-9, "it lasts five seconds");
	ask_all(hv, &played);
	compare(&first, &played, "at the beginning");
	said_done(&played);
	ok(!readable(hv->ops->change_fd(hv)), "nothing has changed yet");
	check_events(hv);
	check_changes(hv);
	ask_all(hv, &played);
	compare(&second, &played, "after five seconds");
	said_done(&played);
	ok(hv->ops->domain_list(hv, 2, d, 4, &n) == 0 && n == 2 && d[0].domid == 2,
	    "domains may be asked for from another id on than was recorded");
	ok(hv->ops->domain_list(hv, 0, d, 1, &n) == 0 && n == 1, "and fewer at a time");
	t.mono = 500;
	hv_replay_seek(hv, &t);
	ask_all(hv, &played);
	compare(&first, &played, "gone back to the beginning");
	said_done(&played);
	check_events(hv);
	ok(hv->ops->watch_name(hv, 1, true) == 0, "a name's watch is accepted");
	said_done(&first);
	said_done(&second);
}

static void
test_faults(void)
{
	struct said first, second, played;
	char path[64];
	FILE *f = record(&first, &second, path);
	_cleanup_(hv_closep) struct hv *hv = NULL;
	const char *note;
	struct tick t = {500, 0};
	struct hv_change c;

	(void) hv_replay_open(path, &t, &hv, &note);
	(void) fclose(f);
	for (size_t nth = 1; nth <= first.n; nth++) {
		int hit = 0;

		hv_replay_fail(hv, (unsigned) nth, ENOMEM);
		ask_all(hv, &played);
		for (size_t i = 0; i < first.n; i++)
			hit += played.r[i] == (i + 1 == nth ? -ENOMEM : first.r[i]);
		ok(hit == (int) first.n, "call %zu fails, once, and no other", nth);
		said_done(&played);
	}
	hv_replay_fail(hv, 2, EIO);
	ok(hv->ops->watch_name(hv, 1, true) == 0 && hv->ops->next_change(hv, &c) == -EIO,
	    "so may watches and changes");
	hv_replay_fail(hv, 1, EIO);
	hv_replay_fail(hv, 0, 0);
	ok(hv->ops->watch_name(hv, 1, true) == 0, "and it can be turned off");
	said_done(&first);
	said_done(&second);
}

/* Every length that a kill can leave. */
static void
test_torn(void)
{
	struct said first, second;
	char path[64];
	_cleanup_(fclosep) FILE *f = record(&first, &second, path);
	struct tick t = {500, 0};
	struct stat st;
	int whole = 0, torn = 0, other = 0;

	(void) fstat(fileno(f), &st);
	for (off_t n = st.st_size; n > 0; n--) {
		_cleanup_(hv_closep) struct hv *hv = NULL;
		const char *note = NULL;
		int r;

		(void) !ftruncate(fileno(f), n);
		r = hv_replay_open(path, &t, &hv, &note);
		whole += r == 0 && !note;
		torn += r == 0 && note;
		other += r != 0 && r != -EBADMSG;
	}
	ok(whole > 20 && torn > whole,
	    "cut anywhere, the whole lines are played and the torn one is left out");
	ok(other == 0, "cut in its first line it is not a capture");
	said_done(&first);
	said_done(&second);
}

static void
test_write_errors(void)
{
	struct fake_hv *fake = host();
	_cleanup_(closep) int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct hv *hv = NULL;
	struct tick t = at(0);
	struct event e = event_shadow;
	int pipe_fd[2];
	char cmdline[MAX_CMDLINE];

	ok(hv_record_open(&fake->hv, fd, &t, &hv) == -ENOSPC && !hv, "a full disk is said at once");
	ok(pipe(pipe_fd) == 0 && hv_record_open(&fake->hv, pipe_fd[1], &t, &hv) == 0,
	    "and what is wrapped is still the caller's");
	(void) close(pipe_fd[1]);
	ok(hv->ops->cmdline(hv, cmdline) == 0 && hv_record_status(hv) == -EBADF,
	    "a write that fails later does not fail the call");
	ok(hv_record_event(hv, &e) == -EBADF && hv->ops->cmdline(hv, cmdline) == 0, "but is told");
	(void) close(pipe_fd[0]);
	hv_closep(&hv);
}

#define DOMAINS 1500

/* A list in two parts, then in one; the second part must not outlive it. */
static void
test_many_domains(void)
{
	static struct hv_domain d[MAX_HV_LIST];
	struct fake_hv *fake = host();
	_cleanup_(hv_closep) struct hv *hv = NULL;
	_cleanup_(fclosep) FILE *f = tmpfile();
	struct tick t = at(0);
	const char *note;
	char path[64];
	size_t n = 0, total = 0;

	(void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(f));
	for (uint32_t id = 3; id <= DOMAINS; id++)
		(void) fake_hv_add(fake, id);
	(void) hv_record_open(&fake->hv, fileno(f), &t, &hv);
	for (uint32_t first = 0; hv->ops->domain_list(hv, first, d, MAX_HV_LIST, &n) == 0 && n > 0;)
		first = d[n - 1].domid + 1;
	fake->n_domains = 2;
	t = at(1);
	hv_record_tick(hv, &t);
	(void) hv->ops->domain_list(hv, 0, d, MAX_HV_LIST, &n);
	hv_closep(&hv);

	t = at(0);
	ok(hv_replay_open(path, &t, &hv, &note) == 0, "1500 domains are played");
	for (uint32_t first = 0; hv->ops->domain_list(hv, first, d, 100, &n) == 0 && n > 0;
	     total += n)
		first = d[n - 1].domid + 1;
	ok(total == DOMAINS && d[n].domid > 0,
	    "whatever portions are asked for, each comes once: %zu", total);
	t = at(1);
	hv_replay_seek(hv, &t);
	ok(hv->ops->domain_list(hv, 0, d, MAX_HV_LIST, &n) == 0 && n == 2, "then there are two");
	ok(hv->ops->domain_list(hv, 1025, d, MAX_HV_LIST, &n) == 0 && n == 0,
	    "and none from 1025 on");
}

/* What a real host said: Xen 4.17.7 in QEMU, Dom0 and one guest that gets another name. */
static void
test_golden(void)
{
	_cleanup_(hv_closep) struct hv *hv = NULL;
	_cleanup_(freep) char *path = xasprintf(
	    "%s/tests/golden/captures/qemu-idle.jsonl", getenv("srcdir") ? getenv("srcdir") : ".");
	struct tick t = {100, 0};
	const char *note;
	struct said s;
	struct hv_change c;
	int named = 0;

	if (hv_replay_open(path, &t, &hv, &note) < 0) {
		ok(false, "%s is there", path);
		return;
	}
	ask_all(hv, &s);
	ok(s.version.major == 4 && s.version.minor == 17 && strcmp(s.version.extra, ".7") == 0,
	    "a real host's version");
	ok(s.words[HV_FEATURES_HOST][5] >> 20 & 1 && !(s.words[HV_FEATURES_PV][5] >> 20 & 1),
	    "SMAP is there, but not for PV guests");
	ok(strncmp(s.ring, "(XEN) Xen version 4.17.7", 24) == 0 && strstr(s.cmdline, "eager-fpu"),
	    "its console and command line");
	ok(s.n_domains == 2 && !s.domain[0].hvm && s.domain[1].hvm && s.domain[1].hap &&
		!s.domain[1].device_model,
	    "Dom0 is PV, the guest PVH");
	ok(s.domain[0].pages == 262144 && s.domain[1].uuid[0] == 0x78 &&
		s.domain[1].uuid[15] == 0x28,
	    "its figures");
	ok(s.policy.b7 >> 20 & 1 && s.cr4 == 0x3506f0, "the guest sees SMAP and has it on");
	ok(strcmp(s.name, "g1") == 0, "its name at the beginning");
	said_done(&s);
	t.mono += hv_replay_length(hv);
	hv_replay_seek(hv, &t);
	while (hv->ops->next_change(hv, &c) == 0)
		named += c.name && c.domid == 1;
	ok(named == 2, "is told, and told again when it changes");
	ask_all(hv, &s);
	ok(strcmp(s.name, "g1-renamed") == 0, "its name at the end");
	said_done(&s);
}

/* An answer is true of its moment only: ticks are played when they were recorded. */
static void
test_steps(void)
{
	static const char capture[] =
	    "{\"xenscope_capture\":1,\"recorded\":1.5,\"agent\":\"0.1.0\",\"xen\":\"4.17.7\"}\n"
	    "{\"t\":0.5,\"call\":\"physinfo\",\"error\":\"EIO\"}\n"
	    "{\"t\":0.5,\"call\":\"domain_list\",\"first\":0,\"domains\":[]}\n"
	    "{\"t\":0.5,\"call\":\"boot_id\",\"error\":\"EIO\"}\n"
	    "{\"t\":3,\"event\":\"process_end\",\"source\":\"process\",\"pid\":7}\n"
	    "{\"t\":5.5,\"call\":\"domain_list\",\"first\":0,\"error\":\"EIO\"}\n"
	    "{\"t\":6,\"event\":\"process_end\",\"source\":\"process\",\"pid\":8}\n";
	_cleanup_(hv_closep) struct hv *hv = NULL;
	char path[] = "/tmp/test_hv_steps.XXXXXX", boot[37];
	const struct tick start = {100, 0}, end = {110, 0};
	const char *note;
	struct hv_domain d;
	struct event e;
	double at = 0;
	size_t n;
	int fd = mkstemp(path);

	ok(fd >= 0 && write_all(fd, capture, strlen(capture)) == 0 &&
		hv_replay_open(path, &start, &hv, &note) == 0,
	    "a capture of two ticks is played");
	(void) close(fd);
	(void) unlink(path);
	ok(hv_replay_step(hv, &start, &at) == -EAGAIN, "no tick was recorded in its first instant");
	ok(hv_replay_step(hv, &end, &at) == 0 && fabs(at - 100.5) < 1e-9, "the first was half a second later");
	ok(hv->ops->domain_list(hv, 0, &d, 1, &n) == 0 && hv->ops->boot_id(hv, boot) == -EIO,
	    "all that was asked in it is answered");
	ok(hv_replay_next_event(hv, &e) == -EAGAIN, "what happened later has not happened yet");
	ok(hv_replay_step(hv, &end, &at) == 0 && fabs(at - 105.5) < 1e-9 &&
		hv->ops->domain_list(hv, 0, &d, 1, &n) == -EIO,
	    "then comes the second");
	ok(hv_replay_next_event(hv, &e) == 0 && e.pid == 7 && hv_replay_next_event(hv, &e) == -EAGAIN,
	    "with what happened before it");
	ok(hv_replay_step(hv, &end, &at) == -EAGAIN && hv_replay_next_event(hv, &e) == 0 && e.pid == 8,
	    "and what came after the last one is played too");
}

int
main(void)
{
	test_steps();
	test_round_trip();
	test_faults();
	test_torn();
	test_many_domains();
	test_golden();
	test_write_errors();
	return done_testing();
}
