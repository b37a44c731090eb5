/*
 * The processed profile format of the Firefox Profiler, version 60: tables as columns, shared by all threads. The profile keeps no
 * order of samples in time, so each thread's are laid out one after the other, each as long as its weight.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "profile/counts.h"
#include "profile/file_kind.h"
#include "profile/formats.h"
#include "profile/functions.h"
#include "profile/json.h"
#include "profile/string_table.h"
#include "profile/text.h"

enum { PROCESSED_VERSION = 60, GECKO_VERSION = 32 };

struct gecko {
    struct json_writer json;
    const struct spprof_profile *profile;
    struct profile_tree tree;
    struct profile_functions functions;
    struct string_table strings;
    uint32_t *function_names, *function_files; /* strings */
    uint32_t file_count;                       /* strings that are names of files; they come first */
    char *target;
    bool failed; /* no memory */
};

static void gecko_free(struct gecko *gecko)
{
    profile_tree_free(&gecko->tree);
    profile_functions_free(&gecko->functions);
    profile_string_table_free(&gecko->strings);
    free(gecko->function_names);
    free(gecko->function_files);
    free(gecko->target);
}

/* Frames are numbered as places, functions as profile_functions; the last of each stands for no frame. */
static const struct spprof_place *place_of_function(const struct gecko *gecko, uint32_t function)
{
    return &gecko->profile->places[gecko->functions.functions[function].place];
}

static uint32_t string_of(struct gecko *gecko, char *text)
{
    uint32_t number = profile_string_table_add(&gecko->strings, text);
    gecko->failed |= number == UINT32_MAX;
    return number;
}

static struct spprof_error *collect_strings(struct gecko *gecko)
{
    uint32_t count = gecko->functions.count;
    gecko->function_names = malloc(((size_t)count + 1) * sizeof *gecko->function_names);
    gecko->function_files = malloc(((size_t)count + 1) * sizeof *gecko->function_files);
    gecko->target = profile_text_of_target(gecko->profile);
    if (gecko->function_names == NULL || gecko->function_files == NULL || gecko->target == NULL)
        return spprof_error_no_memory();
    for (uint32_t i = 0; i < count; i++)
        gecko->function_files[i] = string_of(gecko, profile_text(&place_of_function(gecko, i)->file));
    gecko->file_count = gecko->strings.count;
    for (uint32_t i = 0; i < count; i++)
        gecko->function_names[i] = string_of(gecko, profile_text(&place_of_function(gecko, i)->function));
    gecko->function_names[count] = string_of(gecko, strdup(PROFILE_NO_FRAME));
    return gecko->failed ? spprof_error_no_memory() : NULL;
}

static void write_category(struct json_writer *json, const char *name, const char *color)
{
    output_json_begin_inline(json, '{');
    profile_json_string(json, "name", name);
    profile_json_string(json, "color", color);
    profile_json_begin(json, "subcategories", '[');
    output_json_string(json, "Other");
    output_json_end(json, ']');
    output_json_end(json, '}');
}

/* In the order of enum profile_file_kind. */
static void write_categories(struct json_writer *json)
{
    profile_json_begin(json, "categories", '[');
    write_category(json, "Program", "blue");
    write_category(json, "Packages", "orange");
    write_category(json, "Standard library", "grey");
    output_json_end(json, ']');
}

static void write_entry(struct json_writer *json, const char *label, uint64_t value)
{
    output_json_begin_inline(json, '{');
    profile_json_string(json, "label", label);
    profile_json_string(json, "format", "integer");
    profile_json_unsigned(json, "value", value);
    output_json_end(json, '}');
}

