/* A bundle of linear networks, so small that a worker does hundreds of tasks a second. */
#ifndef TESTS_CHAOS_TOY_H
#define TESTS_CHAOS_TOY_H

/* Writes it into `folder`, which is there; ends the process where that cannot be. Its name is
 * "toy"; it has four attributes and two age estimators. */
void toy_write(const char *folder);

#endif
