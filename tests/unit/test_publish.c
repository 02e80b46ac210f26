/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page for xcp-rrdd: its bytes, and its life. tests/system/rrdd_page.py reads it with a reader of its own. */
#include <config.h>

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/util.h"
#include "publish/page.h"
#include "publish/rrdd.h"
#include "tests/made_up.h"
#include "tests/tap.h"

#define HOST_SOURCES 8
#define GUEST_SOURCES 8

static char dir[] = "/tmp/xenscope-publish-XXXXXX";
static char *path, *draft;
static struct stat st;

/* The page's text, of *ret_n bytes; NULL: there is none. */
static char *
page(size_t *ret_n)
{
	char *text = NULL;

	return file_read(path, 16 << 20, &text, ret_n) == 0 ? text : NULL;
}

static bool
is_there(void)
{
	return stat(path, &st) == 0;
}

static uint32_t
number_of_values(void)
{
	_cleanup_(freep) char *text = page(NULL);
	uint32_t n = 0;

	if (text)
		memcpy(&n, text + 19, sizeof(n));
	return be32toh(n);
}

static double
value_at(size_t i)
{
	_cleanup_(freep) char *text = page(NULL);
	uint64_t bits = 0;
	double v;

	if (text)
		memcpy(&bits, text + 31 + 8 * i, sizeof(bits));
	bits = be64toh(bits);
	memcpy(&v, &bits, sizeof(v));
	return v;
}

/* Guests first ... end - 1, beside Dom0. */
static struct sample *
guests(unsigned first, unsigned end)
{
	struct sample *s = made_up_sample(1);

	s->at.real = 1700000000.5;
	s->host.value[METRIC_AT(M_HOST_SMAP, HOST)] = 1;
	for (unsigned i = first; i < end; i++) {
		made_up_domain(s, i);
		s->domain[s->n_domains - 1].value[METRIC_AT(M_DOMAIN_TRACKED, DOMAIN)] = i;
	}
	return s;
}

static void
publish(struct rrdd *p, unsigned first, unsigned end)
{
	struct sample *s = guests(first, end);

	rrdd_publish(p, s);
	sample_free(s);
}

/* --- its bytes --- */

static size_t
from_hex(const char *hex, char *out)
{
	size_t n = 0;
	unsigned byte;

	for (; *hex; hex += strspn(hex, "\n")) {
		if (sscanf(hex, "%2x", &byte) != 1)
			abort();
		out[n++] = (char) byte;
		hex += 2;
	}
	return n;
}

static void
test_vector(void)
{
	_cleanup_(freep) char *golden = xasprintf("%s/tests/golden/rrdd/v2.hex", getenv("srcdir") ? getenv("srcdir") : ".");
	_cleanup_(freep) char *hex = NULL;
	_cleanup_(freep) char *written = NULL;
	_cleanup_(closep) int fd = open(path, O_RDWR | O_CREAT, 0600);
	char want[1024];
	struct strbuf json = {.n = 0};
	uint64_t value[2] = {1, 0};
	const double four = 4;
	size_t n, n_written = 0;

	if (file_read(golden, 4096, &hex, NULL) < 0 || fd < 0)
		abort();
	n = from_hex(hex, want);
	memcpy(&value[1], &four, sizeof(four));
	strbuf_add(&json, want + 51, n - 51);
	ok(page_write(fd, 1700000000.5, value, 2, &json) == 0 && (written = page(&n_written)) != NULL && n_written == n &&
	    memcmp(written, want, n) == 0,
	    "a page is written as the one made by hand, byte for byte");
	ok(page_size(2, json.n) == n, "and its size is known before");
	free(TAKE_PTR(written));
	value[0] = 7;
	ok(page_write(fd, 1700000005.5, value, 2, NULL) == 0 && (written = page(&n_written)) != NULL &&
	    memcmp(written + 15, want + 15, 8) == 0 && memcmp(written + 47, want + 47, n - 47) == 0,
	    "values change without the JSON");
	ok(memcmp(written + 11, want + 11, 4) != 0 && written[38] == 7, "and their checksum with them");
	strbuf_done(&json);
	(void) unlink(path);
	ok(page_write(-1, 0, value, 2, NULL) == -EBADF, "a page that cannot be written says so");
}

