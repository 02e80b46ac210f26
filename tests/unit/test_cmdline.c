/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <config.h>

#include <string.h>

#include "base/util.h"
#include "collect/cmdline.h"
#include "tests/tap.h"

#define CPUID(id) (enum cmdline_key)(CMDLINE_CPUID + FEATURE_##id)

static const struct {
	const char *line;
	enum cmdline_key key;
	enum choice choice;
	const char *text, *claim;
} rows[] = {
    {"", CMDLINE_SMAP, CHOICE_NONE, "", "an empty line decides nothing"},
    {"console=com1 loglvl=all", CMDLINE_SMAP, CHOICE_NONE, "", "other options decide nothing"},
    {"smap", CMDLINE_SMAP, CHOICE_YES, "smap", "smap alone is yes"},
    {"smap=", CMDLINE_SMAP, CHOICE_YES, "smap=", "smap= with nothing behind it is yes too"},
    {"smap=1", CMDLINE_SMAP, CHOICE_YES, "smap=1", "1 is yes"},
    {"smap=enable", CMDLINE_SMAP, CHOICE_YES, "smap=enable", "enable is yes"},
    {"smap=0", CMDLINE_SMAP, CHOICE_NO, "smap=0", "0 is no"},
    {"smap=disable", CMDLINE_SMAP, CHOICE_NO, "smap=disable", "disable is no"},
    {"smap=off", CMDLINE_SMAP, CHOICE_NO, "smap=off", "off is no"},
    {"smap=hvm", CMDLINE_SMAP, CHOICE_HVM, "smap=hvm", "hvm is for guests only"},
    {"no-smap", CMDLINE_SMAP, CHOICE_NO, "no-smap", "no-smap is no"},
    {"no-smap=", CMDLINE_SMAP, CHOICE_NO, "no-smap=", "no-smap= with nothing behind it is no too"},
    {"no-smap=hvm", CMDLINE_SMAP, CHOICE_NONE, "", "no-smap=x is invalid"},
    {"no-smap=1", CMDLINE_SMAP, CHOICE_NONE, "", "no-smap=1 is invalid"},
    {"smap=No", CMDLINE_SMAP, CHOICE_NONE, "", "there is no case folding in the value"},
    {"SMAP=0", CMDLINE_SMAP, CHOICE_NONE, "", "nor in the name"},
    {"smap=hvm,x", CMDLINE_SMAP, CHOICE_NONE, "", "smap takes no list"},
    {"xsmap=0 smapx=0", CMDLINE_SMAP, CHOICE_NONE, "", "the name must match whole"},
    {"smap=0 smap=1", CMDLINE_SMAP, CHOICE_YES, "smap=1", "the last one wins"},
    {"smap=hvm smap=maybe", CMDLINE_SMAP, CHOICE_HVM, "smap=hvm",
	"an invalid value leaves the earlier one in force"},
    {"smap=hvm no-smap=1", CMDLINE_SMAP, CHOICE_HVM, "smap=hvm", "so does an invalid no-smap=1"},
    {"smap=0 -- smap=1", CMDLINE_SMAP, CHOICE_NO, "smap=0", "what follows -- is Dom0's"},
    {"smap=0 --", CMDLINE_SMAP, CHOICE_NO, "smap=0", "-- at the end separates nothing"},
    {"smap=0\tsmap=1", CMDLINE_SMAP, CHOICE_NONE, "", "a tab does not separate options"},
    {"   smap=0   ", CMDLINE_SMAP, CHOICE_NO, "smap=0", "blanks at both ends do not matter"},
    {"smap=0 smep=1", CMDLINE_SMEP, CHOICE_YES, "smep=1", "smep has a value of its own"},
    {"smap=0 smep=1", CMDLINE_SMAP, CHOICE_NO, "smap=0", "which leaves smap alone"},
    {"ept=no-pml", CMDLINE_EPT_PML, CHOICE_NO, "ept=no-pml", "ept=no-pml switches PML off"},
    {"ept=pml=0", CMDLINE_EPT_PML, CHOICE_NO, "ept=pml=0", "ept=pml=0 does too"},
    {"ept=no-pml=1", CMDLINE_EPT_PML, CHOICE_YES, "ept=no-pml=1",
	"behind a value Xen forgets about no-"},
    {"ept=pml=x", CMDLINE_EPT_PML, CHOICE_NONE, "", "a value that is no word decides nothing"},
    {"ept=exec-sp,no-ad,pml=off", CMDLINE_EPT_AD, CHOICE_NO, "ept=no-ad",
	"a list holds several parts"},
    {"ept=exec-sp,no-ad,pml=off", CMDLINE_EPT_PML, CHOICE_NO, "ept=pml=off",
	"each of which counts"},
    {"ept=nonsense,no-pml", CMDLINE_EPT_PML, CHOICE_NO, "ept=no-pml",
	"a part that Xen does not know leaves the others in force"},
    {"ept=no-pml ept=exec-sp", CMDLINE_EPT_PML, CHOICE_NO, "ept=no-pml",
	"a later list changes only what it names"},
    {"ept=no-pml ept=pml", CMDLINE_EPT_PML, CHOICE_YES, "ept=pml", "and that it changes"},
    {"ept=no-pmlx", CMDLINE_EPT_PML, CHOICE_NONE, "", "a part must match whole"},
    {"ept", CMDLINE_EPT_PML, CHOICE_NONE, "", "ept alone decides nothing"},
    {"no-ept", CMDLINE_EPT_PML, CHOICE_NONE, "", "nor does no-ept"},
    {"ept=,,no-pml,", CMDLINE_EPT_PML, CHOICE_NO, "ept=no-pml", "empty parts do no harm"},
    {"cpuid=no-smap,no-smep", CPUID(SMAP), CHOICE_NO, "cpuid=no-smap", "cpuid= clears features"},
    {"cpuid=no-smap,no-smep", CPUID(SMEP), CHOICE_NO, "cpuid=no-smep", "all that it names"},
    {"cpuid=no-smap,smap", CPUID(SMAP), CHOICE_NO, "cpuid=no-smap", "what is cleared stays so"},
    {"cpuid=no-smap cpuid=smap", CPUID(SMAP), CHOICE_NO, "cpuid=no-smap",
	"a later option changes nothing"},
    {"cpuid=smap", CPUID(SMAP), CHOICE_NONE, "", "cpuid=smap sets nothing"},
    {"cpuid=smap=0", CPUID(SMAP), CHOICE_NO, "cpuid=smap=0", "cpuid=smap=0 clears it"},
    {"cpuid=cet-ss=no", CPUID(CET_SS), CHOICE_NO, "cpuid=cet-ss=no", "names may have a dash"},
    {"dom0-cpuid=no-smap", CPUID(SMAP), CHOICE_NONE, "", "dom0-cpuid= is another option"},
    {"cet=no-shstk", CMDLINE_CET_SHSTK, CHOICE_NO, "cet=no-shstk",
	"cet= switches shadow stacks off"},
    {"cet=shstk,no-ibt", CMDLINE_CET_SHSTK, CHOICE_YES, "cet=shstk", "or on"},
    {"cet=shstk,no-ibt", CMDLINE_CET_IBT, CHOICE_NO, "cet=no-ibt", "and branch tracking off"},
    {"hap=0", CMDLINE_HAP, CHOICE_NO, "hap=0", "hap=0 is no"},
    {"no-hap", CMDLINE_HAP, CHOICE_NO, "no-hap", "no-hap is no"},
    {"no-hap=0", CMDLINE_HAP, CHOICE_YES, "no-hap=0",
	"no-hap=0 is yes, since hap is a plain boolean"},
    {"hap", CMDLINE_HAP, CHOICE_YES, "hap", "hap alone is yes"},
    {"hap=0 hap=2", CMDLINE_HAP, CHOICE_NO, "hap=0", "an invalid value of it changes nothing"},
};

