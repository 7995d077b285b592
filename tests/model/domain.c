/* SPDX-License-Identifier: MIT */
/*
 * The domains of the machine: creation, privileges, which of them a thread acts as, and the end of
 * one with everything it holds. Model lock held, but for the functions of domain.h.
 */
#include <string.h>

#include <model/domain-internal.h>

struct domain domains[MAX_DOMAINS];
static _Thread_local struct domain *acting;

struct domain *domain_acting(void)
{
	return acting ? acting : &domains[0];
}

domid_t model_domid(void)
{
	return domain_acting()->id;
}

bool domain_first_acts(void)
{
	return domain_acting() == &domains[0];
}

bool domain_is_privileged(void)
{
	return domain_acting()->privileged;
}

bool domain_is(domid_t id)
{
	return domain_by_id(id) != NULL;
}

bool domain_is_first(domid_t id)
{
	return domain_by_any_id(id) == &domains[0];
}

struct domain *domain_by_id(domid_t id)
{
	for (unsigned int i = 0; i < MAX_DOMAINS; i++)
		if (domains[i].exists && domains[i].id == id)
			return &domains[i];
	return NULL;
}

struct domain *domain_by_any_id(domid_t id)
{
	return id == DOMID_SELF ? domain_acting() : domain_by_id(id);
}

bool domain_may_target(const struct domain *d)
{
	return d == domain_acting() || domain_acting()->privileged;
}

bool domain_is_dead(unsigned int index)
{
	return domains[index].dying;
}

/* The domain's number is free again with its last frame. */
void domain_lost_frame(unsigned int index)
{
	struct domain *d = &domains[index];

	if (d->dying && --d->frames_left == 0)
		d->exists = false;
}

void domain_start(void)
{
	/* The others are cleared when they are made. */
	for (unsigned int i = 1; i < MAX_DOMAINS; i++)
		domains[i].exists = domains[i].dying = false;
	memset(&domains[0], 0, sizeof(domains[0]));
	acting = NULL;
	domains[0].exists = true;
	domains[0].id = model.params.domu ? 1 : 0;
	domains[0].privileged = !model.params.domu;
	if (grant_start(&domains[0]))
		model_breach("model_start: no memory for the grant table");
}

static struct domain *get(const char *function, domid_t id)
{
	struct domain *d = domain_by_any_id(id);

	if (!d)
		model_breach("%s: there is no domain %u", function, id);
	return d;
}

void model_domain_create(domid_t id, bool privileged, unsigned int nr_pages)
{
	struct domain *d = NULL;

	model_enter();
	if (domain_by_id(id) || id >= DOMID_FIRST_RESERVED)
		model_breach("model_domain_create: domain %u cannot be made", id);
	for (unsigned int i = 1; i < MAX_DOMAINS && !d; i++)
		if (!domains[i].exists)
			d = &domains[i];
	if (!d)
		model_breach("model_domain_create: more than %d domains", MAX_DOMAINS);
	memset(d, 0, sizeof(*d));
	d->exists = true;
	d->index = (unsigned int)(d - domains);
	d->id = id;
	d->privileged = privileged;
	d->frame = model_reserve(nr_pages * sizeof(*d->frame));
	for (d->nr_frames = 0; d->nr_frames < nr_pages; d->nr_frames++) {
		uint32_t mfn = frames_alloc(0, 64 + XEN_PAGE_SHIFT, false);

		if (mfn == NONE)
			model_breach("model_domain_create: the machine is full");
		model.frames[mfn].owner = OWNER_DOMAIN;
		model.frames[mfn].domain = (uint8_t)d->index;
		memset(frame_bytes(mfn), 0, XEN_PAGE_SIZE);
		d->frame[d->nr_frames] = mfn;
	}
	if (grant_start(d))
		model_breach("model_domain_create: the machine is full");
	model_leave();
}

static void close_ports(struct domain *d)
{
	pthread_mutex_lock(&channel_lock);
	for (evtchn_port_t port = 1; port < NR_CHANNELS; port++) {
		channel_close(d, port);
		d->channel[port].handler = NULL;
	}
	pthread_mutex_unlock(&channel_lock);
}

void model_domain_destroy(domid_t id)
{
	struct domain *d;

	model_enter();
	d = get("model_domain_destroy", id);
	if (d == &domains[0] || d == acting || d->dying)
		model_breach("model_domain_destroy: domain %u cannot be ended", id);
	close_ports(d);
	grant_release_mappings(d);
	d->dying = true;
	d->frames_left = d->nr_frames + 1; /* one for this function */
	for (unsigned int i = 0; i < d->nr_frames; i++)
		if (!model.frames[d->frame[i]].refs)
			frame_free(d->frame[i]);
	grant_end(d);
	domain_lost_frame(d->index);
	model_leave();
}

bool model_domain_exists(domid_t id)
{
	bool yes;

	model_enter();
	yes = domain_by_id(id) != NULL;
	model_leave();
	return yes;
}

domid_t model_act_as(domid_t id)
{
	domid_t before;

	model_enter();
	before = model_domid();
	acting = id == DOMID_SELF ? &domains[0] : get("model_act_as", id);
	model_leave();
	return before;
}

mfn_t model_domain_mfn(domid_t id, unsigned int page)
{
	const struct domain *d;

	model_enter();
	d = get("model_domain_mfn", id);
	if (page >= d->nr_frames)
		model_breach("model_domain_mfn: domain %u has no page %u", id, page);
	model_leave();
	return mk_mfn(d->frame[page]);
}

uint8_t *frame_bytes(uint64_t mfn)
{
	return model.ram + (mfn << XEN_PAGE_SHIFT);
}

void *model_domain_page(domid_t id, unsigned int page)
{
	return frame_bytes(mfn_x(model_domain_mfn(id, page)));
}

void *model_frame(mfn_t mfn)
{
	if (!machine_is_ram(mfn_x(mfn)))
		model_breach("model_frame: %llx is no RAM", (unsigned long long)mfn_x(mfn));
	return frame_bytes(mfn_x(mfn));
}

void domain_stop(void)
{
	acting = NULL;
}
