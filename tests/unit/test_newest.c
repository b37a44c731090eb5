/* The newest function of a sample is the one that the thread state named, whatever the program has done until its stack was copied. */
#include "running.h"

/* The first range that is read holds the word that names the newest frame, where one C frame runs them all. */
static bool is_behind_head(const struct running *running, const struct spprof_range *range)
{
    return range != NULL && running->batches == 0 && running->ranges == 1;
}

/* main > middle > leaf is known. */
static void learn_stack(struct running *running)
{
    stand_in_leaf(running);
    return_to_caller(running);
    return_to_caller(running);
    assert_whole(running);
}

/* And main > other > leaf, whose frames lie in the same places. */
static void learn_stacks(struct running *running)
{
    learn_stack(running);
    call(running, MENTIONS_B, OTHER);
    assert_whole(running);
    call(running, MENTIONS_A, LEAF);
    assert_whole(running);
    return_to_caller(running);
    return_to_caller(running);
    assert_whole(running);
}

static void call_two(struct running *running, const struct spprof_range *range)
{
    if (!is_behind_head(running, range))
        return;
    call(running, MENTIONS_A, MIDDLE);
    call(running, MENTIONS_A, LEAF);
}

static void test_what_was_called_since(void **state)
{
    struct running *running = *state;
    learn_stacks(running);
    set_play(running, call_two, 0);
    struct capture_outcome outcome = take(running);
    assert_true(outcome.result == CAPTURE_WHOLE || outcome.result == CAPTURE_RECOVERED);
    assert_false(outcome.retried);
    assert_int_equal(sample_capture_depth(&running->capture), 1);
    assert_string_equal(name_of(sample_capture_frame(&running->capture, 0)), "main");
}

static void return_all(struct running *running, const struct spprof_range *range)
{
    if (is_behind_head(running, range))
        while (running->calls.depth > 1)
            return_to_caller(running);
}

static void return_all_and_go_on(struct running *running, const struct spprof_range *range)
{
    if (!is_behind_head(running, range))
        return;
    return_all(running, range);
    running->calls.items[0].line = FIRST_LINE;
    write_frame(running, 0);
}

/* Its callers are put back where they called it. */
static void test_what_has_returned_since(void **state)
{
    struct running *running = *state;
    void (*const plays[])(struct running *, const struct spprof_range *) = {return_all, return_all_and_go_on};
    learn_stack(running);
    for (size_t i = 0; i < 2; i++) {
        call(running, MENTIONS_A, MIDDLE);
        call(running, MENTIONS_A, LEAF);
        assert_int_equal(take_at_rest(running).result, CAPTURE_WHOLE);
        struct calls then = running->calls;
        then.items[2].line = RETURNS;
        set_play(running, plays[i], 0);
        assert_int_equal(take(running).result, CAPTURE_RECOVERED);
        assert_stack(running, &then);
    }
}

/* What the frames that have returned have left behind is no stack that has ever stood: the frame of the caller was used again. */
static void use_frame_of_caller_again(struct running *running, const struct spprof_range *range)
{
    if (!is_behind_head(running, range))
        return;
    return_all(running, range);
    call(running, MENTIONS_A, MIDDLE);
    return_to_caller(running);
}

static void test_what_never_stood(void **state)
{
    struct running *running = *state;
    learn_stacks(running);
    call(running, MENTIONS_B, OTHER);
    call(running, MENTIONS_B, MIDDLE);
    assert_int_equal(take_at_rest(running).result, CAPTURE_WHOLE);
    set_play(running, use_frame_of_caller_again, 0);
    take(running);
    for (size_t i = 0; i < sample_capture_depth(&running->capture); i++)
        assert_true(i == 0 ||
                    strcmp(name_of(sample_capture_frame(&running->capture, i)), name_of(sample_capture_frame(&running->capture, i - 1))) != 0);
}

/* The caller of the one that was the newest has returned, too, and a frame of the same function is being made in its place. */
static void make_caller_again(struct running *running, const struct spprof_range *range)
{
    if (!is_behind_head(running, range))
        return;
    return_all(running, range);
    const struct frame made = {frame_at(running, 0), running->code[MIDDLE], 0, OWNER_THREAD};
    put_frame(&running->program, frame_in_chunk(running->chunk, 1), &made);
}