static void
test_rows(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct cmdline c;

		memset(&c, 0, sizeof(c));
		cmdline_apply(&c, rows[i].line);
		ok(c.choice[rows[i].key] == rows[i].choice &&
			strcmp(c.text[rows[i].key], rows[i].text) == 0,
		    "\"%s\": %s", rows[i].line, rows[i].claim);
	}
}

static void
test_lengths(void)
{
	char line[400];
	struct cmdline c;

	/* Xen keeps 127 characters of an option: of "ept=xxx...x,no-pml" the end is lost */
	memset(line, 'x', sizeof(line));
	memcpy(line, "ept=", 4);
	str_copy(line + 200, sizeof(line) - 200, ",no-pml smap=0");
	memset(&c, 0, sizeof(c));
	cmdline_apply(&c, line);
	ok(c.choice[CMDLINE_EPT_PML] == CHOICE_NONE,
	    "what goes beyond 127 characters of an option is lost");
	ok(c.choice[CMDLINE_SMAP] == CHOICE_NO, "the option behind it is read as usual");

	memset(line, 'x', sizeof(line));
	memcpy(line, "ept=", 4);
	memcpy(line + 117, ",no-pml,", 8);
	line[140] = '\0';
	memset(&c, 0, sizeof(c));
	cmdline_apply(&c, line);
	ok(c.choice[CMDLINE_EPT_PML] == CHOICE_NO, "up to there it is read");

	memset(line, 'x', sizeof(line));
	memcpy(line, "ept=", 4);
	memcpy(line + 120, ",no-pmlyy", 9);
	line[140] = '\0';
	memset(&c, 0, sizeof(c));
	cmdline_apply(&c, line);
	ok(c.choice[CMDLINE_EPT_PML] == CHOICE_NO,
	    "the cut itself can make a valid option, as it does for Xen");
}

static void
test_two_lines(void)
{
	struct cmdline c;

	memset(&c, 0, sizeof(c));
	cmdline_apply(&c, "smap=0 ept=no-pml");
	cmdline_apply(&c, "smap=hvm");
	ok(c.choice[CMDLINE_SMAP] == CHOICE_HVM,
	    "the boot loader's line counts after the built-in one");
	ok(c.choice[CMDLINE_EPT_PML] == CHOICE_NO, "which counts where it is silent");

	memset(&c, 0, sizeof(c));
	cmdline_apply(&c, "ept=no-pml,x\x01\xff cpuid=no-smap\x1b");
	ok(c.choice[CPUID(SMAP)] == CHOICE_NONE, "control characters are part of a word");
	cmdline_apply(&c, "\xff smap=\xff -- ");
	ok(c.choice[CMDLINE_SMAP] == CHOICE_NONE, "bytes that are no characters are no words");
}

int
main(void)
{
	test_rows();
	test_lengths();
	test_two_lines();
	return done_testing();
}
