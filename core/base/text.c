#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

static bool reserve(struct text *text, size_t more)
{
    text->failed = text->failed || more > SIZE_MAX / 4 || !ARRAY_RESERVE(text->bytes, text->capacity, text->size + more + 1);
    return !text->failed;
}

void base_text_add(struct text *text, const char *bytes, size_t size)
{
    if (size == 0 || !reserve(text, size))
        return;
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

void base_text_add_string(struct text *text, const char *string)
{
    base_text_add(text, string, strlen(string));
}

void base_text_add_character(struct text *text, uint32_t character)
{
    char bytes[4];
    size_t size = 0;
    if (character < 0x80) {
        bytes[size++] = (char)character;
    } else if (character < 0x800) {
        bytes[size++] = (char)(0xc0 | character >> 6);
    } else if (character < 0x10000) {
        bytes[size++] = (char)(0xe0 | character >> 12);
        bytes[size++] = (char)(0x80 | (character >> 6 & 0x3f));
    } else {
        bytes[size++] = (char)(0xf0 | character >> 18);
        bytes[size++] = (char)(0x80 | (character >> 12 & 0x3f));
        bytes[size++] = (char)(0x80 | (character >> 6 & 0x3f));
    }
    if (character >= 0x80)
        bytes[size++] = (char)(0x80 | (character & 0x3f));
    base_text_add(text, bytes, size);
}

void base_text_format_list(struct text *text, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length > 0 && reserve(text, (size_t)length + 1)) {
        vsnprintf(text->bytes + text->size, (size_t)length + 1, format, again);
        text->size += (size_t)length;
    }
    va_end(again);
}

void base_text_format(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    base_text_format_list(text, format, arguments);
    va_end(arguments);
}

void base_text_cut(struct text *text, size_t size)
{
    if (size >= text->size)
        return;
    while (size > 0 && ((unsigned char)text->bytes[size] & 0xc0) == 0x80)
        size--;
    text->size = size;
}

bool base_text_take(struct text *text, struct spprof_text *result)
{
    bool whole = reserve(text, 1);
    if (whole) {
        text->bytes[text->size] = '\0';
        *result = (struct spprof_text){text->bytes, text->size};
        *text = (struct text){0};
    }
    return whole;
}

void base_text_free(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}

char *base_text_formatted_list(const char *format, va_list arguments)
{
    char *text;
    return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

char *base_text_formatted(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = base_text_formatted_list(format, arguments);
    va_end(arguments);
    return text;
}
