/* base/world: headers by name, GUIDs. */
#include <string.h>

#include "base/world.h"
#include "tests.h"

void check_world(void);

static void all_ones(void *ctx, void *out, size_t n)
{
	memset(out, *(int *)ctx, n);
}

void check_world(void)
{
	CASE ("world_header_first_of_any_case") {
		struct web_header h[] = {{"etag", "1"}, {"retry-after", "2"}, {"ETag", "3"}};
		CHECK_STR(web_header_get(h, 3, "ETAG"), "1");
		CHECK_STR(web_header_get(h, 3, "Retry-After"), "2");
		CHECK(web_header_get(h, 3, "retry") == NULL);
		CHECK(web_header_get(NULL, 0, "etag") == NULL);
	}
	CASE ("world_uuid_is_version_4") {
		int byte = 0xff;
		char id[37];
		struct world w = {.ctx = &byte, .random = all_ones};
		world_uuid(&w, id);
		CHECK_STR(id, "ffffffff-ffff-4fff-bfff-ffffffffffff");
		byte = 0;
		world_uuid(&w, id);
		CHECK_STR(id, "00000000-0000-4000-8000-000000000000");
	}
}
