/* Whom a line of a function calls, read from its bytecode; and the call sites that are remembered. */
#include "functions.h"
#include "sample/evidence/call_sites.h"
#include "sample/evidence/callee_names.h"

enum { FIRST_LINE = 5, LINE_BEFORE = 10, LINE = 11, LINE_BEHIND = 12 };

struct program {
    struct memory *memory;
    struct code_table *codes;
    struct call_sites *sites;
};

static int setup(void **state)
{
    if (memory_setup(state) != 0)
        return -1;
    struct program *program = calloc(1, sizeof *program);
    assert_non_null(program);
    program->memory = *state;
    assert_null(frames_code_table_new(&program->codes));
    assert_null(sample_call_sites_new(&program->sites));
    *state = program;
    return 0;
}

static int teardown(void **state)
{
    struct program *program = *state;
    sample_call_sites_free(program->sites);
    frames_code_table_free(program->codes);
    *state = program->memory;
    free(program);
    return memory_teardown(state);
}

/* What the sampler asks: a question that nothing answers yet is answered by the bytecode. */
static bool allows(struct program *program, const struct code_entry *caller, int64_t offset, const struct code_entry *callee)
{
    if (sample_call_sites_find(program->sites, caller, offset, callee) == CALL_SITE_UNKNOWN)
        sample_call_sites_read_line(program->sites, &program->memory->reader, caller, offset, callee);
    return sample_call_sites_find(program->sites, caller, offset, callee) == CALL_SITE_CALLS;
}

static bool is_named(struct program *program, const struct code_entry *caller, const struct code_entry *callee)
{
    if (sample_call_sites_find_name(program->sites, caller, callee) == CALL_SITE_UNKNOWN)
        sample_call_sites_read_names(program->sites, &program->memory->reader, caller, callee);
    return sample_call_sites_find_name(program->sites, caller, callee) == CALL_SITE_CALLS;
}

/* clang-format off */
#define MENTION_TEST(test, index, label) {#test " " label, test, setup, teardown, (void *)(uintptr_t)&versions[index]}
/* clang-format on */
#define BEFORE_3_11(test) VERSIONS_BEFORE_3_11(MENTION_TEST, test)
#define SINCE_3_13(test) VERSIONS_SINCE_3_13(MENTION_TEST, test)
#define SINCE_3_12(test) VERSIONS_SINCE_3_12(MENTION_TEST, test)
#define SINCE_3_11(test) VERSIONS_SINCE_3_11(MENTION_TEST, test)
#define EACH(test) VERSIONS_EACH(MENTION_TEST, test)

static struct code_entry *entry_of(struct program *program, uint64_t code)
{
    struct reader *reader = &program->memory->reader;
    struct code_entry *entry = frames_code_table_get(program->codes, code);
    assert_non_null(entry);
    do {
        frames_code_table_step(program->codes, reader);
    } while (target_read_cache_fetch(reader->cache));
    frames_code_table_decode(program->codes, reader);
    assert_int_equal(entry->status, READ_CACHE_READY);
    return entry;
}

static struct code_entry *callee_named(struct program *program, const char *name)
{
    struct body body = {.units = 0};
    emit(program->memory, &body, NO_OPERATION, 0, FIRST_LINE);
    return entry_of(program, make_function(program->memory, name, FIRST_LINE, &body, NULL, 0));
}

static struct code_entry *caller_of(struct program *program, const struct body *body, const char *const *names, size_t count)
{
    return entry_of(program, make_function(program->memory, "caller", FIRST_LINE, body, names, count));
}

/* A function with one instruction in LINE, which may take several units, and one that does nothing before and behind it. */
static struct body one_load(const struct program *program, enum operation operation, uint32_t index)
{
    struct body body = {.units = 0};
    emit(program->memory, &body, NO_OPERATION, 0, LINE_BEFORE);
    emit_load(program->memory, &body, operation, index, LINE);
    emit(program->memory, &body, NO_OPERATION, 0, LINE);
    emit(program->memory, &body, NO_OPERATION, 0, LINE_BEHIND);
    return body;
}

