/*
 * What can be said about the outside without touching it: looking up a header, making a GUID from
 * the world's random bytes.  The verbs themselves live where the real world is made (io/) or in the
 * simulated worlds of the tests.
 */
#include "base/world.h"

#include <stdio.h>
#include <strings.h>

const char *web_header_get(const struct web_header *h, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(h[i].name, name) == 0) {
			return h[i].value;
		}
	}
	return NULL;
}

void world_uuid(const struct world *w, char out[37])
{
	unsigned char b[16];
	w->random(w->ctx, b, sizeof b);
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* version 4 */
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80); /* the RFC 4122 variant */
	(void)snprintf(out, 37,
		       "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		       b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
		       b[13], b[14], b[15]);
}
