#include "spprof/report.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "output/color.h"
#include "output/escape.h"
#include "report/crash.h"
#include "report/source.h"

enum {
    SOURCE_COLUMNS = 200,
    SOURCE_BYTES = 1024, /* more than that many columns can take */
};

struct text_report {
    FILE *stream;
    const struct spprof_snapshot *snapshot;
    const struct spprof_report_options *options;
    bool color;
    struct sources *sources; /* NULL: none are printed */
};

static void paint(const struct text_report *report, const char *color)
{
    write_color(report->stream, report->color, color);
}

static void write_painted(const struct text_report *report, const char *color, const char *bytes, size_t size)
{
    paint(report, color);
    spprof_write_escaped(report->stream, bytes, size);
    paint(report, COLOR_END);
}

/* "SIGSEGV at 0x0" */
static void write_signal(FILE *stream, int signal, bool has_address, uint64_t address)
{
    char name[SIGNAL_NAME_SIZE];
    report_signal_name(signal, name);
    fputs(name, stream);
    if (has_address)
        fprintf(stream, " at 0x%" PRIx64, address);
}

static void write_target(const struct text_report *report)
{
    const struct spprof_snapshot *snapshot = report->snapshot;
    FILE *stream = report->stream;
    paint(report, COLOR_BOLD);
    fputs(snapshot->kind == SPPROF_TARGET_CORE ? "Core of process" : "Process", stream);
    if (snapshot->pid != 0)
        fprintf(stream, " %" PRId64, snapshot->pid);
    paint(report, COLOR_END);
    if (snapshot->executable != NULL) {
        fputs(" (", stream);
        spprof_write_escaped(stream, snapshot->executable, strlen(snapshot->executable));
        putc(')', stream);
    }
}

/* PY_RELEASE_LEVEL_ALPHA, Include/patchlevel.h: before the first beta of a version its structures still change. */
static bool is_alpha(uint32_t version)
{
    return (version >> 4 & 0xf) == 0xa;
}

static void write_python(FILE *stream, const struct spprof_python *python)
{
    char version[32] = "of unknown version";
    if (python->version != 0)
        spprof_version_text(python->version, version, sizeof version);
    fprintf(stream, "Python %s%s%s%s", version, python->free_threaded ? " free-threaded" : "", python->debug ? " debug" : "",
            python->finalizing ? ", which is ending" : "");
    if (is_alpha(python->version))
        fputs(" (in development: what it keeps where may have changed since this spprof was made)", stream);
}

/* "It died in thread 23247, which Python does not know, at 0x7f31b7c1a134: /srv/lib/fast.so+0x1134" */
static void write_crash(FILE *stream, const struct spprof_crash *crash)
{
    fprintf(stream, "It died in thread %" PRId64, crash->tid);
    if (crash->name[0] != '\0') {
        fputs(" (", stream);
        spprof_write_escaped(stream, crash->name, strnlen(crash->name, sizeof crash->name));
        putc(')', stream);
    }
    if (!crash->known)
        fputs(", which Python does not know", stream);
    if (crash->has_program_counter)
        fprintf(stream, ", at program counter 0x%" PRIx64, crash->program_counter);
    if (crash->module != NULL) {
        fputs(": ", stream);
        spprof_write_escaped(stream, crash->module, strlen(crash->module));
        fprintf(stream, "+0x%" PRIx64, crash->offset);
    } else if (crash->has_program_counter) {
        fputs(", which is in no module", stream);
    }
    putc('\n', stream);
}

static void write_header(const struct text_report *report)
{
    const struct spprof_snapshot *snapshot = report->snapshot;
    write_target(report);
    for (size_t i = 0; i < spprof_snapshot_python_count(snapshot); i++) {
        fputs(i == 0 ? ": " : " and ", report->stream);
        write_python(report->stream, spprof_snapshot_python(snapshot, i));
    }
    if (snapshot->signal != 0) {
        fputs(", died of ", report->stream);
        write_signal(report->stream, snapshot->signal, snapshot->crash.has_fault_address, snapshot->crash.fault_address);
    }
    putc('\n', report->stream);
    if (snapshot->crash.signal != 0)
        write_crash(report->stream, &snapshot->crash);
}

/* Begins one more state in a heading: " main thread, holding the GIL". */
static void begin_state(const struct text_report *report, const char *color, bool *any)
{
    fputs(*any ? ", " : " ", report->stream);
    paint(report, color);
    *any = true;
}

static void write_state(const struct text_report *report, bool holds, const char *state, bool *any)
{
    if (!holds)
        return;
    begin_state(report, COLOR_CYAN, any);
    fputs(state, report->stream);
    paint(report, COLOR_END);
}

