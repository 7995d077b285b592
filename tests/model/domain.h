/* SPDX-License-Identifier: MIT */
/*
 * Other domains of the model's machine. The code under test runs as the first one (domain 0, or 1
 * when model_params.domu); the others do what the test tells them: they have pages, a grant table
 * and event channels, but no address space and no code. Their hypercalls are made by the test:
 * between model_act_as() and its reverse GNTTABOP_*, EVTCHNOP_* and PHYSDEVOP_* of this thread are
 * theirs, with their privileges; a privileged one can have PIRQs mapped for the first domain. A
 * page that such a domain maps (GNTTABOP_map_grant_ref) is reached with model_frame().
 *
 * model_stop() is false when a grant is still mapped, by whichever side.
 */
#ifndef XENDMA_TESTS_MODEL_DOMAIN_H
#define XENDMA_TESTS_MODEL_DOMAIN_H

#include <xen/types.h>

#include <xen/event_channel.h>
#include <xen/grant_table.h>

/* A control domain is @privileged: it may act on others' event channels and grant tables. */
void model_domain_create(domid_t id, bool privileged, unsigned int nr_pages);
/*
 * As the toolstack ends a domain: its ports are closed, what it has mapped is unmapped, its frames
 * go back to the machine. A frame that somebody else has mapped goes with that mapping, and until
 * then the domain still exists.
 */
void model_domain_destroy(domid_t id);
bool model_domain_exists(domid_t id);

/* This thread's hypercalls are @id's from now on; returns whose they were. DOMID_SELF: the first
 * domain's. */
domid_t model_act_as(domid_t id);

/* Page @page (0 ..) of domain @id. */
mfn_t model_domain_mfn(domid_t id, unsigned int page);
void *model_domain_page(domid_t id, unsigned int page);
/* A frame of RAM as its owner sees it. */
void *model_frame(mfn_t mfn);

/* Domain @id grants @to its page @page: a reference of its table. */
grant_ref_t model_grant(domid_t id, domid_t to, unsigned int page, bool readonly);
/* The entry itself, to read or to spoil; any domain's. */
grant_entry_v1_t *model_grant_entry(domid_t id, grant_ref_t ref);
/* End access as a careful guest does: false, and the grant stays, while it is in use. */
bool model_grant_end(domid_t id, grant_ref_t ref);
/* How many mappings domain @id has made of others' grants. */
unsigned int model_grant_maps(domid_t id);

/* Call @handler for each event on @port of another domain, in no guest's context. */
void model_domain_on_event(domid_t id, evtchn_port_t port, void (*handler)(void *arg), void *arg);
/* Without a handler: was there an event since the last time? */
bool model_domain_event(domid_t id, evtchn_port_t port);

#endif
