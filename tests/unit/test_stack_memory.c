/* What a walk remembers of the one before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frames/stack.h"
#include "frames/stack_memory.h"

enum { CHUNK = 0x10000, SIZE = 4096, FRAME = 80, HEADER = 72, FRAMES = 10 };

struct walked {
    uint8_t bytes[SIZE];
    struct stack stack;
    struct stack_memory memory;
};

/* A stack of ten frames, the newest first, that was walked and is about to be walked again. */
static int set_up(void **state)
{
    struct walked *walked = calloc(1, sizeof *walked);
    frames_stack_init(&walked->stack, 0);
    walked->stack.memory = &walked->memory;
    walked->stack.data_stack = (struct data_stack){.chunk = CHUNK, .used = SIZE, .data = walked->bytes};
    frames_stack_memory_compare(&walked->memory, &walked->stack.data_stack);
    walked->stack.frames = calloc(FRAMES, sizeof *walked->stack.frames);
    walked->stack.frame_count = walked->stack.frame_capacity = FRAMES;
    for (size_t i = 0; i < FRAMES; i++)
        walked->stack.frames[i] = (struct raw_frame){.address = CHUNK + (FRAMES - i) * FRAME, .chunk = CHUNK};
    walked->stack.progress = STACK_DONE;
    *state = walked;
    return 0;
}

static int tear_down(void **state)
{
    struct walked *walked = *state;
    frames_stack_free(&walked->stack);
    frames_stack_memory_free(&walked->memory);
    free(walked);
    return 0;
}

static size_t recalled(struct walked *walked, size_t frame)
{
    size_t count;
    frames_stack_restart(&walked->stack);
    walked->stack.data_stack = (struct data_stack){.chunk = CHUNK, .used = SIZE, .data = walked->bytes};
    frames_stack_memory_compare(&walked->memory, &walked->stack.data_stack);
    walked->stack.cursor = CHUNK + (FRAMES - frame) * FRAME;
    const struct raw_frame *known = frames_stack_memory_find(&walked->memory, walked->stack.cursor, HEADER, &count);
    if (count > 0)
        assert_int_equal(known->address, walked->stack.cursor);
    return count;
}

static void test_unchanged(void **state)
{
    assert_int_equal(recalled(*state, 0), FRAMES);
}

static void test_newest_frames_changed(void **state)
{
    struct walked *walked = *state;
    walked->bytes[(FRAMES - 2) * FRAME + 8] = 1; /* in frame 2 */
    assert_int_equal(recalled(walked, 3), FRAMES - 3);
}

static void test_a_changed_frame_is_walked(void **state)
{
    struct walked *walked = *state;
    walked->bytes[(FRAMES - 2) * FRAME + 8] = 1;
    assert_int_equal(recalled(walked, 2), 0);
}

static void test_an_older_frame_changed(void **state)
{
    struct walked *walked = *state;
    walked->bytes[FRAME] = 1; /* in the oldest */
    assert_int_equal(recalled(walked, 0), 0);
}

static void test_a_frame_that_was_none(void **state)
{
    struct walked *walked = *state;
    size_t count;
    assert_int_equal(recalled(walked, 0), FRAMES);
    walked->stack.cursor += 8;
    assert_null(frames_stack_memory_find(&walked->memory, walked->stack.cursor, HEADER, &count));
    assert_int_equal(count, 0);
}

/* Frames that lie elsewhere, as generators do, may have changed though the chunk has not. */
static void test_frames_elsewhere_below(void **state)
{
    struct walked *walked = *state;
    walked->stack.frames[FRAMES - 1].chunk = 0;
    assert_int_equal(recalled(walked, 0), 0);
}

static void test_truncated_walks_are_not_kept(void **state)
{
    struct walked *walked = *state;
    walked->stack.truncated = strdup("broken");
    assert_int_equal(recalled(walked, 0), 0);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        EACH(test_unchanged),
        EACH(test_newest_frames_changed),
        EACH(test_a_changed_frame_is_walked),
        EACH(test_an_older_frame_changed),
        EACH(test_a_frame_that_was_none),
        EACH(test_frames_elsewhere_below),
        EACH(test_truncated_walks_are_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
