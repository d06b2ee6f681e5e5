/* Layout of sheets. Pure functions on memory. */
#include "worker/sheet.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sheet_init(struct sheet *sheet, size_t rows, size_t columns, size_t cell_height,
               size_t cell_width, struct error *err)
{
    struct sheet made = {
        .rows = rows,
        .columns = columns,
        .cell_height = cell_height,
        .cell_width = cell_width,
        .height = rows * (cell_height + SHEET_GUTTER) - SHEET_GUTTER,
        .width = columns * (cell_width + SHEET_GUTTER) - SHEET_GUTTER,
    };
    if (made.height > SHEET_BYTES_MAX / 3 / made.width)
        return error_set(err, E_LIMIT,
                         "a sheet of %zu by %zu faces is %zu by %zu pixels: SHEET_BYTES_MAX is %zu",
                         rows, columns, made.height, made.width, SHEET_BYTES_MAX);
    size_t bytes = made.height * made.width * 3;
    made.pixels = malloc(bytes);
    if (!made.pixels)
        return error_set(err, E_MEMORY, "no memory for a sheet of %zu bytes", bytes);
    memset(made.pixels, 255, bytes);
    *sheet = made;
    return 0;
}

void sheet_free(struct sheet *sheet)
{
    free(sheet->pixels);
    *sheet = (struct sheet){0};
}

void sheet_put(struct sheet *sheet, size_t row, size_t column, const uint8_t *face)
{
    size_t top = row * (sheet->cell_height + SHEET_GUTTER);
    size_t left = column * (sheet->cell_width + SHEET_GUTTER);
    for (size_t y = 0; y < sheet->cell_height; y++)
        memcpy(sheet->pixels + ((top + y) * sheet->width + left) * 3,
               face + y * sheet->cell_width * 3, sheet->cell_width * 3);
}

static char file_character(char c)
{
    if (isalnum((unsigned char)c) || strchr("_-+.", c))
        return c;
    return c == '*' ? 'x' : '_';
}

void sheet_name(const char *target, const char *suffix, char *name, size_t size)
{
    size_t length = 0;
    size_t room = size - strlen(suffix) - 1;
    for (const char *c = target; *c && length < room; c++)
        name[length++] = file_character(*c);
    snprintf(name + length, size - length, "%s", suffix);
}
