/* SPDX-License-Identifier: MIT */
/*
 * xenstored by the input: its side of the ring, one act after the other, and what it must have said
 * for the client to be right.
 */
#ifndef XENDMA_TESTS_FUZZ_XENSTORED_HOSTILE_H
#define XENDMA_TESTS_FUZZ_XENSTORED_HOSTILE_H

#include <model/xenstore.h>

#include "fuzz.h"

extern struct xenstored {
	struct fuzz_input *in;
	struct model_xs_link link;
	uint32_t cons;		  /* up to where it has looked at requests */
	struct xsd_sockmsg asked; /* the last header there */
	bool right;  /* there may have been a right reply to this operation's request */
	bool astray; /* where messages begin is not known for sure */
} xenstored;

/* Its turn, while the client waits: model_on_wait(). */
void xenstored_act(void *arg);

#endif
