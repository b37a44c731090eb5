#include "layout/layout.h"

#include <stdio.h>

#include "cleanup.h"
#include "layout/probe.h"
#include "layout/sources.h"

enum { OLDEST_VERSION = 0x03090000, VERSION_TEXT_SIZE = 32 };

static const struct field_name {
    const char *group, *name;
} field_names[LAYOUT_FIELD_COUNT] = {
#define FIELD(group, name, debug_offsets_word, members) {#group, #name},
#include "layout/fields.def"
#undef FIELD
};

const char *layout_field_group(enum layout_field field)
{
    return field_names[field].group;
}

const char *layout_field_name(enum layout_field field)
{
    return field_names[field].name;
}

size_t layout_runtime_shapes(struct runtime_shape *shapes, size_t capacity)
{
    size_t table_count, count = 0;
    const struct built_in *tables = built_in_tables(&table_count);
    for (size_t i = 0; i < table_count && count < capacity && tables[i].since < 0x030d0000; i++)
        shapes[count++] = (struct runtime_shape){
            .version = tables[i].since & 0xffff0000,
            .interpreters_head = built_in_offset(&tables[i], FIELD_runtime_interpreters_head),
            .interpreters_main = built_in_offset(&tables[i], FIELD_runtime_interpreters_main),
            .interpreter_runtime = built_in_offset(&tables[i], FIELD_interpreter_runtime),
        };
    return count;
}

/*
 * What is read of a struct reaches up to one of its fields, and `more` bytes further: the others must lie inside, or a field would be
 * taken from behind what was read. Offsets that the target itself tells may say anything.
 */
static const struct inside {
    enum layout_field end;
    int32_t more;
    enum layout_field field;
    int32_t size;
} insides[] = {
#define INSIDE(end, more, field, size) {FIELD_##end, more, FIELD_##field, size}
    INSIDE(object_size, 0, object_type, 8),
    INSIDE(type_basicsize, 8, type_name, 8),
    INSIDE(type_dictoffset, 8, type_basicsize, 8),
    INSIDE(unicode_ascii_size, 0, unicode_length, 8),
    INSIDE(unicode_ascii_size, 0, unicode_state, 4),
    INSIDE(unicode_legacy_data, 8, unicode_length, 8),
    INSIDE(unicode_legacy_data, 8, unicode_wide, 8),
    INSIDE(unicode_legacy_data, 8, unicode_wide_length, 8),
    INSIDE(bytes_data, 0, bytes_size, 8),
    INSIDE(type_size, 0, type_name, 8),
    INSIDE(type_size, 0, type_basicsize, 8),
    INSIDE(type_size, 0, type_itemsize, 8),
    INSIDE(type_size, 0, type_flags, 8),
    INSIDE(type_size, 0, type_base, 8),
    INSIDE(type_size, 0, type_dict, 8),
    INSIDE(type_size, 0, type_mro, 8),
    INSIDE(type_size, 0, type_dictoffset, 8),
    INSIDE(type_size, 0, variable_object_ob_size, 8),
    INSIDE(tuple_items, 0, variable_object_ob_size, 8),
    INSIDE(integer_digits, 0, integer_tag, 8),
    INSIDE(integer_digits, 0, variable_object_ob_size, 8),
    INSIDE(dict_values, 8, dict_keys, 8),
    INSIDE(dict_keys_indices, 0, dict_keys_size, 8),
    INSIDE(dict_keys_indices, 0, dict_keys_log2_size, 1),
    INSIDE(dict_keys_indices, 0, dict_keys_log2_index_bytes, 1),
    INSIDE(dict_keys_indices, 0, dict_keys_kind, 1),
    INSIDE(dict_keys_indices, 0, dict_keys_nentries, 8),
    INSIDE(gil_locked, 4, gil_last_holder, 8),
    INSIDE(gil_locked, 4, gil_enabled, 4),
    INSIDE(stack_chunk_data, 0, stack_chunk_previous, 8),
    INSIDE(stack_chunk_data, 0, stack_chunk_size, 8),
    INSIDE(stack_chunk_data, 0, stack_chunk_top, 8),
    INSIDE(frame_localsplus, 0, frame_previous, 8),
    INSIDE(frame_localsplus, 0, frame_executable, 8),
    INSIDE(frame_localsplus, 0, frame_instruction, 8),
    INSIDE(frame_localsplus, 0, frame_owner, 1),
    INSIDE(frame_localsplus, 0, frame_tlbc_index, 4),
    INSIDE(frame_object_lasti, 4, frame_object_back, 8),
    INSIDE(frame_object_lasti, 4, frame_object_code, 8),
    INSIDE(code_bytecode, 0, object_type, 8),
    INSIDE(code_bytecode, 0, variable_object_ob_size, 8),
    INSIDE(code_bytecode, 0, code_filename, 8),
    INSIDE(code_bytecode, 0, code_name, 8),
    INSIDE(code_bytecode, 0, code_qualname, 8),
    INSIDE(code_bytecode, 0, code_linetable, 8),
    INSIDE(code_bytecode, 0, code_firstlineno, 4),
    INSIDE(code_bytecode, 0, code_firsttraceable, 4),
    INSIDE(code_bytecode, 0, code_framesize, 4),
    INSIDE(code_bytecode, 0, code_tlbc, 8),
    INSIDE(code_bytecode, 0, code_argcount, 4),
    INSIDE(code_bytecode, 0, code_kwonlyargcount, 4),
    INSIDE(code_bytecode, 0, code_flags, 4),
    INSIDE(code_bytecode, 0, code_nlocalsplus, 4),
    INSIDE(code_bytecode, 0, code_stacksize, 4),
    INSIDE(code_bytecode, 0, code_localsplusnames, 8),
    INSIDE(code_bytecode, 0, code_localspluskinds, 8),
#undef INSIDE
};

