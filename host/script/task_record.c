/*
 * What is noted of a task while it runs: what it cost, what it said of its run, and, of a
 * rehearsal, what it asked the mapping process.  It must never run anything.
 */
#include "script/task_own.h"

#include <stdlib.h>
#include <string.h>

#define ASKED_MOST (4u << 20) /* bytes of what a rehearsal asked between two looks */

static void said_clear(struct task *t)
{
	free(t->said.flow);
	free(t->said.trigger);
	free(t->said.outcome);
	free(t->said.detail);
}

void task_record_clear(struct task *t)
{
	for (int i = 0; i < TASK_CALLS; i++)
		free(t->calls[i].remote);
	said_clear(t);
	buf_free(&t->asked);
}

/* ---- cost ---- */

struct task_cost *task_cost(struct task *t)
{
	return &t->cost;
}

void task_count(struct task *t, const char *remote, int requests)
{
	int i = 0;
	while (i < TASK_CALLS - 1 && t->calls[i].remote && strcmp(t->calls[i].remote, remote) != 0)
		i++;
	if (!t->calls[i].remote)
		t->calls[i].remote = xstrdup(remote);
	t->calls[i].requests += requests;
}

void task_calls(const struct task *t, struct buf *out)
{
	buf_addc(out, '{');
	for (int i = 0; i < TASK_CALLS && t->calls[i].remote; i++) {
		if (i)
			buf_addc(out, ',');
		buf_add_json(out, t->calls[i].remote, strlen(t->calls[i].remote));
		buf_addf(out, ":%d", t->calls[i].requests);
	}
	buf_addc(out, '}');
}

const struct task_said *task_said(const struct task *t)
{
	return t->has_said ? &t->said : NULL;
}

void task_say(struct task *t, const struct task_said *said)
{
	said_clear(t);
	t->said = *said;
	t->has_said = true;
}

/* ---- rehearsals ---- */

void task_rehearse(struct task *t)
{
	t->rehearses = true;
}

bool task_rehearses(const struct task *t)
{
	return t->rehearses;
}

void task_asked(struct task *t, const char *question, const char *answer)
{
	struct buf *b = &t->asked;
	if (b->len > ASKED_MOST)
		return;
	buf_addf(b, "%s{\"question\":%s,\"answer\":%s}", b->len ? "," : "", question, answer);
}

void task_rehearsed(struct task *t, struct buf *out)
{
	const struct task_said *s = &t->said;
	buf_addf(out, "{\"asked\":[%s]", t->asked.len ? t->asked.data : "");
	if (t->has_said && s->outcome) {
		buf_adds(out, ",\"outcome\":");
		buf_add_json(out, s->outcome, strlen(s->outcome));
		buf_addf(out, ",\"detail\":%s", s->detail ? s->detail : "{}");
	}
	buf_addc(out, '}');
	t->asked.len = 0;
	said_clear(t);
	t->said = (struct task_said){0};
	t->has_said = false;
}
