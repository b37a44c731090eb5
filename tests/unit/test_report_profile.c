/* The formats of a profile, byte by byte where they are small; what other readers make of them is the matter of tests/report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "output/escape.h"
#include "profile/file_kind.h"
#include "profile/table_text.h"
#include "spprof/profile.h"

struct output {
    char *bytes;
    size_t size;
};

static struct output report(const struct spprof_profile *profile, enum spprof_profile_format format, bool threads, unsigned width)
{
    const struct spprof_profile_report_options options = {.threads = threads, .width = width};
    struct output output;
    FILE *stream = open_memstream(&output.bytes, &output.size);
    assert_null(spprof_report_profile(stream, profile, format, &options));
    assert_int_equal(fclose(stream), 0);
    return output;
}

static void assert_report(const struct spprof_profile *profile, enum spprof_profile_format format, bool threads, const char *expected)
{
    struct output output = report(profile, format, threads, 80);
    assert_string_equal(output.bytes, expected);
    free(output.bytes);
}

static struct spprof_text text(const char *bytes, size_t size)
{
    union {
        const char *constant;
        char *bytes;
    } cast = {.constant = bytes};
    return (struct spprof_text){.bytes = cast.bytes, .size = size};
}

#define TEXT(literal) text("" literal, sizeof(literal) - 1)
static const struct spprof_text unknown;

static uint32_t new_place(struct spprof_profile *profile, struct spprof_text function, struct spprof_text file, int32_t first, int32_t line)
{
    return spprof_profile_place(profile, &(struct spprof_place){function, file, first, line});
}

static uint32_t new_thread(struct spprof_profile *profile, int64_t tid, struct spprof_text name)
{
    return spprof_profile_thread(profile, tid, &name, "python3", tid == 1);
}

static void count(struct spprof_profile *profile, uint32_t thread, uint64_t weight, size_t depth, const uint32_t *places)
{
    uint32_t node = profile->threads[thread].root;
    for (size_t i = 0; i < depth; i++)
        node = spprof_profile_child(profile, node, places[i]);
    spprof_profile_count(profile, thread, node, weight);
}

static struct spprof_profile *new_profile(void)
{
    struct spprof_profile *profile;
    assert_null(spprof_profile_new(&profile));
    return profile;
}

/* Two threads with a recursive stack in common. */
static struct spprof_profile *ordinary(void)
{
    struct spprof_profile *profile = new_profile();
    uint32_t first = new_thread(profile, 1, TEXT("MainThread")), second = new_thread(profile, 2, unknown);
    uint32_t run = new_place(profile, TEXT("run"), TEXT("/srv/app/main.py"), 10, 12);
    uint32_t walk = new_place(profile, TEXT("Tree.walk"), TEXT("/srv/app/tree.py"), 20, 21);
    uint32_t walk_again = new_place(profile, TEXT("Tree.walk"), TEXT("/srv/app/tree.py"), 20, 25);
    count(profile, first, 60, 3, (uint32_t[]){run, walk, walk_again});
    count(profile, first, 10, 2, (uint32_t[]){run, walk});
    count(profile, second, 20, 3, (uint32_t[]){run, walk, walk_again});
    count(profile, second, 10, 0, NULL);
    profile->pid = 77;
    profile->command = strdup("python3 app.py");
    profile->python.version = 0x030e02f0;
    profile->counts = (struct spprof_sample_counts){.duration_s = 2, .rate_hz = 50, .ticks = 50, .overruns = 50, .captured = 100};
    profile->counts.dropped[SPPROF_DROP_CYCLE] = 25;
    spprof_profile_finish(profile);
    return profile;
}

static void names_of_formats(void **state)
{
    (void)state;
    assert_int_equal(spprof_profile_format_by_name("table"), SPPROF_FORMAT_TABLE);
    assert_int_equal(spprof_profile_format_by_name("pprof"), SPPROF_FORMAT_PPROF);
    assert_int_equal(spprof_profile_format_by_name("flame"), SPPROF_FORMATS);
    assert_int_equal(spprof_profile_format_by_name(""), SPPROF_FORMATS);
    assert_int_equal(spprof_profile_format_of_file("out.txt"), SPPROF_FORMAT_COLLAPSED);
    assert_int_equal(spprof_profile_format_of_file("a/b.folded"), SPPROF_FORMAT_COLLAPSED);
    assert_int_equal(spprof_profile_format_of_file("x.speedscope.json"), SPPROF_FORMAT_SPEEDSCOPE);
    assert_int_equal(spprof_profile_format_of_file("x.html"), SPPROF_FORMAT_HTML);
    assert_int_equal(spprof_profile_format_of_file("x.pb.gz"), SPPROF_FORMAT_PPROF);
    assert_int_equal(spprof_profile_format_of_file("x.gecko.json"), SPPROF_FORMAT_GECKO);
    assert_int_equal(spprof_profile_format_of_file("x.json"), SPPROF_FORMATS);
    assert_int_equal(spprof_profile_format_of_file(""), SPPROF_FORMATS);
}

