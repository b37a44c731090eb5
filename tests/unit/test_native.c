/* C frames and Python frames: which runs which, and what is said where that is not certain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spprof/native.h"

enum { MAX = 16, TID = 7 };

/* The interpreter's file lies in [IN_FILE, IN_FILE + 100). */
enum { IN_FILE = 5000, ELSEWHERE = 9000 };

/*
 * A C frame for each letter: E evaluator, C calls something, S starts Python, ? has no name, X the interpreter at work, L a library's,
 * I inlined, T a trampoline for perf without a name, P one with a name. Frame i has [1000 + i * 100, 1000 + i * 100 + 100) of the C stack.
 */
struct native {
    struct spprof_native_frame frames[MAX];
    size_t count;
    size_t asked; /* that many were asked for */
};

static struct native c_stack(const char *letters)
{
    struct native native = {.count = strlen(letters)};
    for (size_t i = 0; i < native.count; i++) {
        struct spprof_native_frame *frame = &native.frames[i];
        *frame = (struct spprof_native_frame){IN_FILE, 1000 + i * 100, 1100 + i * 100, NULL, letters[i] == 'T'};
        if (strchr("LTP", letters[i]) != NULL)
            frame->pc = ELSEWHERE;
        switch (letters[i]) {
        case 'E': frame->function = "_PyEval_EvalFrameDefault"; break;
        case 'C': frame->function = "cfunction_vectorcall_O.lto_priv.0"; break;
        case 'S': frame->function = "pymain_run_python.constprop.0"; break;
        case 'X': frame->function = "list_sort_impl"; break;
        case 'L': frame->function = "PyObject_Call"; break; /* of the same name, but in no interpreter */
        case 'P': frame->function = "py::Loader.load:/srv/load.py"; break;
        case 'I': frame->caller_stack_pointer = frame->stack_pointer; break;
        default: break;
        }
    }
    return native;
}

static bool give_frame(void *context, size_t level, struct spprof_native_frame *frame)
{
    struct native *native = context;
    assert_int_equal(level, native->asked);
    if (level == native->count)
        return false;
    native->asked++;
    *frame = native->frames[level];
    return true;
}

struct python {
    struct spprof_frame frames[MAX];
    struct spprof_thread thread;
};

static struct spprof_thread *python_stack(struct python *python, const uint64_t *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        python->frames[i] = (struct spprof_frame){.entry = entries[i]};
    python->thread = (struct spprof_thread){.tid = TID, .frames = python->frames, .frame_count = count};
    return &python->thread;
}

static struct spprof_native_pairs *pair(struct native *native, struct spprof_thread *threads, size_t count)
{
    struct spprof_interpreter interpreter = {.threads = threads, .thread_count = count};
    const struct spprof_snapshot snapshot = {
        .python = {.file_start = IN_FILE, .file_end = IN_FILE + 100}, .interpreters = &interpreter, .interpreter_count = 1};
    native->asked = 0;
    struct spprof_native_pairs *pairs = spprof_native_pairs_new(&(struct spprof_native_source){give_frame, native}, &snapshot, TID);
    assert_non_null(pairs);
    return pairs;
}

/* For each C frame a character: the number of Python frames that it runs, '-' left out, '.' shown. */
static size_t match(struct native *native, const struct spprof_thread *thread, char *shown)
{
    struct spprof_thread copy = *thread;
    struct spprof_native_pairs *pairs = pair(native, &copy, 1);
    struct spprof_native_run run;
    size_t next = 0, level = 0;
    for (; spprof_native_pairs_run(pairs, level, &run); level++) {
        shown[level] = run.role == SPPROF_NATIVE_MACHINERY ? '-' : '.';
        if (run.role != SPPROF_NATIVE_EVALUATOR)
            continue;
        assert_int_equal(run.first, next);
        next += run.count;
        shown[level] = (char)('0' + run.count);
    }
    shown[level] = '\0';
    assert_int_equal(level, native->count);
    if (spprof_native_pairs_thread_count(pairs) > 0)
        assert_int_equal(next, spprof_native_pairs_matched(pairs, 0));
    spprof_native_pairs_free(pairs);
    return next;
}

