/* Texts that a message may carry. */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the UTF-8 character that begins there, within `room`; 0 if none does. */
size_t text_character(const unsigned char *at, size_t room);

/* Whether a control character stands there that is neither tab nor an end of a line (C0, DEL, and C1 in UTF-8): a
 * terminal would do what it says. */
bool text_is_control(const unsigned char *at);

/* Replaces by '?' what is not UTF-8, and control characters, in place. A sentence that quotes outside data and was
 * cut to its room may end inside a character, and the wire refuses both. */
void text_scrub(char *text);

/* The same, and tabs and ends of lines become spaces: for names that stand in a line or a table. */
void text_scrub_line(char *text);

#endif
