/* C frames and Python frames: which runs which, and what is said where that is not certain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spprof/native.h"

enum { MAX = 16 };

/*
 * A C frame for each letter: E evaluator, C calls something, S starts Python, ? has no name, X the interpreter at work, L a library's,
 * I inlined. Frame i has [1000 + i * 100, 1000 + i * 100 + 100) of the C stack.
 */
struct native {
    struct spprof_native_frame frames[MAX];
    size_t count;
};

static struct native c_stack(const char *letters)
{
    struct native native = {.count = strlen(letters)};
    for (size_t i = 0; i < native.count; i++) {
        struct spprof_native_frame *frame = &native.frames[i];
        *frame = (struct spprof_native_frame){1000 + i * 100, 1100 + i * 100, NULL, letters[i] != 'L'};
        switch (letters[i]) {
        case 'E': frame->function = "_PyEval_EvalFrameDefault"; break;
        case 'C': frame->function = "cfunction_vectorcall_O.lto_priv.0"; break;
        case 'S': frame->function = "pymain_run_python.constprop.0"; break;
        case 'X': frame->function = "list_sort_impl"; break;
        case 'L': frame->function = "PyObject_Call"; break; /* of the same name, but in no interpreter */
        case 'I': frame->caller_stack_pointer = frame->stack_pointer; break;
        default: break;
        }
    }
    return native;
}

struct python {
    struct spprof_frame frames[MAX];
    struct spprof_thread thread;
};

static const struct spprof_thread *python_stack(struct python *python, const uint64_t *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        python->frames[i] = (struct spprof_frame){.entry = entries[i]};
    python->thread = (struct spprof_thread){.frames = python->frames, .frame_count = count};
    return &python->thread;
}

/* For each C frame a character: the number of Python frames that it runs, '-' left out, '.' shown. */
static size_t match(const struct native *native, const struct spprof_thread *thread, char *shown)
{
    struct spprof_native_run runs[MAX];
    size_t matched, next = 0;
    spprof_native_match(native->frames, native->count, &thread, 1, runs, &matched);
    for (size_t i = 0; i < native->count; i++) {
        shown[i] = runs[i].role == SPPROF_NATIVE_MACHINERY ? '-' : '.';
        if (runs[i].role != SPPROF_NATIVE_EVALUATOR)
            continue;
        assert_int_equal(runs[i].first, next);
        next += runs[i].count;
        shown[i] = (char)('0' + runs[i].count);
    }
    shown[native->count] = '\0';
    assert_int_equal(next, matched);
    return matched;
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
    inlined.frames[1].in_interpreter = false; /* its name says enough */
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
    python.thread.truncated = (char *)(uintptr_t)"torn";
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
    python.thread.truncated = (char *)(uintptr_t)"torn";
    assert_match("ES", &python.thread, "..", 0);
    python_stack(&python, unknown, 0);
    assert_match("LXS", &python.thread, "...", 0);
}

static void test_interpreters_that_call_one_another(void **state)
{
    (void)state;
    struct python inner, outer;
    static const uint64_t inner_entries[] = {1150, 1450}, outer_entries[] = {1350, 1650, 1650};
    const struct spprof_thread *threads[] = {python_stack(&outer, outer_entries, 3), python_stack(&inner, inner_entries, 2)};
    struct native native = c_stack("CECEECE");
    struct spprof_native_run runs[MAX];
    size_t matched[2];
    spprof_native_match(native.frames, native.count, threads, 2, runs, matched);
    assert_int_equal(matched[0], 3);
    assert_int_equal(matched[1], 2);
    static const size_t thread_of[] = {9, 1, 9, 0, 1, 9, 0};
    for (size_t i = 0; i < native.count; i++) {
        assert_int_equal(runs[i].role == SPPROF_NATIVE_EVALUATOR, thread_of[i] != 9);
        if (thread_of[i] != 9)
            assert_int_equal(runs[i].thread, thread_of[i]);
    }
}

static void test_names(void **state)
{
    (void)state;
    struct python python;
    static const uint64_t entries[] = {1050, 1250};
    static const struct {
        const char *name, *shown;
    } names[] = {
        {"PyRun_AnyFile", "1-1"},  {"_Py_RunMain", "1-1"},     {"Python_call", "1.1"},    {"Pylon", "1.1"},         {"wrap_call", "1-1"},
        {"wrap_calls", "1.1"},     {"slot_tp_init", "1-1"},    {"slot_machine", "1.1"},   {"type_call.cold", "1-1"},
        {"call_function", "1-1"},  {"call_functions", "1.1"},  {"main", "1.1"},           {"qsort", "1.1"},         {"", "1.1"},
        {"gen_send_data", "1.1"},
        {"_", "1.1"},              {"P", "1.1"},               {"_PyEval_Vector", "1-1"}, {"_TAIL_CALL_CALL", "1-1"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_entry),
        cmocka_unit_test(test_interpreter_at_work),
        cmocka_unit_test(test_unwinder_lost),
        cmocka_unit_test(test_unknown_entries),
        cmocka_unit_test(test_by_count),
        cmocka_unit_test(test_interpreters_that_call_one_another),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
