/* SPDX-License-Identifier: MIT */
/*
 * A logger that says nothing. It needs its functions: the libraries call them unseen.
 */
#include "quiet.h"

static void no_message(xentoollog_logger *logger, xentoollog_level level, int error,
		       const char *context, const char *format, va_list args)
{
}

static void no_progress(xentoollog_logger *logger, const char *context, const char *what,
			int percent, unsigned long done, unsigned long total)
{
}

static void no_destroy(xentoollog_logger *logger)
{
}

xentoollog_logger quiet_logger = {no_message, no_progress, no_destroy};
