#include "layout/layout.h"

#include <inttypes.h>
#include <string.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "layout/probe.h"
#include "layout/sources.h"
#include "target/elf/elf_memory.h"
#include "target/target.h"

enum { OLDEST_VERSION = 0x03090000, VERSION_TEXT_SIZE = 32 };

static const struct field_name {
    const char *group, *name;
} field_names[LAYOUT_FIELD_COUNT] = {
#define FIELD(group, name, width, debug_offsets_word, members) {#group, #name},
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
    const struct built_in *tables = layout_built_in_tables(&table_count);
    for (size_t i = 0; i < table_count && count < capacity && tables[i].since < 0x030d0000; i++)
        shapes[count++] = (struct runtime_shape){
            .version = tables[i].since & 0xffff0000,
            .interpreters_head = layout_built_in_offset(&tables[i], FIELD_runtime_interpreters_head),
            .interpreters_main = layout_built_in_offset(&tables[i], FIELD_runtime_interpreters_main),
            .interpreter_runtime = layout_built_in_offset(&tables[i], FIELD_interpreter_runtime),
        };
    return count;
}

/* One way to put the layout together, and how it fared. */
struct trial {
    struct layout layout;
    struct probes probes;
    struct refusal refusal; /* why it was not even probed; "" where it was */
};

/* No probe failed. */
static bool is_proven(const struct trial *trial)
{
    return trial->refusal.text[0] == '\0' && layout_probes_accept(&trial->probes);
}

/*
 * What proves outweighs what refutes, as long as there are threads to show. Where two sources say the same, or the version is known exactly,
 * that counts as much as a probe: a few damaged objects are likelier then than another layout.
 */
static bool is_likely(const struct trial *trial, bool known)
{
    const struct probe_result *results = trial->probes.results;
    enum probe_outcome interpreters = results[PROBE_INTERPRETERS].outcome, threads = results[PROBE_THREADS].outcome;
    bool led = threads == PROBE_PASSED || (threads == PROBE_NOT_MADE && interpreters == PROBE_PASSED);
    return trial->refusal.text[0] == '\0' && led && layout_probes_weigh(&trial->probes) + known > 0;
}

/* Where PyCode_Type stands; 0: not known. */
static uint64_t find_code_type(struct spprof_target *target, const struct runtime *runtime)
{
    uint64_t address = 0;
    if (runtime->module == NULL || target->ops->find_symbol == NULL)
        return 0;
    struct spprof_error *error = target->ops->find_symbol(target, runtime->module, "PyCode_Type", &address);
    if (error != NULL)
        address = 0;
    spprof_error_free(error);
    return address;
}

static void make_trial(const struct layout_sources *sources, uint32_t version, const struct built_in *table, struct trial *trial)
{
    *trial = (struct trial){0};
    if (!layout_sources_compose(sources, version, table, &trial->layout, &trial->refusal))
        return;
    uint64_t runtime = sources->runtime->address;
    layout_probes_make_patiently(sources->target, runtime, &trial->layout, &trial->probes);
    if (trial->probes.results[PROBE_CODE].outcome == PROBE_FAILED)
        trial->layout.code_type = find_code_type(sources->target, sources->runtime);
    if (trial->layout.code_type != 0) /* its name may have been overwritten */
        layout_probes_make_patiently(sources->target, runtime, &trial->layout, &trial->probes);
    trial->layout.debug = trial->probes.debug;
    if (trial->probes.version != 0)
        trial->layout.version = trial->probes.version;
}

static const char *file_of(const struct runtime *runtime)
{
    return runtime->module != NULL && runtime->module->path[0] != '\0' ? runtime->module->path : "an unknown file";
}

/*
 * struct pyinterpreters (Include/internal/pycore_runtime.h to 3.13, pycore_runtime_structs.h later): behind main stands next_id, how many
 * interpreters there have been, which the end of the last one leaves as it is.
 */
static bool had_interpreter(struct spprof_target *target, const struct runtime *runtime, const struct layout *layout)
{
    int32_t main = LAYOUT(layout, runtime, interpreters_main);
    int64_t count = 0;
    return main != LAYOUT_ABSENT && target_try_read(target, runtime->address + (uint64_t)main + 8, &count, sizeof count) == SPPROF_READ_OK &&
           count > 0 && count < INT32_MAX;
}

