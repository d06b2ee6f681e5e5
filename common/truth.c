/*
 * Lists of attributes. The text is kept; names are pieces of it, made strings where they end. Rows are sorted by
 * name for the search.
 */
#include "common/truth.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buffer.h"
#include "common/limits.h"

struct row {
    const char *file;
    size_t values; /* where its values begin */
    enum truth_part part;
};

struct truth {
    struct buffer text;
    const char **attributes;
    size_t attributes_count;
    struct row *rows;
    size_t rows_count, rows_room;
    signed char *values;
    size_t values_room; /* rows */
    bool parts;
};

/* ---- lines and words ---- */

struct reader {
    char *at, *end;
    size_t line;
    bool csv;
};

/* The next line that is not empty, made a string; NULL at the end. */
static char *next_line(struct reader *reader)
{
    while (reader->at < reader->end) {
        char *line = reader->at, *stop = memchr(line, '\n', (size_t)(reader->end - line));
        reader->at = stop ? stop + 1 : reader->end;
        reader->line++;
        char *last = stop ? stop : reader->end;
        *last = '\0'; /* buffer_read_file puts a NUL behind the content */
        if (last > line && last[-1] == '\r')
            last[-1] = '\0';
        if (line[strspn(line, " \t,")] != '\0')
            return line;
    }
    return NULL;
}

/* The next word of a line, made a string; NULL at its end. */
static char *next_word(char **line, bool csv)
{
    char *word = *line;
    if (!word)
        return NULL;
    if (csv) {
        char *comma = strchr(word, ',');
        *line = comma ? comma + 1 : NULL;
        if (comma)
            *comma = '\0';
        word += strspn(word, " \t\"");
        word[strcspn(word, "\"")] = '\0';
        size_t length = strlen(word);
        while (length > 0 && (word[length - 1] == ' ' || word[length - 1] == '\t'))
            word[--length] = '\0';
        return word;
    }
    word += strspn(word, " \t");
    size_t length = strcspn(word, " \t");
    if (length == 0)
        return NULL;
    *line = word[length] ? word + length + 1 : NULL;
    word[length] = '\0';
    return word;
}

static int wrong(const struct reader *reader, struct error *err, const char *what,
                 const char *found)
{
    return error_set(err, E_PARSE, "line %zu: %s, found \"%.60s\"", reader->line, what, found);
}

/* ---- attributes ---- */

static int take_names(struct truth *truth, const struct reader *reader, char *line,
                      struct error *err)
{
    char *name;
    truth->attributes = calloc(LIMIT_ATTRIBUTES, sizeof *truth->attributes);
    if (!truth->attributes)
        return error_set(err, E_MEMORY, "no memory for names");
    while ((name = next_word(&line, reader->csv))) {
        if (truth->attributes_count == LIMIT_ATTRIBUTES)
            return error_set(err, E_LIMIT, "line %zu: more than LIMIT_ATTRIBUTES, %d, attributes",
                             reader->line, LIMIT_ATTRIBUTES);
        if (*name == '\0')
            return wrong(reader, err, "expected a name of an attribute", name);
        if (truth_attribute(truth, name) >= 0)
            return wrong(reader, err, "an attribute stands twice", name);
        truth->attributes[truth->attributes_count++] = name;
    }
    return truth->attributes_count
               ? 0
               : error_set(err, E_PARSE, "line %zu: expected the names of attributes", reader->line);
}

static int add_row(struct truth *truth, struct error *err)
{
    if (truth->rows_count == LIMIT_TRUTH_ROWS)
        return error_set(err, E_LIMIT, "more than LIMIT_TRUTH_ROWS, %d, pictures", LIMIT_TRUTH_ROWS);
    if (truth->rows_count < truth->rows_room)
        return 0;
    size_t room = truth->rows_room ? 2 * truth->rows_room : 1024;
    struct row *rows = realloc(truth->rows, room * sizeof *rows);
    if (rows)
        truth->rows = rows;
    signed char *values = realloc(truth->values, room * truth->attributes_count);
    if (values)
        truth->values = values;
    if (!rows || !values)
        return error_set(err, E_MEMORY, "no memory for %zu pictures", room);
    truth->rows_room = room;
    return 0;
}

