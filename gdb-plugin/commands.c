#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame_filter.h"
#include "gdb.h"
#include "inferior.h"
#include "show.h"
#include "spprof/debugger.h"

static struct spprof_console *console;

void commands_forget(void)
{
    if (console != NULL)
        spprof_console_changed(console);
}

/* "py-bt" for "bt", "spprof bt" as it is. */
static void name_of(const struct spprof_console_command *command, char *name, size_t size)
{
    snprintf(name, size, "%s%s", strncmp(command->name, "spprof ", 7) == 0 ? "" : "py-", command->name);
}

/* The index of the command stands where a method would have its object: gdb does not bind functions made in C. */
static const struct spprof_console_command *command_of(PyObject *self)
{
    return &spprof_console_commands[PyLong_AsSize_t(self)];
}

static PyObject *invoke(PyObject *self, PyObject *arguments)
{
    const char *text;
    PyObject *from_tty;
    if (!PyArg_ParseTuple(arguments, "sO", &text, &from_tty))
        return NULL;
    struct spprof_console_result result;
    inferior_begin();
    struct spprof_error *error = spprof_console_run(console, command_of(self)->name, text, &result);
    bool done = show_result(&result, error);
    spprof_console_result_free(&result);
    if (!done)
        return NULL;
    Py_RETURN_NONE;
}

static void add_word(void *context, const char *word)
{
    OWNED text = PyUnicode_DecodeUTF8(word, (Py_ssize_t)strlen(word), "replace");
    if (text == NULL || PyList_Append(context, text) != 0)
        gdb_forget_error();
}

static PyObject *complete(PyObject *self, PyObject *arguments)
{
    const char *text, *word;
    PyObject *words = PyList_New(0);
    if (words == NULL)
        return NULL;
    if (!PyArg_ParseTuple(arguments, "sz", &text, &word)) {
        Py_DECREF(words);
        return NULL;
    }
    /* gdb's words end at '-' and '='; it wants back what stands from its word on, so the beginning is taken from the text. */
    const char *blank = strrchr(text, ' '), *begun = blank != NULL ? blank + 1 : text;
    size_t skipped = word != NULL && strlen(word) <= strlen(begun) ? strlen(begun) - strlen(word) : 0;
    OWNED all = PyList_New(0);
    inferior_begin();
    if (all != NULL)
        spprof_console_complete(console, command_of(self)->name, text, begun, add_word, all);
    for (Py_ssize_t i = 0; all != NULL && i < PyList_Size(all); i++) {
        char *one = gdb_text(PyList_GetItem(all, i));
        if (one != NULL && strlen(one) >= skipped)
            add_word(words, one + skipped);
        free(one);
    }
    return words;
}

static PyMethodDef invoke_definition = {"invoke", invoke, METH_VARARGS, NULL};
static PyMethodDef complete_definition = {"complete", complete, METH_VARARGS, NULL};

/* Defines one command of gdb: makes a class with these functions, and an object of it, which registers itself. */
static bool define(const char *name, const char *doc, const char *class, PyObject *functions, bool prefix)
{
    OWNED base = gdb_get("Command");
    OWNED kind = gdb_get(class);
    OWNED completer = gdb_get("COMPLETE_NONE");
    OWNED text = PyUnicode_FromString(doc);
    if (base == NULL || kind == NULL || completer == NULL || text == NULL || PyDict_SetItemString(functions, "__doc__", text) != 0)
        return false;
    OWNED type = PyObject_CallFunction((PyObject *)&PyType_Type, "s(O)O", "SpprofCommand", base, functions);
    if (type == NULL)
        return false;
    OWNED command = prefix ? PyObject_CallFunction(type, "sOOO", name, kind, completer, Py_True) : PyObject_CallFunction(type, "sO", name, kind);
    return command != NULL;
}

static bool put_function(PyObject *functions, PyMethodDef *definition, size_t index)
{
    OWNED self = PyLong_FromSize_t(index);
    OWNED function = self != NULL ? PyCFunction_New(definition, self) : NULL;
    return function != NULL && PyDict_SetItemString(functions, definition->ml_name, function) == 0;
}

/* As gdb's own help looks: the first line is a sentence, then the usage. */
static char *make_doc(const struct spprof_console_command *command, const char *name)
{
    char *doc;
    if (asprintf(&doc, "%s.\nUsage: %s%s%s\n\n%s", command->summary, name, command->usage[0] != '\0' ? " " : "", command->usage, command->help) < 0)
        return NULL;
    return doc;
}

