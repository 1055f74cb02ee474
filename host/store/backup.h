/*
 * A verified copy of the open state file, made piece by piece between rounds, so that a host goes on
 * meanwhile.  What is written meanwhile is in it.
 */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include "base/buf.h"
#include "store/db.h"

struct backup;

/* ERR_CONFIG if there is a file of that name; it appears there only when all is done and proved. */
struct backup *backup_begin(struct db *d, const char *path, struct err *e) MUST_USE;
/* A few milliseconds of it, between rounds: 1 there is more, 0 done, -1 *e. */
int backup_step(struct backup *b, struct err *e) MUST_USE;
/* After 0: {"file":..,"bytes":..,"schema":..,"secrets":..,"rows":..,"tables":{..}} */
void backup_report(const struct backup *b, struct buf *json);
void backup_free(struct backup *b); /* before db_close; what is not done leaves nothing behind */

#endif
