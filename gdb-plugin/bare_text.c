#include "bare_text.h"

#include <string.h>

#include "gdb.h"

enum { KEPT = 512, NUMBER_BITS = 24 };

/*
 * Such a value is a pointer to void, so that gdb takes it for something simple, which its machine interface shows in short lists, too. The number of
 * a text stands in its low bits; what stands above is no address of any program.
 */
#define MARK (0x5350524f46ULL << NUMBER_BITS)

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

static bool has_code(PyObject *type, const char *code_name)
{
    OWNED code = gdb_get_of(type, "code");
    OWNED wanted = gdb_get(code_name);
    return code != NULL && wanted != NULL && PyObject_RichCompareBool(code, wanted, Py_EQ) == 1;
}

static bool is_pointer_to_void(PyObject *value)
{
    OWNED type = gdb_get_of(value, "type");
    if (!has_code(type, "TYPE_CODE_PTR"))
        return false;
    OWNED target = gdb_call_of(type, "target");
    return has_code(target, "TYPE_CODE_VOID");
}

static bool number_of(PyObject *value, unsigned long long *number)
{
    OWNED integer = is_pointer_to_void(value) ? PyNumber_Long(value) : NULL;
    unsigned long long bits = integer != NULL ? PyLong_AsUnsignedLongLongMask(integer) : 0;
    if (PyErr_Occurred() != NULL)
        gdb_forget_error(); /* it cannot be read */
    *number = bits ^ MARK;
    return integer != NULL && *number >> NUMBER_BITS == 0;
}

/* What gdb asks of every value that it prints. */
static PyObject *find_printer(PyObject *self, PyObject *value)
{
    unsigned long long number;
    (void)self;
    if (!number_of(value, &number) || number > newest || newest - number >= KEPT || texts[number % KEPT] == NULL)
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

static PyObject *make_value(unsigned long long number)
{
    OWNED find = gdb_get("lookup_type");
    OWNED nothing = find != NULL ? PyObject_CallFunction(find, "s", "void") : NULL;
    OWNED pointer = gdb_call_of(nothing, "pointer");
    OWNED value_type = gdb_get("Value");
    OWNED value = value_type != NULL ? PyObject_CallFunction(value_type, "K", MARK | number) : NULL;
    OWNED cast = gdb_get_of(value, "cast");
    return cast != NULL && pointer != NULL ? PyObject_CallFunctionObjArgs(cast, pointer, NULL) : NULL;
}

PyObject *bare_text_value(PyObject *text)
{
    newest = (newest + 1) & ((1ULL << NUMBER_BITS) - 1);
    PyObject *value = make_value(newest);
    Py_XDECREF(texts[newest % KEPT]);
    texts[newest % KEPT] = text;
    Py_INCREF(text);
    if (value != NULL)
        return value;
    gdb_forget_error(); /* a language without void: a string of C */
    Py_INCREF(text);
    return text;
}
