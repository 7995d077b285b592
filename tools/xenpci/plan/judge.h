/* SPDX-License-Identifier: MIT */
/*
 * May a device be attached? What forbids it, or is worth a warning, as findings. Used by the plan
 * of an attach, which then has no steps, and by `check`, which asks before anybody wants to.
 */
#ifndef XENPCI_JUDGE_H
#define XENPCI_JUDGE_H

#include "plan.h"

/* Number of a domain that there never is, for a situation without one. */
#define JUDGE_NO_DOMAIN 0x7ff4u

/* Is it one whose devices are xenpci's business: a PV domain, other than domain 0? An error if not;
 * a domain that has gone may have been one. */
bool judge_kind(const struct situation *situation, struct report *report);
/* Is it one that devices can be attached to? */
void judge_domain(const struct situation *situation, struct report *report);

/* Does an IOMMU keep devices in their domains, or is there consent to do without? */
void judge_iommu(const struct situation *situation, bool consent, struct report *report);

/*
 * Is it free, assignable, and apart from what others use? wish is one of wishes[count], which are
 * asked for together. Only a note if the domain has it already.
 */
void judge_device(const struct situation *situation, const struct wish *wishes, size_t count,
		  const struct wish *wish, struct report *report);

/* Whole and there already? Then there is nothing to do. */
bool judge_attached(const struct situation *situation, struct bdf bdf);

#endif
