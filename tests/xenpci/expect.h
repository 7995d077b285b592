/* SPDX-License-Identifier: MIT */
/*
 * What tests of xenpci's commands say about the fake host.
 */
#ifndef XENDMA_TESTS_XENPCI_EXPECT_H
#define XENDMA_TESTS_XENPCI_EXPECT_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

/* Run it and want a status. */
static inline void expect(enum exit_status status, const char *line)
{
	enum exit_status got = world_run(line);

	ck_assert_msg(got == status, "`%s` ended with %d:\n%s", line, got, world_output);
}

static inline void expect_said(const char *text)
{
	ck_assert_msg(strstr(world_output, text), "no \"%s\" in:\n%s", text, world_output);
}

/* The host is as it was; frees before. */
static inline void expect_same(char *before, const char *when, unsigned long call)
{
	char *after = world_dump();

	ck_assert_msg(!strcmp(before, after), "%s, call %lu: before:\n%s\nafter:\n%s\nsaid:\n%s",
		      when, call, before, after, world_output);
	free(before);
	free(after);
}

/* Refused with this status and these words, and nothing changed. */
static inline void refuse(const char *line, enum exit_status status, const char *words)
{
	char *before = world_dump();

	expect(status, line);
	expect_said(words);
	expect_same(before, line, 0);
}

#endif
