/* Adding bundles to a real broker: whole, twice, changed, damaged, absurd. */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void refused(struct peer *client, const char *folder, const char *code)
{
    peer_send(client, WIRE_BUNDLE_ADD, &(struct wire_bundle_add){1, folder});
    const struct wire_refused *told = peer_expect(client, WIRE_REFUSED);
    if (strcmp(told->code, code) != 0)
        fail_msg("%s: %s, expected %s", told->code, told->text, code);
}

static void append(const char *path, const char *text)
{
    FILE *out = fopen(path, "a");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void bundles_are_copied_once_and_checked(void **state)
{
    struct support s;
    struct peer client;
    char path[512], hash[65];
    (void)state;
    support_open(&s);
    support_start(&s, 1000, 60000);
    peer_open(&s, &client);
    refused(&client, "relative/folder", "E_INVALID");
    refused(&client, s.folder, "E_NOT_FOUND");
    strcpy(hash, support_add_bundle(&s, &client));
    assert_string_equal(support_add_bundle(&s, &client), hash);
    assert_string_equal(support_sql(&s, "SELECT count(*) FROM bundle"), "1");
    assert_string_equal(support_sql(&s, "SELECT group_concat(name) FROM bundle_attribute"),
                        "5_o_Clock_Shadow,Smiling,Male,Order");
    /* A copy that was damaged is made again. */
    snprintf(path, sizeof path, "%s/bundles/%s/generator.onnx", s.store, hash);
    append(path, "rubbish");
    support_add_bundle(&s, &client);
    FILE *in = fopen(path, "r");
    char content[32] = "";
    assert_non_null(in);
    assert_non_null(fgets(content, sizeof content, in));
    fclose(in);
    assert_string_equal(content, "generator");
    /* Another description is another bundle, under the same name. */
    snprintf(path, sizeof path, "%s/bundle.yaml", s.bundle);
    append(path, "# another\n");
    assert_string_not_equal(support_add_bundle(&s, &client), hash);
    assert_string_equal(support_sql(&s, "SELECT group_concat(view_prefix) FROM bundle"),
                        "toy,toy_2");
    /* A source that does not hold what it says changes nothing. */
    snprintf(path, sizeof path, "%s/attributes.onnx", s.bundle);
    append(path, "rubbish");
    refused(&client, s.bundle, "E_DIGEST");
    assert_string_equal(support_sql(&s, "SELECT count(*) FROM bundle"), "2");
    peer_close(&client);
    support_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bundles_are_copied_once_and_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
