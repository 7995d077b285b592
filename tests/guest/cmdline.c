/* SPDX-License-Identifier: MIT */
/*
 * The command line, by a table: a row gives a key its kind, its place in struct options, its
 * bounds and its line of help. Parsing touches nothing but its arguments, so that the tests can
 * feed it mistakes.
 */
#include "cmdline.h"

#include "boot.h"
#include "text.h"

struct options options;

enum key_kind { KEY_BOOL, KEY_NUMBER, KEY_BYTES, KEY_NAMES };

struct key {
	const char *name;
	enum key_kind kind;
	size_t offset;
	uint64_t min, max;
	const char *help;
};

#define KEY(name_, kind_, field, min_, max_, help_)                                                \
	{                                                                                          \
		.name = name_, .kind = kind_, .offset = offsetof(struct options, field),           \
		.min = min_, .max = max_, .help = help_                                            \
	}

static const struct key keys[] = {
	KEY("test", KEY_NAMES, test, 0, 0, "scenarios to run, with commas between; all: every one"),
	KEY("demo", KEY_BOOL, demo, 0, 1, "copy NVMe disk src to dst through the edu devices"),
	KEY("bench", KEY_BOOL, bench, 0, 1, "measure the library's operations on an edu device"),
	KEY("profile", KEY_NAMES, profile, 0, 0,
	    "with bench=1: run this row for ever, to be watched"),
	KEY("map", KEY_BOOL, map, 0, 1, "print the memory map (on by default)"),
	KEY("color", KEY_BOOL, color, 0, 1, "colour the memory map"),
	KEY("cpus", KEY_NUMBER, cpus, 1, BOOT_MAX_CPUS, "virtual CPUs to start"),
	KEY("seed", KEY_NUMBER, seed, 0, ~0ULL, "seed of everything random"),
	KEY("iterations", KEY_NUMBER, iterations, 1, 100000000, "rounds of scenarios that repeat"),
	KEY("wait", KEY_NUMBER, wait_ms, 100, 600000, "deadline for an answer, milliseconds"),
	KEY("edu", KEY_NUMBER, edu, 0, 256, "how many edu devices there must be"),
	KEY("nvme", KEY_NUMBER, nvme, 0, 256, "how many NVMe controllers there must be"),
	KEY("pool-max", KEY_BYTES, pool_max, 1 << 15, 1ULL << 40, "most bytes of a bounce pool"),
	KEY("pool-initial", KEY_BYTES, pool_initial, 1 << 15, 1ULL << 40,
	    "bytes that a bounce pool starts with"),
	KEY("mmcfg", KEY_BOOL, mmcfg, 0, 1, "use PCI MMCFG where the firmware has it (default)"),
	KEY("evtchn", KEY_NAMES, evtchn, 0, 0, "event channels, read by the boot kernel: 2l, fifo"),
	KEY("help", KEY_BOOL, help, 0, 1, "list keys and scenarios, run nothing"),
};

void options_default(struct options *opt)
{
	static const struct options defaults = {
		.map = true,
		.mmcfg = true,
		.cpus = 1,
		.seed = 1,
		.wait_ms = 20000,
		.edu = EXPECT_ANY,
		.nvme = EXPECT_ANY,
	};

	*opt = defaults;
}

static bool parse_digits(const char *s, size_t n, uint64_t *value)
{
	size_t i;

	*value = 0;
	if (!n)
		return false;
	for (i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(s[i] - '0'), value))
			return false;
	}
	return true;
}

/* A number with K, M or G behind it. */
static bool parse_bytes(const char *s, size_t n, uint64_t *value)
{
	unsigned int shift = 0;

	if (n && (s[n - 1] == 'K' || s[n - 1] == 'k'))
		shift = 10;
	else if (n && (s[n - 1] == 'M' || s[n - 1] == 'm'))
		shift = 20;
	else if (n && (s[n - 1] == 'G' || s[n - 1] == 'g'))
		shift = 30;
	if (!parse_digits(s, n - (shift ? 1 : 0), value))
		return false;
	return !__builtin_mul_overflow(*value, 1ULL << shift, value);
}

