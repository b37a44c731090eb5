/* up, down, list, print, locals: the selected Python frame. The words are those of CPython's own gdb script, which hands know. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "console/console.h"
#include "options/number.h"
#include "output/escape.h"
#include "report/source.h"
#include "snapshot/global.h"

enum { LIST_LINES = 10, LIST_BEFORE = 5, LIST_MAX = 10000, SUMMARY_VARIABLES = 10, SUMMARY_COLUMNS = 40 };

static void write_text(FILE *stream, const struct spprof_text *text)
{
    if (text->bytes != NULL)
        spprof_write_escaped(stream, text->bytes, text->size);
    else
        fputs("???", stream);
}

struct selection {
    const struct spprof_snapshot *snapshot;
    const struct spprof_thread *thread;
    const struct spprof_frame *frame;
};

static struct spprof_error *select_frame(struct spprof_console *console, struct selection *selection)
{
    TRY(console_selection_update(console));
    TRY(console_values(console, console->selection.thread, &selection->snapshot, &selection->thread));
    if (console->selection.depth >= selection->thread->frame_count)
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "Unable to locate python frame: thread %" PRId64 " has no Python frame",
                                selection->thread->tid);
    selection->frame = &selection->thread->frames[console->selection.depth];
    return NULL;
}

/* "(x=1, y=2)", one line that can be taken in at a glance: py-locals has the whole values. */
static void write_arguments(FILE *stream, const struct spprof_frame *frame)
{
    putc('(', stream);
    for (size_t i = 0; i < frame->variable_count; i++) {
        const struct spprof_variable *variable = &frame->variables[i];
        if (i > 0)
            fputs(", ", stream);
        if (i == SUMMARY_VARIABLES) {
            fputs("...", stream);
            break;
        }
        write_text(stream, &variable->name);
        putc('=', stream);
        output_escape_write_cut(stream, variable->value.bytes, variable->value.size, SUMMARY_COLUMNS);
    }
    putc(')', stream);
}

static void write_source(struct spprof_console *console, const struct selection *selection, FILE *stream)
{
    const char *line;
    size_t size;
    struct sources *sources = report_sources_new(selection->snapshot, console->target);
    if (sources != NULL && report_sources_line(sources, selection->frame, &line, &size)) {
        fputs(report_sources_may_differ(sources, selection->frame) == SPPROF_TRUE ? "  " SOURCE_MARK " " : "    ", stream);
        spprof_write_escaped(stream, line, size);
        putc('\n', stream);
    }
    report_sources_free(sources);
}

/* "#1 Frame 0x7f…, for file a.py, line 3, in f (x=1)" */
static void write_summary(struct spprof_console *console, const struct selection *selection, FILE *stream)
{
    const struct spprof_frame *frame = selection->frame;
    fprintf(stream, "#%zu Frame 0x%" PRIx64 ", for file ", console->selection.depth, frame->address);
    write_text(stream, &frame->code->file);
    if (frame->line >= 0)
        fprintf(stream, ", line %s%" PRId32 ", in ", frame->line_about ? "about " : "", frame->line);
    else
        fputs(", line ???, in ", stream);
    write_text(stream, frame->code->qualified_name.bytes != NULL ? &frame->code->qualified_name : &frame->code->name);
    putc(' ', stream);
    write_arguments(stream, frame);
    putc('\n', stream);
    write_source(console, selection, stream);
}

/* Where the debugger's own frame could not be moved along. */
static void tell_apart(const struct spprof_console *console, FILE *stream)
{
    if (console->ops->native_frame != NULL)
        fprintf(stream, "(%s's own frame stays where it is: which C frame runs this one cannot be told for sure)\n", console->ops->debugger_name);
}

static struct spprof_error *move(struct spprof_console *console, const struct words *words, bool older, struct console_output *output)
{
    struct selection selection;
    int64_t count;
    TRY(console_words_number(words, 1, &count));
    TRY(select_frame(console, &selection));
    size_t last = selection.thread->frame_count - 1, depth = console->selection.depth;
    if (older && (uint64_t)count > last - depth)
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "Unable to find an older python frame%s%s",
                                selection.thread->truncated != NULL ? "; the stack is cut short: " : "",
                                selection.thread->truncated != NULL ? selection.thread->truncated : "");
    if (!older && (uint64_t)count > depth)
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "Unable to find a newer python frame");
    bool moved = console_selection_move(console, older ? depth + (size_t)count : depth - (size_t)count);
    selection.frame = &selection.thread->frames[console->selection.depth];
    write_summary(console, &selection, output->stream);
    if (!moved)
        tell_apart(console, output->stream);
    return NULL;
}

struct spprof_error *console_up(struct spprof_console *console, struct words *words, struct console_output *output)
{
    return move(console, words, true, output);
}

struct spprof_error *console_down(struct spprof_console *console, struct words *words, struct console_output *output)
{
    return move(console, words, false, output);
}

struct lines {
    int64_t first, last;
};

static struct spprof_error *list_usage(void)
{
    return spprof_error_new(SPPROF_ERROR_USAGE, "list takes a line, or two: START, or START, END");
}