static void assert_match(const char *letters, const struct spprof_thread *thread, const char *expected, size_t expected_matched)
{
    struct native native = c_stack(letters);
    char shown[MAX + 1];
    size_t matched = match(&native, thread, shown);
    assert_string_equal(shown, expected);
    assert_int_equal(matched, expected_matched);
}

static void test_by_entry(void **state)
{
    (void)state;
    struct python python;
    static const uint64_t entries[] = {1250, 1250, 1599, 1700};
    python_stack(&python, entries, 4);
    assert_match("LCEC?EXES", &python.thread, ".-2--1.1-", 4);
    assert_match("LC?C???ES", &python.thread, ".-2--1-1-", 4); /* without names */
    assert_match("XCECLEXEL", &python.thread, ".-2-.1.1.", 4);
    assert_match("CXEEEESES", &python.thread, "..2..1-1-", 4); /* evaluators without Python frames, and the newest frame, stand */
}

static void test_interpreter_at_work(void **state)
{
    (void)state;
    struct python python;
    static const uint64_t entries[] = {1350};
    python_stack(&python, entries, 1);
    assert_match("?SXE??", &python.thread, "...1--", 1); /* above the newest Python frame it tells what Python does */
}

static void test_unwinder_lost(void **state)
{
    (void)state;
    struct python python;
    static const uint64_t entries[] = {1050, 1050, 1350, 9000, 9500};
    python_stack(&python, entries, 5);
    assert_match("ECCECES", &python.thread, "2--1...", 3); /* below, nothing is left out */
    assert_match("LCCECES", &python.thread, ".......", 0); /* the newest is met nowhere: no other is believed */
    struct native inlined = c_stack("IE");
    inlined.frames[1].stack_pointer = 1000;
    char shown[MAX + 1];
    assert_int_equal(match(&inlined, &python.thread, shown), 2);
    assert_string_equal(shown, ".2");
    inlined.frames[1].pc = ELSEWHERE; /* its name says enough */
    assert_int_equal(match(&inlined, &python.thread, shown), 2);
    inlined.frames[1].function = "eval";
    assert_int_equal(match(&inlined, &python.thread, shown), 0);
    struct native empty = c_stack("");
    assert_int_equal(match(&empty, &python.thread, shown), 0);
}

static void test_unknown_entries(void **state)
{
    (void)state;
    struct python python;
    static const uint64_t entries[] = {1050, 0, 0};
    python_stack(&python, entries, 3);
    python.thread.truncated = (char *)(uintptr_t) "torn";
    assert_match("ECES", &python.thread, "1...", 1);
    struct native nowhere = c_stack("EE");
    nowhere.frames[0].stack_pointer = 0;
    char shown[MAX + 1];
    assert_int_equal(match(&nowhere, &python.thread, shown), 0);
}

static void test_by_count(void **state)
{
    (void)state;
    struct python python;
    static const uint64_t unknown[] = {0, 0, 0, 0};
    python_stack(&python, unknown, 3);
    assert_match("LCECEXES", &python.thread, ".-1-1.1-", 3);
    assert_match("LCECEX?S", &python.thread, "........", 0);
    assert_match("ECECEXES", &python.thread, "........", 0);
    python.frames[1].delegates = true;
    assert_match("ECLES", &python.thread, "1-.2-", 3);
    assert_match("ECEES", &python.thread, ".....", 0);
    python.frames[2].delegates = true; /* whom it called runs, but nobody called it */
    assert_match("ES", &python.thread, "1.", 1);
    python.thread.truncated = (char *)(uintptr_t) "torn";
    assert_match("ES", &python.thread, "..", 0);
    python_stack(&python, unknown, 0);
    assert_match("LXS", &python.thread, "...", 0);
}

