#include "both_stacks.h"

#include <stdio.h>
#include <stdlib.h>

#include "gdb.h"
#include "spprof/report.h"

enum { C_FRAMES_MAX = 1 << 20, THREADS_MAX = 64 };

char *both_stacks_escaped(const char *bytes, size_t size)
{
    char *text = NULL;
    size_t text_size;
    FILE *stream = bytes != NULL ? open_memstream(&text, &text_size) : NULL;
    if (stream == NULL)
        return NULL;
    spprof_write_escaped(stream, bytes, size);
    return fclose(stream) == 0 ? text : NULL;
}

struct both_stacks *both_stacks_keep(struct both_stacks *stacks)
{
    stacks->references++;
    return stacks;
}

void both_stacks_release(struct both_stacks *stacks)
{
    if (stacks == NULL || --stacks->references > 0)
        return;
    for (size_t i = 0; i < stacks->python_frame_count; i++) {
        free(stacks->python_frames[i].function);
        free(stacks->python_frames[i].file);
    }
    free(stacks->python_frames);
    free(stacks->runs);
    free(stacks->apart);
    free(stacks->truncated);
    Py_XDECREF(stacks->c_frames);
    free(stacks);
}

/* Every C frame, newest first; NULL where gdb can give none. */
static PyObject *list_c_frames(void)
{
    PyObject *frames = PyList_New(0), *frame = gdb_call("newest_frame");
    for (size_t count = 0; frames != NULL && frame != NULL && frame != Py_None && count < C_FRAMES_MAX && !gdb_interrupted(); count++) {
        if (PyList_Append(frames, frame) != 0) {
            gdb_forget_error();
            break;
        }
        PyObject *older = gdb_call_of(frame, "older");
        Py_DECREF(frame);
        frame = older;
    }
    Py_XDECREF(frame);
    return frames;
}

static uint64_t stack_pointer(PyObject *frame)
{
    OWNED read = gdb_get_of(frame, "read_register");
    OWNED value = read != NULL ? PyObject_CallFunction(read, "s", "sp") : NULL;
    OWNED number = value != NULL ? PyNumber_Long(value) : NULL;
    unsigned long long address = number != NULL ? PyLong_AsUnsignedLongLongMask(number) : 0;
    if (PyErr_Occurred() != NULL) {
        gdb_forget_error();
        return 0;
    }
    return address;
}

/* Whether a frame runs code of a file that holds one of the Pythons. */
static bool is_in_interpreter(const struct spprof_snapshot *snapshot, PyObject *frame)
{
    OWNED pc = gdb_call_of(frame, "pc");
    uint64_t address = pc != NULL && PyLong_Check(pc) ? PyLong_AsUnsignedLongLongMask(pc) : 0;
    for (size_t i = 0; i < spprof_snapshot_python_count(snapshot); i++) {
        const struct spprof_python *python = spprof_snapshot_python(snapshot, i);
        if (address >= python->file_start && address < python->file_end)
            return true;
    }
    return false;
}

static struct spprof_native_frame *describe_c_frames(PyObject *frames, const struct spprof_snapshot *snapshot)
{
    size_t count = (size_t)PyList_Size(frames);
    struct spprof_native_frame *native = calloc(count + 1, sizeof *native);
    for (size_t i = 0; native != NULL && i < count && !gdb_interrupted(); i++) {
        PyObject *frame = PyList_GetItem(frames, (Py_ssize_t)i);
        OWNED name = gdb_call_of(frame, "name");
        native[i].stack_pointer = stack_pointer(frame);
        native[i].function = gdb_text(name);
        native[i].in_interpreter = is_in_interpreter(snapshot, frame);
        if (i > 0)
            native[i - 1].caller_stack_pointer = native[i].stack_pointer;
    }
    return native;
}

static void free_c_frames(struct spprof_native_frame *native, size_t count)
{
    for (size_t i = 0; native != NULL && i < count; i++)
        free((char *)(uintptr_t)native[i].function); /* copied by gdb_text */
    free(native);
}

/* The Python threads of a kernel thread that run something: several where interpreters call one another. */
static size_t find_threads(const struct spprof_snapshot *snapshot, int64_t tid, const struct spprof_thread **threads)
{
    size_t count = 0;
    for (size_t i = 0; i < snapshot->interpreter_count; i++) {
        for (size_t j = 0; j < snapshot->interpreters[i].thread_count; j++) {
            const struct spprof_thread *thread = &snapshot->interpreters[i].threads[j];
            if (tid != 0 && thread->tid == tid && (thread->frame_count > 0 || thread->truncated != NULL) && count < THREADS_MAX)
                threads[count++] = thread;
        }
    }
    return count;
}

