/*
 * The table `host` that scripts see, put together of its parts (api_host, api_http, ...).  Any
 * service may be missing (NULL): its functions then raise "not here".  The Lua side is described in
 * scripts/host.lua (annotations only, for editors).
 */
#ifndef SCRIPT_API_H
#define SCRIPT_API_H

#include "script/services.h"
#include "script/vm.h"

#define COSELL_VERSION "0.1.0"

void api_open(struct vm *v, struct services *s); /* registers all of them; aborts if it cannot */
/* Addresses with a secret in them, for registering alone; each may be NULL. */
struct api_addresses {
	const char *callback_path; /* of callbacks to this host */
	const char *hint_path;     /* of hints to it, with their key */
	const char *forward;       /* where they go on to */
};
/* host.generation; host.profile (JSON text), with these addresses in it, unless NULL. */
bool api_describe(struct vm *v, const struct services *s, const char *profile,
		  const struct api_addresses *a, struct err *e) MUST_USE;
void api_close(struct services *s); /* frees scratch and held; after vm_free */

#endif
