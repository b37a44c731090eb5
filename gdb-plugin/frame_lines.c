#include "frame_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare_text.h"
#include "c_line.h"
#include "gdb.h"
#include "inferior.h"
#include "show.h"

/* Who asks for the lines: gdb's own `bt` and its machine interface by the same functions, and the adapter of the debug adapter protocol. */
struct lines {
    PyObject_HEAD
    PyObject *items;
    struct mixed_stack *stacks; /* NULL: no Python frames are put in place of C frames */
    struct spprof_console *console;
    bool dap;
    PyObject *c_frame;                      /* the last that was met */
    size_t level;                           /* of it */
    size_t next, end;                       /* python_frames that c_frame runs and that are still to come */
    PyObject *last;                         /* the first line of these, as long as it may take them along; NULL: none */
    size_t *apart, apart_count, next_apart; /* python_frames without a C frame, once they are known */
    bool begun, told;
};

/*
 * A Python frame. gdb numbers C frames, and a program that speaks to gdb wants a number with each frame: there, Python frames that share a C
 * frame are children of the newest of them.
 */
struct line {
    PyObject_HEAD
    struct mixed_stack *stacks;
    const struct python_frame *frame;
    struct spprof_console *console;
    PyObject *c_frame;
    size_t level;     /* that gdb numbers it with; APART: none */
    size_t next, end; /* python_frames that may be its children */
    bool dap, child;
    bool asked_for_address, asked_for_arguments, has_taken;
};

/* One of its variables. */
struct variable {
    PyObject_HEAD
    PyObject *name, *value;
};

#define APART SIZE_MAX

static PyObject *lines_type, *line_type, *variable_type, *name_type;

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
    char *name = mixed_stack_escaped(from->name.bytes, from->name.size), *value = mixed_stack_escaped(from->value.bytes, from->value.size);
    OWNED object = name != NULL && value != NULL ? new_object(variable_type) : NULL;
    if (object != NULL) {
        OWNED text = showable(name);
        ((struct variable *)object)->name = text != NULL ? PyObject_CallFunctionObjArgs(name_type, text, NULL) : NULL;
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
    const struct spprof_thread *thread;
    const struct python_frame *wanted = line->frame;
    struct spprof_error *error = spprof_console_values(line->console, wanted->thread, &thread);
    spprof_error_free(error);
    if (error != NULL || wanted->depth >= thread->frame_count)
        return NULL;
    const struct spprof_frame *frame = &thread->frames[wanted->depth];
    return frame->address == wanted->address ? frame : NULL;
}

static bool is_argument(const struct spprof_variable *variable)
{
    return variable->kind <= SPPROF_VARIABLE_KEYWORDS;
}

static PyObject *list_variables(const struct line *line, bool arguments, bool others)
{
    PyObject *variables = PyList_New(0);
    inferior_begin();
    const struct spprof_frame *frame = variables != NULL ? read_values(line) : NULL;
    for (size_t i = 0; frame != NULL && i < frame->variable_count; i++) {
        bool wanted = is_argument(&frame->variables[i]) ? arguments : others;
        if (wanted && !add_variable(variables, &frame->variables[i]))
            gdb_forget_error();
    }
    return variables;
}

/* `bt` asks for the address first, and would print whole values between parentheses: there, arguments are among the variables of `bt full`. */
static bool is_of_bt(const struct line *line)
{
    return line->asked_for_address && !line->dap;
}

static PyObject *line_arguments(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct line *line = (struct line *)self;
    line->asked_for_arguments = true;
    if (is_of_bt(line))
        Py_RETURN_NONE;
    return list_variables(line, true, false);
}

static PyObject *line_locals(PyObject *self, PyObject *unused)
{
    (void)unused;
    const struct line *line = (const struct line *)self;
    return list_variables(line, is_of_bt(line), true);
}

/*
 * gdb numbers only the first of the lines that share a C frame, as far as it prints them: in the others blanks take the place of the
 * number.
 */
