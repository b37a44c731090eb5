/* What one target may cost: taken, given back, refused, told; texts that are shared; stacks that are named again and again. */
#include "memory.h"

#include "object/intern.h"
#include "target/budget.h"
#include "target/target.h"
#include "frames/crowd.h"

static const char *told(const struct spprof_budget *budget)
{
    static struct spprof_problems problems;
    spprof_problems_free(&problems);
    assert_null(target_budget_tell(budget, &problems));
    return problems.count == 0 ? "" : problems.texts[0];
}

static void test_taken_and_given_back(void **state)
{
    (void)state;
    struct spprof_budget budget = {.memory_limit = 1000};
    assert_true(target_budget_take(&budget, 600));
    assert_string_equal(told(&budget), "");
    assert_false(target_budget_take(&budget, 401));
    assert_false(target_budget_take(&budget, UINT64_MAX));
    assert_non_null(strstr(told(&budget), "the budget of memory"));
    assert_non_null(strstr(target_budget_reason(&budget), "--memory"));
    target_budget_give(&budget, 600);
    assert_true(target_budget_take(&budget, 1000));
    target_budget_begin(&budget);
    assert_string_equal(told(&budget), "");
    assert_int_equal(budget.memory, 1000);
}

static void test_limits_follow_from_one(void **state)
{
    (void)state;
    struct spprof_budget standard = {0}, small = {.memory_limit = 1 << 20}, endless = {.memory_limit = UINT64_MAX};
    assert_int_equal(target_budget_memory_limit(&standard), 1 << 30);
    assert_true(target_budget_search(&small, 4 << 20));
    assert_false(target_budget_search(&small, 1));
    assert_non_null(strstr(told(&small), "the budget of searching"));
    target_budget_begin(&small);
    assert_true(target_budget_check(&small, 2 << 20));
    assert_false(target_budget_check(&small, 1));
    assert_non_null(strstr(told(&small), "not every frame was compared"));
    assert_true(target_budget_search(&small, 2 << 20));
    target_budget_begin(&small);
    assert_true(target_budget_show(&small, 1 << 19));
    assert_false(target_budget_show(&small, 1));
    assert_non_null(strstr(told(&small), "the budget of output"));
    assert_int_equal(target_budget_disk_limit(&small), 32 << 20);
    assert_int_equal(target_budget_disk_limit(&endless), INT64_MAX);
}

static void test_no_memory_is_told(void **state)
{
    (void)state;
    struct spprof_budget budget = {0};
    target_budget_out_of_memory(&budget);
    assert_string_equal(target_budget_reason(&budget), "out of memory");
    assert_non_null(strstr(told(&budget), "out of memory"));
}

static void test_readers_give_back(void **state)
{
    struct memory *memory = *state;
    struct spprof_budget *budget = &memory->target->budget;
    uint64_t before = budget->memory, taken = memory->reader.taken;
    void *items = object_reader_allocate(&memory->reader, 10, 8);
    items = object_reader_grow(&memory->reader, items, 10, 30, 8);
    assert_int_equal(budget->memory, before + 240);
    assert_null(object_reader_grow(&memory->reader, NULL, 0, SIZE_MAX / 4, 8));
    assert_null(object_reader_allocate(&memory->reader, (size_t)1 << 40, 1));
    assert_non_null(strstr(memory->reader.reason, "the budget of memory is used up"));
    free(items);
    object_reader_give_back(&memory->reader, taken);
    assert_int_equal(budget->memory, before);
}

/* A copy takes what it keeps, and nothing for a large range that was not there. */
static void test_copies_are_counted(void **state)
{
    struct memory *memory = *state;
    struct spprof_budget *budget = &memory->target->budget;
    const uint8_t *data;
    uint64_t before = budget->memory, address = place(memory, 4096);
    assert_int_equal(target_read_cache_want(memory->reader.cache, address, 4096, &data), READ_CACHE_PENDING);
    assert_in_range(budget->memory - before, 4096, 4096 + 256);
    assert_int_equal(target_read_cache_want(memory->reader.cache, NOWHERE, 100 << 20, &data), READ_CACHE_PENDING);
    target_read_cache_fetch(memory->reader.cache);
    assert_in_range(budget->memory - before, 4096, 4096 + 512);
    assert_int_equal(target_read_cache_want(memory->reader.cache, NOWHERE, 100 << 20, &data), READ_CACHE_FAILED);
    target_read_cache_refresh(memory->reader.cache);
    assert_int_equal(target_read_cache_want(memory->reader.cache, address, 4096, &data), READ_CACHE_READY);
    struct bytes bytes;
    budget->memory_limit = budget->memory;
    assert_int_equal(object_reader_bytes(&memory->reader, address + 8, 64, "a name", &bytes), READ_CACHE_FAILED);
    assert_non_null(strstr(memory->reader.reason, "was left out: there is no memory left for it"));
    assert_int_equal(object_reader_bytes(&memory->reader, UINT64_MAX - 8, 64, "a name", &bytes), READ_CACHE_FAILED);
    assert_non_null(strstr(memory->reader.reason, "is not mapped"));
    budget->memory_limit = 0;
    target_read_cache_clear(memory->reader.cache);
    assert_int_equal(budget->memory, before);
}

