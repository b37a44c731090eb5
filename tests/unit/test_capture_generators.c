/* Generators on the stack of a program that runs on while it is read: they yield at any moment, and forget who resumed them. */
#include "running.h"

static void put_generator(struct running *running, uint64_t frame, uint64_t previous)
{
    put_frame(&running->program, frame, &(struct frame){previous, running->code[LEAF], 1, OWNER_GENERATOR});
}

static void yield_at_moment(struct running *running, const struct spprof_range *range)
{
    if (range == NULL || running->ranges != running->moment)
        return;
    set_head(running, frame_at(running, 1));
    set_previous(running, running->objects[0][LEAF], 0);
}

/* A caller goes through a generator in a loop, or has called it in another way. */
static uint64_t stand_in_generator(struct running *running, int32_t line)
{
    running->calls.items[1].line = line;
    write_frame(running, 1);
    uint64_t generator = running->objects[0][LEAF];
    put_generator(running, generator, frame_at(running, 1));
    put_u64(running->memory, running->head_address, generator);
    return generator;
}

/* At every moment of the reading. A caller that loops is still at it; of another one, which does not say, it may have been all. */
static void test_generator_that_yields(void **state)
{
    struct running *running = *state;
    size_t before_head = layout_in(&running->program)->rules->has_cframe ? 2 : 1; /* moments at which it can yield unseen */
    call(running, MENTIONS_A, MIDDLE);
    for (int loops = 0; loops < 2; loops++) {
        size_t moments = 1, with_generator = 0;
        for (size_t moment = 0; moment < moments; moment++) {
            stand_in_generator(running, loops ? LOOPS : MENTIONS_A);
            assert_int_equal(take_at_rest(running).result, CAPTURE_WHOLE);
            assert_int_equal(sample_capture_depth(&running->capture), 3);
            set_play(running, yield_at_moment, moment);
            struct capture_outcome outcome = take(running);
            assert_true(outcome.result == CAPTURE_RECOVERED || outcome.result == CAPTURE_WHOLE);
            assert_in_range(sample_capture_depth(&running->capture), 2, 3);
            assert_false(outcome.retried);
            with_generator += sample_capture_depth(&running->capture) == 3;
            if (moment == 0)
                moments = running->ranges;
        }
        assert_true(with_generator >= (loops || frames_are_objects(&running->program) ? moments - before_head : 0));
    }
}

/* The thread state named the caller, and when the caller was copied, a generator ran in its place. */
static void test_generator_that_the_caller_names(void **state)
{
    struct running *running = *state;
    struct memory *memory = running->memory;
    const struct layout *layout = layout_in(&running->program);
    call(running, MENTIONS_A, MIDDLE);
    uint64_t generator = stand_in_generator(running, LOOPS), caller = frame_at(running, 1);
    assert_int_equal(take_at_rest(running).result, CAPTURE_WHOLE);
    enum { HEIGHT = 3 };
    uint64_t stack = FIELD_AT(memory, caller, frame, localsplus);
    uint64_t object = generator - (uint64_t)LAYOUT(layout, generator, frame);
    put_u64(memory, stack + (HEIGHT - (uint64_t)layout->rules->generator_depth) * 8, object);
    if (LAYOUT(layout, frame, stacktop) != LAYOUT_ABSENT)
        put_u32(memory, FIELD_AT(memory, caller, frame, stacktop), HEIGHT);
    else
        put_u64(memory, FIELD_AT(memory, caller, frame, stackpointer), stack + HEIGHT * 8);
    put_u64(memory, running->head_address, caller);
    assert_int_equal(take(running).result, CAPTURE_RECOVERED);
    assert_int_equal(sample_capture_depth(&running->capture), 2);
    assert_int_equal(running->capture.frames.count, 3);
    set_previous(running, generator, 0); /* it yields in between */
    assert_int_equal(take(running).result, CAPTURE_RECOVERED);
    assert_int_equal(sample_capture_depth(&running->capture), 2);
    assert_int_equal(running->capture.frames.count, 3);
    struct frame_link *link = (struct frame_link *)(uintptr_t)sample_reading_link(&running->capture.reader.reading, generator);
    link->previous = NOWHERE; /* another one that lay there was resumed by another: the caller's line names this one */
    assert_int_equal(take(running).result, CAPTURE_RECOVERED);
    assert_int_equal(running->capture.frames.count, 3);
    set_previous(running, generator, frame_at(running, 0)); /* somebody else's */
    assert_int_equal(take(running).result, CAPTURE_WHOLE);
    assert_int_equal(sample_capture_depth(&running->capture), 2);
}

/* Nobody has seen who resumed it: it is no stack of one frame. */
static void test_generator_that_nobody_knows(void **state)
{
    struct running *running = *state;
    call(running, MENTIONS_A, MIDDLE);
    assert_whole(running);
    uint64_t generator = running->objects[0][LEAF], root = running->capture.root;
    for (size_t moment = 0; moment < 8; moment++) {
        put_generator(running, generator, 0);
        put_u64(running->memory, running->head_address, generator);
        set_play(running, yield_at_moment, moment);
        struct capture_outcome outcome = take(running);
        assert_true(outcome.result == CAPTURE_WHOLE || outcome.result == CAPTURE_RECOVERED);
        assert_int_equal(sample_capture_depth(&running->capture), 2);
        assert_int_equal(running->capture.root, root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_generator_that_yields),
        SINCE_3_12(test_generator_that_the_caller_names),
        EACH(test_generator_that_nobody_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
