/* SPDX-License-Identifier: MIT */
/*
 * Event ports: handlers, masks, delivery. What the two ABIs do differently is in evtchn-2l.c and
 * evtchn-fifo.c.
 *
 * Ports lie in pieces that are made when first needed and stay, so that the upcall finds a port
 * without a lock. Invariants: a port without a handler is masked; a port is masked for Xen exactly
 * when a reason is recorded (its lock guards both). One CPU at a time: whoever claims a port first
 * delivers for those that claim it meanwhile. The handshake with unbind: delivery first claims,
 * then reads the handler; unbind first clears the handler, then waits for the claims to end; a full
 * barrier between each two.
 *
 * Lock order: a port's, then evtchn_delayed_lock (evtchn-eoi.c). xen_evtchn.lock stands alone.
 */
#include "evtchn-internal.h"

#define PORTS_A_PIECE 128
#define NR_PIECES (EVTCHN_FIFO_NR_CHANNELS / PORTS_A_PIECE)

struct piece {
	struct evtchn_port port[PORTS_A_PIECE];
};

struct evtchn xen_evtchn;

/* Static, so that a timer at start of day takes no memory. */
static struct piece first;
static struct piece *pieces[NR_PIECES] = {&first};

static void init_piece(struct piece *piece, evtchn_port_t start)
{
	unsigned int i;

	__builtin_memset(piece, 0, sizeof(*piece));
	for (i = 0; i < PORTS_A_PIECE; i++) {
		piece->port[i].number = start + i;
		piece->port[i].masked = EVTCHN_MASK_UNBOUND;
	}
}

void xen_evtchn_init(struct shared_info *shared, struct xen_evtchn_cpu *cpu, unsigned int nr)
{
	XEN_ASSERT(nr && nr <= UINT16_MAX);
	__builtin_memset(&xen_evtchn, 0, sizeof(xen_evtchn));
	xen_evtchn.shared = shared;
	xen_evtchn.cpu = cpu;
	xen_evtchn.nr_cpus = nr;
	__builtin_memset(pieces, 0, sizeof(pieces));
	init_piece(&first, 0);
	pieces[0] = &first;
	xen_evtchn_eoi_init();
	xen_evtchn_fifo_init();
	xen_evtchn_2l_init();
	xen_evtchn.abi = &xen_evtchn_2l;
}

struct evtchn_port *xen_evtchn_find(evtchn_port_t port)
{
	struct piece *piece;

	if (port >= EVTCHN_FIFO_NR_CHANNELS)
		return NULL;
	piece = xen_load_acquire(&pieces[port / PORTS_A_PIECE]);
	return piece ? &piece->port[port % PORTS_A_PIECE] : NULL;
}

static int make_room(evtchn_port_t port)
{
	struct piece **piece = &pieces[port / PORTS_A_PIECE], *made;
	unsigned long flags = xen_port_lock(&xen_evtchn.lock);
	int rc = 0;

	if (!*piece) {
		made = xen_port_alloc(sizeof(*made));
		if (made) {
			init_piece(made, port / PORTS_A_PIECE * PORTS_A_PIECE);
			xen_store_release(piece, made);
		} else {
			rc = -XEN_ENOMEM;
		}
	}
	if (!rc)
		rc = xen_evtchn.abi->prepare(port);
	xen_port_unlock(&xen_evtchn.lock, flags);
	return rc;
}

void xen_evtchn_mask_for(struct evtchn_port *p, unsigned int reason)
{
	if (!p->masked)
		xen_evtchn.abi->mask(p->number);
	p->masked = (uint8_t)(p->masked | reason);
}

void xen_evtchn_unmask_for(struct evtchn_port *p, unsigned int reason)
{
	if (!(p->masked & reason))
		return;
	p->masked = (uint8_t)(p->masked & ~reason);
	if (!p->masked)
		xen_evtchn.abi->unmask(p->number);
}

void xen_evtchn_unmask_by_xen(evtchn_port_t port)
{
	struct evtchn_unmask unmask = {.port = port};

	/* Refused when the port was closed behind our back: then nothing can come. */
	hypercall_event_channel_op(EVTCHNOP_unmask, &unmask);
}

static void call_handler(struct evtchn_port *p, void (*handler)(void *arg))
{
	unsigned long flags;

	if (p->flags & XEN_EVTCHN_LATE_EOI) {
		flags = xen_port_lock(&p->lock);
		xen_evtchn_mask_for(p, EVTCHN_MASK_EOI);
		xen_port_unlock(&p->lock, flags);
	}
	xen_evtchn.abi->clear(p->number);
	handler(p->arg);
}

