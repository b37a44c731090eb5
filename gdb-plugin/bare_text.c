#include "bare_text.h"

#include <string.h>

#include "gdb.h"

enum { KEPT = 512 };

/* Such a value is an array of one number, the number of a text, and this is its lower bound: no program has arrays like that. */
#define LOWER_BOUND 0x5350524f46LL

static PyObject *texts[KEPT];
static unsigned long long newest;
static PyObject *printer_type;

struct printer {
    PyObject_HEAD
    PyObject *text;
};

static PyObject *printer_text(PyObject *self, PyObject *unused)
{
    (void)unused;
    PyObject *text = ((struct printer *)self)->text;
    Py_INCREF(text);
    return text;
}

static void printer_free(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    Py_XDECREF(((struct printer *)self)->text);
    release(self);
    Py_DECREF(type);
}

/* array[LOWER_BOUND] */
static bool number_of(PyObject *array, unsigned long long *number)
{
    OWNED index = PyLong_FromLongLong(LOWER_BOUND);
    OWNED element = index != NULL ? PyObject_GetItem(array, index) : NULL;
    OWNED integer = element != NULL ? PyNumber_Long(element) : NULL;
    *number = integer != NULL ? PyLong_AsUnsignedLongLong(integer) : 0;
    if (PyErr_Occurred() == NULL)
        return true;
    gdb_forget_error();
    return false;
}

static bool is_ours(PyObject *value)
{
    OWNED type = gdb_get_of(value, "type");
    OWNED code = gdb_get_of(type, "code");
    OWNED array = gdb_get("TYPE_CODE_ARRAY");
    if (code == NULL || array == NULL || PyObject_RichCompareBool(code, array, Py_EQ) != 1)
        return false;
    OWNED range = gdb_call_of(type, "range");
    return range != NULL && PyTuple_Check(range) && PyTuple_Size(range) == 2 && gdb_number(PyTuple_GetItem(range, 0), 0) == LOWER_BOUND;
}

/* What gdb asks of every value that it prints. */
static PyObject *find_printer(PyObject *self, PyObject *value)
{
    unsigned long long number;
    (void)self;
    if (!is_ours(value) || !number_of(value, &number) || number > newest || newest - number >= KEPT || texts[number % KEPT] == NULL)
        Py_RETURN_NONE;
    PyObject *printer = PyObject_CallObject(printer_type, NULL);
    if (printer != NULL) {
        ((struct printer *)printer)->text = texts[number % KEPT];
        Py_INCREF(((struct printer *)printer)->text);
    }
    return printer;
}

static PyMethodDef find_definition = {"spprof", find_printer, METH_O, "Prints the values of Python variables."};

static PyMethodDef printer_methods[] = {
    {"to_string", printer_text, METH_NOARGS, "The text."},
    {NULL, NULL, 0, NULL},
};

bool bare_text_init(void)
{
    PyType_Slot slots[] = {{Py_tp_dealloc, (void *)(uintptr_t)printer_free}, {Py_tp_methods, printer_methods}, {0, NULL}};
    PyType_Spec spec = {.name = "spprof.BareText", .basicsize = sizeof(struct printer), .flags = Py_TPFLAGS_DEFAULT, .slots = slots};
    if (printer_type != NULL)
        return true;
    OWNED printers = gdb_get("pretty_printers");
    OWNED find = PyCFunction_New(&find_definition, NULL);
    if (printers == NULL || find == NULL || PyList_Append(printers, find) != 0)
        return false;
    printer_type = PyType_FromSpec(&spec);
    return printer_type != NULL;
}

/* gdb's own type for Python's integers, of whatever length, as an array that begins at the bound. */
static PyObject *array_of_number(PyObject *number)
{
    OWNED type = gdb_get_of(number, "type");
    OWNED make = gdb_get_of(type, "array");
    return make != NULL ? PyObject_CallFunction(make, "LL", LOWER_BOUND, LOWER_BOUND) : NULL;
}

static PyObject *make_value(unsigned long long number)
{
    OWNED value_type = gdb_get("Value");
    OWNED value = value_type != NULL ? PyObject_CallFunction(value_type, "K", number) : NULL;
    OWNED type = value != NULL ? array_of_number(value) : NULL;
    OWNED size = gdb_get_of(type, "sizeof");
    OWNED plain = PyLong_FromUnsignedLongLong(number);
    OWNED bytes = size != NULL && plain != NULL ? PyObject_CallMethod(plain, "to_bytes", "Os", size, "little") : NULL;
    return bytes != NULL ? PyObject_CallFunction(value_type, "OO", bytes, type) : NULL;
}

PyObject *bare_text_value(PyObject *text)
{
    PyObject *value = make_value(++newest);
    Py_XDECREF(texts[newest % KEPT]);
    texts[newest % KEPT] = text;
    Py_INCREF(text);
    if (value != NULL)
        return value;
    gdb_forget_error(); /* an old gdb shows it as a string of C */
    Py_INCREF(text);
    return text;
}
