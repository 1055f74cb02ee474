/* io/frames: whole messages whatever the pieces, back-pressure, ends, and the private socket. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/frames.h"
#include "pump.h"
#include "tests.h"

void check_frames(void);

struct end {
	struct frames *f;
	struct buf got; /* messages, each with a '|' behind it */
	int messages;
	int want; /* for until_messages */
	char gone[100];
	int gone_calls;
	bool free_on_got;
	bool free_on_gone;
	bool close_on_got;
	bool echo;
};

static void on_got(void *arg, const char *data, size_t len)
{
	struct end *e = arg;
	CHECK_INT(data[len], 0);
	buf_add(&e->got, data, len < 20 ? len : 20);
	buf_addc(&e->got, '|');
	e->messages++;
	if (e->echo) {
		frames_send(e->f, data, len);
	}
	if (e->free_on_got) {
		frames_free(e->f);
		e->f = NULL;
	} else if (e->close_on_got) {
		frames_close_when_sent(e->f);
		e->f = NULL;
	}
}

static void on_gone(void *arg, const char *why)
{
	struct end *e = arg;
	(void)snprintf(e->gone, sizeof e->gone, "%s", why);
	e->gone_calls++;
	if (e->free_on_gone) {
		frames_free(e->f);
		e->f = NULL;
	}
}

static bool until_messages(void *arg)
{
	const struct end *e = arg;
	return e->messages >= e->want;
}

static bool until_gone(void *arg)
{
	const struct end *e = arg;
	return e->gone_calls > 0;
}

struct stage {
	struct loop *loop;
	struct end end;
	int fd; /* the raw other side */
};

static struct stage *stage_new(size_t max)
{
	struct err e;
	int pair[2];
	struct stage *s = NEW(struct stage);
	s->loop = loop_new(&e);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		abort();
	}
	s->fd = pair[1];
	s->end.f = frames_new(s->loop, pair[0], max, on_got, on_gone, &s->end);
	return s;
}

static void stage_free(struct stage *s)
{
	frames_free(s->end.f);
	turn(s->loop, 1);
	loop_free(s->loop);
	(void)close(s->fd);
	buf_free(&s->end.got);
	free(s);
}

static void raw_frame(struct buf *b, const char *data, size_t len)
{
	uint32_t head = htonl((uint32_t)len);
	buf_add(b, &head, 4);
	buf_add(b, data, len);
}

static void raw_send(int fd, const void *p, size_t n)
{
	CHECK_INT(send(fd, p, n, MSG_NOSIGNAL), n);
}

static void pieces(void)
{
	CASE ("frames_arrive_whole_however_they_are_cut") {
		struct buf b = {0};
		raw_frame(&b, "one", 3);
		raw_frame(&b, "", 0);
		raw_frame(&b, "th\0ree", 6);
		for (size_t step = 1; step <= b.len; step++) {
			struct stage *s = stage_new(100);
			for (size_t i = 0; i < b.len; i += step) {
				raw_send(s->fd, b.data + i, step < b.len - i ? step : b.len - i);
				turn(s->loop, 1);
			}
			CHECK_INT(s->end.messages, 3);
			CHECK_INT(s->end.got.len, 12);
			CHECK(memcmp(s->end.got.data, "one||th\0ree|", 12) == 0);
			stage_free(s);
		}
		buf_free(&b);
	}
	CASE ("frames_sent_have_their_length_in_front") {
		struct stage *s = stage_new(100);
		char in[16];
		frames_send(s->end.f, "hello", 5);
		frames_send(s->end.f, "", 0);
		CHECK_INT(frames_unsent(s->end.f), 0);
		CHECK_INT(recv(s->fd, in, sizeof in, 0), 13);
		CHECK(memcmp(in, "\0\0\0\5hello\0\0\0\0", 13) == 0);
		stage_free(s);
	}
	CASE ("frames_to_a_slow_reader_wait_and_all_arrive") {
		struct stage *s = stage_new(1 << 20);
		struct end other = {.want = 200};
		char *big = xmalloc(50000);
		memset(big, 'x', 50000);
		for (int i = 0; i < 200; i++) {
			big[0] = (char)('a' + i % 26);
			frames_send(s->end.f, big, 50000);
		}
		CHECK(frames_unsent(s->end.f) > 1000000);
		other.f = frames_new(s->loop, dup(s->fd), 1 << 20, on_got, on_gone, &other);
		CHECK(pump(s->loop, until_messages, &other, 10000));
		CHECK_INT(frames_unsent(s->end.f), 0);
		CHECK_INT(other.got.data[21], 'b');
		frames_free(other.f);
		buf_free(&other.got);
		free(big);
		stage_free(s);
	}
	CASE ("frames_echo_of_many_keeps_order") {
		struct stage *s = stage_new(100);
		struct end other = {.want = 1000};
		s->end.echo = true;
		other.f = frames_new(s->loop, dup(s->fd), 100, on_got, on_gone, &other);
		for (int i = 0; i < 1000; i++) {
			char text[16];
			int n = snprintf(text, sizeof text, "%d", i);
			frames_send(other.f, text, (size_t)n);
		}
		CHECK(pump(s->loop, until_messages, &other, 5000));
		CHECK(strncmp(other.got.data, "0|1|2|3|", 8) == 0);
		CHECK_STR(other.got.data + other.got.len - 8, "998|999|");
		frames_free(other.f);
		buf_free(&other.got);
		stage_free(s);
	}
}

