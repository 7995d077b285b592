/* SPDX-License-Identifier: MIT */
/*
 * Events of this kernel: what the library's event channels need, from the command line the word
 * evtchn=fifo or evtchn=2l (the default), and Xen's upcall.
 */
#include <xen/evtchn.h>

#include "cpu.h"
#include "event.h"

static struct xen_evtchn_cpu cpus[BOOT_MAX_CPUS];

/* The text behind @key in the command line, up to the next space; NULL: the key is not there. */
static const char *value_of(const char *key, size_t *length)
{
	size_t n = strlen(key), i;
	const char *at = boot_cmdline;

	while (*at) {
		for (i = 0; i < n && at[i] == key[i]; i++)
			;
		if (i == n) {
			for (*length = 0; at[n + *length] && at[n + *length] != ' '; ++*length)
				;
			return at + n;
		}
		while (*at && *at != ' ')
			at++;
		while (*at == ' ')
			at++;
	}
	return NULL;
}

static bool is(const char *value, size_t length, const char *word)
{
	return value && length == strlen(word) && !memcmp(value, word, length);
}

void boot_event_init(void)
{
	size_t length = 0;
	const char *abi = value_of("evtchn=", &length);
	unsigned int i;
	int err = 0;

	for (i = 0; i < BOOT_MAX_CPUS; i++)
		cpus[i].info = &boot_shared_info->vcpu_info[i];
	xen_evtchn_init(boot_shared_info, cpus, xen_port_nr_cpus());
	if (is(abi, length, "fifo"))
		err = xen_evtchn_fifo_enable();
	else if (abi && !is(abi, length, "2l"))
		boot_refuse("evtchn= wants fifo or 2l");
	if (err)
		boot_refuse("no FIFO event channels: error %d", err);
}

void boot_event_upcall(void)
{
	xen_evtchn_upcall(boot_this_cpu()->id, 0);
}
