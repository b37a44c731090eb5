/*
 * Line tables: what positions.py had interpreters say of them, and what no interpreter would make. With a file of such truths as its
 * argument the test judges by that one instead of those in positions.inc.
 */
#include <limits.h>
#include <unistd.h>

#include "memory.h"
#include "spprof/snapshot.h"
#include "frames/position.h"

enum { NONE = SPPROF_NO_POSITION, TABLE_MAX = 1 << 16 };

/* Text of one code object, as positions.py writes it. */
struct truth {
    enum line_table_style style;
    int32_t first_line;
    uint8_t *table;
    size_t size;
    const char *runs; /* text that is left */
};

struct run {
    int64_t start, end;
    struct position position;
};

/* Memory that ends where the table does: one byte beyond is a crash. */
static struct {
    uint8_t *end;
    uint8_t whole[TABLE_MAX];
} table_memory;

static int setup(void **state)
{
    (void)state;
    uint8_t *memory = mmap(NULL, TABLE_MAX + PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    table_memory.end = memory + TABLE_MAX;
    return memory == MAP_FAILED ? -1 : mprotect(table_memory.end, PAGE_SIZE, PROT_NONE);
}

static struct position find(enum line_table_style style, const void *table, size_t size, int32_t first_line, int64_t offset)
{
    assert_true(size <= TABLE_MAX);
    if (size > 0)
        memcpy(table_memory.end - size, table, size);
    return frames_position_find(style, table_memory.end - size, size, first_line, offset);
}

#define FIND(style, first_line, offset, ...) find(style, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), first_line, offset)

static void assert_position(struct position position, int32_t line, int32_t end_line, int32_t column, int32_t end_column)
{
    assert_int_equal(position.line, line);
    assert_int_equal(position.end_line, end_line);
    assert_int_equal(position.column, column);
    assert_int_equal(position.end_column, end_column);
}

static bool same(struct position a, struct position b)
{
    return a.line == b.line && a.end_line == b.end_line && a.column == b.column && a.end_column == b.end_column;
}

static bool is_nowhere(struct position position)
{
    return same(position, (struct position){NONE, NONE, NONE, NONE});
}

static int32_t next_number(const char **text)
{
    char *end;
    long value = NONE;
    if (**text == '-' && ((*text)[1] == ',' || (*text)[1] == ' ' || (*text)[1] == '\n' || (*text)[1] == '\0'))
        end = (char *)(uintptr_t)(*text + 1);
    else
        value = strtol(*text, &end, 10);
    assert_true(end != *text);
    *text = *end == ',' ? end + 1 : end;
    return (int32_t)value;
}

static bool next_run(struct truth *truth, struct run *run)
{
    truth->runs += strspn(truth->runs, " \n");
    if (*truth->runs == '\0')
        return false;
    run->start = next_number(&truth->runs);
    run->end = next_number(&truth->runs);
    run->position.line = next_number(&truth->runs);
    run->position.end_line = next_number(&truth->runs);
    run->position.column = next_number(&truth->runs);
    run->position.end_column = next_number(&truth->runs);
    return true;
}

static struct truth parse(const char *text)
{
    static const char *const names[] = {[LINE_TABLE_LNOTAB] = "lnotab", [LINE_TABLE_PEP626] = "pep626", [LINE_TABLE_PEP657] = "pep657"};
    struct truth truth = {.table = table_memory.whole};
    size_t length = strcspn(text, " ");
    while (strncmp(text, names[truth.style], length) != 0)
        assert_true(++truth.style <= LINE_TABLE_PEP657);
    text += length;
    truth.first_line = (int32_t)strtol(text, (char **)(uintptr_t)&text, 10);
    text += 1 + (text[1] == '-');
    for (unsigned byte; sscanf(text, "%2x", &byte) == 1 && *text != ' '; text += 2) {
        assert_true(truth.size < TABLE_MAX);
        truth.table[truth.size++] = (uint8_t)byte;
    }
    truth.runs = text;
    return truth;
}

static void check_truth(struct truth truth)
{
    struct run run;
    while (next_run(&truth, &run)) {
        for (int64_t offset = run.start; offset < run.end; offset += 2) {
            struct position position = find(truth.style, truth.table, truth.size, truth.first_line, offset);
            if (!same(position, run.position))
                fail_msg("instruction at %lld: %d-%d, %d-%d instead of %d-%d, %d-%d", (long long)offset, position.line, position.end_line,
                         position.column, position.end_column, run.position.line, run.position.end_line, run.position.column,
                         run.position.end_column);
        }
    }
}

/* Cut anywhere, a table gives what it gave before, or nothing; 3.9's knows no end: there the last line goes on. */
static void check_cut_tables(struct truth truth)
{
    struct run run;
    while (next_run(&truth, &run)) {
        for (size_t size = 0; size < truth.size; size++) {
            struct position position = find(truth.style, truth.table, size, truth.first_line, run.start);
            if (truth.style == LINE_TABLE_LNOTAB)
                assert_true(position.line >= NONE && position.column == NONE);
            else
                assert_true(is_nowhere(position) || same(position, run.position));
        }
    }
}

static const char *const recorded[] = {
#include "positions.inc"
};

static void test_recorded_truths(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof recorded / sizeof *recorded; i++)
        check_truth(parse(recorded[i]));
}

