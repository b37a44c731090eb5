/* The format of pprof: messages of profile.proto one after the other, gzipped. Field numbers are those of that file. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "profile/counts.h"
#include "profile/formats.h"
#include "profile/functions.h"
#include "profile/gzip.h"
#include "profile/protobuf.h"
#include "profile/string_table.h"
#include "profile/text.h"

enum profile_field {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_MAPPING = 3,
    PROFILE_LOCATION = 4,
    PROFILE_FUNCTION = 5,
    PROFILE_STRING_TABLE = 6,
    PROFILE_TIME_NANOS = 9,
    PROFILE_DURATION_NANOS = 10,
    PROFILE_PERIOD_TYPE = 11,
    PROFILE_PERIOD = 12,
    PROFILE_COMMENT = 13,
    PROFILE_DEFAULT_SAMPLE_TYPE = 14,
};
enum { VALUE_TYPE_TYPE = 1, VALUE_TYPE_UNIT = 2 };
enum { SAMPLE_LOCATION_ID = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3 };
enum { LABEL_KEY = 1, LABEL_STRING = 2, LABEL_NUMBER = 3 };
enum { MAPPING_ID = 1, MAPPING_FILENAME = 5, MAPPING_HAS_FUNCTIONS = 7, MAPPING_HAS_INLINE_FRAMES = 10 };
enum { LOCATION_ID = 1, LOCATION_MAPPING_ID = 2, LOCATION_LINE = 4 };
enum { LINE_FUNCTION_ID = 1, LINE_LINE = 2 };
enum { FUNCTION_ID = 1, FUNCTION_NAME = 2, FUNCTION_SYSTEM_NAME = 3, FUNCTION_FILENAME = 4, FUNCTION_START_LINE = 5 };

struct pprof {
    const struct spprof_profile *profile;
    struct profile_functions functions;
    struct profile_tree tree;
    struct string_table strings;
    struct gzip *gzip;
    struct protobuf output, message, part; /* a field of the profile, what is in it, what is in that */
    bool failed;                           /* no memory */
};

static void pprof_free(struct pprof *pprof)
{
    profile_functions_free(&pprof->functions);
    profile_tree_free(&pprof->tree);
    profile_string_table_free(&pprof->strings);
    profile_gzip_free(pprof->gzip);
    profile_protobuf_free(&pprof->output);
    profile_protobuf_free(&pprof->message);
    profile_protobuf_free(&pprof->part);
}

/* Sends what stands in output to the file. */
static void flush(struct pprof *pprof)
{
    profile_gzip_write(pprof->gzip, pprof->output.bytes, pprof->output.size);
    pprof->output.size = 0;
    pprof->failed |= pprof->output.failed;
}

static void write_message(struct pprof *pprof, enum profile_field field)
{
    profile_protobuf_message(&pprof->output, field, &pprof->message);
    flush(pprof);
}

static void write_number(struct pprof *pprof, enum profile_field field, uint64_t value)
{
    profile_protobuf_unsigned(&pprof->output, field, value);
    flush(pprof);
}

/* The number of a text, which is taken over. */
static uint32_t string_of(struct pprof *pprof, char *text)
{
    uint32_t number = profile_string_table_add(&pprof->strings, text);
    pprof->failed |= number == UINT32_MAX;
    return number;
}

static uint32_t constant(struct pprof *pprof, const char *text)
{
    return string_of(pprof, strdup(text));
}

static void write_value_type(struct pprof *pprof, enum profile_field field, const char *type, const char *unit)
{
    profile_protobuf_unsigned(&pprof->message, VALUE_TYPE_TYPE, constant(pprof, type));
    profile_protobuf_unsigned(&pprof->message, VALUE_TYPE_UNIT, constant(pprof, unit));
    write_message(pprof, field);
}

static void write_mapping(struct pprof *pprof)
{
    profile_protobuf_unsigned(&pprof->message, MAPPING_ID, 1);
    profile_protobuf_unsigned(&pprof->message, MAPPING_FILENAME, string_of(pprof, profile_text_of_bytes(pprof->profile->executable)));
    for (unsigned field = MAPPING_HAS_FUNCTIONS; field <= MAPPING_HAS_INLINE_FRAMES; field++)
        profile_protobuf_unsigned(&pprof->message, field, 1); /* functions, file names, line numbers: there is nothing left to look up */
    write_message(pprof, PROFILE_MAPPING);
}