/* Asks with a copy that knows nothing, as the sampler's does. */
static bool mentions_at(struct program *program, const struct code_entry *caller, int64_t offset, const struct code_entry *callee)
{
    target_read_cache_clear(program->memory->reader.cache);
    return sample_line_mentions(&program->memory->reader, caller, offset, callee);
}

/* The answer at each of the body's instructions must be that for its line. */
static bool mentions(struct program *program, const struct code_entry *caller, const struct body *body, const struct code_entry *callee)
{
    bool answer = false;
    for (size_t unit = 0; unit < body->units; unit++) {
        bool here = mentions_at(program, caller, (int64_t)unit * 2, callee);
        if (body->lines[unit] == LINE)
            answer = here;
        else
            assert_false(here);
    }
    return answer;
}

static void test_instructions_that_load_a_name(void **state)
{
    struct program *program = *state;
    static const char *const names[] = {"first", "callee", "last"};
    const struct code_entry *callee = callee_named(program, "callee"), *last = callee_named(program, "last");
    for (enum operation operation = LOAD_NAME; operation <= LOAD_SUPER_ATTR; operation++) {
        const struct opcode *opcode = opcode_of(program->memory, operation);
        if (opcode->number == 0)
            continue;
        struct body body = one_load(program, operation, 1);
        for (uint32_t low = 0; low < 1u << opcode->shift; low++) {
            body.bytes[3] = (uint8_t)(1u << opcode->shift | low);
            const struct code_entry *caller = caller_of(program, &body, names, 3);
            assert_true(mentions(program, caller, &body, callee));
            assert_false(mentions(program, caller, &body, last));
        }
    }
}

static void test_other_instructions(void **state)
{
    struct program *program = *state;
    static const char *const names[] = {"first", "callee"};
    struct body body = one_load(program, NO_OPERATION, 1);
    emit(program->memory, &body, LOAD_CONST, 1, LINE);
    const struct code_entry *caller = caller_of(program, &body, names, 2);
    assert_false(mentions(program, caller, &body, callee_named(program, "callee")));
}

/* What the interpreter makes of an instruction while it runs: opcode._specialized_opmap. */
static void test_specialised_instructions(void **state)
{
    struct program *program = *state;
    static const uint8_t specialised[][2] = {{204, 193}, {193, 180}, {197, 186}}; /* LOAD_GLOBAL_MODULE, LOAD_ATTR_INSTANCE_VALUE */
    static const char *const names[] = {"first", "callee"};
    const struct code_entry *callee = callee_named(program, "callee"), *first = callee_named(program, "first");
    for (size_t i = 0; i < 2; i++) {
        struct body body = one_load(program, i == 0 ? LOAD_GLOBAL : LOAD_ATTR, 1);
        body.bytes[2] = specialised[program->memory->layout.rules->minor - 0x030d][i];
        body.bytes[4] = opcode_of(program->memory, LOAD_NAME)->number; /* in its cache */
        const struct code_entry *caller = caller_of(program, &body, names, 2);
        assert_true(mentions(program, caller, &body, callee));
        assert_false(mentions(program, caller, &body, first));
    }
}

static void test_many_names(void **state)
{
    struct program *program = *state;
    enum { COUNT = 700, FAR = 600 };
    char texts[COUNT][16];
    const char *names[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(texts[i], sizeof texts[i], "name_%zu", i);
        names[i] = texts[i];
    }
    const uint32_t shift = opcode_of(program->memory, LOAD_GLOBAL)->shift;
    struct body body = one_load(program, LOAD_GLOBAL, FAR);
    const struct code_entry *caller = caller_of(program, &body, names, COUNT);
    assert_true(mentions(program, caller, &body, callee_named(program, texts[FAR])));
    assert_false(mentions(program, caller, &body, callee_named(program, texts[((uint32_t)FAR << shift & 255) >> shift])));
    assert_false(mentions(program, caller, &body, callee_named(program, texts[FAR + 1])));
}

