/* .npz files and lists of latents: read or refused with a reason; what is read as a list prints as
 * one that reads. */
#include <stdlib.h>

#include "common/latent_list.h"
#include "common/npz.h"
#include "tests/fuzz/file.h"
#include "tests/fuzz/fuzz.h"

static void try_list(const uint8_t *data, size_t size)
{
    struct latent_list list = {0}, again = {0};
    struct error err = {0};
    struct buffer text;
    int rc = latent_list_parse(data, size, &list, &err);
    if (rc != 0 && (rc != err.code || err.text[0] == '\0'))
        abort();
    if (rc != 0)
        return;
    buffer_init(&text, SIZE_MAX / 2);
    if (latent_list_print(&list, &text, &err) != 0 ||
        latent_list_parse(text.data, text.size, &again, &err) != 0 || again.rows != list.rows ||
        again.blocks != list.blocks)
        abort();
    buffer_free(&text);
    latent_list_free(&list);
    latent_list_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct npy npy = {0};
    struct error err = {0};
    const char *path = fuzz_file(NULL, 0, data, size);
    int rc = npz_read(path, NULL, &npy, &err);
    if (rc != 0 && (rc != err.code || err.text[0] == '\0'))
        abort();
    if (rc == 0)
        npy_free(&npy);
    try_list(data, size);
    return 0;
}
