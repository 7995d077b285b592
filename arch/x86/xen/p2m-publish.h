/* SPDX-License-Identifier: MIT */
/* Between p2m.c and p2m-publish.c: how the toolstack's view follows a move of the array. */
#ifndef XENDMA_ARCH_P2M_PUBLISH_H
#define XENDMA_ARCH_P2M_PUBLISH_H

#include <xen/types.h>

/*
 * Get what publishing an array of @nr entries at @array takes; nothing if none is published.
 * -XEN_ENOMEM; -XEN_EINVAL: a page of the array is no RAM of ours. The view is as before.
 */
int xen_p2m_publish_prepare(const uint64_t *array, uint64_t nr);

/* Around a move of the array, after a successful prepare. */
void xen_p2m_publish_begin(void);
void xen_p2m_publish_end(void);

/* Take the view back and free its pages. */
void xen_p2m_unpublish(void);

#endif
