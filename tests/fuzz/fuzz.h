/*
 * What the fuzz targets share.  A target is one file: it feeds bytes to the shipped code and says with
 * MUST what holds whatever the bytes are.  The sanitizers find the rest.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond) ((cond) ? (void)0 : fuzz_found(__FILE__, __LINE__, #cond))

static inline void fuzz_found(const char *file, int line, const char *cond)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, cond);
	abort();
}

/* A loopback of our own where that is allowed: thousands of connections a second leave no port for
 * whoever tests beside us. */
static inline void fuzz_own_network(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	MUST(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0);
	(void)close(fd);
}

static inline struct sockaddr_in fuzz_loopback(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* What may stand in a message or a header: no control byte. */
static inline bool fuzz_is_line(const char *s)
{
	for (; *s; s++)
		if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
			return false;
	return true;
}

#endif