static bool copy_frame(const struct spprof_thread *thread, size_t depth, struct python_frame *copy)
{
    const struct spprof_frame *frame = &thread->frames[depth];
    const struct spprof_text *name = frame->code->qualified_name.bytes != NULL ? &frame->code->qualified_name : &frame->code->name;
    *copy = (struct python_frame){
        .function = both_stacks_escaped(name->bytes != NULL ? name->bytes : "?", name->bytes != NULL ? name->size : 1),
        .file = both_stacks_escaped(frame->code->file.bytes, frame->code->file.size),
        .line = frame->line,
        .thread = thread->address,
        .address = frame->address,
        .depth = depth,
    };
    return copy->function != NULL;
}

/* The frames of all threads one behind another; begins says where those of each begin. */
static bool copy_frames(struct both_stacks *stacks, const struct spprof_thread *const *threads, size_t count, const size_t *matched,
                        size_t *begins)
{
    size_t all = 0;
    for (size_t i = 0; i < count; i++)
        all += threads[i]->frame_count;
    stacks->python_frames = calloc(all + 1, sizeof *stacks->python_frames);
    stacks->apart = calloc(all + 1, sizeof *stacks->apart);
    if (stacks->python_frames == NULL || stacks->apart == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        begins[i] = stacks->python_frame_count;
        for (size_t depth = 0; depth < threads[i]->frame_count; depth++) {
            if (depth >= matched[i])
                stacks->apart[stacks->apart_count++] = stacks->python_frame_count;
            if (!copy_frame(threads[i], depth, &stacks->python_frames[stacks->python_frame_count++]))
                return false;
        }
        if (threads[i]->truncated != NULL && stacks->truncated == NULL)
            stacks->truncated = both_stacks_escaped(threads[i]->truncated, strlen(threads[i]->truncated));
    }
    return true;
}

static bool pair(struct both_stacks *stacks, const struct spprof_snapshot *snapshot, const struct spprof_thread *const *threads,
                 size_t count)
{
    size_t c_frame_count = (size_t)PyList_Size(stacks->c_frames), matched[THREADS_MAX], begins[THREADS_MAX];
    struct spprof_native_frame *native = describe_c_frames(stacks->c_frames, snapshot);
    stacks->runs = calloc(c_frame_count + 1, sizeof *stacks->runs);
    bool done = native != NULL && stacks->runs != NULL;
    if (done) {
        spprof_native_match(native, c_frame_count, threads, count, stacks->runs, matched);
        done = copy_frames(stacks, threads, count, matched, begins);
    }
    for (size_t i = 0; done && i < c_frame_count; i++)
        if (stacks->runs[i].role == SPPROF_NATIVE_EVALUATOR)
            stacks->runs[i].first += begins[stacks->runs[i].thread];
    free_c_frames(native, c_frame_count);
    return done;
}

/* A thread may well run C alone; where the reading met problems it may be one that was missed. */
static struct spprof_error *no_python_here(const struct spprof_snapshot *snapshot)
{
    if (snapshot->problems.count == 0)
        return NULL;
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "no Python was found in this thread, but not everything could be read: %s",
                            snapshot->problems.texts[0]);
}

struct spprof_error *both_stacks_read(struct spprof_console *console, struct both_stacks **result)
{
    const struct spprof_snapshot *snapshot;
    const struct spprof_thread *threads[THREADS_MAX];
    int64_t tid;
    *result = NULL;
    struct spprof_error *error = spprof_console_stacks(console, &snapshot, &tid);
    if (error != NULL)
        return error;
    size_t count = find_threads(snapshot, tid, threads);
    if (count == 0)
        return no_python_here(snapshot);
    struct both_stacks *stacks = calloc(1, sizeof *stacks);
    if (stacks == NULL)
        return spprof_error_no_memory();
    stacks->references = 1;
    stacks->c_frames = list_c_frames();
    bool paired = stacks->c_frames != NULL && pair(stacks, snapshot, threads, count);
    if (paired && !gdb_interrupted()) {
        *result = stacks;
        return NULL;
    }
    both_stacks_release(stacks);
    return paired ? NULL : spprof_error_no_memory();
}