static bool parse_value(const struct key *key, const char *s, size_t n, struct options *opt)
{
	void *field = (char *)opt + key->offset;
	uint64_t value;
	bool ok;

	if (key->kind == KEY_NAMES) {
		*(struct name_list *)field = (struct name_list){.text = s, .length = n};
		return n > 0;
	}
	ok = key->kind == KEY_BYTES ? parse_bytes(s, n, &value) : parse_digits(s, n, &value);
	if (!ok || value < key->min || value > key->max)
		return false;
	if (key->kind == KEY_BOOL)
		*(bool *)field = value;
	else
		*(uint64_t *)field = value;
	return true;
}

/* A word of the command line as text of its own, cut when long. */
#define SHOWN_MAX 48

static void show_word(char shown[SHOWN_MAX], const char *word, size_t n)
{
	size_t i;

	for (i = 0; i < n && i < SHOWN_MAX - 1; i++)
		shown[i] = word[i] >= 0x20 && word[i] < 0x7f ? word[i] : '?';
	shown[i] = 0;
}

static void explain_value(const struct key *key, const char *word, size_t n,
			  char error[CMDLINE_ERROR_MAX])
{
	char shown[SHOWN_MAX];

	show_word(shown, word, n);
	if (key->kind == KEY_NAMES)
		boot_snprintf(error, CMDLINE_ERROR_MAX, "\"%s\": %s= wants names", shown,
			      key->name);
	else
		boot_snprintf(error, CMDLINE_ERROR_MAX,
			      "\"%s\": %s= wants a number from %lu to %lu%s", shown, key->name,
			      key->min, key->max,
			      key->kind == KEY_BYTES ? " (K, M, G allowed)" : "");
}

static bool parse_word(const char *word, size_t n, struct options *opt,
		       char error[CMDLINE_ERROR_MAX])
{
	char shown[SHOWN_MAX];
	size_t split, i;

	for (split = 0; split < n && word[split] != '='; split++)
		;
	for (i = 0; i < ARRAY_LEN(keys); i++) {
		if (!text_is(word, split, keys[i].name))
			continue;
		if (split < n && parse_value(&keys[i], word + split + 1, n - split - 1, opt))
			return true;
		explain_value(&keys[i], word, n, error);
		return false;
	}
	show_word(shown, word, n);
	boot_snprintf(error, CMDLINE_ERROR_MAX, "unknown word \"%s\"; help=1 lists the words",
		      shown);
	return false;
}

bool cmdline_parse(const char *line, struct options *opt, char error[CMDLINE_ERROR_MAX])
{
	while (*line) {
		size_t n = 0;

		while (*line == ' ' || *line == '\t')
			line++;
		while (line[n] && line[n] != ' ' && line[n] != '\t')
			n++;
		if (n && !parse_word(line, n, opt, error))
			return false;
		line += n;
	}
	if (opt->pool_max && opt->pool_initial > opt->pool_max) {
		boot_snprintf(error, CMDLINE_ERROR_MAX, "pool-initial= is above pool-max=");
		return false;
	}
	return true;
}

void cmdline_help(void)
{
	static const char *const value[] = {"0 or 1", "number", "bytes", "names"};
	size_t i;

	for (i = 0; i < ARRAY_LEN(keys); i++)
		boot_printf("  %-13s %-7s  %s\n", keys[i].name, value[keys[i].kind], keys[i].help);
}

bool name_list_next(struct name_list *list, const char **name, uint64_t *length)
{
	uint64_t n = 0;

	if (!list->text)
		return false;
	while (n < list->length && list->text[n] != ',')
		n++;
	*name = list->text;
	*length = n;
	if (n == list->length)
		list->text = NULL;
	else {
		list->text += n + 1;
		list->length -= n + 1;
	}
	return true;
}