/* The higher bits are those of the next instruction only. */
static void test_extended_argument_ends(void **state)
{
    struct program *program = *state;
    static const char *const names[] = {"first", "callee"};
    struct body body = {.units = 0};
    emit(program->memory, &body, LOAD_CONST, 70000, LINE);
    emit_load(program->memory, &body, LOAD_NAME, 1, LINE);
    const struct code_entry *caller = caller_of(program, &body, names, 2);
    assert_true(mentions(program, caller, &body, callee_named(program, "callee")));
    assert_false(mentions(program, caller, &body, callee_named(program, "first")));
}

static void test_caches_that_look_like_instructions(void **state)
{
    struct program *program = *state;
    static const char *const names[] = {"first", "callee"};
    enum operation cached[] = {LOAD_GLOBAL, LOAD_ATTR};
    for (size_t i = 0; i < 2; i++) {
        struct body body = one_load(program, cached[i], 0);
        for (size_t unit = 2; unit < 2u + opcode_of(program->memory, cached[i])->caches; unit++) {
            body.bytes[unit * 2] = opcode_of(program->memory, LOAD_NAME)->number;
            body.bytes[unit * 2 + 1] = 1;
        }
        const struct code_entry *caller = caller_of(program, &body, names, 2);
        assert_false(mentions(program, caller, &body, callee_named(program, "callee")));
        assert_true(mentions(program, caller, &body, callee_named(program, "first")));
    }
}

/* The kind of an instruction at each of its units, whatever its cache looks like. */
static void test_kinds_of_instructions(void **state)
{
    struct program *program = *state;
    static const struct {
        enum operation operation;
        enum instruction_kind kind;
    } each[] = {{NO_OPERATION, INSTRUCTION_OTHER}, {CALL, INSTRUCTION_CALLS},    {LOAD_GLOBAL, INSTRUCTION_OTHER},
                {FOR_ITER, INSTRUCTION_RESUMES},   {RETURN, INSTRUCTION_LEAVES}, {CALL, INSTRUCTION_CALLS}};
    struct body body = {.units = 0};
    size_t starts[sizeof each / sizeof *each + 1];
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        starts[i] = body.units;
        emit(program->memory, &body, each[i].operation, 0, LINE + (int32_t)i % 2);
        for (size_t unit = starts[i] + 1; unit < body.units; unit++)
            body.bytes[unit * 2] = opcode_of(program->memory, i % 2 == 0 ? RETURN : CALL)->number;
    }
    starts[sizeof each / sizeof *each] = body.units;
    struct code_entry *code = caller_of(program, &body, NULL, 0);
    struct reader *reader = &program->memory->reader;
    for (size_t i = 0; i < sizeof each / sizeof *each; i++)
        for (size_t unit = starts[i]; unit < starts[i + 1]; unit++) {
            assert_int_equal(sample_instruction_kind(reader, code, (int64_t)unit * 2), each[i].kind);
            sample_call_sites_read_kind(program->sites, reader, code, (int64_t)unit * 2);
            enum instruction_kind kind = INSTRUCTION_OTHER;
            assert_true(sample_call_sites_find_kind(program->sites, code, (int64_t)unit * 2, &kind));
            assert_int_equal(kind, each[i].kind);
        }
    assert_false(sample_call_sites_find_kind(program->sites, code, -2, &(enum instruction_kind){INSTRUCTION_OTHER}));
    assert_int_equal(sample_instruction_kind(reader, code, -2), INSTRUCTION_OTHER);
    assert_int_equal(sample_instruction_kind(reader, code, (int64_t)body.units * 2), INSTRUCTION_OTHER);
    assert_int_equal(sample_instruction_kind(reader, code, INT64_MAX), INSTRUCTION_OTHER);
}

