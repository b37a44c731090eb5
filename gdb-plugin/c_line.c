#include "c_line.h"

#include "c_stack.h"
#include "gdb.h"

struct c_line {
    PyObject_HEAD
    PyObject *decorator;
    bool nameless, dap;
    bool asked_for_address; /* by `bt`, or by -stack-list-frames */
};

static PyObject *c_line_type;

static PyObject *function(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    return PyUnicode_FromString("??");
}

static bool is_one_of(PyObject *class, const char *const *names)
{
    for (; *names != NULL; names++) {
        OWNED one = gdb_get(*names);
        if (one != NULL && PyObject_RichCompareBool(class, one, Py_EQ) == 1)
            return true;
    }
    return false;
}

/* What is no gdb.Symbol is text, which gdb prints in any case. */
static bool is_printed(PyObject *argument)
{
    static const char *const printed[] = {"SYMBOL_LOC_ARG",    "SYMBOL_LOC_REF_ARG",  "SYMBOL_LOC_REGPARM_ADDR", "SYMBOL_LOC_LOCAL",
                                          "SYMBOL_LOC_STATIC", "SYMBOL_LOC_REGISTER", "SYMBOL_LOC_COMPUTED",     NULL};
    OWNED symbol = gdb_call_of(argument, "symbol");
    OWNED class = gdb_get_of(symbol, "addr_class");
    OWNED is_argument = gdb_get_of(symbol, "is_argument");
    return class == NULL || (is_argument == Py_True && is_one_of(class, printed));
}

/*
 * The machine interface leaves out what was optimised away; where a frame filter is at work gdb does not come past such an argument, and hangs
 * (enumerate_args of py-framefilter.c).
 */
static PyObject *without_hidden(PyObject *arguments)
{
    PyObject *kept = PyList_New(0);
    OWNED iterator = PyObject_GetIter(arguments);
    PyObject *argument;
    while (kept != NULL && iterator != NULL && (argument = PyIter_Next(iterator)) != NULL) {
        if (is_printed(argument) && PyList_Append(kept, argument) != 0)
            Py_CLEAR(kept);
        Py_DECREF(argument);
    }
    if (PyErr_Occurred() != NULL)
        Py_CLEAR(kept);
    return kept;
}

static PyObject *frame_args(PyObject *self, PyObject *unused)
{
    (void)unused;
    const struct c_line *line = (const struct c_line *)self;
    PyObject *arguments = PyObject_CallMethod(line->decorator, "frame_args", NULL);
    if (arguments == NULL || arguments == Py_None || line->asked_for_address)
        return arguments;
    PyObject *kept = without_hidden(arguments);
    Py_DECREF(arguments);
    return kept;
}

static PyMethodDef function_definition = {"function", function, METH_NOARGS, NULL};
static PyMethodDef arguments_definition = {"frame_args", frame_args, METH_NOARGS, NULL};

static PyObject *get_attribute(PyObject *self, PyObject *name)
{
    struct c_line *line = (struct c_line *)self;
    if (PyUnicode_CompareWithASCIIString(name, "address") == 0)
        line->asked_for_address = true;
    if (line->nameless && PyUnicode_CompareWithASCIIString(name, "function") == 0)
        return PyCFunction_New(&function_definition, self);
    if (!line->dap && PyUnicode_CompareWithASCIIString(name, "frame_args") == 0)
        return PyCFunction_New(&arguments_definition, self);
    return PyObject_GetAttr(line->decorator, name);
}

static void line_free(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    Py_XDECREF(((struct c_line *)self)->decorator);
    release(self);
    Py_DECREF(type);
}

bool c_line_init(void)
{
    PyType_Slot slots[] = {
        {Py_tp_dealloc, (void *)(uintptr_t)line_free},
        {Py_tp_getattro, (void *)(uintptr_t)get_attribute},
        {0, NULL},
    };
    PyType_Spec spec = {.name = "spprof.CFrame", .basicsize = sizeof(struct c_line), .flags = Py_TPFLAGS_DEFAULT, .slots = slots};
    if (c_line_type == NULL)
        c_line_type = PyType_FromSpec(&spec);
    return c_line_type != NULL;
}

/* Whether a decorator shows a name that gdb itself does not know: another filter may have found one. */
static bool has_name(PyObject *decorator)
{
    OWNED shown = gdb_call_of(decorator, "function");
    return shown != NULL && PyUnicode_Check(shown) && PyUnicode_CompareWithASCIIString(shown, "???") != 0;
}

PyObject *c_line_new(PyObject *decorator, PyObject *c_frame, bool dap)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot((PyTypeObject *)c_line_type, Py_tp_alloc);
    struct c_line *line = (struct c_line *)allocate((PyTypeObject *)c_line_type, 0);
    if (line == NULL) {
        gdb_forget_error();
        return decorator;
    }
    line->decorator = decorator;
    line->nameless = c_frame != NULL && c_stack_is_nameless(c_frame) && !has_name(decorator);
    line->dap = dap;
    return (PyObject *)line;
}
