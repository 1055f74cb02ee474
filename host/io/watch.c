/*
 * Hears of changes under folders by inotify and says so once things are quiet.  Owns the inotify
 * descriptor and one watch a folder.  Never reads a file and never says what changed: it is a hint.
 * A watched folder that was replaced (renamed away, restored) is found again.
 */
#include "io/watch.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

#include <sys/inotify.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	DEEPEST = 16, /* folders in folders */
	MOST = 4096,  /* folders in all */
	LATEST = 10,  /* times quiet_ms: a stream of changes is told of at least this often */
	LOOK_AGAIN_MS = 1000, /* for a watched folder that is gone */
};

#define EVENTS                                                                       \
	((uint32_t)(IN_CREATE | IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_DELETE | \
		    IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR))

struct folder {
	int wd; /* -1: a root that is gone for now */
	char *path;
	int depth; /* 0: a root */
};

struct watch {
	int fd;
	struct loop_fd *ready;
	struct loop_timer *quiet;
	struct loop_timer *again;
	int quiet_ms;
	int64_t first_us; /* the first change not told of yet; 0: none */
	bool due;         /* the timer stands at its latest and is not put off any more */
	struct folder *folders;
	size_t nfolders;
	loop_cb *changed;
	void *arg;
};

static struct folder *find_wd(struct watch *w, int wd)
{
	for (size_t i = 0; i < w->nfolders; i++) {
		if (w->folders[i].wd == wd) {
			return &w->folders[i];
		}
	}
	return NULL;
}

static void remember(struct watch *w, int wd, const char *path, int depth)
{
	w->folders = xrealloc(w->folders, (w->nfolders + 1) * sizeof *w->folders);
	w->folders[w->nfolders++] =
		(struct folder){.wd = wd, .path = xstrdup(path), .depth = depth};
}

static bool is_folder(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool add_tree(struct watch *w, const char *path, int depth);

/* What lies below; what cannot be read is left out, its parent still tells of it. */
static void add_below(struct watch *w, const char *path, int depth)
{
	DIR *dir = depth < DEEPEST ? opendir(path) : NULL;
	if (dir == NULL) {
		return;
	}
	for (struct dirent *d = readdir(dir); d != NULL; d = readdir(dir)) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
		    (d->d_type != DT_DIR && d->d_type != DT_UNKNOWN)) {
			continue;
		}
		char *below = xasprintf("%s/%s", path, d->d_name);
		if (is_folder(below)) {
			(void)add_tree(w, below, depth + 1);
		}
		free(below);
	}
	(void)closedir(dir);
}

static bool add_tree(struct watch *w, const char *path, int depth)
{
	if (w->nfolders >= MOST) {
		log_warn("too many folders to watch: changes in some are not seen");
		return false;
	}
	uint32_t follow = depth == 0 ? 0U : (uint32_t)IN_DONT_FOLLOW;
	int wd = inotify_add_watch(w->fd, path, EVENTS | follow);
	if (wd < 0) {
		return false;
	}
	struct folder *known = find_wd(w, wd);
	if (known == NULL) {
		remember(w, wd, path, depth);
	} else { /* renamed within the tree, or a root within a root */
		char *old = known->path;
		known->path = xstrdup(path);
		known->depth = depth < known->depth ? depth : known->depth;
		free(old);
	}
	add_below(w, path, depth);
	return true;
}

static void note_change(struct watch *w)
{
	int64_t now = clock_mono_us();
	if (w->due) {
		return;
	}
	if (w->first_us == 0) {
		w->first_us = now;
	}
	int64_t left = (int64_t)w->quiet_ms * LATEST - (now - w->first_us) / 1000;
	w->due = left <= w->quiet_ms;
	loop_timer_set(w->quiet, w->due ? left : w->quiet_ms);
}

static void on_quiet(void *arg)
{
	struct watch *w = arg;
	w->first_us = 0;
	w->due = false;
	w->changed(w->arg); /* may free w */
}