/* INSTRUMENTED_LINE stands for an instruction with a cache: what lies in that is none, and what comes behind it is. */
static void test_instructions_that_a_tool_hides(void **state)
{
    struct program *program = *state;
    static const char *const names[] = {"first", "callee"};
    const uint8_t hidden = program->memory->layout.rules->minor == 0x030f ? 253 : 254;
    struct body body = one_load(program, LOAD_GLOBAL, 0);
    body.bytes[2] = hidden;
    for (size_t unit = 2; unit < body.units - 2; unit++) {
        body.bytes[unit * 2] = opcode_of(program->memory, RETURN)->number;
        body.bytes[unit * 2 + 1] = 1;
    }
    size_t behind = body.units;
    emit(program->memory, &body, CALL, 0, LINE_BEHIND + 1);
    emit_load(program->memory, &body, LOAD_GLOBAL, 1, LINE_BEHIND + 1);
    struct code_entry *caller = caller_of(program, &body, names, 2), *callee = callee_named(program, "callee");
    struct reader *reader = &program->memory->reader;
    assert_int_equal(sample_instruction_kind(reader, caller, 2), INSTRUCTION_HIDDEN);
    for (size_t unit = 2; unit < behind - 2; unit++)
        assert_int_equal(sample_instruction_kind(reader, caller, (int64_t)unit * 2), INSTRUCTION_OTHER);
    assert_int_equal(sample_instruction_kind(reader, caller, (int64_t)behind * 2), INSTRUCTION_CALLS);
    assert_true(mentions_at(program, caller, (int64_t)behind * 2, callee));
    assert_false(mentions_at(program, caller, 2, callee));
    assert_false(mentions_at(program, caller, 2, callee_named(program, "first")));
}

static void test_names_in_any_line(void **state)
{
    struct program *program = *state;
    static const char *const names[] = {"first", "callee", "never loaded"};
    struct body body = one_load(program, LOAD_GLOBAL, 1);
    const struct code_entry *caller = caller_of(program, &body, names, 3);
    for (int again = 0; again < 2; again++) {
        assert_true(is_named(program, caller, callee_named(program, "callee")));
        assert_false(is_named(program, caller, callee_named(program, "never loaded")));
        assert_false(is_named(program, caller, callee_named(program, "stranger")));
    }
}

static void test_bytecode_that_ends_in_a_cache(void **state)
{
    struct program *program = *state;
    static const char *const names[] = {"callee"};
    struct body body = {.units = 0};
    emit_load(program->memory, &body, LOAD_ATTR, 0, LINE);
    body.units = 2;
    const struct code_entry *caller = caller_of(program, &body, names, 1);
    assert_true(mentions(program, caller, &body, callee_named(program, "callee")));
    body.bytes[0] = opcode_of(program->memory, EXTENDED_ARG)->number;
    caller = caller_of(program, &body, names, 1);
    assert_false(mentions(program, caller, &body, callee_named(program, "callee")));
}

/* Whether a line that loads only this name is seen to call a function of that name. */
static bool names_function(struct program *program, const char *loaded, const char *function)
{
    struct body body = one_load(program, LOAD_ATTR, 0);
    return mentions(program, caller_of(program, &body, &loaded, 1), &body, callee_named(program, function));
}

static void test_private_names(void **state)
{
    struct program *program = *state;
    assert_true(names_function(program, "_Service__run", "__run"));
    assert_true(names_function(program, "__run", "__run"));
    assert_false(names_function(program, "Service__run", "__run"));
    assert_false(names_function(program, "_Service__running", "__run"));
    assert_false(names_function(program, "_Service__run", "_run"));
    assert_false(names_function(program, "_Service__run", "run"));
    assert_false(names_function(program, "__", "__run"));
    assert_false(names_function(program, "", ""));
}

