/* SPDX-License-Identifier: MIT */
/*
 * The frame table: who owns each machine page, how often it is mapped, and as what. A frame is in
 * the heap, Xen's, or the domain's; only a domain's frame has references, and it leaves the domain
 * only without any. Its M2P entry is invalid from the moment it is free. Model lock held.
 */
#include <string.h>

#include <model/internal.h>

bool frame_is(uint64_t mfn, enum frame_owner owner, unsigned int domain)
{
	return mfn < model.max_page && model.frames[mfn].owner == owner &&
	       model.frames[mfn].domain == domain;
}

bool frame_is_domains(uint64_t mfn)
{
	return frame_is(mfn, OWNER_DOMAIN, 0);
}

bool frame_get_type(uint64_t mfn, enum frame_type type)
{
	struct frame *frame = &model.frames[mfn];

	if (frame->types && frame->type != type)
		return false;
	frame->type = (uint8_t)type;
	frame->types++;
	return true;
}

void frame_put_type(uint64_t mfn)
{
	struct frame *frame = &model.frames[mfn];

	if (!frame->types)
		model_breach("model: frame %llx: uses of its type are not balanced",
			     (unsigned long long)mfn);
	if (--frame->types)
		return;
	if (frame->type >= TYPE_L1 && frame->type <= TYPE_L4)
		pgtable_devalidate(mfn, frame->type);
	frame->type = TYPE_NONE;
}

void frame_put(uint64_t mfn)
{
	struct frame *frame = &model.frames[mfn];

	if (!frame->refs)
		model_breach("model: frame %llx: references are not balanced",
			     (unsigned long long)mfn);
	if (--frame->refs == 0 && frame->owner == OWNER_DOMAIN && domain_is_dead(frame->domain))
		frame_free(mfn);
}

/* What another domain might have left in the page: Xen does not clear what it hands out. */
static void leave_stale_data(uint64_t mfn)
{
	memset(model.ram + (mfn << XEN_PAGE_SHIFT), 0xc0 | (int)(mfn & 0xf), XEN_PAGE_SIZE);
}

uint32_t frames_alloc(unsigned int order, unsigned int bits, bool assign)
{
	uint32_t mfn;

	if (order > MAX_ORDER)
		return NONE;
	if (assign && model.tot_pages + (1ULL << order) > model.max_pages)
		return NONE;
	mfn = buddy_alloc(&model.heap, order, bits > XEN_PAGE_SHIFT ? bits - XEN_PAGE_SHIFT : 1);
	if (mfn == NONE)
		return NONE;
	for (uint64_t i = 0; i < 1ULL << order; i++) {
		model.frames[mfn + i] = (struct frame){.owner = OWNER_XEN};
		leave_stale_data(mfn + i);
	}
	if (assign) {
		frames_assign(mfn, order);
		model.tot_pages += 1ULL << order;
	}
	return mfn;
}

void frames_assign(uint64_t mfn, unsigned int order)
{
	for (uint64_t i = 0; i < 1ULL << order; i++)
		model.frames[mfn + i] = (struct frame){.owner = OWNER_DOMAIN};
}

int frame_steal(uint64_t mfn)
{
	if (!frame_is_domains(mfn) || model.frames[mfn].refs)
		return -XEN_EINVAL;
	model.frames[mfn].owner = OWNER_XEN;
	return 0;
}

void frame_unsteal(uint64_t mfn)
{
	model.frames[mfn].owner = OWNER_DOMAIN;
}

void frames_free_block(uint64_t mfn, unsigned int order)
{
	for (uint64_t i = 0; i < 1ULL << order; i++) {
		unsigned int domain = model.frames[mfn + i].domain;

		model.frames[mfn + i] = (struct frame){.owner = OWNER_FREE};
		model.m2p[mfn + i] = XEN_INVALID_FRAME;
		if (domain)
			domain_lost_frame(domain);
	}
	buddy_free(&model.heap, mfn, 1ULL << order);
}

void frame_free(uint64_t mfn)
{
	frames_free_block(mfn, 0);
}

uint64_t model_free_frames(unsigned int bits)
{
	uint64_t nr;

	model_enter();
	nr = buddy_count(&model.heap, bits > XEN_PAGE_SHIFT ? bits - XEN_PAGE_SHIFT : 0);
	model_leave();
	return nr;
}

static void give_back_taken(void)
{
	for (unsigned int i = 0; i < model.nr_taken; i++)
		frames_free_block(model.taken[i] >> 8, model.taken[i] & 0xff);
	model.nr_taken = 0;
}

void model_reserve_below(unsigned int bits)
{
	model_enter();
	give_back_taken();
	for (int order = MAX_ORDER; order >= 0 && bits > XEN_PAGE_SHIFT; order--) {
		uint32_t mfn;

		while ((mfn = buddy_alloc(&model.heap, (unsigned int)order,
					  bits - XEN_PAGE_SHIFT)) != NONE) {
			for (uint64_t i = 0; i < 1ULL << order; i++)
				model.frames[mfn + i].owner = OWNER_XEN;
			model.taken[model.nr_taken++] = (uint64_t)mfn << 8 | (unsigned int)order;
		}
	}
	model_leave();
}

void model_page_ref(mfn_t mfn, int change)
{
	model_enter();
	if (!frame_is_domains(mfn_x(mfn)))
		model_breach("model_page_ref: frame %llx is not the domain's",
			     (unsigned long long)mfn_x(mfn));
	model.frames[mfn_x(mfn)].refs = (uint16_t)(model.frames[mfn_x(mfn)].refs + change);
	model_leave();
}

void model_page_table(mfn_t mfn, bool set)
{
	struct frame *frame;

	model_enter();
	if (!frame_is_domains(mfn_x(mfn)))
		model_breach("model_page_table: frame %llx is not the domain's",
			     (unsigned long long)mfn_x(mfn));
	frame = &model.frames[mfn_x(mfn)];
	if (set && frame->types)
		model_breach("model_page_table: frame %llx is mapped writable",
			     (unsigned long long)mfn_x(mfn));
	if (frame->pinned == set)
		model_breach("model_page_table: frame %llx: nothing changes",
			     (unsigned long long)mfn_x(mfn));
	/* Whatever it contains: nothing is validated. */
	frame->pinned = set;
	frame->type = set ? TYPE_L1 : TYPE_NONE;
	frame->types = set;
	frame->refs = (uint16_t)(frame->refs + (set ? 1 : -1));
	model_leave();
}
