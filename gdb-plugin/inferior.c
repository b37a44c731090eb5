#include "inferior.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "c_stack.h"
#include "gdb.h"
#include "mappings.h"
#include "run.h"
#include "sections.h"

enum { AT_PHDR = 3, PAGE = 4096 };

/* What gdb calls the thread of a kernel id. */
struct label {
    int64_t tid, number;
};

/* What one command has asked of gdb. */
static struct {
    struct sections sections;
    bool has_sections;
    char *executable, *core;
    PyObject *threads;    /* tuple; NULL: not asked yet */
    struct label *labels; /* as many as there are threads; NULL: not asked yet */
} asked;

/* For the console: of the thread whose C frames it has asked for last. */
static struct c_stack c_stack;

void inferior_begin(void)
{
    gdb_begin();
    sections_free(&asked.sections);
    asked.has_sections = false;
    Py_CLEAR(asked.threads);
    free(asked.labels);
    asked.labels = NULL;
}

static const struct sections *sections(void)
{
    if (!asked.has_sections)
        sections_read(&asked.sections);
    asked.has_sections = true;
    return &asked.sections;
}

static bool read_memory(void *debugger, uint64_t address, void *buffer, size_t size)
{
    (void)debugger;
    OWNED inferior = gdb_call("selected_inferior");
    OWNED read = gdb_get_of(inferior, "read_memory");
    OWNED view = read != NULL ? PyObject_CallFunction(read, "Kn", (unsigned long long)address, (Py_ssize_t)size) : NULL;
    OWNED bytes = view != NULL ? PyBytes_FromObject(view) : NULL;
    if (bytes == NULL || PyBytes_Size(bytes) != (Py_ssize_t)size) {
        gdb_forget_error();
        return false;
    }
    memcpy(buffer, PyBytes_AsString(bytes), size);
    return true;
}

static PyObject *all_threads(void)
{
    if (asked.threads != NULL)
        return asked.threads;
    OWNED inferior = gdb_call("selected_inferior");
    OWNED threads = gdb_call_of(inferior, "threads");
    asked.threads = threads != NULL ? PySequence_Tuple(threads) : NULL;
    if (asked.threads == NULL)
        gdb_forget_error();
    return asked.threads;
}

static Py_ssize_t thread_count(void)
{
    PyObject *threads = all_threads();
    return threads != NULL ? PyTuple_Size(threads) : 0;
}

/* Of gdb's (process, light-weight process, thread); a target without such ids numbers its threads itself. */
int64_t inferior_thread_tid(PyObject *thread)
{
    OWNED ptid = gdb_get_of(thread, "ptid");
    if (ptid == NULL || !PyTuple_Check(ptid) || PyTuple_Size(ptid) != 3)
        return 0;
    int64_t process = gdb_number(PyTuple_GetItem(ptid, 0), 0), kernel = gdb_number(PyTuple_GetItem(ptid, 1), 0);
    return kernel != 0 ? kernel : process;
}

static struct spprof_error *list_threads(void *debugger, struct spprof_native_threads *threads)
{
    (void)debugger;
    Py_ssize_t count = thread_count();
    threads->items = calloc((size_t)count + 1, sizeof *threads->items);
    if (threads->items == NULL)
        return spprof_error_no_memory();
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *thread = PyTuple_GetItem(all_threads(), i);
        struct spprof_native_thread *native = &threads->items[threads->count++];
        OWNED name = gdb_get_of(thread, "name");
        char *text = gdb_text(name);
        native->tid = native->target_tid = inferior_thread_tid(thread);
        if (text != NULL)
            snprintf(native->name, sizeof native->name, "%s", text);
        free(text);
    }
    return NULL;
}

/* Sections that a program writes to: where the runtime lies. */
static bool is_writable(const char *name)
{
    static const char *const writable[] = {".data", ".bss", ".PyRuntime", ".data.rel.ro", ".got"};
    for (size_t i = 0; i < sizeof writable / sizeof writable[0]; i++)
        if (strcmp(name, writable[i]) == 0)
            return true;
    return false;
}

