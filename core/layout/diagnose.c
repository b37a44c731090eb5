#include <inttypes.h>

#include "base/cleanup.h"
#include "layout/diagnosis.h"
#include "layout/probe.h"
#include "layout/sources.h"

static const char *const source_names[] = {
    [SPPROF_LAYOUT_DEBUG_OFFSETS] = "debug offsets",
    [SPPROF_LAYOUT_DWARF] = "debug information",
    [SPPROF_LAYOUT_BUILT_IN] = "built-in table",
};

static void add_missing(struct spprof_diagnosis *diagnosis, const char *subject, struct spprof_error *error)
{
    layout_diagnosis_add(diagnosis, SPPROF_FINDING_MISSING, subject, "%s", error->message);
    spprof_error_free(error);
}

/* Tells how the offsets of one source compare with the layout that is used: each that differs, and how many agree. */
static void compare(const char *source, const int32_t *offsets, const struct layout *layout, struct spprof_diagnosis *diagnosis)
{
    int agree = 0, differ = 0;
    for (enum layout_field field = 0; field < LAYOUT_FIELD_COUNT; field++) {
        if (offsets[field] == LAYOUT_ABSENT || layout->offset[field] == LAYOUT_ABSENT)
            continue;
        if (offsets[field] == layout->offset[field]) {
            agree++;
            continue;
        }
        differ++;
        layout_diagnosis_add(diagnosis, SPPROF_FINDING_CHECK_FAILED, source, "%s.%s is %" PRId32 "; what is used is %" PRId32 ", from the %s",
                             layout_field_group(field), layout_field_name(field), offsets[field], layout->offset[field],
                             source_names[layout->field_source[field]]);
    }
    if (differ == 0)
        layout_diagnosis_add(diagnosis, SPPROF_FINDING_CHECK_PASSED, source, "%d fields, all as in the layout that is used", agree);
    else
        layout_diagnosis_add(diagnosis, SPPROF_FINDING_FACT, source, "%d fields are as in the layout that is used, %d are not", agree, differ);
}

static void diagnose_debug_offsets(const struct layout_sources *sources, const struct layout *layout, struct spprof_diagnosis *diagnosis)
{
    const struct debug_offsets *offsets = sources->debug_offsets;
    if (offsets == NULL)
        return;
    char version[32];
    spprof_version_text(offsets->version, version, sizeof version);
    layout_diagnosis_add(diagnosis, SPPROF_FINDING_FACT, "debug offsets", "of Python %s%s, laid out as in %s", version,
                         offsets->free_threaded ? ", free-threaded" : "", offsets->variant);
    compare("debug offsets", offsets->offset, layout, diagnosis);
}

static void diagnose_table(const struct built_in *table, bool exact, const struct layout *layout, struct spprof_diagnosis *diagnosis)
{
    char since[32], end[32];
    int32_t offsets[LAYOUT_FIELD_COUNT];
    layout_built_in_copy(table, offsets);
    bool is_last = (table->until & 0xffff) == 0xffff;
    spprof_version_text(table->since, since, sizeof since);
    spprof_version_text(table->until + 1, end, sizeof end);
    layout_diagnosis_add(diagnosis, exact ? SPPROF_FINDING_FACT : SPPROF_FINDING_MISSING, "built-in table", "%sof Python %s%s %s%s",
                         exact ? "" : "there is none for this version; the nearest is that ", since, table->free_threaded ? ", free-threaded," : "",
                         is_last ? "and its later patch releases" : "up to the last release before ", is_last ? "" : end);
    compare("built-in table", offsets, layout, diagnosis);
}

static void diagnose_dwarf(struct layout_sources *sources, const struct built_in *table, const struct layout *layout,
                           struct spprof_diagnosis *diagnosis)
{
    struct spprof_error *error = layout_sources_read_dwarf(sources, table);
    if (error != NULL) {
        add_missing(diagnosis, "debug information", error);
        return;
    }
    layout_diagnosis_add(diagnosis, SPPROF_FINDING_FACT, "debug information", "in %s", sources->dwarf->file);
    compare("debug information", sources->dwarf->offset, layout, diagnosis);
}

