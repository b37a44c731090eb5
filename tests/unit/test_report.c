/* The reports of snapshots made by hand. JSON is judged by Python's own parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "spprof/report.h"

/* A text of the target, from a literal that may hold NUL. */
#define TEXT(literal) ((struct spprof_text){.bytes = literal_bytes("" literal), .size = sizeof(literal) - 1})

/* Texts of a snapshot are owned, those of these tests are not. */
static char *literal_bytes(const char *literal)
{
    union {
        const char *constant;
        char *bytes;
    } cast = {.constant = literal};
    return cast.bytes;
}

/* Every kind of text that must never get out raw. */
#define HOSTILE                                                                                                                                      \
    "a\n\r\t\0\x1b[31m\x7f\"\\ \xc2\x9b \xe2\x80\xae \xe2\x81\xa6 \xe2\x80\x8e \xe2\x80\xa8 \xef\xbb\xbf \xed\xb2\x80 \xff \xc3 "                    \
    "\xe6\x97\xa5 "                                                                                                                                  \
    "\xf0\x9f\x98\x80"

struct captured {
    char *bytes;
    size_t size;
};

static struct captured capture_escaped(const char *bytes, size_t size)
{
    struct captured captured;
    FILE *stream = open_memstream(&captured.bytes, &captured.size);
    spprof_write_escaped(stream, bytes, size);
    fclose(stream);
    return captured;
}

static char *report_text(const struct spprof_snapshot *snapshot, bool color)
{
    const struct spprof_report_options options = {.color = color};
    char *bytes;
    size_t size;
    FILE *stream = open_memstream(&bytes, &size);
    spprof_report_text(stream, snapshot, &options);
    fclose(stream);
    assert_int_equal(strlen(bytes), size);
    return bytes;
}

static void assert_text(const struct spprof_snapshot *snapshot, const char *expected)
{
    char *text = report_text(snapshot, false);
    assert_string_equal(text, expected);
    free(text);
}

