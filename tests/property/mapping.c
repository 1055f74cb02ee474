/*
 * The mapping process, in this process: its own source, with its channel turned to memory.  Has the
 * headers io/child.h, io/frames.h, mapper/channel.h and mapper/lock.h; script/mapper.c, which uses
 * the first two for nothing else, runs unchanged and believes that it talks to a child.
 *
 * Owns the channel's bytes, and one prepared mapping Lua state: a mapping is pure, so each "child"
 * that is sent the same files gets the same one.
 */
#include "base/crypto.h"
#include "io/child.h"
#include "io/frames.h"

#include "world.h"

#include <arpa/inet.h>
#include <sys/types.h>
#include <unistd.h>

int mapping_main(void);
#define main mapping_main
#include "mapper/main.c" /* NOLINT(bugprone-suspicious-include) */
#undef main

struct frames {
	struct loop *loop;
	frames_got *got;
	void *arg;
	struct buf in; /* bytes that the mapping has not read */
	struct mapper *mapper;
	bool due, freed;
};

struct child {
	pid_t pid;
};

static struct frames *served; /* whose channel is read and written now */
static struct buf out;
static struct mapper *kept;
static unsigned char kept_hash[32];

/* ---- mapper/channel.h ---- */

static void put_frame(struct buf *b, const char *data, size_t len)
{
	uint32_t head = htonl((uint32_t)len);
	buf_add(b, &head, sizeof(head));
	buf_add(b, data, len);
}

/* The first frame of b, taken out of it, to be freed; NULL: there is none. */
static char *take_frame(struct buf *b, size_t *len)
{
	uint32_t head;
	if (b->len < sizeof(head))
		return NULL;
	memcpy(&head, b->data, sizeof(head));
	*len = ntohl(head);
	char *text = xmemdup0(b->data + sizeof(head), *len);
	buf_drop_front(b, sizeof(head) + *len);
	return text;
}

const char *channel_read(size_t *len)
{
	static char *frame;
	free(frame);
	frame = take_frame(&served->in, len);
	return frame;
}

bool channel_write(const struct buf *answer)
{
	put_frame(&out, answer->data, answer->len);
	return true;
}

bool channel_open(struct err *e)
{
	(void)e;
	return true;
}

void channel_close(void)
{
}

void channel_computes(void)
{
}

void channel_computed(void)
{
}

/* ---- mapper/lock.h ---- */

bool lock_process(int channel, size_t max_memory, struct err *e)
{
	(void)channel;
	(void)max_memory;
	(void)e;
	return true;
}

/* ---- set-up ---- */

/* What the files are, so that the same ones need not be compiled again. */
static void hash_files(const struct mapper *m, unsigned char hash[32])
{
	struct buf b = {0};
	for (size_t i = 0; i < m->files.count; i++) {
		buf_addf(&b, "%s %s %zu\n", m->files.all[i].role, m->files.all[i].name,
			 m->files.all[i].len);
		buf_add(&b, m->files.all[i].text, m->files.all[i].len);
	}
	crypto_sha256(b.data ? b.data : "", b.len, hash);
	buf_free(&b);
}

static struct mapper *mapper_for(struct frames *f, struct err *e)
{
	unsigned char hash[32];
	struct mapper *m = NEW(struct mapper);
	served = f;
	if (!set_up(m, e))
		abort();
	hash_files(m, hash);
	if (kept && memcmp(hash, kept_hash, sizeof(hash)) == 0) {
		free_all(m);
		free(m);
		return kept;
	}
	if (!start_lua(m, e))
		return m; /* its vm is there, its answers are not: serve_one says why */
	give_settings(m);
	kept = m;
	memcpy(kept_hash, hash, sizeof(hash));
	return m;
}

/* ---- io/frames.h ---- */

static void answer_all(struct frames *f)
{
	char *text;
	size_t len;
	while (!f->freed && (text = take_frame(&out, &len)) != NULL) {
		f->got(f->arg, text, len);
		free(text);
	}
	buf_free(&out);
}

static void on_served(void *arg)
{
	struct frames *f = arg;
	struct err e = {0};
	f->due = false;
	if (!f->freed) {
		if (!f->mapper)
			f->mapper = mapper_for(f, &e);
		served = f;
		while (f->in.len > 0 && serve_one(f->mapper, e.kind == ERR_NONE ? NULL : &e)) {
		}
		answer_all(f); /* whoever hears it may free f, or send more */
	}
	if (f->freed && !f->due)
		free(f);
}

struct frames *frames_new(struct loop *l, int fd, size_t max, frames_got *got, frames_gone *gone,
			  void *arg)
{
	(void)max;
	(void)gone;
	struct frames *f = NEW(struct frames);
	(void)close(fd);
	*f = (struct frames){.loop = l, .got = got, .arg = arg};
	return f;
}

void frames_put(struct frames *f, const void *data, size_t len)
{
	put_frame(&f->in, data, len);
}

void frames_flush(struct frames *f)
{
	if (!f->due && f->in.len > 0)
		world_later(f->loop, on_served, f);
	f->due = f->due || f->in.len > 0;
}

void frames_send(struct frames *f, const void *data, size_t len)
{
	frames_put(f, data, len);
	frames_flush(f);
}

void frames_free(struct frames *f)
{
	if (!f)
		return;
	f->freed = true;
	buf_free(&f->in);
	if (!f->due)
		world_later(f->loop, on_served, f); /* frees it, from nobody's inside */
	f->due = true;
}

/* ---- io/child.h ---- */

struct child *child_start(struct loop *l, const struct child_spec *s, child_ended *ended, void *arg,
			  struct err *e)
{
	(void)l;
	(void)ended;
	(void)arg;
	if (s->channel < 0) {
		err_set(e, ERR_CONFIG, "this world has no programs but the mapping process");
		return NULL;
	}
	struct child *c = NEW(struct child);
	c->pid = 4000;
	return c;
}

pid_t child_pid(const struct child *c)
{
	return c->pid;
}

void child_kill(struct child *c, int signo)
{
	(void)c;
	(void)signo;
}

void child_free(struct child *c)
{
	free(c);
}