static struct spprof_error *explain_absence(struct spprof_target *target, const struct runtime *runtime, const struct layout *layout,
                                            const char *version)
{
    const char *file = file_of(runtime);
    bool ended = had_interpreter(target, runtime, layout), core = target->kind == SPPROF_TARGET_CORE;
    if (ended)
        return spprof_error_new(SPPROF_ERROR_NOT_PYTHON,
                                "Python %s in %s %s ended%s: its program has called Py_FinalizeEx, and there is no Python stack any more. What the "
                                "process %s is C code, which gdb and lldb show.",
                                version, file, core ? "had" : "has", core ? " before the core was written" : "", core ? "did then" : "does now");
    return spprof_error_new(SPPROF_ERROR_NOT_PYTHON, "Python %s in %s has no interpreter: it %s", version, file,
                            core ? "was never started before the core was written." : "has not been started yet. Try again when it runs.");
}

static struct spprof_error *explain(struct spprof_target *target, const struct runtime *runtime, const struct trial *trial)
{
    const struct probes *probes = &trial->probes;
    char version[VERSION_TEXT_SIZE] = "of unknown version";
    if (runtime->version != 0)
        spprof_version_text(runtime->version, version, sizeof version);
    const char *file = file_of(runtime);
    if (probes->not_initialized)
        return explain_absence(target, runtime, &trial->layout, version);
    enum probe failed = layout_probes_failed(probes);
    if (trial->refusal.text[0] == '\0' && failed == PROBE_COUNT)
        return spprof_error_new(SPPROF_ERROR_UNREADABLE, "Python %s in %s cannot be read: %s.", version, file,
                                probes->results[PROBE_INTERPRETERS].text);
    return spprof_error_new(SPPROF_ERROR_UNSUPPORTED,
                            "Python %s in %s is not laid out in memory as expected (probe \"%s\": %s). It may be a build with changes of "
                            "its own: its debug information, when installed beside it, tells where things are. `spprof doctor` says more.",
                            version, file, trial->refusal.text[0] != '\0' ? "bounds" : layout_probe_name(failed),
                            trial->refusal.text[0] != '\0' ? trial->refusal.text : probes->results[failed].text);
}

static void tell_newer(struct spprof_target *target, uint32_t version)
{
    size_t count;
    const struct built_in *newest = &layout_built_in_tables(&count)[count - 1];
    char text[VERSION_TEXT_SIZE], known[VERSION_TEXT_SIZE];
    spprof_version_text(version, text, sizeof text);
    spprof_version_text(newest->since & 0xffff0000, known, sizeof known);
    spprof_problems_add(&target->problems,
                        "Python %s is newer than this spprof, which knows up to %s: it is read by what it says of itself, and may be "
                        "misread.",
                        text, known);
}

static const char *source_name(enum spprof_layout_source source)
{
    switch (source) {
    case SPPROF_LAYOUT_DEBUG_OFFSETS: return "its debug offsets";
    case SPPROF_LAYOUT_DWARF: return "its debug information";
    default: return "what is known of its version";
    }
}

/* Two sources contradict each other: whichever is used, the reader must know. */
static void tell_disagreement(struct spprof_target *target, const struct disagreement *disagreement, const char *who, const char *whom,
                              const struct layout *used)
{
    spprof_problems_add(&target->problems,
                        "%s %s in %zu of the fields that are read (%s.%s at %" PRId32 ", not %" PRId32
                        "): its memory is damaged, or it is a build with changes of its own. It is read by %s, and may be misread.",
                        who, whom, disagreement->count, layout_field_group(disagreement->field), layout_field_name(disagreement->field),
                        disagreement->said, disagreement->other, source_name(used->source));
}

/* Accepted, although a probe failed on every object that was looked at. */
static void tell_doubt(struct spprof_target *target, const struct trial *trial)
{
    const struct probe_result *code = &trial->probes.results[PROBE_CODE];
    if (code->outcome == PROBE_FAILED)
        spprof_problems_add(&target->problems,
                            "no stack of this Python is as expected (%s): its memory is damaged, or it is a build with changes of its own, "
                            "whose debug information, when installed beside it, tells where things are.",
                            code->text);
}

/* Reads the debug information if there is any. That there is none is nothing to tell here: the doctor does. */
static bool try_dwarf(struct layout_sources *sources, const struct built_in *table)
{
    spprof_error_free(layout_sources_read_dwarf(sources, table));
    return sources->dwarf != NULL;
}

