/*
 * From words to a command: options, the list of commands, the nearest name.
 *
 * Owns nothing for long.  Knows no command but `run`; what the others are, script/commands tells.
 */
#include "app/cli.h"

#include "app/app.h"
#include "base/log.h"
#include "script/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NEAR 3 /* letters that may differ in a suggestion */

/* All of them, or the one of that name if there is one. */
static bool list_commands(const struct app_paths *p, const char *name, struct commands *out,
			  struct err *e)
{
	const struct files_source in = {.scripts = p->scripts, .commands = p->commands};
	struct files files;
	if (!files_read(&files, &in, e))
		return false;
	commands_list(&files, name, out);
	files_clear(&files);
	return true;
}

/* ---- help ---- */

static void print_help(const struct commands *l)
{
	printf("usage: cosell COMMAND [--profile DIR] [WORDS]\n\n"
	       "  %-12s %s\n",
	       "run", "serve a profile: callbacks, jobs, reload on change");
	for (size_t i = 0; i < l->n; i++)
		printf("  %-12s %s\n", l->at[i].name, l->at[i].help ? l->at[i].help : "");
	printf("\n  --profile DIR   else $COSELL_PROFILE, else this folder if it holds "
	       "profile.lua\n"
	       "  --help          this text; after a command: how it is used\n"
	       "  --version       %s\n",
	       COSELL_VERSION);
}

static size_t least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;
	return m < c ? m : c;
}

/* How many letters differ (Levenshtein), for short names. */
static size_t distance(const char *a, const char *b)
{
	size_t row[64];
	size_t nb = strlen(b);
	if (strlen(a) >= 64 || nb >= 63)
		return 64;
	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t corner = row[0];
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t up = row[j];
			row[j] = least(up + 1, row[j - 1] + 1, corner + (a[i - 1] != b[j - 1]));
			corner = up;
		}
	}
	return row[nb];
}

static int unknown(const struct app_paths *p, const char *name)
{
	const char *near = "run";
	size_t best = distance(name, near);
	struct commands l;
	struct err e;
	if (!list_commands(p, NULL, &l, &e))
		l = (struct commands){0};
	for (size_t i = 0; i < l.n; i++) {
		size_t d = distance(name, l.at[i].name);
		if (d < best) {
			best = d;
			near = l.at[i].name;
		}
	}
	fprintf(stderr, "cosell: there is no command '%s'", name);
	if (best <= NEAR && best < strlen(name))
		fprintf(stderr, "; did you mean '%s'?\n", near);
	else
		fprintf(stderr, "; cosell --help lists them\n");
	commands_clear(&l);
	return 2;
}

/* ---- words ---- */

struct words {
	const char *command;
	const char *profile;
	const char *first, *state; /* the first of the args; what follows --state among them */
	size_t nargs;
	struct buf args; /* inside of a JSON list: every word that is not ours, as it was written */
	bool help, version;
};

static void add_arg(struct words *w, const char *text)
{
	if (!w->command) {
		w->command = text;
		return;
	}
	if (w->nargs++)
		buf_addc(&w->args, ',');
	else
		w->first = text;
	buf_add_json(&w->args, text, strlen(text));
}

/* The word stays one of the command's own, which checks all of them. */
static void find_state(struct words *w, const char *a, const char *next)
{
	if (strcmp(a, "--state") == 0)
		w->state = next;
	else if (strncmp(a, "--state=", 8) == 0)
		w->state = a + 8;
}

static bool read_words(struct words *w, int argc, char **argv)
{
	bool words_only = false;
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];
		if (words_only || a[0] != '-') {
			add_arg(w, a);
		} else if (strcmp(a, "--") == 0) {
			words_only = true;
		} else if (strcmp(a, "--profile") == 0) {
			if (i + 1 == argc)
				return false;
			w->profile = argv[++i];
		} else if (strncmp(a, "--profile=", 10) == 0) {
			w->profile = a + 10;
		} else if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0) {
			w->help = true;
		} else if (strcmp(a, "--version") == 0 && !w->command) {
			w->version = true;
		} else {
			find_state(w, a, argv[i + 1]);
			add_arg(w, a);
		}
	}
	return true;
}

static int terminal_width(void)
{
	struct winsize size;
	const char *columns = getenv("COLUMNS");
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	long n = columns ? strtol(columns, NULL, 10) : 0;
	return n >= 20 && n <= 1000 ? (int)n : 80;
}

