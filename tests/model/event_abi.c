/* SPDX-License-Identifier: MIT */
/*
 * What Xen does in memory shared with the first domain to tell it of an event: the bits of
 * shared_info, or, once the domain asked for it, the words and queues of the FIFO ABI. As in Xen an
 * event of a masked port is pending and no more, and unmasking tells of it. All queues have the
 * default priority. channel_lock held.
 */
#include <string.h>

#include <model/domain-internal.h>

#define BITS (8 * sizeof(xen_ulong_t))
#define WORDS_A_PAGE (XEN_PAGE_SIZE / sizeof(event_word_t))
#define QUEUE EVTCHN_FIFO_PRIORITY_DEFAULT
#define NR_VCPUS XEN_LEGACY_MAX_VCPUS

static struct shared_info shared __attribute__((aligned(4096)));
static bool fifo;
static event_word_t *array[NR_CHANNELS / WORDS_A_PAGE];
static unsigned int nr_array;
static struct {
	struct evtchn_fifo_control_block *control;
	evtchn_port_t tail;
} vcpu[NR_VCPUS];

struct shared_info *model_shared_info(void)
{
	return &shared;
}

struct evtchn_fifo_control_block *model_fifo_control(unsigned int cpu)
{
	return vcpu[cpu].control;
}

struct vcpu_info *abi_vcpu_info(unsigned int id)
{
	return &shared.vcpu_info[id];
}

void abi_start(void)
{
	memset(&shared, 0, sizeof(shared));
	memset(array, 0, sizeof(array));
	memset(vcpu, 0, sizeof(vcpu));
	nr_array = 0;
	fifo = false;
}

static bool test_and_set(xen_ulong_t *words, unsigned int bit)
{
	xen_ulong_t mask = 1UL << bit % BITS;

	return __atomic_fetch_or(&words[bit / BITS], mask, __ATOMIC_SEQ_CST) & mask;
}

static bool test_and_clear(xen_ulong_t *words, unsigned int bit)
{
	xen_ulong_t mask = 1UL << bit % BITS;

	return __atomic_fetch_and(&words[bit / BITS], ~mask, __ATOMIC_SEQ_CST) & mask;
}

static bool test(const xen_ulong_t *words, unsigned int bit)
{
	return __atomic_load_n(&words[bit / BITS], __ATOMIC_SEQ_CST) >> bit % BITS & 1;
}

static event_word_t *word_of(evtchn_port_t port)
{
	event_word_t *page = array[port / WORDS_A_PAGE];

	return page ? &page[port % WORDS_A_PAGE] : NULL;
}

static bool set(event_word_t *word, unsigned int bit)
{
	return __atomic_fetch_or(word, 1u << bit, __ATOMIC_SEQ_CST) >> bit & 1;
}

static bool is_set(const event_word_t *word, unsigned int bit)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST) >> bit & 1;
}

static void mark(unsigned int id)
{
	__atomic_store_n(&shared.vcpu_info[id].evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST);
}

static void raise_2l(const struct channel *c, evtchn_port_t port)
{
	if (test_and_set(shared.evtchn_pending, port))
		return;
	if (!test(shared.evtchn_mask, port) &&
	    !test_and_set(&shared.vcpu_info[c->vcpu].evtchn_pending_sel, port / BITS))
		mark(c->vcpu);
}

