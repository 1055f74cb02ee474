/*
 * A mail relay for the tests: takes messages on 127.0.0.1 and prints what it was given, line by
 * line.  Owns one connection at a time.  Must never pass a message on.
 *
 * relay [--refuse CODE] [--user NAME PASSWORD] [--tls CERT KEY]
 *   --refuse   the answer to each receiver
 *   --user     without it nobody gets further than the greeting
 *   --tls      offers STARTTLS, and takes nothing before it
 */
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE_MOST = 2048, LIFE_S = 300 };

struct relay {
	const char *refuse, *user, *password, *cert, *key;
	SSL_CTX *ctx;
	int fd;
	SSL *ssl; /* NULL: plain */
	bool in;  /* signed in */
};

static void say(struct relay *r, const char *text)
{
	size_t n = strlen(text);
	ssize_t got = r->ssl ? SSL_write(r->ssl, text, (int)n) : write(r->fd, text, n);
	if (got < 0)
		perror("relay");
}

/* One line without its end; false: the peer has gone. */
static bool hear(struct relay *r, char line[LINE_MOST])
{
	size_t n = 0;
	char c;
	while (n + 1 < LINE_MOST && (r->ssl ? SSL_read(r->ssl, &c, 1) : read(r->fd, &c, 1)) == 1) {
		if (c == '\n') {
			line[n] = '\0';
			return true;
		}
		if (c != '\r')
			line[n++] = c;
	}
	return false;
}

static bool is(const char *line, const char *verb)
{
	return strncasecmp(line, verb, strlen(verb)) == 0;
}

static void greet(struct relay *r)
{
	say(r, "250-relay.example\r\n");
	if (r->cert && !r->ssl)
		say(r, "250-STARTTLS\r\n");
	if (r->user)
		say(r, "250-AUTH PLAIN\r\n");
	say(r, "250 8BITMIME\r\n");
}

static bool secure(struct relay *r)
{
	say(r, "220 go on\r\n");
	r->ssl = SSL_new(r->ctx);
	SSL_set_fd(r->ssl, r->fd);
	bool ok = SSL_accept(r->ssl) == 1;
	printf("tls %s\n", ok ? "yes" : "no");
	return ok;
}

/* AUTH PLAIN of "\0name\0password", in the same line or the next. */
static void sign_in(struct relay *r, char line[LINE_MOST])
{
	unsigned char text[LINE_MOST] = {0};
	const char *given = strlen(line) > 11 ? line + 11 : NULL;
	if (!given) {
		say(r, "334 \r\n");
		given = hear(r, line) ? line : "";
	}
	EVP_DecodeBlock(text, (const unsigned char *)given, (int)strlen(given));
	const char *name = (const char *)text + 1;
	r->in = strcmp(name, r->user) == 0 && strcmp(name + strlen(name) + 1, r->password) == 0;
	printf("user %s %s\n", name, r->in ? "yes" : "no");
	say(r, r->in ? "235 welcome\r\n" : "535 who are you\r\n");
}

static bool take_text(struct relay *r, char line[LINE_MOST])
{
	say(r, "354 go on\r\n");
	while (hear(r, line)) {
		if (strcmp(line, ".") == 0) {
			printf("end\n");
			say(r, "250 taken\r\n");
			return true;
		}
		printf("| %s\n", line[0] == '.' ? line + 1 : line);
	}
	return false;
}

static void receiver(struct relay *r, const char *line)
{
	char answer[64];
	snprintf(answer, sizeof(answer), "%s that is so\r\n", r->refuse ? r->refuse : "250");
	printf("to %s%s\n", line + 8, r->refuse ? " refused" : "");
	say(r, answer);
}

/* false: the connection is over */
static bool answer(struct relay *r, char line[LINE_MOST])
{
	if (is(line, "QUIT"))
		return false;
	if (is(line, "EHLO") || is(line, "HELO"))
		greet(r);
	else if (is(line, "STARTTLS") && r->cert)
		return secure(r);
	else if (is(line, "AUTH PLAIN") && r->user)
		sign_in(r, line);
	else if ((r->cert && !r->ssl) || (r->user && !r->in))
		say(r, "530 not like that\r\n");
	else if (is(line, "MAIL FROM:"))
		printf("from %s\n", line + 10), say(r, "250 yes\r\n");
	else if (is(line, "RCPT TO:"))
		receiver(r, line);
	else if (is(line, "DATA"))
		return take_text(r, line);
	else
		say(r, "500 what\r\n");
	return true;
}

static void serve(struct relay *r)
{
	char line[LINE_MOST];
	r->ssl = NULL;
	r->in = false;
	say(r, "220 relay.example\r\n");
	while (hear(r, line) && answer(r, line)) {
	}
	SSL_free(r->ssl);
	close(r->fd);
}

static int listener(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 || listen(fd, 8) != 0 ||
	    getsockname(fd, (struct sockaddr *)&sa, &size) != 0) {
		perror("relay");
		exit(1);
	}
	printf("port %d\n", ntohs(sa.sin_port));
	return fd;
}

int main(int argc, char **argv)
{
	struct relay r = {0};
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--refuse") == 0 && i + 1 < argc)
			r.refuse = argv[++i];
		else if (strcmp(argv[i], "--user") == 0 && i + 2 < argc)
			r.user = argv[i + 1], r.password = argv[i + 2], i += 2;
		else if (strcmp(argv[i], "--tls") == 0 && i + 2 < argc)
			r.cert = argv[i + 1], r.key = argv[i + 2], i += 2;
		else
			return 2;
	}
	alarm(LIFE_S); /* whatever becomes of who started it */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (r.cert) {
		r.ctx = SSL_CTX_new(TLS_server_method());
		if (SSL_CTX_use_certificate_chain_file(r.ctx, r.cert) != 1 ||
		    SSL_CTX_use_PrivateKey_file(r.ctx, r.key, SSL_FILETYPE_PEM) != 1)
			return 1;
	}
	int fd = listener();
	while ((r.fd = accept(fd, NULL, NULL)) >= 0)
		serve(&r);
	return 1;
}
