/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/util.h"
#include "cli/commands.h"
#include "cli/trace.h"
#include "observe/trace_file.h"
#include "tests/tap.h"
#include "tests/unit/trace_builder.h"

static char path[64];

static void
new_file(void)
{
	FILE *f = fopen(path, "w");

	if (!f)
		abort();
	(void) fclose(f);
}

static void
append(const void *p, size_t n)
{
	FILE *f = fopen(path, "a");

	if (!f || (n > 0 && fwrite(p, n, 1, f) != 1))
		abort();
	(void) fclose(f);
}

/* As xentrace writes what it took from a CPU's buffer, and empties it; says that it has more bytes
 * than it has. */
static void
piece(uint32_t cpu, struct builder *b, uint32_t more)
{
	uint32_t head[3] = {0x2001f003, cpu, (uint32_t) b->n + more};

	append(head, sizeof(head));
	append(b->bytes, b->n);
	b->n = 0;
}

static struct trace_file_facts facts;

/* NULL: it was not opened. */
static struct trace_decoder *
decoded(const char **ret_why)
{
	struct trace_file *f = NULL;
	struct trace_decoder *d;

	if (trace_file_open(path, &f, ret_why) < 0)
		return NULL;
	d = trace_decoder_new(false);
	if (trace_file_decode(f, d) < 0)
		abort();
	facts = *trace_file_facts(f);
	trace_file_close(f);
	return d;
}

static uint64_t
sum(struct trace_decoder *d, bool cycles)
{
	uint64_t n = 0;

	for (size_t i = 0, vcpus = trace_decoder_vcpus(d); i < vcpus; i++)
		for (size_t k = 0; k < trace_decoder_vcpu(d, i)->n_exits; k++)
			n += cycles ? trace_decoder_vcpu(d, i)->exit[k].cycles
				    : trace_decoder_vcpu(d, i)->exit[k].count;
	return n;
}

/* A vCPU goes round the CPUs and halts on each: every arc ends on the next CPU. The pieces are of
 * any length, and CPU 0 is the last in each round of the file. */
static void
test_round_the_cpus(unsigned cpus, unsigned rounds)
{
	struct builder *b = calloc(cpus, sizeof(*b));
	struct trace_decoder *d;
	uint64_t t = 1000;
	const char *why;
	bool order;

	new_file();
	for (unsigned i = 0; i < cpus * rounds; i++, t += 100) {
		struct builder *at = &b[i % cpus];

		runs(at, t, 1, 0);
		vmentry(at, t + 10);
		vmexit(at, t + 20, 12);
		changes(at, t + 30, 1, 0, 0, 2);
		if (i % (cpus * 7) == cpus * 7 - 1 || i == cpus * rounds - 1)
			for (unsigned c = cpus; c-- > 0;)
				piece(c, &b[c], 0);
	}
	d = decoded(&why);
	order = sum(d, true) == 90 * (cpus * rounds - 1);
	ok(sum(d, false) == cpus * rounds, "%u CPUs: all exits are found", cpus);
	ok(order && trace_decoder_summary(d)->backwards == 0,
	    "%u CPUs: they come in the order of their stamps", cpus);
	ok(facts.cpus == cpus && facts.skipped_bytes == 0 && !facts.truncated,
	    "%u CPUs: every byte has its place", cpus);
	trace_decoder_free(d);
	free(b);
}

/* One CPU has nothing for a long time, another one appears late, one goes. */
static void
test_coming_and_going(void)
{
	static struct builder b[3];
	struct trace_decoder *d;
	const char *why;

	memset(b, 0, sizeof(b));
	new_file();
	runs(&b[2], 1000, 1, 0);
	piece(2, &b[2], 0);
	runs(&b[0], 1000, 1, 1);
	piece(0, &b[0], 0);
	for (uint64_t t = 2000; t < 200000; t += 1000) {
		vmexit(&b[0], t, 18);
		vmentry(&b[0], t + 5);
		piece(0, &b[0], 0);
		piece(1, &b[1], 0);
	}
	vmexit(&b[2], 250000, 49);
	vmentry(&b[2], 250001);
	piece(2, &b[2], 0);
	runs(&b[1], 240000, 1, 2);
	vmexit(&b[1], 260000, 49);
	vmentry(&b[1], 260001);
	piece(1, &b[1], 0);
	d = decoded(&why);
	ok(sum(d, false) == 198 + 2 && sum(d, true) == 198 * 5 + 2 && trace_decoder_vcpus(d) == 3,
	    "CPUs may be silent, come and go");
	trace_decoder_free(d);
}

static void
test_damaged(void)
{
	static struct builder b;
	static const char zeros[8192];
	struct trace_decoder *d;
	const char *why;

	new_file();
	append("junk in front", 13);
	runs(&b, 1000, 1, 0);
	vmexit(&b, 2000, 49);
	vmentry(&b, 2001);
	piece(0, &b, 0);
	append(zeros, sizeof(zeros));
	vmexit(&b, 3000, 49);
	vmentry(&b, 3001);
	b.n -= 2; /* half a record */
	piece(0, &b, 0);
	vmexit(&b, 4000, 49);
	piece(TRACE_MAX_CPUS, &b, 0);
	b.n = 0;
	vmexit(&b, 5000, 49);
	piece(0, &b, 100);
	d = decoded(&why);
	ok(sum(d, false) == 3 && sum(d, true) == 1, "what is whole in a damaged file is found");
	ok(facts.skipped_bytes == 13 + sizeof(zeros) + 10 + 36 && facts.truncated,
	    "what is not is counted");
	trace_decoder_free(d);
}

