#include "layout/built_in.h"

#include "layout/tables.inc"

enum { TABLE_COUNT = sizeof tables / sizeof *tables };

/* A field without a row would be at offset 0. */
_Static_assert((int)TABLE_FIELD_COUNT == (int)LAYOUT_FIELD_COUNT, "fields.def has changed: make tables.inc again, by generate.py --repository");

const struct built_in *layout_built_in_tables(size_t *count)
{
    *count = TABLE_COUNT;
    return tables;
}

const struct built_in *layout_built_in_find(uint32_t version, bool free_threaded, bool *exact)
{
    const struct built_in *nearest = NULL;
    for (const struct built_in *table = tables; table < tables + TABLE_COUNT; table++) {
        /* A pre-release takes the first table of its own minor version, which begins behind it. */
        if (table->free_threaded != free_threaded || table->since >> 16 > version >> 16)
            continue;
        if (table->since <= version || nearest == NULL || nearest->since >> 16 < table->since >> 16)
            nearest = table;
    }
    *exact = nearest != NULL && nearest->since <= version && version <= nearest->until;
    return nearest;
}

int32_t layout_built_in_offset(const struct built_in *table, enum layout_field field)
{
    return offsets[field][table - tables];
}

void layout_built_in_copy(const struct built_in *table, int32_t offset[LAYOUT_FIELD_COUNT])
{
    for (enum layout_field field = 0; field < LAYOUT_FIELD_COUNT; field++)
        offset[field] = layout_built_in_offset(table, field);
}
