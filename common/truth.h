/*
 * What is known of pictures: attributes, and which part of a data set each belongs to.
 *
 * Two forms. CelebA's own list_attr_celeba.txt: the number of pictures on the first line, the attributes'
 * names on the second, then a line a picture: its file's name and a 1 or −1 for each attribute, all between
 * blanks. CSV: a first line with names, the first column the file's name; 1, 0 or −1 (0 and −1: not there).
 * The parts stand in CelebA's list_eval_partition.txt, a name and 0 (train), 1 (validation) or 2 (test) a
 * line, or in the same as CSV.
 */
#ifndef COMMON_TRUTH_H
#define COMMON_TRUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"

enum truth_part {
    TRUTH_TRAIN,
    TRUTH_VALIDATION,
    TRUTH_TEST,
    TRUTH_NO_PART,
};

/* Pictures that are judged together: a part's, or all. */
enum truth_group {
    TRUTH_OF_TRAIN,
    TRUTH_OF_VALIDATION,
    TRUTH_OF_TEST,
    TRUTH_OF_ALL,
};
#define TRUTH_GROUPS 4

struct truth; /* opaque; read-only once read */

/* Reads and checks the attributes in the file at `path` (at most LIMIT_TRUTH_BYTES, LIMIT_TRUTH_ROWS
 * pictures). Errors name the line. The caller frees. */
MUST_CHECK int truth_read(const char *path, struct truth **truth, struct error *err);
/* Adds the parts in the file at `path`, of pictures that `truth` has or not. */
MUST_CHECK int truth_read_parts(struct truth *truth, const char *path, struct error *err);
/* The same of files in memory, read by buffer_read_file and called `name` in errors. The first takes the buffer
 * over and leaves it empty, the second cuts its text to pieces. */
MUST_CHECK int truth_take(const char *name, struct buffer *text, struct truth **truth,
                          struct error *err);
MUST_CHECK int truth_take_parts(struct truth *truth, const char *name, struct buffer *text,
                                struct error *err);
void truth_free(struct truth **truth);

size_t truth_rows(const struct truth *truth);
size_t truth_attributes(const struct truth *truth);
const char *truth_attribute_name(const struct truth *truth, size_t i);
/* Position of an attribute, without regard to case; −1 where there is none. */
int truth_attribute(const struct truth *truth, const char *name);

/* The row of a picture by its file's name, or −1. */
int64_t truth_find(const struct truth *truth, const char *file);
/* 1 or −1. */
signed char truth_value(const struct truth *truth, int64_t row, size_t attribute);
enum truth_part truth_part_of(const struct truth *truth, int64_t row);

/* Whether parts were read. */
bool truth_has_parts(const struct truth *truth);
/* "train", "validation", "test" or "all". */
const char *truth_group_name(enum truth_group group);
/* 1 or −1, or 0 where the row or the attribute is −1 or the picture is none of the group. */
signed char truth_value_in(const struct truth *truth, int64_t row, int attribute,
                           enum truth_group group);

#endif
