/* SPDX-License-Identifier: MIT */
/*
 * Token buckets. Invariant: at most burst tokens, and one more for each whole interval since
 * `since`, which moves by whole intervals so that none is lost by asking often. Words are read and
 * written whole but without a lock: a race gives a token twice and does no other harm.
 */
#include <xen/atomic.h>
#include <xen/bucket.h>
#include <xen/port.h>

void xen_bucket_init(struct xen_bucket *bucket, unsigned int burst, uint64_t interval)
{
	*bucket = (struct xen_bucket){
		.burst = burst,
		.interval = interval,
		.tokens = burst,
		.since = xen_port_clock_ns(),
	};
}

static void refill(struct xen_bucket *bucket)
{
	uint64_t now = xen_port_clock_ns(), since = xen_load(&bucket->since);
	unsigned int tokens = xen_load(&bucket->tokens);

	if (now < since) /* another CPU looked at the clock later */
		now = since;
	while (tokens < bucket->burst && now - since >= bucket->interval) {
		since += bucket->interval;
		tokens++;
	}
	/* Full: the time of what is not there any more does not count. */
	xen_store(&bucket->since, tokens == bucket->burst ? now : since);
	xen_store(&bucket->tokens, tokens);
}

bool xen_bucket_take(struct xen_bucket *bucket)
{
	unsigned int tokens;

	if (!bucket)
		return true;
	refill(bucket);
	tokens = xen_load(&bucket->tokens);
	if (!tokens)
		return false;
	xen_store(&bucket->tokens, tokens - 1);
	return true;
}