/* Ids begin with 1: functions are numbered as in profile_functions, locations as places. The last of each stands for no frame. */
static void write_function(struct pprof *pprof, uint64_t id, uint32_t name, uint32_t file, int32_t first_line)
{
    profile_protobuf_unsigned(&pprof->message, FUNCTION_ID, id);
    profile_protobuf_unsigned(&pprof->message, FUNCTION_NAME, name);
    profile_protobuf_unsigned(&pprof->message, FUNCTION_SYSTEM_NAME, name);
    profile_protobuf_unsigned(&pprof->message, FUNCTION_FILENAME, file);
    profile_protobuf_unsigned(&pprof->message, FUNCTION_START_LINE, first_line > 0 ? (uint64_t)first_line : 0);
    write_message(pprof, PROFILE_FUNCTION);
}

static void write_functions(struct pprof *pprof)
{
    uint32_t count = pprof->functions.count;
    for (uint32_t i = 0; i < count; i++) {
        const struct spprof_place *place = &pprof->profile->places[pprof->functions.functions[i].place];
        uint32_t name = string_of(pprof, profile_text(&place->function));
        write_function(pprof, i + UINT64_C(1), name, string_of(pprof, profile_text(&place->file)), place->first_line);
    }
    write_function(pprof, count + UINT64_C(1), constant(pprof, PROFILE_NO_FRAME), 0, 0);
}

static void write_location(struct pprof *pprof, uint64_t id, uint64_t function, int32_t line)
{
    profile_protobuf_unsigned(&pprof->part, LINE_FUNCTION_ID, function);
    profile_protobuf_unsigned(&pprof->part, LINE_LINE, line > 0 ? (uint64_t)line : 0);
    profile_protobuf_unsigned(&pprof->message, LOCATION_ID, id);
    profile_protobuf_unsigned(&pprof->message, LOCATION_MAPPING_ID, 1);
    profile_protobuf_message(&pprof->message, LOCATION_LINE, &pprof->part);
    write_message(pprof, PROFILE_LOCATION);
}

static void write_locations(struct pprof *pprof)
{
    uint32_t count = pprof->profile->place_count;
    for (uint32_t i = 0; i < count; i++)
        write_location(pprof, i + UINT64_C(1), pprof->functions.of_place[i] + UINT64_C(1), pprof->profile->places[i].line);
    write_location(pprof, count + UINT64_C(1), pprof->functions.count + UINT64_C(1), 0);
}

static void write_labels(struct pprof *pprof, uint32_t thread, uint32_t thread_name)
{
    profile_protobuf_unsigned(&pprof->part, LABEL_KEY, constant(pprof, "thread"));
    profile_protobuf_unsigned(&pprof->part, LABEL_STRING, thread_name);
    profile_protobuf_message(&pprof->message, SAMPLE_LABEL, &pprof->part);
    int64_t tid = pprof->profile->threads[thread].tid;
    if (tid <= 0)
        return;
    profile_protobuf_unsigned(&pprof->part, LABEL_KEY, constant(pprof, "tid"));
    profile_protobuf_unsigned(&pprof->part, LABEL_NUMBER, (uint64_t)tid);
    profile_protobuf_message(&pprof->message, SAMPLE_LABEL, &pprof->part);
}

/* path: the places from depth 1 on. */
static void write_sample(struct pprof *pprof, const struct profile_tree_node *node, const uint32_t *path, uint32_t thread_name)
{
    for (uint32_t depth = node->depth; depth > 0; depth--)
        profile_protobuf_varint(&pprof->part, path[depth] + UINT64_C(1));
    if (node->depth == 0)
        profile_protobuf_varint(&pprof->part, pprof->profile->place_count + UINT64_C(1));
    profile_protobuf_message(&pprof->message, SAMPLE_LOCATION_ID, &pprof->part);
    profile_protobuf_varint(&pprof->part, node->self);
    profile_protobuf_varint(&pprof->part, node->self * profile_counts_period_ns(&pprof->profile->counts));
    profile_protobuf_message(&pprof->message, SAMPLE_VALUE, &pprof->part);
    write_labels(pprof, node->thread, thread_name);
    write_message(pprof, PROFILE_SAMPLE);
}