static bool is_numbered(const struct line *line)
{
    struct mixed_stack *stacks = line->stacks;
    if (line->level == APART)
        return false;
    if (line->child || line->dap) /* gdb indents children itself */
        return true;
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
    return name != NULL ? PyUnicode_FromFormat("%s%U", is_numbered(line) || line->dap ? "" : "    ", name) : NULL;
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

/* The adapter asks for it where its user looks at this line. */
static PyObject *line_inferior_frame(PyObject *self, PyObject *unused)
{
    (void)unused;
    const struct line *line = (const struct line *)self;
    if (line->dap)
        spprof_console_prefer(line->console, line->frame->thread, line->frame->address);
    Py_INCREF(line->c_frame);
    return line->c_frame;
}

/* For programs; `bt` prints none, as nobody could set a breakpoint at a line of Python by it. */
static PyObject *line_address(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct line *line = (struct line *)self;
    line->asked_for_address = true;
    if (!line->dap && !gdb_speaks_mi())
        Py_RETURN_NONE;
    if (line->level == APART)
        return PyLong_FromLong(0);
    return PyObject_CallMethod(line->c_frame, "pc", NULL);
}

/* `bt` asks for both before, -stack-list-frames only for the address, -stack-list-arguments only for the arguments, and both want children. */
static bool wants_children(const struct line *line)
{
    if (line->dap)
        return false;
    return gdb_speaks_mi() ? line->asked_for_address || line->asked_for_arguments : line->asked_for_address != line->asked_for_arguments;
}

static PyObject *new_child(const struct line *parent, size_t index);

static PyObject *line_elided(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct line *line = (struct line *)self;
    if (line->next == line->end || !wants_children(line))
        Py_RETURN_NONE;
    PyObject *children = PyList_New(0);
    for (size_t i = line->next; children != NULL && i < line->end; i++) {
        OWNED child = new_child(line, i);
        if (child == NULL || PyList_Append(children, child) != 0)
            Py_CLEAR(children);
    }
    line->has_taken = children != NULL;
    return children;
}

static void line_free(PyObject *self)
{
    mixed_stack_release(((struct line *)self)->stacks);
    Py_XDECREF(((struct line *)self)->c_frame);
    free_object(self);
}

static struct line *make_line(struct mixed_stack *stacks, struct spprof_console *console, PyObject *c_frame, size_t index, size_t level)
{
    struct line *line = (struct line *)new_object(line_type);
    if (line == NULL)
        return NULL;
    line->stacks = mixed_stack_keep(stacks);
    line->frame = &stacks->python_frames[index];
    line->console = console;
    line->c_frame = c_frame;
    line->level = level;
    Py_INCREF(c_frame);
    return line;
}

static PyObject *new_child(const struct line *parent, size_t index)
{
    struct line *line = make_line(parent->stacks, parent->console, parent->c_frame, index, parent->level);
    if (line != NULL)
        line->child = true;
    return (PyObject *)line;
}

static PyObject *new_line(const struct lines *lines, size_t index, size_t level)
{
    struct line *line = make_line(lines->stacks, lines->console, lines->c_frame, index, level);
    if (line != NULL)
        line->dap = lines->dap;
    return (PyObject *)line;
}

/* What stands for a decorator's C frame; frames that are not of the stack, and those of others' making, stand as they are. */
static bool find_run(struct lines *lines, PyObject *frame, struct spprof_native_run *run)
{
    lines->level = c_stack_level(frame);
    if (lines->stacks == NULL || !mixed_stack_run(lines->stacks, lines->level, run))
        return false;
    int equal = PyObject_RichCompareBool(c_stack_frame(&lines->stacks->c_stack, lines->level), frame, Py_EQ);
    if (equal < 0)
        gdb_forget_error();
    return equal > 0;
}

/* The adapter's frames have a decorator of their own (gdb 14 and later), which others' filters may have put into theirs. */
static bool is_of_adapter(PyObject *item)
{
    enum { FILTERS_MAX = 32 };
    PyObject *decorator = item;
    bool found = false;
    Py_INCREF(decorator);
    for (int i = 0; i < FILTERS_MAX && decorator != NULL && !found; i++) {
        OWNED type = PyObject_Type(decorator);
        OWNED name = gdb_get_of(type, "__name__");
        found = name != NULL && PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "DAPFrameDecorator") == 0;
        PyObject *base = gdb_get_of(decorator, "_base");
        Py_DECREF(decorator);
        decorator = base;
    }
    Py_XDECREF(decorator);
    return found;
}

/* Whether a decorator is to be shown as it is; else its Python frames are next, if it has any. */
static bool stands(struct lines *lines, PyObject *item)
{
    bool first = !lines->begun;
    struct spprof_native_run run;
    if (first)
        lines->dap = is_of_adapter(item);
    lines->begun = true;
    PyObject *frame = gdb_call_of(item, "inferior_frame");
    if (frame == NULL)
        return true;
    Py_XDECREF(lines->c_frame);
    lines->c_frame = frame;
    bool found = find_run(lines, frame, &run);
    if (found && run.role == SPPROF_NATIVE_EVALUATOR) {
        lines->next = run.first;
        lines->end = run.first + run.count;
        return false;
    }
    return first || !found || run.role == SPPROF_NATIVE_OTHER; /* where gdb begins there is a line, whatever it is */
}

static void tell(const char *text)
{
    if (!show_text(text, strlen(text)))
        gdb_forget_error();
}

/* What is said before the frames that are shown apart; a program gets no frame that has no number. */
static void tell_apart(const struct lines *lines)
{
    bool all = lines->apart_count == lines->stacks->python_frame_count;
    if (lines->apart_count == 0)
        return;
    tell(all ? "spprof: which C frame runs which Python frame cannot be told for sure. "
             : "spprof: the C frames of these Python frames were not met");
    if (gdb_speaks_mi())
        tell(all ? "py-bt shows the Python frames.\n" : ", and they are not listed: py-bt shows them.\n");
    else
        tell(all ? "The Python frames:\n" : ":\n");
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
    if (lines->stacks == NULL || lines->c_frame == NULL)
        return NULL;
    if (!lines->told) {
        lines->told = true;
        lines->apart = mixed_stack_apart(lines->stacks, &lines->apart_count);
        tell_apart(lines);
        if (gdb_speaks_mi() && !lines->dap)
            lines->next_apart = lines->apart_count;
    }
    if (lines->apart != NULL && lines->next_apart < lines->apart_count)
        return new_line(lines, lines->apart[lines->next_apart++], APART);
    if (lines->next_apart++ == lines->apart_count)
        tell_end(lines);
    return NULL;
}

