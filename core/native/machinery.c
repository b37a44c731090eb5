#include "native/machinery.h"

#include <stddef.h>
#include <string.h>

#define EVALUATOR "_PyEval_EvalFrameDefault"

/* A name that ends in '*' stands for all that begin like it. */

/* Objects/call.c, methodobject.c, descrobject.c, classobject.c, funcobject.c, typeobject.c, genobject.c; Python/ceval.c. */
static const char *const callers[] = {
    "PyEval_Eval*",
    "_PyEval_*",
    "_TAIL_CALL_*",
    "call_function",
    "trace_call_function",
    "do_call_core",
    "clear_thread_frame",
    "PyObject_Call*",
    "_PyObject_Call*",
    "PyObject_Vectorcall*",
    "_PyObject_Vectorcall*",
    "_PyObject_FastCall*",
    "_PyObject_MakeTpCall",
    "object_vacall",
    "PyVectorcall_Call",
    "_PyVectorcall_Call",
    "_Py_VectorCall*",
    "_PyStack_*",
    "_PyCall_*",
    "_PyFunction_*",
    "function_code_fastcall",
    "PyCFunction_Call",
    "py_trampoline_evaluator",
    "_PyCFunction_*",
    "cfunction_vectorcall_*",
    "cfunction_call",
    "method_vectorcall",
    "method_vectorcall_*",
    "method_call",
    "classmethoddescr_call",
    "methoddescr_call",
    "wrapper_call",
    "wrapperdescr_call",
    "wrapperdescr_raw_call",
    "wrap_call",
    "wrap_init",
    "wrap_next",
    "slot_tp_*",
    "slot_nb_*",
    "slot_sq_*",
    "slot_mp_*",
    "slot_am_*",
    "vectorcall_method",
    "vectorcall_maybe",
    "vectorcall_unbound",
    "call_method",
    "call_unbound",
    "call_unbound_noarg",
    "type_call",
    "type_vectorcall",
    "gen_send_ex",
    "gen_send_ex2",
    "gen_iternext",
    "gen_send",
    "gen_throw",
    "gen_close",
    "gen_close_iter",
    "_gen_throw",
    "PyIter_Send",
    "PyGen_am_send",
    "_PyGen_*",
    "coro_wrapper_*",
    "async_gen_asend_*",
    "async_gen_athrow_*",
    "builtin_exec",
    "builtin_exec_impl",
    "builtin_eval",
    "builtin_eval_impl",
    "builtin___build_class__",
};

/* Python/pythonrun.c, import.c; Modules/main.c, _threadmodule.c; Python/thread_pthread.h: how the first Python frame of all comes about. */
static const char *const starters[] = {
    "pymain_*",
    "pyrun_*",
    "_run_code_in_main*",
    "run_mod",
    "run_eval_code_obj",
    "import_find_and_load",
    "import_run_frozen",
    "builtin___import__",
    "builtin___import___impl",
    "exec_code_in_module",
    "thread_run",
    "t_bootstrap",
    "pythread_wrapper",
};

/* Without what a compiler puts behind a name: ".constprop.0", ".cold", ".lto_priv.0". */
static bool is_name(const char *function, const char *name)
{
    size_t length = strlen(name);
    if (name[length - 1] == '*')
        return strncmp(function, name, length - 1) == 0;
    return strncmp(function, name, length) == 0 && (function[length] == '\0' || function[length] == '.');
}

static bool is_one_of(const char *function, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_name(function, names[i]))
            return true;
    return false;
}

/* The prefixes that CPython keeps for itself: PyRun_SimpleFileObject, Py_BytesMain, _PyRun_AnyFileObject. */
static bool is_of_the_api(const char *function)
{
    function += function[0] == '_';
    return function[0] == 'P' && function[1] == 'y' && (function[2] == '_' || (function[2] >= 'A' && function[2] <= 'Z'));
}

bool native_machinery_is_evaluator(const char *function)
{
    return is_name(function, EVALUATOR);
}

/* Functions of C++ may begin like it, but have no single colon. */
bool native_machinery_is_generated(const char *function)
{
    if (strncmp(function, "py::", 4) != 0)
        return false;
    const char *colon = strchr(function + 4, ':');
    while (colon != NULL && colon[1] == ':')
        colon = strchr(colon + 2, ':');
    return colon != NULL;
}

/* "_PyCallMethodDescriptorFast_StackRef", "_Py_BuiltinCallFast_StackRefSteal": what the evaluator of 3.14 and later calls functions with. */
static bool takes_stack_references(const char *function)
{
    return strncmp(function, "_Py", 3) == 0 && strstr(function, "_StackRef") != NULL;
}

bool native_machinery_calls(const char *function)
{
    return takes_stack_references(function) || is_one_of(function, callers, sizeof callers / sizeof *callers);
}

bool native_machinery_connects(const char *function)
{
    return is_of_the_api(function) || native_machinery_calls(function) || is_one_of(function, starters, sizeof starters / sizeof *starters);
}