static void
test_refused(void)
{
	static const struct {
		const char *text, *why;
		size_t n;
	} rows[] = {{"", "is empty", 0}, {"\x1f\x8b\x08", "is compressed: gzip -d first", 3},
	    {"BZh9..", "is compressed: unpack it first", 6},
	    {"a text", "is nothing that xentrace wrote", 6}};
	struct trace_file *f = NULL;
	const char *why = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		new_file();
		append(rows[i].text, rows[i].n);
		ok(trace_file_open(path, &f, &why) == -EBADMSG && strcmp(why, rows[i].why) == 0,
		    "refused: %s", rows[i].why);
	}
	ok(trace_file_open("/nothing/here", &f, &why) == -ENOENT && why,
	    "a file that is not there");
	ok(trace_file_open("/dev/null", &f, &why) == -ESPIPE && strstr(why, "no plain file"),
	    "what is no file is refused");
	ok(f == NULL, "nothing is left of them");
	trace_file_close(NULL);
}

static char *
shown(double hz, bool json, int *ret_status)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	*ret_status = show_trace(path, hz, json, 80, f);
	(void) fclose(f);
	return text;
}

static void
test_shown(void)
{
	static struct builder b[2];
	char *text;
	int status;

	memset(b, 0, sizeof(b));
	new_file();
	vmexit(&b[1], 900, 30);
	vmentry(&b[1], 903);
	runs(&b[0], 1000, 5, 0);
	runs(&b[1], 1000, 5, 33);
	for (unsigned i = 0; i < 2; i++) {
		vmexit(&b[i], 2000, 48);
		vmentry(&b[i], 2600);
		vmexit(&b[i], 3000, 199);
		piece(i, &b[i], 0);
	}
	lost(&b[0], 4000, 17);
	piece(0, &b[0], 12);
	text = shown(2e9, false, &status);
	ok(status == EXIT_OK &&
		strstr(text, "16 records of 2 CPUs, 3100 cycles (0.000 s); 17 records lost\n"),
	    "the table has a head line");
	ok(strstr(text, "Note: 17 records lost by Xen") &&
		strstr(text, "Note: the file is cut off") &&
		strstr(text, "Note: exits of domain -"),
	    "what is not whole is said");
	ok(strstr(text, "\n     5    33    48  ") && strstr(text, "\n     5   all    48  ") &&
		strstr(text, "\n     -     -    30  ") && strstr(text, "1200   600  0.000001 s"),
	    "the table has vCPUs, domains, what is nobody's, and times");
	free(text);
	text = shown(0, true, &status);
	ok(status == EXIT_OK && strstr(text, "\"lost_records\": 17,") &&
		strstr(text, "\"cpu_hz\": null,") &&
		strstr(text,
		    "\"reason\": 48, \"name\": \"EPT_VIOLATION\", \"count\": 2, \"cycles\": 1200"),
	    "so has the JSON");
	free(text);
	text = shown(2e9, true, &status);
	ok(strstr(text, "\"seconds\": 0.000000600") && strstr(text, "\"name\": null"),
	    "times are there if the rate is");
	free(text);
}

/* Pages of files that this process has mapped and that are there. */
static unsigned long
file_pages(void)
{
	unsigned long size, resident, shared = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%lu %lu %lu", &size, &resident, &shared) != 3)
		abort();
	(void) fclose(f);
	return shared;
}

static void
test_memory(void)
{
	const unsigned cpus = 4, pieces = 200;
	static struct builder b;
	struct trace_decoder *d = trace_decoder_new(false);
	struct trace_file *f = NULL;
	unsigned long before;
	const char *why;

	new_file();
	for (unsigned i = 0; i < pieces; i++) {
		for (uint64_t t = 1000 * (i / cpus + 1); b.n < 40000; t++)
			vmentry(&b, t);
		piece(i % cpus, &b, 0);
	}
	before = file_pages();
	ok(trace_file_open(path, &f, &why) == 0 && trace_file_decode(f, d) == 0 &&
		trace_decoder_summary(d)->bytes > 8000000,
	    "a trace of 8 MB is read");
	ok((file_pages() - before) * (unsigned long) sysconf(_SC_PAGESIZE) < 2 << 20,
	    "and less than 2 MiB of it are in memory then");
	trace_file_close(f);
	trace_decoder_free(d);
}

static void
test_hz(void)
{
	static const struct {
		const char *text;
		double hz;
		int r;
	} rows[] = {{"2599997000", 2599997000.0, 0}, {"2.6G", 2.6e9, 0}, {"200M", 2e8, 0},
	    {"2600000k", 2.6e9, 0}, {"", 0, -EINVAL}, {"G", 0, -EINVAL}, {"2.6GHz", 0, -EINVAL},
	    {"fast", 0, -EINVAL}, {"0", 0, -ERANGE}, {"-1G", 0, -ERANGE}, {"1000G", 0, -ERANGE},
	    {"0000000000000000000000000000000000001", 0, -EINVAL}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		double hz = 0;

		ok(parse_hz(rows[i].text, &hz) == rows[i].r && hz > rows[i].hz - 1 &&
			hz < rows[i].hz + 1,
		    "a rate of \"%s\" is %s", rows[i].text, rows[i].r ? "refused" : "understood");
	}
}

int
main(void)
{
	int fd;

	(void) snprintf(path, sizeof(path), "trace_file.XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		abort();
	(void) close(fd);
	test_round_the_cpus(1, 500);
	test_round_the_cpus(2, 500);
	test_round_the_cpus(5, 101);
	test_round_the_cpus(70, 30);
	test_round_the_cpus(600, 8);
	test_coming_and_going();
	test_damaged();
	test_refused();
	test_shown();
	test_memory();
	test_hz();
	(void) unlink(path);
	return done_testing();
}