/* A name or an end that two formats had would never choose the second of them. */
static void each_format_is_found_by_its_names(void **state)
{
    (void)state;
    for (unsigned format = 0; format < SPPROF_FORMATS; format++) {
        const struct spprof_profile_format_names *names = &spprof_profile_formats[format];
        assert_int_equal(spprof_profile_format_by_name(names->name), format);
        for (const char *const *ending = names->endings; *ending != NULL; ending++)
            assert_int_equal(spprof_profile_format_of_file(*ending), format);
    }
    assert_string_equal(spprof_profile_format_ending(SPPROF_FORMAT_COLLAPSED), ".folded");
    assert_string_equal(spprof_profile_format_ending(SPPROF_FORMAT_TABLE), ".table");
}

static void collapsed_folds_threads_or_keeps_them(void **state)
{
    (void)state;
    struct spprof_profile *profile = ordinary();
    assert_report(profile, SPPROF_FORMAT_COLLAPSED, false,
                  "<no Python frame> 10\n"
                  "run (/srv/app/main.py:12);Tree.walk (/srv/app/tree.py:21) 10\n"
                  "run (/srv/app/main.py:12);Tree.walk (/srv/app/tree.py:21);Tree.walk (/srv/app/tree.py:25) 80\n");
    assert_report(profile, SPPROF_FORMAT_COLLAPSED, true,
                  "Thread 1 \"MainThread\";run (/srv/app/main.py:12);Tree.walk (/srv/app/tree.py:21) 10\n"
                  "Thread 1 \"MainThread\";run (/srv/app/main.py:12);Tree.walk (/srv/app/tree.py:21);Tree.walk (/srv/app/tree.py:25) 60\n"
                  "Thread 2 (python3);<no Python frame> 10\n"
                  "Thread 2 (python3);run (/srv/app/main.py:12);Tree.walk (/srv/app/tree.py:21);Tree.walk (/srv/app/tree.py:25) 20\n");
    spprof_profile_free(profile);
}

static void collapsed_of_hostile_text(void **state)
{
    (void)state;
    struct spprof_profile *profile = new_profile();
    uint32_t thread = new_thread(profile, 0, TEXT("a;b\n"));
    uint32_t place = new_place(profile, TEXT("f;g\n\x1b\xed\xb2\x80\xff\xe6\x97\xa5 9"), unknown, 1, SPPROF_NO_POSITION);
    count(profile, thread, 3, 1, &place);
    spprof_profile_finish(profile);
    assert_report(profile, SPPROF_FORMAT_COLLAPSED, true, "Thread ?\?\? \"a,b\\x0a\";f,g\\x0a\\x1b\\udc80\\xff\xe6\x97\xa5 9 (?\?\?) 3\n");
    spprof_profile_free(profile);
}

static void the_table(void **state)
{
    (void)state;
    struct spprof_profile *profile = ordinary();
    assert_report(profile, SPPROF_FORMAT_TABLE, false,
                  "python3 app.py\n"
                  "Python 3.14.2, 100 samples of 2 threads in 2.0 s\n"
                  "\n"
                  "            Self            Total  Function\n"
                  "  90.0%       90   90.0%       90  Tree.walk  /srv/app/tree.py:20\n"
                  "   0.0%        0   90.0%       90  run  /srv/app/main.py:10\n"
                  "\n"
                  "Hottest stack: 80 samples, 80.0%\n"
                  "  File \"/srv/app/tree.py\", line 25, in Tree.walk\n"
                  "  File \"/srv/app/tree.py\", line 21, in Tree.walk\n"
                  "  File \"/srv/app/main.py\", line 12, in run\n"
                  "\n"
                  "Samples\n"
                  "       100  80.0%  captured\n"
                  "        25  20.0%  cycle          dropped: a stack that runs in a circle\n"
                  "        50  50.0%  ticks          25.0 a second of 50.0 asked for\n"
                  "        50  50.0%  overruns       ticks that could not be in time\n");
    spprof_profile_free(profile);
}