static void test_recorded_tables_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof recorded / sizeof *recorded; i++)
        check_cut_tables(parse(recorded[i]));
}

static void check_valid(struct position position)
{
    assert_true(position.line >= NONE && position.end_line >= NONE && position.column >= NONE && position.end_column >= NONE);
}

static void test_random_bytes(void **state)
{
    (void)state;
    uint8_t table[200];
    unsigned seed = 1;
    for (int round = 0; round < 20000; round++) {
        size_t size = (size_t)rand_r(&seed) % sizeof table;
        for (size_t i = 0; i < size; i++)
            table[i] = (uint8_t)(rand_r(&seed) >> 8);
        for (enum line_table_style style = LINE_TABLE_LNOTAB; style <= LINE_TABLE_PEP657; style++) {
            check_valid(find(style, table, size, rand_r(&seed), rand_r(&seed) % 1000));
            check_valid(find(style, table, size, INT32_MAX, rand_r(&seed) % 1000));
            check_valid(find(style, table, size, INT32_MIN, rand_r(&seed) % 1000));
        }
    }
}

static void test_nothing_has_run(void **state)
{
    (void)state;
    for (enum line_table_style style = LINE_TABLE_LNOTAB; style <= LINE_TABLE_PEP657; style++) {
        assert_position(find(style, NULL, 0, 7, -1), 7, NONE, NONE, NONE);
        assert_position(find(style, NULL, 0, 7, -2), 7, NONE, NONE, NONE);
        assert_position(find(style, NULL, 0, 7, INT64_MIN), 7, NONE, NONE, NONE);
        assert_position(find(style, NULL, 0, INT32_MIN, -2), NONE, NONE, NONE, NONE);
    }
}

static void test_table_missing_or_empty(void **state)
{
    (void)state;
    for (enum line_table_style style = LINE_TABLE_LNOTAB; style <= LINE_TABLE_PEP657; style++) {
        assert_true(is_nowhere(frames_position_find(style, NULL, 0, 7, 0)));
        assert_position(find(style, "", 0, 7, 2), style == LINE_TABLE_LNOTAB ? 7 : NONE, NONE, NONE, NONE);
    }
}

static void test_lnotab_deltas(void **state)
{
    (void)state;
    /* 130 bytes of bytecode in line 1, then back from line 11 to 6 and below 1. */
    assert_position(FIND(LINE_TABLE_LNOTAB, 1, 128, 130, 10, 2, 0xfb), 1, NONE, NONE, NONE);
    assert_position(FIND(LINE_TABLE_LNOTAB, 1, 130, 130, 10, 2, 0xfb), 11, NONE, NONE, NONE);
    assert_position(FIND(LINE_TABLE_LNOTAB, 1, 132, 130, 10, 2, 0xfb), 6, NONE, NONE, NONE);
    assert_position(FIND(LINE_TABLE_LNOTAB, 1, 1000000, 130, 10, 2, 0xfb), 6, NONE, NONE, NONE);
    assert_position(FIND(LINE_TABLE_LNOTAB, 1, 2, 2, 0x80), NONE, NONE, NONE, NONE);
    /* More than 255 bytes, more than 127 lines: several pairs. */
    assert_position(FIND(LINE_TABLE_LNOTAB, 1, 298, 255, 0, 45, 127, 0, 73), 1, NONE, NONE, NONE);
    assert_position(FIND(LINE_TABLE_LNOTAB, 1, 300, 255, 0, 45, 127, 0, 73), 201, NONE, NONE, NONE);
    assert_position(FIND(LINE_TABLE_LNOTAB, 5, 0, 0, 3), 8, NONE, NONE, NONE);
    assert_position(FIND(LINE_TABLE_LNOTAB, 5, 2, 2), 5, NONE, NONE, NONE); /* half a pair */
}

static void test_pep626_ranges(void **state)
{
    (void)state;
    enum { NO_LINE = 0x80 };
#define TABLE 4, 0, 2, NO_LINE, 0, 127, 0, 3, 200, 1, 2, 0xfe
    assert_position(FIND(LINE_TABLE_PEP626, 10, 2, TABLE), 10, NONE, NONE, NONE);
    assert_position(FIND(LINE_TABLE_PEP626, 10, 4, TABLE), NONE, NONE, NONE, NONE);
    assert_position(FIND(LINE_TABLE_PEP626, 10, 6, TABLE), 141, NONE, NONE, NONE); /* ranges of no length move the line */
    assert_position(FIND(LINE_TABLE_PEP626, 10, 204, TABLE), 141, NONE, NONE, NONE);
    assert_position(FIND(LINE_TABLE_PEP626, 10, 206, TABLE), 139, NONE, NONE, NONE);
    assert_position(FIND(LINE_TABLE_PEP626, 10, 208, TABLE), NONE, NONE, NONE, NONE);
#undef TABLE
    assert_position(FIND(LINE_TABLE_PEP626, 1, 0, 2, 0x81), NONE, NONE, NONE, NONE); /* line -126 */
}

