#include "profile/string_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"

void profile_string_table_free(struct string_table *table)
{
    for (uint32_t i = 0; i < table->count; i++)
        free(table->texts[i]);
    free(table->texts);
    base_hash_table_free(&table->by_text);
    *table = (struct string_table){0};
}

uint32_t profile_string_table_add(struct string_table *table, char *text)
{
    CLEANUP_FREE char *owned = text;
    if (text == NULL)
        return UINT32_MAX;
    uint64_t key = base_hash_bytes(text, strlen(text));
    size_t cursor = 0;
    for (const struct hash_entry *entry; (entry = base_hash_table_next(&table->by_text, key, &cursor)) != NULL;)
        if (strcmp(table->texts[entry->number], text) == 0)
            return (uint32_t)entry->number;
    if (table->count == UINT32_MAX || !ARRAY_RESERVE(table->texts, table->capacity, (size_t)table->count + 1) ||
        !base_hash_table_reserve(&table->by_text))
        return UINT32_MAX;
    base_hash_table_add(&table->by_text, key)->number = table->count;
    table->texts[table->count] = owned;
    owned = NULL;
    return table->count++;
}
