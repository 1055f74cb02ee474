/*
 * The vault: what is sealed comes back only under its own name and key; who may hold a key file.
 */
#include "store/vault.h"

#include "store_kit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void check_vault(void);

static struct vault *open_vault(struct db *d, const char *key_file)
{
	struct err e;
	struct vault *v = vault_open(d, key_file, &e);
	if (!CHECK(v != NULL)) {
		printf("# %s\n", e.text);
	}
	return v;
}

/* Expects vault_open to refuse, naming the file and the cause. */
static void refuses(struct db *d, const char *key_file, const char *because)
{
	struct err e = {0};
	struct vault *v = vault_open(d, key_file, &e);
	CHECK(v == NULL);
	vault_free(v);
	CHECK_STR(err_kind_name(e.kind), "config");
	CHECK(strstr(e.text, key_file) != NULL);
	if (!CHECK(strstr(e.text, because) != NULL)) {
		printf("# %s\n", e.text);
	}
}

static bool set(struct vault *v, const char *name, const char *value)
{
	struct err e;
	return vault_set(v, name, value, value ? strlen(value) : 0, &e);
}

static void is(struct vault *v, const char *name, const char *want)
{
	struct err e;
	struct buf b = {0};
	bool found = !want;
	CHECK(vault_get(v, name, &b, &found, &e));
	CHECK(found == (want != NULL));
	CHECK_STR(found ? b.data : NULL, want);
	buf_free(&b);
}

static void cannot_get(struct vault *v, const char *name)
{
	struct err e = {0};
	struct buf b = {0};
	bool found = false;
	CHECK(!vault_get(v, name, &b, &found, &e));
	CHECK(found);
	CHECK_STR(err_kind_name(e.kind), "config");
	CHECK_INT(b.len, 0);
	buf_free(&b);
}

static char *write_file(const char *name, const char *text, size_t n, mode_t mode)
{
	char *path = in_tempdir(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	CHECK(write(fd, text, n) == (ssize_t)n && fchmod(fd, mode) == 0);
	close(fd);
	return path;
}

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"
#define RAW                                                                \
	"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f" \
	"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"

static void check_values(void)
{
	CASE ("vault_set_get_replace_drop") {
		struct db *d = open_db(":memory:");
		struct vault *v = open_vault(d, NULL);
		is(v, "token", NULL);
		CHECK(set(v, "token", "one") && set(v, "token", "two") && set(v, "other", ""));
		is(v, "token", "two");
		CHECK(set(v, "token", NULL));
		is(v, "token", NULL);

		struct err e;
		struct buf b = {0};
		bool found = false;
		buf_adds(&b, "before ");
		CHECK(vault_get(v, "other", &b, &found, &e));
		CHECK(found && b.len == 7); /* empty is not missing */
		buf_free(&b);
		vault_free(v);
		db_close(d);
	}

	CASE ("vault_value_is_not_in_the_file_as_it_is") {
		struct db *d = open_db(":memory:");
		struct vault *v = open_vault(d, NULL);
		CHECK(set(v, "token", "very-secret-text"));
		char *clear = ask(
			d, "select count(*) from secret where instr(sealed, x'766572792d736563')");
		CHECK_STR(clear, "0");
		free(clear);
		vault_free(v);
		db_close(d);
	}

	CASE ("vault_get_with_another_key_is_config") {
		struct db *d = open_db(":memory:");
		struct vault *v = open_vault(d, NULL);
		CHECK(set(v, "token", "one"));
		vault_free(v);
		v = open_vault(d, NULL); /* a key of its own */
		cannot_get(v, "token");
		CHECK(set(v, "token", "two")); /* signing in again mends it */
		is(v, "token", "two");
		vault_free(v);
		db_close(d);
	}

	CASE ("vault_value_moved_to_another_name_is_refused") {
		struct db *d = open_db(":memory:");
		struct vault *v = open_vault(d, NULL);
		CHECK(set(v, "mine", "one"));
		CHECK(say(d, "update secret set name = 'yours'"));
		cannot_get(v, "yours");
		CHECK(say(d, "update secret set name = 'mine'"));
		is(v, "mine", "one");
		CHECK(say(d, "update secret set sealed = substr(sealed, 1, 5)"));
		cannot_get(v, "mine");
		vault_free(v);
		db_close(d);
	}
}

static void check_key_files(void)
{
	CASE ("vault_key_file_is_made_once_and_private") {
		char *state = in_tempdir("state.db"), *key = in_tempdir("key");
		umask(0);
		struct db *d = open_db(state);
		struct vault *v = open_vault(d, key);
		struct stat st;
		CHECK(stat(key, &st) == 0 && (st.st_mode & 07777) == 0600);
		CHECK_INT(st.st_size, 65);
		CHECK(set(v, "token", "one") && commit(d));
		vault_free(v);
		db_close(d);

		d = open_db(state);
		v = open_vault(d, key);
		is(v, "token", "one");
		vault_free(v);
		db_close(d);
		free(state);
		free(key);
	}

	CASE ("vault_key_raw_and_hex_are_the_same_key") {
		struct db *d = open_db(":memory:");
		char *files[] = {write_file("raw", RAW, 32, 0600), write_file("hex", HEX, 64, 0400),
				 write_file("line", HEX "\n", 65, 0600)};
		for (int i = 0; i < 3; i++) {
			struct vault *v = open_vault(d, files[i]);
			if (i == 0) {
				CHECK(set(v, "token", "one"));
			}
			is(v, "token", "one");
			vault_free(v);
			free(files[i]);
		}
		db_close(d);
	}

	CASE ("vault_key_missing_while_secrets_need_it_is_not_made_anew") {
		struct db *d = open_db(":memory:");
		char *key = in_tempdir("key");
		struct vault *v = open_vault(d, key);
		CHECK(set(v, "token", "one"));
		vault_free(v);
		CHECK(unlink(key) == 0);
		refuses(d, key, "No such file");
		CHECK(access(key, F_OK) != 0);
		free(key);
		db_close(d);
	}

	CASE ("vault_key_file_faults_are_named") {
		static const struct {
			const char *text;
			size_t n;
			mode_t mode;
			const char *because;
		} faults[] = {
			{HEX "\n", 65, 0640, "chmod 600"},
			{HEX "\n", 65, 0604, "chmod 600"},
			{HEX "\n", 65, 0620, "chmod 600"},
			{"", 0, 0600, "wrong size"},
			{HEX, 63, 0600, "wrong size"},
			{HEX "\n\n", 66, 0600, "wrong size"},
			{RAW "x", 33, 0600, "wrong size"},
			{"g0" HEX, 64, 0600, "wrong size or form"},
		};
		struct db *d = open_db(":memory:");
		for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
			char *path = write_file("key", faults[i].text, faults[i].n, faults[i].mode);
			refuses(d, path, faults[i].because);
			free(path);
		}
		db_close(d);
	}

	CASE ("vault_key_without_folder_or_as_folder_is_config") {
		struct db *d = open_db(":memory:");
		char *path = in_tempdir("none/key");
		refuses(d, path, "No such file");
		refuses(d, tests_tempdir(), "not a plain file");
		free(path);
		db_close(d);
	}

	CASE ("vault_key_of_someone_else_is_config") {
		if (geteuid() == 0) { /* only root can give a file away */
			struct db *d = open_db(":memory:");
			char *path = write_file("key", HEX, 64, 0600);
			CHECK(chown(path, 12345, 12345) == 0);
			refuses(d, path, "belongs to user 12345");
			free(path);
			db_close(d);
		}
	}

	CASE ("vault_key_as_credential_may_be_read_by_its_group") {
		struct db *d = open_db(":memory:");
		char *path = write_file("key", HEX, 64, 0440);
		refuses(d, path, "chmod 600");
		char *folder = xmemdup0(path, strlen(path) - strlen("/key"));
		setenv("CREDENTIALS_DIRECTORY", folder, 1);
		vault_free(open_vault(d, path));
		CHECK(chmod(path, 0460) == 0);
		refuses(d, path, "chmod 600");
		CHECK(chmod(path, 0444) == 0);
		refuses(d, path, "chmod 600");
		CHECK(chmod(path, 0440) == 0);
		char *roundabout = xasprintf("%s/../%s/key", folder, strrchr(folder, '/') + 1);
		refuses(d, roundabout,
			"chmod 600"); /* only what lies in the folder by its plain name */
		free(roundabout);
		free(folder);
		free(path);
		db_close(d);
	}
}

