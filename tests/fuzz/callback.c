/*
 * A callback from head to row: the bytes go over a socket to the true listener, gate, evhttp, verify
 * and inbox.  The signer's key is not here, so of all that can be sent one body is signed (golden.h):
 * whatever is answered 200 or kept has that very body, and no certificate is asked for elsewhere.
 *
 * The first byte says in how many pieces the rest is sent.  No input may need a timer to end.
 */
#include "remote/inbox.h"
#include "store/json_text.h"
#include "unit/fake_world.h"
#include "unit/golden.h"

#include <errno.h>

#include "fuzz.h"

static struct {
	struct loop *loop;
	struct http_server *server;
	struct fake *fake;
	struct db *db;
	struct queue *queue;
	struct inbox *inbox;
	char *roots, *kept; /* the payload of a good callback */
	int fd, pieces, kept_rows;
	const uint8_t *data;
	size_t left, said;
	char got[8192];
} t;

static void on_call(void *ctx, struct http_call *c)
{
	(void)ctx;
	if (!inbox_take(t.inbox, c))
		http_call_answer(c, 404, NULL, 0, NULL, 0);
}

static void start(void)
{
	struct err e;
	struct buf kept = {0};
	const struct http_server_config c = {
		.address = "127.0.0.1", .methods = "POST", .max_body = 4096};
	fuzz_own_network();
	t.fake = fake_new();
	t.loop = loop_new(&e);
	t.server = http_server_new(t.loop, &c, on_call, NULL, &e);
	t.db = db_open(":memory:", &t.fake->world, &e);
	MUST(t.server && t.db);
	t.queue = queue_new(t.db);
	t.roots = xasprintf("%s%s", golden_root, golden_intermediate);
	buf_adds(&kept, "{\"body\":");
	buf_add_json(&kept, golden_body, strlen(golden_body));
	buf_addc(&kept, '}');
	t.kept = buf_take(&kept);
}

static void answer_fetches(void)
{
	for (int i = 0; i < t.fake->n; i++) {
		const char *url = t.fake->calls[i].url;
		MUST(strncmp(url, "https://certs.example/", 22) == 0 ||
		     strncmp(url, "https://certs.example:443/", 26) == 0 ||
		     strncmp(url, "http://127.0.0.1:8080/", 22) == 0);
		if (t.fake->calls[i].open)
			fake_answer(t.fake, i, strstr(url, "none") ? 404 : 200, NULL,
				    strstr(url, "root") ? golden_root : golden_signer);
	}
}

/* From an address of its own each time, for one has ports for a minute's thousands only; and such that
 * what is left of the connection keeps no port from the listeners of other tests. */
static bool dial(void)
{
	static uint32_t from;
	static int failed;
	const int on = 1;
	struct sockaddr_in to = fuzz_loopback(http_server_port(t.server));
	struct sockaddr_in own = fuzz_loopback(0);
	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK + ++from % 65536);
	t.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	MUST(setsockopt(t.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
	MUST(bind(t.fd, (struct sockaddr *)&own, sizeof(own)) == 0);
	if (connect(t.fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
		failed = 0;
		return true;
	}
	MUST(++failed < 100); /* a loaded machine, or libFuzzer's alarm */
	(void)close(t.fd);
	return false;
}

static void send_piece(void)
{
	size_t n = t.pieces > 1 ? t.left / (size_t)t.pieces : t.left;
	if (t.pieces-- <= 0)
		return;
	if (n > 0 && send(t.fd, t.data, n, MSG_NOSIGNAL) != (ssize_t)n)
		t.pieces = 0; /* refused already */
	t.data += n;
	t.left -= n;
	if (t.pieces <= 0)
		(void)shutdown(t.fd, SHUT_WR);
}

static bool after_round(void *ctx)
{
	(void)ctx;
	struct err e;
	answer_fetches();
	MUST(db_commit(t.db, &e));
	ssize_t n = recv(t.fd, t.got + t.said, sizeof(t.got) - 1 - t.said, MSG_DONTWAIT);
	if (n > 0)
		t.said += (size_t)n;
	else if (n == 0 || errno != EAGAIN)
		loop_stop(t.loop);
	send_piece();
	return t.pieces > 0;
}

static bool on_row(void *arg, const struct job *j)
{
	(void)arg;
	char *proof = NULL;
	struct err e;
	if (strcmp(j->kind, "forward") == 0) { /* passed on: JSON, whatever its headers hold */
		MUST(json_text_get(t.db, j->payload, "$.headers.X-MS-Certificate-Url", &proof, &e));
		MUST(proof != NULL);
		free(proof);
		return true;
	}
	MUST(strcmp(j->payload, t.kept) == 0);
	t.kept_rows++;
	return true;
}

static int count_200(void)
{
	int n = 0;
	t.got[t.said] = '\0';
	for (const char *s = t.got; (s = strstr(s, "HTTP/1.1 200 ")); s++)
		n++;
	return n;
}

static void judge(void)
{
	struct err e;
	struct inbox_state in;
	inbox_state(t.inbox, &in);
	t.kept_rows = 0;
	MUST(queue_list(t.queue, NULL, 0, 1000, on_row, NULL, &e));
	MUST((uint64_t)count_200() <= in.stored && (t.kept_rows > 0) == (in.stored > 0));
	MUST(stmt_write(db_stmt(t.db, "fuzz.empty", "delete from job"), NULL, &e));
	MUST(db_commit(t.db, &e));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const hosts[] = {"certs.example", NULL};
	struct err e;
	if (size == 0)
		return -1;
	if (!t.loop)
		start();
	if (!dial())
		return -1;
	const struct verify_config v = {.hosts = hosts,
					.practice_origin = "http://127.0.0.1:8080",
					.roots = t.roots,
					.organization = GOLDEN_ORGANIZATION};
	struct inbox_config in = {.path = "/callback/0123456789abcdef",
				  .job_kind = "event",
				  .pass_kind = "forward",
				  .pass_most = 1000};
	in.verify = verify_new(&t.fake->world, &v);
	t.inbox = inbox_new(t.db, t.queue, &in);
	t.pieces = 1 + data[0] % 4;
	t.data = data + 1;
	t.left = size - 1;
	t.said = 0;
	send_piece();
	MUST(loop_run(t.loop, after_round, NULL, &e));
	(void)close(t.fd);
	judge();
	inbox_free(t.inbox);
	verify_free(in.verify);
	fake_forget(t.fake);
	return 0;
}