/* --- what xcp-rrdd and its front ends make of it --- */

static bool
one_of(const char *word, const char *words)
{
	const char *at = *word ? strstr(words, word) : words;

	return at && (!*word || (at[-1] == '|' && at[strlen(word)] == '|'));
}

static void
check_source(const char *name, json_t *source, unsigned at)
{
	static const char *const traps[] = {"memory", "latency", "allocation", ":"};
	const char *owner = json_string_value(json_object_get(source, "owner"));
	bool trap = strncmp(name, "xenscope_", 9) != 0, text = true;
	const char *key;
	json_t *value;

	for (size_t i = 0; i < ARRAY_SIZE(traps); i++)
		trap = trap || strstr(name, traps[i]);
	json_object_foreach(source, key, value)
		text = text && json_is_string(value);
	ok(!trap, "%s: no front end takes it for something else", name);
	ok(one_of(json_string_value(json_object_get(source, "units")), "|count|B/s|s/s|s|(fraction)|percent|"),
	    "%s: XenCenter knows its unit", name);
	ok(one_of(json_string_value(json_object_get(source, "type")), "|gauge|derive|") &&
	    strcmp(json_string_value(json_object_get(source, "value_type")), "float") == 0 && text,
	    "%s: it has a type, and all that describes it is text", name);
	ok(strncmp(owner, at < HOST_SOURCES ? "host" : "vm 00000000-", 5) == 0, "%s: its owner is %s", name, owner);
}

static void
test_sources(void)
{
	struct rrdd *p = rrdd_new(dir);
	_cleanup_(freep) char *text = NULL;
	json_t *root, *sources, *source;
	const char *name;
	unsigned i = 0;

	publish(p, 2, 3); /* the guest that the made-up sample has tracked */
	text = page(NULL);
	root = text ? json_loads(text + 35 + 8 * (HOST_SOURCES + GUEST_SOURCES), JSON_REJECT_DUPLICATES, NULL) : NULL;
	sources = json_object_get(root, "datasources");
	ok(json_object_size(sources) == number_of_values() && number_of_values() == HOST_SOURCES + GUEST_SOURCES,
	    "each value of the host and of a guest is described once, Dom0 has none");
	json_object_foreach(sources, name, source)
		check_source(name, source, i++);
	ok(value_at(0) == 1 && isnan(value_at(1)), "an absent value is not a number");
	ok(value_at(HOST_SOURCES) == 2, "a guest's values follow the host's");
	json_decref(root);
	rrdd_free(p);
}

/* --- its life --- */

static void
test_life(void)
{
	struct rrdd *p = rrdd_new(dir);
	ino_t inode;
	off_t size;

	publish(p, 1, 3);
	ok(is_there() && (st.st_mode & 07777) == 0600 && access(draft, F_OK) < 0, "it is there, for its owner alone");
	ok(st.st_size % 4096 == 0 && st.st_blocks * 512 >= st.st_size, "in whole pages, that are all there");
	inode = st.st_ino;
	size = st.st_size;
	publish(p, 2, 4);
	ok(is_there() && st.st_ino == inode && st.st_size == size && number_of_values() == HOST_SOURCES + 3 * GUEST_SOURCES,
	    "a guest that comes is added to it");
	ok(isnan(value_at(HOST_SOURCES)) && value_at(HOST_SOURCES + GUEST_SOURCES) == 2 &&
	    value_at(HOST_SOURCES + 2 * GUEST_SOURCES) == 3,
	    "one that went leaves its place empty, the others keep theirs");
	publish(p, 1, 4);
	ok(value_at(HOST_SOURCES) == 1 && number_of_values() == HOST_SOURCES + 3 * GUEST_SOURCES,
	    "when it is back, so is its place");
	publish(p, 10, 50);
	ok(!is_there(), "with too many for it, it goes");
	publish(p, 10, 50);
	ok(is_there() && st.st_size > size && number_of_values() == HOST_SOURCES + 40 * GUEST_SOURCES,
	    "and with the next tick there is a larger one, of those that are there");
	(void) unlink(path);
	publish(p, 10, 50);
	ok(is_there() && value_at(HOST_SOURCES) == 10, "one that somebody removed is made again");
	rrdd_free(p);
	ok(!is_there(), "when the agent ends, it goes");
}

