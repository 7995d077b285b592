/* SPDX-License-Identifier: MIT */
/*
 * The backend's parts: pciback.c (life, states, connection), pciback_export.c
 * (what it exports), pciback_op.c (operations), and
 * pciback_tool.c (the toolstack, which shares xenstore with it and nothing else but the PIRQs of
 * lines). One thread at a time, but for operations, which come from whoever notifies: these touch
 * the page and the devices, never xenstore.
 */
#ifndef XENDMA_TESTS_MODEL_PCIBACK_INTERNAL_H
#define XENDMA_TESTS_MODEL_PCIBACK_INTERNAL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <model/internal.h>
#include <model/domain.h>
#include <model/model.h>
#include <model/pciback.h>
#include <model/xenstore.h>

#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hypercall.h>
#include <xen/physdev.h>

#define BACK_MAX 32
#define BACK_VALUE 64
#define BACK_COUNT_MAX 64 /* of entries that it looks at */

enum back_messages { BACK_NONE, BACK_MSI, BACK_MSIX };

struct back_device {
	bool used;
	struct xen_pci_addr real, virt;
	uint16_t command; /* as the frontend sees what it may not change */
	uint8_t which;	  /* bit i: register 0x10 + 4i reads as its size; bit 6: the ROM */
	enum back_messages messages;
	unsigned int nr;
	int pirq[SH_INFO_MAX_VEC];
};

struct back {
	struct model_pciback_params params;
	char back_path[64], front_path[64];
	bool running, alive, slow;
	uint64_t left, things;
	void (*lie)(struct model_pciback_lie *lie);
	struct back_device device[BACK_MAX];
	/* Connection. */
	struct xen_pci_sharedinfo *page;
	grant_handle_t handle;
	evtchn_port_t port;
	bool reporting;
};

extern struct back back;

/* pciback.c */
/* One more thing is done: false when it is dead by now. */
bool back_thing(void);
/* A hypercall of domain 0's. */
int back_physdev(int cmd, void *arg);
int back_event_op(int cmd, void *arg);
bool back_same(struct xen_pci_addr a, struct xen_pci_addr b);
const char *back_read(const char *dir, const char *name, int index);
unsigned int back_read_uint(const char *dir, const char *name, int index, unsigned int otherwise);
/* How many entries of a kind there are, of those that it looks at. */
unsigned int back_nr(const char *name);
/* Without asking whether it lives: for the toolstack. */
void back_put(const char *dir, const char *name, int index, const char *value);
void back_rm(const char *dir, const char *name, int index);

/* The backend writes a node of its directory; false: it is dead, or has none. */
bool back_write(const char *name, int index, const char *text);
bool back_write_uint(const char *name, int index, unsigned int number);

/* pciback_export.c: export what the tool has entered since; was there anything? */
bool back_configure(bool and_take_back);

/* pciback_op.c */
void back_serve(void *arg);
/* No other thread serves an operation meanwhile. */
void back_lock(void);
void back_unlock(void);
void back_reset(struct back_device *device);
struct back_device *back_find(struct xen_pci_addr virt);

/* pciback_tool.c */
bool back_tool_step(void);
void back_tool_start(void);
void back_tool_stop(void);

#endif
