#include "layout/sources.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "layout/bounds.h"

void layout_sources_release(struct layout_sources *sources)
{
    if (sources->dwarf != NULL)
        layout_dwarf_offsets_free(sources->dwarf);
    free(sources->dwarf);
}

static int32_t debug_offset(const struct layout_sources *sources, enum layout_field field)
{
    return sources->debug_offsets != NULL ? sources->debug_offsets->offset[field] : LAYOUT_ABSENT;
}

static bool same_group(enum layout_field one, enum layout_field other)
{
    return strcmp(layout_field_group(one), layout_field_group(other)) == 0;
}

/* The fields of a group stand together in fields.def. */
static enum layout_field group_start(enum layout_field field)
{
    while (field > 0 && same_group(field - 1, field))
        field--;
    return field;
}

/*
 * A table's offset where the debug offsets show that the structure is not quite the table's (a patched build, a version newer than the
 * table): a field keeps its distance from the nearest field before it that the debug offsets know.
 */
static int32_t table_offset(const struct layout_sources *sources, const struct built_in *table, enum layout_field field)
{
    int32_t here = layout_built_in_offset(table, field), before = -1, moved = 0;
    if (here == LAYOUT_ABSENT || sources->debug_offsets == NULL)
        return here;
    for (enum layout_field other = group_start(field); other < LAYOUT_FIELD_COUNT && same_group(other, field); other++) {
        int32_t known = debug_offset(sources, other), there = layout_built_in_offset(table, other);
        if (known == LAYOUT_ABSENT || there <= before || there > here)
            continue;
        before = there;
        moved = known - there;
    }
    return here + moved; /* not below 0: moved is at least -there, and there <= here */
}

bool layout_sources_doubt(const struct layout_sources *sources, const struct built_in *table)
{
    for (enum layout_field field = 0; field < LAYOUT_FIELD_COUNT; field++) {
        if (debug_offset(sources, field) == LAYOUT_ABSENT && table_offset(sources, table, field) != layout_built_in_offset(table, field))
            return true;
    }
    return false;
}

struct spprof_error *layout_sources_read_dwarf(struct layout_sources *sources, const struct built_in *table)
{
    if (sources->dwarf != NULL)
        return NULL;
    if (sources->runtime->module == NULL)
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "The file that Python was loaded from is not known.");
    int32_t wanted[LAYOUT_FIELD_COUNT];
    for (enum layout_field field = 0; table != NULL && field < LAYOUT_FIELD_COUNT; field++)
        wanted[field] = layout_built_in_offset(table, field);
    CLEANUP_FREE struct dwarf_offsets *dwarf = malloc(sizeof *dwarf);
    if (dwarf == NULL)
        return spprof_error_no_memory();
    TRY(layout_dwarf_offsets_read(sources->target, sources->runtime->module, table != NULL ? wanted : NULL, dwarf));
    sources->dwarf = dwarf;
    dwarf = NULL;
    return NULL;
}

struct choice {
    int32_t offset;
    enum spprof_layout_source source;
};

static struct choice choose_field(const struct layout_sources *sources, const struct built_in *table, enum layout_field field)
{
    struct choice debug = {debug_offset(sources, field), SPPROF_LAYOUT_DEBUG_OFFSETS};
    struct choice dwarf = {sources->dwarf != NULL ? sources->dwarf->offset[field] : LAYOUT_ABSENT, SPPROF_LAYOUT_DWARF};
    if (sources->dwarf_first && dwarf.offset != LAYOUT_ABSENT)
        return dwarf;
    if (debug.offset != LAYOUT_ABSENT)
        return debug;
    if (dwarf.offset != LAYOUT_ABSENT)
        return dwarf;
    return (struct choice){table_offset(sources, table, field), SPPROF_LAYOUT_BUILT_IN};
}

bool layout_sources_compose(const struct layout_sources *sources, uint32_t version, const struct built_in *table, struct layout *layout,
                            struct refusal *refusal)
{
    bool newer;
    *layout = (struct layout){
        .version = version,
        .free_threaded = table->free_threaded,
        .rules = layout_rules_find(version >> 16, table->free_threaded, &newer),
        .source = sources->dwarf_first             ? SPPROF_LAYOUT_DWARF
                  : sources->debug_offsets != NULL ? SPPROF_LAYOUT_DEBUG_OFFSETS
                                                   : SPPROF_LAYOUT_BUILT_IN,
    };
    for (enum layout_field field = 0; field < LAYOUT_FIELD_COUNT; field++) {
        struct choice choice = choose_field(sources, table, field);
        layout->offset[field] = choice.offset;
        layout->field_source[field] = choice.source;
    }
    /* Only a probe uses this one: from a table that may be wrong about it, it would prove nothing. */
    bool covered = sources->debug_offsets == NULL || (table->since <= version && version <= table->until);
    if (layout->field_source[FIELD_interpreter_runtime] == SPPROF_LAYOUT_BUILT_IN && (!covered || layout_sources_doubt(sources, table)))
        layout->offset[FIELD_interpreter_runtime] = LAYOUT_ABSENT;
    return layout_bounds_hold(layout->offset, refusal->text, sizeof refusal->text);
}

struct disagreement layout_sources_compare(const int32_t *said, const int32_t *other)
{
    struct disagreement disagreement = {0};
    for (enum layout_field field = LAYOUT_FIELD_COUNT; field-- > 0;) {
        if (said[field] == LAYOUT_ABSENT || other[field] == LAYOUT_ABSENT || said[field] == other[field])
            continue;
        disagreement = (struct disagreement){disagreement.count + 1, field, said[field], other[field]};
    }
    return disagreement;
}

/* Whether what stands behind a place in a structure has moved at least as far as what stands before it. */
static bool moved_alike(const int32_t *said, const int32_t *known, enum layout_field one, enum layout_field other)
{
    return known[one] > known[other] ? said[one] - known[one] >= said[other] - known[other] : said[one] - known[one] <= said[other] - known[other];
}

bool layout_sources_look_patched(const int32_t *said, const int32_t *known)
{
    for (enum layout_field field = 0; field < LAYOUT_FIELD_COUNT; field++) {
        if (said[field] == LAYOUT_ABSENT || known[field] == LAYOUT_ABSENT)
            continue;
        for (enum layout_field other = group_start(field); other < field; other++) {
            bool both = said[other] != LAYOUT_ABSENT && known[other] != LAYOUT_ABSENT && known[other] != known[field];
            if (both && !moved_alike(said, known, field, other))
                return false;
        }
    }
    return true;
}