/* Whether a table is to be tried for what is known of the version: first those that fit, then, where it is a guess, the others. */
static bool is_candidate(const struct built_in *table, const struct runtime *runtime, bool fitting)
{
    bool guess = (runtime->version & 0xffff) == 0, exact;
    bool fits = guess ? table->since >> 16 == runtime->version >> 16 : layout_built_in_find(runtime->version, table->free_threaded, &exact) == table;
    return fitting ? fits : guess && !fits;
}

/* The probes have told the patch level and the build, which may have a table of their own. */
static void refine(const struct layout_sources *sources, struct trial *trial)
{
    bool exact;
    const struct probes *probes = &trial->probes;
    const struct built_in *table = layout_built_in_find(probes->version, probes->free_threaded, &exact);
    struct layout refined;
    struct refusal refusal;
    if (probes->version == 0 || table == NULL || !layout_sources_compose(sources, probes->version, table, &refined, &refusal))
        return;
    refined.debug = trial->layout.debug;
    refined.code_type = trial->layout.code_type;
    trial->layout = refined;
}

/* What is asked of a trial: that no probe failed, or that those that passed weigh more. */
enum bar { PROVEN, LIKELY };

static bool passes(const struct trial *trial, enum bar bar, bool known)
{
    return bar == PROVEN ? is_proven(trial) : is_likely(trial, known);
}

/*
 * Tries one table after the other and takes the first of those whose probes weigh most. *refusal is what was found wrong with the first of
 * all, which is the best guess.
 */
static bool find_among(const struct layout_sources *sources, bool fitting, enum bar bar, struct trial *best, struct trial *refusal, bool *refused)
{
    size_t count;
    int most = -1;
    uint32_t known = sources->runtime->version;
    bool exact = (known & 0xffff) != 0;
    const struct built_in *tables = layout_built_in_tables(&count);
    for (size_t i = 0; i < count && most < PROBE_COUNT; i++) {
        if (!is_candidate(&tables[i], sources->runtime, fitting))
            continue;
        struct trial trial;
        make_trial(sources, exact ? known : tables[i].since & 0xffff0000, &tables[i], &trial);
        if (passes(&trial, bar, exact)) {
            if (layout_probes_weigh(&trial.probes) > most) {
                most = layout_probes_weigh(&trial.probes);
                *best = trial;
            }
        } else if (!*refused) {
            *refusal = trial;
            *refused = true;
        }
    }
    if (most >= 0)
        refine(sources, best);
    return most >= 0;
}

static bool find_in_turn(const struct layout_sources *sources, enum bar bar, struct trial *best, struct trial *refusal)
{
    bool refused = false;
    return find_among(sources, true, bar, best, refusal, &refused) || find_among(sources, false, bar, best, refusal, &refused);
}

/* Compares the debug information with what is known of the version that was found. */
static void compare_dwarf(struct layout_sources *sources, const struct layout *layout)
{
    bool exact;
    int32_t known[LAYOUT_FIELD_COUNT];
    const struct built_in *table = layout_built_in_find(layout->version, layout->free_threaded, &exact);
    if (!exact || sources->dwarf == NULL)
        return;
    layout_built_in_copy(table, known);
    struct disagreement disagreement = layout_sources_compare(sources->dwarf->offset, known);
    if (disagreement.count > 0)
        tell_disagreement(sources->target, &disagreement, "The debug information of this Python contradicts", "what is known of its version", layout);
}

static struct spprof_error *find_by_tables(struct layout_sources *sources, struct layout *layout)
{
    struct trial best, refusal = {0};
    bool found = find_in_turn(sources, PROVEN, &best, &refusal);
    if (!found && layout_probes_failed(&refusal.probes) != PROBE_COUNT && !refusal.probes.not_initialized && try_dwarf(sources, NULL)) {
        sources->dwarf_first = true;
        found = find_in_turn(sources, PROVEN, &best, &refusal);
        sources->dwarf_first = found;
    }
    if (!found && !refusal.probes.not_initialized && find_in_turn(sources, LIKELY, &best, &refusal)) {
        tell_doubt(sources->target, &best);
        found = true;
    }
    if (!found)
        return explain(sources->target, sources->runtime, &refusal);
    compare_dwarf(sources, &best.layout);
    *layout = best.layout;
    return NULL;
}

