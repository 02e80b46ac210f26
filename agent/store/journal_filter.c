/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>
#include "store/journal_filter.h"

#include <errno.h>
#include <math.h>
#include <yajl/yajl_gen.h>

#include "base/utf8.h"
#include "base/util.h"

#define MAX_HEAD 4096 /* bytes of a line before its rounds */
#define ALL UINT32_MAX

_Static_assert(sizeof(struct journal_entry) == 64, "the index is a table of 64 bytes an entry");

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t
hash(const char *text, size_t n)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char) text[i]) * 1099511628211u;
	return h;
}

/* The line's part before the rounds, whose members have some of the names, too. */
struct head {
	const char *text;
	size_t n;
};

static struct head
head_of(const char *line, size_t n)
{
	static const char rounds[] = ",\"rounds\":";
	const char *end = memmem(line, MIN(n, MAX_HEAD), rounds, sizeof(rounds) - 1);

	return (struct head){line, end ? (size_t) (end - line) : MIN(n, MAX_HEAD)};
}

/* Where the value of a member begins, NULL: nowhere. record_gen writes no spaces, and a quote within a text has a
 * backslash before it. */
static const char *
value_of(const struct head *head, const char *member, size_t *ret_left)
{
	size_t n = strlen(member);
	const char *found = memmem(head->text, head->n, member, n);

	if (!found)
		return NULL;
	*ret_left = head->n - (size_t) (found + n - head->text);
	return found + n;
}

/* The same for a text, up to its closing quote; member ends with the opening one. */
static const char *
text_of(const struct head *head, const char *member, size_t *ret_n)
{
	size_t left, n = 0;
	const char *text = value_of(head, member, &left);

	while (text && n < left && text[n] != '"')
		n += text[n] == '\\' ? 2 : 1;
	if (!text || n >= left)
		return NULL;
	*ret_n = n;
	return text;
}

static uint64_t
text_hash(const struct head *head, const char *member)
{
	size_t n;
	const char *text = text_of(head, member, &n);

	return text ? hash(text, n) : 0;
}

static uint8_t
word_of(const struct head *head, const char *member, const struct words *words)
{
	size_t n;
	const char *text = text_of(head, member, &n);
	int value = text ? words_find(words, text, n) : -EINVAL;

	return value < 0 ? UNKNOWN_WORD : (uint8_t) value;
}

static double
number_of(const struct head *head, const char *member)
{
	size_t left;
	const char *text = value_of(head, member, &left);
	char copy[32];
	double v;

	if (!text)
		return NAN;
	left = MIN(left, sizeof(copy) - 1);
	memcpy(copy, text, left);
	copy[left] = '\0';
	copy[strcspn(copy, ",}")] = '\0';
	return parse_seconds(copy, &v) == 0 ? v : NAN;
}

bool
journal_line_id(const char *line, size_t n, char *ret_id)
{
	static const char begin[] = "{\"id\":\"";
	const char *id = line + sizeof(begin) - 1;
	const char *end;

	if (n < sizeof(begin) || memcmp(line, begin, sizeof(begin) - 1) != 0)
		return false;
	end = memchr(id, '"', MIN(n - (sizeof(begin) - 1), RECORD_ID_SIZE));
	if (!end || end == id)
		return false;
	memcpy(ret_id, id, (size_t) (end - id));
	ret_id[end - id] = '\0';
	return true;
}

bool
journal_entry_of(const char *line, size_t n, struct journal_entry *ret)
{
	static const char begin[] = "{\"id\":\"";
	const struct head head = head_of(line, n);
	char uuid[UUID_SIZE];
	const char *text;
	size_t length;

	if (n < sizeof(begin) || n > MAX_RECORD_JSON || memcmp(line, begin, sizeof(begin) - 1) != 0)
		return false;
	*ret = (struct journal_entry){.n = (uint32_t) n, .format = JOURNAL_ENTRY_FORMAT,
	    .id = text_hash(&head, begin), .name = text_hash(&head, "\"name\":\""),
	    .direction = word_of(&head, "\"direction\":\"", &direction_words),
	    .toolstack = word_of(&head, "\"toolstack\":\"", &toolstack_words),
	    .result = word_of(&head, "\"result\":\"", &record_result_words),
	    .started = number_of(&head, "\"started\":"), .ended = number_of(&head, "\"ended\":")};
	text = text_of(&head, "\"uuid\":\"", &length);
	if (text && length == sizeof(uuid) - 1) {
		memcpy(uuid, text, length);
		uuid[length] = '\0';
		if (parse_uuid(uuid, uuid) == 0)
			uuid_bytes(uuid, ret->uuid);
	}
	return true;
}

double
journal_entry_time(const struct journal_entry *e)
{
	return isnan(e->ended) ? e->started : e->ended;
}

void
journal_filter_init(struct journal_filter *f)
{
	*f = (struct journal_filter){
	    .since = -INFINITY, .until = INFINITY, .result = ALL, .direction = ALL, .toolstack = ALL};
}

