#include "frame_lines.h"

#include <stdio.h>
#include <string.h>

#include "bare_text.h"
#include "gdb.h"
#include "inferior.h"
#include "show.h"

struct lines {
    PyObject_HEAD
    PyObject *items;
    struct both_stacks *stacks;
    struct spprof_console *console;
    PyObject *c_frame;  /* the last that was met */
    size_t level;       /* in stacks->c_frames, behind the last that was met */
    size_t next, end;   /* python_frames that c_frame runs and that are still to come */
    size_t next_apart;
    bool begun, told;
};

/* A Python frame. */
struct line {
    PyObject_HEAD
    struct both_stacks *stacks;
    const struct python_frame *frame;
    struct spprof_console *console;
    PyObject *c_frame;
    size_t level; /* that gdb numbers it with; APART: none */
};

/* A C frame that has no name: gdb's own decorator shows nothing in place of its name. */
struct nameless {
    PyObject_HEAD
    PyObject *decorator;
};

/* One of its variables. */
struct variable {
    PyObject_HEAD
    PyObject *name, *value;
};

#define APART SIZE_MAX

static PyObject *lines_type, *line_type, *nameless_type, *variable_type;

static void free_object(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

/* gdb refuses text that its terminal's character set does not have. */
static PyObject *showable(const char *text)
{
    OWNED charset = gdb_call("host_charset"); /* since gdb 12 */
    OWNED name = charset != NULL && PyUnicode_Check(charset) ? PyUnicode_AsUTF8String(charset) : NULL;
    const char *encoding = name != NULL ? PyBytes_AsString(name) : "ascii";
    OWNED decoded = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    OWNED encoded = decoded != NULL ? PyUnicode_AsEncodedString(decoded, encoding, "backslashreplace") : NULL;
    if (encoded == NULL)
        gdb_forget_error();
    return encoded != NULL ? PyUnicode_FromEncodedObject(encoded, encoding, "replace") : PyUnicode_FromString("?");
}

static PyObject *variable_symbol(PyObject *self, PyObject *unused)
{
    (void)unused;
    PyObject *name = ((struct variable *)self)->name;
    Py_INCREF(name);
    return name;
}

static PyObject *variable_value(PyObject *self, PyObject *unused)
{
    (void)unused;
    return bare_text_value(((struct variable *)self)->value);
}

static void variable_free(PyObject *self)
{
    Py_XDECREF(((struct variable *)self)->name);
    Py_XDECREF(((struct variable *)self)->value);
    free_object(self);
}

static PyObject *new_object(PyObject *type)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot((PyTypeObject *)type, Py_tp_alloc);
    return allocate((PyTypeObject *)type, 0);
}

static bool add_variable(PyObject *variables, const struct spprof_variable *from)
{
    char *name = both_stacks_escaped(from->name.bytes, from->name.size), *value = both_stacks_escaped(from->value.bytes, from->value.size);
    OWNED object = name != NULL && value != NULL ? new_object(variable_type) : NULL;
    if (object != NULL) {
        ((struct variable *)object)->name = showable(name);
        ((struct variable *)object)->value = showable(value);
    }
    free(name);
    free(value);
    return object != NULL && ((struct variable *)object)->name != NULL && ((struct variable *)object)->value != NULL &&
           PyList_Append(variables, object) == 0;
}

/* What the console reads now, if it still is the same frame. */
static const struct spprof_frame *read_values(const struct line *line)
{
    const struct spprof_snapshot *snapshot;
    const struct spprof_thread *thread;
    const struct python_frame *wanted = line->frame;
    struct spprof_error *error = spprof_console_values(line->console, &snapshot, &thread);
    spprof_error_free(error);
    if (error != NULL || thread->address != wanted->thread || wanted->depth >= thread->frame_count)
        return NULL;
    const struct spprof_frame *frame = &thread->frames[wanted->depth];
    return frame->address == wanted->address ? frame : NULL;
}

static PyObject *line_locals(PyObject *self, PyObject *unused)
{
    (void)unused;
    PyObject *variables = PyList_New(0);
    inferior_begin();
    const struct spprof_frame *frame = variables != NULL ? read_values((struct line *)self) : NULL;
    for (size_t i = 0; frame != NULL && i < frame->variable_count; i++)
        if (!add_variable(variables, &frame->variables[i]))
            gdb_forget_error();
    return variables;
}

/*
 * gdb numbers only the first of the lines that share a C frame, as far as it prints them: in the others blanks take the place of the
 * number. Programs that speak to gdb get the bare name.
 */
static bool is_numbered(const struct line *line)
{
    struct both_stacks *stacks = line->stacks;
    if (line->level == APART)
        return false;
    if (stacks->numbered_frame == NULL || stacks->numbered_level != line->level) {
        stacks->numbered_level = line->level;
        stacks->numbered_frame = line->frame;
    }
    return stacks->numbered_frame == line->frame;
}

