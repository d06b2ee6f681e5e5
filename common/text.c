/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#include "common/text.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes of the character that `lead` begins, 0 if it begins none. */
static size_t length_of(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead < 0xe0)
        return 2;
    if (lead >= 0xe0 && lead < 0xf0)
        return 3;
    return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

/* The second byte has a narrower range behind some leads. */
static int second_fits(unsigned char lead, unsigned char second)
{
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high;
}

size_t text_character(const unsigned char *at, size_t room)
{
    size_t length = room > 0 ? length_of(at[0]) : 0;
    if (length > room || (length > 1 && !second_fits(at[0], at[1])))
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

bool text_is_control(const unsigned char *at)
{
    if (at[0] < 0x20)
        return at[0] != '\t' && at[0] != '\n' && at[0] != '\r';
    return at[0] == 0x7f || (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0);
}

void text_scrub(char *text)
{
    unsigned char *at = (unsigned char *)text, *end = at + strlen(text);
    while (at < end) {
        size_t length = text_character(at, (size_t)(end - at));
        if (!length)
            *at = '?';
        else if (text_is_control(at))
            memset(at, '?', length);
        at += length ? length : 1;
    }
}

void text_scrub_line(char *text)
{
    text_scrub(text);
    for (; *text; text++)
        if ((unsigned char)*text < 0x20)
            *text = ' ';
}