/* What the command gets: see control_run. To be freed. */
static char *make_request(const struct words *w, const char *profile)
{
	struct buf b = {0};
	bool tty = isatty(STDOUT_FILENO);
	const char *none = getenv("NO_COLOR");
	char *cwd = getcwd(NULL, 0);
	buf_addf(&b, "{\"args\":[%s],\"width\":%d,\"tty\":%s,\"color\":%s,\"cwd\":",
		 w->args.data ? w->args.data : "", terminal_width(), tty ? "true" : "false",
		 tty && !(none && *none) ? "true" : "false");
	buf_add_json(&b, cwd ? cwd : ".", strlen(cwd ? cwd : "."));
	if (profile) {
		buf_adds(&b, ",\"profile\":");
		buf_add_json(&b, profile, strlen(profile));
	}
	buf_addc(&b, '}');
	free(cwd);
	return buf_take(&b);
}

/* The profile folder, or NULL. */
static const char *find_profile(const struct words *w)
{
	const char *given = getenv("COSELL_PROFILE");
	if (w->profile)
		return w->profile;
	if (given && *given)
		return given;
	return access("profile.lua", F_OK) == 0 ? "." : NULL;
}

static int no_profile(const char *command)
{
	fprintf(stderr,
		"cosell %s: which profile? --profile DIR, or COSELL_PROFILE, or go into its "
		"folder\n",
		command);
	return 2;
}

/* ---- what is asked for ---- */

static int print_usage(const struct commands_one *c)
{
	printf("%s\n", c->help ? c->help : c->name);
	if (c->usage)
		printf("\nusage: %s\n", c->usage);
	return 0;
}

/* listed: the command of that name, or none */
static int run_listed(const struct app_paths *p, const struct commands *listed,
		      const struct words *w)
{
	const struct commands_one *c = listed->n > 0 ? &listed->at[0] : NULL;
#ifdef COSELL_TEST
	static const struct commands_one clock = {.name = (char *)"clock"};
	if (strcmp(w->command, clock.name) == 0)
		c = &clock; /* io/wire answers it, in the host that runs */
#endif
	if (!c)
		return unknown(p, w->command);
	if (w->help)
		return print_usage(c);
	const char *profile = find_profile(w);
	if (!c->here && !profile)
		return no_profile(w->command);
	char *request = make_request(w, profile);
	int status = c->here ? app_here(p, w->command, request, c->keeps ? w->state : NULL)
			     : app_host(p, profile, w->command, request);
	free(request);
	return status;
}

/* cosell run [DIR] */
static int run(const struct app_paths *p, const struct words *w)
{
	if (w->nargs > 1 || (w->nargs == 1 && (w->profile || w->first[0] == '-'))) {
		fprintf(stderr, "cosell run: takes one folder (or --profile DIR), nothing else\n");
		return 2;
	}
	const char *profile = w->nargs == 1 ? w->first : find_profile(w);
	return profile ? app_serve(p, profile) : no_profile("run");
}

static int dispatch(const struct app_paths *p, const struct words *w)
{
	struct commands l;
	struct err e;
	const char *listed = w->command && strcmp(w->command, "run") != 0 ? w->command : NULL;
	if (w->command && !listed && !w->help)
		return run(p, w);
	if (!list_commands(p, listed, &l, &e)) {
		fprintf(stderr, "cosell: %s\n", e.text);
		return 1;
	}
	int status = 0;
	if (listed)
		status = run_listed(p, &l, w);
	else if (w->help)
		print_help(&l);
	else
		status = 2;
	if (status == 2 && !w->command)
		fprintf(stderr, "usage: cosell COMMAND [--profile DIR] [WORDS]; cosell --help\n");
	commands_clear(&l);
	return status;
}

int cli_main(int argc, char **argv)
{
	struct words w = {0};
	struct app_paths p;
	struct err e;
	enum log_level level;
	const char *log = getenv("COSELL_LOG");
	if (log && log_level_from(log, &level))
		log_level_set(level);
	int status = 2;
	if (!read_words(&w, argc, argv)) {
		fprintf(stderr, "cosell: --profile needs a folder\n");
	} else if (w.version) {
		printf("cosell %s\n", COSELL_VERSION);
		status = 0;
	} else {
		bool found = app_paths_find(&p, &e);
		if (found)
			status = dispatch(&p, &w);
		else
			fprintf(stderr, "cosell: %s\n", e.text);
		status = found ? status : 1;
		app_paths_clear(&p);
	}
	buf_free(&w.args);
	return status;
}
