/* Texts that are put together: one that grows, in generalised UTF-8 as struct spprof_text, and one that a format gives. */
#ifndef SPPROF_BASE_TEXT_H
#define SPPROF_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spprof/text.h"

struct text {
    char *bytes; /* owned; NULL: nothing yet */
    size_t size, capacity;
    bool failed; /* memory ran out: what was added since is lost */
};

void base_text_add(struct text *text, const char *bytes, size_t size);
void base_text_add_string(struct text *text, const char *string);
void base_text_add_character(struct text *text, uint32_t character);
void base_text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void base_text_format_list(struct text *text, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

/* Shortens to size bytes, or to the last whole character before. */
void base_text_cut(struct text *text, size_t size);

/* Hands the bytes over, ended by NUL; false where memory ran out. The text is empty afterwards. */
bool base_text_take(struct text *text, struct spprof_text *result);

void base_text_free(struct text *text);

/* What a format gives, to be freed; NULL: no memory. */
char *base_text_formatted(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *base_text_formatted_list(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

#endif
