/*
 * What a stage's rows come to (attribute_summary, measure, photo_quality), made beside the writer:
 * on a connection of its own, perhaps on another thread, and written by the writer when it is
 * there.
 *
 * The connection reads the farm's tables as they are committed. The three tables are its own there,
 * temporary and empty at first, so that results_summarise, measures_make and classifier_make run on
 * it as on the writer's, and none of them can change the farm.
 */
#ifndef DB_REDUCTION_H
#define DB_REDUCTION_H

#include "db/database.h"

/* Errors are those of database_open_read_only. The caller closes. */
MUST_CHECK int reduction_open(const char *path, struct database **db, struct error *err);
/* From any thread, while another works on `db`: what it waits for of SQLite ends with an error. */
void reduction_interrupt(struct database *db);
/* Writes what was made of a stage into the farm's tables, which have nothing of it. In a
 * transaction of `to`. */
MUST_CHECK int reduction_take(struct database *from, struct database *to, int64_t stage,
                              struct error *err);

#endif
