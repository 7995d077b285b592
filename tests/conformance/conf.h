/* SPDX-License-Identifier: MIT */
/*
 * The conformance suite: hypercalls, right and wrong, made by the same code on the model and on a
 * real hypervisor. A case is one line, `conf NAME: RESULT`, and the two outputs must be the same,
 * line by line. So a RESULT never holds what may rightly differ (frame numbers, ports, PIRQs,
 * times), only return codes and facts about the outputs: "aligned", "m2p=own".
 *
 * A case names what it does and gives back all it took, so that it does not matter which cases ran
 * before it. One CPU, outside interrupts.
 */
#ifndef XENDMA_TESTS_CONFORMANCE_CONF_H
#define XENDMA_TESTS_CONFORMANCE_CONF_H

#include <stdarg.h>

#include <xen/evtchn.h>
#include <xen/hypercall.h>
#include <xen/mmu.h>
#include <xen/p2m.h>
#include <xen/pci.h>
#include <xen/port.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* --- what the program around the suite owes: hosted.c, tests/guest/test-conformance.c ----------
 */

/* Print, formats as xen_port_log()'s. */
void conf_vprint(const char *fmt, va_list ap);
/* The PTE that maps @va; 0: none. */
uint64_t conf_pte(const volatile void *va);
/* The PCI host, scanned: an edu at 00:04.0, an NVMe controller at 00:05.0. As domU NULL. */
extern struct xen_pci_host *conf_host;

/* --- the suite ----------------------------------------------------------------------------------
 */

/* Every case. Returns how many lines were printed. */
unsigned int conf_run(void);

/* One group a source file. */
void conf_reservation(void);
void conf_maps(void);
void conf_exchange(void);
void conf_exchange_orders(void);
void conf_va_mapping(void);
void conf_mmu_update(void);
void conf_mmuext(void);
void conf_page_levels(void);
void conf_tables(void);
void conf_multicall(void);
void conf_event(void);
void conf_event_bind(void);
void conf_grant(void);
void conf_grant_map(void);
void conf_pirq(void);
void conf_pci(void);
void conf_misc(void);

/* --- results ------------------------------------------------------------------------------------
 */

/* The line of case @name. */
void conf(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "0", "EINVAL" for -XEN_EINVAL, "5", "?-99". Good for eight results at once. */
const char *conf_err(long rc);

/* "first-second" */
const char *conf_name(char name[64], const char *first, const char *second);

/* A word for yes or no. */
static inline const char *conf_is(bool yes, const char *word, const char *otherwise)
{
	return yes ? word : otherwise;
}

/* --- pages and mappings -------------------------------------------------------------------------
 */

/* No frame of any machine that these run on. */
#define CONF_INVALID_MFN 0xfffffffffffULL
/* Neither RAM nor device: a hole below the PCI window's end that nothing decodes. */
#define CONF_MMIO_MFN 0xf0000ULL
/* No domain has this number. */
#define CONF_NO_DOMAIN 77

static inline uint64_t conf_mfn(const void *va)
{
	return mfn_x(xen_pfn_to_mfn(xen_port_virt_to_pfn(va)));
}

static inline unsigned long conf_addr(const volatile void *va)
{
	return (unsigned long)(uintptr_t)va;
}

static inline uint64_t conf_make_pte(uint64_t mfn, uint64_t flags)
{
	return mfn << XEN_PAGE_SHIFT | flags;
}

int conf_set_pte(const volatile void *va, uint64_t pte);
static inline int conf_unmap(const volatile void *va)
{
	return conf_set_pte(va, 0);
}
/* The kernel's mapping of RAM, writable. */
static inline int conf_map(const volatile void *va, uint64_t mfn)
{
	return conf_set_pte(va, conf_make_pte(mfn, XEN_PTE_KERNEL));
}

/* @va's page has frame @mfn from now on (XEN_INVALID_FRAME: none): the P2M and the mapping. */
int conf_adopt(const void *va, uint64_t mfn);

/* What the M2P says of @mfn; XEN_INVALID_FRAME where it has no entries. */
uint64_t conf_m2p(uint64_t mfn);
int conf_set_m2p(uint64_t mfn, uint64_t pfn);

/* A frame of the hypervisor's own: memory of the M2P itself. */
uint64_t conf_xen_frame(void);

/* How many frames the domain has, in Xen's eyes. */
long conf_frames(void);

/* This domain's number. */
domid_t conf_domid(void);

#endif