bool xen_evtchn_deliver(evtchn_port_t port)
{
	struct evtchn_port *p = xen_evtchn_find(port);
	void (*handler)(void *arg);
	bool called = false;
	uint32_t claims;

	if (!p) { /* opened and unmasked without us: nobody waits for it */
		xen_evtchn.abi->clear(port);
		return false;
	}
	if (__atomic_fetch_add(&p->claims, 1, __ATOMIC_SEQ_CST))
		return false;
	do {
		claims = xen_load(&p->claims);
		xen_mb();
		handler = xen_load_acquire(&p->handler);
		if (handler)
			call_handler(p, handler);
		called |= handler != NULL;
	} while (__atomic_sub_fetch(&p->claims, claims, __ATOMIC_SEQ_CST));
	return called;
}

bool xen_evtchn_upcall(unsigned int cpu, unsigned int budget)
{
	XEN_ASSERT(cpu < xen_evtchn.nr_cpus);
	return xen_evtchn.abi->upcall(cpu, budget ? budget : ~0u);
}

/* Which CPU Xen notifies for an open port. */
static int notified_cpu(evtchn_port_t port, uint16_t *cpu)
{
	struct evtchn_status status = {.dom = DOMID_SELF, .port = port};
	int rc = hypercall_event_channel_op(EVTCHNOP_status, &status);

	if (rc)
		return rc < 0 ? rc : -XEN_EIO;
	if (status.status == EVTCHNSTAT_closed)
		return -XEN_EINVAL;
	if (status.vcpu >= xen_evtchn.nr_cpus)
		return -XEN_EIO;
	*cpu = (uint16_t)status.vcpu;
	return 0;
}

int xen_evtchn_bind(evtchn_port_t port, unsigned int flags, void (*handler)(void *arg), void *arg)
{
	struct evtchn_port *p;
	unsigned long irq;
	uint16_t cpu;
	int rc;

	if (!handler || !port || port >= xen_evtchn.abi->nr_ports)
		return -XEN_EINVAL;
	rc = notified_cpu(port, &cpu);
	if (!rc)
		rc = make_room(port);
	if (rc)
		return rc;
	p = xen_evtchn_find(port);
	irq = xen_port_lock(&p->lock);
	if (p->handler) {
		rc = -XEN_EBUSY;
	} else {
		p->arg = arg;
		p->flags = (uint8_t)flags;
		p->delay = 0;
		p->masked = EVTCHN_MASK_UNBOUND;
		xen_store(&p->cpu, cpu);
		xen_store_release(&p->handler, handler);
		xen_fetch_add(&xen_evtchn.nr_bound, 1);
		xen_evtchn_unmask_for(p, EVTCHN_MASK_UNBOUND);
	}
	xen_port_unlock(&p->lock, irq);
	return rc;
}

void xen_evtchn_unbind(evtchn_port_t port)
{
	struct evtchn_port *p = xen_evtchn_find(port);
	unsigned long irq;

	if (!p)
		return;
	irq = xen_port_lock(&p->lock);
	if (p->handler) {
		xen_store(&p->handler, NULL);
		xen_fetch_sub(&xen_evtchn.nr_bound, 1);
		xen_evtchn_mask_for(p, EVTCHN_MASK_UNBOUND);
	}
	xen_port_unlock(&p->lock, irq);
	xen_mb();
	while (__atomic_load_n(&p->claims, __ATOMIC_SEQ_CST))
		hypercall_sched_op(SCHEDOP_yield, NULL);

	irq = xen_port_lock(&p->lock);
	if (!p->handler) {
		xen_evtchn_undelay(p);
		p->masked = EVTCHN_MASK_UNBOUND;
	}
	xen_port_unlock(&p->lock, irq);
}

void xen_evtchn_mask(evtchn_port_t port)
{
	struct evtchn_port *p = xen_evtchn_find(port);
	unsigned long irq;

	if (!p)
		return;
	irq = xen_port_lock(&p->lock);
	if (p->handler)
		xen_evtchn_mask_for(p, EVTCHN_MASK_USER);
	xen_port_unlock(&p->lock, irq);
}

void xen_evtchn_unmask(evtchn_port_t port)
{
	struct evtchn_port *p = xen_evtchn_find(port);
	unsigned long irq;

	if (!p)
		return;
	irq = xen_port_lock(&p->lock);
	xen_evtchn_unmask_for(p, EVTCHN_MASK_USER);
	xen_port_unlock(&p->lock, irq);
}

int xen_evtchn_move(evtchn_port_t port, unsigned int cpu)
{
	struct evtchn_bind_vcpu bind = {.port = port, .vcpu = cpu};
	struct evtchn_port *p = xen_evtchn_find(port);
	unsigned long irq;
	int rc = -XEN_EINVAL;

	if (!p || cpu >= xen_evtchn.nr_cpus)
		return -XEN_EINVAL;
	irq = xen_port_lock(&p->lock);
	if (p->handler) {
		/* Unmasking tells the new CPU of what the old one has not seen yet. */
		xen_evtchn.abi->mask(port);
		rc = hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &bind);
		if (!rc)
			xen_store(&p->cpu, (uint16_t)cpu);
		if (!p->masked)
			xen_evtchn.abi->unmask(port);
	}
	xen_port_unlock(&p->lock, irq);
	return rc;
}
