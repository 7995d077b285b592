/* SPDX-License-Identifier: MIT */
/*
 * The FIFO ABI: a word for each port, in pages that we give Xen, and for each CPU a control block
 * with the heads of 16 queues, by priority, that link the words of pending ports. Xen appends, we
 * take from the head; a queue whose last word we unlinked begins anew at the control block's head.
 *
 * No locks for words and queues: words change by compare-and-exchange, a queue is taken from by its
 * CPU alone. Pages given to Xen stay with it: there is no giving back short of EVTCHNOP_reset,
 * which would close ports under their users. The array grows under xen_evtchn.lock.
 */
#include <xen/p2m.h>

#include "evtchn-internal.h"

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED (1u << EVTCHN_FIFO_MASKED)
#define LINKED (1u << EVTCHN_FIFO_LINKED)
#define BUSY (1u << EVTCHN_FIFO_BUSY)

#define WORDS_A_PAGE (XEN_PAGE_SIZE / sizeof(event_word_t))
#define NR_PAGES (EVTCHN_FIFO_NR_CHANNELS / WORDS_A_PAGE)

static event_word_t *array[NR_PAGES];
static unsigned int nr_pages;

void xen_evtchn_fifo_init(void)
{
	__builtin_memset(array, 0, sizeof(array));
	nr_pages = 0;
}

/* NULL: no such port, or none that was ever bound. */
static event_word_t *word_of(evtchn_port_t port)
{
	event_word_t *page;

	if (port >= EVTCHN_FIFO_NR_CHANNELS)
		return NULL;
	page = xen_load_acquire(&array[port / WORDS_A_PAGE]);
	return page ? &page[port % WORDS_A_PAGE] : NULL;
}

static uint64_t frame_of(const void *page)
{
	return mfn_x(xen_pfn_to_mfn(xen_port_virt_to_pfn(page)));
}

static int expand(void)
{
	event_word_t *page = xen_port_alloc_pages(0);
	struct evtchn_expand_array op;
	unsigned int i;
	int rc;

	if (!page)
		return -XEN_ENOMEM;
	for (i = 0; i < WORDS_A_PAGE; i++)
		page[i] = MASKED;
	op.array_gfn = frame_of(page);
	rc = hypercall_event_channel_op(EVTCHNOP_expand_array, &op);
	if (rc) {
		xen_port_free_pages(page, 0);
		return rc < 0 ? rc : -XEN_EIO;
	}
	xen_store_release(&array[nr_pages++], page);
	return 0;
}

static int prepare(evtchn_port_t port)
{
	int rc = 0;

	while (!rc && port / WORDS_A_PAGE >= nr_pages)
		rc = expand();
	return rc;
}

static void mask(evtchn_port_t port)
{
	__atomic_fetch_or(word_of(port), MASKED, __ATOMIC_SEQ_CST);
}

/* While the word is busy Xen links another one to it and must not find it changed by us; what is
 * pending only Xen can link. */
static void unmask(evtchn_port_t port)
{
	event_word_t *word = word_of(port), seen = xen_load(word);

	do {
		if (seen & (PENDING | BUSY)) {
			xen_evtchn_unmask_by_xen(port);
			return;
		}
	} while (!__atomic_compare_exchange_n(word, &seen, seen & ~MASKED, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
}

static void clear(evtchn_port_t port)
{
	event_word_t *word = word_of(port);

	if (word)
		__atomic_fetch_and(word, ~PENDING, __ATOMIC_SEQ_CST);
}

/* What the word was: its link is the next port of the queue, 0 at the end. */
static event_word_t unlink(event_word_t *word)
{
	event_word_t seen = xen_load(word);

	while (!__atomic_compare_exchange_n(word, &seen,
					    seen & ~(LINKED | (event_word_t)EVTCHN_FIFO_LINK_MASK),
					    false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	return seen;
}

/* Take the first port of queue @queue; it is empty now: true in *@empty. Was a handler called? */
static bool serve_one(struct xen_evtchn_cpu *cpu, unsigned int queue, bool *empty)
{
	evtchn_port_t port = cpu->head[queue];
	event_word_t *word, seen;

	if (!port)
		port = xen_load_acquire(&cpu->control->head[queue]);
	word = word_of(port);
	cpu->head[queue] = 0;
	*empty = true;
	if (!port || !word) {
		xen_port_log(XEN_LOG_ERROR, "event queue %u leads to port %u: cut off", queue,
			     port);
		return false;
	}
	seen = unlink(word);
	cpu->head[queue] = seen & EVTCHN_FIFO_LINK_MASK;
	*empty = !cpu->head[queue];
	return (seen & PENDING) && !(seen & MASKED) && xen_evtchn_deliver(port);
}

static bool upcall(unsigned int id, unsigned int budget)
{
	struct xen_evtchn_cpu *cpu = &xen_evtchn.cpu[id];
	uint32_t *ready = &cpu->control->ready;
	uint32_t queues;
	bool empty;

	do {
		xen_store(&cpu->info->evtchn_upcall_pending, 0);
		queues = __atomic_exchange_n(ready, 0, __ATOMIC_SEQ_CST);
		while (queues) {
			unsigned int queue = (unsigned int)__builtin_ctz(queues);

			if (!budget) {
				__atomic_fetch_or(ready, queues, __ATOMIC_SEQ_CST);
				xen_store(&cpu->info->evtchn_upcall_pending, 1);
				return true;
			}
			budget -= serve_one(cpu, queue, &empty);
			if (empty)
				queues &= ~(1u << queue);
			queues |= __atomic_exchange_n(ready, 0, __ATOMIC_SEQ_CST);
		}
	} while (xen_load(&cpu->info->evtchn_upcall_pending));
	return false;
}

const struct evtchn_abi xen_evtchn_fifo = {
	.nr_ports = EVTCHN_FIFO_NR_CHANNELS,
	.prepare = prepare,
	.mask = mask,
	.unmask = unmask,
	.clear = clear,
	.upcall = upcall,
};

static int give_control(unsigned int id)
{
	struct evtchn_init_control op = {.vcpu = id};
	struct evtchn_fifo_control_block *control = xen_port_alloc_pages(0);
	int rc;

	if (!control)
		return -XEN_ENOMEM;
	__builtin_memset(control, 0, XEN_PAGE_SIZE);
	op.control_gfn = frame_of(control);
	rc = hypercall_event_channel_op(EVTCHNOP_init_control, &op);
	if (rc) {
		xen_port_free_pages(control, 0);
		return rc < 0 ? rc : -XEN_EIO;
	}
	XEN_ASSERT(op.link_bits <= EVTCHN_FIFO_LINK_BITS);
	xen_evtchn.cpu[id].control = control;
	return 0;
}

int xen_evtchn_fifo_enable(void)
{
	int rc;

	if (xen_evtchn.abi == &xen_evtchn_fifo)
		return 0;
	if (xen_load(&xen_evtchn.nr_bound))
		return -XEN_EBUSY;
	rc = give_control(0);
	if (!rc)
		xen_evtchn.abi = &xen_evtchn_fifo;
	return rc;
}

int xen_evtchn_fifo_cpu(unsigned int cpu)
{
	if (cpu >= xen_evtchn.nr_cpus)
		return -XEN_EINVAL;
	if (xen_evtchn.abi != &xen_evtchn_fifo || xen_evtchn.cpu[cpu].control)
		return 0;
	return give_control(cpu);
}
