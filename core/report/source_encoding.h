/* The encoding that a Python source names, and its text in UTF-8. */
#ifndef SPPROF_REPORT_SOURCE_ENCODING_H
#define SPPROF_REPORT_SOURCE_ENCODING_H

#include <stdbool.h>
#include <stddef.h>

enum { ENCODING_NAME_MAX = 40 };

/*
 * The name in a coding line, which is a comment in the first two lines (Parser/tokenizer/helpers.c, get_coding_spec; PEP 263), as iconv
 * knows it. False where there is none, where it is UTF-8, or where it is no encoding of Python's that iconv has a name for.
 */
bool report_source_encoding(const char *bytes, size_t size, char name[ENCODING_NAME_MAX]);

/*
 * Takes over bytes (malloc) and gives the text in UTF-8, which may be bytes itself: where it is that already, where libc does not know its
 * encoding, or where the bytes are none of that encoding. What it takes more memory is taken off *bytes_left, and no more is used.
 */
char *report_source_to_utf_8(char *bytes, size_t *size, size_t *bytes_left);

#endif
