/* The file format of speedscope: frames once, and stacks as lists of their numbers, root first, each with its time. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "profile/counts.h"
#include "profile/formats.h"
#include "profile/json.h"
#include "profile/text.h"

struct speedscope {
    struct json_writer json;
    const struct spprof_profile *profile;
    const struct profile_tree *tree;
    uint64_t period; /* ns; 1 where it is not known, and samples have no unit */
    const char *unit;
};

/* The frame that stands for no frame comes behind those of the places. */
static uint32_t frame_of(const struct speedscope *speedscope, const struct profile_tree_node *node)
{
    return node->depth == 0 ? speedscope->profile->place_count : node->place;
}

static bool write_frame(struct json_writer *json, const struct spprof_place *place)
{
    output_json_begin_inline(json, '{');
    output_json_key(json, "name");
    bool made = profile_json_text(json, profile_text(&place->function));
    output_json_key(json, "file");
    made &= profile_json_text(json, profile_text(&place->file));
    if (place->line >= 0)
        profile_json_unsigned(json, "line", (uint64_t)place->line);
    output_json_end(json, '}');
    return made;
}

static bool write_frames(struct speedscope *speedscope)
{
    struct json_writer *json = &speedscope->json;
    bool made = true;
    profile_json_begin(json, "shared", '{');
    profile_json_begin(json, "frames", '[');
    for (uint32_t i = 0; made && i < speedscope->profile->place_count; i++)
        made = write_frame(json, &speedscope->profile->places[i]);
    output_json_begin_inline(json, '{');
    profile_json_string(json, "name", PROFILE_NO_FRAME);
    output_json_end(json, '}');
    output_json_end(json, ']');
    output_json_end(json, '}');
    return made;
}

/* The nodes from one root to before the next. */
static bool write_stacks(struct speedscope *speedscope, uint32_t first, uint32_t end)
{
    struct json_writer *json = &speedscope->json;
    CLEANUP_FREE uint32_t *path = malloc(((size_t)speedscope->tree->max_depth + 1) * sizeof *path);
    if (path == NULL)
        return false;
    profile_json_begin(json, "samples", '[');
    for (uint32_t i = first; i < end; i++) {
        const struct profile_tree_node *node = &speedscope->tree->nodes[i];
        path[node->depth] = frame_of(speedscope, node);
        if (node->self == 0)
            continue;
        output_json_begin_inline(json, '[');
        for (uint32_t depth = node->depth == 0 ? 0 : 1; depth <= node->depth; depth++)
            output_json_unsigned(json, path[depth]);
        output_json_end(json, ']');
    }
    output_json_end(json, ']');
    profile_json_begin_inline(json, "weights", '[');
    for (uint32_t i = first; i < end; i++)
        if (speedscope->tree->nodes[i].self > 0)
            output_json_unsigned(json, speedscope->tree->nodes[i].self * speedscope->period);
    output_json_end(json, ']');
    return true;
}

/* name is taken over. total: samples. */
static bool write_profile(struct speedscope *speedscope, char *name, uint32_t first, uint32_t end, uint64_t total)
{
    struct json_writer *json = &speedscope->json;
    output_json_begin(json, '{');
    profile_json_string(json, "type", "sampled");
    output_json_key(json, "name");
    bool made = profile_json_text(json, name);
    profile_json_string(json, "unit", speedscope->unit);
    profile_json_unsigned(json, "startValue", 0);
    profile_json_unsigned(json, "endValue", total * speedscope->period);
    made &= write_stacks(speedscope, first, end);
    output_json_end(json, '}');
    return made;
}

static bool write_profiles(struct speedscope *speedscope)
{
    const struct profile_tree *tree = speedscope->tree;
    const struct spprof_profile *profile = speedscope->profile;
    bool made = true;
    profile_json_begin(&speedscope->json, "profiles", '[');
    if (tree->count == 0)
        made = write_profile(speedscope, profile_text_of_target(profile), 0, 0, 0);
    for (uint32_t first = 0, end; first < tree->count; first = end) {
        const struct profile_tree_node *root = &tree->nodes[first];
        for (end = first + 1; end < tree->count && tree->nodes[end].depth > 0;)
            end++;
        bool folded = root->thread == SPPROF_NONE;
        char *name = folded ? profile_text_of_target(profile) : profile_text_of_thread(&profile->threads[root->thread]);
        made &= write_profile(speedscope, name, first, end, root->total);
    }
    output_json_end(&speedscope->json, ']');
    return made;
}

struct spprof_error *profile_write_speedscope(FILE *stream, const struct spprof_profile *profile, const struct spprof_profile_report_options *options)
{
    CLEANUP(profile_tree_free) struct profile_tree tree;
    TRY(profile_tree_make(&tree, profile, options->threads));
    uint64_t period = profile_counts_period_ns(&profile->counts);
    struct speedscope speedscope = {
        .json = {.stream = stream, .first = true},
        .profile = profile,
        .tree = &tree,
        .period = period != 0 ? period : 1,
        .unit = period != 0 ? "nanoseconds" : "none",
    };
    struct json_writer *json = &speedscope.json;
    output_json_begin(json, '{');
    profile_json_string(json, "$schema", "https://www.speedscope.app/file-format-schema.json");
    profile_json_string(json, "exporter", "spprof");
    output_json_key(json, "name");
    bool made = profile_json_text(json, profile_text_of_target(profile));
    profile_json_unsigned(json, "activeProfileIndex", 0);
    made &= write_frames(&speedscope);
    made &= write_profiles(&speedscope);
    output_json_end(json, '}');
    return made ? NULL : spprof_error_no_memory();
}