/* Whoever names a class calls its __init__; qualified names tell the class. */
static void test_classes(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    static const char *const names[] = {"Class"};
    struct body body = one_load(program, LOAD_GLOBAL, 0), initializer = {.units = 0};
    const struct code_entry *caller = caller_of(program, &body, names, 1);
    emit(memory, &initializer, NO_OPERATION, 0, FIRST_LINE);
    static const struct {
        const char *qualified_name;
        bool mentioned;
    } callees[] = {
        {"Class.__init__", true},   {"outer.<locals>.Class.__init__", true},
        {"Class.method", false},    {"Other.__init__", false},
        {"Class.__init__x", false}, {".__init__", false},
        {"__init__", false},        {"TheClass.__init__", false},
    };
    for (size_t i = 0; i < sizeof callees / sizeof *callees; i++) {
        uint64_t code = make_function(memory, "__init__", FIRST_LINE, &initializer, NULL, 0);
        if (memory->layout.rules->has_qualified_names)
            put_u64(memory, FIELD_AT(memory, code, code, qualname), make_ascii(memory, callees[i].qualified_name));
        bool expected = callees[i].mentioned && memory->layout.rules->has_qualified_names;
        assert_int_equal(mentions(program, caller, &body, entry_of(program, code)), expected);
    }
}

/* A lambda, a comprehension, a generator expression: no name says that it is called, but the line where it stands. */
static void test_functions_without_a_name(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    static const char *const callees[] = {"<lambda>", "<listcomp>", "<genexpr>"};
    struct body body = one_load(program, LOAD_GLOBAL, 0), inner = {.units = 0};
    static const char *const names[] = {"map"};
    const struct code_entry *caller = caller_of(program, &body, names, 1);
    emit(memory, &inner, NO_OPERATION, 0, LINE);
    for (size_t i = 0; i < sizeof callees / sizeof *callees; i++) {
        uint64_t code = make_function(memory, callees[i], LINE, &inner, NULL, 0);
        assert_false(mentions(program, caller, &body, entry_of(program, code))); /* it is of another file */
        code = make_function(memory, callees[i], LINE, &inner, NULL, 0);
        put_u64(memory, FIELD_AT(memory, code, code, filename), make_ascii(memory, "/app/caller.py"));
        assert_true(mentions(program, caller, &body, entry_of(program, code)));
        code = make_function(memory, callees[i], LINE + 5, &inner, NULL, 0);
        put_u64(memory, FIELD_AT(memory, code, code, filename), make_ascii(memory, "/app/caller.py"));
        assert_false(mentions(program, caller, &body, entry_of(program, code)));
    }
    uint64_t named = make_function(memory, "named", LINE, &inner, NULL, 0);
    put_u64(memory, FIELD_AT(memory, named, code, filename), make_ascii(memory, "/app/caller.py"));
    assert_false(mentions(program, caller, &body, entry_of(program, named)));
}

static void test_no_line(void **state)
{
    struct program *program = *state;
    static const char *const names[] = {"callee"};
    struct body body = one_load(program, LOAD_GLOBAL, 0);
    uint64_t code = make_function(program->memory, "caller", FIRST_LINE, &body, names, 1);
    put_u64(program->memory, FIELD_AT(program->memory, code, code, linetable), make_bytes(program->memory, "", 0));
    const struct code_entry *caller = entry_of(program, code), *callee = callee_named(program, "callee");
    if (program->memory->layout.rules->line_table != LINE_TABLE_LNOTAB) /* which says that it is all of the first line */
        assert_false(mentions_at(program, caller, 2, callee));
    assert_false(mentions_at(program, caller, 1 << 20, callee_named(program, "another")));
}

/* co_names of the caller of "callee" is put in place of a sound tuple; LINE is asked for. */
static bool mentions_with_names(struct program *program, uint64_t tuple)
{
    static const char *const names[] = {"callee"};
    struct memory *memory = program->memory;
    struct body body = one_load(program, LOAD_GLOBAL, 0);
    uint64_t code = make_function(memory, "caller", FIRST_LINE, &body, names, 1);
    const struct code_entry *caller = entry_of(program, code);
    if (tuple != UINT64_MAX)
        put_u64(memory, FIELD_AT(memory, code, code, names), tuple);
    forget_reads(memory);
    return mentions_at(program, caller, 2, callee_named(program, "callee"));
}

