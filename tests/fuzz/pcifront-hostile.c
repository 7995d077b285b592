/* SPDX-License-Identifier: MIT */
/*
 * The other side of the frontend as the input has it: what a hostile backend writes and answers, at
 * which moment, and a toolstack and a xenstore that are not as they should be.
 */
#include <stdio.h>

#include "pcifront-hostile.h"

const struct xen_pci_addr front_at[FRONT_DEVICES] = {{0, 0, XEN_PCI_DEVFN(4, 0)},
						     {0, 0, XEN_PCI_DEVFN(5, 0)},
						     {0, 0, XEN_PCI_DEVFN(6, 0)},
						     {0, 1, 0}};

void hostile_write_page(void)
{
	uint8_t *page = (uint8_t *)model_pciback_page();
	static const uint16_t words[] = {0, 4, 8, 32, 36, 40, 42, 44, 552, 556, 560, 564, 568};
	unsigned int where = fuzz_byte(w.in), i;

	if (!page)
		return;
	if (where == 255) { /* a run of rubbish */
		where = fuzz_below(w.in, XEN_PAGE_SIZE);
		for (i = 0; i < 64 && where + i < XEN_PAGE_SIZE; i++)
			page[where + i] = (uint8_t)(where * 7 + i * 13);
		return;
	}
	where = words[where % (sizeof(words) / sizeof(words[0]))];
	for (i = 0; i < 4; i++)
		page[where + i] = fuzz_byte(w.in);
}

/* Another domain, while this one waits; time goes faster then. */
void hostile_waiting(void *arg)
{
	if (w.flips) {
		w.flips--;
		hostile_write_page();
		if (w.flips & 1)
			model_pciback_notify();
	} else {
		model_pciback_step();
	}
	model_clock_advance(250 * MS);
}

/* A PIRQ that is none, or another's. */
static uint32_t wrong_pirq(unsigned int bytes)
{
	unsigned int which = fuzz_byte(w.in);
	const struct xen_pirq *other = &w.pirq[which % MAX_PIRQS];

	if (which & 0x80)
		return (uint32_t)fuzz_number(w.in, bytes);
	if (which & 0x40)
		return which & 0x20 ? 0 : 30;
	return w.held[which % MAX_PIRQS] ? (uint32_t)other->pirq : 31;
}

void hostile_lie(struct model_pciback_lie *l)
{
	unsigned int what;

	if (!w.lies)
		return;
	w.lies--;
	what = fuzz_byte(w.in);
	if (l->request) {
		l->skip = what % 8 == 7;
		if (what % 8 == 6)
			l->request->cmd = fuzz_byte(w.in) % 12;
		return;
	}
	if (l->node) {
		if (what & 1)
			l->value[fuzz_below(w.in, 12)] = (char)fuzz_byte(w.in);
		l->skip = what % 16 == 2;
		return;
	}
	l->skip = what % 16 == 15;
	if (what & 1)
		l->op->err = (int32_t)fuzz_number(w.in, what & 2 ? 4 : 1);
	if (what & 4)
		l->op->value = wrong_pirq(4);
	for (unsigned int i = 0; what & 8 && i < 4; i++)
		l->op->msix_entries[i].vector = (uint16_t)wrong_pirq(2);
}

/* A node of the backend's, or rubbish in its place. Not through the backend: as who owns it may. */
static void write_node(const char *node, const char *value, size_t len)
{
	char payload[160];
	int n;

	if (!model_xs_read(MODEL_PCIBACK_PATH))
		return;
	n = snprintf(payload, 96, "%s/%s", MODEL_PCIBACK_PATH, node);
	memcpy(payload + n + 1, value, len);
	model_xs_request(0, XS_WRITE, 0, payload, (size_t)n + 1 + len, NULL, NULL);
}

void hostile_node(void)
{
	static const char *const names[] = {"num_devs", "root_num", "vdev-0",	"vdev-1",
					    "vdev-2",	"state-0",  "state-1",	"state-2",
					    "root-0",	"root-1",   "vdev-255", "state"};
	static const char *const values[] = {"0000:00:00.00",
					     "0000:00:01.00",
					     "0000:01:00.00",
					     "ffff:ff:1f.07",
					     "0000:00:00.08",
					     "0000:00",
					     "0001:00",
					     "0",
					     "1",
					     "3",
					     "5",
					     "256",
					     "18446744073709551616",
					     ""};
	const char *name = names[fuzz_below(w.in, sizeof(names) / sizeof(names[0]))];
	unsigned int which = fuzz_below(w.in, 16);
	char raw[24];

	if (which < sizeof(values) / sizeof(values[0])) {
		write_node(name, values[which], strlen(values[which]));
		return;
	}
	which = fuzz_below(w.in, sizeof(raw) + 1);
	for (unsigned int i = 0; i < which; i++)
		raw[i] = (char)fuzz_byte(w.in);
	write_node(name, raw, which);
}

void hostile_state(void)
{
	char text[2] = {(char)('0' + fuzz_below(w.in, 10)), 0};

	write_node("state", text, 1);
}

void hostile_tool(void)
{
	unsigned int what = fuzz_byte(w.in);
	struct xen_pci_addr addr = front_at[what >> 3 & 3];

	switch (what & 7) {
	case 0:
		model_pciback_restart();
		break;
	case 1:
		model_pciback_destroy();
		break;
	case 2:
		if (!model_xs_read(MODEL_PCIBACK_PATH) && !model_xs_read(MODEL_PCIFRONT_PATH))
			model_pciback_create(front_at, 1 + (what >> 3) % 4);
		break;
	case 3:
		model_pciback_slow(what & 8);
		break;
	case 4:
	case 5:
		if (!model_pciback_busy())
			model_pciback_detach(addr);
		break;
	default:
		if (!model_pciback_busy())
			model_pciback_attach(addr);
	}
}

void hostile_store(void)
{
	static const uint32_t types[] = {
		XS_READ, XS_WRITE, XS_WATCH, XS_TRANSACTION_START, XS_TRANSACTION_END, XS_RM};
	static const char *const errors[] = {"EAGAIN", "EACCES", "ENOENT", "EQUOTA", "EIO"};
	unsigned int what = fuzz_byte(w.in);

	switch (what & 7) {
	case 0:
		model_xs_restart();
		xen_xs_reconnect();
		break;
	case 1:
		model_xs_conflict(what >> 3 & 7);
		break;
	case 2:
		model_xs_lose_events(what >> 3);
		break;
	case 3:
		xen_xs_reconnect();
		break;
	default:
		model_xs_fail(types[(what >> 3) % 6], 1 + fuzz_below(w.in, 16), errors[what % 5]);
	}
}
