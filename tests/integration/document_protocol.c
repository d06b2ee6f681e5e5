/*
 * Compares the generated part of docs/protocol.md with the table of messages, or writes it:
 *
 *     document_protocol check docs/protocol.md
 *     document_protocol write docs/protocol.md
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/wire.h"

#define BEGIN "<!-- begin messages:"
#define END "<!-- end messages -->"
#define PAGE_MAX ((size_t)1 << 20)

/* Where the generated part begins and ends. */
static int find_part(const struct buffer *page, const char **begin, const char **end,
                     struct error *err)
{
    const char *marker = strstr((const char *)page->data, BEGIN);
    const char *line = marker ? strchr(marker, '\n') : NULL;
    *begin = line ? line + 1 : NULL;
    *end = line ? strstr(line, END) : NULL;
    return *end ? 0 : error_set(err, E_PARSE, "expected the markers %s … and %s", BEGIN, END);
}

static int check(const struct buffer *table, const char *begin, const char *end, struct error *err)
{
    if ((size_t)(end - begin) == table->size && memcmp(begin, table->data, table->size) == 0)
        return 0;
    return error_set(err, E_DIGEST,
                     "the messages differ from common/messages.def; document_protocol write FILE "
                     "brings them up to date");
}

static int rewrite(const char *path, const struct buffer *page, const struct buffer *table,
                   const char *begin, const char *end, struct error *err)
{
    struct buffer out;
    const char *start = (const char *)page->data;
    buffer_init(&out, PAGE_MAX);
    int rc = buffer_append(&out, start, (size_t)(begin - start), err);
    if (rc == 0)
        rc = buffer_append(&out, table->data, table->size, err);
    if (rc == 0)
        rc = buffer_append(&out, end, strlen(end), err);
    if (rc == 0)
        rc = buffer_write_file(path, out.data, out.size, err);
    buffer_free(&out);
    return rc;
}

static int run(const char *verb, const char *path, struct error *err)
{
    struct buffer page, table;
    const char *begin = NULL, *end = NULL;
    buffer_init(&page, PAGE_MAX);
    buffer_init(&table, PAGE_MAX);
    int rc = buffer_read_file(&page, path, PAGE_MAX, err);
    if (rc == 0)
        rc = wire_document(&table, err);
    if (rc == 0)
        rc = find_part(&page, &begin, &end, err);
    if (rc == 0)
        rc = strcmp(verb, "write") == 0 ? rewrite(path, &page, &table, begin, end, err)
                                        : check(&table, begin, end, err);
    buffer_free(&page);
    buffer_free(&table);
    return rc;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    if (argc != 3 || (strcmp(argv[1], "check") != 0 && strcmp(argv[1], "write") != 0)) {
        fprintf(stderr, "usage: document_protocol check|write FILE\n");
        return 2;
    }
    if (run(argv[1], argv[2], &err) != 0) {
        fprintf(stderr, "%s: %s\n", argv[2], err.text);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
