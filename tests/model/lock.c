/* SPDX-License-Identifier: MIT */
/*
 * The port's locks, with the rules of port.h checked: not recursive, released by the holder, in the
 * reverse order of taking (interrupts nest), and never in two orders by anybody: the order in which
 * two locks were first held together binds from then on, also by way of a third.
 */
#include <sched.h>
#include <string.h>

#include <model/internal.h>

#define MAX_HELD 8
#define MAX_ORDERS 4096

static _Thread_local struct xen_lock *held[MAX_HELD];
static _Thread_local unsigned int nr_held;
static unsigned int nr_taken; /* by all threads */

static pthread_mutex_t orders_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	const struct xen_lock *outer, *inner;
} orders[MAX_ORDERS];
static unsigned int nr_orders;

/* Was @inner ever taken inside @outer, or inside something that was? */
static bool is_inside(const struct xen_lock *inner, const struct xen_lock *outer,
		      unsigned int depth)
{
	for (unsigned int i = 0; i < nr_orders; i++)
		if (orders[i].outer == outer &&
		    (orders[i].inner == inner ||
		     (depth && is_inside(inner, orders[i].inner, depth - 1))))
			return true;
	return false;
}

static void check_order(const struct xen_lock *outer, const struct xen_lock *inner)
{
	bool known = false;

	pthread_mutex_lock(&orders_lock);
	for (unsigned int i = 0; i < nr_orders; i++)
		known |= orders[i].outer == outer && orders[i].inner == inner;
	if (!known && is_inside(outer, inner, MAX_HELD))
		model_breach("xen_port_lock: two locks are taken in both orders");
	if (!known && nr_orders < MAX_ORDERS) {
		orders[nr_orders].outer = outer;
		orders[nr_orders++].inner = inner;
	}
	pthread_mutex_unlock(&orders_lock);
}

/* The memory of locks is reused: their orders are forgotten. */
void lock_forget(const void *start, size_t size)
{
	uintptr_t base = (uintptr_t)start;
	unsigned int kept = 0;

	pthread_mutex_lock(&orders_lock);
	for (unsigned int i = 0; i < nr_orders; i++)
		if ((uintptr_t)orders[i].outer - base >= size &&
		    (uintptr_t)orders[i].inner - base >= size)
			orders[kept++] = orders[i];
	nr_orders = kept;
	pthread_mutex_unlock(&orders_lock);
}

unsigned long xen_port_lock(struct xen_lock *lock)
{
	uint64_t unlocked = 0;

	for (unsigned int i = 0; i < nr_held; i++) {
		if (held[i] == lock)
			model_breach("xen_port_lock: taken twice by one CPU");
		check_order(held[i], lock);
	}
	if (nr_held == MAX_HELD)
		model_breach("xen_port_lock: %d locks held at once", MAX_HELD);
	while (!__atomic_compare_exchange_n(&lock->word[0], &unlocked, 1, false, __ATOMIC_ACQUIRE,
					    __ATOMIC_RELAXED)) {
		unlocked = 0;
		sched_yield();
	}
	held[nr_held++] = lock;
	__atomic_fetch_add(&nr_taken, 1, __ATOMIC_RELAXED);
	return nr_held; /* what unlock must get back */
}

void xen_port_unlock(struct xen_lock *lock, unsigned long flags)
{
	if (!nr_held || held[nr_held - 1] != lock)
		model_breach("xen_port_unlock: not the lock taken last");
	if (flags != nr_held)
		model_breach("xen_port_unlock: flags %lu are not what this lock returned", flags);
	nr_held--;
	__atomic_fetch_sub(&nr_taken, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&lock->word[0], 0, __ATOMIC_RELEASE);
	if (!nr_held)
		event_deliver(); /* interrupts are on again */
}

unsigned int lock_depth(void)
{
	return nr_held;
}

void lock_reset(void)
{
	while (nr_held)
		__atomic_store_n(&held[--nr_held]->word[0], 0, __ATOMIC_RELEASE);
	__atomic_store_n(&nr_taken, 0, __ATOMIC_RELAXED);
}

unsigned int locks_held(void)
{
	return __atomic_load_n(&nr_taken, __ATOMIC_RELAXED);
}