static void the_table_by_threads(void **state)
{
    (void)state;
    struct spprof_profile *profile = ordinary();
    struct output output = report(profile, SPPROF_FORMAT_TABLE, true, 80);
    assert_non_null(strstr(output.bytes, "\n  90.0%       90   90.0%       90  Tree.walk  /srv/app/tree.py:20\n"));
    assert_non_null(strstr(output.bytes, "\nThreads\n"
                                         "  70.0%       70  Thread 1 \"MainThread\"\n"
                                         "  30.0%       30  Thread 2 (python3)\n"
                                         "\n"
                                         "Hottest stack: 60 samples, 60.0%\n"
                                         "  Thread 1 \"MainThread\"\n"
                                         "  File \"/srv/app/tree.py\", line 25, in Tree.walk\n"));
    free(output.bytes);
    spprof_profile_free(profile);
}

static void the_table_tells_problems(void **state)
{
    (void)state;
    struct spprof_profile *profile = ordinary();
    spprof_problems_add(&profile->problems, "the debug offsets\x1b contradict");
    struct output output = report(profile, SPPROF_FORMAT_TABLE, false, 80);
    assert_non_null(strstr(output.bytes, "\nProblems\n  the debug offsets\\x1b contradict\n"));
    free(output.bytes);
    spprof_profile_free(profile);
}

static void the_table_says_that_there_were_more_threads(void **state)
{
    (void)state;
    struct spprof_profile *profile = ordinary();
    profile->threads_are_cut = true;
    struct output output = report(profile, SPPROF_FORMAT_TABLE, false, 80);
    assert_non_null(strstr(output.bytes, "100 samples of more than 2 threads in 2.0 s\n"));
    free(output.bytes);
    spprof_profile_free(profile);
}

static void color_only_adds(void **state)
{
    (void)state;
    struct spprof_profile *profile = ordinary();
    struct output plain = report(profile, SPPROF_FORMAT_TABLE, false, 80), colored;
    const struct spprof_profile_report_options options = {.color = true, .width = 80};
    FILE *stream = open_memstream(&colored.bytes, &colored.size);
    assert_null(spprof_report_profile(stream, profile, SPPROF_FORMAT_TABLE, &options));
    fclose(stream);
    assert_true(colored.size > plain.size);
    char *to = colored.bytes;
    for (const char *from = colored.bytes; *from != '\0';) {
        if (*from == '\x1b')
            from = strchr(from, 'm') + 1;
        else
            *to++ = *from++;
    }
    *to = '\0';
    assert_string_equal(colored.bytes, plain.bytes);
    free(plain.bytes);
    free(colored.bytes);
    spprof_profile_free(profile);
}

static void assert_path(const char *path, size_t limit, const char *expected)
{
    char *bytes;
    size_t size;
    FILE *stream = open_memstream(&bytes, &size);
    size_t width = profile_table_text_write_path(stream, path, strlen(path), limit);
    fclose(stream);
    assert_string_equal(bytes, expected);
    assert_int_equal(width, profile_table_text_width(expected, strlen(expected)));
    free(bytes);
}

static void paths_lose_their_middle(void **state)
{
    (void)state;
    assert_path("/srv/app/jobs/queue.py", 22, "/srv/app/jobs/queue.py");
    assert_path("/srv/app/jobs/queue.py", 20, "/srv/\xe2\x80\xa6/jobs/queue.py");
    assert_path("/srv/app/jobs/queue.py", 15, "/srv/\xe2\x80\xa6/queue.py");
    assert_path("/srv/app/jobs/queue.py", 10, "\xe2\x80\xa6/queue.py");
    assert_path("/srv/app/jobs/queue.py", 0, "\xe2\x80\xa6/queue.py");
    assert_path("queue.py", 3, "queue.py");
    assert_path("/srv/\xe6\x97\xa5\xe6\x9c\xac/e\xcc\x81.py", 14, "/srv/\xe6\x97\xa5\xe6\x9c\xac/e\xcc\x81.py"); /* 14 columns */
    assert_path("/srv/\xe6\x97\xa5\xe6\x9c\xac/e\xcc\x81.py", 13, "/srv/\xe2\x80\xa6/e\xcc\x81.py");
    assert_path("/", 0, "/");
    assert_path("", 0, "");
}

