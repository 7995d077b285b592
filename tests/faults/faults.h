/* SPDX-License-Identifier: MIT */
/*
 * Fail call N: a scenario is run once for each call that it makes to the hypervisor or the port,
 * with that call failing, and again with a second failure behind the first, which hits roll-backs.
 * Each such run is a process and a machine of its own. It goes
 *
 *	start, prepare, run (the calls of this fail), undo, run, undo, finish, stop
 *
 * where undo judges the state that run() left, whatever failed, and takes it back to what prepare()
 * made. Around all of it the books of frames, pages, objects, ports and PIRQs are compared.
 */
#ifndef XENDMA_TESTS_FAULTS_H
#define XENDMA_TESTS_FAULTS_H

#include <stdint.h>
#include <string.h>

#include <model/model.h>

struct scenario {
	const char *name;
	const struct model_params *params;
	void (*prepare)(void); /* may be NULL, and so may finish */
	void (*run)(void);
	void (*undo)(void);
	void (*finish)(void);
	bool slow; /* thousands of calls: fewer of them are tried */
	/* Documented panics, by the beginning of their message: where a roll-back fails. */
	const char *panics[3];
};

#define SCENARIO(title, machine, before, what, back, after)                                        \
	.name = title, .params = machine, .prepare = before, .run = what, .undo = back,            \
	.finish = after

/* Each ends with an entry without a name. */
extern const struct scenario dma_scenarios[];
extern const struct scenario exchange_scenarios[];
extern const struct scenario memory_scenarios[];
extern const struct scenario balloon_scenarios[];
extern const struct scenario pci_scenarios[];
extern const struct scenario pirq_scenarios[];
extern const struct scenario xenstore_scenarios[];
extern const struct scenario front_scenarios[];

/* One failure: call number @nth of @kind from the start of run(), or from the failure before it. */
struct fault {
	enum model_call kind;
	uint64_t nth; /* 0: none */
	int err;
};

/* What became of a run. */
struct outcome {
	bool ok, panicked;
	unsigned int failures;		/* that happened */
	uint64_t calls[MODEL_NR_CALLS]; /* of the first run() */
	uint64_t later[MODEL_NR_CALLS]; /* of these, behind the last failure */
	char what[256];			/* that is wrong */
};

/* In a child process, which is quiet unless @verbose. */
struct outcome fault_run(const struct scenario *scenario, const struct fault fault[2],
			 bool verbose);

/* In a scenario: say what is wrong and end the run. */
void fault_wrong(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
#define require(cond)                                                                              \
	do {                                                                                       \
		if (!(cond))                                                                       \
			fault_wrong("%s:%d: '%s' does not hold", __FILE__, __LINE__, #cond);       \
	} while (0)

/*
 * The library's @function returned @rc: negative only after a failure, and as its header documents.
 * Returns @rc.
 */
int returned(const char *function, int rc);

/* Something is missing that only a roll-back that failed, or a refusal to give up, may have taken;
 * the library must have logged it. */
void lost(void);

/* errors.c: may @function return @err (negative), after calls that failed as in @fault? */
bool error_documented(const char *function, int err, const struct fault fault[2]);
/* Does the table there say what the headers in directory @include say? Prints what it does not. */
bool errors_match_headers(const char *include);

/* wrong.c: of this many scenarios with something wrong, how many pass? Prints them. */
unsigned int wrong_nr(void);
unsigned int wrong_unnoticed(void);

const char *error_name(int err);
/* Negative; 0 if there is none of that name. */
int error_number(const char *name);

#endif
