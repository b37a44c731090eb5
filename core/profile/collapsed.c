/* A line for each stack that samples ended in: "root;caller;leaf count", what flame graph tools read. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "profile/formats.h"
#include "profile/text.h"

struct collapsed {
    FILE *stream;
    char **places;  /* of the profile, as text; made when first needed */
    char **threads; /* NULL: not shown */
    uint32_t place_count, thread_count;
};

static void collapsed_free(struct collapsed *collapsed)
{
    for (uint32_t i = 0; collapsed->places != NULL && i < collapsed->place_count; i++)
        free(collapsed->places[i]);
    for (uint32_t i = 0; collapsed->threads != NULL && i < collapsed->thread_count; i++)
        free(collapsed->threads[i]);
    free(collapsed->places);
    free(collapsed->threads);
}

/* Text has no line break left; the semicolon, which separates, becomes a comma. */
static char *without_separator(char *text)
{
    for (char *at = text; at != NULL && *at != '\0'; at++)
        if (*at == ';')
            *at = ',';
    return text;
}

static bool make_texts(struct collapsed *collapsed, const struct spprof_profile *profile, bool threads)
{
    collapsed->places = calloc((size_t)profile->place_count + 1, sizeof *collapsed->places);
    collapsed->threads = threads ? calloc((size_t)profile->thread_count + 1, sizeof *collapsed->threads) : NULL;
    bool made = collapsed->places != NULL && (collapsed->threads != NULL || !threads);
    for (; made && collapsed->place_count < profile->place_count; collapsed->place_count++) {
        char *text = without_separator(profile_text_of_place(&profile->places[collapsed->place_count]));
        collapsed->places[collapsed->place_count] = text;
        made = text != NULL;
    }
    for (; made && threads && collapsed->thread_count < profile->thread_count; collapsed->thread_count++) {
        char *text = without_separator(profile_text_of_thread(&profile->threads[collapsed->thread_count]));
        collapsed->threads[collapsed->thread_count] = text;
        made = text != NULL;
    }
    return made;
}

/* path: the places from depth 1 on. */
static void write_stack(const struct collapsed *collapsed, const struct profile_tree_node *node, const uint32_t *path)
{
    const char *separator = "";
    if (collapsed->threads != NULL) {
        fputs(collapsed->threads[node->thread], collapsed->stream);
        separator = ";";
    }
    for (uint32_t depth = 1; depth <= node->depth; depth++) {
        fputs(separator, collapsed->stream);
        fputs(collapsed->places[path[depth]], collapsed->stream);
        separator = ";";
    }
    if (node->depth == 0)
        fprintf(collapsed->stream, "%s" PROFILE_NO_FRAME, separator);
    fprintf(collapsed->stream, " %" PRIu64 "\n", node->self);
}

struct spprof_error *profile_write_collapsed(FILE *stream, const struct spprof_profile *profile, const struct spprof_profile_report_options *options)
{
    CLEANUP(collapsed_free) struct collapsed collapsed = {.stream = stream};
    CLEANUP(profile_tree_free) struct profile_tree tree;
    TRY(profile_tree_make(&tree, profile, options->threads));
    CLEANUP_FREE uint32_t *path = malloc(((size_t)tree.max_depth + 1) * sizeof *path);
    if (path == NULL || !make_texts(&collapsed, profile, options->threads))
        return spprof_error_no_memory();
    for (uint32_t i = 0; i < tree.count; i++) {
        path[tree.nodes[i].depth] = tree.nodes[i].place;
        if (tree.nodes[i].self > 0)
            write_stack(&collapsed, &tree.nodes[i], path);
    }
    return NULL;
}
