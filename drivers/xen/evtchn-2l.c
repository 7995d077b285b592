/* SPDX-License-Identifier: MIT */
/*
 * The 2-level ABI: a pending and a mask bit for each of 4096 ports in shared_info, and for each CPU
 * a word that says in which of the 64 words to look. Every CPU sees every bit, so a port is left to
 * the CPU that Xen notifies for it. No locks: all is atomic operations on bits that Xen changes
 * too.
 *
 * Fairness: each pass begins behind the port that was served last, and serves a port once.
 */
#include "evtchn-internal.h"

#define WORD_BITS (8 * (unsigned int)sizeof(xen_ulong_t))
#define NR_PORTS ((unsigned int)EVTCHN_2L_NR_CHANNELS)

static xen_ulong_t bit_of(evtchn_port_t port)
{
	return 1UL << port % WORD_BITS;
}

static void mask(evtchn_port_t port)
{
	__atomic_fetch_or(&xen_evtchn.shared->evtchn_mask[port / WORD_BITS], bit_of(port),
			  __ATOMIC_SEQ_CST);
}

static bool is_pending(evtchn_port_t port)
{
	return __atomic_load_n(&xen_evtchn.shared->evtchn_pending[port / WORD_BITS],
			       __ATOMIC_SEQ_CST) &
	       bit_of(port);
}

/*
 * Only Xen may notify for a bit that became pending while masked, and it does so only for a bit
 * that it finds masked.
 */
static void unmask(evtchn_port_t port)
{
	if (!is_pending(port)) {
		__atomic_fetch_and(&xen_evtchn.shared->evtchn_mask[port / WORD_BITS], ~bit_of(port),
				   __ATOMIC_SEQ_CST);
		if (!is_pending(port))
			return;
	}
	mask(port);
	xen_evtchn_unmask_by_xen(port);
}

static void clear(evtchn_port_t port)
{
	__atomic_fetch_and(&xen_evtchn.shared->evtchn_pending[port / WORD_BITS], ~bit_of(port),
			   __ATOMIC_SEQ_CST);
}

static int prepare(evtchn_port_t port)
{
	return 0;
}

static bool is_others(evtchn_port_t port, unsigned int id)
{
	const struct evtchn_port *p = xen_evtchn_find(port);

	return p && xen_load(&p->cpu) != id;
}

/* Those of @among in word @word; false when the budget is used up. */
static bool serve_word(unsigned int id, unsigned int word, xen_ulong_t among, unsigned int *budget)
{
	xen_ulong_t bits = xen_load(&xen_evtchn.shared->evtchn_pending[word]) &
			   ~xen_load(&xen_evtchn.shared->evtchn_mask[word]) & among;

	for (; bits; bits &= bits - 1) {
		evtchn_port_t port = word * WORD_BITS + (unsigned int)__builtin_ctzl(bits);

		if (is_others(port, id))
			continue;
		if (!*budget)
			return false;
		if (xen_evtchn_deliver(port)) {
			--*budget;
			xen_evtchn.cpu[id].next = (port + 1) % NR_PORTS;
		}
	}
	return true;
}

/* The words in @words, from the port to begin with around to it. */
static bool serve(unsigned int id, xen_ulong_t words, unsigned int *budget)
{
	unsigned int word = xen_evtchn.cpu[id].next / WORD_BITS;
	unsigned int bit = xen_evtchn.cpu[id].next % WORD_BITS;
	xen_ulong_t rest = words >> word | (word ? words << (WORD_BITS - word) : 0);
	bool first = rest & 1;

	if (first && !serve_word(id, word, ~0UL << bit, budget))
		return false;
	for (rest &= ~1UL; rest; rest &= rest - 1)
		if (!serve_word(id, (word + (unsigned int)__builtin_ctzl(rest)) % WORD_BITS, ~0UL,
				budget))
			return false;
	return !first || serve_word(id, word, ~(~0UL << bit), budget);
}

static bool upcall(unsigned int id, unsigned int budget)
{
	struct vcpu_info *info = xen_evtchn.cpu[id].info;
	xen_ulong_t words;

	do {
		xen_store(&info->evtchn_upcall_pending, 0);
		words = __atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
		if (!serve(id, words, &budget)) {
			__atomic_fetch_or(&info->evtchn_pending_sel, words, __ATOMIC_SEQ_CST);
			xen_store(&info->evtchn_upcall_pending, 1);
			return true;
		}
	} while (xen_load(&info->evtchn_upcall_pending));
	return false;
}

void xen_evtchn_2l_init(void)
{
	__builtin_memset(xen_evtchn.shared->evtchn_mask, 0xff,
			 sizeof(xen_evtchn.shared->evtchn_mask));
}

const struct evtchn_abi xen_evtchn_2l = {
	.nr_ports = NR_PORTS,
	.prepare = prepare,
	.mask = mask,
	.unmask = unmask,
	.clear = clear,
	.upcall = upcall,
};