/* The kernel dropped this watch: forget the folder, or look for it again if it is a root. */
static void forget(struct watch *w, struct folder *f)
{
	if (f->depth == 0) {
		f->wd = -1;
		loop_timer_set(w->again, w->quiet_ms);
		return;
	}
	free(f->path);
	*f = w->folders[--w->nfolders];
}

static void on_look_again(void *arg)
{
	struct watch *w = arg;
	bool gone = false;
	for (size_t i = 0; i < w->nfolders; i++) {
		struct folder *f = &w->folders[i];
		if (f->wd >= 0) {
			continue;
		}
		char *path = xstrdup(f->path);
		f->wd = inotify_add_watch(w->fd, path, EVENTS);
		if (f->wd >= 0) {
			add_below(w, path, 0); /* moves w->folders */
			note_change(w);
		} else {
			gone = true;
		}
		free(path);
	}
	if (gone) {
		loop_timer_set(w->again, LOOK_AGAIN_MS);
	}
}

/* Events were lost: look at every root again. */
static void rescan(struct watch *w)
{
	size_t n = w->nfolders;
	for (size_t i = 0; i < n; i++) {
		if (w->folders[i].depth == 0 && w->folders[i].wd >= 0) {
			char *path = xstrdup(w->folders[i].path);
			add_below(w, path, 0);
			free(path);
		}
	}
}

static void take_event(struct watch *w, const struct inotify_event *ev)
{
	if (ev->mask & IN_Q_OVERFLOW) {
		rescan(w);
		return;
	}
	struct folder *f = find_wd(w, ev->wd);
	if (f == NULL) {
		return;
	}
	if (ev->mask & IN_IGNORED) {
		forget(w, f);
	} else if ((ev->mask & IN_MOVE_SELF) && f->depth == 0) {
		(void)inotify_rm_watch(w->fd, f->wd); /* IN_IGNORED follows */
	} else if ((ev->mask & IN_ISDIR) && (ev->mask & (IN_CREATE | IN_MOVED_TO)) && ev->len > 0) {
		char *below = xasprintf("%s/%s", f->path, ev->name);
		(void)add_tree(w, below, f->depth + 1);
		free(below);
	}
}

static void on_ready(void *arg, int ready)
{
	(void)ready;
	struct watch *w = arg;
	_Alignas(struct inotify_event) char bytes[16384];
	ssize_t n = read(w->fd, bytes, sizeof bytes);
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *ev =
			(const struct inotify_event *)(const void *)(bytes + at);
		take_event(w, ev);
		at += (ssize_t)(sizeof *ev + ev->len);
	}
	if (n > 0) {
		note_change(w);
	}
}

struct watch *watch_new(struct loop *l, int quiet_ms, loop_cb *changed, void *arg, struct err *e)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd < 0) {
		err_set(e, ERR_CONFIG, "cannot watch folders: %s", strerror(errno));
		return NULL;
	}
	struct watch *w = NEW(struct watch);
	w->fd = fd;
	w->quiet_ms = quiet_ms;
	w->changed = changed;
	w->arg = arg;
	w->ready = loop_fd_new(l, fd, LOOP_READ, on_ready, w);
	w->quiet = loop_timer_new(l, on_quiet, w);
	w->again = loop_timer_new(l, on_look_again, w);
	return w;
}

bool watch_add(struct watch *w, const char *folder, struct err *e)
{
	errno = 0;
	if (!add_tree(w, folder, 0)) {
		return err_set(e, ERR_CONFIG, "cannot watch %s: %s", folder,
			       errno != 0 ? strerror(errno) : "too many folders");
	}
	return true;
}

void watch_free(struct watch *w)
{
	if (w == NULL) {
		return;
	}
	loop_timer_free(w->quiet);
	loop_timer_free(w->again);
	loop_fd_free(w->ready);
	(void)close(w->fd);
	for (size_t i = 0; i < w->nfolders; i++) {
		free(w->folders[i].path);
	}
	free(w->folders);
	free(w);
}
