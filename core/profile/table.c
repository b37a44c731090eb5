/* A profile for people in a hurry, at a terminal: the functions that cost most, the hottest stack, what became of the samples. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "output/color.h"
#include "profile/counts.h"
#include "profile/formats.h"
#include "profile/functions.h"
#include "profile/table_text.h"
#include "profile/text.h"
#include "spprof/report.h"

enum {
    WIDTH_DEFAULT = 100,
    WIDTH_MIN = 60,
    FUNCTIONS_SHOWN = 20,
    FRAMES_SHOWN = 30,   /* of the hottest stack: more are left out in its middle */
    NUMBER_WIDTH = 16,   /* a percentage and a count */
    NUMBERS_WIDTH = 35,  /* two times a percentage and a count, and the blanks behind them */
    MEANING_COLUMN = 34, /* of the table of counts */
};

struct table {
    FILE *stream;
    const struct spprof_profile *profile;
    struct profile_tree tree;
    struct profile_functions functions;
    bool color;
    size_t width;
};

static void table_free(struct table *table)
{
    profile_tree_free(&table->tree);
    profile_functions_free(&table->functions);
}

static void paint(const struct table *table, const char *color)
{
    write_color(table->stream, table->color, color);
}

static void write_heading(const struct table *table, const char *text)
{
    putc('\n', table->stream);
    paint(table, COLOR_BOLD);
    fputs(text, table->stream);
    paint(table, COLOR_END);
    putc('\n', table->stream);
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* "python3 app.py: Python 3.14.2, 10.0 s, 1 thread" */
static struct spprof_error *write_header(const struct table *table)
{
    const struct spprof_profile *profile = table->profile;
    CLEANUP_FREE char *target = profile_text_of_target(profile), *python = profile_text_of_python(profile);
    if (target == NULL || python == NULL)
        return spprof_error_no_memory();
    paint(table, COLOR_BOLD);
    profile_table_text_write_end(table->stream, target, strlen(target), table->width);
    paint(table, COLOR_END);
    fprintf(table->stream, "\n%s%s%" PRIu64 " sample%s of %s%" PRIu32 " thread%s", python, python[0] != '\0' ? ", " : "", profile->samples,
            plural(profile->samples), profile->threads_are_cut ? "more than " : "", profile->thread_count, plural(profile->thread_count));
    if (profile->counts.duration_s > 0)
        fprintf(table->stream, " in %.1f s", profile->counts.duration_s);
    putc('\n', table->stream);
    return NULL;
}

/* "  12.3%     456" */
static void write_number(const struct table *table, uint64_t part)
{
    bool much = 10 * part >= table->profile->samples && part > 0;
    paint(table, much ? COLOR_BOLD : "");
    fprintf(table->stream, "%6.1f%% %8" PRIu64, percent(part, table->profile->samples), part);
    paint(table, much ? COLOR_END : "");
}

/* "Queue.take  /srv/app/jobs.py:80", in as many columns as are left: of the path the middle goes first, of the name the end last. */
static struct spprof_error *write_function_name(const struct table *table, const struct spprof_place *place, size_t width)
{
    CLEANUP_FREE char *name = profile_text(&place->function), *path = profile_text(&place->file);
    if (name == NULL || path == NULL)
        return spprof_error_no_memory();
    char line[16] = "";
    if (place->first_line > 0)
        snprintf(line, sizeof line, ":%" PRId32, place->first_line);
    size_t name_width = profile_table_text_width(name, strlen(name));
    size_t path_min = strlen(line) + 2 + TABLE_PATH_MIN;
    size_t name_room = name_width + path_min <= width ? name_width : width > path_min ? width - path_min : width;
    paint(table, COLOR_BOLD);
    size_t written = profile_table_text_write_end(table->stream, name, strlen(name), name_room);
    paint(table, COLOR_END);
    if (written + path_min > width)
        return NULL;
    fputs("  ", table->stream);
    paint(table, COLOR_MAGENTA);
    profile_table_text_write_path(table->stream, path, strlen(path), width - written - 2 - strlen(line));
    paint(table, COLOR_END);
    fputs(line, table->stream);
    return NULL;
}

static struct spprof_error *write_function(const struct table *table, const struct profile_function *function)
{
    write_number(table, function->self);
    putc(' ', table->stream);
    write_number(table, function->total);
    fputs("  ", table->stream);
    TRY(write_function_name(table, &table->profile->places[function->place], table->width - NUMBERS_WIDTH));
    putc('\n', table->stream);
    return NULL;
}

static int compare_self(const void *left, const void *right)
{
    const struct profile_function *a = left, *b = right;
    if (a->self != b->self)
        return a->self > b->self ? -1 : 1;
    if (a->total != b->total)
        return a->total > b->total ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

static int compare_total(const void *left, const void *right)
{
    const struct profile_function *a = left, *b = right;
    return a->total != b->total ? (a->total > b->total ? -1 : 1) : compare_self(left, right);
}

/* The functions of most self time; behind them those of most total time that are not among them. */
static struct spprof_error *write_functions(const struct table *table)
{
    struct profile_function *functions = table->functions.functions;
    size_t count = table->functions.count, shown = count < FUNCTIONS_SHOWN ? count : FUNCTIONS_SHOWN;
    paint(table, COLOR_BOLD);
    fprintf(table->stream, "\n%16s %16s  %s\n", "Self", "Total", "Function");
    paint(table, COLOR_END);
    qsort(functions, count, sizeof *functions, compare_self);
    while (shown > 0 && functions[shown - 1].self == 0)
        shown--;
    for (size_t i = 0; i < shown; i++)
        TRY(write_function(table, &functions[i]));

    size_t rest = count - shown, callers = rest < FUNCTIONS_SHOWN / 2 ? rest : FUNCTIONS_SHOWN / 2;
    if (callers == 0)
        return NULL;
    qsort(functions + shown, rest, sizeof *functions, compare_total);
    if (shown > 0 && callers > 2)
        fputs("  and of the others, by total:\n", table->stream);
    for (size_t i = 0; i < callers; i++)
        TRY(write_function(table, &functions[shown + i]));
    if (rest > callers)
        fprintf(table->stream, "%*s... %zu more functions\n", NUMBERS_WIDTH, "", rest - callers);
    return NULL;
}

static struct spprof_error *write_thread_name(const struct table *table, uint32_t thread, size_t width)
{
    CLEANUP_FREE char *name = profile_text_of_thread(&table->profile->threads[thread]);
    if (name == NULL)
        return spprof_error_no_memory();
    profile_table_text_write_end(table->stream, name, strlen(name), width);
    return NULL;
}

/* Where threads are kept apart: who the samples belong to. */
static struct spprof_error *write_threads(const struct table *table)
{
    write_heading(table, "Threads");
    for (uint32_t i = 0; i < table->tree.count; i++) {
        const struct profile_tree_node *root = &table->tree.nodes[i];
        if (root->depth > 0)
            continue;
        write_number(table, root->total);
        fputs("  ", table->stream);
        TRY(write_thread_name(table, root->thread, table->width - NUMBER_WIDTH - 2));
        putc('\n', table->stream);
    }
    return NULL;
}

static const struct profile_tree_node *hottest_node(const struct profile_tree *tree)
{
    const struct profile_tree_node *hottest = NULL;
    for (uint32_t i = 0; i < tree->count; i++)
        if (tree->nodes[i].self > 0 && (hottest == NULL || tree->nodes[i].self > hottest->self))
            hottest = &tree->nodes[i];
    return hottest;
}

/* `  File "/srv/app/jobs.py", line 88, in Queue.take` */
static struct spprof_error *write_frame(const struct table *table, const struct spprof_place *place)
{
    CLEANUP_FREE char *name = profile_text(&place->function), *path = profile_text(&place->file);
    if (name == NULL || path == NULL)
        return spprof_error_no_memory();
    char line[16] = "???";
    if (place->line >= 0)
        snprintf(line, sizeof line, "%" PRId32, place->line);
    const char *quote = place->file.bytes != NULL ? "\"" : "";
    size_t fixed = strlen("  File \"\", line , in ") + strlen(line) + profile_table_text_width(name, strlen(name));
    fprintf(table->stream, "  File %s", quote);
    paint(table, COLOR_MAGENTA);
    profile_table_text_write_path(table->stream, path, strlen(path), table->width > fixed ? table->width - fixed : 0);
    paint(table, COLOR_END);
    fprintf(table->stream, "%s, line %s, in ", quote, line);
    paint(table, COLOR_BOLD);
    fputs(name, table->stream);
    paint(table, COLOR_END);
    putc('\n', table->stream);
    return NULL;
}

static struct spprof_error *write_hottest_stack(const struct table *table)
{
    const struct profile_tree_node *nodes = table->tree.nodes, *node = hottest_node(&table->tree);
    if (node == NULL)
        return NULL;
    char heading[80];
    snprintf(heading, sizeof heading, "Hottest stack: %" PRIu64 " sample%s, %.1f%%", node->self, plural(node->self),
             percent(node->self, table->profile->samples));
    write_heading(table, heading);
    if (node->thread != SPPROF_NONE) {
        fputs("  ", table->stream);
        TRY(write_thread_name(table, node->thread, table->width - 2));
        putc('\n', table->stream);
    }
    if (node->depth == 0)
        fputs("  " PROFILE_NO_FRAME "\n", table->stream);
    uint32_t top = FRAMES_SHOWN * 2 / 3, bottom = FRAMES_SHOWN - top, depth = node->depth;
    for (; node->depth > 0; node = &nodes[node->parent]) {
        if (depth <= FRAMES_SHOWN || node->depth > depth - top || node->depth <= bottom)
            TRY(write_frame(table, &table->profile->places[node->place]));
        else if (node->depth == depth - top)
            fprintf(table->stream, "  ... %" PRIu32 " more frames\n", depth - FRAMES_SHOWN);
    }
    return NULL;
}

static void write_count(const struct table *table, const char *name, uint64_t count, uint64_t whole, const char *meaning)
{
    if (count == 0)
        return;
    fprintf(table->stream, "%10" PRIu64 " %5.1f%%  %-14s ", count, percent(count, whole), name);
    profile_table_text_write_end(table->stream, meaning, strlen(meaning), table->width - MEANING_COLUMN);
    putc('\n', table->stream);
}

static void write_drops(const struct table *table, uint64_t looks)
{
    static const char *const meanings[SPPROF_DROP_REASONS] = {
        [SPPROF_DROP_CHANGED] = "dropped: the stack moved while it was read",
        [SPPROF_DROP_BAD_POINTER] = "dropped: a pointer that leads nowhere",
        [SPPROF_DROP_NOT_CODE] = "dropped: a frame names no code object",
        [SPPROF_DROP_BAD_INSTRUCTION] = "dropped: an instruction outside its code",
        [SPPROF_DROP_CYCLE] = "dropped: a stack that runs in a circle",
        [SPPROF_DROP_UNREADABLE] = "dropped: memory that cannot be read",
    };
    uint64_t sum = profile_counts_dropped(&table->profile->counts);
    paint(table, 100 * sum >= looks && sum > 0 ? COLOR_RED : "");
    for (int i = 0; i < SPPROF_DROP_REASONS; i++)
        write_count(table, spprof_drop_names[i], table->profile->counts.dropped[i], looks, meanings[i]);
    paint(table, 100 * sum >= looks && sum > 0 ? COLOR_END : "");
}

/* "       300         frozen         looks at a thread of a frozen cgroup: cgroup /name" */
static void write_held(const struct table *table)
{
    static const char *const meanings[SPPROF_HELD_KINDS] = {
        [SPPROF_HELD_STOPPED] = "looks at a thread that a signal has stopped; SIGCONT lets it go on",
        [SPPROF_HELD_FROZEN] = "looks at a thread of a frozen cgroup",
        [SPPROF_HELD_TRACED] = "looks at a thread that a debugger holds",
        [SPPROF_HELD_UNINTERRUPTIBLE] = "looks at a thread in uninterruptible sleep",
    };
    const struct spprof_sample_counts *counts = &table->profile->counts;
    for (int i = SPPROF_HELD_STOPPED; i < SPPROF_HELD_KINDS; i++) {
        if (counts->held[i] == 0)
            continue;
        bool is_known = (i == SPPROF_HELD_FROZEN || i == SPPROF_HELD_TRACED) && counts->held_by[0] != '\0';
        fprintf(table->stream, "%10" PRIu64 "         %-14s %s%s", counts->held[i], spprof_held_names[i], meanings[i], is_known ? ": " : "");
        if (is_known)
            spprof_write_escaped(table->stream, counts->held_by, strnlen(counts->held_by, sizeof counts->held_by));
        putc('\n', table->stream);
    }
}

static void write_left_over(const struct table *table)
{
    uint64_t count = table->profile->counts.left_over;
    if (count > 0)
        fprintf(table->stream, "%10" PRIu64 "         %-14s thread state%s that no living thread runs, left out; 'spprof bt' shows %s\n", count,
                "left over", plural(count), count == 1 ? "it" : "them");
}

/* Why there is nothing to show, where that is known. */
static void write_no_samples(const struct table *table)
{
    const uint64_t *held = table->profile->counts.held;
    uint64_t sum = 0;
    for (int i = SPPROF_HELD_STOPPED; i < SPPROF_HELD_KINDS; i++)
        sum += held[i];
    fputs(sum > 0 ? "\nNo stack of Python code was read: no thread ran, and some could not, see below.\n" : "\nNo stack of Python code was read.\n",
          table->stream);
}

static void write_counts(const struct table *table)
{
    const struct spprof_sample_counts *counts = &table->profile->counts;
    uint64_t looks = counts->captured + profile_counts_dropped(counts), due = counts->ticks + counts->overruns;
    write_heading(table, "Samples");
    fprintf(table->stream, "%10" PRIu64 " %5.1f%%  captured\n", counts->captured, percent(counts->captured, looks));
    write_count(table, "recovered", counts->recovered, looks, "of them: their newest call changed while they were read");
    bool many = counts->cut_to_caller * 5 > counts->captured;
    write_count(table, "cut to caller", counts->cut_to_caller, looks,
                many ? "of them: without their newest calls, which --stop would show" : "of them: without their newest call");
    write_count(table, "retried", counts->retried, looks, "of them: took more than one try");
    write_drops(table, looks);
    write_held(table);
    write_left_over(table);
    char rate[80] = "";
    if (counts->duration_s > 0)
        snprintf(rate, sizeof rate, "%.1f a second of %.1f asked for", profile_counts_delivered_hz(counts), counts->rate_hz);
    write_count(table, "ticks", counts->ticks, due, rate);
    write_count(table, "overruns", counts->overruns, due, "ticks that could not be in time");
}

static void write_problems(const struct table *table)
{
    const struct spprof_problems *problems = &table->profile->problems;
    if (problems->count > 0)
        write_heading(table, "Problems");
    for (size_t i = 0; i < problems->count; i++) {
        fputs("  ", table->stream);
        spprof_write_escaped(table->stream, problems->texts[i], strlen(problems->texts[i]));
        putc('\n', table->stream);
    }
}

struct spprof_error *profile_write_table(FILE *stream, const struct spprof_profile *profile, const struct spprof_profile_report_options *options)
{
    size_t width = options->width == 0 ? WIDTH_DEFAULT : options->width;
    CLEANUP(table_free)
    struct table table = {
        .stream = stream,
        .profile = profile,
        .color = options->color,
        .width = width < WIDTH_MIN ? WIDTH_MIN : width,
    };
    TRY(profile_tree_make(&table.tree, profile, options->threads));
    TRY(profile_functions_make(&table.functions, profile));
    TRY(profile_functions_count(&table.functions, &table.tree));
    TRY(write_header(&table));
    if (profile->samples > 0) {
        TRY(write_functions(&table));
        if (options->threads)
            TRY(write_threads(&table));
        TRY(write_hottest_stack(&table));
    }
    if (profile->samples == 0)
        write_no_samples(&table);
    write_counts(&table);
    write_problems(&table);
    return NULL;
}