static void test_caller_that_is_made_again(void **state)
{
    struct running *running = *state;
    put_u32(running->memory, FIELD_AT(running->memory, running->code[MIDDLE], code, firsttraceable), 1);
    learn_stack(running);
    call(running, MENTIONS_A, MIDDLE);
    call(running, MENTIONS_A, LEAF);
    struct calls then = running->calls;
    then.items[2].line = RETURNS;
    set_play(running, make_caller_again, 0);
    assert_int_equal(take(running).result, CAPTURE_RECOVERED);
    assert_stack(running, &then);
    for (size_t i = 0; i < sample_capture_depth(&running->capture); i++)
        assert_false(sample_capture_frame(&running->capture, i)->incomplete);
}

/* Where nobody has been seen in a place, the sample is one of a later reading, in which the program stands as it does in the end. */
static void assert_taken_again(struct running *running, void (*play)(struct running *running, const struct spprof_range *range))
{
    sample_leaf_slots_clear(running->capture.leaf_slots);
    set_play(running, play, 2);
    struct capture_outcome outcome = take(running);
    assert_int_equal(outcome.result, CAPTURE_WHOLE);
    assert_true(outcome.retried);
    assert_stack(running, &running->calls);
}

/* What the newest has left behind is gone. */
static void call_another_and_leave(struct running *running, const struct spprof_range *range)
{
    if (!is_behind_head(running, range))
        return;
    return_all(running, range);
    call(running, MENTIONS_B, OTHER);
    return_to_caller(running);
}

/* In the second reading it is back. */
static void call_another_and_come_back(struct running *running, const struct spprof_range *range)
{
    call_another_and_leave(running, range);
    if (range == NULL && running->calls.depth == 1)
        call(running, MENTIONS_A, MIDDLE);
}

static void test_place_that_was_used_again(void **state)
{
    struct running *running = *state;
    learn_stacks(running);
    call(running, MENTIONS_A, MIDDLE);
    assert_taken_again(running, call_another_and_come_back);
}

static void call_another_which_calls(struct running *running, const struct spprof_range *range)
{
    if (!is_behind_head(running, range))
        return;
    return_all(running, range);
    call(running, MENTIONS_B, OTHER);
    call(running, MENTIONS_A, LEAF);
}

/* Who stands in the place of the newest has not been the newest. */
static void test_place_in_which_another_stands(void **state)
{
    struct running *running = *state;
    learn_stacks(running);
    call(running, MENTIONS_A, MIDDLE);
    assert_taken_again(running, call_another_which_calls);
}

/* Whoever was seen there last stands for it. */
static void test_place_in_which_somebody_was_seen(void **state)
{
    struct running *running = *state;
    learn_stacks(running);
    for (int i = 0; i < 2; i++) {
        call(running, i == 0 ? MENTIONS_A : MENTIONS_B, i == 0 ? MIDDLE : OTHER);
        assert_whole(running);
        struct calls seen = running->calls;
        return_to_caller(running);
        call(running, i == 0 ? MENTIONS_B : MENTIONS_A, i == 0 ? OTHER : MIDDLE);
        set_play(running, call_another_and_leave, 0);
        struct capture_outcome outcome = take(running);
        assert_int_equal(outcome.result, CAPTURE_RECOVERED);
        assert_false(outcome.retried);
        assert_stack(running, &seen);
    }
}

/* What the newest, which was called by the function that goes on, has left behind is gone. */
static void call_leaf_instead(struct running *running, const struct spprof_range *range)
{
    if (!is_behind_head(running, range))
        return;
    return_to_caller(running);
    call(running, MENTIONS_A, LEAF);
    return_to_caller(running);
}

/* In main > other > middle, but nobody may say whether middle, or leaf, is the newest. */
static void assert_not_known(struct running *running)
{
    call(running, MENTIONS_B, OTHER);
    call(running, MENTIONS_B, MIDDLE);
    set_play(running, call_leaf_instead, 0);
    assert_true(take(running).retried);
}

static void see(struct running *running, int32_t line, enum function callee)
{
    call(running, line, callee);
    assert_whole(running);
}

/* A trampoline that stands there was not the newest for long. */
static void call_trampoline(struct running *running, const struct spprof_range *range)
{
    if (!is_behind_head(running, range))
        return;
    return_all(running, range);
    call(running, MENTIONS_A, HIDDEN);
}