static void ends(void)
{
	CASE ("frames_larger_than_allowed_are_refused_before_they_come") {
		struct stage *s = stage_new(100);
		raw_send(s->fd, "\0\0\0\x65", 4);
		CHECK(pump(s->loop, until_gone, &s->end, 5000));
		CHECK_STR(s->end.gone, "message too large");
		raw_send(s->fd, "more", 4);
		turn(s->loop, 3);
		CHECK_INT(s->end.gone_calls, 1);
		stage_free(s);
	}
	CASE ("frames_gone_is_told_once_and_may_free") {
		for (int cut = 0; cut < 2; cut++) {
			struct stage *s = stage_new(100);
			s->end.free_on_gone = true;
			raw_send(s->fd, "\0\0\0\3ab", cut ? 6 : 0);
			(void)shutdown(s->fd, SHUT_RDWR);
			CHECK(pump(s->loop, until_gone, &s->end, 5000));
			CHECK_STR(s->end.gone,
				  cut ? "closed in the middle of a message" : "closed");
			turn(s->loop, 3);
			CHECK_INT(s->end.gone_calls, 1);
			stage_free(s);
		}
	}
	CASE ("frames_got_may_free_with_more_waiting") {
		struct stage *s = stage_new(100);
		struct buf b = {0};
		raw_frame(&b, "one", 3);
		raw_frame(&b, "two", 3);
		s->end.free_on_got = true;
		raw_send(s->fd, b.data, b.len);
		turn(s->loop, 3);
		CHECK_INT(s->end.messages, 1);
		CHECK_INT(s->end.gone_calls, 0);
		buf_free(&b);
		stage_free(s);
	}
	CASE ("frames_to_a_lost_peer_end_in_gone_not_in_send") {
		struct stage *s = stage_new(100);
		(void)shutdown(s->fd, SHUT_RD);
		for (int i = 0; i < 100; i++) {
			frames_send(s->end.f, "hello", 5);
		}
		CHECK_INT(s->end.gone_calls, 0);
		CHECK(pump(s->loop, until_gone, &s->end, 5000));
		CHECK_INT(s->end.gone_calls, 1);
		frames_send(s->end.f, "in vain", 7);
		stage_free(s);
	}
	CASE ("frames_closed_when_sent_says_all_first") {
		struct stage *s = stage_new(100);
		struct end other = {.want = 30};
		char *big = xcalloc(1, 50000);
		for (int i = 0; i < 30; i++) {
			frames_send(s->end.f, big, 50000);
		}
		CHECK(frames_unsent(s->end.f) > 0);
		frames_close_when_sent(s->end.f);
		s->end.f = NULL;
		other.f = frames_new(s->loop, dup(s->fd), 50000, on_got, on_gone, &other);
		CHECK(pump(s->loop, until_gone, &other, 5000));
		CHECK_INT(other.messages, 30);
		CHECK_STR(other.gone, "closed");
		CHECK_INT(s->end.gone_calls, 0);
		frames_free(other.f);
		buf_free(&other.got);
		free(big);
		stage_free(s);
	}
	CASE ("frames_closed_inside_got_sends_the_answer") {
		struct stage *s = stage_new(100);
		char in[16];
		s->end.echo = true;
		s->end.close_on_got = true;
		raw_send(s->fd, "\0\0\0\2hi", 6);
		turn(s->loop, 3);
		CHECK_INT(recv(s->fd, in, sizeof in, 0), 6);
		CHECK_INT(recv(s->fd, in, sizeof in, 0), 0);
		stage_free(s);
	}
}