/* The first of the Python frames that share a C frame. */
static PyObject *first_line(struct lines *lines)
{
    PyObject *self = new_line(lines, lines->next++, lines->level);
    if (self == NULL)
        return NULL;
    ((struct line *)self)->next = lines->next;
    ((struct line *)self)->end = lines->end;
    Py_XDECREF(lines->last);
    lines->last = self;
    Py_INCREF(self);
    return self;
}

/* Whether the Python frames that are still to come are children of the line before, or are going to be. */
static bool are_children(const struct lines *lines)
{
    const struct line *last = (const struct line *)lines->last;
    return last != NULL && (last->has_taken || (gdb_speaks_mi() && !lines->dap));
}

/* Ctrl-C while the stack was unwound: what is known of it is not whole. */
static bool was_interrupted(void)
{
    if (!gdb_interrupted())
        return false;
    gdb_begin();
    PyErr_SetNone(PyExc_KeyboardInterrupt);
    return true;
}

static PyObject *lines_next(PyObject *self)
{
    struct lines *lines = (struct lines *)self;
    PyObject *item;
    if (was_interrupted())
        return NULL;
    if (lines->next < lines->end && !are_children(lines))
        return new_line(lines, lines->next++, lines->level);
    while ((item = PyIter_Next(lines->items)) != NULL) {
        lines->next = lines->end = 0;
        if (stands(lines, item))
            return c_line_new(item, lines->c_frame, lines->dap);
        Py_DECREF(item);
        if (lines->next < lines->end)
            return first_line(lines);
    }
    return PyErr_Occurred() == NULL ? next_apart(lines) : NULL;
}

static void lines_free(PyObject *self)
{
    struct lines *lines = (struct lines *)self;
    Py_XDECREF(lines->items);
    Py_XDECREF(lines->c_frame);
    Py_XDECREF(lines->last);
    free(lines->apart);
    mixed_stack_release(lines->stacks);
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
    {"frame_args", line_arguments, METH_NOARGS, "Its arguments; None for `bt`."},
    {"frame_locals", line_locals, METH_NOARGS, "Its other variables; for `bt` all."},
    {"inferior_frame", line_inferior_frame, METH_NOARGS, "The C frame that runs this Python frame."},
    {"address", line_address, METH_NOARGS, "Where that C frame stands; None for `bt`."},
    {"elided", line_elided, METH_NOARGS, "For the machine interface, the Python frames that share its C frame."},
    {NULL, NULL, 0, NULL},
};

#define SLOT(slot, function)                                                                                                                         \
    {                                                                                                                                                \
        slot, (void *)(uintptr_t)(function)                                                                                                          \
    }

static PyType_Slot variable_slots[] = {SLOT(Py_tp_dealloc, variable_free), {Py_tp_methods, variable_methods}, {0, NULL}};
static PyType_Slot line_slots[] = {SLOT(Py_tp_dealloc, line_free), {Py_tp_methods, line_methods}, {0, NULL}};
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

/* A str where gdb wants a gdb.Symbol: gdb itself takes either, the adapter asks for the name that is to be shown. */
static bool make_name_type(void)
{
    PyObject *text = (PyObject *)&PyUnicode_Type;
    OWNED print_name = PyObject_CallFunctionObjArgs((PyObject *)&PyProperty_Type, text, NULL);
    if (name_type == NULL && print_name != NULL)
        name_type = PyObject_CallFunction((PyObject *)&PyType_Type, "s(O){sO}", "SpprofName", text, "print_name", print_name);
    return name_type != NULL;
}

bool frame_lines_init(void)
{
    return make_name_type() && c_line_init() && make_type(&variable_type, "spprof.Variable", sizeof(struct variable), variable_slots) &&
           make_type(&line_type, "spprof.PythonFrame", sizeof(struct line), line_slots) &&
           make_type(&lines_type, "spprof.Frames", sizeof(struct lines), lines_slots);
}

PyObject *frame_lines_new(PyObject *items, struct mixed_stack *stacks, struct spprof_console *console)
{
    PyObject *iterator = PyObject_GetIter(items);
    PyObject *self = iterator != NULL ? new_object(lines_type) : NULL;
    if (self == NULL) {
        Py_XDECREF(iterator);
        return NULL;
    }
    struct lines *lines = (struct lines *)self;
    lines->items = iterator;
    lines->stacks = stacks != NULL ? mixed_stack_keep(stacks) : NULL;
    lines->console = console;
    return self;
}
