#include "c_stack.h"

#include "gdb.h"

bool c_stack_open(struct c_stack *stack)
{
    *stack = (struct c_stack){.frames = PyList_New(0), .names = PyList_New(0)};
    return stack->frames != NULL && stack->names != NULL;
}

void c_stack_close(struct c_stack *stack)
{
    Py_XDECREF(stack->frames);
    Py_XDECREF(stack->names);
    *stack = (struct c_stack){.frames = NULL};
}

static PyObject *next_frame(struct c_stack *stack, size_t count)
{
    if (gdb_interrupted())
        return NULL;
    return count == 0 ? gdb_call("newest_frame") : gdb_call_of(PyList_GetItem(stack->frames, (Py_ssize_t)count - 1), "older");
}

PyObject *c_stack_frame(struct c_stack *stack, size_t level)
{
    size_t count = (size_t)PyList_Size(stack->frames);
    for (; count <= level; count++) {
        OWNED frame = next_frame(stack, count);
        if (frame == NULL || frame == Py_None)
            return NULL;
        if (PyList_Append(stack->frames, frame) != 0) {
            gdb_forget_error();
            return NULL;
        }
    }
    return PyList_GetItem(stack->frames, (Py_ssize_t)level);
}

static uint64_t address_of(PyObject *number)
{
    OWNED integer = number != NULL ? PyNumber_Long(number) : NULL;
    unsigned long long address = integer != NULL ? PyLong_AsUnsignedLongLongMask(integer) : 0;
    if (PyErr_Occurred() == NULL)
        return address;
    gdb_forget_error();
    return 0;
}

static uint64_t stack_pointer(PyObject *frame)
{
    OWNED read = gdb_get_of(frame, "read_register");
    OWNED value = read != NULL ? PyObject_CallFunction(read, "s", "sp") : NULL;
    if (value == NULL)
        gdb_forget_error();
    return address_of(value);
}

/* The name of a frame, kept in the list; NULL: it has none. */
static const char *keep_name(struct c_stack *stack, PyObject *frame)
{
    OWNED name = gdb_call_of(frame, "name");
    OWNED bytes = name != NULL && PyUnicode_Check(name) ? PyUnicode_AsUTF8String(name) : NULL;
    if (bytes == NULL)
        gdb_forget_error();
    if (PyList_Append(stack->names, bytes != NULL ? bytes : Py_None) == 0)
        return bytes != NULL ? PyBytes_AsString(bytes) : NULL;
    gdb_forget_error();
    return NULL;
}

static bool is_in_library(uint64_t pc)
{
    OWNED find = gdb_get("solib_name");
    OWNED name = find != NULL ? PyObject_CallFunction(find, "K", (unsigned long long)pc) : NULL;
    if (name == NULL)
        gdb_forget_error();
    return name != NULL && name != Py_None;
}

/* The stack of a frame ends where that of its caller begins. Frames are described in order. */
bool c_stack_describe(void *context, size_t level, struct spprof_native_frame *native)
{
    struct c_stack *stack = context;
    PyObject *frame = c_stack_frame(stack, level);
    if (frame == NULL)
        return false;
    uint64_t own = level > 0 ? stack->next_stack_pointer : stack_pointer(frame);
    PyObject *caller = c_stack_frame(stack, level + 1);
    stack->next_stack_pointer = caller != NULL ? stack_pointer(caller) : 0;
    OWNED pc = gdb_call_of(frame, "pc");
    *native = (struct spprof_native_frame){
        .pc = address_of(pc),
        .stack_pointer = own,
        .caller_stack_pointer = stack->next_stack_pointer,
        .function = keep_name(stack, frame),
    };
    native->generated = native->function == NULL && !is_in_library(native->pc);
    return !gdb_interrupted();
}

size_t c_stack_level(PyObject *frame)
{
    OWNED level = gdb_call_of(frame, "level"); /* since gdb 11 */
    size_t newer = 0;
    if (level != NULL)
        return (size_t)gdb_number(level, 0);
    Py_INCREF(frame);
    for (PyObject *at = frame; at != NULL; newer++) {
        PyObject *next = gdb_call_of(at, "newer");
        Py_DECREF(at);
        at = next != Py_None ? next : NULL;
        if (next == Py_None)
            Py_DECREF(next);
    }
    return newer - 1;
}

bool c_stack_is_nameless(PyObject *frame)
{
    static const char *const described[] = {"DUMMY_FRAME", "SIGTRAMP_FRAME"};
    OWNED name = gdb_call_of(frame, "name");
    OWNED type = gdb_call_of(frame, "type");
    if (name == NULL || PyUnicode_Check(name))
        return false;
    for (size_t i = 0; i < sizeof described / sizeof described[0]; i++) {
        OWNED one = gdb_get(described[i]);
        if (type != NULL && gdb_number(one, -1) == gdb_number(type, -2))
            return false;
    }
    return true;
}
