/* Key pairs, their files, and the file of authorized keys. */
#include "tests/common/check.h"

#include <sys/stat.h>
#include <unistd.h>

#include "common/keys.h"

static struct error err;

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void pairs_are_checked(void **state)
{
    (void)state;
    struct key_pair made, again, other;
    assert_ok(key_pair_make(&made, &err));
    assert_ok(key_pair_make(&other, &err));
    assert_string_not_equal(made.secret, other.secret);
    char text[512];
    snprintf(text, sizeof text, "# me\n\n  secret %s # hush\npublic\t%s\r\n", made.secret,
             made.public);
    assert_ok(key_pair_parse(text, strlen(text), &again, &err));
    assert_memory_equal(&made, &again, sizeof made);
    snprintf(text, sizeof text, "secret %s\npublic %s\n", made.secret, other.public);
    assert_error(key_pair_parse(text, strlen(text), &again, &err), E_INVALID,
                 "not the secret one's");
    assert_null(strstr(err.text, made.secret));
    assert_error(key_pair_parse("public " A "\n", 72, &again, &err), E_PARSE, "no secret key");
    assert_error(key_pair_parse("", 0, &again, &err), E_PARSE, "no secret key");
    assert_error(key_pair_parse("public " A "\npublic " A "\n", 144, &again, &err), E_PARSE,
                 "line 2: a second");
    assert_error(key_pair_parse("private " A "\n", 73, &again, &err), E_PARSE, "line 1: expected");
    assert_error(key_pair_parse("secret 0x12\n", 12, &again, &err), E_PARSE, "4 characters");
    assert_error(key_pair_parse("pub\0lic", 7, &again, &err), E_PARSE, "byte 0 at 3");
}

/* The public half is Curve25519's: RFC 7748, section 6.1, Alice. */
static void the_curve_is_the_published_one(void **state)
{
    (void)state;
    struct key_pair pair;
    static const char text[] =
        "public 8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a\n"
        "secret 77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a\n";
    assert_ok(key_pair_parse(text, strlen(text), &pair, &err));
}

static void files_are_guarded(void **state)
{
    (void)state;
    char folder[] = "/tmp/facefarm-keys-XXXXXX", path[64], keys[64], hex[KEY_HEX_BYTES];
    struct key_pair made, again;
    struct key_table table;
    struct key_client client;
    struct stat status;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/secret", folder);
    snprintf(keys, sizeof keys, "%s/keys", folder);
    assert_ok(key_pair_make(&made, &err));
    assert_ok(key_pair_write(&made, path, &err));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_error(key_pair_write(&made, path, &err), E_EXISTS, path);
    assert_ok(key_pair_read(path, &again, &err));
    assert_memory_equal(&made, &again, sizeof made);
    assert_ok(key_public_read(path, hex, &err));
    assert_string_equal(hex, made.public);
    assert_ok(key_public_read(A, hex, &err));
    assert_string_equal(hex, A);
    assert_ok(key_client_read(path, A, &client, &err));
    assert_true(client.on);
    assert_ok(key_client_read(NULL, "", &client, &err));
    assert_false(client.on);
    assert_error(key_client_read(path, NULL, &client, &err), E_INVALID, "without the broker's");
    assert_error(key_client_read(NULL, A, &client, &err), E_INVALID, "without one's own");
    assert_error(key_client_read(path, keys, &client, &err), E_NOT_FOUND, keys);
    assert_int_equal(chmod(path, 0640), 0);
    assert_error(key_pair_read(path, &again, &err), E_DENIED, "mode 0640");
    FILE *out = fopen(keys, "w");
    fprintf(out, "admin %s root\n", made.public);
    fclose(out);
    assert_int_equal(chmod(keys, 0666), 0);
    assert_error(key_table_read(keys, &table, &err), E_DENIED, "mode 0666");
    assert_error(key_public_read(keys, hex, &err), E_PARSE, "has no line");
    assert_int_equal(chmod(keys, 0644), 0);
    assert_ok(key_table_read(keys, &table, &err));
    assert_int_equal(key_table_find(&table, made.public)->role, KEY_ADMIN);
    key_table_free(&table);
    unlink(path);
    unlink(keys);
    rmdir(folder);
}

static int parse(const char *text, struct key_table *table)
{
    return key_table_parse(text, strlen(text), table, &err);
}

static void authorized_keys_are_checked(void **state)
{
    (void)state;
    struct key_table table = {0};
    assert_ok(parse("# nobody\n\n", &table));
    assert_int_equal(table.count, 0);
    assert_null(key_table_find(&table, A));
    assert_ok(parse("worker " B " gpu-7\nclient " A "\tada # home\n", &table));
    assert_int_equal(table.count, 2);
    assert_string_equal(key_table_find(&table, A)->owner, "ada");
    assert_int_equal(key_table_find(&table, B)->role, KEY_WORKER);
    assert_null(key_table_find(&table, ""));
    assert_null(key_table_find(&table, "cc"));
    key_table_free(&table);
    assert_error(parse("client " A " ada\nclient " A " bob\n", &table), E_EXISTS,
                 "stands there twice");
    assert_error(parse("\nclient " A "\n", &table), E_PARSE, "line 2: expected ROLE KEY OWNER");
    assert_error(parse("client " A " ada x\n", &table), E_PARSE, "line 1: expected ROLE KEY OWNER");
    assert_error(parse("broker " A " b\n", &table), E_PARSE, "role \"broker\"");
    assert_error(parse("client AAAA ada\n", &table), E_PARSE, "4 characters");
    assert_error(parse("client " A " ../ada\n", &table), E_PARSE, "owner \"../ada\"");
    assert_null(table.entries);
}

static void tables_have_a_limit(void **state)
{
    (void)state;
    struct key_table table = {0};
    char *text = malloc((LIMIT_KEYS + 1) * 76 + 1), *at = text;
    for (int i = 0; i <= LIMIT_KEYS; i++)
        at += sprintf(at, "worker %064x w\n", (unsigned)i);
    assert_error(key_table_parse(text, (size_t)(at - text), &table, &err), E_LIMIT, "LIMIT_KEYS");
    at[-1] = '\0';
    *strrchr(text, '\n') = '\0';
    assert_ok(parse(text, &table));
    assert_int_equal(table.count, LIMIT_KEYS);
    key_table_free(&table);
    free(text);
}

static void seals_depend_on_everything(void **state)
{
    (void)state;
    struct key_pair one, two;
    struct key_seal a, b, c;
    assert_ok(key_pair_make(&one, &err));
    assert_ok(key_pair_make(&two, &err));
    assert_ok(key_seal_make(&one, "x", &a, &err));
    assert_ok(key_seal_make(&one, "y", &b, &err));
    assert_ok(key_seal_make(&two, "x", &c, &err));
    assert_int_equal(key_seal(&a, "data", 4), key_seal(&a, "data", 4));
    assert_int_not_equal(key_seal(&a, "data", 4), key_seal(&a, "dato", 4));
    assert_int_not_equal(key_seal(&a, "data", 4), key_seal(&b, "data", 4));
    assert_int_not_equal(key_seal(&a, "data", 4), key_seal(&c, "data", 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_curve_is_the_published_one),
        cmocka_unit_test(pairs_are_checked),
        cmocka_unit_test(files_are_guarded),
        cmocka_unit_test(authorized_keys_are_checked),
        cmocka_unit_test(tables_have_a_limit),
        cmocka_unit_test(seals_depend_on_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
