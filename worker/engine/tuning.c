/*
 * The tuning table and its file: a first line that names format and device, then a line a key,
 *
 *     KEY<tab>whole|staged TILES BLOCK VECTORS
 */
#include "worker/engine/tuning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/buffer.h"
#include "common/digest.h"
#include "common/folder.h"
#include "common/log.h"

#define FORMAT "facefarm-tuning/1"
#define FILE_BYTES_MAX (1 << 20)
#define TILES_MAX 4096

struct entry {
    char key[TUNING_KEY_MAX];
    struct winograd winograd;
    UT_hash_handle hh;
};

struct tuning {
    char path[1024], folder[1024], head[512];
    struct entry *entries;
};

static void name_file(struct tuning *tuning, const struct device_info *device)
{
    char sha256[DIGEST_HEX_BYTES];
    snprintf(tuning->head, sizeof tuning->head, FORMAT " %s; %s; %u units", device->name,
             device->driver, device->compute_units);
    if (folder_cache("/tuning", tuning->folder, sizeof tuning->folder, NULL) != 0)
        return;
    digest_bytes(tuning->head, strlen(tuning->head), sha256);
    if (snprintf(tuning->path, sizeof tuning->path, "%s/%.16s.txt", tuning->folder, sha256) >=
        (int)sizeof tuning->path)
        tuning->path[0] = '\0';
}

int tuning_set(struct tuning *tuning, const char *key, const struct winograd *winograd,
               struct error *err)
{
    struct entry *entry;
    HASH_FIND_STR(tuning->entries, key, entry);
    if (!entry) {
        entry = calloc(1, sizeof *entry);
        if (!entry)
            return error_set(err, E_MEMORY, "no memory for tuning");
        snprintf(entry->key, sizeof entry->key, "%s", key);
        HASH_ADD_STR(tuning->entries, key, entry);
    }
    entry->winograd = *winograd;
    return 0;
}

static bool parse_line(char *line, char **key, struct winograd *winograd)
{
    char way[8];
    int end = 0;
    char *tab = strchr(line, '\t');
    if (!tab || tab == line || tab - line >= TUNING_KEY_MAX)
        return false;
    *tab = '\0';
    *key = line;
    *winograd = (struct winograd){0};
    if (sscanf(tab + 1, "%7s %5d %5d %5d%n", way, &winograd->tiles, &winograd->block,
               &winograd->vectors, &end) != 4 ||
        tab[1 + end] != '\0')
        return false;
    winograd->staged = strcmp(way, "staged") == 0;
    return (winograd->staged || strcmp(way, "whole") == 0) && winograd->block > 0 &&
           winograd->vectors > 0 && winograd->tiles > 0 && winograd->tiles <= TILES_MAX &&
           winograd->tiles % winograd->block == 0;
}

static int parse_file(struct tuning *tuning, char *text, struct error *err)
{
    char *rest = text;
    char *line = strsep(&rest, "\n");
    if (!line || strcmp(line, tuning->head) != 0)
        return error_set(err, E_PARSE, "%s: line 1 is not \"%s\"", tuning->path, tuning->head);
    for (int number = 2; (line = strsep(&rest, "\n")) != NULL; number++) {
        char *key;
        struct winograd winograd;
        if (*line == '\0')
            continue;
        if (!parse_line(line, &key, &winograd))
            return error_set(err, E_PARSE, "%s: line %d is no tuning (expected a key, a tab, whole or "
                             "staged, tiles, block, vectors)", tuning->path, number);
        int failed = tuning_set(tuning, key, &winograd, err);
        if (failed)
            return failed;
    }
    return 0;
}

static void clear(struct tuning *tuning)
{
    struct entry *entry, *next;
    HASH_ITER(hh, tuning->entries, entry, next)
    {
        HASH_DEL(tuning->entries, entry);
        free(entry);
    }
}

static void read_file(struct tuning *tuning)
{
    struct error err = {0};
    struct buffer text;
    buffer_init(&text, FILE_BYTES_MAX + 1);
    int failed = buffer_read_file(&text, tuning->path, FILE_BYTES_MAX, &err);
    if (failed == E_NOT_FOUND) {
        buffer_free(&text);
        return;
    }
    if (!failed)
        failed = buffer_append(&text, "", 1, &err);
    if (!failed)
        failed = parse_file(tuning, (char *)text.data, &err);
    if (failed) {
        log_warning("tuning is ignored: %s", err.text);
        clear(tuning);
    }
    buffer_free(&text);
}

int tuning_open(const struct device_info *device, struct tuning **tuning, struct error *err)
{
    struct tuning *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_set(err, E_MEMORY, "no memory for tuning");
    name_file(opened, device);
    if (opened->path[0])
        read_file(opened);
    *tuning = opened;
    return 0;
}

void tuning_close(struct tuning **tuning)
{
    if (!*tuning)
        return;
    clear(*tuning);
    free(*tuning);
    *tuning = NULL;
}

void tuning_key(const struct conv *conv, enum winograd_form form, size_t rows, bool whole,
                char key[TUNING_KEY_MAX])
{
    snprintf(key, TUNING_KEY_MAX, "form %d, %d to %d channels, %dx%d to %dx%d, pad %d %d%s, %zu rows",
             (int)form, conv->channels_in, conv->channels_out, conv->y.in, conv->x.in, conv->y.out,
             conv->x.out, conv->y.pad, conv->x.pad, whole ? ", normalised" : "", rows);
}

const struct winograd *tuning_find(const struct tuning *tuning, const char *key)
{
    struct entry *entry;
    HASH_FIND_STR(tuning->entries, key, entry);
    return entry ? &entry->winograd : NULL;
}

static int by_key(const struct entry *a, const struct entry *b)
{
    return strcmp(a->key, b->key);
}

int tuning_save(struct tuning *tuning, struct error *err)
{
    struct buffer text;
    if (!tuning->path[0])
        return error_set(err, E_NOT_FOUND, "no folder for tuning (expected FACEFARM_CACHE, "
                         "XDG_CACHE_HOME or HOME)");
    buffer_init(&text, FILE_BYTES_MAX);
    HASH_SORT(tuning->entries, by_key);
    int failed = buffer_printf(&text, err, "%s\n", tuning->head);
    for (const struct entry *entry = tuning->entries; !failed && entry; entry = entry->hh.next)
        failed = buffer_printf(&text, err, "%s\t%s %d %d %d\n", entry->key,
                               entry->winograd.staged ? "staged" : "whole", entry->winograd.tiles,
                               entry->winograd.block, entry->winograd.vectors);
    if (!failed)
        failed = buffer_make_folders(tuning->folder, err);
    if (!failed)
        failed = buffer_write_file(tuning->path, text.data, text.size, err);
    buffer_free(&text);
    return failed;
}

const char *tuning_path(const struct tuning *tuning)
{
    return tuning->path;
}
