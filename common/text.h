/* Texts that a message may carry. */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

/* Replaces by '?' what is not UTF-8, in place. A sentence that quotes outside data and was cut to
 * its room may end inside a character, and the wire refuses that. */
void text_scrub(char *text);

#endif
