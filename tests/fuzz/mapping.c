/*
 * What the host reads of the mapping process, which may be any bytes once a mapping has taken it
 * over: frames over a socket pair, the form of an answer, its JSON.
 *
 * The first byte says how: below 128 each line of the rest is one message, from 128 on the rest goes
 * out as it is, lengths included.  What is left of it, if not 0, is how many bytes are sent at a time.
 */
#include "io/frames.h"
#include "script/json.h"
#include "script/mapper_frame.h"
#include "script/vm.h"

#include "fuzz.h"

enum { MOST_FRAME = 4096 };

static struct loop *loop;
static struct vm *vm;

static struct {
	struct buf out;
	size_t sent, step;
	int fd;
	bool over;
} t;

static void start(void)
{
	struct err e;
	loop = loop_new(&e);
	vm = vm_new(&(struct vm_config){.strict = true});
	json_open(vm_lua(vm));
}

static void on_frame(void *arg, const char *data, size_t len)
{
	(void)arg;
	struct err e = {0};
	const char *answer = NULL;
	size_t n = 0;
	MUST(len <= MOST_FRAME && data[len] == '\0');
	switch (mapper_frame_read(data, len, &answer, &n, &e)) {
	case MAPPER_FRAME_ANSWER:
		MUST(n > 0 && answer > data && answer + n < data + len);
		if (!json_decode(vm_lua(vm), answer, n, &e))
			MUST(e.kind == ERR_DATA);
		lua_settop(vm_lua(vm), 0);
		break;
	case MAPPER_FRAME_ERROR:
		MUST(e.kind == ERR_DATA || e.kind == ERR_CONFIG || e.kind == ERR_SCRIPT);
		break;
	case MAPPER_FRAME_BROKEN: break;
	}
}

static void on_gone(void *arg, const char *why)
{
	(void)arg;
	MUST(why && *why && !t.over);
	t.over = true;
	loop_stop(loop);
}

static bool after_round(void *ctx)
{
	(void)ctx;
	size_t left = t.out.len - t.sent;
	size_t n = t.step > 0 && t.step < left ? t.step : left;
	if (n > 0 && send(t.fd, t.out.data + t.sent, n, MSG_NOSIGNAL) != (ssize_t)n)
		t.out.len = t.sent; /* the host hung up */
	t.sent += n;
	if (n == 0)
		(void)shutdown(t.fd, SHUT_WR);
	return n > 0;
}

static void add_lines(const uint8_t *p, size_t n)
{
	while (n > 0) {
		const uint8_t *lf = memchr(p, '\n', n);
		size_t len = lf ? (size_t)(lf - p) : n;
		uint32_t head = htonl((uint32_t)len);
		buf_add(&t.out, &head, sizeof(head));
		buf_add(&t.out, p, len);
		len += lf != NULL;
		p += len;
		n -= len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;
	int pair[2];
	if (size == 0)
		return -1;
	if (!loop)
		start();
	t.over = false;
	t.sent = 0;
	t.out.len = 0;
	t.step = data[0] & 0x7f;
	if (data[0] < 0x80)
		add_lines(data + 1, size - 1);
	else
		buf_add(&t.out, data + 1, size - 1);
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	t.fd = pair[1];
	struct frames *f = frames_new(loop, pair[0], MOST_FRAME, on_frame, on_gone, NULL);
	(void)after_round(NULL);
	MUST(loop_run(loop, after_round, NULL, &e) && t.over);
	frames_free(f);
	(void)close(t.fd);
	return 0;
}