static void
test_leftovers(void)
{
	struct rrdd *p = rrdd_new(dir);

	if (symlink("/nowhere", draft) < 0 || close(open(path, O_WRONLY | O_CREAT, 0600)) < 0)
		abort();
	publish(p, 1, 3);
	ok(!is_there(), "what a killed agent left goes first");
	publish(p, 1, 3);
	ok(is_there() && S_ISREG(st.st_mode) && access("/nowhere", F_OK) < 0, "then there is a new one, and no link is followed");
	rrdd_free(p);
	rrdd_free(NULL);
	p = rrdd_new("/nowhere");
	publish(p, 1, 3);
	rrdd_free(p);
	ok(access("/nowhere", F_OK) < 0, "where there is no xcp-rrdd, nothing is made");
}

static void
test_limits(void)
{
	struct rrdd *p = rrdd_new(dir);
	struct rusage before, after;
	struct sample *s = guests(1, MAX_RRDD_GUESTS + 200);

	rrdd_publish(p, s);
	ok(is_there() && st.st_size <= 4 << 20 && number_of_values() == HOST_SOURCES + MAX_RRDD_GUESTS * GUEST_SOURCES,
	    "it has %d guests at most, and is then of %lld kB", MAX_RRDD_GUESTS, (long long) st.st_size / 1024);
	(void) getrusage(RUSAGE_SELF, &before);
	for (int i = 0; i < 10; i++)
		rrdd_publish(p, s);
	(void) getrusage(RUSAGE_SELF, &after);
	ok(is_there() && value_at(HOST_SOURCES + (MAX_RRDD_GUESTS - 1) * GUEST_SOURCES) == MAX_RRDD_GUESTS,
	    "and stays as it is; 10 ticks of it took %ld us of CPU time",
	    (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000L + after.ru_utime.tv_usec - before.ru_utime.tv_usec);
	sample_free(s);
	publish(p, 500, 1400);
	ok(!is_there(), "when others come, it is made anew");
	publish(p, 500, 1400);
	ok(number_of_values() == HOST_SOURCES + 900 * GUEST_SOURCES, "with those that are there");
	rrdd_free(p);
}

static void
test_no_room(void)
{
	struct rrdd *p = rrdd_new(dir);
	struct rlimit was, little;

	(void) signal(SIGXFSZ, SIG_IGN);
	(void) getrlimit(RLIMIT_FSIZE, &was);
	little = was;
	little.rlim_cur = 1000;
	publish(p, 1, 3);
	(void) setrlimit(RLIMIT_FSIZE, &little);
	publish(p, 1, 4);
	ok(!is_there(), "a page that could only be written in part goes");
	publish(p, 1, 4);
	ok(!is_there() && access(draft, F_OK) < 0, "one that cannot be made leaves nothing");
	(void) setrlimit(RLIMIT_FSIZE, &was);
	publish(p, 1, 4);
	ok(is_there() && number_of_values() == HOST_SOURCES + 3 * GUEST_SOURCES, "when there is room again, so is the page");
	rrdd_free(p);
}

int
main(void)
{
	if (!mkdtemp(dir))
		abort();
	path = xasprintf("%s/xenscope", dir);
	draft = xasprintf("%s.tmp", path);
	log_set_level(LOG_LEVEL_ERR);
	test_vector();
	test_sources();
	test_life();
	test_leftovers();
	test_limits();
	test_no_room();
	(void) rmdir(dir);
	free(path);
	free(draft);
	return done_testing();
}
