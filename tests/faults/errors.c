/* SPDX-License-Identifier: MIT */
/*
 * Which errors each function's header documents, in a table; and that the table says what the
 * comments in the headers say, no more and no less, so that neither can go its own way.
 */
#include <stdio.h>
#include <stdlib.h>

#include "faults.h"

#define HEADER_MAX 65536

/* Numbers and names of Xen's own header. */
static const struct {
	const char *name;
	int number;
} names[] = {
#define XEN_ERRNO(name, value) {#name, value},
#include <xen/errno.h>
};

static const struct documented {
	const char *function, *header;
	const char *errors; /* named in the comment */
	bool refusals;	    /* what Xen refuses comes through as it is */
	const char *as;	    /* and the errors of this function */
} table[] = {
	{"xen_p2m_init", "p2m.h", "EINVAL ENOMEM", true, NULL},
	{"xen_p2m_extend", "p2m.h", "EINVAL ENOMEM", false, NULL},
	{"xen_p2m_ram_add", "p2m.h", "EEXIST ENOMEM EINVAL", false, NULL},
	{"xen_p2m_ram_remove", "p2m.h", "ENOENT ENOMEM EINVAL", false, NULL},
	{"xen_p2m_identity_add", "p2m.h", "EEXIST ENOMEM EINVAL ERANGE", false, NULL},
	{"xen_p2m_identity_remove", "p2m.h", "ENOENT ENOMEM EINVAL", false, NULL},
	{"xen_p2m_publish", "p2m.h", "ENOMEM EINVAL", false, NULL},
	{"xen_e820_read", "setup.h", "ENOSYS EPERM", true, NULL},
	{"xen_setup_memory", "setup.h", "ENOSPC EBUSY ERANGE EINVAL EEXIST ENOMEM", true, NULL},
	{"xen_mmio_map", "mmu.h", "EINVAL ENOMEM EPERM", true, NULL},
	{"xen_contiguous_create", "contiguous.h", "ENOMEM EPERM EINVAL EFAULT", true, NULL},
	{"xen_destroy_contiguous_region", "contiguous.h", "", false, "xen_contiguous_create"},
	{"xen_coherent_alloc", "coherent.h", "EINVAL", false, "xen_contiguous_create"},
	{"xen_swiotlb_pool_get", "swiotlb.h", "EINVAL ENOMEM", false, NULL},
	{"xen_swiotlb_map_single", "swiotlb.h", "E2BIG EINVAL EFAULT ENOSPC ENOMEM", false, NULL},
	{"xen_dma_set_mask", "dma.h", "EINVAL EBUSY EIO", false, NULL},
	{"xen_dma_map_page", "dma.h", "EINVAL EFAULT ERANGE", false, "xen_swiotlb_map_single"},
	{"xen_dma_map_sg", "dma.h", "", false, "xen_dma_map_page"},
	{"xen_dma_alloc_coherent", "dma.h", "EINVAL E2BIG", false, "xen_coherent_alloc"},
	{"xen_dma_debug_enable", "dma.h", "ENOMEM EBUSY", false, NULL},
	{"xen_balloon_inflate", "balloon.h", "ENOMEM EINVAL", true, NULL},
	{"xen_balloon_deflate", "balloon.h", "ENOENT ENOMEM EINVAL", true, NULL},
	{"xen_balloon_add_spare", "balloon.h", "EINVAL EEXIST ENOMEM", false, NULL},
	{"xen_pci_add_aperture", "pci.h", "EINVAL ENOSPC EEXIST ENOMEM", false, NULL},
	{"xen_pci_scan", "pci.h", "ENOMEM", false, NULL},
	{"xen_pci_add", "pci.h", "ENODEV EAGAIN EEXIST EINVAL ENOMEM", false, NULL},
	{"xen_pirq_map_gsi", "pirq.h", "ERANGE EIO", true, NULL},
	{"xen_pirq_map_msi", "pirq.h", "ENODEV EBUSY EIO", true, NULL},
	{"xen_pirq_map_msix", "pirq.h", "ENODEV ERANGE EBUSY EIO", true, NULL},
	{"xen_pirq_bind", "pirq.h", "EINVAL EBUSY EEXIST EIO", true, NULL},
	{"xen_evtchn_bind", "evtchn.h", "EBUSY EINVAL ENOMEM EIO", true, NULL},
	{"xen_xs_init", "xenbus.h", "EBUSY ETIMEDOUT", false, "xen_evtchn_bind"},
	{"xen_xs_read", "xenbus.h", "E2BIG EINVAL", false, NULL},
	{"xen_xs_read_uint", "xenbus.h", "EINVAL", false, NULL},
	{"xen_xs_list", "xenbus.h", "E2BIG EINVAL ENOMEM", false, NULL},
	{"xen_xs_transaction", "xenbus.h", "EAGAIN", false, NULL},
	{"xen_xs_watch", "xenbus.h", "EBUSY E2BIG ENOSPC", false, NULL},
	{"xen_xenbus_write_state", "xenbus.h", "ENOENT EINVAL", false, "xen_xs_transaction"},
};