/* Behind the last of the queue, unless that was taken meanwhile. */
static bool append(evtchn_port_t tail, evtchn_port_t port)
{
	event_word_t *word = tail ? word_of(tail) : NULL, seen;

	if (!word)
		return false;
	seen = __atomic_load_n(word, __ATOMIC_SEQ_CST);
	do {
		if (!(seen & 1u << EVTCHN_FIFO_LINKED))
			return false;
	} while (!__atomic_compare_exchange_n(word, &seen,
					      (seen & ~(event_word_t)EVTCHN_FIFO_LINK_MASK) | port,
					      false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	return true;
}

static void raise_fifo(struct channel *c, evtchn_port_t port)
{
	event_word_t *word = word_of(port);
	struct evtchn_fifo_control_block *control = vcpu[c->vcpu].control;
	bool linked;

	if (!word)
		c->pending = true; /* until the array is that long */
	if (!word || !control)
		return;
	set(word, EVTCHN_FIFO_PENDING);
	if (is_set(word, EVTCHN_FIFO_MASKED) || set(word, EVTCHN_FIFO_LINKED))
		return;
	if (vcpu[c->last_vcpu].tail == port)
		vcpu[c->last_vcpu].tail = 0;
	c->last_vcpu = c->vcpu;
	linked = append(vcpu[c->vcpu].tail, port);
	if (!linked)
		__atomic_store_n(&control->head[QUEUE], port, __ATOMIC_RELEASE);
	vcpu[c->vcpu].tail = port;
	if (!linked &&
	    !(__atomic_fetch_or(&control->ready, 1u << QUEUE, __ATOMIC_SEQ_CST) & 1u << QUEUE))
		mark(c->vcpu);
}

void abi_raise(struct channel *c, evtchn_port_t port)
{
	if (fifo)
		raise_fifo(c, port);
	else
		raise_2l(c, port);
}

void abi_clear(evtchn_port_t port)
{
	event_word_t *word = word_of(port);

	if (!fifo)
		test_and_clear(shared.evtchn_pending, port);
	else if (word)
		__atomic_fetch_and(word, ~(1u << EVTCHN_FIFO_PENDING), __ATOMIC_SEQ_CST);
}

void abi_unmask(struct channel *c, evtchn_port_t port)
{
	event_word_t *word = word_of(port);

	if (fifo && word) {
		__atomic_fetch_and(word, ~(1u << EVTCHN_FIFO_MASKED), __ATOMIC_SEQ_CST);
		if (is_set(word, EVTCHN_FIFO_PENDING))
			raise_fifo(c, port);
	}
	if (!fifo && test_and_clear(shared.evtchn_mask, port) &&
	    test(shared.evtchn_pending, port) &&
	    !test_and_set(&shared.vcpu_info[c->vcpu].evtchn_pending_sel, port / BITS))
		mark(c->vcpu);
}

bool abi_is_masked(evtchn_port_t port)
{
	const event_word_t *word = word_of(port);

	if (fifo)
		return !word || is_set(word, EVTCHN_FIFO_MASKED);
	return test(shared.evtchn_mask, port);
}

/* A page that Xen keeps. */
static void *take_page(uint64_t mfn)
{
	if (mfn >= model.max_page || !frame_is_domains(mfn) || !frame_get_type(mfn, TYPE_WRITABLE))
		return NULL;
	model.frames[mfn].refs++;
	model.frames[mfn].grants++; /* not a mapping of the domain's */
	return frame_bytes(mfn);
}

int abi_init_control(struct evtchn_init_control *op)
{
	uint8_t *page;

	op->link_bits = EVTCHN_FIFO_LINK_BITS;
	if (op->vcpu >= model.params.nr_cpus)
		return -XEN_ENOENT;
	if (op->offset > XEN_PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) || op->offset % 8)
		return -XEN_EINVAL;
	page = vcpu[op->vcpu].control ? NULL : take_page(op->control_gfn);
	if (!page)
		return -XEN_EINVAL;
	vcpu[op->vcpu].control = (void *)(page + op->offset);
	for (evtchn_port_t port = 1; !fifo && port < NR_CHANNELS; port++)
		domains[0].channel[port].pending = test(shared.evtchn_pending, port);
	fifo = true;
	return 0;
}

int abi_expand_array(const struct evtchn_expand_array *op)
{
	void *page;

	if (!fifo)
		return -XEN_EOPNOTSUPP;
	if (nr_array == sizeof(array) / sizeof(array[0]))
		return -XEN_ENOSPC;
	page = take_page(op->array_gfn);
	if (!page)
		return -XEN_EINVAL;
	array[nr_array] = page;
	for (unsigned int i = 0; i < WORDS_A_PAGE; i++) {
		evtchn_port_t port = (evtchn_port_t)(nr_array * WORDS_A_PAGE + i);

		if (domains[0].channel[port].pending)
			raise_fifo(&domains[0].channel[port], port);
	}
	nr_array++;
	return 0;
}
