/*
 * main() of a fuzz target where there is no libFuzzer: every file (or every file of every folder)
 * that is named gets its turn, whole, cut at up to CUTS places and with up to DAMAGES bytes
 * changed. The damage is the same in every run. One thread.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buffer.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX ((size_t)1 << 20)
#define CUTS 512
#define DAMAGES 2048

struct tally {
    size_t files, inputs;
};

/* A copy of exactly `size` bytes, so that AddressSanitizer sees a read behind its end. */
static void give(struct tally *tally, const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    if (LLVMFuzzerTestOneInput(copy, size) != 0)
        abort();
    free(copy);
    tally->inputs++;
}

static void give_cut(struct tally *tally, const uint8_t *data, size_t size)
{
    size_t step = size / CUTS + 1;
    for (size_t length = 0; length < size; length += step)
        give(tally, data, length);
}

static void give_damaged(struct tally *tally, uint8_t *data, size_t size)
{
    static const uint8_t masks[] = {0x01, 0x80, 0xff, 0x20};
    size_t step = size * sizeof masks / DAMAGES + 1;
    for (size_t i = 0; i < size * sizeof masks; i += step) {
        data[i / sizeof masks] ^= masks[i % sizeof masks];
        give(tally, data, size);
        data[i / sizeof masks] ^= masks[i % sizeof masks];
    }
}

static int replay_file(struct tally *tally, const char *path)
{
    struct buffer input;
    struct error err = {0};
    buffer_init(&input, INPUT_MAX);
    int rc = buffer_read_file(&input, path, INPUT_MAX, &err);
    if (rc == 0) {
        give(tally, input.data, input.size);
        give_cut(tally, input.data, input.size);
        give_damaged(tally, input.data, input.size);
        tally->files++;
    } else {
        fprintf(stderr, "%s\n", err.text);
    }
    buffer_free(&input);
    return rc;
}

static int replay_folder(struct tally *tally, const char *path, DIR *folder)
{
    int rc = 0;
    for (struct dirent *entry; rc == 0 && (entry = readdir(folder));) {
        char name[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        rc = replay_file(tally, name);
    }
    return rc;
}

static int replay(struct tally *tally, const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return replay_file(tally, path);
    int rc = replay_folder(tally, path, folder);
    closedir(folder);
    return rc;
}

int main(int argc, char **argv)
{
    struct tally tally = {0};
    for (int i = 1; i < argc; i++)
        if (replay(&tally, argv[i]) != 0)
            return EXIT_FAILURE;
    printf("%zu inputs from %zu files\n", tally.inputs, tally.files);
    return tally.files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
