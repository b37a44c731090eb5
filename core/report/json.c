#include "spprof/report.h"

#include <string.h>

#include "output/json_writer.h"
#include "report/crash.h"
#include "report/source.h"

static void write_text(struct json_writer *json, const char *key, struct spprof_text text)
{
    output_json_key(json, key);
    output_json_text(json, text.bytes, text.size, TEXT_GENERALISED);
}

/* Bytes of the kernel: Python's os.fsencode gives them back. */
static void write_bytes(struct json_writer *json, const char *key, const char *bytes, size_t size)
{
    output_json_key(json, key);
    output_json_text(json, bytes, size, TEXT_STRICT);
}

static void write_string(struct json_writer *json, const char *key, const char *text)
{
    output_json_key(json, key);
    output_json_string(json, text);
}

/* value, or null where it is not known */
static void write_known(struct json_writer *json, const char *key, bool known, int64_t value)
{
    output_json_key(json, key);
    if (known)
        output_json_integer(json, value);
    else
        output_json_null(json);
}

static void write_truth(struct json_writer *json, const char *key, enum spprof_truth truth)
{
    output_json_key(json, key);
    if (truth == SPPROF_UNKNOWN)
        output_json_null(json);
    else
        output_json_bool(json, truth == SPPROF_TRUE);
}

static void write_bool(struct json_writer *json, const char *key, bool value)
{
    output_json_key(json, key);
    output_json_bool(json, value);
}

static void write_address(struct json_writer *json, const char *key, bool known, uint64_t address)
{
    output_json_key(json, key);
    if (known)
        output_json_address(json, address);
    else
        output_json_null(json);
}

static const char *architecture_name(enum spprof_architecture architecture)
{
    switch (architecture) {
    case SPPROF_X86_64: return "x86_64";
    case SPPROF_AARCH64: return "aarch64";
    case SPPROF_ARCHITECTURE_UNKNOWN: break;
    }
    return NULL;
}

static const char *layout_name(enum spprof_layout_source layout)
{
    switch (layout) {
    case SPPROF_LAYOUT_DEBUG_OFFSETS: return "debug-offsets";
    case SPPROF_LAYOUT_DWARF: return "dwarf";
    case SPPROF_LAYOUT_BUILT_IN: return "built-in";
    }
    return NULL;
}

static const char *gil_name(enum spprof_gil gil)
{
    switch (gil) {
    case SPPROF_GIL_NONE: return "none";
    case SPPROF_GIL_HELD: return "held";
    case SPPROF_GIL_WAITING: return "waiting";
    case SPPROF_GIL_UNKNOWN: break;
    }
    return NULL;
}

static const char *state_name(const struct spprof_thread *thread)
{
    if (thread->left_over != SPPROF_LEFT_OVER_NOT)
        return "left-over";
    if (thread->signal != 0)
        return "crashed";
    if (thread->held != SPPROF_HELD_NOT)
        return spprof_held_names[thread->held];
    return thread->idle == SPPROF_UNKNOWN ? NULL : thread->idle == SPPROF_TRUE ? "waiting" : "running";
}

static const char *owner_name(enum spprof_owner owner)
{
    switch (owner) {
    case SPPROF_OWNER_THREAD: return "thread";
    case SPPROF_OWNER_GENERATOR: return "generator";
    case SPPROF_OWNER_FRAME_OBJECT: return "frame-object";
    case SPPROF_OWNER_INTERPRETER: return "interpreter";
    case SPPROF_OWNER_UNKNOWN: break;
    }
    return NULL;
}

static void write_cost(struct json_writer *json, const struct spprof_snapshot *snapshot)
{
    output_json_key(json, "stopped_us");
    if (snapshot->stopped_ns > 0)
        output_json_thousandths(json, snapshot->stopped_ns);
    else
        output_json_null(json);
    output_json_key(json, "read_calls");
    output_json_unsigned(json, snapshot->read_calls);
    output_json_key(json, "read_bytes");
    output_json_unsigned(json, snapshot->read_bytes);
}