struct door {
	int fd;
	bool open;
};

static void on_peer(void *arg, int fd)
{
	struct door *d = arg;
	d->fd = fd;
	d->open = true;
}

static void private_socket(void)
{
	CASE ("frames_listener_is_private_and_accepts") {
		struct err e;
		struct loop *l = loop_new(&e);
		struct door d = {.fd = -1};
		struct stat st;
		char *path = xasprintf("%s/control", tests_tempdir());
		(void)umask(0);
		struct frames_listener *s = frames_listen(l, path, on_peer, &d, &e);
		CHECK(s != NULL);
		CHECK_INT(stat(path, &st), 0);
		CHECK_INT(st.st_mode & 07777, 0600);
		CHECK_INT(umask(0), 0); /* put back */
		int fd = frames_connect(path, &e);
		CHECK(fd >= 0);
		CHECK(pump(l, pump_flag, &d.open, 5000));
		(void)close(fd);
		(void)close(d.fd);
		frames_listener_free(s);
		CHECK(stat(path, &st) != 0 && errno == ENOENT);
		loop_free(l);
		free(path);
	}
	CASE ("frames_listener_replaces_a_dead_socket_not_a_live_one") {
		struct err e;
		struct loop *l = loop_new(&e);
		struct door d = {.fd = -1};
		struct sockaddr_un sa = {.sun_family = AF_UNIX};
		(void)snprintf(sa.sun_path, sizeof sa.sun_path, "%s/control", tests_tempdir());
		int dead = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK_INT(bind(dead, (struct sockaddr *)&sa, sizeof sa), 0);
		(void)close(dead);
		struct frames_listener *s = frames_listen(l, sa.sun_path, on_peer, &d, &e);
		CHECK(s != NULL);
		CHECK(frames_listen(l, sa.sun_path, on_peer, &d, &e) == NULL);
		CHECK_INT(e.kind, ERR_CONFIG);
		CHECK(strstr(e.text, "in use") != NULL);
		int fd = frames_connect(sa.sun_path, &e);
		CHECK(fd >= 0); /* the first one still stands */
		(void)close(fd);
		(void)pump(l, pump_flag, &d.open, 5000);
		(void)close(d.fd);
		frames_listener_free(s);
		loop_free(l);
	}
	CASE ("frames_listener_never_removes_a_file_that_is_no_socket") {
		struct err e;
		struct loop *l = loop_new(&e);
		struct stat st;
		char *path = xasprintf("%s/control", tests_tempdir());
		FILE *file = fopen(path, "w");
		CHECK(file != NULL && fclose(file) == 0);
		CHECK(frames_listen(l, path, on_peer, NULL, &e) == NULL);
		CHECK_INT(e.kind, ERR_CONFIG);
		CHECK_INT(stat(path, &st), 0);
		loop_free(l);
		free(path);
	}
	CASE ("frames_listener_leaves_the_socket_of_a_successor") {
		struct err e;
		struct loop *l = loop_new(&e);
		struct door d = {.fd = -1};
		struct stat st;
		char *path = xasprintf("%s/control", tests_tempdir());
		struct frames_listener *old = frames_listen(l, path, on_peer, &d, &e);
		CHECK_INT(unlink(path), 0);
		struct frames_listener *successor = frames_listen(l, path, on_peer, &d, &e);
		frames_listener_free(old);
		CHECK_INT(stat(path, &st), 0);
		frames_listener_free(successor);
		loop_free(l);
		free(path);
	}
	CASE ("frames_connect_to_nobody_is_an_error") {
		struct err e;
		char *path = xasprintf("%s/nobody", tests_tempdir());
		CHECK_INT(frames_connect(path, &e), -1);
		CHECK_INT(e.kind, ERR_NET);
		char longer[300];
		memset(longer, 'a', sizeof longer - 1);
		longer[sizeof longer - 1] = '\0';
		CHECK_INT(frames_connect(longer, &e), -1);
		free(path);
	}
}

void check_frames(void)
{
	pieces();
	ends();
	private_socket();
}