static int take_value(const struct reader *reader, const char *word, signed char *value,
                      struct error *err)
{
    if (!word)
        return error_set(err, E_PARSE, "line %zu: too few values", reader->line);
    if (strcmp(word, "1") != 0 && strcmp(word, "-1") != 0 && strcmp(word, "0") != 0)
        return wrong(reader, err, "expected 1, 0 or -1", word);
    *value = *word == '1' ? 1 : -1;
    return 0;
}

static int take_row(struct truth *truth, const struct reader *reader, char *line,
                    struct error *err)
{
    int rc = add_row(truth, err);
    if (rc)
        return rc;
    struct row *row = &truth->rows[truth->rows_count];
    *row = (struct row){next_word(&line, reader->csv),
                        truth->rows_count * truth->attributes_count, TRUTH_NO_PART};
    if (!row->file || *row->file == '\0')
        return wrong(reader, err, "expected the name of a picture's file", "");
    for (size_t i = 0; !rc && i < truth->attributes_count; i++)
        rc = take_value(reader, next_word(&line, reader->csv), &truth->values[row->values + i],
                        err);
    const char *more = rc ? NULL : next_word(&line, reader->csv);
    if (more)
        return wrong(reader, err, "more values than attributes", more);
    if (!rc)
        truth->rows_count++;
    return rc;
}

static int by_file(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->file, ((const struct row *)b)->file);
}

/* CelebA's list begins with a number alone; CSV has its names first. */
static bool is_number(const char *line)
{
    line += strspn(line, " \t");
    size_t digits = strspn(line, "0123456789");
    return digits > 0 && line[digits + strspn(line + digits, " \t")] == '\0';
}

static int parse(struct truth *truth, struct error *err)
{
    struct reader reader = {.at = (char *)truth->text.data,
                            .end = (char *)truth->text.data + truth->text.size};
    char *line = next_line(&reader);
    if (!line)
        return error_set(err, E_PARSE, "the file is empty");
    reader.csv = !is_number(line);
    unsigned long long announced = reader.csv ? 0 : strtoull(line, NULL, 10);
    if (!reader.csv && !(line = next_line(&reader)))
        return error_set(err, E_PARSE, "line %zu: expected the names of attributes", reader.line);
    if (reader.csv && !strchr(line, ','))
        return wrong(&reader, err, "expected a number (CelebA's list) or names between commas (CSV)",
                     line);
    if (reader.csv)
        next_word(&line, true); /* what the column of files is called */
    int rc = take_names(truth, &reader, line, err);
    while (!rc && (line = next_line(&reader)))
        rc = take_row(truth, &reader, line, err);
    if (!rc && !reader.csv && announced != truth->rows_count)
        rc = error_set(err, E_PARSE, "line 1 says %llu pictures, found %zu", announced,
                       truth->rows_count);
    if (rc)
        return rc;
    if (truth->rows_count)
        qsort(truth->rows, truth->rows_count, sizeof *truth->rows, by_file);
    for (size_t i = 1; i < truth->rows_count; i++)
        if (strcmp(truth->rows[i].file, truth->rows[i - 1].file) == 0)
            return error_set(err, E_PARSE, "picture \"%.60s\" stands twice", truth->rows[i].file);
    return 0;
}

static int check_text(const char *name, const struct buffer *text, struct error *err)
{
    if (text->size == 0)
        return error_set(err, E_PARSE, "%s: the file is empty", name);
    if (memchr(text->data, '\0', text->size))
        return error_set(err, E_PARSE, "%s: holds a NUL byte, expected text", name);
    return 0;
}

int truth_take(const char *name, struct buffer *text, struct truth **truth, struct error *err)
{
    int rc = check_text(name, text, err);
    struct truth *read = rc ? NULL : calloc(1, sizeof *read);
    if (!rc && !read)
        rc = error_set(err, E_MEMORY, "no memory for a list of attributes");
    if (rc) {
        buffer_free(text);
        return rc;
    }
    read->text = *text;
    buffer_init(text, text->maximum);
    rc = parse(read, err);
    if (rc) {
        error_prefix(err, rc, "%s", name);
        truth_free(&read);
    } else {
        *truth = read;
    }
    return rc;
}

