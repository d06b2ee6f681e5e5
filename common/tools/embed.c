/*
 * Host program of the build: writes text files as one C table.
 *
 *     embed NAME OUTPUT.c FILE...
 *
 * makes `const struct embedded_file NAME[]`, ended by an entry without a name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static size_t write_bytes(FILE *out, FILE *in)
{
    size_t size = 0;
    int byte;
    while ((byte = getc(in)) != EOF) {
        fprintf(out, "%d,%s", byte, ++size % 24 ? "" : "\n");
    }
    return size;
}

static int embed_file(FILE *out, const char *path, int number, size_t *size)
{
    FILE *in = fopen(path, "rb");
    if (!in) {
        perror(path);
        return -1;
    }
    fprintf(out, "static const char text_%d[] = {\n", number);
    *size = write_bytes(out, in);
    fprintf(out, "0};\n");
    fclose(in);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: embed NAME OUTPUT.c FILE...\n");
        return 2;
    }
    FILE *out = fopen(argv[2], "w");
    size_t *sizes = calloc((size_t)argc, sizeof *sizes);
    if (!out || !sizes) {
        perror(argv[2]);
        return 1;
    }
    fprintf(out, "#include \"common/embedded.h\"\n");
    fprintf(out, "extern const struct embedded_file %s[];\n", argv[1]);
    for (int i = 3; i < argc; i++)
        if (embed_file(out, argv[i], i - 3, &sizes[i]) != 0)
            return 1;
    fprintf(out, "const struct embedded_file %s[] = {\n", argv[1]);
    for (int i = 3; i < argc; i++)
        fprintf(out, "{\"%s\", text_%d, %zu},\n", base_name(argv[i]), i - 3, sizes[i]);
    fprintf(out, "{0, 0, 0}};\n");
    free(sizes);
    return fclose(out) == 0 ? 0 : 1;
}