static void test_equal_texts_are_one(void **state)
{
    (void)state;
    struct spprof_budget budget = {.memory_limit = 4000};
    static char large[3000];
    struct intern *intern = object_intern_new();
    object_intern_draw_from(intern, &budget);
    const char *first = object_intern_bytes(intern, "take", 4), *again = object_intern_bytes(intern, "take", 4),
               *other = object_intern_bytes(intern, "taken", 5);
    assert_string_equal(first, "take");
    assert_ptr_equal(first, again);
    assert_string_equal(other, "taken");
    const char *table = object_intern_bytes(intern, large, sizeof large);
    for (int i = 0; i < 100; i++)
        assert_ptr_equal(object_intern_bytes(intern, large, sizeof large), table);
    large[0] = 1;
    assert_null(object_intern_bytes(intern, large, sizeof large));
    object_intern_free(intern);
    assert_int_equal(budget.memory, 0);
    assert_string_equal(first, "take"); /* who has a reference keeps it */
    object_intern_release(first);
    object_intern_release(again);
    object_intern_release(other);
    for (int i = 0; i <= 100; i++)
        object_intern_release(table);
    object_intern_release(NULL);
}

/* The walk of a stack of 1,000 frames, as far as it may come: how many frames pass. */
static size_t pass(struct crowd *crowd, struct reader *reader, uint64_t first)
{
    size_t passed = 0;
    while (passed < 1000 && !frames_crowd_pass(crowd, reader, first + passed * 88))
        passed++;
    return passed;
}

static void test_one_stack_is_named_again_and_again(void **state)
{
    struct memory *memory = *state;
    struct crowd crowd = {.stacks = {NULL, 0, 0}};
    for (int i = 0; i < 8; i++)
        assert_int_equal(pass(&crowd, &memory->reader, ARENA), 1000);
    for (int i = 0; i < 1000; i++)
        assert_in_range(pass(&crowd, &memory->reader, ARENA), 0, 300);
    for (uint64_t i = 1; i < 100; i++)
        assert_int_equal(pass(&crowd, &memory->reader, ARENA + i * 1000 * 88), 1000);
    frames_crowd_free(&crowd);
}

static int stops, resumes;

static struct spprof_error *stop(struct spprof_target *target)
{
    (void)target;
    stops++;
    return NULL;
}

static void resume(struct spprof_target *target)
{
    (void)target;
    resumes++;
}

static void read_some(struct memory *memory, size_t size)
{
    const uint8_t *data;
    assert_int_equal(target_read_cache_want(memory->reader.cache, place(memory, size), size, &data), READ_CACHE_PENDING);
    target_read_cache_fetch(memory->reader.cache);
}

/* Threads stand still for so long and no longer; what is read after that is told. */
static void test_threads_are_let_go_in_time(void **state)
{
    struct memory *memory = *state;
    struct spprof_target *target = memory->target;
    struct spprof_target_ops ops = *target->ops;
    const struct spprof_target_ops *own = target->ops;
    ops.stop = stop;
    ops.resume = resume;
    target->ops = &ops;
    stops = resumes = 0;
    assert_null(target_stop(target));
    target->budget.stop_ends = UINT64_MAX; /* however busy the machine is */
    read_some(memory, 100);
    target_resume(target);
    assert_true(stops == 1 && resumes == 1);
    assert_string_equal(told(&target->budget), "");

    assert_null(target_stop(target));
    target->budget.stop_ends = 1; /* long ago */
    target_keep_time(target);
    assert_true(stops == 2 && resumes == 2);
    assert_string_equal(told(&target->budget), "");
    read_some(memory, 100);
    target_keep_time(target);
    target_resume(target);
    assert_true(stops == 2 && resumes == 2);
    assert_non_null(strstr(told(&target->budget), "let go after 50 ms: 100 bytes were read while they ran on"));
    read_some(memory, 100);
    assert_int_equal(target->budget.read_late, 100);
    target->ops = own;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken_and_given_back),
        cmocka_unit_test(test_limits_follow_from_one),
        cmocka_unit_test(test_no_memory_is_told),
        ANY_VERSION(test_readers_give_back),
        ANY_VERSION(test_copies_are_counted),
        cmocka_unit_test(test_equal_texts_are_one),
        ANY_VERSION(test_one_stack_is_named_again_and_again),
        ANY_VERSION(test_threads_are_let_go_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