static const struct inside *find_outside(const struct layout *layout)
{
    for (const struct inside *inside = insides; inside < insides + sizeof insides / sizeof *insides; inside++) {
        int32_t end = layout->offset[inside->end], offset = layout->offset[inside->field];
        if (end != LAYOUT_ABSENT && offset != LAYOUT_ABSENT && offset + inside->size > end + inside->more)
            return inside;
    }
    return NULL;
}

/* Whether the layout is true of the target; completes it with what the probes have learnt. */
static bool probe_layout(struct spprof_target *target, uint64_t runtime, struct layout *layout, struct probes *probes)
{
    const struct inside *outside = find_outside(layout);
    if (outside != NULL) {
        *probes = (struct probes){.results[PROBE_INTERPRETERS].outcome = PROBE_FAILED};
        snprintf(probes->results[PROBE_INTERPRETERS].text, sizeof probes->results[PROBE_INTERPRETERS].text,
                 "%s.%s at %d cannot lie behind %s.%s at %d", layout_field_group(outside->field), layout_field_name(outside->field),
                 layout->offset[outside->field], layout_field_group(outside->end), layout_field_name(outside->end), layout->offset[outside->end]);
        return false;
    }
    probes_make_patiently(target, runtime, layout, probes);
    if (!probes_accept(probes))
        return false;
    if (probes->version != 0) {
        layout->version = probes->version;
        layout->debug = probes->debug;
    }
    return true;
}

static struct spprof_error *explain(const struct runtime *runtime, const struct probes *probes)
{
    char version[VERSION_TEXT_SIZE] = "of unknown version";
    if (runtime->version != 0)
        spprof_version_text(runtime->version, version, sizeof version);
    const char *file = runtime->module != NULL && runtime->module->path[0] != '\0' ? runtime->module->path : "an unknown file";
    if (probes->not_initialized)
        return spprof_error_new(SPPROF_ERROR_NOT_PYTHON,
                                "Python %s in %s has no interpreter: it has not been started yet, or has ended. Try again when it runs.",
                                version, file);
    enum probe failed = probes_failed(probes);
    if (failed == PROBE_COUNT)
        return spprof_error_new(SPPROF_ERROR_UNREADABLE, "Python %s in %s cannot be read: %s.", version, file,
                                probes->results[PROBE_INTERPRETERS].text);
    return spprof_error_new(SPPROF_ERROR_UNSUPPORTED,
                            "Python %s in %s is not laid out in memory as expected (probe \"%s\": %s). It may be a build with changes of "
                            "its own: its debug information, when installed beside it, tells where things are. `spprof doctor` says more.",
                            version, file, probe_name(failed), probes->results[failed].text);
}

static void tell_newer(struct spprof_target *target, uint32_t version)
{
    size_t count;
    const struct built_in *newest = &built_in_tables(&count)[count - 1];
    char text[VERSION_TEXT_SIZE], known[VERSION_TEXT_SIZE];
    spprof_version_text(version, text, sizeof text);
    spprof_version_text(newest->since & 0xffff0000, known, sizeof known);
    spprof_problems_add(&target->problems,
                        "Python %s is newer than this spprof, which knows up to %s: it is read by what it says of itself, and may be "
                        "misread.",
                        text, known);
}

/* Reads the debug information if there is any. That there is none is nothing to tell here: the doctor does. */
static bool try_dwarf(struct sources *sources, const struct built_in *table)
{
    spprof_error_free(sources_read_dwarf(sources, table));
    return sources->dwarf != NULL;
}

/* The table is the one of the version that the debug offsets name. */
static struct spprof_error *find_by_debug_offsets(struct sources *sources, const struct built_in *table, struct layout *layout)
{
    uint32_t version = sources->debug_offsets->version;
    struct probes probes, again;
    if (probe_layout(sources->target, sources->runtime->address, layout, &probes))
        return NULL;
    enum probe failed = probes_failed(&probes);
    if (failed != PROBE_COUNT && !probes.not_initialized && try_dwarf(sources, table)) {
        sources->dwarf_first = true;
        if (sources_compose(sources, version, table, layout) &&
            probe_layout(sources->target, sources->runtime->address, layout, &again)) {
            spprof_problems_add(&sources->target->problems,
                                "The debug offsets of this Python are wrong (%s); its debug information is used instead.",
                                probes.results[failed].text);
            return NULL;
        }
    }
    return explain(sources->runtime, &probes);
}

