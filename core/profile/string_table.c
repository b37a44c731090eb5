#include "profile/string_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

void string_table_free(struct string_table *table)
{
    for (uint32_t i = 0; i < table->count; i++)
        free(table->texts[i]);
    free(table->texts);
    hash_index_free(&table->by_text);
    *table = (struct string_table){0};
}

static bool reserve(struct string_table *table)
{
    if (table->count < table->capacity)
        return true;
    uint32_t capacity = table->capacity == 0 ? 64 : table->capacity * 2;
    char **texts = capacity == 0 ? NULL : reallocarray(table->texts, capacity, sizeof *texts);
    if (texts == NULL)
        return false;
    table->texts = texts;
    table->capacity = capacity;
    return true;
}

uint32_t string_table_add(struct string_table *table, char *text)
{
    CLEANUP_FREE char *owned = text;
    if (text == NULL)
        return UINT32_MAX;
    if (table->seed == 0)
        table->seed = hash_seed();
    uint32_t hash = hash_fold(hash_bytes(table->seed, text, strlen(text)));
    uint64_t cursor = hash;
    for (struct hash_slot *slot; (slot = hash_index_next(&table->by_text, hash, &cursor)) != NULL;)
        if (strcmp(table->texts[slot->number], text) == 0)
            return slot->number;
    if (!reserve(table) || !hash_index_reserve(&table->by_text))
        return UINT32_MAX;
    hash_index_add(&table->by_text, hash, table->count);
    table->texts[table->count] = owned;
    owned = NULL;
    return table->count++;
}
