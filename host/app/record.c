/*
 * Run records: what a job's script said of itself, what it cost, how it ended.
 *
 * Owns nothing.  Writes one row and one log line; decides nothing.
 */
#include "app/record.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

static char *failure_detail(const struct job *j, const struct task_said *said,
			    const struct err *why)
{
	struct buf b = {0};
	buf_adds(&b, "{\"job\":");
	buf_add_json(&b, j->kind, strlen(j->kind));
	buf_addf(&b, ",\"kind\":\"%s\",\"text\":", err_kind_name(why->kind));
	buf_add_json(&b, why->text, strlen(why->text));
	if (said && said->detail)
		buf_addf(&b, ",\"said\":%s", said->detail);
	buf_addc(&b, '}');
	return buf_take(&b);
}

static void say(const struct job *j, const struct run *r, const struct err *why)
{
	if (why->kind == ERR_NONE)
		log_info("job %lld (%s): flow %s, link %lld, %s, %lld ms, calls %s",
			 (long long)j->id, j->kind, r->flow, (long long)r->link, r->outcome,
			 (long long)r->ms, r->calls);
	else
		log_info("job %lld (%s): flow %s, link %lld, failed (%s), %lld ms, calls %s",
			 (long long)j->id, j->kind, r->flow, (long long)r->link,
			 err_kind_name(why->kind), (long long)r->ms, r->calls);
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

/* A job that only waits for a remote (again) did nothing that people ask after: status says why it
 * waits, and a long outage must not push the history out. */
static bool only_waits(const struct job *j, const struct err *why)
{
	switch (why->kind) {
	case ERR_BUSY:
	case ERR_AUTH: return true;
	case ERR_NET:
	case ERR_ABSENT: return j->attempt > 0;
	default: return false;
	}
}

bool record_run(struct runs *runs, const struct world *w, const struct job *j, struct task *t,
		const struct err *why, struct err *e)
{
	static const struct task_said nothing = {0};
	const struct task_said *said = task_said(t);
	const struct task_cost *cost = task_cost(t);
	bool failed = why->kind != ERR_NONE;
	if ((!said && !failed) || only_waits(j, why))
		return true;
	struct buf calls = {0};
	task_calls(t, &calls);
	char *detail = failed ? failure_detail(j, said, why) : NULL;
	said = said ? said : &nothing;
	struct run r = {
		.at_ms = cost->started_ms,
		.flow = or_empty(said->flow),
		.link = said->link,
		.trigger = or_empty(said->trigger),
		.outcome = failed ? "failed" : or_empty(said->outcome),
		.ms = (w->mono_us(w->ctx) - cost->started_us) / 1000,
		.requests = cost->requests,
		.operations = cost->operations,
		.calls = calls.data,
		.generation = j->generation,
		.detail = failed         ? detail
			  : said->detail ? said->detail
					 : "{}",
	};
	bool ok = runs_add(runs, &r, &r.id, e);
	say(j, &r, why);
	free(detail);
	buf_free(&calls);
	return ok;
}

bool record_reload(struct runs *runs, const struct reload_news *n, const char *restart,
		   struct err *e)
{
	struct buf detail = {0};
	buf_adds(&detail, n->detail);
	if (*restart) {
		buf_adds(&detail, ",\"needs_restart\":");
		buf_add_json(&detail, restart, strlen(restart));
	}
	buf_addc(&detail, '}');
	struct run r = {
		.at_ms = n->at_ms,
		.flow = "reload",
		.trigger = n->asked ? "asked" : "files",
		.outcome = n->live ? "live" : "refused",
		.ms = n->ms,
		.calls = "{}",
		.generation = n->generation,
		.detail = detail.data,
	};
	bool ok = runs_add(runs, &r, &r.id, e);
	buf_free(&detail);
	return ok;
}