static PyObject *line_function(PyObject *self, PyObject *unused)
{
    (void)unused;
    const struct line *line = (const struct line *)self;
    OWNED name = showable(line->frame->function);
    return name != NULL ? PyUnicode_FromFormat("%s%U", is_numbered(line) || gdb_speaks_mi() ? "" : "    ", name) : NULL;
}

static PyObject *line_filename(PyObject *self, PyObject *unused)
{
    (void)unused;
    const char *file = ((struct line *)self)->frame->file;
    if (file == NULL)
        Py_RETURN_NONE;
    return showable(file);
}

static PyObject *line_line(PyObject *self, PyObject *unused)
{
    (void)unused;
    int32_t line = ((struct line *)self)->frame->line;
    if (line < 1)
        Py_RETURN_NONE;
    return PyLong_FromLong(line);
}

static PyObject *line_inferior_frame(PyObject *self, PyObject *unused)
{
    (void)unused;
    PyObject *c_frame = ((struct line *)self)->c_frame;
    Py_INCREF(c_frame);
    return c_frame;
}

static PyObject *line_nothing(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_NONE;
}

static void line_free(PyObject *self)
{
    both_stacks_release(((struct line *)self)->stacks);
    Py_XDECREF(((struct line *)self)->c_frame);
    free_object(self);
}

static PyObject *nameless_function(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    return PyUnicode_FromString("??");
}

static PyMethodDef nameless_function_definition = {"function", nameless_function, METH_NOARGS, NULL};

static PyObject *nameless_get(PyObject *self, PyObject *name)
{
    if (PyUnicode_CompareWithASCIIString(name, "function") == 0)
        return PyCFunction_New(&nameless_function_definition, self);
    return PyObject_GetAttr(((struct nameless *)self)->decorator, name);
}

static void nameless_free(PyObject *self)
{
    Py_XDECREF(((struct nameless *)self)->decorator);
    free_object(self);
}

/* The decorator to show for a C frame; takes the reference to item. */
static PyObject *with_name(PyObject *item, PyObject *c_frame)
{
    OWNED name = gdb_call_of(c_frame, "name");
    OWNED shown = name == Py_None ? gdb_call_of(item, "function") : NULL; /* another filter may have found one */
    PyObject *self = shown != NULL && !PyUnicode_Check(shown) ? new_object(nameless_type) : NULL;
    if (self == NULL) {
        gdb_forget_error();
        return item;
    }
    ((struct nameless *)self)->decorator = item;
    return self;
}

static PyObject *new_line(struct lines *lines, size_t index, size_t level)
{
    PyObject *self = new_object(line_type);
    if (self == NULL)
        return NULL;
    struct line *line = (struct line *)self;
    line->stacks = both_stacks_keep(lines->stacks);
    line->frame = &lines->stacks->python_frames[index];
    line->console = lines->console;
    line->c_frame = lines->c_frame;
    line->level = level;
    Py_INCREF(line->c_frame);
    return self;
}

/* What stands for a decorator's C frame. The frames come in the order of the stack, but others' filters may leave some out. */
static const struct spprof_native_run *find_run(struct lines *lines, PyObject *frame)
{
    size_t count = (size_t)PyList_Size(lines->stacks->c_frames);
    for (size_t level = lines->level; level < count; level++) {
        int equal = PyObject_RichCompareBool(PyList_GetItem(lines->stacks->c_frames, (Py_ssize_t)level), frame, Py_EQ);
        if (equal < 0)
            gdb_forget_error();
        if (equal > 0) {
            lines->level = level + 1;
            return &lines->stacks->runs[level];
        }
    }
    return NULL;
}

/* Whether a decorator is to be shown as it is; else its Python frames are next, if it has any. */
static bool stands(struct lines *lines, PyObject *item)
{
    bool first = !lines->begun;
    lines->begun = true;
    PyObject *frame = gdb_call_of(item, "inferior_frame");
    if (frame == NULL)
        return true;
    Py_XDECREF(lines->c_frame);
    lines->c_frame = frame;
    const struct spprof_native_run *run = find_run(lines, frame);
    if (run != NULL && run->role == SPPROF_NATIVE_EVALUATOR) {
        lines->next = run->first;
        lines->end = run->first + run->count;
        return false;
    }
    return first || run == NULL || run->role == SPPROF_NATIVE_OTHER; /* where gdb begins there is a line, whatever it is */
}

static void tell(const char *text)
{
    if (!show_text(text, strlen(text)))
        gdb_forget_error();
}

