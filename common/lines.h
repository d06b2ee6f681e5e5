/* Files of lines of words: keys, classes of workers. `#` begins a comment, blanks part words. */
#ifndef COMMON_LINES_H
#define COMMON_LINES_H

#include <stddef.h>

#include "common/error.h"

#define LINES_WORDS 5 /* that are told of a line; one more than any line may have */

struct lines { /* zeroed: none */
    char *copy, *next;
    unsigned number; /* of the line read last, from 1 */
    size_t size;     /* of the copy */
};

/* Begins to read a copy of `text`. E_PARSE where it holds a byte 0, E_MEMORY. */
MUST_CHECK int lines_open(struct lines *lines, const char *text, size_t size, struct error *err);
/* Overwrites the copy, for there may be secrets in it, and frees it. */
void lines_close(struct lines *lines);
/* The words of the next line that has any, good until lines_close: how many (LINES_WORDS: that many or
 * more), 0 at the end. */
size_t lines_next(struct lines *lines, char *words[LINES_WORDS]);

#endif