static bool define_one(size_t index)
{
    const struct spprof_console_command *command = &spprof_console_commands[index];
    char name[64];
    name_of(command, name, sizeof name);
    OWNED functions = PyDict_New();
    char *doc = make_doc(command, name);
    bool defined = functions != NULL && doc != NULL && put_function(functions, &invoke_definition, index) &&
                   put_function(functions, &complete_definition, index) && define(name, doc, "COMMAND_STACK", functions, false);
    free(doc);
    return defined;
}

static PyObject *invoke_prefix(PyObject *self, PyObject *arguments)
{
    const char *text;
    PyObject *from_tty;
    (void)self;
    if (!PyArg_ParseTuple(arguments, "sO", &text, &from_tty))
        return NULL;
    if (text[0] != '\0') {
        OWNED kind = gdb_get("GdbError");
        return PyErr_Format(kind, "Undefined spprof command: \"%s\".  Try \"help spprof\".", text);
    }
    char *help = gdb_execute("help spprof");
    bool shown = help == NULL || show_text(help, strlen(help));
    free(help);
    if (!shown)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *invoke_info(PyObject *self, PyObject *arguments)
{
    char text[512];
    (void)self;
    (void)arguments;
    OWNED version = gdb_get("VERSION");
    char *gdb_version = gdb_text(version);
    const char *python = Py_GetVersion();
    int size = snprintf(text, sizeof text,
                        "spprof " SPPROF_VERSION ", in gdb %s with Python %.*s.\n\"spprof doctor\" tells about the Python of the program.\n",
                        gdb_version != NULL ? gdb_version : "?", (int)strcspn(python, " "), python);
    free(gdb_version);
    if (!show_text(text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1))
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef prefix_definition = {"invoke", invoke_prefix, METH_VARARGS, NULL};
static PyMethodDef info_definition = {"invoke", invoke_info, METH_VARARGS, NULL};

static bool define_prefix(void)
{
    OWNED functions = PyDict_New();
    return functions != NULL && put_function(functions, &prefix_definition, 0) &&
           define("spprof",
                  "Look at the Python code of the program with the commands of the shell's spprof.\n\npy-bt, py-bt-all, py-list, py-up, "
                  "py-down, py-print and py-locals follow the selected thread.",
                  "COMMAND_STACK", functions, true);
}

static bool define_info(void)
{
    OWNED functions = PyDict_New();
    return functions != NULL && put_function(functions, &info_definition, 0) &&
           define("info spprof", "Tell the versions of spprof, of gdb and of gdb's Python.", "COMMAND_STATUS", functions, false);
}

enum owner { NOBODY, OTHERS, OURS };

static enum owner owner_of(size_t index)
{
    const struct spprof_console_command *command = &spprof_console_commands[index];
    char name[64], help[80];
    name_of(command, name, sizeof name);
    if (strncmp(name, "py-", 3) != 0)
        return OURS; /* below `spprof`, which is ours */
    snprintf(help, sizeof help, "help %s", name);
    char *text = gdb_execute(help);
    enum owner owner = text == NULL ? NOBODY : strstr(text, command->summary) != NULL ? OURS : OTHERS;
    free(text);
    return owner;
}

/* Defines every command; where another script has one by this name it is replaced, and that is said in one line. */
static bool define_all(void)
{
    char replaced[512] = "", line[640];
    for (size_t i = 0; i < spprof_console_command_count; i++) {
        char name[64];
        name_of(&spprof_console_commands[i], name, sizeof name);
        if (owner_of(i) == OTHERS && strlen(replaced) + strlen(name) + 3 < sizeof replaced)
            strcat(strcat(replaced, replaced[0] != '\0' ? ", " : ""), name);
        if (!define_one(i))
            return false;
    }
    if (replaced[0] == '\0')
        return true;
    snprintf(line, sizeof line, "spprof: replaces what another script (CPython's own?) defined as %s\n", replaced);
    return show_text(line, strlen(line));
}

bool commands_define(void)
{
    if (console == NULL) {
        struct spprof_error *error = spprof_console_new(&inferior_target_ops, &inferior_console_ops, NULL, &console);
        spprof_error_free(error);
        if (error != NULL)
            return PyErr_NoMemory() != NULL;
    }
    return define_prefix() && define_all() && define_info() && frame_filter_define(console);
}

bool commands_defend(void)
{
    size_t last = 0; /* of those that CPython's script defines, the one that it defines last */
    for (size_t i = 0; i < spprof_console_command_count; i++)
        if (strcmp(spprof_console_commands[i].name, "locals") == 0)
            last = i;
    return owner_of(last) == OURS || define_all();
}
