/* Parsing name=score,name=score. */
#include "common/joint.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"

struct entry {
    char name[LIMIT_NAME_BYTES + 1];
    double score;
};

bool joint_is(const char *target)
{
    return strchr(target, '=') != NULL;
}

/* One entry at *text, which is moved behind it. */
static int take_entry(const char **text, struct entry *entry, struct error *err)
{
    const char *at = *text;
    size_t length = 0;
    while (isalnum((unsigned char)at[length]) || at[length] == '_')
        length++;
    if (length == 0 || length > LIMIT_NAME_BYTES || at[length] != '=')
        return error_set(err, E_PARSE, "at \"%.80s\": expected a boundary's name, = and a score", at);
    memcpy(entry->name, at, length);
    entry->name[length] = '\0';
    at += length + 1;
    char *end;
    entry->score = strtod(at, &end);
    bool plain = *at == '-' || *at == '+' || *at == '.' || isdigit((unsigned char)*at);
    if (!plain || end == at || (*end && *end != ',') || !(fabs(entry->score) <= JOINT_SCORE_MOST))
        return error_set(err, E_PARSE, "%s: \"%.80s\" is no score, expected %g to %g", entry->name,
                         at, -JOINT_SCORE_MOST, JOINT_SCORE_MOST);
    if (*end == ',' && !end[1])
        return error_set(err, E_PARSE, "nothing stands behind the last comma");
    *text = *end == ',' ? end + 1 : end;
    return 0;
}

static int take_entries(const char *target, struct entry entries[JOINT_MOST], size_t *count,
                        struct error *err)
{
    size_t n = 0;
    int rc = 0;
    for (const char *at = target; !rc && *at; n++) {
        if (n == JOINT_MOST)
            return error_set(err, E_LIMIT, "more scores at once than JOINT_MOST, %d", JOINT_MOST);
        rc = take_entry(&at, &entries[n], err);
        for (size_t i = 0; !rc && i < n; i++)
            if (strcmp(entries[i].name, entries[n].name) == 0)
                rc = error_set(err, E_EXISTS, "%s has two scores", entries[n].name);
    }
    *count = n;
    return rc;
}

int joint_check(const char *target, struct error *err)
{
    struct entry entries[JOINT_MOST];
    size_t count;
    int rc = take_entries(target, entries, &count, err);
    return rc ? error_prefix(err, rc, "\"%.200s\"", target) : 0;
}

static int by_which(const void *a, const void *b)
{
    const size_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int joint_parse(const char *target, const char *const *names, size_t k, struct joint *joint,
                struct error *err)
{
    struct entry entries[JOINT_MOST];
    size_t count = 0;
    int rc = take_entries(target, entries, &count, err);
    struct joint found = {.count = count};
    for (size_t i = 0; !rc && i < count; i++) {
        size_t at = 0;
        while (at < k && strcmp(names[at], entries[i].name) != 0)
            at++;
        found.which[i] = at;
        if (at == k)
            rc = error_set(err, E_NOT_FOUND, "no boundary is called \"%s\"", entries[i].name);
    }
    if (rc)
        return error_prefix(err, rc, "target \"%.200s\"", target);
    qsort(found.which, count, sizeof *found.which, by_which);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            if (strcmp(names[found.which[i]], entries[j].name) == 0)
                found.scores[i] = entries[j].score;
    *joint = found;
    return 0;
}