/* "START", "START, END", "START,END", "START END" */
static struct spprof_error *parse_lines(const struct words *words, int32_t current, struct lines *lines)
{
    char text[64] = "";
    lines->first = current > LIST_BEFORE ? current - LIST_BEFORE : 1;
    lines->last = lines->first + LIST_LINES - 1;
    if (words->count == 1)
        return NULL;
    for (int i = 1; i < words->count; i++) {
        if (strlen(text) + strlen(words->items[i]) + 2 > sizeof text)
            return list_usage();
        strcat(strcat(text, words->items[i]), ",");
    }
    char *rest = text, *start = strsep(&rest, ","), *end = NULL;
    while (rest != NULL && (end == NULL || end[0] == '\0'))
        end = strsep(&rest, ",");
    if (!options_number_parse(start, &lines->first) || lines->first < 1 || lines->first > INT32_MAX)
        return list_usage();
    lines->last = lines->first + LIST_LINES - 1;
    if (end != NULL && end[0] != '\0' && (!options_number_parse(end, &lines->last) || lines->last < lines->first))
        return list_usage();
    if (lines->last - lines->first > LIST_MAX)
        lines->last = lines->first + LIST_MAX;
    return NULL;
}

static size_t write_lines(struct sources *sources, const struct spprof_frame *frame, const struct lines *lines, FILE *stream)
{
    size_t written = 0;
    for (int64_t number = lines->first; number <= lines->last && number <= INT32_MAX; number++) {
        const char *line;
        size_t size;
        char label[32];
        if (!report_sources_line_at(sources, frame, (int32_t)number, &line, &size))
            break;
        snprintf(label, sizeof label, "%s%" PRId64, number == frame->line ? ">" : "", number);
        fprintf(stream, "%4s    ", label);
        for (; size > 0 && *line == '\t'; line++, size--)
            fputs("        ", stream);
        spprof_write_escaped(stream, line, size);
        putc('\n', stream);
        written++;
    }
    return written;
}

struct spprof_error *console_list(struct spprof_console *console, struct words *words, struct console_output *output)
{
    struct selection selection;
    struct lines lines;
    TRY(select_frame(console, &selection));
    TRY(parse_lines(words, selection.frame->line, &lines));
    struct sources *sources = report_sources_new(selection.snapshot, console->target);
    if (sources == NULL)
        return spprof_error_no_memory();
    const char *line;
    size_t size, written = write_lines(sources, selection.frame, &lines, output->stream);
    bool has_source = report_sources_line_at(sources, selection.frame, 1, &line, &size);
    if (written > 0)
        report_sources_write_notes(sources, output->stream);
    report_sources_free(sources);
    const char *file = selection.frame->code->file.bytes != NULL ? selection.frame->code->file.bytes : "???";
    if (!has_source)
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "the source %s is not at hand here, or does not hold the code that runs", file);
    if (written == 0)
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "%s has no line %" PRId64, file, lines.first);
    return NULL;
}

static void write_found(FILE *stream, const char *scope, const char *name, const struct spprof_text *value)
{
    fprintf(stream, "%s '", scope);
    spprof_write_escaped(stream, name, strlen(name));
    fputs("' = ", stream);
    write_text(stream, value);
    putc('\n', stream);
}

static const struct spprof_text *find_local(const struct spprof_frame *frame, const char *name)
{
    for (size_t i = 0; i < frame->variable_count; i++)
        if (frame->variables[i].name.size == strlen(name) && memcmp(frame->variables[i].name.bytes, name, strlen(name)) == 0)
            return &frame->variables[i].value;
    return NULL;
}

/* The runtime of the Python that a thread belongs to. */
static uint64_t runtime_of(const struct selection *selection)
{
    const struct spprof_snapshot *snapshot = selection->snapshot;
    for (size_t i = 0; i < snapshot->interpreter_count; i++) {
        const struct spprof_interpreter *interpreter = &snapshot->interpreters[i];
        if (selection->thread >= interpreter->threads && selection->thread < interpreter->threads + interpreter->thread_count)
            return spprof_snapshot_python(snapshot, interpreter->python)->runtime;
    }
    return snapshot->python.runtime;
}

static struct spprof_error *print_global(struct spprof_console *console, const struct selection *selection, const char *name, FILE *stream)
{
    const struct spprof_value_limits limits = {0};
    enum name_scope scope;
    struct spprof_text value;
    TRY(snapshot_global_find(console->session, runtime_of(selection), selection->frame->address, name, &limits, &scope, &value));
    if (scope == NAME_UNKNOWN)
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "'%s' not found%s", name,
                                strpbrk(name, ".[(") != NULL ? ": a name is looked up, not an expression" : "");
    write_found(stream, scope == NAME_GLOBAL ? "global" : "builtin", name, &value);
    free(value.bytes);
    return NULL;
}

struct spprof_error *console_print(struct spprof_console *console, struct words *words, struct console_output *output)
{
    struct selection selection;
    if (words->count != 2)
        return spprof_error_new(SPPROF_ERROR_USAGE, "print takes the name of one variable");
    const char *name = words->items[1];
    TRY(select_frame(console, &selection));
    const struct spprof_text *local = find_local(selection.frame, name);
    if (local != NULL) {
        write_found(output->stream, "local", name, local);
        return NULL;
    }
    return print_global(console, &selection, name, output->stream);
}

struct spprof_error *console_locals(struct spprof_console *console, struct words *words, struct console_output *output)
{
    struct selection selection;
    TRY(console_words_none(words));
    TRY(select_frame(console, &selection));
    for (size_t i = 0; i < selection.frame->variable_count; i++) {
        write_text(output->stream, &selection.frame->variables[i].name);
        fputs(" = ", output->stream);
        write_text(output->stream, &selection.frame->variables[i].value);
        putc('\n', output->stream);
    }
    return NULL;
}
