/* Key files and authorized keys: read or refused with a reason, which never repeats a key; what is
 * read is found again. */
#include <stdlib.h>
#include <string.h>

#include "common/keys.h"
#include "tests/fuzz/fuzz.h"

static void check_reason(int rc, const struct error *err)
{
    if (rc != err->code || err->text[0] == '\0')
        abort();
}

static void read_pair(const char *text, size_t size)
{
    struct key_pair pair;
    struct error err = {0};
    int rc = key_pair_parse(text, size, &pair, &err);
    if (rc != 0)
        check_reason(rc, &err);
    else if (strlen(pair.secret) != KEY_HEX_BYTES - 1 || strlen(pair.public) != KEY_HEX_BYTES - 1)
        abort();
}

static void read_table(const char *text, size_t size)
{
    struct key_table table = {0};
    struct error err = {0};
    int rc = key_table_parse(text, size, &table, &err);
    if (rc != 0)
        check_reason(rc, &err);
    for (size_t i = 0; i < table.count; i++)
        if (key_table_find(&table, table.entries[i].key) != &table.entries[i] ||
            table.entries[i].role >= KEY_ROLES)
            abort();
    key_table_free(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_pair((const char *)data, size);
    read_table((const char *)data, size);
    return 0;
}
