/* SPDX-License-Identifier: MIT */
/* What the tests of a hypervisor that lies share: which answer is a lie, and its end. */
#ifndef XENDMA_TESTS_LIAR_TEST_H
#define XENDMA_TESTS_LIAR_TEST_H

#include <model/model.h>
#include <xen/p2m.h>

#include "unit.h"

/* Which call is lied about, which answer; how often it came to that. */
static struct {
	enum model_call kind;
	unsigned long cmd;
	unsigned int how, seen;
} about;

static inline void lie_about(enum model_call kind, unsigned long cmd, unsigned int how,
			     void (*lie)(struct model_lie_call *call))
{
	about.kind = kind;
	about.cmd = cmd;
	about.how = how;
	about.seen = 0;
	model_lie(lie);
}

static inline void truth(void)
{
	model_lie(NULL);
	ck_assert_uint_gt(about.seen, 0);
}

static inline bool is_about(const struct model_lie_call *call, bool done)
{
	bool it = call->kind == about.kind && call->cmd == about.cmd && call->done == done;

	about.seen += it;
	return it;
}

static inline void stop(void)
{
	xen_p2m_fini();
	ck_assert_uint_eq(model_allocs().objects, 0);
	ck_assert_uint_eq(model_allocs().pages, 0);
	ck_assert(model_stop());
}

#endif