/* What passed, and what failed beside it: one object proves the layout, another may still be damaged. */
static void diagnose_probe(const struct probe_result *result, const char *name, struct spprof_diagnosis *diagnosis)
{
    static const int kinds[] = {
        [PROBE_NOT_MADE] = SPPROF_FINDING_MISSING,
        [PROBE_PASSED] = SPPROF_FINDING_CHECK_PASSED,
        [PROBE_FAILED] = SPPROF_FINDING_CHECK_FAILED,
    };
    layout_diagnosis_add(diagnosis, kinds[result->outcome], name, "%s", result->text);
    if (result->outcome == PROBE_PASSED && result->failed > 0)
        layout_diagnosis_add(diagnosis, SPPROF_FINDING_CHECK_FAILED, name, "%d object%s before it failed: %s", result->failed,
                             result->failed == 1 ? "" : "s", result->failure);
}

static void diagnose_probes(const struct layout_sources *sources, const struct layout *layout, struct spprof_diagnosis *diagnosis)
{
    struct probes probes;
    layout_probes_make_patiently(sources->target, sources->runtime->address, layout, &probes);
    for (enum probe probe = 0; probe < PROBE_COUNT; probe++)
        diagnose_probe(&probes.results[probe], layout_probe_name(probe), diagnosis);
}

static void read_debug_offsets(struct layout_sources *sources, struct debug_offsets *offsets, struct spprof_diagnosis *diagnosis)
{
    if (!sources->runtime->has_debug_offsets) {
        layout_diagnosis_add(diagnosis, SPPROF_FINDING_MISSING, "debug offsets", "this runtime has none: Python has them from 3.13 on");
        return;
    }
    struct spprof_error *error = layout_debug_offsets_read(sources->target, sources->runtime->address, offsets);
    if (error == NULL)
        sources->debug_offsets = offsets;
    else
        add_missing(diagnosis, "debug offsets", error);
}

/* The table of what was found; where nothing was, of what the target says of itself. NULL: its version is not known. */
static const struct built_in *choose_table(const struct layout_sources *sources, const struct layout *layout, uint32_t *version, bool *exact)
{
    const struct runtime *runtime = sources->runtime;
    bool free_threaded = runtime->free_threaded;
    *version = runtime->version;
    if (sources->debug_offsets != NULL) {
        *version = sources->debug_offsets->version;
        free_threaded = sources->debug_offsets->free_threaded;
    }
    if (layout != NULL) {
        *version = layout->version;
        free_threaded = layout->free_threaded;
    }
    return layout_built_in_find(*version, free_threaded, exact);
}

/* The best that can be put together where no layout was found. */
static void compose(struct layout_sources *sources, uint32_t version, const struct built_in *table, struct layout *layout,
                    struct spprof_diagnosis *diagnosis)
{
    struct refusal refusal;
    if (layout_sources_compose(sources, version, table, layout, &refusal))
        return;
    layout_diagnosis_add(diagnosis, SPPROF_FINDING_CHECK_FAILED, "debug offsets", "%s", refusal.text);
    sources->debug_offsets = NULL;
    layout_sources_compose(sources, version, table, layout, &refusal);
}

void layout_diagnose(struct spprof_target *target, const struct runtime *runtime, const struct layout *layout, struct spprof_diagnosis *diagnosis)
{
    CLEANUP(layout_sources_release) struct layout_sources sources = {.target = target, .runtime = runtime};
    struct debug_offsets debug_offsets;
    struct layout composed;
    uint32_t version;
    bool exact;
    read_debug_offsets(&sources, &debug_offsets, diagnosis);
    const struct built_in *table = choose_table(&sources, layout, &version, &exact);
    if (table == NULL) {
        layout_diagnosis_add(diagnosis, SPPROF_FINDING_MISSING, "built-in table", "the version of this Python is not known, or older than 3.9");
        return;
    }
    if (layout == NULL)
        compose(&sources, version, table, &composed, diagnosis);
    const struct layout *used = layout != NULL ? layout : &composed;
    diagnose_debug_offsets(&sources, used, diagnosis);
    diagnose_table(table, exact, used, diagnosis);
    diagnose_dwarf(&sources, table, used, diagnosis);
    diagnose_probes(&sources, used, diagnosis);
}
