/* SPDX-License-Identifier: MIT */
/*
 * The reference guest's program: reads the command line, finds the PCI devices, shows the memory
 * map, runs scenarios or the demo, and ends with the counts. Whatever goes wrong on the way is a
 * failed verdict, and the last line is printed all the same.
 */
#include "boot.h"

#include <xen/p2m.h>
#include <xen/swiotlb.h>

#include "../bench/guest/bench.h"
#include "cmdline.h"
#include "demo.h"
#include "host.h"
#include "map.h"
#include "scenario.h"
#include "verdict.h"

static bool read_command_line(void)
{
	char error[CMDLINE_ERROR_MAX];

	options_default(&options);
	if (cmdline_parse(boot_cmdline, &options, error))
		return true;
	verdict_fail("cmdline", "%s", error);
	return false;
}

static void print_help(void)
{
	boot_printf("Words of the command line, key=value:\n");
	cmdline_help();
	boot_printf("Scenarios (without test= those that need no device):\n");
	scenarios_help();
}

static bool configure_pools(void)
{
	const struct xen_swiotlb_config config = {
		.max_bytes = options.pool_max,
		.initial_bytes = options.pool_initial,
	};
	int err;

	if (!options.pool_max && !options.pool_initial)
		return true;
	err = xen_swiotlb_configure(&config);
	if (err)
		verdict_fail("pool-max", "the bounce pools cannot be set up that way (%d)", err);
	return !err;
}

static bool start_cpus(void)
{
	unsigned int running = 1;

	if (options.cpus > 1)
		running = boot_start_cpus((unsigned int)options.cpus);
	if (running == options.cpus)
		return true;
	verdict_fail("cpus", "%lu CPUs asked for, %u run", options.cpus, running);
	return false;
}

static bool expected(const char *name, uint64_t want, unsigned int have)
{
	if (want == EXPECT_ANY || want == have)
		return true;
	verdict_fail(name, "%lu %s devices expected, %u found", want, name, have);
	return false;
}

static bool set_up(void)
{
	if (!configure_pools() || !start_cpus() || !guest_host_start())
		return false;
	return expected("edu", options.edu, count_devices(EDU_VENDOR, EDU_DEVICE)) &&
	       expected("nvme", options.nvme, count_nvme());
}

void boot_main(void)
{
	boot_printf("xendma: reference guest, %lu MiB, command line \"%s\"\n",
		    boot_memory.ram_pages >> 8, boot_cmdline);
	if (!read_command_line())
		goto close;
	if (options.help) {
		print_help();
		goto close;
	}
	boot_printf("seed=%lu\n", options.seed);
	if (!set_up())
		goto close;
	if (options.map)
		map_print(options.color);
	if (options.test.text || !(options.demo || options.bench))
		scenarios_run(options.test);
	if (options.demo)
		demo_run();
	if (options.bench)
		bench_run();
close:
	guest_host_stop();
	verdict_close();
}