static void reads(const char *text, size_t n, const char *want)
{
	struct err e;
	struct buf b = {0};
	char *path = write_file("secret", text, n, 0600);
	buf_adds(&b, "+");
	CHECK(vault_read_file(path, &b, &e));
	CHECK_STR(b.data, want);
	buf_free(&b);
	free(path);
}

static void cannot_read(const char *path, const char *because)
{
	struct err e = {0};
	struct buf b = {0};
	CHECK(!vault_read_file(path, &b, &e));
	CHECK_STR(err_kind_name(e.kind), "config");
	CHECK(strstr(e.text, path) != NULL);
	CHECK(strstr(e.text, because) != NULL);
	CHECK_INT(b.len, 0);
	buf_free(&b);
}

static void check_read_file(void)
{
	CASE ("vault_read_file_cuts_one_line_end") {
		reads("s3cret", 6, "+s3cret");
		reads("s3cret\n", 7, "+s3cret");
		reads("s3cret\r\n", 8, "+s3cret");
		reads("a\nb\n\n", 5, "+a\nb\n");
		reads(" s \r", 4, "+ s \r");
	}

	CASE ("vault_read_file_refusals_name_path_and_remedy") {
		char *open_one = write_file("secret", "x", 1, 0644);
		char *empty = write_file("secret", "\n", 1, 0600);
		char *none = in_tempdir("secret");
		char *pipe_one = in_tempdir("secret");
		CHECK(mkfifo(pipe_one, 0600) == 0);
		cannot_read(open_one, "chmod 600");
		cannot_read(empty, "empty");
		cannot_read(none, "No such file");
		cannot_read(pipe_one, "not a plain file");
		free(open_one);
		free(empty);
		free(none);
		free(pipe_one);
	}

	CASE ("vault_read_file_of_64_kib_and_not_a_byte_more") {
		static char text[65537];
		memset(text, 'x', sizeof(text));
		struct err e;
		struct buf b = {0};
		char *fits = write_file("secret", text, 65536, 0600);
		char *more = write_file("secret", text, 65537, 0600);
		CHECK(vault_read_file(fits, &b, &e));
		CHECK_INT(b.len, 65536);
		cannot_read(more, "longer than 65536");
		buf_free(&b);
		free(fits);
		free(more);
	}
}

void check_vault(void)
{
	check_values();
	check_key_files();
	check_read_file();
}