/* Lets Python run a script and gives the first line that it prints. */
static void run_python(const char *script, char *answer, int size)
{
    char path[] = "/tmp/spprof-test-XXXXXX", command[64];
    FILE *stream = fdopen(mkstemp(path), "w");
    assert_non_null(stream);
    assert_true(fputs(script, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
    snprintf(command, sizeof command, "python3 %s", path);
    FILE *python = popen(command, "r");
    assert_non_null(python);
    bool answered = fgets(answer, size, python) != NULL;
    unlink(path);
    assert_int_equal(pclose(python), 0);
    assert_true(answered);
    answer[strcspn(answer, "\n")] = '\0';
}

/* Writes the snapshot as JSON, lets Python evaluate an expression about it and compares the value. */
static void assert_json(const struct spprof_snapshot *snapshot, const char *expression, const char *expected)
{
    char path[] = "/tmp/spprof-test-XXXXXX", answer[4096], *script;
    FILE *stream = fdopen(mkstemp(path), "w");
    assert_non_null(stream);
    spprof_report_json(stream, snapshot, &(struct spprof_report_options){0});
    assert_int_equal(fclose(stream), 0);
    assert_true(asprintf(&script,
                         "import json, os\n"
                         "raw = open('%s', 'rb').read()\n"
                         "report = json.loads(raw)\n"
                         "target, runtime = report['target'], report['runtime']\n"
                         "threads = [t for i in report['interpreters'] for t in i['threads']]\n"
                         "print(ascii((%s)))\n",
                         path, expression) > 0);
    run_python(script, answer, sizeof answer);
    unlink(path);
    free(script);
    assert_string_equal(answer, expected);
}

/* A process with one interpreter and two threads, all of it known. */

static struct spprof_code take = {.first_line = 80};
static struct spprof_code module = {.first_line = 1};
static struct spprof_frame worker_frames[2], main_frames[1];
static struct spprof_thread threads[2];
static struct spprof_interpreter interpreter;

static struct spprof_snapshot ordinary(void)
{
    take.name = TEXT("take");
    take.qualified_name = TEXT("Queue.take");
    take.file = module.file = TEXT("/srv/app/jobs.py");
    module.name = TEXT("<module>");
    worker_frames[0] = (struct spprof_frame){
        .code = &take, .address = 0x1000, .line = 88, .end_line = 89, .column = 8, .end_column = 43, .owner = SPPROF_OWNER_THREAD};
    worker_frames[1] =
        (struct spprof_frame){.code = &module, .address = 0x2000, .line = 12, .end_line = 12, .end_column = 5, .owner = SPPROF_OWNER_GENERATOR};
    main_frames[0] = worker_frames[1];
    threads[0] = (struct spprof_thread){.tid = 12345,
                                        .name = TEXT("worker-3"),
                                        .os_name = "python3",
                                        .gil = SPPROF_GIL_WAITING,
                                        .collecting = SPPROF_FALSE,
                                        .idle = SPPROF_TRUE,
                                        .frames = worker_frames,
                                        .frame_count = 2};
    threads[1] = (struct spprof_thread){.tid = 12340,
                                        .name = TEXT("MainThread"),
                                        .os_name = "python3",
                                        .main = true,
                                        .gil = SPPROF_GIL_HELD,
                                        .collecting = SPPROF_TRUE,
                                        .idle = SPPROF_FALSE,
                                        .frames = main_frames,
                                        .frame_count = 1};
    interpreter = (struct spprof_interpreter){.id = 0, .threads = threads, .thread_count = 2};
    return (struct spprof_snapshot){
        .kind = SPPROF_TARGET_PROCESS,
        .architecture = SPPROF_X86_64,
        .pid = 12340,
        .executable = literal_bytes("/usr/bin/python3.14"),
        .python = {.version = 0x030e02f0, .layout = SPPROF_LAYOUT_DEBUG_OFFSETS, .runtime = 0x7f0000001000},
        .interpreters = &interpreter,
        .interpreter_count = 1,
        .native_thread_count = 2,
        .stopped_ns = 412345,
        .read_calls = 17,
        .read_bytes = 98765,
    };
}

static void text_of_a_process(void **state)
{
    (void)state;
    struct spprof_snapshot snapshot = ordinary();
    assert_text(&snapshot, "Process 12340 (/usr/bin/python3.14): Python 3.14.2\n"
                           "\n"
                           "Thread 12345 \"worker-3\" (python3) waiting for the GIL\n"
                           "  File \"/srv/app/jobs.py\", line 88, in Queue.take\n"
                           "  File \"/srv/app/jobs.py\", line 12, in <module>\n"
                           "\n"
                           "Thread 12340 \"MainThread\" (python3) main thread, holding the GIL, collecting garbage, running\n"
                           "  File \"/srv/app/jobs.py\", line 12, in <module>\n");
}

static void text_of_a_core(void **state)
{
    (void)state;
    struct spprof_snapshot snapshot = ordinary();
    snapshot.kind = SPPROF_TARGET_CORE;
    snapshot.signal = 11;
    snapshot.python.free_threaded = snapshot.python.debug = snapshot.python.finalizing = true;
    snapshot.interpreter_count = 1;
    snapshot.native_thread_count = 5;
    snapshot.unknown_thread_count = 3;
    snapshot.crash = (struct spprof_crash){.tid = 7,
                                           .name = "a\x1b",
                                           .signal = 11,
                                           .has_fault_address = true,
                                           .fault_address = 0xdead,
                                           .has_program_counter = true,
                                           .program_counter = 0x1234,
                                           .module = literal_bytes("/lib\n.so"),
                                           .offset = 0x234};
    spprof_problems_add(&snapshot.problems, "the core is\ntruncated");
    threads[0] = (struct spprof_thread){.tid = 7,
                                        .signal = 11,
                                        .has_fault_address = true,
                                        .fault_address = 0xdead,
                                        .collecting = SPPROF_UNKNOWN,
                                        .idle = SPPROF_UNKNOWN,
                                        .frames = worker_frames,
                                        .frame_count = 1,
                                        .truncated = literal_bytes("frame at 0x10 is not mapped")};
    threads[1] = (struct spprof_thread){.tid = 8, .name = TEXT(""), .gil = SPPROF_GIL_NONE, .collecting = SPPROF_UNKNOWN, .idle = SPPROF_TRUE};
    assert_text(&snapshot,
                "Core of process 12340 (/usr/bin/python3.14): Python 3.14.2 free-threaded debug, which is ending, died of SIGSEGV at 0xdead\n"
                "It died in thread 7 (a\\x1b), which Python does not know, at program counter 0x1234: /lib\\x0a.so+0x234\n"
                "\n"
                "Thread 7 crashed with SIGSEGV at 0xdead\n"
                "  File \"/srv/app/jobs.py\", line 88, in Queue.take\n"
                "  truncated: frame at 0x10 is not mapped\n"
                "\n"
                "Thread 8 \"\" idle\n"
                "  <no Python frame>\n"
                "\n"
                "3 of the 5 threads of the process are unknown to Python.\n"
                "\n"
                "Problems:\n"
                "  the core is\\x0atruncated\n");
    spprof_problems_free(&snapshot.problems);
}

/* Thread states without a thread, each as what it is, apart from the others. */
static struct spprof_snapshot with_left_over(struct spprof_thread *left_over)
{
    struct spprof_snapshot snapshot = ordinary();
    interpreter.thread_count = 1;
    left_over[0] = (struct spprof_thread){.tid = 71,
                                          .name = TEXT("of-the-parent"),
                                          .idle = SPPROF_UNKNOWN,
                                          .frames = main_frames,
                                          .frame_count = 1,
                                          .left_over = SPPROF_LEFT_OVER_FORK};
    left_over[1] = (struct spprof_thread){
        .idle = SPPROF_UNKNOWN, .gil = SPPROF_GIL_HELD, .left_over = SPPROF_LEFT_OVER_ENDED, .truncated = literal_bytes("gone"), .interpreter = 3};
    left_over[2] = (struct spprof_thread){.idle = SPPROF_UNKNOWN, .left_over = SPPROF_LEFT_OVER_GONE};
    snapshot.left_over = left_over;
    snapshot.left_over_count = 3;
    return snapshot;
}

static void text_of_left_over_states(void **state)
{
    (void)state;
    struct spprof_thread left_over[3];
    struct spprof_snapshot snapshot = with_left_over(left_over);
    snapshot.further_count = 2;
    assert_text(&snapshot, "Process 12340 (/usr/bin/python3.14): Python 3.14.2\n"
                           "\n"
                           "Thread 12345 \"worker-3\" (python3) waiting for the GIL\n"
                           "  File \"/srv/app/jobs.py\", line 88, in Queue.take\n"
                           "  File \"/srv/app/jobs.py\", line 12, in <module>\n"
                           "\n"
                           "Left over from before fork: no such thread, was 71 \"of-the-parent\"\n"
                           "  File \"/srv/app/jobs.py\", line 12, in <module>\n"
                           "\n"
                           "Left over: its thread has ended without releasing its state, holding "
                           "the GIL for ever\n"
                           "  truncated: gone\n"
                           "\n"
                           "Left over: no such thread; it is from before a fork, or has ended "
                           "without releasing its state\n"
                           "  <no Python frame>\n"
                           "\n"
                           "2 more thread states of these threads, which run nothing, are left "
                           "out.\n");
}

static void text_of_several_interpreters(void **state)
{
    (void)state;
    struct spprof_snapshot snapshot = ordinary();
    struct spprof_interpreter several[] = {interpreter, {.id = 3}};
    several[0].thread_count = 1;
    snapshot.interpreters = several;
    snapshot.interpreter_count = 2;
    snapshot.unknown_thread_count = 1;
    threads[0].frame_count = 0;
    assert_text(&snapshot, "Process 12340 (/usr/bin/python3.14): Python 3.14.2\n"
                           "\n"
                           "Interpreter 0\n"
                           "\n"
                           "Thread 12345 \"worker-3\" (python3) waiting for the GIL\n"
                           "  <no Python frame>\n"
                           "\n"
                           "Interpreter 3\n"
                           "\n"
                           "1 of the 2 threads of the process is unknown to Python.\n");
}

/* Whoever knows nothing says so and nothing else. */
static struct spprof_snapshot unknown(void)
{
    static struct spprof_code nothing;
    (void)ordinary();
    worker_frames[0] = (struct spprof_frame){.code = &nothing, .line = -1, .end_line = -1, .column = -1, .end_column = -1};
    worker_frames[1] = worker_frames[0];
    worker_frames[1].code = NULL;
    threads[0] = (struct spprof_thread){.collecting = SPPROF_UNKNOWN, .idle = SPPROF_UNKNOWN, .frames = worker_frames, .frame_count = 2};
    interpreter.thread_count = 1;
    return (struct spprof_snapshot){.kind = SPPROF_TARGET_CORE, .interpreters = &interpreter, .interpreter_count = 1};
}

static void text_of_the_unknown(void **state)
{
    (void)state;
    struct spprof_snapshot snapshot = unknown();
    assert_text(&snapshot, "Core of process: Python of unknown version\n"
                           "\n"
                           "Thread ???\n"
                           "  File ???, line ???, in ???\n"
                           "  File ???, line ???, in ???\n");
    snapshot.interpreter_count = 0;
    snapshot.signal = 77;
    assert_text(&snapshot, "Core of process: Python of unknown version, died of signal 77\n\nNo Python interpreter was found in it.\n");
}

/* Hostile text in every place that holds text of the target. */
static struct spprof_snapshot hostile(void)
{
    static const char bytes[] = HOSTILE;
    static char raw[sizeof bytes];
    struct spprof_snapshot snapshot = ordinary();
    for (size_t i = 0; i < sizeof bytes; i++)
        raw[i] = bytes[i] == '\0' && i + 1 < sizeof bytes ? '\x01' : bytes[i]; /* C strings end at NUL */
    take.name = take.qualified_name = take.file = threads[0].name = TEXT(HOSTILE);
    module.name = module.file = TEXT(HOSTILE);
    snapshot.executable = threads[0].truncated = raw;
    snprintf(threads[0].os_name, sizeof threads[0].os_name, "%s", raw);
    spprof_problems_add(&snapshot.problems, "%s", raw);
    return snapshot;
}

#define HOSTILE_TEXT                                                                                                                                 \
    "a\\x0a\\x0d\\x09\\x00\\x1b[31m\\x7f\"\\ \\x9b \\u202e \\u2066 \\u200e \\u2028 \\ufeff \\udc80 \\xff \\xc3 \xe6\x97\xa5 "                        \
    "\xf0\x9f\x98\x80"

static void hostile_text_is_escaped(void **state)
{
    (void)state;
    struct spprof_snapshot snapshot = hostile();
    char *text = report_text(&snapshot, false);
    size_t lines = 0;
    for (const char *at = text; *at != '\0'; at++) {
        lines += *at == '\n';
        assert_true(*at == '\n' || (unsigned char)*at >= ' ');
        assert_int_not_equal(*at, 0x7f);
    }
    assert_int_equal(lines, 12);
    assert_non_null(strstr(text, "  File \"" HOSTILE_TEXT "\", line 88, in " HOSTILE_TEXT "\n"));
    assert_non_null(strstr(text, "\nThread 12345 \"" HOSTILE_TEXT "\" (a\\x0a\\x0d"));
    free(text);
    spprof_problems_free(&snapshot.problems);
}

/* Colours add escapes of ours around the text and change nothing else. */
static void color_only_adds(void **state)
{
    (void)state;
    struct spprof_snapshot snapshot = hostile();
    char *plain = report_text(&snapshot, false), *colored = report_text(&snapshot, true);
    assert_true(strlen(colored) > strlen(plain));
    char *to = colored;
    for (const char *from = colored; *from != '\0';) {
        if (*from != '\033') {
            *to++ = *from++;
            continue;
        }
        size_t length = strspn(from + 2, "0123456789;");
        assert_int_equal(from[1], '[');
        assert_int_equal(from[2 + length], 'm');
        from += 3 + length;
    }
    *to = '\0';
    assert_string_equal(colored, plain);
    free(plain);
    free(colored);
    spprof_problems_free(&snapshot.problems);
}

static void json_of_a_process(void **state)
{
    (void)state;
    static const char document[] =
        "{'format': 'spprof-stacks', 'version': 1,"
        " 'target': {'kind': 'process', 'pid': 12340, 'executable': '/usr/bin/python3.14', 'architecture': 'x86_64',"
        "  'signal': None, 'fault_address': None, 'native_threads': 2, 'threads_without_python': 0, 'crash': None,"
        "  'stopped_us': 412.345, 'read_calls': 17, 'read_bytes': 98765},"
        " 'runtime': {'python': '3.14.2', 'free_threaded': False, 'debug': False, 'finalizing': False,"
        "  'layout': 'debug-offsets', 'address': '0x7f0000001000', 'file': None},"
        " 'runtimes': [{'python': '3.14.2', 'free_threaded': False, 'debug': False, 'finalizing': False,"
        "  'layout': 'debug-offsets', 'address': '0x7f0000001000', 'file': None}],"
        " 'interpreters': [{'id': 0, 'runtime': '0x7f0000001000', 'threads': ["
        "  {'tid': 12345, 'name': 'worker-3', 'os_name': 'python3', 'main': False, 'crashed': False,"
        "   'gil': 'waiting', 'gc': False, 'idle': True, 'state': 'waiting', 'held_by': None, 'truncated': None, 'frames': ["
        "    {'function': 'take', 'qualified_name': 'Queue.take', 'file': '/srv/app/jobs.py',"
        "     'line': 88, 'line_exact': True, 'end_line': 89, 'column': 8, 'end_column': 43, 'owner': 'thread', 'source_may_differ': None},"
        "    {'function': '<module>', 'qualified_name': None, 'file': '/srv/app/jobs.py',"
        "     'line': 12, 'line_exact': True, 'end_line': 12, 'column': 0, 'end_column': 5, 'owner': 'generator', 'source_may_differ': None}]},"
        "  {'tid': 12340, 'name': 'MainThread', 'os_name': 'python3', 'main': True, 'crashed': False,"
        "   'gil': 'held', 'gc': True, 'idle': False, 'state': 'running', 'held_by': None, 'truncated': None, 'frames': ["
        "    {'function': '<module>', 'qualified_name': None, 'file': '/srv/app/jobs.py',"
        "     'line': 12, 'line_exact': True, 'end_line': 12, 'column': 0, 'end_column': 5, 'owner': 'generator', 'source_may_differ': None}]}]}],"
        " 'left_over': [], 'problems': []}";
    struct spprof_snapshot snapshot = ordinary();
    char expression[sizeof document + 32];
    snprintf(expression, sizeof expression, "report == %s or report", document);
    assert_json(&snapshot, expression, "True");
    assert_json(&snapshot, "[json.loads(line.rstrip(b','))['line'] for line in raw.splitlines() if b'function' in line], raw[-2:]",
                "([88, 12, 12], b'}\\n')"); /* a frame a line */
}

static void json_of_a_core(void **state)
{
    (void)state;
    struct spprof_snapshot snapshot = ordinary();
    snapshot.kind = SPPROF_TARGET_CORE;
    snapshot.architecture = SPPROF_AARCH64;
    snapshot.signal = threads[1].signal = 11;
    snapshot.stopped_ns = 0;
    snapshot.python =
        (struct spprof_python){.version = 0x030d0000, .free_threaded = true, .debug = true, .finalizing = true, .layout = SPPROF_LAYOUT_DWARF};
    snapshot.crash = (struct spprof_crash){.signal = 11, .has_fault_address = true};
    threads[1].has_fault_address = true;
    threads[1].truncated = literal_bytes("torn");
    threads[1].gil = SPPROF_GIL_NONE;
    main_frames[0].owner = SPPROF_OWNER_FRAME_OBJECT;
    worker_frames[0].owner = SPPROF_OWNER_INTERPRETER;
    spprof_problems_add(&snapshot.problems, "one");
    spprof_problems_add(&snapshot.problems, "two");
    assert_json(&snapshot, "[target[k] for k in ('kind', 'architecture', 'signal', 'fault_address', 'stopped_us')]",
                "['core', 'aarch64', 11, '0x0', None]");
    assert_json(&snapshot, "list(runtime.values())", "['3.13', True, True, True, 'dwarf', None, None]");
    assert_json(&snapshot, "[(t['crashed'], t['truncated'], t['gil'], t['frames'][0]['owner']) for t in threads]",
                "[(False, None, 'waiting', 'interpreter'), (True, 'torn', 'none', 'frame-object')]");
    assert_json(&snapshot, "report['problems']", "['one', 'two']");
    spprof_problems_free(&snapshot.problems);
}

static void json_of_left_over_states(void **state)
{
    (void)state;
    struct spprof_thread left_over[3];
    struct spprof_snapshot snapshot = with_left_over(left_over);
    assert_json(&snapshot, "[t['tid'] for t in threads]", "[12345]");
    assert_json(&snapshot,
                "[(t['tid'], t['name'], t['state'], t['left_over_by'], "
                "t['interpreter'], t['gil']) for t in report['left_over']]",
                "[(71, 'of-the-parent', 'left-over', 'fork', 0, None), (None, "
                "None, 'left-over', 'ended', 3, 'held'), "
                "(None, None, 'left-over', None, 0, None)]");
    assert_json(&snapshot,
                "[f['function'] for f in report['left_over'][0]['frames']], "
                "report['left_over'][1]['truncated']",
                "(['<module>'], 'gone')");
}

static void json_of_the_unknown(void **state)
{
    (void)state;
    struct spprof_snapshot snapshot = unknown();
    snapshot.python.layout = SPPROF_LAYOUT_BUILT_IN;
    assert_json(&snapshot, "[k for k, v in target.items() if v is not None], list(runtime.values())",
                "(['kind', 'read_calls', 'read_bytes'], [None, False, False, False, 'built-in', None, None])");
    assert_json(&snapshot, "[k for k, v in threads[0].items() if v is not None]", "['main', 'crashed', 'frames']");
    assert_json(&snapshot, "[set(f.values()) for f in threads[0]['frames']]", "[{None}, {None}]");
    snapshot.interpreter_count = 0;
    assert_json(&snapshot, "report['interpreters'], report['problems']", "([], [])");
}

/* Python gives back just the string that the target holds, and just the bytes that the kernel holds. */
static void json_of_hostile_text(void **state)
{
    (void)state;
    struct spprof_snapshot snapshot = hostile();
    const char *string =
        "'a\\n\\r\\t\\x00\\x1b[31m\\x7f\"\\\\ \\x9b \\u202e \\u2066 \\u200e \\u2028 \\ufeff \\udc80 \\udcff \\udcc3 \\u65e5 \\U0001f600'";
    assert_json(&snapshot, "threads[0]['name']", string);
    assert_json(&snapshot, "threads[0]['frames'][0]['function']", string);
    assert_json(&snapshot, "threads[0]['frames'][0]['qualified_name']", string);
    assert_json(&snapshot, "threads[0]['frames'][1]['file']", string);
    assert_json(&snapshot, "[os.fsencode(target['executable'])]",
                "[b'a\\n\\r\\t\\x01\\x1b[31m\\x7f\"\\\\ \\xc2\\x9b \\xe2\\x80\\xae \\xe2\\x81\\xa6 \\xe2\\x80\\x8e \\xe2\\x80\\xa8 "
                "\\xef\\xbb\\xbf \\xed\\xb2\\x80 \\xff \\xc3 \\xe6\\x97\\xa5 \\xf0\\x9f\\x98\\x80']");
    assert_json(&snapshot, "os.fsencode(target['executable']).startswith(os.fsencode(threads[0]['os_name']))", "True");
    assert_json(&snapshot, "sorted(set(c for c in raw if c < 32 or c == 127))", "[10]");
    assert_json(&snapshot, "sorted(set(c for c in raw.decode() if not c.isascii()))", "['\\u65e5', '\\U0001f600']");
    spprof_problems_free(&snapshot.problems);
}

static void deep_stacks_are_written_whole(void **state)
{
    (void)state;
    enum { DEPTH = 200000 };
    struct spprof_snapshot snapshot = ordinary();
    threads[0].frames = malloc(DEPTH * sizeof *threads[0].frames);
    assert_non_null(threads[0].frames);
    threads[0].frame_count = DEPTH;
    for (int32_t i = 0; i < DEPTH; i++) {
        threads[0].frames[i] = worker_frames[0];
        threads[0].frames[i].line = i;
    }
    clock_t start = clock();
    assert_json(&snapshot, "[f['line'] for f in threads[0]['frames']] == list(range(200000)), len(threads[1]['frames'])", "(True, 1)");
    char *text = report_text(&snapshot, false);
    assert_true(clock() - start < 10 * CLOCKS_PER_SEC);
    assert_non_null(strstr(text, "line 0, in"));
    assert_non_null(strstr(text, "line 199999, in"));
    free(text);
    free(threads[0].frames);
}

static void diagnosis(void **state)
{
    (void)state;
    struct spprof_finding findings[] = {
        {SPPROF_FINDING_FACT, literal_bytes("version"), literal_bytes("3.14.2")},
        {SPPROF_FINDING_CHECK_PASSED, literal_bytes("debug offsets"), literal_bytes("agree\x1b[0m")},
        {SPPROF_FINDING_CHECK_FAILED, literal_bytes("probe"), literal_bytes("type \"cod\"")},
        {SPPROF_FINDING_MISSING, literal_bytes("DWARF"), literal_bytes("install python3.14-dbg")},
    };
    const struct spprof_diagnosis found = {.findings = findings, .count = 4};
    const struct spprof_report_options options = {0};
    char *bytes;
    size_t size;
    FILE *stream = open_memstream(&bytes, &size);
    spprof_report_diagnosis(stream, &found, &options);
    fclose(stream);
    assert_string_equal(bytes, "        version        3.14.2\n"
                               "ok      debug offsets  agree\\x1b[0m\n"
                               "FAILED  probe          type \"cod\"\n"
                               "missing DWARF          install python3.14-dbg\n"
                               "\n"
                               "Checks: 1 passed, 1 failed. Missing: 1.\n");
    free(bytes);
}

static void assert_escaped(const char *bytes, size_t size, const char *expected)
{
    struct captured captured = capture_escaped(bytes, size);
    assert_string_equal(captured.bytes, expected);
    free(captured.bytes);
}

static void every_byte_alone(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char text = (char)byte, expected[8];
        snprintf(expected, sizeof expected, byte >= ' ' && byte <= '~' ? "%c" : "\\x%02x", byte);
        assert_escaped(&text, 1, expected);
    }
}

static size_t encode(uint32_t point, char bytes[4])
{
    if (point < 0x80)
        return bytes[0] = (char)point, 1;
    size_t size = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--, point >>= 6)
        bytes[i] = (char)(0x80 | (point & 0x3f));
    bytes[0] = (char)(0xf00 >> size | point);
    return size;
}