/* No line is wider than asked, except for a name that alone is. */
static void the_width_is_kept(void **state)
{
    (void)state;
    struct spprof_profile *profile = new_profile();
    uint32_t thread = new_thread(profile, 1, unknown);
    char name[300], path[600];
    for (uint32_t i = 0; i < 40; i++) {
        memset(name, 'n', sizeof name);
        snprintf(path, sizeof path, "/srv/%0*d/%0*d/q%u.py", (int)(i * 3 + 1), 0, (int)(i * 5 + 1), 0, i);
        uint32_t place = new_place(profile, text(name, i * 2 + 1), text(path, strlen(path)), (int32_t)i + 1, (int32_t)i + 1);
        count(profile, thread, i + 1, 1, &place);
    }
    profile->command = strndup(name, sizeof name);
    spprof_profile_finish(profile);
    for (unsigned width = 60; width <= 200; width += 20) {
        struct output output = report(profile, SPPROF_FORMAT_TABLE, false, width);
        char *rest = output.bytes;
        for (char *line; (line = strsep(&rest, "\n")) != NULL;)
            if (strncmp(line, "  File", 6) != 0)
                assert_in_range(profile_table_text_width(line, strlen(line)), 0, width);
        free(output.bytes);
    }
    spprof_profile_free(profile);
}

static void kinds_of_files(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum file_kind kind;
    } cases[] = {
        {"/srv/app/main.py", FILE_OWN},
        {"<string>", FILE_OWN},
        {"", FILE_OWN},
        {"/home/me/python/main.py", FILE_OWN},
        {"/home/lib/pythonic/main.py", FILE_OWN},
        {"/usr/lib/python3.11/threading.py", FILE_LIBRARY},
        {"/opt/lib64/python3.13t/json/decoder.py", FILE_LIBRARY},
        {"/usr/lib/python311.zip/zipimport.py", FILE_LIBRARY},
        {"<frozen importlib._bootstrap>", FILE_LIBRARY},
        {"/venv/lib/python3.14/site-packages/jinja2/loaders.py", FILE_PACKAGE},
        {"/usr/lib/python3/dist-packages/apt/cache.py", FILE_PACKAGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct spprof_text path = text(cases[i].path, strlen(cases[i].path));
        assert_int_equal(profile_file_kind(&path), cases[i].kind);
    }
    assert_int_equal(profile_file_kind(&unknown), FILE_OWN);
}

static void stats_are_json(void **state)
{
    (void)state;
    const struct spprof_sample_counts counts = {
        .duration_s = 1.5, .rate_hz = 99.9, .ticks = 150, .captured = 140, .recovered = 3, .capture_p50_us = 4.25, .capture_max_us = -1};
    char *bytes;
    size_t size;
    FILE *stream = open_memstream(&bytes, &size);
    spprof_report_sample_stats(stream, &counts);
    fclose(stream);
    assert_string_equal(bytes, "{\n \"format\": \"spprof-sample-stats\",\n \"version\": 1,\n \"duration_s\": 1.500,\n \"rate_hz\": 99.900,\n"
                               " \"ticks\": 150,\n \"overruns\": 0,\n \"captured\": 140,\n \"recovered\": 3,\n \"cut_to_caller\": 0,\n"
                               " \"retried\": 0,\n \"dropped\": {\"changed\": 0, \"bad-pointer\": 0, \"not-code\": 0, \"bad-instruction\": 0, "
                               "\"cycle\": 0, \"unreadable\": 0},\n \"held\": {\"stopped\": 0, \"frozen\": 0, \"traced\": 0, "
                               "\"uninterruptible\": 0},\n \"threads_seen\": 0,\n"
                               " \"capture_us\": {\"p50\": 4.250, \"p99\": 0.000, \"max\": 0.000}\n}\n");
    free(bytes);
}

/* Nothing of the target reaches a file raw: the text formats stay valid UTF-8, and a page's script ends where it should. */
static void hostile_text_in_every_format(void **state)
{
    (void)state;
    struct spprof_profile *profile = new_profile();
    uint32_t thread = new_thread(profile, 5, TEXT("</script><script>alert(1)</script>\0\x1b]0;x\x07"));
    uint32_t place = new_place(profile, TEXT("\xed\xa0\x80 \xff \xe2\x80\xae \"\\ </ScRiPt> {{page.js}}"), TEXT("\x80<!--"), -5, -5);
    count(profile, thread, 1, 1, &place);
    profile->command = strdup("\xff</script>\n");
    spprof_profile_finish(profile);
    for (unsigned format = SPPROF_FORMAT_TABLE; format < SPPROF_FORMATS; format++) {
        struct output output = report(profile, (enum spprof_profile_format)format, true, 0);
        for (size_t i = 0; spprof_profile_formats[format].is_text && i < output.size;) {
            struct text_unit unit = output_text_unit_next(output.bytes + i, output.size - i, TEXT_STRICT);
            assert_true(output_text_unit_is_plain(unit) || unit.value == '\n');
            i += unit.size;
        }
        if (format == SPPROF_FORMAT_HTML) {
            assert_null(strstr(output.bytes, "alert(1)</"));
            assert_null(strstr(output.bytes, "</ScRiPt"));
            assert_null(strstr(output.bytes, "<!--"));
        }
        free(output.bytes);
    }
    spprof_profile_free(profile);
}