/* What the debug offsets are compared with. */
struct witnesses {
    struct disagreement table, dwarf;
    bool has_dwarf;
};

static struct witnesses ask_witnesses(const struct layout_sources *sources, const struct built_in *table, bool exact)
{
    int32_t known[LAYOUT_FIELD_COUNT];
    struct witnesses witnesses = {.has_dwarf = sources->dwarf != NULL};
    layout_built_in_copy(table, known);
    if (exact)
        witnesses.table = layout_sources_compare(sources->debug_offsets->offset, known);
    if (sources->dwarf != NULL)
        witnesses.dwarf = layout_sources_compare(sources->debug_offsets->offset, sources->dwarf->offset);
    return witnesses;
}

static bool contradict(const struct witnesses *witnesses)
{
    return witnesses->table.count > 0 || witnesses->dwarf.count > 0;
}

/* Of the probes that are made by every layout: where an interpreter points back to the runtime is known of tables only. */
static int count_passed(const struct probes *probes)
{
    int count = 0;
    for (enum probe probe = PROBE_THREADS; probe < PROBE_COUNT; probe++)
        count += probes->results[probe].outcome == PROBE_PASSED;
    return count;
}

/* Whether the debug offsets, which the process can write to, are to be believed more than what contradicts them. */
static bool believe_offsets(const struct layout_sources *sources, const struct built_in *table, const struct witnesses *witnesses,
                            const struct trial *told, const struct trial *other)
{
    int32_t known[LAYOUT_FIELD_COUNT];
    if (!is_proven(other) || !is_proven(told))
        return is_proven(told) || (!is_proven(other) && is_likely(told, false));
    if (witnesses->has_dwarf)
        return witnesses->dwarf.count == 0;
    int more = count_passed(&told->probes) - count_passed(&other->probes);
    if (more != 0)
        return more > 0;
    layout_built_in_copy(table, known);
    return layout_sources_look_patched(sources->debug_offsets->offset, known);
}

/* Puts the layout together without the debug offsets. */
static bool try_without_offsets(struct layout_sources *sources, const struct built_in *table, struct trial *other)
{
    const struct debug_offsets *offsets = sources->debug_offsets;
    struct trial refusal = {0};
    bool found = false;
    sources->debug_offsets = NULL;
    if (sources->dwarf != NULL) {
        sources->dwarf_first = true;
        make_trial(sources, sources->version, table, other);
        found = is_proven(other);
        sources->dwarf_first = false;
    }
    if (!found)
        found = find_in_turn(sources, PROVEN, other, &refusal) || find_in_turn(sources, LIKELY, other, &refusal);
    sources->debug_offsets = offsets;
    return found;
}

static void tell_witnesses(struct spprof_target *target, const struct witnesses *witnesses, const struct layout *used)
{
    if (witnesses->dwarf.count > 0)
        tell_disagreement(target, &witnesses->dwarf, "The debug offsets of this Python contradict", "its debug information", used);
    else if (witnesses->table.count > 0)
        tell_disagreement(target, &witnesses->table, "The debug offsets of this Python contradict", "what is known of its version", used);
}

/* The table is the one of the version. What the debug offsets say is believed where nothing contradicts it. */
static struct spprof_error *find_by_debug_offsets(struct layout_sources *sources, const struct built_in *table, bool exact, struct layout *layout)
{
    struct trial told, other;
    make_trial(sources, sources->version, table, &told);
    struct witnesses witnesses = ask_witnesses(sources, table, exact);
    if ((contradict(&witnesses) || (!is_proven(&told) && !told.probes.not_initialized)) && try_dwarf(sources, table))
        witnesses = ask_witnesses(sources, table, exact);
    if (is_proven(&told) && !contradict(&witnesses)) {
        *layout = told.layout;
        return NULL;
    }
    bool stands = (contradict(&witnesses) || !exact || told.refusal.text[0] != '\0') && try_without_offsets(sources, table, &other);
    if (stands && !believe_offsets(sources, table, &witnesses, &told, &other))
        told = other;
    else if (!is_likely(&told, !contradict(&witnesses)))
        return explain(sources->target, sources->runtime, &told);
    tell_witnesses(sources->target, &witnesses, &told.layout);
    tell_doubt(sources->target, &told);
    *layout = told.layout;
    return NULL;
}