int truth_read(const char *path, struct truth **truth, struct error *err)
{
    struct buffer text;
    buffer_init(&text, LIMIT_TRUTH_BYTES + 1);
    int rc = buffer_read_file(&text, path, LIMIT_TRUTH_BYTES, err);
    if (!rc)
        return truth_take(path, &text, truth, err);
    buffer_free(&text);
    return rc;
}

void truth_free(struct truth **truth)
{
    struct truth *freed = *truth;
    if (!freed)
        return;
    *truth = NULL;
    buffer_free(&freed->text);
    free((void *)freed->attributes);
    free(freed->rows);
    free(freed->values);
    free(freed);
}

/* ---- parts ---- */

static int take_part(struct truth *truth, const struct reader *reader, char *line,
                     struct error *err)
{
    const char *file = next_word(&line, reader->csv), *part = next_word(&line, reader->csv);
    if (!file || !part)
        return error_set(err, E_PARSE, "line %zu: expected a picture and its part", reader->line);
    if (strlen(part) != 1 || *part < '0' || *part > '2')
        return wrong(reader, err, "expected 0 (train), 1 (validation) or 2 (test)", part);
    int64_t row = truth_find(truth, file);
    if (row >= 0)
        truth->rows[row].part = (enum truth_part)(*part - '0');
    return 0;
}

int truth_take_parts(struct truth *truth, const char *name, struct buffer *text, struct error *err)
{
    int rc = check_text(name, text, err);
    if (rc)
        return rc;
    struct reader reader = {.at = (char *)text->data, .end = (char *)text->data + text->size};
    char *line = next_line(&reader);
    reader.csv = line && strchr(line, ',');
    if (reader.csv && line[strlen(line) - 1] > '9') /* names of columns */
        line = next_line(&reader);
    for (; !rc && line; line = next_line(&reader))
        rc = take_part(truth, &reader, line, err);
    if (rc)
        return error_prefix(err, rc, "%s", name);
    truth->parts = true;
    return 0;
}

int truth_read_parts(struct truth *truth, const char *path, struct error *err)
{
    struct buffer text;
    buffer_init(&text, LIMIT_TRUTH_BYTES + 1);
    int rc = buffer_read_file(&text, path, LIMIT_TRUTH_BYTES, err);
    if (!rc)
        rc = truth_take_parts(truth, path, &text, err);
    buffer_free(&text);
    return rc;
}

/* ---- questions ---- */

size_t truth_rows(const struct truth *truth)
{
    return truth->rows_count;
}

size_t truth_attributes(const struct truth *truth)
{
    return truth->attributes_count;
}

const char *truth_attribute_name(const struct truth *truth, size_t i)
{
    return truth->attributes[i];
}

int truth_attribute(const struct truth *truth, const char *name)
{
    for (size_t i = 0; i < truth->attributes_count; i++)
        if (strcasecmp(truth->attributes[i], name) == 0)
            return (int)i;
    return -1;
}

int64_t truth_find(const struct truth *truth, const char *file)
{
    const struct row key = {.file = file};
    const struct row *found =
        truth->rows_count
            ? bsearch(&key, truth->rows, truth->rows_count, sizeof *truth->rows, by_file)
            : NULL;
    return found ? found - truth->rows : -1;
}

signed char truth_value(const struct truth *truth, int64_t row, size_t attribute)
{
    return truth->values[truth->rows[row].values + attribute];
}

enum truth_part truth_part_of(const struct truth *truth, int64_t row)
{
    return truth->rows[row].part;
}

bool truth_has_parts(const struct truth *truth)
{
    return truth->parts;
}

const char *truth_group_name(enum truth_group group)
{
    static const char *const names[TRUTH_GROUPS] = {"train", "validation", "test", "all"};
    return names[group];
}

signed char truth_value_in(const struct truth *truth, int64_t row, int attribute,
                           enum truth_group group)
{
    bool in = row >= 0 && attribute >= 0 &&
              (group == TRUTH_OF_ALL || (int)truth->rows[row].part == (int)group);
    return in ? truth_value(truth, row, (size_t)attribute) : 0;
}