#define NR_OF(a) (sizeof(a) / sizeof((a)[0]))

const char *error_name(int err)
{
	static char text[24];

	for (size_t i = 0; i < NR_OF(names); i++) {
		if (names[i].number != -err)
			continue;
		snprintf(text, sizeof(text), "%s", names[i].name);
		return text;
	}
	snprintf(text, sizeof(text), "%d", err);
	return text;
}

int error_number(const char *name)
{
	for (size_t i = 0; i < NR_OF(names); i++)
		if (!strcmp(names[i].name, name))
			return -names[i].number;
	return 0;
}

static const struct documented *find(const char *function)
{
	for (size_t i = 0; i < NR_OF(table); i++)
		if (!strcmp(table[i].function, function))
			return &table[i];
	fault_wrong("the table of documented errors lacks %s()", function);
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = words; (at = strstr(at, word)); at += len)
		if ((at == words || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	return false;
}

static bool is_hypercall(enum model_call kind)
{
	return kind != MODEL_ALLOC_PAGES && kind != MODEL_ALLOC && kind != MODEL_VM_ALLOC;
}

bool error_documented(const char *function, int err, const struct fault fault[2])
{
	const struct documented *doc = find(function);

	if (has_word(doc->errors, error_name(err)))
		return true;
	for (int i = 0; i < 2 && doc->refusals; i++)
		if (fault[i].nth && is_hypercall(fault[i].kind) && fault[i].err == err)
			return true;
	return doc->as && error_documented(doc->as, err, fault);
}

/* The comment that stands before @function's declaration in @text, into @comment. */
static bool comment_of(const char *text, const char *function, char *comment, size_t size)
{
	char call[80];
	const char *at, *end = NULL, *start = NULL;

	snprintf(call, sizeof(call), "%s(", function);
	for (at = text; (at = strstr(at, call)); at++) {
		const char *line = at;

		while (line > text && line[-1] != '\n')
			line--;
		if (line[0] != ' ' && line[0] != '\t') /* a declaration begins in column one */
			break;
	}
	for (const char *p = text; at && p < at; p++) {
		if (!strncmp(p, "/*", 2))
			start = p;
		if (!strncmp(p, "*/", 2))
			end = p;
	}
	if (!start || !end || end < start || (size_t)(end - start) >= size)
		return false;
	/* On one line. */
	while (start < end) {
		if (*start != '\n') {
			*comment++ = *start++;
			continue;
		}
		*comment++ = ' ';
		start += strspn(start, "\n\t *");
	}
	*comment = 0;
	return true;
}

static bool says_refusals(const char *comment)
{
	static const char *const ways[] = {"Xen refused",	 "Xen refuses",
					   "Xen's refusal",	 "refusal of Xen",
					   "hypervisor refused", "refusal by the hypervisor",
					   "what it refused"};

	for (size_t i = 0; i < NR_OF(ways); i++)
		if (strstr(comment, ways[i]))
			return true;
	return false;
}

static bool complain(const struct documented *doc, const char *what, const char *which)
{
	printf("  FAIL    %s: %s(): %s%s\n", doc->header, doc->function, what, which);
	return false;
}

static bool matches(const struct documented *doc, const char *text)
{
	char comment[4096], *at = comment, name[24];
	bool ok = true;
	size_t len;

	if (!comment_of(text, doc->function, comment, sizeof(comment)))
		return complain(doc, "no comment found", "");
	/* What the comment names. */
	while ((at = strstr(at, "-XEN_E"))) {
		at += strlen("-XEN_");
		len = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
		snprintf(name, sizeof(name), "%.*s", (int)len, at);
		if (!has_word(doc->errors, name))
			ok = complain(doc, "the table lacks ", name);
	}
	/* What the table names. */
	for (const char *word = doc->errors; *word; word += len + (word[len] == ' ')) {
		char full[32];

		len = strcspn(word, " ");
		snprintf(full, sizeof(full), "-XEN_%.*s", (int)len, word);
		if (!strstr(comment, full))
			ok = complain(doc, "the header does not name ", full);
	}
	if (doc->refusals && !says_refusals(comment))
		ok = complain(doc, "the header does not speak of refusals", "");
	if (doc->as && !strstr(comment, doc->as))
		ok = complain(doc, "the header does not refer to ", doc->as);
	return ok;
}

bool errors_match_headers(const char *include)
{
	static char text[HEADER_MAX];
	bool ok = true;

	for (size_t i = 0; i < NR_OF(table); i++) {
		char path[512];
		size_t len;
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s", include, table[i].header);
		file = fopen(path, "r");
		if (!file) {
			perror(path);
			return false;
		}
		len = fread(text, 1, sizeof(text) - 1, file);
		text[len] = 0;
		fclose(file);
		ok = matches(&table[i], text) && ok;
	}
	return ok;
}
