/* A flame graph in one self-contained page: the page's sources as they were built in, with the profile as JSON between them. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "flamegraph_page.inc" /* page_html, page_css, page_js; made from core/profile/flamegraph by the build */
#include "profile/counts.h"
#include "profile/file_kind.h"
#include "profile/formats.h"
#include "profile/functions.h"
#include "profile/json.h"
#include "profile/string_table.h"
#include "profile/text.h"

struct page {
    struct json_writer json;
    const struct spprof_profile *profile;
    const struct spprof_profile_report_options *options;
    struct profile_tree tree;
    struct profile_functions functions;
    struct string_table files;
    uint32_t *kinds; /* of the files */
    bool failed;     /* no memory */
};

static void page_free(struct page *page)
{
    profile_tree_free(&page->tree);
    profile_functions_free(&page->functions);
    profile_string_table_free(&page->files);
    free(page->kinds);
}

static const struct spprof_place *place_of_function(const struct page *page, uint32_t function)
{
    return &page->profile->places[page->functions.functions[function].place];
}

static void write_text(struct page *page, const char *key, char *text)
{
    output_json_key(&page->json, key);
    page->failed |= !profile_json_text(&page->json, text);
}

static void write_target(struct page *page)
{
    const struct spprof_profile *profile = page->profile;
    struct json_writer *json = &page->json;
    write_text(page, "target", profile_text_of_target(profile));
    write_text(page, "executable", profile_text_of_bytes(profile->executable));
    write_text(page, "python", profile_text_of_python(profile));
    output_json_key(json, "pid");
    output_json_integer(json, profile->pid);
    output_json_key(json, "started_ms");
    output_json_integer(json, profile->started_at / 1000000);
    profile_json_unsigned(json, "period_ns", profile_counts_period_ns(&profile->counts));
    profile_json_begin(json, "counts", '{');
    profile_counts_write_json(json, &profile->counts);
    output_json_end(json, '}');
}

/* A function is [name, file, first line], a file [path, kind]. */
static void write_functions(struct page *page)
{
    struct json_writer *json = &page->json;
    uint32_t count = page->functions.count;
    page->kinds = malloc(((size_t)count + 1) * sizeof *page->kinds);
    if (page->kinds == NULL) {
        page->failed = true;
        return;
    }
    profile_json_begin(json, "functions", '[');
    for (uint32_t i = 0; i < count && !page->failed; i++) {
        const struct spprof_place *place = place_of_function(page, i);
        uint32_t file = profile_string_table_add(&page->files, profile_text(&place->file));
        page->failed |= file == UINT32_MAX;
        if (page->failed)
            break;
        page->kinds[file] = profile_file_kind(&place->file);
        output_json_begin_inline(json, '[');
        page->failed |= !profile_json_text(json, profile_text(&place->function));
        output_json_unsigned(json, file);
        output_json_integer(json, place->first_line);
        output_json_end(json, ']');
    }
    output_json_end(json, ']');
    profile_json_begin(json, "files", '[');
    for (uint32_t i = 0; i < page->files.count; i++) {
        output_json_begin_inline(json, '[');
        output_json_string(json, page->files.texts[i]);
        output_json_unsigned(json, page->kinds[i]);
        output_json_end(json, ']');
    }
    output_json_end(json, ']');
}

/* The tree in preorder, as columns. place: of a root the thread. */
static void write_nodes(struct page *page)
{
    struct json_writer *json = &page->json;
    const struct profile_tree *tree = &page->tree;
    profile_json_begin_inline(json, "place_function", '[');
    for (uint32_t i = 0; i < page->profile->place_count; i++)
        output_json_unsigned(json, page->functions.of_place[i]);
    output_json_end(json, ']');
    profile_json_begin_inline(json, "place_line", '[');
    for (uint32_t i = 0; i < page->profile->place_count; i++)
        output_json_integer(json, page->profile->places[i].line);
    output_json_end(json, ']');
    profile_json_begin_inline(json, "depth", '[');
    for (uint32_t i = 0; i < tree->count; i++)
        output_json_unsigned(json, tree->nodes[i].depth);
    output_json_end(json, ']');
    profile_json_begin_inline(json, "place", '[');
    for (uint32_t i = 0; i < tree->count; i++)
        output_json_unsigned(json, tree->nodes[i].depth == 0 ? tree->nodes[i].thread : tree->nodes[i].place);
    output_json_end(json, ']');
    profile_json_begin_inline(json, "self", '[');
    for (uint32_t i = 0; i < tree->count; i++)
        output_json_unsigned(json, tree->nodes[i].self);
    output_json_end(json, ']');
}

static void write_data(struct page *page)
{
    struct json_writer *json = &page->json;
    output_json_begin(json, '{');
    write_target(page);
    profile_json_bool(json, "by_threads", page->options->threads);
    profile_json_begin(json, "threads", '[');
    for (uint32_t i = 0; i < page->profile->thread_count; i++)
        page->failed |= !profile_json_text(json, profile_text_of_thread(&page->profile->threads[i]));
    output_json_end(json, ']');
    write_functions(page);
    write_nodes(page);
    output_json_end(json, '}');
}

static void write_bytes(struct page *page, const unsigned char *bytes, size_t size)
{
    fwrite(bytes, 1, size, page->json.stream);
}

/* Writes the page up to a marker, which is left out, and returns what comes behind it. */
static const unsigned char *write_until(struct page *page, const unsigned char *at, const char *marker)
{
    size_t left = (size_t)(page_html + sizeof page_html - at);
    const unsigned char *found = memmem(at, left, marker, strlen(marker));
    write_bytes(page, at, (size_t)(found - at));
    return found + strlen(marker);
}

struct spprof_error *profile_write_html(FILE *stream, const struct spprof_profile *profile, const struct spprof_profile_report_options *options)
{
    CLEANUP(page_free)
    struct page page = {
        .json = {.stream = stream, .first = true, .in_script = true},
        .profile = profile,
        .options = options,
    };
    TRY(profile_tree_make(&page.tree, profile, true)); /* the page itself folds the threads */
    TRY(profile_functions_make(&page.functions, profile));
    const unsigned char *at = write_until(&page, page_html, "{{page.css}}");
    write_bytes(&page, page_css, sizeof page_css);
    at = write_until(&page, at, "{{profile}}");
    write_data(&page);
    at = write_until(&page, at, "{{page.js}}");
    write_bytes(&page, page_js, sizeof page_js);
    write_bytes(&page, at, (size_t)(page_html + sizeof page_html - at));
    return page.failed ? spprof_error_no_memory() : NULL;
}