static void write_counts(struct json_writer *json, const struct spprof_sample_counts *counts)
{
    profile_json_begin(json, "extra", '[');
    output_json_begin(json, '{');
    profile_json_string(json, "label", "Samples");
    profile_json_begin(json, "entries", '[');
    write_entry(json, "captured", counts->captured);
    write_entry(json, "recovered", counts->recovered);
    write_entry(json, "cut to caller", counts->cut_to_caller);
    write_entry(json, "retried", counts->retried);
    for (int i = 0; i < SPPROF_DROP_REASONS; i++) {
        char label[32];
        snprintf(label, sizeof label, "dropped: %s", spprof_drop_names[i]);
        write_entry(json, label, counts->dropped[i]);
    }
    write_entry(json, "ticks", counts->ticks);
    write_entry(json, "overruns", counts->overruns);
    output_json_end(json, ']');
    output_json_end(json, '}');
    output_json_end(json, ']');
}

static uint64_t period_us(const struct gecko *gecko)
{
    uint64_t period = (profile_counts_period_ns(&gecko->profile->counts) + 500) / 1000;
    return period != 0 ? period : 1000;
}

static void write_meta(struct gecko *gecko)
{
    struct json_writer *json = &gecko->json;
    const struct spprof_profile *profile = gecko->profile;
    profile_json_begin(json, "meta", '{');
    profile_json_unsigned(json, "version", GECKO_VERSION);
    profile_json_unsigned(json, "preprocessedProfileVersion", PROCESSED_VERSION);
    profile_json_string(json, "product", gecko->target);
    profile_json_string(json, "importedFrom", "spprof");
    output_json_key(json, "interval");
    output_json_thousandths(json, period_us(gecko));
    output_json_key(json, "startTime");
    output_json_thousandths(json, profile->started_at > 0 ? (uint64_t)profile->started_at / 1000 : 0);
    profile_json_unsigned(json, "processType", 0);
    profile_json_unsigned(json, "stackwalk", 1);
    profile_json_bool(json, "debug", profile->python.debug);
    profile_json_bool(json, "symbolicated", true);
    profile_json_bool(json, "symbolicationNotSupported", true);
    profile_json_bool(json, "usesOnlyOneStackType", true);
    profile_json_bool(json, "sourceCodeIsNotOnSearchfox", true);
    output_json_key(json, "misc");
    gecko->failed |= !profile_json_text(json, profile_text_of_python(profile));
    write_categories(json);
    profile_json_begin_inline(json, "markerSchema", '[');
    output_json_end(json, ']');
    write_counts(json, &profile->counts);
    output_json_end(json, '}');
}

/* A table is an object of columns of one length. */
static void end_table(struct json_writer *json, uint32_t length)
{
    profile_json_unsigned(json, "length", length);
    output_json_end(json, '}');
}

#define WRITE_COLUMN(json, name, row, length, write)                                                                                                 \
    do {                                                                                                                                             \
        profile_json_begin_inline((json), (name), '[');                                                                                              \
        for (uint32_t row = 0; row < (length); row++)                                                                                                \
            write;                                                                                                                                   \
        output_json_end((json), ']');                                                                                                                \
    } while (0)

static void number_or_null(struct json_writer *json, bool known, uint64_t value)
{
    if (known)
        output_json_unsigned(json, value);
    else
        output_json_null(json);
}

/* A stack for each node of the tree, numbered alike; that of a root is the one without frames, and nobody's caller. */
static void write_stacks(struct gecko *gecko)
{
    struct json_writer *json = &gecko->json;
    const struct profile_tree_node *nodes = gecko->tree.nodes;
    uint32_t length = gecko->tree.count, no_frame = gecko->profile->place_count;
    profile_json_begin(json, "stackTable", '{');
    WRITE_COLUMN(json, "frame", i, length, output_json_unsigned(json, nodes[i].depth > 0 ? nodes[i].place : no_frame));
    WRITE_COLUMN(json, "prefix", i, length, number_or_null(json, nodes[i].depth > 1, nodes[i].parent));
    end_table(json, length);
}

static void write_line(struct gecko *gecko, uint32_t frame)
{
    bool known = frame < gecko->profile->place_count && gecko->profile->places[frame].line > 0;
    number_or_null(&gecko->json, known, known ? (uint64_t)gecko->profile->places[frame].line : 0);
}