/* What is said before the frames that are shown apart, and what is said of a stack that ends early. */
static void tell_rest(struct lines *lines)
{
    if (lines->told)
        return;
    lines->told = true;
    if (lines->stacks->apart_count > 0)
        tell(lines->stacks->apart_count < lines->stacks->python_frame_count
                 ? "spprof: the C frames of these Python frames were not met:\n"
                 : "spprof: which C frame runs which Python frame cannot be told for sure. The Python frames:\n");
}

static void tell_end(struct lines *lines)
{
    char text[512];
    if (lines->stacks->truncated == NULL)
        return;
    snprintf(text, sizeof text, "spprof: the Python stack ends early: %s\n", lines->stacks->truncated);
    tell(text);
}

static PyObject *next_apart(struct lines *lines)
{
    tell_rest(lines);
    if (lines->c_frame != NULL && lines->next_apart < lines->stacks->apart_count)
        return new_line(lines, lines->stacks->apart[lines->next_apart++], APART);
    if (lines->next_apart++ == lines->stacks->apart_count)
        tell_end(lines);
    return NULL;
}

static PyObject *lines_next(PyObject *self)
{
    struct lines *lines = (struct lines *)self;
    PyObject *item;
    if (lines->next < lines->end)
        return new_line(lines, lines->next++, lines->level);
    while ((item = PyIter_Next(lines->items)) != NULL) {
        if (stands(lines, item))
            return with_name(item, lines->c_frame);
        Py_DECREF(item);
        if (lines->next < lines->end)
            return new_line(lines, lines->next++, lines->level);
    }
    return PyErr_Occurred() == NULL ? next_apart(lines) : NULL;
}

static void lines_free(PyObject *self)
{
    struct lines *lines = (struct lines *)self;
    Py_XDECREF(lines->items);
    Py_XDECREF(lines->c_frame);
    both_stacks_release(lines->stacks);
    free_object(self);
}

static PyMethodDef variable_methods[] = {
    {"symbol", variable_symbol, METH_NOARGS, "Its name."},
    {"value", variable_value, METH_NOARGS, "Its value, as repr() gives it."},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef line_methods[] = {
    {"function", line_function, METH_NOARGS, "The qualified name of the function."},
    {"filename", line_filename, METH_NOARGS, "The file, as Python names it."},
    {"line", line_line, METH_NOARGS, "The line that runs."},
    {"frame_locals", line_locals, METH_NOARGS, "Arguments and local variables."},
    {"inferior_frame", line_inferior_frame, METH_NOARGS, "The C frame that runs this Python frame."},
    {"address", line_nothing, METH_NOARGS, "None: a line of Python has no address."},
    {"frame_args", line_nothing, METH_NOARGS, "None: arguments are among the local variables."},
    {"elided", line_nothing, METH_NOARGS, "None."},
    {NULL, NULL, 0, NULL},
};

#define SLOT(slot, function) {slot, (void *)(uintptr_t)(function)}

static PyType_Slot variable_slots[] = {SLOT(Py_tp_dealloc, variable_free), {Py_tp_methods, variable_methods}, {0, NULL}};
static PyType_Slot line_slots[] = {SLOT(Py_tp_dealloc, line_free), {Py_tp_methods, line_methods}, {0, NULL}};
static PyType_Slot nameless_slots[] = {SLOT(Py_tp_dealloc, nameless_free), SLOT(Py_tp_getattro, nameless_get), {0, NULL}};
static PyType_Slot lines_slots[] = {
    SLOT(Py_tp_dealloc, lines_free),
    SLOT(Py_tp_iter, PyObject_SelfIter),
    SLOT(Py_tp_iternext, lines_next),
    {0, NULL},
};

static bool make_type(PyObject **type, const char *name, size_t size, PyType_Slot *slots)
{
    PyType_Spec spec = {.name = name, .basicsize = (int)size, .flags = Py_TPFLAGS_DEFAULT, .slots = slots};
    if (*type == NULL)
        *type = PyType_FromSpec(&spec);
    return *type != NULL;
}

bool frame_lines_init(void)
{
    return make_type(&variable_type, "spprof.Variable", sizeof(struct variable), variable_slots) &&
           make_type(&line_type, "spprof.PythonFrame", sizeof(struct line), line_slots) &&
           make_type(&nameless_type, "spprof.NamelessFrame", sizeof(struct nameless), nameless_slots) &&
           make_type(&lines_type, "spprof.Frames", sizeof(struct lines), lines_slots);
}

PyObject *frame_lines_new(PyObject *items, struct both_stacks *stacks, struct spprof_console *console)
{
    PyObject *iterator = PyObject_GetIter(items);
    PyObject *self = iterator != NULL ? new_object(lines_type) : NULL;
    if (self == NULL) {
        Py_XDECREF(iterator);
        return NULL;
    }
    struct lines *lines = (struct lines *)self;
    lines->items = iterator;
    lines->stacks = both_stacks_keep(stacks);
    lines->console = console;
    return self;
}