static void test_interpreters_that_call_one_another(void **state)
{
    (void)state;
    struct python inner, outer;
    static const uint64_t inner_entries[] = {1150, 1450}, outer_entries[] = {1350, 1650, 1650};
    struct spprof_thread threads[] = {*python_stack(&outer, outer_entries, 3), *python_stack(&inner, inner_entries, 2)};
    struct native native = c_stack("CECEECE");
    struct spprof_native_pairs *pairs = pair(&native, threads, 2);
    struct spprof_native_run run;
    assert_int_equal(spprof_native_pairs_thread_count(pairs), 2);
    static const size_t thread_of[] = {9, 1, 9, 0, 1, 9, 0};
    for (size_t i = 0; i < native.count; i++) {
        assert_true(spprof_native_pairs_run(pairs, i, &run));
        assert_int_equal(run.role == SPPROF_NATIVE_EVALUATOR, thread_of[i] != 9);
        if (thread_of[i] != 9)
            assert_int_equal(run.thread, thread_of[i]);
    }
    assert_int_equal(spprof_native_pairs_matched(pairs, 0), 3);
    assert_int_equal(spprof_native_pairs_matched(pairs, 1), 2);
    spprof_native_pairs_free(pairs);
}

/* The trampolines for perf lie between the interpreter and the evaluator; other code that was made at run time is the program's. */
static void test_generated_code(void **state)
{
    (void)state;
    struct python python;
    static const uint64_t entries[] = {1050, 1450};
    python_stack(&python, entries, 2);
    assert_match("ETCCETS", &python.thread, "1---1--", 2);
    assert_match("ETTCETT", &python.thread, "1---1-.", 2); /* one is gdb's own mistake, which ends in the interpreter */
    assert_match("ETTLE", &python.thread, "1-..1", 2);
    assert_match("EPCCEPS", &python.thread, "1---1--", 2);
    assert_match("ECTCE", &python.thread, "1-.-1", 2);
    assert_match("ECPCE", &python.thread, "1---1", 2);
}

/* C frames are asked for only as far as it takes to tell what stands for one. */
static void test_a_part_of_the_stack(void **state)
{
    (void)state;
    struct python python;
    static const uint64_t entries[] = {1050, 1450, 1850};
    struct native native = c_stack("ECXCECCCECS");
    struct spprof_native_run run;
    struct spprof_native_pairs *pairs = pair(&native, python_stack(&python, entries, 3), 1);
    assert_true(spprof_native_pairs_run(pairs, 0, &run));
    assert_int_equal(run.role, SPPROF_NATIVE_EVALUATOR);
    assert_int_equal(native.asked, 1);
    assert_true(spprof_native_pairs_run(pairs, 2, &run));
    assert_int_equal(run.role, SPPROF_NATIVE_OTHER);
    assert_int_equal(native.asked, 3);
    assert_true(spprof_native_pairs_run(pairs, 3, &run));
    assert_int_equal(run.role, SPPROF_NATIVE_MACHINERY);
    assert_int_equal(native.asked, 5);
    assert_int_equal(spprof_native_pairs_matched(pairs, 0), 3);
    spprof_native_pairs_free(pairs);
}

struct recursion {
    size_t asked;
};

static bool give_recursion(void *context, size_t level, struct spprof_native_frame *frame)
{
    struct recursion *recursion = context;
    recursion->asked++;
    const bool evaluator = level == 0 || level == 100000;
    *frame = (struct spprof_native_frame){IN_FILE, 1000 + level * 100, 1100 + level * 100, evaluator ? "_PyEval_EvalFrameDefault" : "PyObject_Repr",
                                          false};
    return level <= 100000;
}