static void write_frames(struct gecko *gecko)
{
    struct json_writer *json = &gecko->json;
    const struct spprof_profile *profile = gecko->profile;
    uint32_t count = profile->place_count, length = count + 1;
    profile_json_begin(json, "frameTable", '{');
    WRITE_COLUMN(json, "address", i, length, output_json_integer(json, -1));
    WRITE_COLUMN(json, "inlineDepth", i, length, output_json_unsigned(json, 0));
    WRITE_COLUMN(json, "category", i, length, output_json_unsigned(json, i < count ? profile_file_kind(&profile->places[i].file) : FILE_LIBRARY));
    WRITE_COLUMN(json, "subcategory", i, length, output_json_unsigned(json, 0));
    WRITE_COLUMN(json, "func", i, length, output_json_unsigned(json, i < count ? gecko->functions.of_place[i] : gecko->functions.count));
    WRITE_COLUMN(json, "nativeSymbol", i, length, output_json_null(json));
    WRITE_COLUMN(json, "innerWindowID", i, length, output_json_null(json));
    WRITE_COLUMN(json, "line", i, length, write_line(gecko, i));
    WRITE_COLUMN(json, "column", i, length, output_json_null(json));
    end_table(json, length);
}

static void write_first_line(struct gecko *gecko, uint32_t function)
{
    bool known = function < gecko->functions.count && place_of_function(gecko, function)->first_line > 0;
    number_or_null(&gecko->json, known, known ? (uint64_t)place_of_function(gecko, function)->first_line : 0);
}

/* Files are sources, numbered as the strings of their names. */
static void write_functions(struct gecko *gecko)
{
    struct json_writer *json = &gecko->json;
    uint32_t length = gecko->functions.count + 1;
    profile_json_begin(json, "funcTable", '{');
    WRITE_COLUMN(json, "name", i, length, output_json_unsigned(json, gecko->function_names[i]));
    WRITE_COLUMN(json, "isJS", i, length, output_json_bool(json, false));
    WRITE_COLUMN(json, "relevantForJS", i, length, output_json_bool(json, false));
    WRITE_COLUMN(json, "resource", i, length, output_json_integer(json, -1));
    WRITE_COLUMN(json, "source", i, length, number_or_null(json, i < gecko->functions.count, gecko->function_files[i]));
    WRITE_COLUMN(json, "lineNumber", i, length, write_first_line(gecko, i));
    WRITE_COLUMN(json, "columnNumber", i, length, output_json_null(json));
    end_table(json, length);
}

static void write_empty_table(struct json_writer *json, const char *name, const char *const columns[], size_t count)
{
    profile_json_begin(json, name, '{');
    for (size_t i = 0; i < count; i++) {
        profile_json_begin_inline(json, columns[i], '[');
        output_json_end(json, ']');
    }
    end_table(json, 0);
}

static void write_shared(struct gecko *gecko)
{
    static const char *const resource_columns[] = {"lib", "name", "host", "type"};
    static const char *const symbol_columns[] = {"libIndex", "address", "name", "functionSize"};
    struct json_writer *json = &gecko->json;
    profile_json_begin(json, "shared", '{');
    write_stacks(gecko);
    write_frames(gecko);
    write_functions(gecko);
    write_empty_table(json, "resourceTable", resource_columns, 4);
    write_empty_table(json, "nativeSymbols", symbol_columns, 4);
    profile_json_begin(json, "sources", '{');
    WRITE_COLUMN(json, "uuid", i, gecko->file_count, output_json_null(json));
    WRITE_COLUMN(json, "filename", i, gecko->file_count, output_json_unsigned(json, i));
    end_table(json, gecko->file_count);
    profile_json_begin(json, "stringArray", '[');
    for (uint32_t i = 0; i < gecko->strings.count; i++)
        output_json_string(json, gecko->strings.texts[i]);
    output_json_end(json, ']');
    output_json_end(json, '}');
}

