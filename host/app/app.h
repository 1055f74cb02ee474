/*
 * The process: loop, real world, signals, and what it was started for: serving a profile, or one
 * command.
 */
#ifndef APP_APP_H
#define APP_APP_H

#include "script/generation.h"

/* Where the parts of an installation are; absolute. */
struct app_paths {
	char *self, *scripts, *commands, *defaults, *countries, *mapper;
};
/* From the environment (COSELL_SCRIPTS) and the place of this program. */
bool app_paths_find(struct app_paths *p, struct err *e) MUST_USE;
void app_paths_clear(struct app_paths *p);

/* dir: the profile folder as the user wrote it. Exit status. */
int app_serve(const struct app_paths *p, const char *dir);

/* The folder made absolute (to be freed), or NULL and *e. */
char *app_folder(const char *dir, struct err *e) MUST_USE;

/* One command of commands/NAME.lua, in this process; request as control_run has it.  state: the
 * file of its rows, or NULL: they go with it. */
int app_here(const struct app_paths *p, const char *name, const char *request, const char *state);
/* The same for a command of a profile: over the control socket of its running host, else with the
 * state opened here. */
int app_host(const struct app_paths *p, const char *dir, const char *name, const char *request);

#endif