static struct spprof_error *write_samples(struct pprof *pprof)
{
    CLEANUP_FREE uint32_t *path = malloc(((size_t)pprof->tree.max_depth + 1) * sizeof *path);
    if (path == NULL)
        return spprof_error_no_memory();
    uint32_t thread_name = 0;
    for (uint32_t i = 0; i < pprof->tree.count; i++) {
        const struct profile_tree_node *node = &pprof->tree.nodes[i];
        if (node->depth == 0)
            thread_name = string_of(pprof, profile_text_of_thread(&pprof->profile->threads[node->thread]));
        path[node->depth] = node->place;
        if (node->self > 0)
            write_sample(pprof, node, path, thread_name);
    }
    return NULL;
}

static void write_comment(struct pprof *pprof, char *text)
{
    if (text == NULL || text[0] != '\0')
        write_number(pprof, PROFILE_COMMENT, string_of(pprof, text));
    else
        free(text);
}

static void write_comments(struct pprof *pprof)
{
    const struct spprof_sample_counts *counts = &pprof->profile->counts;
    write_comment(pprof, profile_text_of_target(pprof->profile));
    write_comment(pprof, profile_text_of_python(pprof->profile));
    char *text;
    int length = asprintf(&text,
                          "spprof: %" PRIu64 " samples captured, %" PRIu64 " recovered, %" PRIu64 " cut to caller, %" PRIu64 " retried, %" PRIu64
                          " dropped; %" PRIu64 " ticks, %" PRIu64 " overruns",
                          counts->captured, counts->recovered, counts->cut_to_caller, counts->retried, profile_counts_dropped(counts), counts->ticks,
                          counts->overruns);
    write_comment(pprof, length < 0 ? NULL : text);
}

static void write_strings(struct pprof *pprof)
{
    for (uint32_t i = 0; i < pprof->strings.count; i++) {
        const char *text = pprof->strings.texts[i];
        profile_protobuf_bytes(&pprof->output, PROFILE_STRING_TABLE, text, strlen(text));
        flush(pprof);
    }
}

struct spprof_error *profile_write_pprof(FILE *stream, const struct spprof_profile *profile, const struct spprof_profile_report_options *options)
{
    (void)options; /* threads are labels, which readers fold or not as they like */
    CLEANUP(pprof_free) struct pprof pprof = {.profile = profile};
    TRY(profile_tree_make(&pprof.tree, profile, true));
    TRY(profile_functions_make(&pprof.functions, profile));
    pprof.gzip = profile_gzip_new(stream);
    if (pprof.gzip == NULL)
        return spprof_error_no_memory();

    constant(&pprof, ""); /* is number 0 by definition */
    write_value_type(&pprof, PROFILE_SAMPLE_TYPE, "samples", "count");
    write_value_type(&pprof, PROFILE_SAMPLE_TYPE, "wall", "nanoseconds");
    write_number(&pprof, PROFILE_DEFAULT_SAMPLE_TYPE, constant(&pprof, "wall"));
    write_value_type(&pprof, PROFILE_PERIOD_TYPE, "wall", "nanoseconds");
    write_number(&pprof, PROFILE_PERIOD, profile_counts_period_ns(&profile->counts));
    write_number(&pprof, PROFILE_TIME_NANOS, profile->started_at > 0 ? (uint64_t)profile->started_at : 0);
    write_number(&pprof, PROFILE_DURATION_NANOS, profile_counts_duration_ns(&profile->counts));
    write_mapping(&pprof);
    write_functions(&pprof);
    write_locations(&pprof);
    TRY(write_samples(&pprof));
    write_comments(&pprof);
    write_strings(&pprof);
    profile_gzip_finish(pprof.gzip);
    return pprof.failed ? spprof_error_no_memory() : NULL;
}