/* "traced, held by gdb (process 77)"; false where nothing holds the thread. */
static bool write_held(const struct text_report *report, const struct spprof_thread *thread, bool *any)
{
    static const char *const states[SPPROF_HELD_KINDS] = {
        [SPPROF_HELD_STOPPED] = "stopped by a signal",
        [SPPROF_HELD_FROZEN] = "frozen",
        [SPPROF_HELD_TRACED] = "traced",
        [SPPROF_HELD_UNINTERRUPTIBLE] = "in uninterruptible sleep",
    };
    if (thread->held == SPPROF_HELD_NOT)
        return false;
    write_state(report, true, states[thread->held], any);
    if (thread->held_by[0] == '\0')
        return true;
    fputs(thread->held == SPPROF_HELD_FROZEN ? " with " : ", held by ", report->stream);
    spprof_write_escaped(report->stream, thread->held_by, strnlen(thread->held_by, sizeof thread->held_by));
    return true;
}

static void write_states(const struct text_report *report, const struct spprof_thread *thread)
{
    bool any = false;
    if (thread->signal != 0) {
        begin_state(report, COLOR_RED, &any);
        fputs("crashed with ", report->stream);
        write_signal(report->stream, thread->signal, thread->has_fault_address, thread->fault_address);
        paint(report, COLOR_END);
    }
    bool waits = thread->gil == SPPROF_GIL_WAITING;
    write_state(report, thread->main, "main thread", &any);
    write_state(report, thread->gil == SPPROF_GIL_HELD, "holding the GIL", &any);
    write_state(report, waits, "waiting for the GIL", &any);
    write_state(report, thread->collecting == SPPROF_TRUE, "collecting garbage", &any);
    if (write_held(report, thread, &any))
        return;
    write_state(report, thread->idle == SPPROF_TRUE && !waits, "idle", &any); /* who waits for the GIL is idle */
    write_state(report, thread->idle == SPPROF_FALSE && !waits, "running", &any);
}

/* What the debugger calls it. */
static void write_label(const struct text_report *report, const struct spprof_thread *thread)
{
    char label[64] = "";
    if (report->options->thread_label != NULL && thread->tid != 0)
        report->options->thread_label(report->options->context, thread->tid, label, sizeof label);
    if (label[0] == '\0')
        return;
    fputs(" [", report->stream);
    spprof_write_escaped(report->stream, label, strnlen(label, sizeof label));
    putc(']', report->stream);
}

static const char *left_over_text(enum spprof_left_over left_over)
{
    switch (left_over) {
    case SPPROF_LEFT_OVER_FORK: return "Left over from before fork: no such thread";
    case SPPROF_LEFT_OVER_ENDED: return "Left over: its thread has ended without releasing its state";
    default: return "Left over: no such thread; it is from before a fork, or has ended without releasing its state";
    }
}

static void write_left_over(const struct text_report *report, const struct spprof_thread *thread)
{
    paint(report, COLOR_BOLD);
    fputs(left_over_text(thread->left_over), report->stream);
    paint(report, COLOR_END);
    if (thread->tid != 0)
        fprintf(report->stream, ", was %" PRId64, thread->tid);
}

static void write_thread_heading(const struct text_report *report, const struct spprof_thread *thread)
{
    FILE *stream = report->stream;
    if (thread->left_over != SPPROF_LEFT_OVER_NOT) {
        write_left_over(report, thread);
    } else {
        paint(report, COLOR_BOLD);
        if (thread->tid != 0)
            fprintf(stream, "Thread %" PRId64, thread->tid);
        else
            fputs("Thread ???", stream);
        paint(report, COLOR_END);
    }
    if (thread->name.bytes != NULL) {
        fputs(" \"", stream);
        write_painted(report, COLOR_GREEN, thread->name.bytes, thread->name.size);
        putc('"', stream);
    }
    if (thread->os_name[0] != '\0') {
        fputs(" (", stream);
        spprof_write_escaped(stream, thread->os_name, strnlen(thread->os_name, sizeof thread->os_name));
        putc(')', stream);
    }
    if (thread->left_over == SPPROF_LEFT_OVER_NOT) {
        write_label(report, thread);
        write_states(report, thread);
    } else if (thread->gil == SPPROF_GIL_HELD) {
        fputs(", holding the GIL for ever", stream);
    }
    putc('\n', stream);
}