/* The tables are those of Linux. On Windows a long has four bytes, on macOS the locks inside of structures are others: both are no ELF. */
static bool has_tables(struct spprof_target *target, const struct runtime *runtime)
{
    const struct elf_reader reader = target_elf_target_reader(target);
    return target->long_size == 8 && (runtime->module == NULL || !target_elf_is_another_format(&reader, runtime->module->start));
}

/* Reads the debug offsets, and the debug information too where the table does not quite fit. */
static struct spprof_error *read_debug_offsets(struct layout_sources *sources, struct debug_offsets *offsets, const struct built_in **table,
                                               bool *exact)
{
    bool newer;
    TRY(layout_debug_offsets_read(sources->target, sources->runtime->address, offsets));
    /* Py_Version is a constant in memory that the process cannot write to. */
    bool sure = sources->runtime->version >> 16 >= 0x030d && sources->runtime->version != offsets->version;
    sources->version = sure ? sources->runtime->version : offsets->version;
    if (sure)
        spprof_problems_add(&sources->target->problems,
                            "The debug offsets of this Python are of the version 0x%08" PRIx32 ", Py_Version is 0x%08" PRIx32
                            ": they are damaged, and may be misread.",
                            offsets->version, sources->runtime->version);
    sources->debug_offsets = offsets;
    *table = layout_built_in_find(sources->version, offsets->free_threaded, exact);
    *exact = *exact && has_tables(sources->target, sources->runtime);
    if (layout_rules_find(sources->version >> 16, offsets->free_threaded, &newer) != NULL && newer)
        tell_newer(sources->target, sources->version);
    if (!*exact || layout_sources_doubt(sources, *table))
        try_dwarf(sources, *table);
    return NULL;
}

/* _PyRuntimeState_SetFinalizing, Include/internal/pycore_runtime.h: the thread state that ends the process. */
bool layout_is_finalizing(struct spprof_target *target, uint64_t runtime, const struct layout *layout)
{
    uint64_t thread_state;
    int32_t offset = LAYOUT(layout, runtime, finalizing);
    return offset != LAYOUT_ABSENT && target_try_read(target, runtime + (uint64_t)offset, &thread_state, sizeof thread_state) == SPPROF_READ_OK &&
           thread_state != 0;
}

/* 3.13 and later have debug offsets: where they are not found, they were overwritten. */
static void tell_missing_offsets(struct spprof_target *target, const struct runtime *runtime)
{
    if (!runtime->has_debug_offsets && runtime->version >> 16 >= 0x030d)
        spprof_problems_add(&target->problems,
                            "The debug offsets of this Python at 0x%" PRIx64 " are damaged: it is read by what is known of its version.",
                            runtime->address);
}

/* By the debug offsets, where they make sense. */
static struct spprof_error *find_by_best(struct layout_sources *sources, struct layout *layout)
{
    struct debug_offsets debug_offsets;
    const struct built_in *table;
    bool exact;
    if (sources->runtime->has_debug_offsets) {
        struct spprof_error *error = read_debug_offsets(sources, &debug_offsets, &table, &exact);
        if (error == NULL)
            return find_by_debug_offsets(sources, table, exact, layout);
        spprof_problems_add(&sources->target->problems, "%s", error->message);
        spprof_error_free(error);
    }
    tell_missing_offsets(sources->target, sources->runtime);
    return find_by_tables(sources, layout);
}

/* What was told of a runtime that is not read after all. */
static void forget_problems(struct spprof_problems *problems, size_t count)
{
    while (problems->count > count)
        free(problems->texts[--problems->count]);
}

struct spprof_error *layout_find(struct spprof_target *target, const struct runtime *runtime, struct layout *layout)
{
    char text[VERSION_TEXT_SIZE];
    if (runtime->version != 0 && runtime->version < OLDEST_VERSION) {
        spprof_version_text(runtime->version, text, sizeof text);
        return spprof_error_new(SPPROF_ERROR_UNSUPPORTED, "Python %s is too old: spprof reads 3.9 and later.", text);
    }
    CLEANUP(layout_sources_release) struct layout_sources sources = {.target = target, .runtime = runtime};
    size_t told = target->problems.count;
    struct spprof_error *error = find_by_best(&sources, layout);
    if (error != NULL)
        forget_problems(&target->problems, told);
    return error;
}