/* What leads to a Python frame is looked for, but not through a whole stack of a hundred thousand. */
static void test_a_deep_stack(void **state)
{
    (void)state;
    struct python python;
    static const uint64_t entries[] = {1050, 1050 + 100000 * 100};
    struct recursion recursion = {0};
    struct spprof_native_run run;
    struct spprof_interpreter interpreter = {.threads = python_stack(&python, entries, 2), .thread_count = 1};
    const struct spprof_snapshot snapshot = {
        .python = {.file_start = IN_FILE, .file_end = IN_FILE + 100}, .interpreters = &interpreter, .interpreter_count = 1};
    struct spprof_native_pairs *pairs = spprof_native_pairs_new(&(struct spprof_native_source){give_recursion, &recursion}, &snapshot, TID);
    assert_true(spprof_native_pairs_run(pairs, 3, &run));
    assert_int_equal(run.role, SPPROF_NATIVE_OTHER);
    assert_true(recursion.asked < 2000);
    assert_true(spprof_native_pairs_run(pairs, 99999, &run));
    assert_int_equal(run.role, SPPROF_NATIVE_MACHINERY);
    assert_int_equal(spprof_native_pairs_matched(pairs, 0), 2);
    spprof_native_pairs_free(pairs);
}

static void test_names(void **state)
{
    (void)state;
    struct python python;
    static const uint64_t entries[] = {1050, 1250};
    static const struct {
        const char *name, *shown;
    } names[] = {
        {"PyRun_AnyFile", "1-1"},
        {"_Py_RunMain", "1-1"},
        {"Python_call", "1.1"},
        {"Pylon", "1.1"},
        {"wrap_call", "1-1"},
        {"wrap_calls", "1.1"},
        {"slot_tp_init", "1-1"},
        {"slot_machine", "1.1"},
        {"type_call.cold", "1-1"},
        {"call_function", "1-1"},
        {"call_functions", "1.1"},
        {"main", "1.1"},
        {"qsort", "1.1"},
        {"", "1.1"},
        {"gen_send_data", "1.1"},
        {"_", "1.1"},
        {"P", "1.1"},
        {"_PyEval_Vector", "1-1"},
        {"_TAIL_CALL_CALL", "1-1"},
        {"py::jit:executor", "1.1"}, /* within the interpreter's own file it is a function of it */
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct native native = c_stack("E?E");
        char shown[MAX + 1];
        native.frames[1].function = names[i].name;
        match(&native, python_stack(&python, entries, 2), shown);
        if (strcmp(shown, names[i].shown) != 0)
            fail_msg("%s: %s, not %s", names[i].name, shown, names[i].shown);
    }
}

/* In front of the newest Python frame, where the interpreter may be at work: only what calls something is left out. */
static void test_names_in_front_of_python(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t pc;
        char shown;
    } names[] = {
        {"_PyCallMethodDescriptorFast_StackRef", IN_FILE, '-'},
        {"_Py_VectorCallInstrumentation_StackRefSteal", IN_FILE, '-'},
        {"_Py_VectorCall_StackRefSteal.lto_priv.0", IN_FILE, '-'},
        {"_Py_BuiltinCallFast_StackRef", IN_FILE, '-'},
        {"py_trampoline_evaluator", IN_FILE, '-'},
        {"py::jit:executor", ELSEWHERE, '-'},
        {"py::<module>:/srv/a::b.py", ELSEWHERE, '-'},
        {"py::object::call", ELSEWHERE, '.'}, /* C++ */
        {"py::", ELSEWHERE, '.'},
        {"_PyDict_Next", IN_FILE, '.'},
        {"my_StackRef", IN_FILE, '.'},
        {"_PyCallMethodDescriptorFast_StackRef", ELSEWHERE, '.'},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct python python;
        static const uint64_t entries[] = {1250};
        struct native native = c_stack("X?E");
        char shown[MAX + 1];
        native.frames[1].function = names[i].name;
        native.frames[1].pc = names[i].pc;
        match(&native, python_stack(&python, entries, 1), shown);
        if (shown[1] != names[i].shown)
            fail_msg("%s: %s", names[i].name, shown);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_entry),
        cmocka_unit_test(test_interpreter_at_work),
        cmocka_unit_test(test_unwinder_lost),
        cmocka_unit_test(test_unknown_entries),
        cmocka_unit_test(test_by_count),
        cmocka_unit_test(test_interpreters_that_call_one_another),
        cmocka_unit_test(test_generated_code),
        cmocka_unit_test(test_a_part_of_the_stack),
        cmocka_unit_test(test_a_deep_stack),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_names_in_front_of_python),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
