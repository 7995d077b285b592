/* SPDX-License-Identifier: MIT */
/* xen_version, sched_op and console_io. */
#include "conf.h"

static void version(void)
{
	static xen_extraversion_t extra;
	static xen_changeset_info_t changeset;
	struct xen_feature_info info = {.submap_idx = 0};
	long version = hypercall_xen_version(XENVER_version, NULL), rc;

	conf("version", "%ld.%ld", version >> 16, version & 0xffff);
	rc = hypercall_xen_version(XENVER_extraversion, extra);
	conf("version-extra", "%s %s", conf_err(rc), conf_is(extra[0], "text", "empty"));
	rc = hypercall_xen_version(XENVER_changeset, changeset);
	conf("version-changeset", "%s", conf_err(rc));
	conf("version-page-size", "%s", conf_err(hypercall_xen_version(XENVER_pagesize, NULL)));
	rc = hypercall_xen_version(XENVER_get_features, &info);
	conf("version-features", "%s submap=%x", conf_err(rc), info.submap);
	info.submap_idx = 1;
	rc = hypercall_xen_version(XENVER_get_features, &info);
	conf("version-features-submap-1", "%s", conf_err(rc));
	info.submap_idx = ~0U;
	rc = hypercall_xen_version(XENVER_get_features, &info);
	conf("version-features-submap-all-ones", "%s", conf_err(rc));
	conf("version-features-no-argument", "%s",
	     conf_err(hypercall_xen_version(XENVER_get_features, NULL)));
	conf("version-extra-no-argument", "%s",
	     conf_err(hypercall_xen_version(XENVER_extraversion, NULL)));
	conf("version-unknown", "%s", conf_err(hypercall_xen_version(99, extra)));
	conf("version-negative", "%s", conf_err(hypercall_xen_version(-1, extra)));
}

static void sched(void)
{
	struct sched_poll poll = {.nr_ports = 1000};

	conf("sched-yield", "%s", conf_err(hypercall_sched_op(SCHEDOP_yield, NULL)));
	conf("sched-unknown", "%s", conf_err(hypercall_sched_op(99, &poll)));
	conf("sched-negative", "%s", conf_err(hypercall_sched_op(-1, &poll)));
	conf("sched-shutdown-no-argument", "%s",
	     conf_err(hypercall_sched_op(SCHEDOP_shutdown, NULL)));
	conf("sched-poll-too-many", "%s", conf_err(hypercall_sched_op(SCHEDOP_poll, &poll)));
}

static void console(void)
{
	static char text[] = "conformance: a line by console_io\n";

	conf("console-write", "%s",
	     conf_err(hypercall_console_io(CONSOLEIO_write, sizeof(text) - 1, text)));
	conf("console-write-nothing", "%s",
	     conf_err(hypercall_console_io(CONSOLEIO_write, 0, text)));
	conf("console-write-nothing-nowhere", "%s",
	     conf_err(hypercall_console_io(CONSOLEIO_write, 0, NULL)));
	conf("console-write-no-buffer", "%s",
	     conf_err(hypercall_console_io(CONSOLEIO_write, 8, NULL)));
	conf("console-read-nothing", "%s", conf_err(hypercall_console_io(CONSOLEIO_read, 0, text)));
	conf("console-read", "%s", conf_err(hypercall_console_io(CONSOLEIO_read, 4, text)));
	conf("console-unknown", "%s", conf_err(hypercall_console_io(99, 4, text)));
}

void conf_misc(void)
{
	version();
	sched();
	console();
}
