/* SPDX-License-Identifier: MIT */
/* Domains, their event channels and grant tables, between the model's own files. */
#ifndef XENDMA_TESTS_MODEL_DOMAIN_INTERNAL_H
#define XENDMA_TESTS_MODEL_DOMAIN_INTERNAL_H

#include <model/domain.h>
#include <model/internal.h>

#define MAX_DOMAINS 16
#define NR_CHANNELS 2048
#define GRANT_FRAMES_MAX 64
#define GRANTS_A_FRAME (XEN_PAGE_SIZE / sizeof(grant_entry_v1_t))
#define MAPTRACK_MAX 8192
#define PIN_MAX 255 /* mappings of a kind of one grant */

enum state { FREE, UNBOUND, INTERDOMAIN, PIRQ, VIRQ, IPI };

struct channel {
	enum state state;
	uint32_t remote;   /* INTERDOMAIN: port; PIRQ, VIRQ: number */
	domid_t remote_id; /* UNBOUND, INTERDOMAIN: domain */
	uint32_t vcpu, last_vcpu;
	/* Others than the first domain, which has its own event layer: */
	bool pending;
	void (*handler)(void *arg);
	void *arg;
};

/* What Xen holds of a grant that is in use. */
struct active_grant {
	domid_t to;
	uint32_t mfn;
	/* mappings: by the CPU and by devices, reading and writing */
	uint16_t host_read, host_write, dev_read, dev_write;
};

/* A mapping, by its handle; unused without flags. */
struct maptrack {
	uint32_t flags;
	domid_t owner;
	grant_ref_t ref;
};

struct grant_table {
	unsigned int nr_frames;
	uint32_t frame[GRANT_FRAMES_MAX];
	struct active_grant *active; /* by reference */
	struct maptrack *maptrack;   /* by handle; what this domain has mapped */
	uint32_t last_handle;
	uint32_t end_handle; /* none from here on was ever used */
};

struct domain {
	bool exists, dying, privileged;
	bool events_due;	 /* something may be pending */
	evtchn_port_t last_port; /* the highest that was ever open */
	domid_t id;
	unsigned int index;
	uint32_t *frame; /* not the first domain's */
	unsigned int nr_frames;
	unsigned int frames_left; /* of a dying one */
	struct grant_table grants;
	struct channel channel[NR_CHANNELS]; /* [0] is not used */
};

/* [0]: the code under test. Model lock; the channels: channel_lock. */
extern struct domain domains[MAX_DOMAINS];
extern pthread_mutex_t channel_lock;

/* domain.c */
struct domain *domain_acting(void);
/* NULL: there is none. DOMID_SELF is one only for domain_by_any_id(). */
struct domain *domain_by_id(domid_t id);
struct domain *domain_by_any_id(domid_t id);
/* May the acting domain act on @d? */
bool domain_may_target(const struct domain *d);
void domain_start(void);
void domain_stop(void);
uint8_t *frame_bytes(uint64_t mfn);

/* event_abi.c: channel_lock held */
void abi_start(void);
void abi_raise(struct channel *c, evtchn_port_t port);
void abi_clear(evtchn_port_t port);
void abi_unmask(struct channel *c, evtchn_port_t port);
bool abi_is_masked(evtchn_port_t port);
int abi_init_control(struct evtchn_init_control *op);
int abi_expand_array(const struct evtchn_expand_array *op);
struct vcpu_info *abi_vcpu_info(unsigned int id);

/* event.c, evtchn_op.c: channel_lock held */
bool channel_valid(evtchn_port_t port);
void event_due(void);
/* Make it pending; delivered soon. 0. */
int channel_raise(struct domain *d, evtchn_port_t port);
int channel_close(struct domain *d, evtchn_port_t port);

/* grant.c */
int grant_start(struct domain *d);
void grant_end(struct domain *d);
bool grant_stop(void);
unsigned int grant_nr(const struct domain *d);
grant_entry_v1_t *grant_entry(const struct domain *d, grant_ref_t ref);
bool grant_in_use(const struct active_grant *act);
/* Mark it as read, or also written, by @to. GNTST_*. */
int grant_set_status(struct domain *d, grant_ref_t ref, domid_t to, bool readonly, bool map);
/* And take the marks off that no use has any more. */
void grant_reduce_status(struct domain *d, grant_ref_t ref, bool readonly);

/* grant_map.c */
void grant_map(struct gnttab_map_grant_ref *op);
void grant_unmap(struct gnttab_unmap_grant_ref *op);
/* All that a dying domain has mapped. */
void grant_release_mappings(struct domain *d);

/* grant_copy.c */
void grant_copy(struct gnttab_copy *op);

#endif
