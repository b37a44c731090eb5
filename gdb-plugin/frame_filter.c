#include "frame_filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare_text.h"
#include "mixed_stack.h"
#include "frame_lines.h"
#include "gdb.h"
#include "inferior.h"
#include "show.h"

enum { PRIORITY = 100 };

static struct spprof_console *console;
static PyObject *setting; /* gdb.Parameter */

struct filter {
    PyObject_HEAD
    PyObject *enabled; /* as `enable frame-filter` and `disable frame-filter` have it */
};

static bool is_on(void)
{
    OWNED value = gdb_get_of(setting, "value");
    return value == Py_True;
}

/* Without Python in the program gdb is to print its backtrace in its own way, as if there were no filter. */
static PyObject *get_enabled(PyObject *self, void *unused)
{
    (void)unused;
    int enabled = PyObject_IsTrue(((struct filter *)self)->enabled);
    if (enabled < 0)
        gdb_forget_error();
    if (enabled > 0 && is_on()) {
        inferior_begin();
        enabled = spprof_console_has_python(console);
    } else {
        enabled = 0;
    }
    return PyBool_FromLong(enabled);
}

static int set_enabled(PyObject *self, PyObject *value, void *unused)
{
    (void)unused;
    struct filter *filter = (struct filter *)self;
    PyObject *before = filter->enabled;
    filter->enabled = value != NULL ? value : Py_False;
    Py_INCREF(filter->enabled);
    Py_XDECREF(before);
    return 0;
}

static PyObject *get_name(PyObject *self, void *unused)
{
    (void)self;
    (void)unused;
    return PyUnicode_FromString("spprof");
}

static PyObject *get_priority(PyObject *self, void *unused)
{
    (void)self;
    (void)unused;
    return PyLong_FromLong(PRIORITY);
}

/* `bt` must go on whatever happens here: the plain frames are shown then. */
static void tell_failure(struct spprof_error *error)
{
    char *message = mixed_stack_escaped(error->message, strlen(error->message)), *text;
    if (message != NULL && asprintf(&text, "spprof: bt shows C frames only: %s\n", message) >= 0) {
        if (!show_text(text, strlen(text)))
            gdb_forget_error();
        free(text);
    }
    free(message);
    spprof_error_free(error);
}

static PyObject *filter_frames(PyObject *self, PyObject *items)
{
    struct mixed_stack *stacks;
    (void)self;
    inferior_begin();
    struct spprof_error *error = mixed_stack_read(console, &stacks);
    PyObject *lines = frame_lines_new(items, stacks, console);
    if (error != NULL && !gdb_interrupted())
        tell_failure(error);
    else
        spprof_error_free(error);
    mixed_stack_release(stacks);
    if (gdb_interrupted()) {
        Py_XDECREF(lines);
        PyErr_SetNone(PyExc_KeyboardInterrupt);
        return NULL;
    }
    if (lines != NULL)
        return lines;
    PyErr_Clear();
    Py_INCREF(items);
    return items;
}

static void filter_free(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    Py_XDECREF(((struct filter *)self)->enabled);
    release(self);
    Py_DECREF(type);
}

static PyGetSetDef filter_attributes[] = {
    {"name", get_name, NULL, NULL, NULL},
    {"priority", get_priority, NULL, NULL, NULL},
    {"enabled", get_enabled, set_enabled, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef filter_methods[] = {
    {"filter", filter_frames, METH_O, "Puts Python frames in place of the C frames that run them."},
    {NULL, NULL, 0, NULL},
};

static PyObject *make_filter(void)
{
    PyType_Slot slots[] = {
        {Py_tp_dealloc, (void *)(uintptr_t)filter_free},
        {Py_tp_getset, filter_attributes},
        {Py_tp_methods, filter_methods},
        {0, NULL},
    };
    PyType_Spec spec = {.name = "spprof.FrameFilter", .basicsize = sizeof(struct filter), .flags = Py_TPFLAGS_DEFAULT, .slots = slots};
    OWNED type = PyType_FromSpec(&spec);
    PyObject *filter = type != NULL ? PyObject_CallObject(type, NULL) : NULL;
    if (filter != NULL)
        set_enabled(filter, Py_True, NULL);
    return filter;
}

/* gdb's dictionary of filters that hold for every program; those of others stay in it. */
static bool define_filter(void)
{
    OWNED filters = gdb_get("frame_filters");
    OWNED filter = filters != NULL ? make_filter() : NULL;
    return filter != NULL && PyMapping_SetItemString(filters, "spprof", filter) == 0;
}

static PyObject *nothing_to_say(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    return PyUnicode_FromString("");
}

static PyMethodDef set_text = {"get_set_string", nothing_to_say, METH_VARARGS, NULL};

static bool define_prefix(const char *name, const char *doc)
{
    OWNED base = gdb_get("Command");
    OWNED kind = gdb_get("COMMAND_STACK");
    OWNED none = gdb_get("COMPLETE_NONE");
    OWNED type = base != NULL ? PyObject_CallFunction((PyObject *)&PyType_Type, "s(O){ss}", "SpprofPrefix", base, "__doc__", doc) : NULL;
    OWNED command = type != NULL && kind != NULL && none != NULL ? PyObject_CallFunction(type, "sOOO", name, kind, none, Py_True) : NULL;
    return command != NULL;
}

static bool define_setting(void)
{
    OWNED base = gdb_get("Parameter");
    OWNED kind = gdb_get("COMMAND_STACK");
    OWNED boolean = gdb_get("PARAM_BOOLEAN");
    OWNED quiet = PyCFunction_New(&set_text, NULL);
    OWNED type = base != NULL && quiet != NULL ? PyObject_CallFunction((PyObject *)&PyType_Type, "s(O){sssssssO}", "SpprofBtPython", base, "__doc__",
                                                                       "When on, bt shows Python frames in place of the interpreter's C frames.\n"
                                                                       "\"bt -no-filters\" shows the C frames alone, once.",
                                                                       "set_doc", "Set whether bt shows Python frames.", "show_doc",
                                                                       "Show whether bt shows Python frames.", "get_set_string", quiet)
                                               : NULL;
    if (type == NULL || kind == NULL || boolean == NULL)
        return false;
    setting = PyObject_CallFunction(type, "sOO", "spprof bt-python", kind, boolean);
    return setting != NULL && PyObject_SetAttrString(setting, "value", Py_True) == 0;
}

bool frame_filter_define(struct spprof_console *of)
{
    console = of;
    if (setting != NULL)
        return define_filter();
    return frame_lines_init() && bare_text_init() && define_prefix("set spprof", "Settings of spprof.") &&
           define_prefix("show spprof", "Show the settings of spprof.") && define_setting() && define_filter();
}