static void write_source(const struct text_report *report, const struct spprof_frame *frame)
{
    const char *line;
    size_t size;
    if (report->sources == NULL || !report_sources_line(report->sources, frame, &line, &size))
        return;
    char shown[SOURCE_BYTES];
    size = size < sizeof shown ? size : sizeof shown;
    for (size_t i = 0; i < size; i++)
        shown[i] = line[i] == '\t' ? ' ' : line[i];
    fputs(report_sources_may_differ(report->sources, frame) == SPPROF_TRUE ? "  " SOURCE_MARK " " : "    ", report->stream);
    output_escape_write_cut(report->stream, shown, size, SOURCE_COLUMNS);
    putc('\n', report->stream);
}

/* What is not known is written as faulthandler writes it. */
static void write_text(const struct text_report *report, const char *color, const struct spprof_text *text)
{
    if (text->bytes != NULL)
        write_painted(report, color, text->bytes, text->size);
    else
        fputs("???", report->stream);
}

static void write_place(const struct text_report *report, const struct spprof_frame *frame, const char *indent)
{
    static const struct spprof_code unknown;
    FILE *stream = report->stream;
    const struct spprof_code *code = frame->code != NULL ? frame->code : &unknown;
    const char *quote = code->file.bytes != NULL ? "\"" : "";

    fprintf(stream, "%sFile %s", indent, quote);
    write_text(report, COLOR_MAGENTA, &code->file);
    if (frame->line >= 0)
        fprintf(stream, "%s, line %s%" PRId32 ", in ", quote, frame->line_about ? "about " : "", frame->line);
    else
        fprintf(stream, frame->line == SPPROF_POSITION_LEFT_OUT ? "%s, line left out, in " : "%s, line ???, in ", quote);
    write_text(report, COLOR_BOLD, code->qualified_name.bytes != NULL ? &code->qualified_name : &code->name);
    putc('\n', stream);
}

static void write_variables(const struct text_report *report, const struct spprof_frame *frame)
{
    for (size_t i = 0; i < frame->variable_count; i++) {
        const struct spprof_variable *variable = &frame->variables[i];
        fputs("      ", report->stream);
        write_text(report, COLOR_CYAN, &variable->name);
        fputs(" = ", report->stream);
        spprof_write_escaped(report->stream, variable->value.bytes, variable->value.size);
        putc('\n', report->stream);
    }
}

static void write_frame(const struct text_report *report, const struct spprof_frame *frame)
{
    write_place(report, frame, "  ");
    write_source(report, frame);
    write_variables(report, frame);
}

/* "ValueError: on purpose" */
static void write_exception_head(const struct text_report *report, const struct spprof_exception *exception)
{
    write_text(report, COLOR_RED, &exception->type);
    if (exception->message.size > 0) {
        fputs(": ", report->stream);
        spprof_write_escaped(report->stream, exception->message.bytes, exception->message.size);
    }
    putc('\n', report->stream);
}

/* The exception and what led to it, the newest first, as the stack is. */
static void write_exception(const struct text_report *report, const struct spprof_exception *exception)
{
    const char *heading = exception->raising ? "raising" : "handling";
    while (exception != NULL) {
        fprintf(report->stream, "  %s ", heading);
        write_exception_head(report, exception);
        for (size_t i = 0; i < exception->frame_count; i++)
            write_place(report, &exception->frames[i], "    ");
        if (exception->truncated != NULL) {
            fputs("    truncated: ", report->stream);
            spprof_write_escaped(report->stream, exception->truncated, strlen(exception->truncated));
            putc('\n', report->stream);
        }
        heading = exception->cause != NULL ? "caused by" : "raised while handling";
        exception = exception->cause != NULL ? exception->cause : exception->context;
    }
}

static void write_stack(const struct text_report *report, const struct spprof_thread *thread)
{
    for (size_t i = 0; i < thread->frame_count; i++)
        write_frame(report, &thread->frames[i]);
    if (thread->truncated != NULL) {
        fputs("  ", report->stream);
        paint(report, COLOR_RED);
        fputs("truncated: ", report->stream);
        paint(report, COLOR_END);
        spprof_write_escaped(report->stream, thread->truncated, strlen(thread->truncated));
        putc('\n', report->stream);
    } else if (thread->frame_count == 0) {
        fputs("  <no Python frame>\n", report->stream);
    }
    if (thread->exception != NULL)
        write_exception(report, thread->exception);
}

static void write_thread(const struct text_report *report, const struct spprof_thread *thread)
{
    putc('\n', report->stream);
    write_thread_heading(report, thread);
    write_stack(report, thread);
}

