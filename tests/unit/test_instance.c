/* Which class an __init__ belongs to, and who calls it therefore. */
#include "dicts.h"
#include "functions.h"
#include "sample/evidence/instance.h"

enum { FIRST_LINE = 1, MAKES = 10, ELSE = 11, INHERITS = 12, FRAME_SIZE = 1024 };

struct program {
    struct memory *memory;
    struct capture_context context;
    struct code_entry *init;
    uint64_t frame; /* that runs it */
    struct code_entry *caller;
    int64_t makes, other, inherits; /* offsets of instructions in its lines */
};

static struct code_entry *entry_of(struct program *program, uint64_t code)
{
    struct code_entry *entry = sample_context_code(&program->context, code);
    assert_non_null(entry);
    return entry;
}

static struct code_entry *make_method(struct program *program, const char *name)
{
    struct body body = {.units = 0};
    emit(program->memory, &body, NO_OPERATION, 0, FIRST_LINE);
    return entry_of(program, make_function(program->memory, name, FIRST_LINE, &body, NULL, 0));
}

static int64_t make_line(struct program *program, struct body *body, uint32_t name, int32_t line)
{
    emit_load(program->memory, body, LOAD_GLOBAL, name, line);
    emit(program->memory, body, CALL, 0, line);
    return (int64_t)(body->units - 1) * 2;
}

static void make_caller(struct program *program)
{
    static const char *const names[] = {"Point", "other", "Child"};
    struct body body = {.units = 0};
    emit(program->memory, &body, NO_OPERATION, 0, FIRST_LINE);
    program->makes = make_line(program, &body, 0, MAKES);
    program->other = make_line(program, &body, 1, ELSE);
    program->inherits = make_line(program, &body, 2, INHERITS);
    program->caller = entry_of(program, make_function(program->memory, "caller", FIRST_LINE, &body, names, 3));
}

static int setup(void **state)
{
    if (memory_setup(state) != 0)
        return -1;
    struct program *program = calloc(1, sizeof *program);
    assert_non_null(program);
    struct memory *memory = program->memory = *state;
    struct capture_context *context = &program->context;
    context->layout = context->reader.layout = context->mentions.layout = &memory->layout;
    make_type(memory, "type", UINT64_C(1) << 31, 0);
    assert_null(frames_code_table_new(&context->codes));
    assert_null(sample_call_sites_new(&context->sites));
    assert_null(target_read_cache_new(memory->target, &context->reader.cache));
    assert_null(target_read_cache_new(memory->target, &context->mentions.cache));
    make_caller(program);
    program->init = make_method(program, "__init__");
    program->frame = place_apart(memory, FRAME_SIZE);
    *state = program;
    return 0;
}

static int teardown(void **state)
{
    struct program *program = *state;
    sample_call_sites_free(program->context.sites);
    frames_code_table_free(program->context.codes);
    target_read_cache_free(program->context.reader.cache);
    target_read_cache_free(program->context.mentions.cache);
    *state = program->memory;
    free(program);
    return memory_teardown(state);
}

/* clang-format off */
#define OF_VERSION(test, index, label) {#test " " label, test, setup, teardown, (void *)(uintptr_t)&versions[index]}
/* clang-format on */
#define EACH(test) OF_VERSION(test, 0, "3.9"), OF_VERSION(test, 1, "3.10")

/* A class; method: the code object of its __init__, 0: it has none of its own. base 0: it has none. */
static uint64_t make_class(struct program *program, const char *name, uint64_t method, uint64_t base)
{
    struct memory *memory = program->memory;
    uint64_t class = make_type(memory, name, TYPE_FLAG_HEAP, 32), function = make_object(memory, make_type(memory, "function", 0, 128), 128);
    put_u64(memory, FIELD_AT(memory, function, function, code), method);
    const struct item items[] = {{make_ascii(memory, "__module__"), make_ascii(memory, "m")}, {make_ascii(memory, "__init__"), function}};
    const uint64_t bases[] = {class, base};
    put_u64(memory, FIELD_AT(memory, class, type, dict), make_dict(memory, &(struct table){KEYS_GENERAL, 3, items, method != 0 ? 2 : 1}));
    put_u64(memory, FIELD_AT(memory, class, type, mro), make_tuple(memory, bases, base != 0 ? 2 : 1));
    return class;
}

static void put_local(struct program *program, uint64_t object)
{
    struct memory *memory = program->memory;
    put_u64(memory, FIELD_AT(memory, program->frame, frame_object, code), program->init->code->address);
    put_u64(memory, FIELD_AT(memory, program->frame, frame_object, localsplus), object);
}

static void put_instance(struct program *program, uint64_t class)
{
    put_local(program, make_object(program->memory, class, 64));
}

static bool prove_at(struct program *program, int64_t offset)
{
    return sample_instance_prove(&program->context, program->caller, offset, program->init, program->frame);
}

static bool is_allowed(struct program *program, int64_t offset)
{
    struct capture_context *context = &program->context;
    if (sample_call_sites_find(context->sites, program->caller, offset, program->init) == CALL_SITE_UNKNOWN)
        sample_call_sites_read_line(context->sites, &context->mentions, program->caller, offset, program->init);
    return sample_call_sites_find(context->sites, program->caller, offset, program->init) == CALL_SITE_CALLS;
}

static bool is_known(struct program *program)
{
    struct capture_context *context = &program->context;
    if (sample_call_sites_find_name(context->sites, program->caller, program->init) == CALL_SITE_UNKNOWN)
        sample_call_sites_read_names(context->sites, &context->mentions, program->caller, program->init);
    return sample_call_sites_find_name(context->sites, program->caller, program->init) == CALL_SITE_CALLS;
}

