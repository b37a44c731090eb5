/* Source lines are printed as they are where the file at hand is surely the one that ran; else with a mark, or with a word on what is missing. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "spprof/report.h"

enum { MODIFIED_AT = 1000000000 };

static const int64_t LONG_AGO = 1, IN_FUTURE = INT64_C(4000000000) * 1000000000;

/* A target whose root directory is a temporary one; a test may change when it started. */
static char root[] = "/tmp/spprof-test-XXXXXX";
static int64_t started_at;
static unsigned opened;

static struct spprof_error *open_below_root(struct spprof_target *target, const char *path, int *fd, int64_t *when)
{
    (void)target;
    char *real;
    assert_true(asprintf(&real, "%s%s%s", root, path[0] == '/' ? "" : "/", path) > 0);
    *fd = open(real, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    free(real);
    if (*fd < 0)
        return spprof_error_new(errno == EACCES ? SPPROF_ERROR_PERMISSION : SPPROF_ERROR_NOT_FOUND, "%s", strerror(errno));
    *when = started_at;
    opened += strstr(path, ".pyc") == NULL;
    return NULL;
}

static const struct spprof_target_ops ops = {.open_file = open_below_root};
static struct spprof_target target = {.ops = &ops};

/* One thread with one frame in one code object, which tests change. */
static const uint8_t line_table[] = "\x80\x00\xd8\x04\x05\x80\x61\x81\x43";
static struct spprof_code code;
static struct spprof_code *codes[] = {&code};
static struct spprof_frame frame, *frames = &frame;
static size_t frame_count = 1;

static char *literal_bytes(const char *literal)
{
    union {
        const char *constant;
        char *bytes;
    } cast = {.constant = literal};
    return cast.bytes;
}

static struct spprof_text text(const char *literal)
{
    return (struct spprof_text){.bytes = literal_bytes(literal), .size = strlen(literal)};
}

static char *report(void)
{
    struct spprof_thread thread = {.tid = 1, .idle = SPPROF_UNKNOWN, .frames = frames, .frame_count = frame_count};
    struct spprof_interpreter interpreter = {.threads = &thread, .thread_count = 1};
    const struct spprof_snapshot snapshot = {
        .kind = target.kind,
        .pid = 1,
        .python = {.version = 0x030b07f0},
        .interpreters = &interpreter,
        .interpreter_count = 1,
        .codes = codes,
        .code_count = 1,
    };
    const struct spprof_report_options options = {.source = true, .target = &target};
    char *bytes;
    size_t size;
    FILE *stream = open_memstream(&bytes, &size);
    spprof_report_text(stream, &snapshot, &options);
    fclose(stream);
    return bytes;
}

/* expected: the source line behind its margin, or NULL where none may be printed; note: words that must stand below, NULL: nothing may. */
static void assert_printed(int32_t line, const char *margin, const char *expected, const char *note)
{
    frame.line = line;
    char *printed = report();
    char *source = strstr(printed, "in work\n") + strlen("in work\n"), *below = strchr(source, '\n');
    if (expected == NULL)
        below = source;
    if (note == NULL)
        assert_string_equal(expected != NULL ? below + 1 : below, "");
    else
        assert_non_null(strstr(below, note));
    if (expected != NULL) {
        *below = '\0';
        assert_memory_equal(source, margin, 4);
        assert_string_equal(source + 4, expected);
    } else {
        assert_true(*source == '\0' || *source == '\n');
    }
    free(printed);
}

static void assert_line(int32_t line, const char *expected)
{
    assert_printed(line, "    ", expected, NULL);
}

/* The line, with the mark and the reason why it may be another than the one that ran. */
static void assert_doubtful(int32_t line, const char *expected, const char *reason)
{
    assert_printed(line, "  ? ", expected, "source may have changed since");
    assert_printed(line, "  ? ", expected, reason);
}

static void assert_missing(int32_t line, const char *reason)
{
    assert_printed(line, "", NULL, reason);
}

static void write_file(const char *path, const char *bytes, size_t size)
{
    char *real;
    assert_true(asprintf(&real, "%s%s", root, path) > 0);
    FILE *stream = fopen(real, "w");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
    const struct timespec times[2] = {{.tv_sec = MODIFIED_AT}, {.tv_sec = MODIFIED_AT}};
    assert_int_equal(utimensat(AT_FDCWD, real, times, 0), 0);
    free(real);
}

static const char source[] = "import time\n"
                             "\n"
                             "def work(queue):\n"
                             "    item = queue.get()\n"
                             "    return item\n";

static void write_source(void)
{
    write_file("/work.py", source, sizeof source - 1);
}

static void append_32(FILE *stream, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        putc((int)(value >> 8 * i & 0xff), stream);
}

/* Bytecode with one code object in it, cut down to what matters. */
static void write_bytecode(const char *path, uint32_t flags, uint32_t time, uint32_t size, uint32_t first_line, char type)
{
    char *bytes;
    size_t length;
    FILE *stream = open_memstream(&bytes, &length);
    fputs("\xa7\r\r\n", stream);
    append_32(stream, flags);
    append_32(stream, time);
    append_32(stream, size);
    fputs("\xe3 something \xda\x04work", stream);
    append_32(stream, first_line);
    putc(type, stream);
    append_32(stream, sizeof line_table - 1);
    fwrite(line_table, 1, sizeof line_table - 1, stream);
    fclose(stream);
    write_file(path, bytes, length);
    free(bytes);
}

#define BYTECODE "/__pycache__/work.cpython-311.pyc"

static void write_good_bytecode(void)
{
    write_bytecode(BYTECODE, 0, MODIFIED_AT, sizeof source - 1, 3, 's');
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type;
    return place->level == 0 ? 0 : remove(path);
}

static int set_up(void **state)
{
    (void)state;
    char *cache;
    nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    if (asprintf(&cache, "%s/__pycache__", root) < 0 || mkdir(cache, 0700) != 0)
        return -1;
    free(cache);
    code = (struct spprof_code){
        .name = text("work"), .file = text("/work.py"), .first_line = 3, .line_table = line_table, .line_table_size = sizeof line_table - 1};
    frame = (struct spprof_frame){.code = &code, .line = 4};
    target.kind = SPPROF_TARGET_PROCESS;
    started_at = IN_FUTURE;
    opened = 0;
    write_source();
    return 0;
}

static void older_than_the_process(void **state)
{
    (void)state;
    assert_line(4, "item = queue.get()");
    assert_line(5, "return item");
    assert_line(1, "import time");
    assert_line(2, NULL); /* blank */
    assert_line(6, NULL); /* none */
    assert_line(0, NULL);
    assert_line(SPPROF_NO_POSITION, NULL);
}

static void younger_than_the_process(void **state)
{
    (void)state;
    started_at = LONG_AGO;
    assert_doubtful(4, "item = queue.get()", "changed after the program had started");
    started_at = INT64_C(1000000000) * (MODIFIED_AT + 10); /* its time was set back, but the inode knows */
    assert_doubtful(4, "item = queue.get()", "changed after the program had started");
    started_at = 0;
    assert_doubtful(4, "item = queue.get()", "nothing proves");
}

static void not_asked_for(void **state)
{
    (void)state;
    struct spprof_target without_files = {.ops = &(const struct spprof_target_ops){0}};
    struct spprof_snapshot snapshot = {0};
    struct spprof_report_options options = {.source = true, .target = &without_files};
    FILE *stream = fopen("/dev/null", "w");
    spprof_report_text(stream, &snapshot, &options);
    options = (struct spprof_report_options){.target = &target};
    spprof_report_text(stream, &snapshot, &options);
    fclose(stream);
    assert_int_equal(opened, 0);
}

static void names_that_are_no_path(void **state)
{
    (void)state;
    code.file = text("<string>");
    assert_line(4, NULL);
    code.file = (struct spprof_text){.bytes = literal_bytes("/work.py\0x"), .size = 10};
    assert_line(4, NULL);
    code.file = text("/work.py\xed\xa0\x80"); /* a surrogate that stands for no byte */
    assert_line(4, NULL);
    code.file = (struct spprof_text){0};
    assert_line(4, NULL);
    assert_int_equal(opened, 0);
    code.file = text("/missing.py");
    assert_missing(4, "there is no file /missing.py");
}

/* The target has tried where it stands and where it began; nothing but bytecode tells that this is where it was compiled. */
static void relative_names(void **state)
{
    (void)state;
    code.file = text("work.py");
    assert_doubtful(4, "item = queue.get()", "by the relative path work.py");
    write_good_bytecode();
    assert_line(4, "item = queue.get()");
}

static void files_that_the_user_may_not_read(void **state)
{
    (void)state;
    char *path;
    assert_true(asprintf(&path, "%s/work.py", root) > 0);
    assert_int_equal(chmod(path, 0), 0);
    if (access(path, R_OK) != 0) /* root may read everything */
        assert_missing(4, "may not read /work.py");
    free(path);
}

static void names_of_any_bytes(void **state)
{
    (void)state;
    write_file("/w\xff\xc3\xa9.py", source, sizeof source - 1);
    code.file = text("/w\xed\xb3\xbf\xc3\xa9.py"); /* as os.fsdecode gives the name */
    assert_line(4, "item = queue.get()");
}

static void only_regular_files(void **state)
{
    (void)state;
    char *path;
    code.file = text("/__pycache__");
    assert_missing(4, "no regular file");
    assert_true(asprintf(&path, "%s/pipe", root) > 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    code.file = text("/pipe");
    assert_missing(4, "no regular file");
    free(path);
}

static void huge_files(void **state)
{
    (void)state;
    char *path;
    assert_true(asprintf(&path, "%s/work.py", root) > 0);
    assert_int_equal(truncate(path, (64 << 20) + 1), 0);
    assert_missing(4, "too large");
    assert_int_equal(truncate(path, 64 << 20), 0);
    assert_line(4, "item = queue.get()");
    free(path);
}

static void proven_by_bytecode(void **state)
{
    (void)state;
    target.kind = SPPROF_TARGET_CORE;
    started_at = 0;
    assert_doubtful(4, "item = queue.get()", "nothing proves");
    write_good_bytecode();
    assert_line(4, "item = queue.get()");
    write_bytecode(BYTECODE, 0, MODIFIED_AT, sizeof source - 1, 3, '\xf3'); /* 's' with FLAG_REF */
    assert_line(4, "item = queue.get()");
    started_at = LONG_AGO;
    assert_line(4, "item = queue.get()");
}

static void proven_by_optimised_bytecode(void **state)
{
    (void)state;
    started_at = 0;
    write_bytecode(BYTECODE, 0, MODIFIED_AT - 9, 5, 3, 's');
    write_bytecode("/__pycache__/work.cpython-311.opt-2.pyc", 0, MODIFIED_AT, sizeof source - 1, 3, 's');
    assert_line(4, "item = queue.get()");
}

static void bytecode_that_proves_nothing(void **state)
{
    (void)state;
    started_at = 0;
    write_bytecode(BYTECODE, 1, MODIFIED_AT, sizeof source - 1, 3, 's'); /* checked by hash */
    assert_doubtful(4, "item = queue.get()", "nothing proves");
    write_bytecode(BYTECODE, 0, MODIFIED_AT, sizeof source - 1, 3, 'r'); /* the line table stands elsewhere */
    assert_doubtful(4, "item = queue.get()", "nothing proves");
    write_file(BYTECODE, "\xa7\r\r\n", 4);
    assert_doubtful(4, "item = queue.get()", "nothing proves");
    write_good_bytecode();
    code.line_table_size = 1;
    assert_doubtful(4, "item = queue.get()", "nothing proves");
    code.line_table = NULL;
    assert_doubtful(4, "item = queue.get()", "nothing proves");
    started_at = IN_FUTURE; /* but the clock does */
    assert_line(4, "item = queue.get()");
}

/* A worker that was forked after its source changed is younger than a source that it does not run. */
static void bytecode_that_contradicts(void **state)
{
    (void)state;
    write_bytecode(BYTECODE, 0, MODIFIED_AT - 1, sizeof source - 1, 3, 's');
    assert_doubtful(4, "item = queue.get()", "changed after the program had started");
    write_bytecode(BYTECODE, 0, MODIFIED_AT, sizeof source, 3, 's');
    assert_doubtful(4, "item = queue.get()", "changed after the program had started");
    write_bytecode(BYTECODE, 0, MODIFIED_AT, sizeof source - 1, 2, 's'); /* moved by a line */
    assert_doubtful(4, "item = queue.get()", "changed after the program had started");
    static const uint8_t other[] = "another line table";
    write_good_bytecode();
    code.line_table = other;
    code.line_table_size = sizeof other;
    assert_doubtful(4, "item = queue.get()", "changed after the program had started");
}

/* Template engines compile code of their own under the name of the template. */
static void generated_code(void **state)
{
    (void)state;
    code.first_line = 4;
    assert_missing(5, "does not hold");
    code.first_line = 99;
    assert_missing(5, "does not hold");
    code.first_line = 1;
    static const char decorated[] = "@cached\ndef work():\n    return 1\n";
    write_file("/work.py", decorated, sizeof decorated - 1);
    assert_line(3, "return 1");
}

static void lines_as_the_tokenizer_counts(void **state)
{
    (void)state;
    static const char mixed[] = "\xef\xbb\xbf# first\r\n# second\r# third\n\fdef work(): pass # \v\x1c\xe2\x80\xa8\n\n\tlast\t1  ";
    write_file("/work.py", mixed, sizeof mixed - 1);
    code.first_line = 4;
    assert_line(1, "# first");
    assert_line(2, "# second");
    assert_line(3, "# third");
    assert_line(4, "def work(): pass # \\x0b\\x1c\\u2028");
    assert_line(6, "last 1");
}

static void lines_are_safe(void **state)
{
    (void)state;
    static const char broken[] = "#\n\ndef work():\n    print('\xe9\x1b[31m\xe2\x80\xae')\0\n";
    write_file("/work.py", broken, sizeof broken - 1);
    assert_line(4, "print('\\xe9\\x1b[31m\\u202e')\\x00");
}

/* What Python's codecs of these names give: "é", "€", and two signs that mean Nihon in Chinese and in Japanese. */
static void lines_in_their_encoding(void **state)
{
    static const struct {
        const char *head, *bytes, *text;
    } cases[] = {
        {"# -*- coding: latin-1 -*-\n\n", "\xe9\x80", "\xc3\xa9\\x80"},
        {"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n", "\xe9\x80", "\xc3\xa9\xe2\x82\xac"},
        {"\n#coding=iso8859_15\n", "\xe9\xa4", "\xc3\xa9\xe2\x82\xac"},
        {"# coding: GBK\n\n", "\xc8\xd5\xb1\xbe", "\xe6\x97\xa5\xe6\x9c\xac"},
        {"# coding: euc-jp\n\n", "\xc6\xfc\xcb\xdc", "\xe6\x97\xa5\xe6\x9c\xac"},
        {"# coding: shift_jis\n\n", "\x93\xfa\x96\x7b", "\xe6\x97\xa5\xe6\x9c\xac"},
        {"# coding: utf-8\n\n", "\xc3\xa9", "\xc3\xa9"},
        {"\xef\xbb\xbf# coding: utf-8-sig\n\n", "\xc3\xa9", "\xc3\xa9"},
        {"import this\n# coding: latin-1\n", "\xe9", "\\xe9"}, /* too late */
        {"# coding: ../../evil\n\n", "\xe9", "\\xe9"},
        {"# coding: gbk\n\n", "\xff\xff", "\\xff\\xff"}, /* none of it */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char source_text[256], expected[64];
        int size = snprintf(source_text, sizeof source_text, "%sdef work():\n    return '%s'\n", cases[i].head, cases[i].bytes);
        snprintf(expected, sizeof expected, "return '%s'", cases[i].text);
        write_file("/work.py", source_text, (size_t)size);
        assert_line(4, expected);
    }
}

static void long_lines_are_cut(void **state)
{
    (void)state;
    char lines[2 * 5000 + 200 + 32], expected[200 + 4];
    int length = sprintf(lines, "\n\ndef work():\n%5000s\n%0200d\n%05000d\n", "x", 1, 2);
    write_file("/work.py", lines, (size_t)length);
    assert_line(4, NULL);
    sprintf(expected, "%0200d", 1);
    assert_line(5, expected);
    sprintf(expected, "%0200d...", 0);
    assert_line(6, expected);
}

static void a_file_is_read_once(void **state)
{
    (void)state;
    enum { DEPTH = 200000 };
    frames = calloc(DEPTH, sizeof *frames);
    assert_non_null(frames);
    for (int32_t i = 0; i < DEPTH; i++)
        frames[i] = (struct spprof_frame){.code = &code, .line = 1 + i % 6};
    frame_count = DEPTH;
    clock_t start = clock();
    char *printed = report();
    assert_true(clock() - start < 10 * CLOCKS_PER_SEC);
    assert_int_equal(opened, 1);
    free(printed);
    free(frames);
    frames = &frame;
    frame_count = 1;
}

static int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) != NULL ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    nftw(root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    return rmdir(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(older_than_the_process, set_up),
        cmocka_unit_test_setup(younger_than_the_process, set_up),
        cmocka_unit_test_setup(not_asked_for, set_up),
        cmocka_unit_test_setup(names_that_are_no_path, set_up),
        cmocka_unit_test_setup(relative_names, set_up),
        cmocka_unit_test_setup(files_that_the_user_may_not_read, set_up),
        cmocka_unit_test_setup(names_of_any_bytes, set_up),
        cmocka_unit_test_setup(only_regular_files, set_up),
        cmocka_unit_test_setup(huge_files, set_up),
        cmocka_unit_test_setup(proven_by_bytecode, set_up),
        cmocka_unit_test_setup(proven_by_optimised_bytecode, set_up),
        cmocka_unit_test_setup(bytecode_that_proves_nothing, set_up),
        cmocka_unit_test_setup(bytecode_that_contradicts, set_up),
        cmocka_unit_test_setup(generated_code, set_up),
        cmocka_unit_test_setup(lines_as_the_tokenizer_counts, set_up),
        cmocka_unit_test_setup(lines_are_safe, set_up),
        cmocka_unit_test_setup(lines_in_their_encoding, set_up),
        cmocka_unit_test_setup(long_lines_are_cut, set_up),
        cmocka_unit_test_setup(a_file_is_read_once, set_up),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