/* Composes the layout from the debug offsets, completed from the table or, where that is doubtful, from the debug information. */
static struct spprof_error *read_debug_offsets(struct sources *sources, struct debug_offsets *offsets, const struct built_in **table,
                                               struct layout *layout)
{
    bool exact, newer;
    TRY(debug_offsets_read(sources->target, sources->runtime->address, offsets));
    sources->debug_offsets = offsets;
    *table = built_in_find(offsets->version, offsets->free_threaded, &exact);
    if (layout_rules_find(offsets->version >> 16, offsets->free_threaded, &newer) != NULL && newer)
        tell_newer(sources->target, offsets->version);
    if (!exact || sources_doubt(sources, *table))
        try_dwarf(sources, *table);
    if (sources_compose(sources, offsets->version, *table, layout))
        return NULL;
    sources->debug_offsets = NULL;
    return spprof_error_new(SPPROF_ERROR_UNSUPPORTED, "The debug offsets of this Python contradict what is known of its version.");
}

/* Whether a table is to be tried for what is known of the version: first those that fit, then, where it is a guess, the others. */
static bool is_candidate(const struct built_in *table, const struct runtime *runtime, bool fitting)
{
    bool guess = (runtime->version & 0xffff) == 0, exact;
    bool fits = guess ? table->since >> 16 == runtime->version >> 16
                      : built_in_find(runtime->version, table->free_threaded, &exact) == table;
    return fitting ? fits : guess && !fits;
}

/* The probes have told the patch level and the build, which may have a table of their own. */
static void refine(const struct sources *sources, const struct probes *probes, struct layout *layout)
{
    bool exact;
    const struct built_in *table = built_in_find(probes->version, probes->free_threaded, &exact);
    if (probes->version == 0 || table == NULL)
        return;
    struct layout refined;
    if (!sources_compose(sources, probes->version, table, &refined))
        return;
    *layout = refined;
    layout->debug = probes->debug;
}

static int passed(const struct probes *probes)
{
    int count = 0;
    for (enum probe probe = 0; probe < PROBE_COUNT; probe++)
        count += probes->results[probe].outcome == PROBE_PASSED;
    return count;
}

/*
 * Tries one table after the other until one passes every probe; else takes the first of those that pass most. False: none is accepted;
 * *refusal is what was found wrong with the first of all, which is the best guess.
 */
static bool find_among(const struct sources *sources, bool fitting, struct layout *layout, struct probes *refusal, bool *refused)
{
    size_t count;
    int best = 0;
    uint32_t known = sources->runtime->version;
    const struct built_in *tables = built_in_tables(&count);
    for (size_t i = 0; i < count && best < PROBE_COUNT; i++) {
        if (!is_candidate(&tables[i], sources->runtime, fitting))
            continue;
        struct layout candidate;
        struct probes probes;
        uint32_t version = (known & 0xffff) != 0 ? known : tables[i].since & 0xffff0000;
        if (!sources_compose(sources, version, &tables[i], &candidate))
            continue;
        if (probe_layout(sources->target, sources->runtime->address, &candidate, &probes)) {
            if (passed(&probes) > best) {
                best = passed(&probes);
                refine(sources, &probes, &candidate);
                *layout = candidate;
            }
        } else if (!*refused) {
            *refusal = probes;
            *refused = true;
        }
    }
    return best > 0;
}

static bool find_in_turn(const struct sources *sources, struct layout *layout, struct probes *refusal, bool *refused)
{
    return find_among(sources, true, layout, refusal, refused) || find_among(sources, false, layout, refusal, refused);
}

static struct spprof_error *find_by_tables(struct sources *sources, struct layout *layout)
{
    struct probes refusal = {.results[PROBE_INTERPRETERS].text = "its debug information contradicts what is known of its version"};
    bool refused = false;
    if (find_in_turn(sources, layout, &refusal, &refused))
        return NULL;
    if (probes_failed(&refusal) != PROBE_COUNT && !refusal.not_initialized && try_dwarf(sources, NULL)) {
        sources->dwarf_first = true;
        if (find_in_turn(sources, layout, &refusal, &refused))
            return NULL;
    }
    return explain(sources->runtime, &refusal);
}

struct spprof_error *layout_find(struct spprof_target *target, const struct runtime *runtime, struct layout *layout)
{
    char text[VERSION_TEXT_SIZE];
    if (runtime->version != 0 && runtime->version < OLDEST_VERSION) {
        spprof_version_text(runtime->version, text, sizeof text);
        return spprof_error_new(SPPROF_ERROR_UNSUPPORTED, "Python %s is too old: spprof reads 3.9 and later.", text);
    }
    CLEANUP(sources_release) struct sources sources = {.target = target, .runtime = runtime};
    struct debug_offsets debug_offsets;
    const struct built_in *table;
    if (runtime->has_debug_offsets) {
        struct spprof_error *error = read_debug_offsets(&sources, &debug_offsets, &table, layout);
        if (error == NULL)
            return find_by_debug_offsets(&sources, table, layout);
        spprof_problems_add(&target->problems, "%s", error->message);
        spprof_error_free(error);
    }
    return find_by_tables(&sources, layout);
}
