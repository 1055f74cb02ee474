/*
 * Frames (4 bytes length, network order, then the bytes), read and written in lots: a system call, and
 * the waking of the host behind it, cost as much as a short question.
 *
 * It owns the two buffers and the tick.  An answer must never be held while nothing is computed, nor
 * while something is computed for long: a tick of our CPU time then sends what is held.
 */
#include "mapper/channel.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define FRAME_MOST (64u << 20)
#define READ_MOST  65536
#define KEPT_MOST  ((size_t)4 * READ_MOST) /* of a buffer that was larger */
#define HOLD_US    200                     /* an answer waits for others so long */
#define HOLD_MOST  65536                   /* bytes */
#define TICK_US    5000

static struct {
	struct buf in;
	size_t at; /* of in */
	struct buf out;
	int64_t since_us; /* the first answer in out is held */
} channel;

/* ---- the tick ---- */

static volatile sig_atomic_t held; /* so many bytes of out are the tick's to send */
static volatile sig_atomic_t sent; /* it has */

static bool send_all(const char *from, size_t n)
{
	while (n > 0) {
		ssize_t put = write(CHANNEL, from, n);
		if (put < 0 && errno == EINTR) {
			continue;
		}
		if (put <= 0) {
			return false;
		}
		from += put;
		n -= (size_t)put;
	}
	return true;
}

/* Interrupts computing, which does not touch the buffer.  A host that is gone is seen by who reads. */
static void on_tick(int number)
{
	int before = errno;
	(void)number;
	if (held > 0) {
		(void)send_all(channel.out.data, (size_t)held);
		held = 0;
		sent = 1;
	}
	errno = before;
}

void channel_computes(void)
{
	sent = 0;
	atomic_signal_fence(memory_order_seq_cst);
	held = (sig_atomic_t)channel.out.len;
}

void channel_computed(void)
{
	held = 0;
	atomic_signal_fence(memory_order_seq_cst);
	if (sent) {
		channel.out.len = 0;
	}
}

bool channel_open(struct err *e)
{
	const struct sigaction tick = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
	const struct itimerval each = {{0, TICK_US}, {0, TICK_US}};
	if (sigaction(SIGPROF, &tick, NULL) != 0 || setitimer(ITIMER_PROF, &each, NULL) != 0) {
		return err_set(e, ERR_CONFIG, "no timer: %s", strerror(errno));
	}
	return true;
}

void channel_close(void)
{
	held = 0;
	buf_free(&channel.in);
	buf_free(&channel.out);
}

/* ---- frames ---- */

static bool flush(void)
{
	size_t n = channel.out.len;
	channel.out.len = 0;
	return send_all(channel.out.data, n);
}

/* At least so many bytes stand in `in` behind `at`. */
static bool fill(size_t n)
{
	static char part[READ_MOST];
	if (channel.in.len - channel.at < n) {
		buf_drop_front(&channel.in, channel.at);
		channel.at = 0;
		if (channel.in.len == 0 && channel.in.cap > KEPT_MOST) {
			buf_free(&channel.in);
		}
	}
	while (channel.in.len - channel.at < n) {
		if (!flush()) {
			return false;
		}
		ssize_t got = read(CHANNEL, part, sizeof(part));
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return false;
		}
		buf_add(&channel.in, part, (size_t)got);
	}
	return true;
}

const char *channel_read(size_t *len)
{
	uint32_t head;
	if (!fill(sizeof(head))) {
		return NULL;
	}
	memcpy(&head, channel.in.data + channel.at, sizeof(head));
	channel.at += sizeof(head);
	*len = ntohl(head);
	if (*len > FRAME_MOST || !fill(*len)) {
		return NULL;
	}
	channel.at += *len;
	return channel.in.data + channel.at - *len;
}

bool channel_write(const struct buf *answer)
{
	uint32_t head = htonl((uint32_t)answer->len);
	int64_t now_us = clock_mono_us();
	if (channel.out.len == 0) {
		channel.since_us = now_us;
	}
	buf_add(&channel.out, &head, sizeof(head));
	buf_add(&channel.out, answer->data, answer->len);
	if (now_us - channel.since_us < HOLD_US && channel.out.len < HOLD_MOST) {
		return true;
	}
	bool ok = flush();
	if (channel.out.cap > KEPT_MOST) {
		buf_free(&channel.out);
	}
	return ok;
}
