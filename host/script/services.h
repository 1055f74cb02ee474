/*
 * What scripts may use, handed down to the table `host` by whoever runs them.
 */
#ifndef SCRIPT_SERVICES_H
#define SCRIPT_SERVICES_H

#include "io/http_server.h"
#include "remote/sign_in.h"
#include "script/mapper.h"
#include "script/task.h"
#include "script/vm.h"
#include "store/docs.h"
#include "store/filesets.h"
#include "store/links.h"
#include "store/queue.h"
#include "store/runs.h"

struct trials;

/* Everything a generation of scripts may use; owned by who made it, outlives the vm. */
struct services {
	struct loop *loop;
	const struct world *world;
	struct db *db;
	struct queue *queue;
	struct links *links;
	struct runs *runs;
	struct docs *docs;
	struct filesets *filesets;
	struct trials *trials;
	struct remotes *remotes;
	struct sign_ins sign_ins; /* begin NULL: none here */
	struct mapper *mapper;
	struct tasks *tasks;
	int generation;
	bool local;       /* a command that runs here: files, children, loopback URLs, listeners */
	const char *self; /* absolute path of this program */
	const char *defaults; /* the folder of the shipped mappings, for such a command; or NULL */
	void (*more)(lua_State *L); /* a further part of `host`, its table on the stack; may
					      be NULL */
	/* upward, handed down at start (may be NULL) */
	void (*queued)(void *ctx); /* a job was put or revived */
	void (*status)(void *ctx,
		       struct buf *json); /* what C knows: remotes, queue, listener, reload */
	bool (*reload)(void *ctx, struct err *e);
	/* loads a profile folder for a command that runs here, proved (fixtures and all) or not, with
	 * the mapping of another folder if that is given; done once, never from inside: JSON
	 * {profile=,problems=} */
	bool (*load)(void *ctx, const char *dir, const char *mapping, bool prove,
		     void (*done)(void *, const char *, const struct err *), void *arg,
		     struct err *e);
	/* copies the state file between rounds; done once, never from inside: JSON (see
	 * backup_report) */
	bool (*backup)(void *ctx, const char *path,
		       void (*done)(void *, const char *, const struct err *), void *arg,
		       struct err *e);
	void *ctx;

	/* the api's own: what a Lua-called function holds while Lua may raise; used anew by each
	 * call */
	struct buf scratch;
	char *held[2];
};

#endif