void
journal_filter_id(struct journal_filter *f, const char *id)
{
	f->some = f->by_id = true;
	str_copy(f->id, sizeof(f->id), id);
	f->id_hash = hash(f->id, strlen(f->id));
}

/* As it stands in a record: cleaned, then escaped. */
static void
set_name(struct journal_filter *f, const char *text)
{
	yajl_gen g = yajl_gen_alloc(NULL);
	const unsigned char *json = NULL;
	char name[NAME_SIZE];
	size_t n = 0;

	if (!g)
		abort();
	utf8_clean(name, sizeof(name), text);
	(void) yajl_gen_string(g, (const unsigned char *) name, strlen(name));
	(void) yajl_gen_get_buf(g, &json, &n);
	(void) snprintf(f->name, sizeof(f->name), "%.*s", (int) n - 2, (const char *) json + 1);
	f->name_hash = hash(f->name, strlen(f->name));
	f->by_name = true;
	yajl_gen_free(g);
}

enum criterion { UUID, NAME, SINCE, UNTIL, RESULT, DIRECTION, TOOLSTACK };
const char *const journal_criteria[JOURNAL_CRITERIA] = {[UUID] = "uuid", [NAME] = "name", [SINCE] = "since",
    [UNTIL] = "until", [RESULT] = "result", [DIRECTION] = "direction", [TOOLSTACK] = "toolstack"};

static int
set_uuid(struct journal_filter *f, const char *text, const char *name, char *error, size_t n)
{
	char uuid[UUID_SIZE];

	if (parse_uuid(text, uuid) < 0) {
		(void) snprintf(error, n,
		    "%s takes a UUID of 36 characters; /api/v1/domains lists those of the domains", name);
		return -EINVAL;
	}
	uuid_bytes(uuid, f->uuid);
	f->by_uuid = true;
	return 0;
}

static int
set_time(struct journal_filter *f, double *t, const char *text, double now, const char *name, char *error, size_t n)
{
	if (parse_time(text, now, t) < 0) {
		(void) snprintf(error, n, "%s takes " TIME_FORMS, name);
		return -EINVAL;
	}
	if (f->since > f->until) {
		(void) snprintf(error, n, "since must not be after until");
		return -EINVAL;
	}
	f->by_time = true;
	return 0;
}

static int
set_words(uint32_t *set, const struct words *words, const char *text, const char *name, char *error, size_t n)
{
	char list[128];

	if (parse_words(text, words, set) == 0)
		return 0;
	words_list(words, list, sizeof(list));
	(void) snprintf(error, n, "%s takes one or more, joined by commas, of: %s", name, list);
	return -EINVAL;
}

int
journal_filter_set(struct journal_filter *f, const char *name, const char *text, double now, char *error, size_t n)
{
	size_t i = 0;

	while (i < JOURNAL_CRITERIA && strcmp(journal_criteria[i], name) != 0)
		i++;
	f->some = true;
	switch ((enum criterion) i) {
	case UUID:
		return set_uuid(f, text, name, error, n);
	case NAME:
		set_name(f, text);
		return 0;
	case SINCE:
		return set_time(f, &f->since, text, now, name, error, n);
	case UNTIL:
		return set_time(f, &f->until, text, now, name, error, n);
	case RESULT:
		return set_words(&f->result, &record_result_words, text, name, error, n);
	case DIRECTION:
		return set_words(&f->direction, &direction_words, text, name, error, n);
	case TOOLSTACK:
		return set_words(&f->toolstack, &toolstack_words, text, name, error, n);
	}
	(void) snprintf(error, n, "there is no criterion %s", name);
	return -EINVAL;
}

static bool
has(uint32_t set, uint8_t word)
{
	return set == ALL || (word < 32 && (set >> word & 1));
}

static bool
in_time(const struct journal_filter *f, const struct journal_entry *e)
{
	double begin = isnan(e->started) ? e->ended : e->started;
	double end = e->result == RESULT_RUNNING ? INFINITY : journal_entry_time(e);

	return begin <= f->until && end >= f->since;
}

bool
journal_filter_entry(const struct journal_filter *f, const struct journal_entry *e)
{
	return has(f->result, e->result) && has(f->direction, e->direction) && has(f->toolstack, e->toolstack) &&
	    (!f->by_uuid || memcmp(f->uuid, e->uuid, sizeof(f->uuid)) == 0) &&
	    (!f->by_id || f->id_hash == e->id) && (!f->by_name || f->name_hash == e->name) &&
	    (!f->by_time || in_time(f, e));
}

static bool
is_text(const struct head *head, const char *member, const char *want)
{
	size_t n;
	const char *text = text_of(head, member, &n);

	return text && strlen(want) == n && memcmp(text, want, n) == 0;
}

bool
journal_filter_line(const struct journal_filter *f, const char *line, size_t n)
{
	const struct head head = head_of(line, n);
	struct journal_entry e;

	if (!f->some)
		return true;
	return (!f->by_id || is_text(&head, "{\"id\":\"", f->id)) &&
	    (!f->by_name || is_text(&head, "\"name\":\"", f->name)) && journal_entry_of(line, n, &e) &&
	    journal_filter_entry(f, &e);
}
