/*
 * JSON written piece by piece to a stream; nothing is kept but the depth. An own writer, because text of Python may hold lone
 * surrogates: they go out as \udXXX, which json.loads gives back as they were, and which no library writes.
 */
#ifndef SPPROF_OUTPUT_JSON_WRITER_H
#define SPPROF_OUTPUT_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "output/escape.h"

struct json_writer {
    FILE *stream;
    unsigned depth;
    unsigned inline_depth; /* containers open since the one that was begun inline, itself included; 0: one item a line */
    bool first;            /* the container that is open has no item yet */
    bool after_key;        /* the next value belongs to the key just written */
    bool in_script;        /* of an HTML page: '<' in text is written as an escape, so that nothing in it ends the script */
};

/* Begins an object '{' or an array '['; output_json_end takes the matching '}' or ']'. An inline container stands on one line. */
void output_json_begin(struct json_writer *json, char bracket);
void output_json_begin_inline(struct json_writer *json, char bracket);
void output_json_end(struct json_writer *json, char bracket);

/* name is plain ASCII. */
void output_json_key(struct json_writer *json, const char *name);

/* A key that is text of the target. */
void output_json_text_key(struct json_writer *json, const char *bytes, size_t size, enum text_encoding encoding);

void output_json_null(struct json_writer *json);
void output_json_bool(struct json_writer *json, bool value);
void output_json_integer(struct json_writer *json, int64_t value);
void output_json_unsigned(struct json_writer *json, uint64_t value);
void output_json_address(struct json_writer *json, uint64_t address); /* as "0x…" */
void output_json_string(struct json_writer *json, const char *text);  /* text of spprof's own; NULL: null */

/* Text of the target. What is not valid in encoding goes out byte by byte as \udcXX, as Python's "surrogateescape" does. NULL: null. */
void output_json_text(struct json_writer *json, const char *bytes, size_t size, enum text_encoding encoding);

/* value / 1000 with three decimals, in any locale. */
void output_json_thousandths(struct json_writer *json, uint64_t value);

#endif
