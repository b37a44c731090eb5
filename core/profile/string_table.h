/* Texts that a format refers to by number, each once, in the order in which they came. */
#ifndef SPPROF_PROFILE_STRING_TABLE_H
#define SPPROF_PROFILE_STRING_TABLE_H

#include <stdint.h>

#include "base/hash_table.h"

/* All zero: empty. */
struct string_table {
    char **texts;
    uint32_t count;
    size_t capacity;
    struct hash_table by_text; /* their numbers */
};

/* The number of a text, which is taken over; UINT32_MAX: no memory, or text is NULL. */
uint32_t profile_string_table_add(struct string_table *table, char *text);
void profile_string_table_free(struct string_table *table);

#endif