static bool must_be_escaped(uint32_t point)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0, 0x1f}, {0x7f, 0x9f}, {0x61c, 0x61c}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}, {0xd800, 0xdfff}, {0xfeff, 0xfeff}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (point >= ranges[i].first && point <= ranges[i].last)
            return true;
    return false;
}

static void every_code_point(void **state)
{
    (void)state;
    char *bytes;
    size_t size;
    FILE *stream = open_memstream(&bytes, &size);
    for (uint32_t point = 0; point <= 0x10ffff; point++) {
        char text[5] = {0}, expected[12];
        size_t length = encode(point, text);
        if (must_be_escaped(point))
            snprintf(expected, sizeof expected, point < 0x100 ? "\\x%02x" : "\\u%04x", point);
        else
            memcpy(expected, text, sizeof text);
        rewind(stream);
        spprof_write_escaped(stream, text, length);
        putc('\0', stream);
        fflush(stream);
        assert_string_equal(bytes, expected);
    }
    fclose(stream);
    free(bytes);
}

static void broken_utf_8(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *expected;
    } cases[] = {
        {"\xc0\x80", "\\xc0\\x80"}, /* too long */
        {"\xc1\xbf", "\\xc1\\xbf"},
        {"\xe0\x9f\xbf", "\\xe0\\x9f\\xbf"},
        {"\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf"},
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* above U+10FFFF */
        {"\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80"},
        {"\xe6\x97", "\\xe6\\x97"}, /* cut off */
        {"\xe6\x97z", "\\xe6\\x97z"},
        {"\xf0\x9f\x98\xe6\x97\xa5", "\\xf0\\x9f\\x98\xe6\x97\xa5"},
        {"\xc3\xa9\xa9", "\xc3\xa9\\xa9"},              /* one too many */
        {"\xed\xa0\xbd\xed\xb8\x80", "\\ud83d\\ude00"}, /* a pair of surrogates is not what it would be in UTF-16 */
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_escaped(cases[i].bytes, strlen(cases[i].bytes), cases[i].expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_a_process),
        cmocka_unit_test(text_of_a_core),
        cmocka_unit_test(text_of_left_over_states),
        cmocka_unit_test(text_of_several_interpreters),
        cmocka_unit_test(text_of_the_unknown),
        cmocka_unit_test(hostile_text_is_escaped),
        cmocka_unit_test(color_only_adds),
        cmocka_unit_test(json_of_a_process),
        cmocka_unit_test(json_of_a_core),
        cmocka_unit_test(json_of_left_over_states),
        cmocka_unit_test(json_of_the_unknown),
        cmocka_unit_test(json_of_hostile_text),
        cmocka_unit_test(deep_stacks_are_written_whole),
        cmocka_unit_test(diagnosis),
        cmocka_unit_test(every_byte_alone),
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(broken_utf_8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
