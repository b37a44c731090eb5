/* Who was last seen to be the newest in a place of the data stack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "sample/evidence/leaf_slots.h"

enum { MAIN, LOOP, FIRST, SECOND, TRAMPOLINE, CODES };
enum { PLACE = 0x1000, PLACE_SIZE = 0x100 };

struct stacks {
    struct code_entry codes[CODES];
    struct leaf_slots *leaf_slots;
    struct sampled_frames frames, newest;
    size_t standing;
};

static void push(struct stacks *stacks, size_t code, int64_t offset)
{
    struct sampled_frame frame = {.code = &stacks->codes[code], .address = PLACE + stacks->frames.count * PLACE_SIZE, .offset = offset};
    assert_true(sample_frames_push(&stacks->frames, &frame));
}

static void stand(struct stacks *stacks, size_t loop, int64_t main_at, int64_t loop_at)
{
    stacks->frames.count = 0;
    push(stacks, MAIN, main_at);
    push(stacks, loop, loop_at);
}

static bool find(struct stacks *stacks, uint64_t height)
{
    return sample_leaf_slots_find(stacks->leaf_slots, PLACE + height * PLACE_SIZE, STACK_UNTOLD, &stacks->frames, &stacks->newest, &stacks->standing);
}

static int setup(void **state)
{
    struct stacks *stacks = calloc(1, sizeof *stacks);
    if (stacks == NULL)
        return -1;
    stacks->codes[TRAMPOLINE] = (struct code_entry){.bytecode_size = 8, .first_traceable = 100};
    stacks->leaf_slots = sample_leaf_slots_new();
    stand(stacks, LOOP, 10, 20);
    push(stacks, FIRST, 2);
    sample_leaf_slots_remember(stacks->leaf_slots, false, &stacks->frames);
    *state = stacks;
    return 0;
}

static int teardown(void **state)
{
    struct stacks *stacks = *state;
    sample_leaf_slots_free(stacks->leaf_slots);
    free(stacks->frames.items);
    free(stacks->newest.items);
    free(stacks);
    return 0;
}

static void test_caller_goes_on(void **state)
{
    struct stacks *stacks = *state;
    for (int64_t at = 20; at <= 30; at += 10) {
        stand(stacks, LOOP, 10, at);
        assert_true(find(stacks, 2));
        assert_int_equal(stacks->standing, 1);
        assert_int_equal(stacks->newest.count, 2);
        assert_ptr_equal(stacks->newest.items[0].code, &stacks->codes[LOOP]);
        assert_int_equal(stacks->newest.items[0].offset, 20);
        assert_ptr_equal(stacks->newest.items[1].code, &stacks->codes[FIRST]);
        assert_int_equal(stacks->newest.items[1].offset, 2);
    }
    assert_false(find(stacks, 3));
}

static void test_other_callers(void **state)
{
    struct stacks *stacks = *state;
    stand(stacks, SECOND, 10, 20);
    assert_false(find(stacks, 2));
    stand(stacks, LOOP, 12, 20);
    assert_false(find(stacks, 2));
    stand(stacks, LOOP, 10, 20);
    stacks->frames.items[1].address += 8;
    assert_false(find(stacks, 2));
    stacks->frames.count = 1;
    assert_false(find(stacks, 2));
}

static void test_the_last_one_counts(void **state)
{
    struct stacks *stacks = *state;
    stand(stacks, LOOP, 10, 22);
    push(stacks, SECOND, 4);
    sample_leaf_slots_remember(stacks->leaf_slots, false, &stacks->frames);
    assert_true(find(stacks, 2));
    assert_ptr_equal(stacks->newest.items[1].code, &stacks->codes[SECOND]);
    assert_int_equal(stacks->newest.items[0].offset, 22);
}

/* Who is called by a frame, and who by C code that it has called, take turns in one place, but are told apart. */
static void test_who_is_called_from_c(void **state)
{
    struct stacks *stacks = *state;
    const uint64_t caller = PLACE + PLACE_SIZE;
    for (size_t code = FIRST; code <= SECOND; code++) {
        stand(stacks, LOOP, 10, 20);
        push(stacks, code, 4);
        stacks->frames.items[2].entered_by = code == SECOND ? caller : 0;
        sample_leaf_slots_remember(stacks->leaf_slots, true, &stacks->frames);
    }
    for (size_t code = FIRST; code <= SECOND; code++) {
        assert_true(sample_leaf_slots_find(stacks->leaf_slots, PLACE + 2 * PLACE_SIZE, code == SECOND ? caller : 0, &stacks->frames, &stacks->newest,
                                           &stacks->standing));
        assert_ptr_equal(stacks->newest.items[1].code, &stacks->codes[code]);
    }
    for (uint64_t other = caller + 1; other < caller + 5000; other++)
        assert_false(sample_leaf_slots_find(stacks->leaf_slots, PLACE + 2 * PLACE_SIZE, other, &stacks->frames, &stacks->newest, &stacks->standing));
}

/* The trampoline of an __init__ comes and goes with it. */
static void test_trampoline_between(void **state)
{
    struct stacks *stacks = *state;
    stand(stacks, LOOP, 10, 20);
    push(stacks, TRAMPOLINE, 0);
    push(stacks, SECOND, 4);
    sample_leaf_slots_remember(stacks->leaf_slots, false, &stacks->frames);
    stand(stacks, LOOP, 10, 30);
    assert_true(find(stacks, 3));
    assert_int_equal(stacks->standing, 1);
    assert_int_equal(stacks->newest.count, 3);
}

/* A frame that is being made, a generator, which lies beside, and the oldest one. */
static void test_what_is_not_remembered(void **state)
{
    struct stacks *stacks = *state;
    sample_leaf_slots_clear(stacks->leaf_slots);
    assert_false(find(stacks, 2));
    for (int which = 0; which < 3; which++) {
        stand(stacks, LOOP, 10, 20);
        push(stacks, SECOND, 4);
        stacks->frames.items[2].incomplete = which == 0;
        stacks->frames.items[2].generator = which == 1;
        stacks->frames.count = which == 2 ? 1 : 3;
        sample_leaf_slots_remember(stacks->leaf_slots, false, &stacks->frames);
        assert_false(find(stacks, which == 2 ? 0 : 2));
    }
    stacks->frames.count = 0;
    sample_leaf_slots_remember(stacks->leaf_slots, false, &stacks->frames);
    sample_leaf_slots_clear(NULL);
    sample_leaf_slots_remember(NULL, false, &stacks->frames);
    assert_false(sample_leaf_slots_find(NULL, PLACE, STACK_UNTOLD, &stacks->frames, &stacks->newest, &stacks->standing));
}

static void test_code_that_has_died(void **state)
{
    struct stacks *stacks = *state;
    stacks->codes[FIRST].retired = true;
    assert_false(find(stacks, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_caller_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_callers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_last_one_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_is_called_from_c, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trampoline_between, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_not_remembered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_code_that_has_died, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
