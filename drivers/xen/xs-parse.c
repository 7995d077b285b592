/* SPDX-License-Identifier: MIT */
/*
 * What is text in xenstore: paths, numbers, the names of errors. No state.
 */
#include "xs-internal.h"

/* Of the text, at most @most. */
size_t xen_xs_length(const char *text, size_t most)
{
	size_t n = 0;

	while (n < most && text[n])
		n++;
	return n;
}

static bool is_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static bool is_path_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '/' || c == '@';
}

int xen_xs_check_path(const char *path)
{
	size_t most = path[0] == '/' ? XENSTORE_ABS_PATH_MAX : XENSTORE_REL_PATH_MAX;
	size_t n = xen_xs_length(path, most + 1), i;

	if (n > most)
		return -XEN_E2BIG;
	if (!n || (n > 1 && path[n - 1] == '/'))
		return -XEN_EINVAL;
	for (i = 0; i < n; i++)
		if (!is_path_char(path[i]) || (path[i] == '/' && path[i + 1] == '/'))
			return -XEN_EINVAL;
	return 0;
}

/* The digit's value; above any base if it is none. */
static unsigned int digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned int)(c - 'A') + 10;
	return 16;
}

bool xen_xs_parse_uint(const char *value, unsigned int base, uint64_t max, uint64_t *out)
{
	uint64_t number = 0;

	if (base < 2 || base > 16 || !*value)
		return false;
	for (; *value; value++) {
		unsigned int d = digit(*value);

		if (d >= base || __builtin_mul_overflow(number, base, &number) ||
		    __builtin_add_overflow(number, d, &number))
			return false;
	}
	if (number > max)
		return false;
	*out = number;
	return true;
}

int xen_xs_error(const char *name)
{
	static const struct {
		char name[12];
		int error;
	} known[] = {
		{"EINVAL", XEN_EINVAL}, {"EACCES", XEN_EACCES},	  {"EEXIST", XEN_EEXIST},
		{"EISDIR", XEN_EISDIR}, {"ENOENT", XEN_ENOENT},	  {"ENOMEM", XEN_ENOMEM},
		{"ENOSPC", XEN_ENOSPC}, {"EIO", XEN_EIO},	  {"ENOTEMPTY", XEN_ENOTEMPTY},
		{"ENOSYS", XEN_ENOSYS}, {"EROFS", XEN_EROFS},	  {"EBUSY", XEN_EBUSY},
		{"EAGAIN", XEN_EAGAIN}, {"EISCONN", XEN_EISCONN}, {"E2BIG", XEN_E2BIG},
		{"EPERM", XEN_EPERM},	{"EQUOTA", XEN_ENOSPC},	  {"EDQUOT", XEN_ENOSPC},
	};
	unsigned int i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (is_same(name, known[i].name))
			return -known[i].error;
	return -XEN_EINVAL;
}