static void test_hostile_names(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    static const uint64_t sizes[] = {1 << 14, (1 << 14) + 1, INT32_MAX, UINT32_MAX, UINT64_MAX / 8, INT64_MAX, UINT64_MAX};
    assert_true(mentions_with_names(program, UINT64_MAX));
    uint64_t name = make_ascii(memory, "callee"), tuple = make_tuple(memory, &name, 1), missing = place_apart(memory, PAGE_SIZE);
    make_hole(memory, missing, PAGE_SIZE, SPPROF_READ_UNMAPPED);
    assert_true(mentions_with_names(program, tuple));
    const uint64_t objects[] = {0, 8, tuple + 4, name, missing, NOWHERE, UINT64_MAX - 7};
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++)
        assert_false(mentions_with_names(program, objects[i]));
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        const uint64_t items[] = {name, objects[i]};
        assert_int_equal(mentions_with_names(program, make_tuple(memory, items, 2)), objects[i] == name);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        put_u64(memory, FIELD_AT(memory, tuple, variable_object, ob_size), sizes[i]);
        assert_false(mentions_with_names(program, tuple));
        assert_true(memory->bytes_read < 1 << 20);
    }
}

/* Names that claim to be long, many of them in the same memory: no more is read than a name can be worth. */
static void test_names_of_insane_length(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    enum { COUNT = 1 << 14, LENGTH = 1 << 20, STRIDE = 64 };
    static uint64_t items[COUNT];
    const struct str claim = {.kind = 4, .compact = true, .length = LENGTH};
    items[0] = make_str(memory, &claim);
    for (size_t i = 1; i < COUNT; i++)
        items[i] = make_str(memory, &claim);
    place(memory, LENGTH * 4);
    uint64_t tuple = make_tuple(memory, items, COUNT);
    put_u64(memory, FIELD_AT(memory, tuple, variable_object, ob_size), 16);
    assert_false(mentions_with_names(program, tuple));
    assert_true(memory->bytes_read < 4 << 20);
    put_u64(memory, FIELD_AT(memory, tuple, tuple, items), make_ascii(memory, "callee"));
    assert_true(mentions_with_names(program, tuple));
}

static void test_unreadable_bytecode(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    static const char *const names[] = {"callee"};
    struct body body = one_load(program, LOAD_GLOBAL, 0);
    uint64_t code = make_function(memory, "caller", FIRST_LINE, &body, names, 1);
    const struct code_entry *caller = entry_of(program, code), *callee = callee_named(program, "callee");
    assert_true(mentions_at(program, caller, 2, callee));
    make_hole(memory, bytecode_address(memory, code), 1, SPPROF_READ_UNMAPPED);
    assert_false(mentions_at(program, caller, 2, callee));
}

/* A module that somebody has generated: each of its lines calls the same function. */
static void test_very_many_lines(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    enum { COUNT = 400 * 1000, LAST = COUNT * 2 - 2 };
    static uint8_t bytecode[COUNT * 2], table[COUNT * 3];
    bool wide = memory->layout.rules->line_table == LINE_TABLE_PEP657;
    for (size_t i = 0; i < COUNT; i++) {
        static const uint8_t one_unit[] = {0x80 | 13 << 3, 2}; /* without columns, a line further */
        bytecode[i * 2] = opcode_of(memory, LOAD_NAME)->number;
        table[i * 2] = wide ? one_unit[0] : 2;
        table[i * 2 + 1] = wide ? one_unit[1] : 1;
    }
    const uint64_t name = make_ascii(memory, "callee");
    uint64_t code = make_code(memory, &(struct code){"module", 0, table, COUNT * 2, COUNT});
    put_bytes(memory, bytecode_address(memory, code), bytecode, sizeof bytecode);
    put_u64(memory, FIELD_AT(memory, code, code, names), make_tuple(memory, &name, 1));
    const struct code_entry *caller = entry_of(program, code), *callee = callee_named(program, "callee");
    assert_true(mentions_at(program, caller, LAST, callee));
    bytecode[LAST] = opcode_of(memory, NO_OPERATION)->number;
    put_bytes(memory, bytecode_address(memory, code), bytecode, sizeof bytecode);
    assert_false(mentions_at(program, caller, LAST, callee));
}