/* Which Python it is, where the process holds several. */
static void write_python_heading(const struct text_report *report, const struct spprof_python *python)
{
    putc('\n', report->stream);
    paint(report, COLOR_BOLD);
    write_python(report->stream, python);
    paint(report, COLOR_END);
    if (python->file != NULL && python->file[0] != '\0') {
        fputs(" in ", report->stream);
        spprof_write_escaped(report->stream, python->file, strlen(python->file));
    } else {
        fputs(" in memory of no file", report->stream);
    }
    putc('\n', report->stream);
}

static size_t interpreters_of(const struct spprof_snapshot *snapshot, size_t python)
{
    size_t count = 0;
    for (size_t i = 0; i < snapshot->interpreter_count; i++)
        count += snapshot->interpreters[i].python == python;
    return count;
}

static void write_interpreters(const struct text_report *report)
{
    const struct spprof_snapshot *snapshot = report->snapshot;
    for (size_t i = 0; i < snapshot->interpreter_count; i++) {
        const struct spprof_interpreter *interpreter = &snapshot->interpreters[i];
        bool begins = i == 0 || snapshot->interpreters[i - 1].python != interpreter->python;
        if (snapshot->other_count > 0 && begins)
            write_python_heading(report, spprof_snapshot_python(snapshot, interpreter->python));
        if (interpreters_of(snapshot, interpreter->python) > 1) {
            putc('\n', report->stream);
            paint(report, COLOR_BOLD);
            fprintf(report->stream, "Interpreter %" PRId64, interpreter->id);
            paint(report, COLOR_END);
            putc('\n', report->stream);
        }
        for (size_t j = 0; j < interpreter->thread_count; j++)
            write_thread(report, &interpreter->threads[j]);
    }
}

static void write_all_left_over(const struct text_report *report)
{
    for (size_t i = 0; i < report->snapshot->left_over_count; i++)
        write_thread(report, &report->snapshot->left_over[i]);
}

static void write_source_notes(const struct text_report *report)
{
    CLEANUP_FREE char *notes = NULL;
    size_t size = 0;
    FILE *stream = report->sources != NULL ? open_memstream(&notes, &size) : NULL;
    bool any = stream != NULL && report_sources_write_notes(report->sources, stream);
    if (stream != NULL && fclose(stream) == 0 && any)
        fprintf(report->stream, "\n%s", notes);
}

static void write_footer(const struct text_report *report)
{
    const struct spprof_snapshot *snapshot = report->snapshot;
    FILE *stream = report->stream;
    if (snapshot->interpreter_count == 0)
        fputs("\nNo Python interpreter was found in it.\n", stream);
    if (snapshot->native_thread_count > 0 && snapshot->unknown_thread_count > 0)
        fprintf(stream, "\n%zu of the %zu threads of the process %s unknown to Python.\n", snapshot->unknown_thread_count,
                snapshot->native_thread_count, snapshot->unknown_thread_count == 1 ? "is" : "are");
    if (snapshot->further_count > 0)
        fprintf(stream, "\n%zu more thread state%s of these threads, which %s nothing, %s left out.\n", snapshot->further_count,
                snapshot->further_count == 1 ? "" : "s", snapshot->further_count == 1 ? "runs" : "run", snapshot->further_count == 1 ? "is" : "are");
    write_source_notes(report);
    if (snapshot->problems.count > 0) {
        putc('\n', stream);
        paint(report, COLOR_RED);
        fputs("Problems:", stream);
        paint(report, COLOR_END);
        putc('\n', stream);
    }
    for (size_t i = 0; i < snapshot->problems.count; i++) {
        fputs("  ", stream);
        spprof_write_escaped(stream, snapshot->problems.texts[i], strlen(snapshot->problems.texts[i]));
        putc('\n', stream);
    }
}

static struct text_report begin(FILE *stream, const struct spprof_snapshot *snapshot, const struct spprof_report_options *options)
{
    return (struct text_report){
        .stream = stream,
        .snapshot = snapshot,
        .options = options,
        .color = options->color,
        .sources = report_sources_of(snapshot, options),
    };
}

void spprof_report_text(FILE *stream, const struct spprof_snapshot *snapshot, const struct spprof_report_options *options)
{
    struct text_report report = begin(stream, snapshot, options);
    write_header(&report);
    write_interpreters(&report);
    write_all_left_over(&report);
    write_footer(&report);
    report_sources_free(report.sources);
}

void spprof_report_thread(FILE *stream, const struct spprof_snapshot *snapshot, const struct spprof_thread *thread,
                          const struct spprof_report_options *options)
{
    struct text_report report = begin(stream, snapshot, options);
    write_thread_heading(&report, thread);
    if (thread->frame_count > 0)
        fputs("Traceback (most recent call first):\n", stream);
    write_stack(&report, thread);
    write_source_notes(&report);
    report_sources_free(report.sources);
}