static void no_samples_at_all(void **state)
{
    (void)state;
    for (int threads = 0; threads < 2; threads++) {
        struct spprof_profile *profile = new_profile();
        if (threads > 0)
            new_thread(profile, 1, TEXT("never seen at work"));
        spprof_profile_finish(profile);
        for (unsigned format = SPPROF_FORMAT_TABLE; format < SPPROF_FORMATS; format++) {
            struct output output = report(profile, (enum spprof_profile_format)format, threads > 0, 0);
            assert_true(output.size > 0 || format == SPPROF_FORMAT_COLLAPSED);
            free(output.bytes);
        }
        spprof_profile_free(profile);
    }
}

static void two_hundred_thousand_calls_deep(void **state)
{
    (void)state;
    enum { DEPTH = 200000 };
    struct spprof_profile *profile = new_profile();
    uint32_t thread = new_thread(profile, 1, TEXT("MainThread"));
    uint32_t *path = malloc(DEPTH * sizeof *path);
    for (uint32_t i = 0; i < DEPTH; i++)
        path[i] = new_place(profile, TEXT("recurse"), TEXT("deep.py"), 1, (int32_t)(i % 3) + 1);
    count(profile, thread, 2, DEPTH, path);
    count(profile, thread, 1, DEPTH / 2, path);
    free(path);
    spprof_profile_finish(profile);
    for (unsigned format = SPPROF_FORMAT_TABLE; format < SPPROF_FORMATS; format++) {
        struct output output = report(profile, (enum spprof_profile_format)format, true, 0);
        assert_true(output.size > 100);
        if (format == SPPROF_FORMAT_TABLE)
            assert_non_null(strstr(output.bytes, "  ... 199970 more frames\n"));
        free(output.bytes);
    }
    spprof_profile_free(profile);
}

static void a_hundred_thousand_stacks(void **state)
{
    (void)state;
    enum { STACKS = 100000 };
    struct spprof_profile *profile = new_profile();
    uint32_t thread = new_thread(profile, 1, TEXT("MainThread"));
    for (uint32_t i = 0; i < STACKS; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%u", i % 1000);
        uint32_t place = new_place(profile, text(name, strlen(name)), TEXT("wide.py"), 1, 1);
        uint32_t other = new_place(profile, TEXT("leaf"), TEXT("wide.py"), 9, (int32_t)(i / 1000));
        count(profile, thread, 1, 2, (uint32_t[]){place, other});
    }
    spprof_profile_finish(profile);
    for (unsigned format = SPPROF_FORMAT_TABLE; format < SPPROF_FORMATS; format++) {
        struct output output = report(profile, (enum spprof_profile_format)format, false, 0);
        size_t lines = 0;
        for (size_t i = 0; i < output.size; i++)
            lines += output.bytes[i] == '\n';
        if (format == SPPROF_FORMAT_COLLAPSED)
            assert_int_equal(lines, STACKS);
        free(output.bytes);
    }
    spprof_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_formats),
        cmocka_unit_test(each_format_is_found_by_its_names),
        cmocka_unit_test(collapsed_folds_threads_or_keeps_them),
        cmocka_unit_test(collapsed_of_hostile_text),
        cmocka_unit_test(the_table),
        cmocka_unit_test(the_table_by_threads),
        cmocka_unit_test(the_table_tells_problems),
        cmocka_unit_test(the_table_says_that_there_were_more_threads),
        cmocka_unit_test(color_only_adds),
        cmocka_unit_test(paths_lose_their_middle),
        cmocka_unit_test(the_width_is_kept),
        cmocka_unit_test(kinds_of_files),
        cmocka_unit_test(stats_are_json),
        cmocka_unit_test(hostile_text_in_every_format),
        cmocka_unit_test(no_samples_at_all),
        cmocka_unit_test(two_hundred_thousand_calls_deep),
        cmocka_unit_test(a_hundred_thousand_stacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
