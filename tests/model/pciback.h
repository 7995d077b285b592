/* SPDX-License-Identifier: MIT */
/*
 * A PCI backend in domain 0 and the toolstack that uses it, for a first domain that is a domU: at
 * the level of the protocol what Linux's xen-pciback and libxl do, over the model's xenstore,
 * grants, event channels, PIRQs and PCI. Devices of the model are passed through from their real
 * addresses.
 *
 * It works when it is told to (model_pciback_step()), but operations on the shared page it answers
 * at once, as another domain on another CPU would, unless told to be slow.
 *
 * Faults: it can die after any number of things it does, start anew, or have what it does changed
 * by a hook before it is seen.
 */
#ifndef XENDMA_TESTS_MODEL_PCIBACK_H
#define XENDMA_TESTS_MODEL_PCIBACK_H

#include <xen/types.h>
#include <xen/pci.h>

#include <xen/io/pciif.h>
#include <xen/io/xenbus.h>

struct model_pciback_params {
	bool passthrough;    /* virtual addresses are the real ones; default slots of bus 0000:00 */
	bool no_iommu;	     /* no messages: as Linux answers then */
	bool no_roots;	     /* writes no root_num */
	bool one_vector;     /* does not know op 10 */
	unsigned int handle; /* of device/pci/N */
};

#define MODEL_PCIBACK_PATH "/local/domain/0/backend/pci/1/0"
#define MODEL_PCIFRONT_PATH "/local/domain/1/device/pci/0"

/* After model_xs_start(). The backend's driver is loaded; there is no device yet. NULL: defaults.
 */
void model_pciback_start(const struct model_pciback_params *params);
/* All that it holds is given back, whatever state it is in. Before model_xs_stop(). */
void model_pciback_stop(void);

/* The toolstack, as domain 0. */
/* As xl create with pci=[...]: the directories of both sides, with @nr devices. */
void model_pciback_create(const struct xen_pci_addr *device, unsigned int nr);
/* xl pci-attach: makes the directories if there are none. The device is there, or is gone, when
 * model_pciback_busy() is false again. */
void model_pciback_attach(struct xen_pci_addr device);
void model_pciback_detach(struct xen_pci_addr device);
/* Is an attach or detach under way? */
bool model_pciback_busy(void);
/* The directories of both sides, without a word to anybody. */
void model_pciback_destroy(void);

/* Let it do the next thing; false: there was nothing. */
bool model_pciback_step(void);

/* What is behind the virtual address; false: nothing. */
bool model_pciback_real(struct xen_pci_addr virtual_addr, struct xen_pci_addr *real);
bool model_pciback_virtual(struct xen_pci_addr real, struct xen_pci_addr *virtual_addr);
enum xenbus_state model_pciback_state(void);
enum xenbus_state model_pcifront_state(void);

/* An error report; the frontend's answer when model_pciback_report_done(). */
void model_pciback_report(uint32_t cmd, struct xen_pci_addr virtual_addr);
bool model_pciback_report_done(int32_t *answer);

/* Faults. */
/* It does @nr more things (states written, nodes written, operations answered) and then nothing any
 * more. ~0: for ever. */
void model_pciback_dies_after(uint64_t nr);
/* Things done since the start. */
uint64_t model_pciback_things(void);
/* A new life: what it had mapped and bound is unmapped and closed; it begins at its first state. */
void model_pciback_restart(void);
/* Operations are answered by model_pciback_step() only. */
void model_pciback_slow(bool slow);

/* What it is about to let be seen; the hook may change it. */
struct model_pciback_lie {
	const char *node;	    /* of its directory: to be written with @value; NULL: none */
	char *value;		    /* 64 bytes */
	struct xen_pci_op *request; /* about to be executed; with skip it is not, and answered 0 */
	struct xen_pci_op *op;	    /* an answer; NULL: none */
	bool skip;		    /* out: it is not done */
};
void model_pciback_lie(void (*hook)(struct model_pciback_lie *lie));
/* The page, by the frontend's will, and the port; NULL, 0: not connected. */
struct xen_pci_sharedinfo *model_pciback_page(void);
void model_pciback_notify(void);

#endif
