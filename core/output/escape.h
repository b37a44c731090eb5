/* Text of the target, taken apart one code point at a time so that nothing of it reaches a terminal or a file raw. */
#ifndef SPPROF_OUTPUT_ESCAPE_H
#define SPPROF_OUTPUT_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum text_encoding {
    TEXT_GENERALISED, /* struct spprof_text: UTF-8 in which a lone surrogate is encoded like any other code point */
    TEXT_STRICT,      /* bytes of the kernel: UTF-8 where they happen to be that */
};

/* One code point, or one byte that is part of none. */
struct text_unit {
    uint32_t value;
    unsigned size; /* bytes that it takes; at least 1 */
    bool is_byte;
};

/* The first unit of a text that is not empty. */
struct text_unit output_text_unit_next(const char *bytes, size_t size, enum text_encoding encoding);

bool output_text_unit_is_surrogate(struct text_unit unit);

/* Whether a terminal shows the unit and does nothing else with it. Every code point that is not plain lies below U+10000. */
bool output_text_unit_is_plain(struct text_unit unit);

/* Writes text as spprof_write_escaped does, but ends it with "..." where it takes more than limit columns. */
void output_escape_write_cut(FILE *stream, const char *bytes, size_t size, size_t limit);

#endif