static void test_call_sites_ask_once(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    static const char *const names[] = {"callee"};
    struct body body = one_load(program, LOAD_GLOBAL, 0);
    const struct code_entry *caller = caller_of(program, &body, names, 1);
    const struct code_entry *callee = callee_named(program, "callee"), *another = callee_named(program, "another");
    for (int again = 0; again < 2; again++) {
        target_read_cache_clear(memory->reader.cache);
        forget_reads(memory);
        assert_true(allows(program, caller, 2, callee));
        assert_false(allows(program, caller, 2, another));
        assert_false(allows(program, caller, 0, callee));
        assert_int_equal(memory->batches == 0, again);
    }
    sample_call_sites_prove(program->sites, caller, 2, another);
    assert_true(allows(program, caller, 2, another));
    assert_false(allows(program, caller, 0, another));
    assert_false(allows(program, another, 2, caller));
    sample_call_sites_clear(program->sites);
    assert_false(allows(program, caller, 2, another));
    assert_true(allows(program, caller, 2, callee));
}

/* However many there are, what is known stays true, and what is forgotten can be proven again. */
/* A callee that no line names is believed where it is seen again and again, and not where it is seen now and then. */
static void test_call_sites_by_witnesses(void **state)
{
    struct program *program = *state;
    enum { OFTEN = 1000, RARELY = 20, OFFSET = 10, ASTRAY = 20 };
    const struct code_entry *caller = callee_named(program, "caller"), *callee = callee_named(program, "callee");
    assert_false(sample_call_sites_witness(program->sites, caller, OFFSET, callee));
    assert_false(allows(program, caller, OFFSET, callee));
    for (int i = 0; i < OFTEN; i++)
        if (!allows(program, caller, OFFSET, callee))
            sample_call_sites_witness(program->sites, caller, OFFSET, callee);
        else
            sample_call_sites_count(program->sites, caller, OFFSET, callee);
    for (int i = 0; i < RARELY; i++)
        assert_false(sample_call_sites_witness(program->sites, caller, ASTRAY, callee));
    assert_true(allows(program, caller, OFFSET, callee));
    assert_false(allows(program, caller, ASTRAY, callee));
    assert_false(allows(program, caller, OFFSET, callee_named(program, "another")));
}

static void test_very_many_call_sites(void **state)
{
    struct program *program = *state;
    enum { COUNT = 3 * 1000 * 1000, SOME = 100 * 1000 };
    const struct code_entry *caller = callee_named(program, "caller"), *callee = callee_named(program, "callee");
    for (int64_t offset = 0; offset < SOME; offset++)
        sample_call_sites_prove(program->sites, caller, offset, callee);
    for (int64_t offset = 0; offset < SOME; offset++)
        assert_true(allows(program, caller, offset, callee));
    for (int64_t offset = 0; offset < COUNT; offset++)
        sample_call_sites_prove(program->sites, caller, offset, callee);
    assert_true(allows(program, caller, COUNT - 1, callee));
    assert_false(allows(program, caller, 0, callee)); /* forgotten: its line mentions no one */
    sample_call_sites_prove(program->sites, caller, 0, callee);
    assert_true(allows(program, caller, 0, callee));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_instructions_that_load_a_name),
        EACH(test_other_instructions),
        SINCE_3_13(test_specialised_instructions),
        EACH(test_many_names),
        EACH(test_extended_argument_ends),
        SINCE_3_11(test_caches_that_look_like_instructions),
        EACH(test_kinds_of_instructions),
        SINCE_3_12(test_instructions_that_a_tool_hides),
        EACH(test_names_in_any_line),
        EACH(test_bytecode_that_ends_in_a_cache),
        EACH(test_private_names),
        EACH(test_classes),
        EACH(test_functions_without_a_name),
        EACH(test_no_line),
        EACH(test_hostile_names),
        EACH(test_names_of_insane_length),
        EACH(test_unreadable_bytecode),
        EACH(test_very_many_lines),
        EACH(test_call_sites_ask_once),
        MENTION_TEST(test_call_sites_by_witnesses, 3, "3.12"),
        MENTION_TEST(test_very_many_call_sites, 3, "3.12"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
