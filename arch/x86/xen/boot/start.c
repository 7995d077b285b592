/* SPDX-License-Identifier: MIT */
/*
 * Start of day, in order: traps, console, memory, shared_info, P2M for the toolstack, clock and
 * timer, events on, the kernel's program. Each step either works or ends the run with one line that
 * names the cause and the verdict that a test reads.
 */
#include <xen/features.h>
#include <xen/hypercall.h>
#include <xen/mmu.h>

#include "../rawcall.h"
#include "clock.h"
#include "cpu.h"
#include "direct.h"
#include "event.h"
#include "smp.h"

#define MIN_XEN_MAJOR 4

struct start_info *boot_start_info;
struct shared_info *boot_shared_info;
const char *boot_cmdline;

bool boot_has_machine(void)
{
	return boot_start_info->flags & SIF_INITDOMAIN;
}

uint64_t boot_hypercalls(void)
{
	return xen_load(&xen_hypercall_count);
}

void boot_refuse(const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	boot_vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	boot_printf("xendma: cannot start: %s\n", why);
	boot_printf("xendma: 0 passed, 1 failed, 0 skipped\n");
	boot_poweroff();
}

static void check_xen(void)
{
	long version = hypercall_xen_version(XENVER_version, NULL);
	struct xen_feature_info features = {.submap_idx = 0};
	long err = hypercall_xen_version(XENVER_get_features, &features);

	if (version >> 16 < MIN_XEN_MAJOR)
		boot_refuse("Xen %ld.%ld is too old, %d is needed", version >> 16, version & 0xffff,
			    MIN_XEN_MAJOR);
	if (err)
		boot_refuse("Xen does not tell its features: error %ld", err);
	if (features.submap & (1U << XENFEAT_auto_translated_physmap))
		boot_refuse("Xen translates addresses for this domain: not a PV domain");
}

static void map_shared_info(void)
{
	void *va = xen_port_vm_alloc(1);
	int err = -XEN_ENOMEM;

	if (va)
		err = boot_set_pte((uintptr_t)va, boot_start_info->shared_info | XEN_PTE_KERNEL);
	if (err)
		boot_refuse("cannot map shared_info: error %d", err);
	boot_shared_info = va;
	boot_cpus[0].info = &boot_shared_info->vcpu_info[0];
}

/* In and out of ports: Xen lets a domain with the permission for a port do so at this level. */
static void allow_port_io(void)
{
	struct physdev_set_iopl arg = {.iopl = 1};
	int err = hypercall_physdev_op(PHYSDEVOP_set_iopl, &arg);

	if (err)
		boot_refuse("Xen refuses port I/O: error %d", err);
}

void boot_start(struct start_info *si)
{
	int err;

	boot_start_info = si;
	boot_cmdline = (const char *)si->cmd_line;
	boot_cpu_init(0);
	boot_traps_init();
	if (!boot_has_machine())
		boot_console_ring_init();
	check_xen();
	boot_memory_init();
	map_shared_info();
	boot_memory_publish();
	if (boot_has_machine())
		allow_port_io();
	boot_cpus_init();
	boot_event_init();
	err = boot_timer_init();
	if (err)
		boot_refuse("no timer: error %d", err);
	boot_irq_restore(0);
	boot_main();
	boot_poweroff();
}