static void test_place_on_which_a_trampoline_was_put(void **state)
{
    struct running *running = *state;
    put_u32(running->memory, FIELD_AT(running->memory, running->code[HIDDEN], code, firsttraceable), 5000);
    see(running, MENTIONS_A, MIDDLE);
    struct calls seen = running->calls;
    set_play(running, call_trampoline, 0);
    assert_int_equal(take(running).result, CAPTURE_RECOVERED);
    assert_stack(running, &seen);
}

/* But not on another caller, and not when that was long ago. */
static void test_place_in_which_somebody_was_seen_elsewhere(void **state)
{
    struct running *running = *state;
    see(running, MENTIONS_B, OTHER);
    see(running, MENTIONS_B, MIDDLE);
    return_to_caller(running);
    see(running, MENTIONS_A, LEAF);
    return_to_caller(running);
    for (int i = 0; i < 200; i++)
        take_at_rest(running);
    return_to_caller(running);
    assert_not_known(running);
    see(running, MENTIONS_B, MIDDLE);
    return_to_caller(running);
    return_to_caller(running);
    see(running, MENTIONS_A, MIDDLE);
    see(running, MENTIONS_A, LEAF);
    return_to_caller(running);
    return_to_caller(running);
    assert_not_known(running);
}

/* In the second reading a trampoline lies there, below its __init__ that nobody has seen yet; in the third it is middle again. */
static void make_trampoline(struct running *running, const struct spprof_range *range)
{
    call_another_and_leave(running, range);
    if (range != NULL)
        return;
    if (running->batches == running->moment) {
        return_to_caller(running);
        call(running, MENTIONS_A, MIDDLE);
    } else if (running->calls.depth == 1) {
        call(running, MENTIONS_A, HIDDEN);
    }
}

static void test_place_in_which_a_trampoline_stands(void **state)
{
    struct running *running = *state;
    put_u32(running->memory, FIELD_AT(running->memory, running->code[HIDDEN], code, firsttraceable), 5000);
    learn_stacks(running);
    call(running, MENTIONS_A, MIDDLE);
    assert_taken_again(running, make_trampoline);
}

/* In the second reading leaf is the newest again, but called by another. */
static void call_by_another(struct running *running, const struct spprof_range *range)
{
    return_all(running, range);
    if (range == NULL && running->calls.depth == 1) {
        call(running, MENTIONS_A, MIDDLE);
        call(running, MENTIONS_A, LEAF);
    }
}

static void test_another_stack_of_the_same_function(void **state)
{
    struct running *running = *state;
    learn_stacks(running);
    sample_contexts_clear(running->context.contexts);
    call(running, MENTIONS_B, OTHER);
    call(running, MENTIONS_A, LEAF);
    assert_taken_again(running, call_by_another);
}

/* A loop in main goes through a generator that has yielded since; nobody remembers by whom it was resumed last. */
static void yield(struct running *running, const struct spprof_range *range)
{
    if (!is_behind_head(running, range))
        return;
    put_u64(running->memory, FIELD_AT(running->memory, running->objects[0][LEAF], frame, previous), 0);
    set_head(running, frame_at(running, 0));
    running->calls.items[0].line = FIRST_LINE;
    write_frame(running, 0);
}

static void test_generator_on_the_stack_of_its_caller(void **state)
{
    struct running *running = *state;
    struct memory *memory = running->memory;
    const struct layout *layout = &memory->layout;
    uint64_t caller = frame_at(running, 0), generator = running->objects[0][LEAF];
    for (int remembered = 1; remembered >= 0; remembered--) {
        running->calls.items[0].line = LOOPS;
        write_frame(running, 0);
        put_frame(&running->program, generator, &(struct frame){caller, running->code[LEAF], 1, OWNER_GENERATOR});
        put_u64(memory, FIELD_AT(memory, caller, frame, localsplus) + 16, generator - (uint64_t)LAYOUT(layout, generator, frame));
        put_u64(memory, running->head_address, generator);
        assert_int_equal(take_at_rest(running).result, CAPTURE_WHOLE);
        assert_int_equal(sample_capture_depth(&running->capture), 2);
        if (!remembered)
            memset(running->capture.reader.links, 0, FRAME_LINKS * sizeof *running->capture.reader.links);
        set_play(running, yield, 0);
        assert_int_equal(take(running).result, CAPTURE_RECOVERED);
        assert_int_equal(sample_capture_depth(&running->capture), 2);
        assert_string_equal(name_of(sample_capture_frame(&running->capture, 1)), "leaf");
        assert_true(is_frame_of(running, sample_capture_frame(&running->capture, 0), &(struct call){MAIN, LOOPS}));
    }
}