static void test_line_that_names_the_class(void **state)
{
    struct program *program = *state;
    put_instance(program, make_class(program, "Point", program->init->code->address, 0));
    assert_false(is_allowed(program, program->makes));
    assert_false(is_known(program));
    assert_true(prove_at(program, program->makes));
    assert_true(is_allowed(program, program->makes));
    assert_true(is_known(program));
    assert_false(is_allowed(program, program->other));
}

/* What was read a moment apart: the caller has gone on, and is known to call it all the same. */
static void test_another_line(void **state)
{
    struct program *program = *state;
    put_instance(program, make_class(program, "Point", program->init->code->address, 0));
    assert_false(prove_at(program, program->other));
    assert_false(is_allowed(program, program->other));
    assert_true(is_known(program));
}

static void test_class_that_inherits(void **state)
{
    struct program *program = *state;
    uint64_t base = make_class(program, "Point", program->init->code->address, 0);
    put_instance(program, make_class(program, "Child", 0, base));
    assert_false(prove_at(program, program->makes));
    assert_true(prove_at(program, program->inherits));
}

static void test_class_in_a_module(void **state)
{
    struct program *program = *state;
    put_instance(program, make_class(program, "package.module.Point", program->init->code->address, 0));
    assert_true(prove_at(program, program->makes));
}

static void assert_nothing_is_learnt(struct program *program)
{
    assert_false(prove_at(program, program->makes));
    assert_false(is_known(program));
}

/* The first local variable may be anything by now. */
static void test_class_of_another_init(void **state)
{
    struct program *program = *state;
    uint64_t other = make_method(program, "__init__")->code->address;
    put_instance(program, make_class(program, "Point", other, 0));
    assert_nothing_is_learnt(program);
    put_instance(program, make_class(program, "Point", 0, 0));
    assert_nothing_is_learnt(program);
    put_instance(program, make_class(program, "Point", other, make_class(program, "Base", program->init->code->address, 0)));
    assert_nothing_is_learnt(program);
}

static void test_no_instance(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    uint64_t class = make_class(program, "Point", program->init->code->address, 0);
    const uint64_t locals[] = {0, NOWHERE, make_object(memory, NOWHERE, 64), make_object(memory, class, 64) + 1};
    for (size_t i = 0; i < sizeof locals / sizeof *locals; i++) {
        put_local(program, locals[i]);
        assert_nothing_is_learnt(program);
    }
    put_instance(program, class);
    put_u64(memory, FIELD_AT(memory, program->frame, frame_object, code), program->caller->code->address); /* it has another function now */
    assert_nothing_is_learnt(program);
}

static void test_class_that_is_none(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    uint64_t class = make_class(program, "Point", program->init->code->address, 0), bases = make_tuple(memory, &class, 1);
    put_instance(program, class);
    put_u64(memory, FIELD_AT(memory, bases, object, type), make_type(memory, "no tuple", 0, 0));
    put_u64(memory, FIELD_AT(memory, class, type, mro), bases);
    assert_nothing_is_learnt(program);
    class = make_class(program, "Point", program->init->code->address, 0);
    put_instance(program, class);
    put_u64(memory, FIELD_AT(memory, class, object, type), make_type(memory, "no type", 0, 0));
    assert_nothing_is_learnt(program);
    class = make_class(program, "Point", program->init->code->address, 0);
    put_instance(program, class);
    put_u64(memory, FIELD_AT(memory, class, type, name), NOWHERE);
    assert_nothing_is_learnt(program);
}

/* Whose tuple of bases claims to have more than can be. */
static void test_bases_without_end(void **state)
{
    struct program *program = *state;
    struct memory *memory = program->memory;
    uint64_t class = make_class(program, "Point", 0, 0), many[1000];
    for (size_t i = 0; i < 1000; i++)
        many[i] = class;
    uint64_t bases = make_tuple(memory, many, 1000);
    put_u64(memory, FIELD_AT(memory, bases, variable_object, ob_size), UINT64_MAX);
    put_u64(memory, FIELD_AT(memory, class, type, mro), bases);
    put_instance(program, class);
    forget_reads(memory);
    assert_nothing_is_learnt(program);
    assert_in_range(memory->batches, 1, 500);
}

static void test_other_methods(void **state)
{
    struct program *program = *state;
    static const char *const names[] = {"__exit__", "__init", "__init__2"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        program->init = make_method(program, names[i]);
        put_instance(program, make_class(program, "Point", program->init->code->address, 0));
        assert_nothing_is_learnt(program);
    }
}

/* A class that the line does not mention is not looked for again and again. */
static void test_it_gives_up(void **state)
{
    struct program *program = *state;
    put_instance(program, make_class(program, "Unnamed", program->init->code->address, 0));
    for (int i = 0; i < 100; i++)
        assert_false(prove_at(program, program->makes));
    assert_false(is_known(program));
    forget_reads(program->memory);
    assert_false(prove_at(program, program->makes));
    assert_int_equal(program->memory->batches, 0);
}

/* Later versions say of which class a function is. */
static void test_version_that_tells(void **state)
{
    struct program *program = *state;
    forget_reads(program->memory);
    assert_false(prove_at(program, program->makes));
    assert_int_equal(program->memory->batches, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_line_that_names_the_class),
        EACH(test_another_line),
        EACH(test_class_that_inherits),
        EACH(test_class_in_a_module),
        EACH(test_class_of_another_init),
        EACH(test_no_instance),
        EACH(test_class_that_is_none),
        EACH(test_bases_without_end),
        EACH(test_other_methods),
        EACH(test_it_gives_up),
        OF_VERSION(test_version_that_tells, 2, "3.11"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