/* The sections from first on that are of the same file; returns the index behind the last one. */
static size_t take_module(const struct sections *all, size_t first, struct spprof_debugger_module *module, struct spprof_mapping *mappings)
{
    size_t i = first;
    *module = (struct spprof_debugger_module){
        .path = all->items[first].file,
        .main = all->items[first].main,
        .start = all->items[first].start,
        .end = all->items[first].end,
        .mappings = mappings,
    };
    for (; i < all->count && strcmp(all->items[i].file, module->path) == 0; i++) {
        const struct section *section = &all->items[i];
        module->start = section->start < module->start ? section->start : module->start;
        module->end = section->end > module->end ? section->end : module->end;
        if (is_writable(section->name))
            mappings[module->mapping_count++] =
                (struct spprof_mapping){.start = section->start, .end = section->end, .readable = true, .writable = true};
    }
    return i;
}

/* An address in the executable's first page, from the vector that the kernel gave it; 0: gdb cannot tell. */
static uint64_t first_page(void)
{
    char *text = gdb_execute("info auxv"), *rest = text;
    uint64_t address = 0;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        char *value = strrchr(line, ' ');
        if (value != NULL && strtol(line, NULL, 10) == AT_PHDR)
            address = strtoull(value, NULL, 0) / PAGE * PAGE;
    }
    free(text);
    return address;
}

static struct spprof_error *list_modules(void *debugger, void (*add)(void *context, const struct spprof_debugger_module *module), void *context)
{
    (void)debugger;
    const struct sections *all = sections();
    struct spprof_mapping *mappings = calloc(all->count + 1, sizeof *mappings);
    bool has_main = false;
    if (mappings == NULL)
        return spprof_error_no_memory();
    for (size_t i = 0; i < all->count;) {
        struct spprof_debugger_module module;
        i = take_module(all, i, &module, mappings);
        has_main = has_main || module.main;
        add(context, &module);
    }
    free(mappings);
    uint64_t start = has_main ? 0 : first_page();
    if (start != 0)
        add(context, &(struct spprof_debugger_module){.path = all->executable != NULL ? all->executable : "", .main = true, .start = start});
    return NULL;
}

/*
 * gdb looks a name up in all files at once, whatever the language of the program is. An expression would do so in that language, and to set another
 * one is told to a program that speaks to gdb, in the midst of what it is being told (gdb 13).
 */
static bool find_symbol(void *debugger, const struct spprof_debugger_module *module, const char *name, uint64_t *address)
{
    (void)debugger;
    char command[256];
    snprintf(command, sizeof command, "info address %s", name);
    char *text = gdb_execute(command);
    const char *number = text != NULL ? strstr(text, " 0x") : NULL;
    *address = number != NULL ? strtoull(number, NULL, 16) : 0;
    free(text);
    return *address >= module->start && *address < module->end;
}

static bool find_section(void *debugger, const struct spprof_debugger_module *module, const char *name, uint64_t *address, uint64_t *size)
{
    (void)debugger;
    const struct sections *all = sections();
    for (size_t i = 0; i < all->count; i++) {
        const struct section *section = &all->items[i];
        if (section->start < module->start || section->end > module->end || strcmp(section->name, name) != 0)
            continue;
        *address = section->start;
        *size = section->end - section->start;
        return true;
    }
    return false;
}

static bool is_interrupted(void *debugger)
{
    (void)debugger;
    return gdb_interrupted();
}

const struct spprof_debugger_ops inferior_target_ops = {
    .read = read_memory,
    .threads = list_threads,
    .modules = list_modules,
    .find_symbol = find_symbol,
    .find_section = find_section,
    .regions = mappings_list,
    .interrupted = is_interrupted,
};

/* "native", "core", "remote", "extended-remote"; NULL where this gdb cannot tell. */
static char *connection_type(PyObject *inferior)
{
    OWNED connection = gdb_get_of(inferior, "connection");
    OWNED type = connection != NULL && connection != Py_None ? gdb_get_of(connection, "type") : NULL;
    return gdb_text(type);
}

static enum spprof_architecture architecture_of(PyObject *inferior)
{
    OWNED architecture = gdb_call_of(inferior, "architecture");
    OWNED name = gdb_call_of(architecture, "name");
    char *text = gdb_text(name);
    enum spprof_architecture found = SPPROF_ARCHITECTURE_UNKNOWN;
    if (text != NULL && strstr(text, "x86-64") != NULL)
        found = SPPROF_X86_64;
    else if (text != NULL && strstr(text, "aarch64") != NULL)
        found = SPPROF_AARCH64;
    free(text);
    return found;
}

/* The core file of this inferior: gdb 17 and later know it, before `info files` tells it. */
static char *core_path(PyObject *inferior)
{
    OWNED core = gdb_get_of(inferior, "corefile");
    OWNED name = core != NULL && core != Py_None ? gdb_get_of(core, "filename") : NULL;
    char *path = gdb_text(name);
    return path != NULL || sections()->core == NULL ? path : strdup(sections()->core);
}