/* Before the stack is copied. */
static bool is_before_copy(const struct running *running, const struct spprof_range *range)
{
    return range != NULL && running->batches == 0 && range->address == running->chunk;
}

static void take_turns(struct running *running, const struct spprof_range *range)
{
    bool from_c = running->calls.depth > 1 && running->calls.items[1].function == HIDDEN;
    if (!is_before_copy(running, range))
        return;
    return_to_caller(running);
    call(running, from_c ? MENTIONS_A : SILENT, from_c ? MIDDLE : HIDDEN);
}

/* Its place is that of another one by then, which C code has called, or has not: the C frame tells which of them was the newest. */
static void test_place_of_a_callback(void **state)
{
    static const enum function functions[] = {HIDDEN, MIDDLE, HIDDEN, MIDDLE};
    struct running *running = *state;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        call(running, functions[i] == HIDDEN ? SILENT : MENTIONS_A, functions[i]);
        assert_whole(running);
        if (i >= 2) {
            set_play(running, take_turns, 0);
            assert_int_equal(take(running).result, CAPTURE_RECOVERED);
            assert_int_not_equal(running->calls.items[1].function, functions[i]);
            assert_int_equal(sample_capture_depth(&running->capture), 2);
            assert_string_equal(name_of(sample_capture_frame(&running->capture, 1)), function_names[functions[i]]);
        }
        return_to_caller(running);
    }
}

static void take_turns_and_come_back(struct running *running, const struct spprof_range *range)
{
    take_turns(running, range);
    if (range == NULL && running->batches == 1) {
        return_to_caller(running);
        call(running, MENTIONS_A, MIDDLE);
    }
}

/* Nor is it met again in another one's place. */
static void test_callback_in_the_place_of_another(void **state)
{
    struct running *running = *state;
    call(running, SILENT, HIDDEN);
    assert_whole(running);
    return_to_caller(running);
    call(running, MENTIONS_A, MIDDLE);
    assert_whole(running);
    assert_taken_again(running, take_turns_and_come_back);
}

/* The one that C code has called is about to return, or has been a moment ago: it is there every other time. */
static void test_c_frame_that_runs_none(void **state)
{
    struct running *running = *state;
    size_t with_callee = 0;
    call(running, SILENT, HIDDEN);
    assert_whole(running);
    name_shim(running);
    for (int i = 0; i < 8; i++) {
        assert_int_not_equal(take_at_rest(running).result, CAPTURE_DROPPED);
        assert_in_range(sample_capture_depth(&running->capture), 1, 2);
        with_callee += sample_capture_depth(&running->capture) == 2;
    }
    assert_int_equal(with_callee, 4);
}

/* The newest frame is no shim for lying close to the C frame that names it. */
static void test_c_stack_beside_the_data_stack(void **state)
{
    struct running *running = *state;
    running->c_frames[1] = running->chunk + PAGE_SIZE - 64;
    link_c_frames(running);
    call(running, SILENT, HIDDEN);
    assert_whole(running);
    for (int i = 0; i < 4; i++)
        assert_int_equal(take_at_rest(running).result, CAPTURE_WHOLE);
    assert_stack(running, &running->calls);
    assert_in_range(running->c_frames[1] - frame_at(running, 1), 0, 4000);
}

#define WITH_C_FRAMES(test) RUNNING_TEST(test, 2, "3.11"), RUNNING_TEST(test, 3, "3.12")

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_what_was_called_since),
        EACH(test_what_has_returned_since),
        EACH(test_what_never_stood),
        SINCE_3_11(test_caller_that_is_made_again),
        SINCE_3_11(test_place_that_was_used_again),
        SINCE_3_11(test_place_in_which_another_stands),
        SINCE_3_11(test_place_in_which_somebody_was_seen),
        SINCE_3_11(test_place_in_which_somebody_was_seen_elsewhere),
        SINCE_3_13(test_place_in_which_a_trampoline_stands),
        SINCE_3_13(test_place_on_which_a_trampoline_was_put),
        WITH_C_FRAMES(test_place_of_a_callback),
        WITH_C_FRAMES(test_callback_in_the_place_of_another),
        RUNNING_TEST(test_c_frame_that_runs_none, 3, "3.12"),
        WITH_C_FRAMES(test_c_stack_beside_the_data_stack),
        EACH(test_another_stack_of_the_same_function),
        SINCE_3_11(test_generator_on_the_stack_of_its_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
