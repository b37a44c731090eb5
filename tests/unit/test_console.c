/* The commands of a debugger where there is nothing to show: usage, errors, Ctrl-C, completion. Real programs come with real debuggers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "console/console.h"
#include "fake_debugger.h"

static struct fake_debugger fake;
static bool has_inferior;

static struct spprof_error *inferior(void *debugger, struct spprof_debugger_inferior *result)
{
    fake.asked_for_inferior++;
    (void)debugger;
    *result = fake.inferior;
    return has_inferior ? NULL : spprof_error_new(SPPROF_ERROR_NOT_FOUND, "there is no process");
}

static int64_t selected_thread(void *debugger)
{
    (void)debugger;
    return fake.selected;
}

static const struct spprof_console_ops ops = {.inferior = inferior, .selected_thread = selected_thread, .debugger_name = "made"};

static struct spprof_console *open_console(void)
{
    struct spprof_console *console;
    fake_init(&fake);
    has_inferior = true;
    assert_null(spprof_console_new(&fake_ops, &ops, &fake, &console));
    return console;
}

/* Runs a command that must fail, with these words. */
static void expect_error(struct spprof_console *console, const char *command, const char *arguments, const char *words)
{
    struct spprof_console_result result;
    struct spprof_error *error = spprof_console_run(console, command, arguments, &result);
    assert_non_null(error);
    if (strstr(error->message, words) == NULL)
        fail_msg("%s %s: \"%s\" has no \"%s\"", command, arguments, error->message, words);
    assert_true(result.size == 0 || result.text[result.size - 1] == '\n');
    spprof_error_free(error);
    spprof_console_result_free(&result);
}

static void test_wrong_usage(void **state)
{
    (void)state;
    struct spprof_console *console = open_console();
    static const struct {
        const char *command, *arguments, *words;
    } cases[] = {
        {"nonsense", "", "no command nonsense"},
        {"bt", "1234", "takes no operand"},
        {"bt", "all 1234", "takes no operand"},
        {"bt", "--sysroot /", "is for a shell; made has its own setting"},
        {"bt", "--thread 0", "--thread takes the number of a thread, not '0'"},
        {"bt", "--json=x", "option --json takes no argument"},
        {"bt", "'--thread", "a quote is not closed"},
        {"bt-full", "-x", "unknown option '-x'"},
        {"spprof bt", "--nonsense", "unknown or ambiguous option '--nonsense'"},
        {"spprof doctor", "--json", "unknown or ambiguous option '--json'"},
        {"spprof doctor", "1", "takes no operand"},
        {"up", "one", "takes one number from 1 on, not 'one'"},
        {"down", "1 2", "takes one number"},
        {"print", "", "the name of one variable"},
        {"print", "a b", "the name of one variable"},
        {"locals", "x", "takes no argument: 'x'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_error(console, cases[i].command, cases[i].arguments, cases[i].words);
    assert_int_equal(fake.reads, 0); /* what makes no sense costs nothing */
    spprof_console_free(console);
}

static void test_every_command_without_python(void **state)
{
    (void)state;
    struct spprof_console *console = open_console();
    for (size_t i = 0; i < spprof_console_command_count; i++) {
        const struct spprof_console_command *command = &spprof_console_commands[i];
        expect_error(console, command->name, command->takes_expression ? "x" : "", "no CPython interpreter was found");
    }
    has_inferior = false;
    for (size_t i = 0; i < spprof_console_command_count; i++)
        expect_error(console, spprof_console_commands[i].name, spprof_console_commands[i].takes_expression ? "x" : "", "there is no process");
    spprof_console_free(console);
}

static void test_help_needs_no_process(void **state)
{
    (void)state;
    struct spprof_console *console = open_console();
    struct spprof_console_result result;
    has_inferior = false;
    assert_null(spprof_console_run(console, "spprof bt", "--help", &result));
    assert_non_null(strstr(result.text, "--locals"));
    spprof_console_result_free(&result);
    spprof_console_free(console);
}

static void test_interrupt(void **state)
{
    (void)state;
    struct spprof_console *console = open_console();
    struct spprof_console_result result;
    fake.interrupt_at = 2;
    struct spprof_error *error = spprof_console_run(console, "bt-all", "", &result);
    assert_non_null(error);
    assert_true(result.interrupted);
    assert_int_equal(result.size, 0);
    assert_int_equal(fake.reads, 1);
    spprof_error_free(error);
    spprof_console_result_free(&result);
    fake.interrupt_at = 0;
    expect_error(console, "bt-all", "", "no CPython interpreter was found"); /* asked anew, and not by what was read before */
    assert_true(fake.reads > 1);
    spprof_console_free(console);
}

static size_t reads_of_bt(struct spprof_console *console)
{
    size_t before = fake.reads;
    expect_error(console, "bt", "", "no CPython");
    return fake.reads - before;
}

/* Pages are kept until something changes; another inferior, and a change that the debugger tells, make all of it void. */
static void test_what_was_read_is_kept(void **state)
{
    (void)state;
    struct spprof_console *console = open_console();
    size_t first = reads_of_bt(console);
    assert_true(reads_of_bt(console) < first); /* what failed is tried again */
    spprof_console_changed(console);
    assert_int_equal(reads_of_bt(console), first);
    fake.inferior.pid++;
    assert_int_equal(reads_of_bt(console), first);
    spprof_console_free(console);
}

static void test_words(void **state)
{
    (void)state;
    struct words words;
    assert_null(console_words_split("bt", "  a \"b c\"\t'd \"e' f''g ", &words));
    static const char *const expected[] = {"bt", "a", "b c", "d \"e", "fg"};
    assert_int_equal(words.count, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(words.items[i], expected[i]);
    assert_null(words.items[5]);
    console_words_free(&words);

    char many[4096];
    memset(many, ' ', sizeof many);
    for (size_t i = 0; i < sizeof many; i += 2)
        many[i] = 'x';
    many[sizeof many - 1] = '\0';
    struct spprof_error *error = console_words_split("bt", many, &words);
    assert_non_null(strstr(error->message, "more than 1000 words"));
    spprof_error_free(error);
    console_words_free(&words);
}

static void count_word(void *context, const char *word)
{
    assert_memory_equal(word, "--no-s", 6);
    (*(size_t *)context)++;
}

static void test_completion(void **state)
{
    (void)state;
    struct spprof_console *console = open_console();
    size_t found = 0;
    spprof_console_complete(console, "bt", "--no-s", "--no-s", count_word, &found);
    assert_int_equal(found, 2); /* --no-source, --no-stop */
    spprof_console_complete(console, "print", "x", "x", count_word, &found);
    spprof_console_complete(console, "nonsense", "", "", count_word, &found);
    assert_int_equal(found, 2);
    spprof_console_free(console);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_usage), cmocka_unit_test(test_every_command_without_python), cmocka_unit_test(test_help_needs_no_process),
        cmocka_unit_test(test_interrupt),   cmocka_unit_test(test_what_was_read_is_kept),        cmocka_unit_test(test_words),
        cmocka_unit_test(test_completion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
