#include "gdb.h"

#include <stdio.h>
#include <string.h>

#include "spprof/host.h"

static PyObject *gdb;
static bool interrupted;

bool gdb_import(void)
{
    if (gdb == NULL)
        gdb = PyImport_ImportModule("gdb");
    return gdb != NULL;
}

void gdb_begin(void)
{
    interrupted = false;
}

void gdb_forget_error(void)
{
    if (PyErr_Occurred() != NULL && PyErr_ExceptionMatches(PyExc_KeyboardInterrupt))
        interrupted = true;
    PyErr_Clear();
}

bool gdb_interrupted(void)
{
    if (PyErr_CheckSignals() != 0)
        gdb_forget_error();
    return interrupted;
}

PyObject *gdb_get_of(PyObject *object, const char *name)
{
    PyObject *value = object != NULL ? PyObject_GetAttrString(object, name) : NULL;
    if (value == NULL)
        gdb_forget_error();
    return value;
}

PyObject *gdb_get(const char *name)
{
    return gdb_get_of(gdb, name);
}

PyObject *gdb_call_of(PyObject *object, const char *method)
{
    OWNED function = gdb_get_of(object, method);
    PyObject *result = function != NULL ? PyObject_CallObject(function, NULL) : NULL;
    if (result == NULL)
        gdb_forget_error();
    return result;
}

PyObject *gdb_call(const char *function)
{
    return gdb_call_of(gdb, function);
}

char *gdb_text(PyObject *object)
{
    OWNED bytes = object != NULL && PyUnicode_Check(object) ? PyUnicode_AsEncodedString(object, "utf-8", "surrogateescape") : NULL;
    const char *text = bytes != NULL ? PyBytes_AsString(bytes) : NULL;
    if (text == NULL)
        gdb_forget_error();
    return text != NULL ? strdup(text) : NULL;
}

int64_t gdb_number(PyObject *object, int64_t fallback)
{
    if (object == NULL || !PyLong_Check(object))
        return fallback;
    long long number = PyLong_AsLongLong(object);
    if (number == -1 && PyErr_Occurred() != NULL) {
        gdb_forget_error();
        return fallback;
    }
    return number;
}

/* One character of a string of C as the machine interface writes it; gives what follows it. */
static const char *unescape(const char *text, char *character)
{
    static const char letters[] = "n\nt\tr\re\033a\ab\bf\fv\v";
    if (text[0] != '\\' || text[1] == '\0') {
        *character = text[0];
        return text + 1;
    }
    if (text[1] >= '0' && text[1] <= '3' && strspn(text + 1, "01234567") >= 3) {
        *character = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + text[3] - '0');
        return text + 4;
    }
    *character = text[1];
    for (size_t i = 0; letters[i] != '\0'; i += 2)
        if (letters[i] == text[1])
            *character = letters[i + 1];
    return text + 2;
}

/* Within a command of the machine interface gdb 18 gives what the interface would have printed: lines of ~"…". They become the text itself. */
static void read_stream_records(char *text)
{
    char *to = text;
    for (const char *from = text; from != NULL && from[0] != '\0'; from = strchr(from, '\n'), from += from != NULL) {
        bool shown = strncmp(from, "~\"", 2) == 0;
        for (from += shown ? 2 : 0; shown && from[0] != '"' && from[0] != '\0';)
            from = unescape(from, to++);
    }
    *to = '\0';
}

char *gdb_execute(const char *command)
{
    OWNED execute = gdb_get("execute");
    OWNED result = execute != NULL ? PyObject_CallFunction(execute, "sOO", command, Py_False, Py_True) : NULL;
    if (result == NULL)
        gdb_forget_error();
    char *text = gdb_text(result);
    if (text != NULL && strncmp(text, "~\"", 2) == 0)
        read_stream_records(text);
    return text;
}

/* gdb tells its extensions nowhere; its arguments do, each ended by NUL: "-i=mi", "--interpreter", "mi3". */
bool gdb_speaks_mi(void)
{
    static int speaks = -1;
    char arguments[4096];
    if (speaks >= 0)
        return speaks;
    size_t size = spprof_host_own_arguments(arguments, sizeof arguments - 1);
    arguments[size] = '\0';
    speaks = 0;
    for (size_t i = 0; i < size; i += strlen(arguments + i) + 1) {
        const char *argument = arguments + i + strspn(arguments + i, "-");
        bool names_one = strncmp(argument, "i=", 2) == 0 || strncmp(argument, "interp", 6) == 0 || strcmp(argument, "i") == 0;
        const char *equals = strchr(argument, '=');
        const char *value = equals != NULL ? equals + 1 : argument + strlen(argument) + 1;
        if (names_one && value < arguments + size && strncmp(value, "mi", 2) == 0)
            speaks = 1;
    }
    return speaks;
}