static bool any_thread_runs(void)
{
    for (Py_ssize_t i = 0; i < thread_count(); i++) {
        OWNED running = gdb_call_of(PyTuple_GetItem(all_threads(), i), "is_running");
        if (running == Py_True)
            return true;
    }
    return false;
}

static struct spprof_error *nothing_to_look_at(void)
{
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "there is no process or core to look at: start the program with 'run', attach to one with "
                                                    "'attach PID', or open a core with 'core-file FILE'");
}

static struct spprof_error *current_inferior(void *debugger, struct spprof_debugger_inferior *result)
{
    (void)debugger;
    OWNED inferior = gdb_call("selected_inferior");
    OWNED pid = gdb_get_of(inferior, "pid");
    if (thread_count() == 0 || gdb_number(pid, 0) == 0)
        return nothing_to_look_at();
    char *type = connection_type(inferior);
    bool core = type != NULL ? strcmp(type, "core") == 0 : sections()->core != NULL;
    free(asked.executable);
    free(asked.core);
    asked.executable = sections()->executable != NULL ? strdup(sections()->executable) : NULL;
    asked.core = core ? core_path(inferior) : NULL;
    *result = (struct spprof_debugger_inferior){
        .kind = core ? SPPROF_TARGET_CORE : SPPROF_TARGET_PROCESS,
        .architecture = architecture_of(inferior),
        .pid = gdb_number(pid, 0),
        .local = type != NULL && strcmp(type, "native") == 0,
        .running = !core && any_thread_runs(),
        .executable = asked.executable,
        .core = asked.core,
    };
    free(type);
    return NULL;
}

static int64_t selected_thread(void *debugger)
{
    (void)debugger;
    OWNED thread = gdb_call("selected_thread");
    return thread != NULL && thread != Py_None ? inferior_thread_tid(thread) : 0;
}

static const struct label *labels(void)
{
    if (asked.labels == NULL)
        asked.labels = calloc((size_t)thread_count() + 1, sizeof *asked.labels);
    else
        return asked.labels;
    for (Py_ssize_t i = 0; asked.labels != NULL && i < thread_count(); i++) {
        PyObject *thread = PyTuple_GetItem(all_threads(), i);
        OWNED number = gdb_get_of(thread, "num");
        asked.labels[i] = (struct label){.tid = inferior_thread_tid(thread), .number = gdb_number(number, 0)};
    }
    return asked.labels;
}

/* "3", and with several inferiors "1.3", as `info threads` shows it. */
static void thread_label(void *debugger, int64_t tid, char *label, size_t size)
{
    (void)debugger;
    OWNED inferiors = gdb_call("inferiors");
    OWNED inferior = gdb_call("selected_inferior");
    OWNED inferior_number = gdb_get_of(inferior, "num");
    char prefix[32] = "";
    label[0] = '\0';
    if (inferiors != NULL && PySequence_Size(inferiors) > 1)
        snprintf(prefix, sizeof prefix, "%" PRId64 ".", gdb_number(inferior_number, 0));
    for (Py_ssize_t i = 0; labels() != NULL && i < thread_count(); i++)
        if (labels()[i].tid == tid)
            snprintf(label, size, "%s%" PRId64, prefix, labels()[i].number);
}

static bool native_frame(void *debugger, size_t level, struct spprof_native_frame *frame)
{
    (void)debugger;
    if (level == 0) {
        c_stack_close(&c_stack);
        if (!c_stack_open(&c_stack))
            return false;
    }
    return c_stack_describe(&c_stack, level, frame);
}

static size_t selected_frame(void *debugger)
{
    (void)debugger;
    OWNED frame = gdb_call("selected_frame");
    return frame != NULL ? c_stack_level(frame) : 0;
}

static bool select_frame(void *debugger, size_t level)
{
    (void)debugger;
    PyObject *frame = c_stack_frame(&c_stack, level);
    OWNED done = frame != NULL ? gdb_call_of(frame, "select") : NULL;
    return done != NULL;
}

const struct spprof_console_ops inferior_console_ops = {
    .inferior = current_inferior,
    .selected_thread = selected_thread,
    .thread_label = thread_label,
    .native_frame = native_frame,
    .selected_frame = selected_frame,
    .select_frame = select_frame,
    .debugger_name = "gdb",
    .run_begin = run_begin,
    .run = run_once,
    .run_end = run_end,
};
