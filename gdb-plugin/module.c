/* The extension that spprof-gdb.py loads. */
#include "commands.h"
#include "gdb.h"
#include "run.h"

static PyObject *forget(PyObject *self, PyObject *event)
{
    (void)self;
    if (!run_heard(event))
        commands_forget();
    Py_RETURN_NONE;
}

/* CPython's script comes with its interpreter's file, and takes the names over without a word. */
static PyObject *defend(PyObject *self, PyObject *arguments)
{
    (void)self;
    (void)arguments;
    if (!run_is_active() && !commands_defend())
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef forget_definition = {"spprof_forget", forget, METH_O, NULL};
static PyMethodDef defend_definition = {"spprof_defend", defend, METH_VARARGS, NULL};

/* An event that this gdb does not have is none that could be missed. */
static bool connect(const char *name, PyMethodDef *definition)
{
    OWNED events = gdb_get("events");
    OWNED event = gdb_get_of(events, name);
    if (event == NULL)
        return true;
    OWNED function = PyCFunction_New(definition, NULL);
    OWNED connected = function != NULL ? PyObject_CallMethod(event, "connect", "O", function) : NULL;
    return connected != NULL;
}

static bool connect_all(void)
{
    static const char *const changes[] = {
        "stop",           "cont",          "exited",           "new_objfile",        "free_objfile",      "clear_objfiles",
        "memory_changed", "inferior_call", "inferior_deleted", "connection_removed", "executable_changed"};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
        if (!connect(changes[i], &forget_definition))
            return false;
    return connect("stop", &defend_definition) && connect("before_prompt", &defend_definition);
}

/* Once for each time that the loader is sourced. */
static PyObject *load(PyObject *self, PyObject *arguments)
{
    static bool connected;
    (void)self;
    (void)arguments;
    if (!gdb_import() || !commands_define())
        return NULL;
    if (!connected && !connect_all())
        return NULL;
    connected = true;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"load", load, METH_NOARGS, "Defines the commands."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "spprof_gdb", "Python stacks of the program that gdb looks at.", -1, functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_spprof_gdb(void);

PyMODINIT_FUNC PyInit_spprof_gdb(void)
{
    return PyModule_Create(&definition);
}
