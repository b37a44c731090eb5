/* What the formats made of JSON have in common. */
#ifndef SPPROF_PROFILE_JSON_H
#define SPPROF_PROFILE_JSON_H

#include <stdlib.h>

#include "output/json_writer.h"

/* Writes a text that text.h made, and frees it. False: there was no memory to make it, "" is written. */
static inline bool profile_json_text(struct json_writer *json, char *text)
{
    output_json_string(json, text != NULL ? text : "");
    free(text);
    return text != NULL;
}

static inline void profile_json_begin(struct json_writer *json, const char *key, char bracket)
{
    output_json_key(json, key);
    output_json_begin(json, bracket);
}

/* An array or an object on one line. */
static inline void profile_json_begin_inline(struct json_writer *json, const char *key, char bracket)
{
    output_json_key(json, key);
    output_json_begin_inline(json, bracket);
}

static inline void profile_json_string(struct json_writer *json, const char *key, const char *value)
{
    output_json_key(json, key);
    output_json_string(json, value);
}

static inline void profile_json_unsigned(struct json_writer *json, const char *key, uint64_t value)
{
    output_json_key(json, key);
    output_json_unsigned(json, value);
}

static inline void profile_json_bool(struct json_writer *json, const char *key, bool value)
{
    output_json_key(json, key);
    output_json_bool(json, value);
}

#endif