/* The nodes from a root to before the next. */
static void write_samples(struct gecko *gecko, uint32_t first, uint32_t end)
{
    struct json_writer *json = &gecko->json;
    const struct profile_tree_node *nodes = gecko->tree.nodes;
    uint64_t time = 0;
    uint32_t length = 0;
    profile_json_begin(json, "samples", '{');
    profile_json_string(json, "weightType", "samples");
    profile_json_begin_inline(json, "stack", '[');
    for (uint32_t i = first; i < end; i++)
        if (nodes[i].self > 0)
            output_json_unsigned(json, i);
    output_json_end(json, ']');
    profile_json_begin_inline(json, "weight", '[');
    for (uint32_t i = first; i < end; i++)
        if (nodes[i].self > 0)
            output_json_unsigned(json, nodes[i].self);
    output_json_end(json, ']');
    profile_json_begin_inline(json, "time", '[');
    for (uint32_t i = first; i < end; time += nodes[i].self * period_us(gecko), i++)
        if (nodes[i].self > 0) {
            output_json_thousandths(json, time);
            length++;
        }
    output_json_end(json, ']');
    end_table(json, length);
}

static void write_thread_name(struct gecko *gecko, const struct spprof_profile_thread *thread)
{
    struct json_writer *json = &gecko->json;
    output_json_key(json, "name");
    if (thread == NULL)
        output_json_string(json, "All threads");
    else if (thread->name.bytes != NULL)
        gecko->failed |= !profile_json_text(json, profile_text(&thread->name));
    else
        gecko->failed |= !profile_json_text(json, profile_text_of_thread(thread));
}

/* thread NULL: all of them. */
static void write_thread(struct gecko *gecko, const struct spprof_profile_thread *thread, uint32_t first, uint32_t end)
{
    static const char *const marker_columns[] = {"data", "name", "startTime", "endTime", "phase", "category"};
    struct json_writer *json = &gecko->json;
    char pid[24];
    snprintf(pid, sizeof pid, "%" PRId64, gecko->profile->pid);
    output_json_begin(json, '{');
    write_thread_name(gecko, thread);
    profile_json_bool(json, "isMainThread", thread == NULL || thread->main);
    profile_json_string(json, "processType", "default");
    profile_json_string(json, "processName", gecko->target);
    profile_json_string(json, "pid", pid);
    output_json_key(json, "tid");
    output_json_integer(json, thread != NULL ? thread->tid : gecko->profile->pid);
    profile_json_unsigned(json, "processStartupTime", 0);
    output_json_key(json, "processShutdownTime");
    output_json_null(json);
    profile_json_unsigned(json, "registerTime", 0);
    output_json_key(json, "unregisterTime");
    output_json_null(json);
    profile_json_begin_inline(json, "pausedRanges", '[');
    output_json_end(json, ']');
    write_samples(gecko, first, end);
    write_empty_table(json, "markers", marker_columns, 6);
    output_json_end(json, '}');
}

static void write_threads(struct gecko *gecko)
{
    const struct profile_tree *tree = &gecko->tree;
    profile_json_begin(&gecko->json, "threads", '[');
    if (tree->count == 0)
        write_thread(gecko, NULL, 0, 0);
    for (uint32_t first = 0, end; first < tree->count; first = end) {
        uint32_t thread = tree->nodes[first].thread;
        for (end = first + 1; end < tree->count && tree->nodes[end].depth > 0;)
            end++;
        write_thread(gecko, thread != SPPROF_NONE ? &gecko->profile->threads[thread] : NULL, first, end);
    }
    output_json_end(&gecko->json, ']');
}

struct spprof_error *profile_write_gecko(FILE *stream, const struct spprof_profile *profile, const struct spprof_profile_report_options *options)
{
    CLEANUP(gecko_free) struct gecko gecko = {.json = {.stream = stream, .first = true}, .profile = profile};
    TRY(profile_tree_make(&gecko.tree, profile, options->threads));
    TRY(profile_functions_make(&gecko.functions, profile));
    TRY(collect_strings(&gecko));
    output_json_begin(&gecko.json, '{');
    write_meta(&gecko);
    profile_json_begin_inline(&gecko.json, "libs", '[');
    output_json_end(&gecko.json, ']');
    write_shared(&gecko);
    write_threads(&gecko);
    output_json_end(&gecko.json, '}');
    return gecko.failed ? spprof_error_no_memory() : NULL;
}
