/*
 * An answer of a remote, as bytes on the wire: the true client reads it (head, framing, coding, caps),
 * then it is judged as an answer of the service and as one of the token endpoint, and its body is
 * decoded.  An answer that ends needs no timer.  What is said about it repeats nothing of the body that
 * is not a code.
 */
#include "remote/answer.h"
#include "io/http_client.h"
#include "remote/oauth_wire.h"
#include "script/json.h"
#include "script/vm.h"

#include "fuzz.h"

enum { MOST_BODY = 65536 };
static const int64_t most_life_ms = INT64_C(31622400000); /* a year */

static struct {
	struct loop *loop;
	struct world world;
	struct oauth_env oauth;
	struct vm *vm;
	struct loop_fd *peer;
	int listener, fd, told;
	char url[64];
	const uint8_t *data;
	size_t size;
} t;

/* The whole request is read before the answer and the end go out. */
static void on_request(void *arg, int ready)
{
	(void)arg, (void)ready;
	char request[4096];
	ssize_t n = recv(t.fd, request, sizeof(request), MSG_DONTWAIT);
	if (n > 0 && send(t.fd, t.data, t.size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
	loop_fd_free(t.peer);
	t.peer = NULL;
	(void)close(t.fd);
}

static void on_peer(void *arg, int ready)
{
	(void)arg, (void)ready;
	t.fd = accept(t.listener, NULL, NULL);
	MUST(t.fd >= 0 && !t.peer);
	t.peer = loop_fd_new(t.loop, t.fd, LOOP_READ, on_request, NULL);
}

static void start(void)
{
	struct err e;
	struct sockaddr_in at = fuzz_loopback(0);
	socklen_t len = sizeof(at);
	fuzz_own_network();
	t.loop = loop_new(&e);
	t.world = http_client_world(http_client_new(t.loop, "/dev/null", 4, &e));
	t.oauth = (struct oauth_env){&t.world, db_open(":memory:", &t.world, &e), NULL};
	MUST(t.oauth.db);
	t.vm = vm_new(&(struct vm_config){.strict = true});
	json_open(vm_lua(t.vm));
	t.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	MUST(bind(t.listener, (struct sockaddr *)&at, len) == 0 && listen(t.listener, 16) == 0);
	MUST(getsockname(t.listener, (struct sockaddr *)&at, &len) == 0);
	snprintf(t.url, sizeof(t.url), "http://127.0.0.1:%d/v1.0/x", ntohs(at.sin_port));
	loop_fd_new(t.loop, t.listener, LOOP_READ, on_peer, NULL);
}

static void judge(const struct web_answer *a)
{
	struct err e = {0};
	char code[ANSWER_CODE];
	struct oauth_answer o;
	MUST(a->status >= 100 && a->status < 1000 && a->len <= MOST_BODY && !a->body[a->len]);
	for (size_t i = 0; i < a->nheaders; i++)
		MUST(a->headers[i].name && a->headers[i].value);
	if (!answer_served(a, 0, &e)) {
		MUST(e.status == a->status && (e.kind == ERR_NET || e.kind == ERR_BUSY));
		MUST(e.kind == ERR_NET ||
		     (e.wait_ms >= ANSWER_LEAST_WAIT_MS && e.wait_ms <= ANSWER_MOST_WAIT_MS));
	}
	answer_code(t.oauth.db, a, code);
	MUST(strspn(code, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
	     strlen(code));
	if (oauth_wire_read(&t.oauth, a, &o, &e))
		MUST(o.token && fuzz_is_line(o.token) && o.life_ms >= 0 &&
		     o.life_ms < most_life_ms);
	else
		MUST(e.kind == ERR_AUTH || e.kind == ERR_BUSY || e.kind == ERR_NET);
	oauth_answer_clear(&o);
	if (!json_decode(vm_lua(t.vm), a->body, a->len, &e))
		MUST(e.kind == ERR_DATA);
	lua_settop(vm_lua(t.vm), 0);
}

static void on_answer(void *arg, const struct web_answer *a, const struct err *e)
{
	(void)arg;
	t.told++;
	MUST(a || (e->kind == ERR_NET && fuzz_is_line(e->text)));
	if (a)
		judge(a);
	loop_stop(t.loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;
	if (!t.loop)
		start();
	t.data = data;
	t.size = size;
	t.told = 0;
	const struct web_request rq = {
		.method = "GET", .url = t.url, .max_answer = MOST_BODY, .plain_ok = true};
	MUST(t.world.start(t.world.ctx, &rq, on_answer, NULL, &e));
	MUST(loop_run(t.loop, NULL, NULL, &e));
	MUST(t.told == 1);
	return 0;
}