#define HEAD(kind, units) (0x80 | (kind) << 3 | ((units)-1))

static void test_pep657_kinds(void **state)
{
    (void)state;
    assert_position(FIND(LINE_TABLE_PEP657, 3, 0, HEAD(0, 1), 0x00), 3, 3, 0, 0);
    assert_position(FIND(LINE_TABLE_PEP657, 3, 14, HEAD(9, 8), 0x7f), 3, 3, 79, 94);
    assert_position(FIND(LINE_TABLE_PEP657, 3, 0, HEAD(10, 1), 5, 120), 3, 3, 5, 120);
    assert_position(FIND(LINE_TABLE_PEP657, 3, 0, HEAD(11, 1), 5, 120), 4, 4, 5, 120);
    assert_position(FIND(LINE_TABLE_PEP657, 3, 0, HEAD(12, 1), 127, 0), 5, 5, 127, 0);
    assert_position(FIND(LINE_TABLE_PEP657, 3, 0, HEAD(13, 1), 4), 5, 5, NONE, NONE);
    assert_position(FIND(LINE_TABLE_PEP657, 3, 0, HEAD(13, 1), 5), 1, 1, NONE, NONE);
    assert_position(FIND(LINE_TABLE_PEP657, 3, 0, HEAD(14, 1), 2, 2, 8, 0x7f, 1), 4, 6, 7, 126);
    assert_position(FIND(LINE_TABLE_PEP657, 3, 0, HEAD(14, 1), 2, 0, 0, 0), 4, 4, NONE, NONE);
    assert_position(FIND(LINE_TABLE_PEP657, 3, 0, HEAD(15, 1)), NONE, NONE, NONE, NONE);
    assert_position(FIND(LINE_TABLE_PEP657, 3, 2, HEAD(15, 1), HEAD(0, 1), 0x12), 3, 3, 1, 3);
}

static void test_pep657_ends(void **state)
{
    (void)state;
    assert_position(FIND(LINE_TABLE_PEP657, 3, 16, HEAD(0, 8), 0), NONE, NONE, NONE, NONE);
    assert_position(FIND(LINE_TABLE_PEP657, 3, 0, 0x00, 0), NONE, NONE, NONE, NONE); /* no entry begins so */
    assert_position(FIND(LINE_TABLE_PEP657, 3, 0, HEAD(14, 1), 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f), NONE, NONE, NONE, NONE);
    assert_position(FIND(LINE_TABLE_PEP657, INT32_MAX, 0, HEAD(12, 1), 0, 0), NONE, NONE, NONE, NONE);
    assert_position(FIND(LINE_TABLE_PEP657, 3, 0, HEAD(13, 1), 0x4b, 0x0a), NONE, NONE, NONE, NONE); /* a line before the first */
}

/* The largest numbers that an entry can hold, over and over: sums leave the range of lines. */
static void test_pep657_sums(void **state)
{
    (void)state;
    uint8_t table[7000];
    for (size_t i = 0; i < sizeof table; i++)
        table[i] = (uint8_t[]){HEAD(13, 1), 0x7e, 0x7f, 0x7f, 0x7f, 0x3f, HEAD(15, 1)}[i % 7];
    assert_position(find(LINE_TABLE_PEP657, table, sizeof table, 1, 0), 0x1fffffff + 1, 0x1fffffff + 1, NONE, NONE);
    for (int64_t offset = 16; offset < 4000; offset += 4)
        assert_true(is_nowhere(find(LINE_TABLE_PEP657, table, sizeof table, 1, offset)));
}

static int check_file(const char *path)
{
    char *line = NULL;
    size_t capacity = 0, count = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL || setup(NULL) != 0) {
        perror(path);
        return 1;
    }
    for (; getline(&line, &capacity, file) > 0; count++)
        check_truth(parse(line));
    free(line);
    fclose(file);
    printf("%zu code objects\n", count);
    return 0;
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_truths),
        cmocka_unit_test(test_recorded_tables_cut_anywhere),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_nothing_has_run),
        cmocka_unit_test(test_table_missing_or_empty),
        cmocka_unit_test(test_lnotab_deltas),
        cmocka_unit_test(test_pep626_ranges),
        cmocka_unit_test(test_pep657_kinds),
        cmocka_unit_test(test_pep657_ends),
        cmocka_unit_test(test_pep657_sums),
    };
    return count > 1 ? check_file(arguments[1]) : cmocka_run_group_tests(tests, setup, NULL);
}
