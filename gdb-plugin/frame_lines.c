#include "frame_lines.h"

#include <stdio.h>
#include <string.h>

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
};

/* One of its variables. */
struct variable {
    PyObject_HEAD
    PyObject *name, *value;
};

static PyObject *lines_type, *line_type, *variable_type;

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
    PyObject *value = ((struct variable *)self)->value;
    Py_INCREF(value);
    return value;
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

static PyObject *line_function(PyObject *self, PyObject *unused)
{
    (void)unused;
    return showable(((struct line *)self)->frame->function);
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

static PyObject *new_line(struct lines *lines, size_t index)
{
    PyObject *self = new_object(line_type);
    if (self == NULL)
        return NULL;
    struct line *line = (struct line *)self;
    line->stacks = both_stacks_keep(lines->stacks);
    line->frame = &lines->stacks->python_frames[index];
    line->console = lines->console;
    line->c_frame = lines->c_frame;
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
        return new_line(lines, lines->stacks->apart[lines->next_apart++]);
    if (lines->next_apart++ == lines->stacks->apart_count)
        tell_end(lines);
    return NULL;
}

static PyObject *lines_next(PyObject *self)
{
    struct lines *lines = (struct lines *)self;
    PyObject *item;
    if (lines->next < lines->end)
        return new_line(lines, lines->next++);
    while ((item = PyIter_Next(lines->items)) != NULL) {
        if (stands(lines, item))
            return item;
        Py_DECREF(item);
        if (lines->next < lines->end)
            return new_line(lines, lines->next++);
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

static PyObject *make_type(const char *name, size_t size, void (*release)(PyObject *), PyMethodDef *methods, iternextfunc next)
{
    PyType_Slot slots[5] = {{Py_tp_dealloc, (void *)(uintptr_t)release}};
    size_t count = 1;
    if (methods != NULL)
        slots[count++] = (PyType_Slot){Py_tp_methods, methods};
    if (next != NULL) {
        slots[count++] = (PyType_Slot){Py_tp_iter, (void *)(uintptr_t)PyObject_SelfIter};
        slots[count++] = (PyType_Slot){Py_tp_iternext, (void *)(uintptr_t)next};
    }
    PyType_Spec spec = {.name = name, .basicsize = (int)size, .flags = Py_TPFLAGS_DEFAULT, .slots = slots};
    return PyType_FromSpec(&spec);
}

bool frame_lines_init(void)
{
    if (lines_type != NULL)
        return true;
    variable_type = make_type("spprof.Variable", sizeof(struct variable), variable_free, variable_methods, NULL);
    line_type = make_type("spprof.PythonFrame", sizeof(struct line), line_free, line_methods, NULL);
    if (variable_type != NULL && line_type != NULL)
        lines_type = make_type("spprof.Frames", sizeof(struct lines), lines_free, NULL, lines_next);
    return lines_type != NULL;
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
