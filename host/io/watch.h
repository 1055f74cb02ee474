/*
 * Tells that something under a folder changed (inotify, folders below it included, new ones too).
 * Only a hint: who hears it reads the files.  Debounced: one call after `quiet_ms` without changes.
 */
#ifndef IO_WATCH_H
#define IO_WATCH_H

#include "io/loop.h"

struct watch;

struct watch *watch_new(struct loop *l, int quiet_ms, loop_cb *changed, void *arg,
			struct err *e) MUST_USE;
bool watch_add(struct watch *w, const char *folder, struct err *e) MUST_USE;
void watch_free(struct watch *w);

#endif
