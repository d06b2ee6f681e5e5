/* Lines are split in place, in a copy. */
#include "common/lines.h"

#include <stdlib.h>
#include <string.h>

int lines_open(struct lines *lines, const char *text, size_t size, struct error *err)
{
    if (size > 0 && memchr(text, '\0', size))
        return error_set(err, E_PARSE, "a byte 0 at %zu, expected text",
                         (size_t)((const char *)memchr(text, '\0', size) - text));
    char *copy = malloc(size + 1);
    if (!copy)
        return error_set(err, E_MEMORY, "no memory for %zu bytes of lines", size);
    if (size > 0)
        memcpy(copy, text, size);
    copy[size] = '\0';
    *lines = (struct lines){copy, copy, 0, size};
    return 0;
}

void lines_close(struct lines *lines)
{
    if (lines->copy)
        explicit_bzero(lines->copy, lines->size);
    free(lines->copy);
    *lines = (struct lines){0};
}

size_t lines_next(struct lines *lines, char *words[LINES_WORDS])
{
    size_t count = 0;
    while (count == 0 && *lines->next) {
        char *line = lines->next, *save = NULL;
        size_t length = strcspn(line, "\n");
        lines->next = line[length] ? line + length + 1 : line + length;
        line[length] = '\0';
        line[strcspn(line, "#")] = '\0';
        lines->number++;
        for (char *word = strtok_r(line, " \t\r", &save); word && count < LINES_WORDS;
             word = strtok_r(NULL, " \t\r", &save))
            words[count++] = word;
    }
    return count;
}