static void write_build_id(struct json_writer *json, const uint8_t *bytes, size_t size)
{
    char text[2 * sizeof((struct spprof_crash *)NULL)->build_id + 1] = "";
    for (size_t i = 0; i < size; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    write_string(json, "build_id", size > 0 ? text : NULL);
}

static void write_crash(struct json_writer *json, const struct spprof_crash *crash)
{
    char name[SIGNAL_NAME_SIZE];
    output_json_key(json, "crash");
    if (crash->signal == 0) {
        output_json_null(json);
        return;
    }
    report_signal_name(crash->signal, name);
    output_json_begin(json, '{');
    write_known(json, "tid", true, crash->tid);
    write_bytes(json, "os_name", crash->name[0] != '\0' ? crash->name : NULL, strnlen(crash->name, sizeof crash->name));
    write_bool(json, "known_to_python", crash->known);
    write_known(json, "signal", true, crash->signal);
    write_string(json, "signal_name", name);
    write_address(json, "fault_address", crash->has_fault_address, crash->fault_address);
    write_address(json, "program_counter", crash->has_program_counter, crash->program_counter);
    write_bytes(json, "module", crash->module, crash->module != NULL ? strlen(crash->module) : 0);
    write_address(json, "offset", crash->module != NULL, crash->offset);
    write_build_id(json, crash->build_id, crash->build_id_size);
    output_json_end(json, '}');
}

static void write_target(struct json_writer *json, const struct spprof_snapshot *snapshot)
{
    bool knows_threads = snapshot->native_thread_count > 0;
    output_json_key(json, "target");
    output_json_begin(json, '{');
    write_string(json, "kind", snapshot->kind == SPPROF_TARGET_CORE ? "core" : "process");
    write_known(json, "pid", snapshot->pid != 0, snapshot->pid);
    write_bytes(json, "executable", snapshot->executable, snapshot->executable != NULL ? strlen(snapshot->executable) : 0);
    write_string(json, "architecture", architecture_name(snapshot->architecture));
    write_known(json, "signal", snapshot->signal != 0, snapshot->signal);
    write_address(json, "fault_address", snapshot->crash.has_fault_address, snapshot->crash.fault_address);
    write_known(json, "native_threads", knows_threads, (int64_t)snapshot->native_thread_count);
    write_known(json, "threads_without_python", knows_threads, (int64_t)snapshot->unknown_thread_count);
    write_crash(json, &snapshot->crash);
    write_cost(json, snapshot);
    output_json_end(json, '}');
}

static void write_python(struct json_writer *json, const struct spprof_python *python)
{
    char version[32];
    spprof_version_text(python->version, version, sizeof version);
    output_json_begin(json, '{');
    write_string(json, "python", python->version != 0 ? version : NULL);
    write_bool(json, "free_threaded", python->free_threaded);
    write_bool(json, "debug", python->debug);
    write_bool(json, "finalizing", python->finalizing);
    write_string(json, "layout", layout_name(python->layout));
    write_address(json, "address", python->runtime != 0, python->runtime);
    write_bytes(json, "file", python->file, python->file != NULL ? strlen(python->file) : 0);
    output_json_end(json, '}');
}

/* "runtime" is the first Python, which nearly always is the only one; "runtimes" are all of them. */
static void write_runtimes(struct json_writer *json, const struct spprof_snapshot *snapshot)
{
    output_json_key(json, "runtime");
    write_python(json, &snapshot->python);
    output_json_key(json, "runtimes");
    output_json_begin(json, '[');
    for (size_t i = 0; i < spprof_snapshot_python_count(snapshot); i++)
        write_python(json, spprof_snapshot_python(snapshot, i));
    output_json_end(json, ']');
}

static void write_position(struct json_writer *json, const char *key, int32_t position)
{
    write_known(json, key, position >= 0, position);
}

static void write_locals(struct json_writer *json, const struct spprof_frame *frame)
{
    output_json_key(json, "locals");
    output_json_begin(json, '{');
    for (size_t i = 0; i < frame->variable_count; i++) {
        const struct spprof_variable *variable = &frame->variables[i];
        output_json_text_key(json, variable->name.bytes, variable->name.size, TEXT_GENERALISED);
        output_json_text(json, variable->value.bytes, variable->value.size, TEXT_GENERALISED);
    }
    output_json_end(json, '}');
}

static void write_frame(struct json_writer *json, struct sources *sources, const struct spprof_frame *frame, bool locals)
{
    static const struct spprof_code unknown;
    const struct spprof_code *code = frame->code != NULL ? frame->code : &unknown;
    output_json_begin_inline(json, '{');
    write_text(json, "function", code->name);
    write_text(json, "qualified_name", code->qualified_name);
    write_text(json, "file", code->file);
    write_position(json, "line", frame->line);
    write_truth(json, "line_exact", frame->line < 0 ? SPPROF_UNKNOWN : frame->line_about ? SPPROF_FALSE : SPPROF_TRUE);
    write_position(json, "end_line", frame->end_line);
    write_position(json, "column", frame->column);
    write_position(json, "end_column", frame->end_column);
    write_string(json, "owner", owner_name(frame->owner));
    write_truth(json, "source_may_differ", sources != NULL ? report_sources_may_differ(sources, frame) : SPPROF_UNKNOWN);
    if (locals)
        write_locals(json, frame);
    output_json_end(json, '}');
}

static void write_exception(struct json_writer *json, struct sources *sources, const char *key, const struct spprof_exception *exception);

/* The chain of exceptions is short: snapshot/exceptions.c cuts it. */
static void write_exception_parts(struct json_writer *json, struct sources *sources, const struct spprof_exception *exception)
{
    output_json_begin(json, '{');
    write_text(json, "type", exception->type);
    write_text(json, "message", exception->message);
    write_bool(json, "raising", exception->raising);
    output_json_key(json, "traceback");
    output_json_begin(json, '[');
    for (size_t i = 0; i < exception->frame_count; i++)
        write_frame(json, sources, &exception->frames[i], false);
    output_json_end(json, ']');
    write_string(json, "truncated", exception->truncated);
    write_exception(json, sources, "cause", exception->cause);
    write_exception(json, sources, "context", exception->context);
    output_json_end(json, '}');
}

static void write_exception(struct json_writer *json, struct sources *sources, const char *key, const struct spprof_exception *exception)
{
    output_json_key(json, key);
    if (exception == NULL)
        output_json_null(json);
    else
        write_exception_parts(json, sources, exception);
}

static const char *left_over_name(enum spprof_left_over left_over)
{
    switch (left_over) {
    case SPPROF_LEFT_OVER_FORK: return "fork";
    case SPPROF_LEFT_OVER_ENDED: return "ended";
    default: return NULL;
    }
}

static void write_left_over(struct json_writer *json, const struct spprof_thread *thread)
{
    write_string(json, "left_over_by", left_over_name(thread->left_over));
    write_known(json, "interpreter", true, thread->interpreter);
}

static void write_thread(struct json_writer *json, struct sources *sources, const struct spprof_snapshot *snapshot,
                         const struct spprof_thread *thread)
{
    output_json_begin(json, '{');
    write_known(json, "tid", thread->tid != 0, thread->tid);
    write_text(json, "name", thread->name);
    size_t os_name_size = strnlen(thread->os_name, sizeof thread->os_name);
    write_bytes(json, "os_name", os_name_size > 0 ? thread->os_name : NULL, os_name_size);
    write_bool(json, "main", thread->main);
    write_bool(json, "crashed", thread->signal != 0);
    write_string(json, "gil", gil_name(thread->gil));
    write_truth(json, "gc", thread->collecting);
    write_truth(json, "idle", thread->idle);
    write_string(json, "state", state_name(thread));
    write_bytes(json, "held_by", thread->held_by[0] != '\0' ? thread->held_by : NULL, strnlen(thread->held_by, sizeof thread->held_by));
    if (thread->left_over != SPPROF_LEFT_OVER_NOT)
        write_left_over(json, thread);
    output_json_key(json, "frames");
    output_json_begin(json, '[');
    for (size_t i = 0; i < thread->frame_count; i++)
        write_frame(json, sources, &thread->frames[i], snapshot->has_locals);
    output_json_end(json, ']');
    write_string(json, "truncated", thread->truncated);
    if (snapshot->has_exceptions)
        write_exception(json, sources, "exception", thread->exception);
    output_json_end(json, '}');
}

static void write_interpreter(struct json_writer *json, struct sources *sources, const struct spprof_snapshot *snapshot,
                              const struct spprof_interpreter *interpreter)
{
    const struct spprof_python *python = spprof_snapshot_python(snapshot, interpreter->python);
    output_json_begin(json, '{');
    write_known(json, "id", true, interpreter->id);
    write_address(json, "runtime", python->runtime != 0, python->runtime);
    output_json_key(json, "threads");
    output_json_begin(json, '[');
    for (size_t i = 0; i < interpreter->thread_count; i++)
        write_thread(json, sources, snapshot, &interpreter->threads[i]);
    output_json_end(json, ']');
    output_json_end(json, '}');
}

void spprof_report_json(FILE *stream, const struct spprof_snapshot *snapshot, const struct spprof_report_options *options)
{
    struct sources *sources = report_sources_of(snapshot, options);
    struct json_writer json = {.stream = stream, .first = true};
    output_json_begin(&json, '{');
    write_string(&json, "format", "spprof-stacks");
    write_known(&json, "version", true, 1);
    write_target(&json, snapshot);
    write_runtimes(&json, snapshot);
    output_json_key(&json, "interpreters");
    output_json_begin(&json, '[');
    for (size_t i = 0; i < snapshot->interpreter_count; i++)
        write_interpreter(&json, sources, snapshot, &snapshot->interpreters[i]);
    output_json_end(&json, ']');
    output_json_key(&json, "left_over");
    output_json_begin(&json, '[');
    for (size_t i = 0; i < snapshot->left_over_count; i++)
        write_thread(&json, sources, snapshot, &snapshot->left_over[i]);
    output_json_end(&json, ']');
    output_json_key(&json, "problems");
    output_json_begin(&json, '[');
    for (size_t i = 0; i < snapshot->problems.count; i++)
        output_json_string(&json, snapshot->problems.texts[i]);
    output_json_end(&json, ']');
    output_json_end(&json, '}');
    report_sources_free(sources);
}
