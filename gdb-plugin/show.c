#include "show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdb.h"
#include "spprof/report.h"

enum { PIECE = 8 << 10 }; /* bytes that are written at once: between two the user can quit */

/* A terminal that cannot show a character (a locale without UTF-8) gets its escape. */
static PyObject *write_plain(PyObject *write, PyObject *text, PyObject *stream)
{
    PyErr_Clear();
    OWNED bytes = PyUnicode_AsEncodedString(text, "ascii", "backslashreplace");
    OWNED plain = bytes != NULL ? PyUnicode_FromEncodedObject(bytes, "ascii", "strict") : NULL;
    return plain != NULL ? PyObject_CallFunctionObjArgs(write, plain, stream, NULL) : NULL;
}

static bool write_to(const char *stream_name, const char *bytes, size_t size)
{
    OWNED write = gdb_get("write");
    OWNED stream = gdb_get(stream_name);
    OWNED text = PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)size, "replace");
    if (write == NULL || stream == NULL || text == NULL)
        return PyErr_Occurred() == NULL;
    PyObject *written = PyObject_CallFunctionObjArgs(write, text, stream, NULL);
    if (written == NULL && PyErr_ExceptionMatches(PyExc_UnicodeError))
        written = write_plain(write, text, stream);
    Py_XDECREF(written);
    return written != NULL;
}

/* The bytes up to the last end of a line within a piece, or up to the end of the first line. */
static size_t piece_size(const char *text, size_t size)
{
    if (size <= PIECE)
        return size;
    const char *end = memrchr(text, '\n', PIECE);
    if (end == NULL)
        end = memchr(text, '\n', size);
    return end != NULL ? (size_t)(end - text) + 1 : size;
}

bool show_text(const char *text, size_t size)
{
    while (size > 0) {
        size_t piece = piece_size(text, size);
        if (PyErr_CheckSignals() != 0 || !write_to("STDOUT", text, piece))
            return false;
        text += piece;
        size -= piece;
    }
    return true;
}

static void raise_error(const struct spprof_error *error)
{
    char *message = NULL;
    size_t size = 0;
    OWNED kind = gdb_get("GdbError");
    FILE *stream = open_memstream(&message, &size);
    if (stream != NULL) {
        spprof_write_escaped(stream, error->message, strlen(error->message));
        fclose(stream);
    }
    PyErr_SetString(kind != NULL ? kind : PyExc_RuntimeError, message != NULL ? message : "out of memory");
    free(message);
}

static bool show_note(const char *note)
{
    static const char name[] = "spprof: ";
    return note == NULL || (write_to("STDERR", name, sizeof name - 1) && write_to("STDERR", note, strlen(note)) && write_to("STDERR", "\n", 1));
}

bool show_result(const struct spprof_console_result *result, struct spprof_error *error)
{
    bool shown = (result->size == 0 || show_text(result->text, result->size)) && show_note(result->note);
    if (shown && error != NULL && result->interrupted)
        PyErr_SetNone(PyExc_KeyboardInterrupt);
    else if (shown && error != NULL)
        raise_error(error);
    shown = shown && error == NULL;
    spprof_error_free(error);
    return shown;
}
