/* Samples of a made-up program that runs while it is read: its every step may fall between any two of the reader's ranges. */
#include "frames.h"
#include "functions.h"
#include "sample/tally.h"
#include "target/target.h"

/*
 * main, middle, other, leaf, hidden. In its first line a function calls nobody; in MENTIONS_* it calls the one that the line names, in
 * SILENT one that no line names (a callback). Frames keep the line of their last call.
 */
enum function { MAIN, MIDDLE, OTHER, LEAF, HIDDEN, FUNCTIONS };
enum { FIRST_LINE = 1, MENTIONS_A = 10, MENTIONS_B = 11, SILENT = 12 };

static const char *const function_names[FUNCTIONS] = {"main", "middle", "other", "leaf", "hidden"};
static const enum function callees[FUNCTIONS][2] = {
    [MAIN] = {MIDDLE, OTHER}, [MIDDLE] = {LEAF, OTHER}, [OTHER] = {LEAF, MIDDLE}, [LEAF] = {OTHER, MIDDLE}, [HIDDEN] = {LEAF, OTHER},
};

enum { DEPTH_MAX = 12, HISTORY_MAX = 1 << 14 };

struct call {
    enum function function;
    int32_t line;
};

struct calls {
    struct call items[DEPTH_MAX]; /* oldest first */
    size_t depth;
};

struct running {
    struct program program; /* first: frames.h knows it */
    struct memory *memory;
    uint64_t code[FUNCTIONS];
    int64_t unit_of_line[SILENT + 1];
    uint64_t chunk, head_address;
    uint64_t c_frames[DEPTH_MAX]; /* 3.11 and 3.12; who is called from C has one of its own */
    size_t c_levels[DEPTH_MAX];   /* which of them runs the function of this depth */
    uint64_t objects[DEPTH_MAX][FUNCTIONS]; /* frame objects, 3.9 and 3.10 */
    struct calls calls;
    struct capture_context context;
    struct capture capture;
    struct spprof_target_ops ops;
    const struct spprof_target_ops *image_ops;
    /* Called before each range that is read, and after the last of a batch (range NULL). */
    void (*play)(struct running *running, const struct spprof_range *range);
    size_t ranges, batches; /* read since play was set */
    size_t moment;          /* for play: when */
    uint64_t random;
    struct calls history[HISTORY_MAX];
    size_t history_count;
};

static struct running *current; /* whose memory is read */

static void read_one_by_one(struct spprof_target *target, struct spprof_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (current->play != NULL)
            current->play(current, &ranges[i]);
        current->image_ops->read_many(target, &ranges[i], 1);
        current->ranges++;
    }
    if (current->play != NULL)
        current->play(current, NULL);
    current->batches++;
}

static void set_play(struct running *running, void (*play)(struct running *running, const struct spprof_range *range), size_t moment)
{
    running->play = play;
    running->moment = moment;
    running->ranges = running->batches = 0;
}

/* Bytecode of a function: in each of its lines one unit that runs when it calls. */
static uint64_t make_caller(struct running *running, enum function function)
{
    struct memory *memory = running->memory;
    struct body body = {.units = 0};
    const char *names[2] = {function_names[callees[function][0]], function_names[callees[function][1]]};
    emit(memory, &body, NO_OPERATION, 0, FIRST_LINE);
    emit(memory, &body, NO_OPERATION, 0, FIRST_LINE);
    for (int32_t line = MENTIONS_A; line <= SILENT; line++) {
        if (line < SILENT)
            emit_load(memory, &body, LOAD_GLOBAL, (uint32_t)(line - MENTIONS_A), line);
        running->unit_of_line[line] = (int64_t)body.units;
        emit(memory, &body, NO_OPERATION, 0, line);
    }
    running->unit_of_line[FIRST_LINE] = 1;
    uint64_t code = make_function(memory, function_names[function], FIRST_LINE, &body, names, 2);
    if (LAYOUT(&memory->layout, code, framesize) != LAYOUT_ABSENT)
        put_u32(memory, FIELD_AT(memory, code, code, framesize), FRAME_ROOM / 8);
    else if (LAYOUT(&memory->layout, code, stacksize) != LAYOUT_ABSENT && LAYOUT(&memory->layout, frame, localsplus) != LAYOUT_ABSENT)
        put_u32(memory, FIELD_AT(memory, code, code, stacksize), (uint32_t)(FRAME_ROOM - LAYOUT(&memory->layout, frame, localsplus)) / 8);
    return code;
}

static void set_up_capture(struct running *running)
{
    struct capture_context *context = &running->context;
    context->layout = context->reader.layout = context->mentions.layout = &running->memory->layout;
    assert_null(code_table_new(&context->codes));
    code_table_keep_ranges(context->codes);
    assert_null(call_sites_new(&context->sites));
    assert_null(copy_new(running->memory->target, &context->reader.copy));
    assert_null(copy_new(running->memory->target, &context->mentions.copy));
    assert_null(capture_init(&running->capture, running->memory->target, context->layout, running->program.thread));
}

static void tear_down_capture(struct running *running)
{
    capture_free(&running->capture);
    call_sites_free(running->context.sites);
    code_table_free(running->context.codes);
    copy_free(running->context.reader.copy);
    copy_free(running->context.mentions.copy);
}

static uint64_t frame_at(const struct running *running, size_t depth)
{
    return frames_are_objects(&running->program) ? running->objects[depth][running->calls.items[depth].function]
                                                 : frame_in_chunk(running->chunk, depth);
}

static void set_head(struct running *running, uint64_t frame)
{
    struct memory *memory = running->memory;
    if (memory->layout.rules->has_cframe) {
        uint64_t c_frame = running->c_frames[running->c_levels[running->calls.depth - 1]];
        running->head_address = FIELD_AT(memory, c_frame, cframe, current_frame);
        put_u64(memory, FIELD_AT(memory, running->program.thread, thread_state, cframe), c_frame);
    }
    put_u64(memory, running->head_address, frame);
    if (!frames_are_objects(&running->program))
        set_chunk(&running->program, running->chunk, frame_in_chunk(running->chunk, running->calls.depth));
}

static void write_frame(struct running *running, size_t depth)
{
    const struct call *call = &running->calls.items[depth];
    put_frame(&running->program, frame_at(running, depth),
              &(struct frame){depth > 0 ? frame_at(running, depth - 1) : 0, running->code[call->function],
                              running->unit_of_line[call->line], OWNER_THREAD});
}

static void remember(struct running *running)
{
    assert_true(running->history_count < HISTORY_MAX);
    running->history[running->history_count++] = running->calls;
}

/* The newest function goes to a line, and calls another one there. */
static void call(struct running *running, int32_t line, enum function function)
{
    struct calls *calls = &running->calls;
    assert_true(calls->depth < DEPTH_MAX);
    if (calls->depth > 0) {
        running->c_levels[calls->depth] = running->c_levels[calls->depth - 1] + (line == SILENT);
        calls->items[calls->depth - 1].line = line;
        write_frame(running, calls->depth - 1);
    }
    calls->items[calls->depth++] = (struct call){function, FIRST_LINE};
    write_frame(running, calls->depth - 1);
    set_head(running, frame_at(running, calls->depth - 1));
    remember(running);
}

static void return_to_caller(struct running *running)
{
    struct memory *memory = running->memory;
    struct calls *calls = &running->calls;
    uint64_t left = frame_at(running, calls->depth - 1);
    calls->depth--;
    set_head(running, frame_at(running, calls->depth - 1));
    if (frames_are_objects(&running->program))
        put_u64(memory, FIELD_AT(memory, left, frame_object, back), 0);
    else if (memory->layout.rules->minor >= 0x030e)
        put_u64(memory, FIELD_AT(memory, left, frame, executable), memory->layout.rules->reference_tag_mask & 1);
    remember(running);
}

static int setup(void **state)
{
    if (memory_setup(state) != 0)
        return -1;
    struct running *running = calloc(1, sizeof *running);
    struct memory *memory = *state;
    assert_non_null(running);
    running->memory = running->program.memory = memory;
    running->program.thread = place_apart(memory, 1024);
    for (enum function function = 0; function < FUNCTIONS; function++)
        running->code[function] = make_caller(running, function);
    running->program.code = running->code[LEAF];
    running->chunk = make_chunk(&running->program, 0, DEPTH_MAX + 1);
    for (size_t depth = 0; depth < DEPTH_MAX; depth++)
        for (enum function function = 0; function < FUNCTIONS; function++)
            running->objects[depth][function] = place(memory, 512);
    if (!frames_are_objects(&running->program))
        put_u64(memory, FIELD_AT(memory, running->program.thread, thread_state, datastack_limit),
                frame_in_chunk(running->chunk, DEPTH_MAX + 1));
    running->head_address = FIELD_AT(memory, running->program.thread, thread_state, current_frame);
    for (size_t level = 0; level < DEPTH_MAX; level++)
        running->c_frames[level] = place_apart(memory, 64);
    running->image_ops = memory->target->ops;
    running->ops = *running->image_ops;
    running->ops.read_many = read_one_by_one;
    memory->target->ops = &running->ops;
    set_up_capture(running);
    call(running, 0, MAIN);
    current = running;
    *state = running;
    return 0;
}

static int teardown(void **state)
{
    struct running *running = *state;
    tear_down_capture(running);
    running->memory->target->ops = running->image_ops;
    *state = running->memory;
    free(running);
    return memory_teardown(state);
}

#define CAPTURE_TEST(test, index, label) {#test " " label, test, setup, teardown, (void *)(uintptr_t)&versions[index]}
#define OBJECTS(test) CAPTURE_TEST(test, 0, "3.9"), CAPTURE_TEST(test, 1, "3.10")
#define SINCE_3_14(test)                                                                                                                   \
    CAPTURE_TEST(test, 6, "3.14"), CAPTURE_TEST(test, 7, "3.14t"), CAPTURE_TEST(test, 8, "3.15"), CAPTURE_TEST(test, 9, "3.15t")
#define SINCE_3_12(test)                                                                                                                   \
    CAPTURE_TEST(test, 3, "3.12"), CAPTURE_TEST(test, 4, "3.13"), CAPTURE_TEST(test, 5, "3.13t"), SINCE_3_14(test)
#define SINCE_3_11(test) CAPTURE_TEST(test, 2, "3.11"), SINCE_3_12(test)
#define EACH(test) OBJECTS(test), SINCE_3_11(test)

static struct capture_outcome take(struct running *running)
{
    running->history_count = 0;
    remember(running);
    return capture_take(&running->capture, &running->context, false);
}

static struct capture_outcome take_at_rest(struct running *running)
{
    set_play(running, NULL, 0);
    return take(running);
}

static const char *name_of(const struct captured_frame *frame)
{
    return frame->code->code->name.bytes;
}

static bool is_frame_of(const struct running *running, const struct captured_frame *frame, const struct call *call)
{
    return strcmp(name_of(frame), function_names[call->function]) == 0 && frame->offset == running->unit_of_line[call->line] * 2;
}

/* Whether the captured frames are the oldest ones of a stack that stood. */
static bool is_part(const struct running *running, const struct calls *calls)
{
    const struct captured_frames *frames = &running->capture.frames;
    for (size_t i = 0; i < frames->count; i++)
        if (i == calls->depth || !is_frame_of(running, &frames->items[frames->count - 1 - i], &calls->items[i]))
            return false;
    return true;
}

static bool is_stack(const struct running *running, const struct calls *calls)
{
    return running->capture.frames.count == calls->depth && is_part(running, calls);
}

static void assert_stack(const struct running *running, const struct calls *calls)
{
    if (is_stack(running, calls))
        return;
    for (size_t i = 0; i < running->capture.frames.count; i++)
        print_error("captured: %s at %d\n", name_of(&running->capture.frames.items[i]), (int)running->capture.frames.items[i].offset);
    for (size_t i = calls->depth; i-- > 0;)
        print_error("stood: %s in line %d\n", function_names[calls->items[i].function], calls->items[i].line);
    fail();
}

static void assert_whole(struct running *running)
{
    struct capture_outcome outcome = take(running);
    assert_int_equal(outcome.result, CAPTURE_WHOLE);
    assert_stack(running, &running->calls);
}

/* Where nothing is known of the thread yet, no caller can stand for what is lost. */
static void assert_dropped(struct running *running, enum spprof_drop reason)
{
    running->capture.accepted.count = 0;
    struct capture_outcome outcome = take(running);
    assert_int_equal(outcome.result, CAPTURE_DROPPED);
    assert_int_equal(outcome.reason, reason);
}

static void assert_cut_to(struct running *running, size_t depth)
{
    struct capture_outcome outcome = take(running);
    assert_int_equal(outcome.result, CAPTURE_CUT);
    assert_true(outcome.retried);
    assert_int_equal(running->capture.frames.count, depth);
    assert_true(is_part(running, &running->calls));
}

/* main > middle > leaf, everything known of it. */
static void stand_in_leaf(struct running *running)
{
    call(running, MENTIONS_A, MIDDLE);
    call(running, MENTIONS_A, LEAF);
    assert_whole(running);
    set_play(running, NULL, 0);
}

static void test_stack_that_stands_still(void **state)
{
    struct running *running = *state;
    stand_in_leaf(running);
    for (int i = 0; i < 3; i++) {
        set_play(running, NULL, 0);
        assert_whole(running);
        assert_int_equal(running->batches, 1);
    }
}

static void test_target_that_is_held(void **state)
{
    struct running *running = *state;
    call(running, SILENT, HIDDEN);
    call(running, SILENT, LEAF);
    struct capture_outcome outcome = capture_take(&running->capture, &running->context, true);
    assert_int_equal(outcome.result, CAPTURE_WHOLE);
    assert_stack(running, &running->calls);
}

static void test_no_frames(void **state)
{
    struct running *running = *state;
    put_u64(running->memory, running->head_address, 0);
    assert_int_equal(take(running).result, CAPTURE_WHOLE);
    assert_int_equal(running->capture.frames.count, 0);
}

static void return_at_moment(struct running *running, const struct spprof_range *range)
{
    if (range != NULL && running->ranges == running->moment)
        return_to_caller(running);
}

/* At every moment of the reading. Before the head is read the caller is the newest, afterwards the function that has returned. */
static void test_newest_function_returns(void **state)
{
    struct running *running = *state;
    bool was_recovered = false, was_caller = false;
    stand_in_leaf(running);
    size_t moments = 0;
    for (size_t moment = 0; moment == 0 || moment < moments; moment++) {
        set_play(running, return_at_moment, moment);
        struct calls before = running->calls;
        struct capture_outcome outcome = take(running);
        if (outcome.result == CAPTURE_RECOVERED) {
            assert_stack(running, &before);
            was_recovered = true;
        } else {
            assert_int_equal(outcome.result, CAPTURE_WHOLE);
            assert_stack(running, &running->calls);
            was_caller = true;
        }
        assert_false(outcome.retried);
        if (moments == 0)
            moments = running->ranges;
        call(running, MENTIONS_A, LEAF);
        assert_int_equal(take_at_rest(running).result, CAPTURE_WHOLE);
    }
    assert_true(was_recovered && was_caller);
}

/* From 3.14 on a frame that has returned has no code object: only one that is known already can be told by its instruction. */
static void test_function_without_code_object(void **state)
{
    struct running *running = *state;
    stand_in_leaf(running);
    return_to_caller(running);
    put_u64(running->memory, running->head_address, frame_in_chunk(running->chunk, 2)); /* as it was read before */
    struct calls then = running->calls;
    then.depth++;
    assert_int_equal(take(running).result, CAPTURE_WHOLE);
    assert_stack(running, &then);
    tear_down_capture(running);
    set_up_capture(running);
    assert_dropped(running, SPPROF_DROP_NOT_CODE);
}

static void change_line_of_caller(struct running *running, const struct spprof_range *range)
{
    if (range != NULL)
        return;
    struct call *caller = &running->calls.items[running->calls.depth - 2];
    caller->line = caller->line == SILENT ? FIRST_LINE : SILENT;
    write_frame(running, running->calls.depth - 2);
}

/* The caller's line never stands long enough to prove that it calls whom it does not name. */
static void test_pair_that_never_stands(void **state)
{
    struct running *running = *state;
    call(running, MENTIONS_A, MIDDLE);
    call(running, SILENT, HIDDEN);
    set_play(running, change_line_of_caller, 0);
    assert_cut_to(running, 2);
}

static void change_code_of_newest(struct running *running, const struct spprof_range *range)
{
    if (range != NULL)
        return;
    struct call *newest = &running->calls.items[running->calls.depth - 1];
    newest->function = newest->function == HIDDEN ? LEAF : HIDDEN;
    write_frame(running, running->calls.depth - 1);
    if (frames_are_objects(&running->program))
        set_head(running, frame_at(running, running->calls.depth - 1));
}

static void test_callee_that_never_stands(void **state)
{
    struct running *running = *state;
    call(running, MENTIONS_A, MIDDLE);
    call(running, SILENT, HIDDEN);
    set_play(running, change_code_of_newest, 0);
    assert_cut_to(running, 2);
}

/* In the middle of the stack: what the doubtful caller was called by is known. */
static void test_doubt_below_the_newest(void **state)
{
    struct running *running = *state;
    call(running, MENTIONS_A, MIDDLE);
    call(running, SILENT, HIDDEN);
    call(running, MENTIONS_A, LEAF);
    set_play(running, change_line_of_caller, 0);
    running->calls.depth = 3; /* whose caller it changes */
    struct calls whole = running->calls;
    whole.depth = 4;
    struct capture_outcome outcome = take(running);
    assert_int_equal(outcome.result, CAPTURE_CUT);
    assert_int_equal(running->capture.frames.count, 2);
    assert_true(is_frame_of(running, &running->capture.frames.items[1], &whole.items[0]));
}

static void test_pair_that_stands_long(void **state)
{
    struct running *running = *state;
    enum { PROOF = 20 };
    call(running, SILENT, HIDDEN);
    assert_whole(running);
    return_to_caller(running);
    assert_whole(running);
    call(running, MENTIONS_A, MIDDLE);
    call(running, SILENT, HIDDEN);
    set_play(running, NULL, 0);
    assert_whole(running);
    assert_true(running->batches > PROOF);
    return_to_caller(running);
    assert_whole(running);
    call(running, SILENT, HIDDEN);
    set_play(running, NULL, 0);
    assert_whole(running);
    assert_true(running->batches < PROOF / 2); /* it is known now */
}

/* Several at once, the oldest first. */
static void test_many_pairs_are_proven(void **state)
{
    struct running *running = *state;
    for (size_t depth = 1; depth < DEPTH_MAX; depth++)
        call(running, SILENT, depth % 2 ? HIDDEN : OTHER);
    assert_whole(running);
    set_play(running, NULL, 0);
    assert_whole(running);
    assert_int_equal(running->batches, 1);
}

/* A proof that is broken by one reading out of many. */
static void break_once(struct running *running, const struct spprof_range *range)
{
    if (range == NULL && (running->batches % running->moment == 0 || running->batches % running->moment == 1))
        change_line_of_caller(running, NULL);
}

static void test_broken_proof(void **state)
{
    struct running *running = *state;
    call(running, MENTIONS_A, MIDDLE);
    call(running, SILENT, HIDDEN);
    assert_whole(running);
    call_sites_clear(running->context.sites);
    capture_forget(&running->capture);
    set_play(running, break_once, 19);
    assert_cut_to(running, 2);
    set_play(running, break_once, 200);
    struct capture_outcome outcome = take(running);
    assert_int_equal(outcome.result, CAPTURE_WHOLE);
}

static void move_root(struct running *running, const struct spprof_range *range)
{
    if (range != NULL)
        return;
    running->calls.items[0].function = running->calls.items[0].function == OTHER ? MIDDLE : OTHER;
    write_frame(running, 0);
    set_head(running, frame_at(running, 0));
}

/* The oldest frame is another one in every reading. */
static void test_root_that_never_stands(void **state)
{
    struct running *running = *state;
    assert_whole(running);
    move_root(running, NULL);
    set_play(running, move_root, 0);
    assert_dropped(running, SPPROF_DROP_CHANGED);
}

/* Another root is believed when it stands, and then at once. */
static void test_root_that_has_changed(void **state)
{
    struct running *running = *state;
    assert_whole(running);
    uint64_t another = make_frame(&running->program, 0, OWNER_THREAD);
    put_u64(running->memory, running->head_address, another);
    for (int again = 0; again < 2; again++) {
        set_play(running, NULL, 0);
        assert_int_equal(take(running).result, CAPTURE_WHOLE);
        assert_int_equal(running->capture.root, another);
        assert_int_equal(running->batches == 1, again);
        assert_int_equal(running->batches > 10, !again);
    }
}

static void swap_heads(struct running *running, const struct spprof_range *range)
{
    static bool second;
    if (range != NULL)
        return;
    put_u64(running->memory, running->head_address, running->objects[second ? 0 : 1][LEAF]);
    second = !second;
}

/* Frames of the heap, none the caller of the other, of which another one is the head each time. */
static void test_heads_without_a_caller(void **state)
{
    struct running *running = *state;
    assert_whole(running);
    for (size_t i = 0; i < 2; i++)
        put_frame(&running->program, running->objects[i][LEAF], &(struct frame){0, running->code[LEAF], 1, OWNER_GENERATOR});
    swap_heads(running, NULL);
    set_play(running, swap_heads, 0);
    assert_dropped(running, SPPROF_DROP_CHANGED);
    assert_int_equal(running->capture.root, frame_at(running, 0));
}

static void set_previous(struct running *running, uint64_t frame, uint64_t previous)
{
    put_u64(running->memory,
            frames_are_objects(&running->program) ? FIELD_AT(running->memory, frame, frame_object, back)
                                                  : FIELD_AT(running->memory, frame, frame, previous),
            previous);
}

static void test_dropped_for_bad_pointer(void **state)
{
    struct running *running = *state;
    stand_in_leaf(running);
    set_previous(running, frame_at(running, 1), NOWHERE);
    assert_dropped(running, SPPROF_DROP_BAD_POINTER);
    set_previous(running, frame_at(running, 1), frame_at(running, 0) + 4);
    assert_dropped(running, SPPROF_DROP_BAD_POINTER);
    write_frame(running, 1);
    assert_whole(running);
}

static void set_code(struct running *running, size_t depth, uint64_t code)
{
    struct memory *memory = running->memory;
    uint64_t frame = frame_at(running, depth);
    bool object = frames_are_objects(&running->program);
    put_u64(memory, object ? FIELD_AT(memory, frame, frame_object, code) : FIELD_AT(memory, frame, frame, executable), code);
}

static void test_dropped_for_no_code(void **state)
{
    struct running *running = *state;
    stand_in_leaf(running);
    uint64_t text = make_ascii(running->memory, "a str where a code object should be");
    place(running->memory, 512); /* it would not end here */
    const uint64_t objects[] = {text, NOWHERE, running->program.thread};
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        set_code(running, 0, objects[i]);
        assert_dropped(running, SPPROF_DROP_NOT_CODE);
        write_frame(running, 0);
        assert_whole(running);
        set_code(running, 2, objects[i]);
        assert_cut_to(running, 2);
        write_frame(running, 2);
        assert_whole(running);
    }
}

static void set_unit(struct running *running, size_t depth, int64_t unit)
{
    uint64_t previous = depth > 0 ? frame_at(running, depth - 1) : 0, code = running->code[running->calls.items[depth].function];
    put_frame(&running->program, frame_at(running, depth), &(struct frame){previous, code, unit, OWNER_THREAD});
}

static void test_dropped_for_bad_instruction(void **state)
{
    struct running *running = *state;
    stand_in_leaf(running);
    set_unit(running, 0, 5000);
    assert_dropped(running, SPPROF_DROP_BAD_INSTRUCTION);
    write_frame(running, 0);
    assert_whole(running);
    set_unit(running, 2, 5000);
    assert_cut_to(running, 2);
    if (layout_in(&running->program)->rules->position != POSITION_LASTI_BYTES) { /* which knows no other than -1 */
        set_unit(running, 2, -1000);
        assert_cut_to(running, 2);
    }
    write_frame(running, 2);
    assert_whole(running);
}

static void test_dropped_for_cycle(void **state)
{
    struct running *running = *state;
    struct memory *memory = running->memory;
    assert_whole(running);
    uint64_t frames[2] = {place(memory, 512), place(memory, 512)};
    for (size_t i = 0; i < 2; i++)
        put_frame(&running->program, frames[i], &(struct frame){frames[1 - i], running->code[LEAF], 1, OWNER_GENERATOR});
    put_u64(memory, running->head_address, frames[0]);
    assert_dropped(running, SPPROF_DROP_CYCLE);
}

static void test_dropped_for_unreadable(void **state)
{
    struct running *running = *state;
    stand_in_leaf(running);
    struct spprof_image_range *hole = make_hole(running->memory, running->program.thread, 256, SPPROF_READ_UNMAPPED);
    assert_dropped(running, SPPROF_DROP_UNREADABLE);
    hole->bytes = at(running->memory, running->program.thread); /* it comes back */
    assert_whole(running);
}

/* Where a code object tells how much its frames take, a callee lies right behind its caller, or is none. */
static void test_frame_that_lies_elsewhere(void **state)
{
    struct running *running = *state;
    stand_in_leaf(running);
    set_previous(running, frame_at(running, 2), frame_at(running, 0));
    struct capture_outcome outcome = take(running);
    assert_int_equal(outcome.result, CAPTURE_CUT);
    assert_int_equal(running->capture.frames.count, 1);
}

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

/* A generator that has yielded since its frame was found to be the newest has forgotten who resumed it. */
static void test_generator_that_yields(void **state)
{
    struct running *running = *state;
    bool was_recovered = false;
    call(running, MENTIONS_A, MIDDLE);
    running->calls.items[1].line = MENTIONS_A;
    write_frame(running, 1);
    uint64_t generator = running->objects[0][LEAF];
    size_t moments = 1;
    for (size_t moment = 0; moment < moments; moment++) {
        put_generator(running, generator, frame_at(running, 1));
        put_u64(running->memory, running->head_address, generator);
        assert_int_equal(take_at_rest(running).result, CAPTURE_WHOLE);
        assert_int_equal(running->capture.frames.count, 3);
        set_play(running, yield_at_moment, moment);
        struct capture_outcome outcome = take(running);
        assert_true(outcome.result == CAPTURE_RECOVERED || outcome.result == CAPTURE_WHOLE);
        assert_int_equal(running->capture.frames.count, outcome.result == CAPTURE_RECOVERED ? 3 : 2);
        assert_false(outcome.retried);
        was_recovered = was_recovered || outcome.result == CAPTURE_RECOVERED;
        if (moment == 0)
            moments = running->ranges;
    }
    assert_true(was_recovered);
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
        assert_int_equal(outcome.result, CAPTURE_WHOLE);
        assert_int_equal(running->capture.frames.count, 2);
        assert_int_equal(running->capture.root, root);
    }
}

/* The code object of a function dies, and another one is made at its address. */
static void replace_code(struct running *running, enum function function, const char *name)
{
    struct memory *memory = running->memory;
    put_u64(memory, FIELD_AT(memory, running->code[function], code, name), make_ascii(memory, name));
    put_u64(memory, FIELD_AT(memory, running->code[function], code, filename), make_ascii(memory, "/app/impostor.py"));
    if (memory->layout.rules->has_qualified_names)
        put_u64(memory, FIELD_AT(memory, running->code[function], code, qualname), make_ascii(memory, name));
}

static void replace_when_looked_at(struct running *running, const struct spprof_range *range)
{
    uint64_t code = running->code[HIDDEN];
    if (range == NULL || range->address > code || range->address + range->size <= code || running->calls.depth < 2)
        return;
    return_to_caller(running);
    replace_code(running, HIDDEN, "impostor");
}

/* It was named by a frame, and has died when it is read. */
static void test_code_that_dies_while_it_is_read(void **state)
{
    struct running *running = *state;
    assert_whole(running);
    call(running, SILENT, HIDDEN);
    set_play(running, replace_when_looked_at, 0);
    assert_int_not_equal(take(running).result, CAPTURE_DROPPED);
    assert_int_equal(running->calls.depth, 1);
    assert_stack(running, &running->calls);
}

struct counted {
    struct tally tally;
    struct spprof_profile *profile;
    struct sampled_thread thread;
};

static void set_up_tally(struct running *running, struct counted *counted)
{
    *counted = (struct counted){.thread = {.profile_thread = SPPROF_NONE, .tid = 1}};
    assert_null(spprof_profile_new(&counted->profile));
    assert_null(tally_init(&counted->tally, counted->profile, &running->context));
}

static void tear_down_tally(struct counted *counted)
{
    tally_free(&counted->tally);
    spprof_profile_free(counted->profile);
    free(counted->thread.path);
}

static void take_and_add(struct running *running, struct counted *counted)
{
    struct capture_outcome outcome = take_at_rest(running);
    assert_int_not_equal(outcome.result, CAPTURE_DROPPED);
    counted->thread.capture = running->capture; /* of which only the frames are looked at */
    assert_true(tally_add(&counted->tally, &counted->thread, &outcome));
}

static void assert_counted(const struct counted *counted, uint64_t captured, uint64_t changed)
{
    const struct spprof_sample_counts *counts = &counted->profile->counts;
    assert_int_equal(counts->captured, captured);
    assert_int_equal(counts->dropped[SPPROF_DROP_CHANGED], changed);
    assert_int_equal(counted->profile->samples, captured);
}

static bool has_function(const struct counted *counted, const char *part)
{
    for (uint32_t i = 0; i < counted->profile->place_count; i++)
        if (strstr(counted->profile->places[i].function.bytes, part) != NULL)
            return true;
    return false;
}

static void test_code_that_dies_before_it_is_counted(void **state)
{
    struct running *running = *state;
    struct counted counted;
    set_up_tally(running, &counted);
    stand_in_leaf(running);
    take_and_add(running, &counted);
    return_to_caller(running);
    take_and_add(running, &counted);
    replace_code(running, LEAF, "impostor");
    tally_commit(&counted.tally, false);
    assert_counted(&counted, 1, 1); /* that of middle */
    assert_false(has_function(&counted, "leaf") || has_function(&counted, "impostor"));
    call(running, SILENT, LEAF);
    take_and_add(running, &counted);
    assert_string_equal(name_of(&running->capture.frames.items[0]), "impostor");
    tally_commit(&counted.tally, false);
    assert_counted(&counted, 2, 1);
    assert_true(has_function(&counted, "impostor"));
    assert_false(has_function(&counted, "leaf"));
    tear_down_tally(&counted);
}

static void test_code_that_is_gone_before_it_is_counted(void **state)
{
    struct running *running = *state;
    struct counted counted;
    set_up_tally(running, &counted);
    stand_in_leaf(running);
    take_and_add(running, &counted);
    make_hole(running->memory, running->code[MIDDLE], 16, SPPROF_READ_UNMAPPED);
    tally_commit(&counted.tally, false);
    assert_counted(&counted, 0, 1);
    tear_down_tally(&counted);
}

/* What a still target said is of one moment: nothing is asked again. */
static void test_counted_at_a_standstill(void **state)
{
    struct running *running = *state;
    struct counted counted;
    set_up_tally(running, &counted);
    stand_in_leaf(running);
    for (int i = 0; i < 3; i++)
        take_and_add(running, &counted);
    set_play(running, NULL, 0);
    tally_commit(&counted.tally, true);
    assert_int_equal(running->batches, 0);
    assert_counted(&counted, 3, 0);
    assert_int_equal(counted.profile->place_count, 3);
    assert_int_equal(counted.profile->node_count, 4);
    tear_down_tally(&counted);
}

static uint64_t next_random(struct running *running)
{
    uint64_t value = running->random += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

/* One step out of `moment` ranges, on average: a call in a line that names the callee, in one that does not, or a return. */
static void run(struct running *running, const struct spprof_range *range)
{
    if (range == NULL || next_random(running) % running->moment != 0)
        return;
    size_t depth = running->calls.depth;
    enum function newest = running->calls.items[depth - 1].function;
    uint64_t choice = next_random(running) % 5;
    if (depth == 1 || (depth < 7 && choice < 2)) {
        int32_t line = choice % 2 == 0 ? MENTIONS_A : MENTIONS_B;
        call(running, line, callees[newest][line - MENTIONS_A]);
    } else if (depth < 7 && choice == 2) {
        call(running, SILENT, HIDDEN);
    } else {
        return_to_caller(running);
    }
}

/* The newest function may have gone on to another line since it was found to be the newest. */
static bool are_callers(const struct running *running, const struct calls *calls)
{
    const struct captured_frames *frames = &running->capture.frames;
    struct calls with_line = *calls;
    if (frames->count != calls->depth)
        return false;
    for (int32_t line = FIRST_LINE; line <= SILENT; line += line == FIRST_LINE ? MENTIONS_A - FIRST_LINE : 1) {
        with_line.items[calls->depth - 1].line = line;
        if (is_stack(running, &with_line))
            return true;
    }
    return false;
}

/* Whether what was captured has stood, every line of it, and, where it is whole, the newest function has been the newest. */
static bool stood(const struct running *running, bool whole)
{
    bool parts = false, newest = !whole;
    for (size_t i = 0; i < running->history_count; i++) {
        parts = parts || is_part(running, &running->history[i]);
        newest = newest || are_callers(running, &running->history[i]);
    }
    return parts && newest;
}

static void tell_history(const struct running *running)
{
    for (size_t i = 0; i < running->history_count; i++) {
        print_error("stood:");
        for (size_t depth = 0; depth < running->history[i].depth; depth++)
            print_error(" %s:%d", function_names[running->history[i].items[depth].function], running->history[i].items[depth].line);
        print_error("\n");
    }
    print_error("captured:");
    for (size_t i = running->capture.frames.count; i-- > 0;)
        print_error(" %s+%d", name_of(&running->capture.frames.items[i]), (int)running->capture.frames.items[i].offset);
    print_error("\n");
}

/* Whatever the program does while it is read: what is accepted has stood while it was read. */
static void test_program_that_runs(void **state)
{
    struct running *running = *state;
    enum { SAMPLES = 600 };
    static const size_t speeds[] = {1, 2, 3, 7, 20, 60, 200};
    for (size_t speed = 0; speed < sizeof speeds / sizeof *speeds; speed++) {
        size_t accepted = 0;
        for (size_t i = 0; i < SAMPLES; i++) {
            set_play(running, run, speeds[speed]);
            struct capture_outcome outcome = take(running);
            if (outcome.result == CAPTURE_DROPPED)
                continue;
            accepted++;
            if (!stood(running, outcome.result != CAPTURE_CUT)) {
                tell_history(running);
                fail_msg("one step in %zu ranges, sample %zu: this never stood", speeds[speed], i);
            }
        }
        assert_true(accepted > SAMPLES * 9 / 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_stack_that_stands_still),
        EACH(test_target_that_is_held),
        EACH(test_no_frames),
        EACH(test_newest_function_returns),
        SINCE_3_14(test_function_without_code_object),
        EACH(test_pair_that_never_stands),
        EACH(test_callee_that_never_stands),
        EACH(test_doubt_below_the_newest),
        EACH(test_pair_that_stands_long),
        EACH(test_many_pairs_are_proven),
        EACH(test_broken_proof),
        OBJECTS(test_root_that_never_stands),
        EACH(test_root_that_has_changed),
        SINCE_3_11(test_heads_without_a_caller),
        EACH(test_dropped_for_bad_pointer),
        EACH(test_dropped_for_no_code),
        EACH(test_dropped_for_bad_instruction),
        EACH(test_dropped_for_cycle),
        EACH(test_dropped_for_unreadable),
        SINCE_3_12(test_frame_that_lies_elsewhere),
        EACH(test_generator_that_yields),
        EACH(test_generator_that_nobody_knows),
        EACH(test_code_that_dies_while_it_is_read),
        EACH(test_code_that_dies_before_it_is_counted),
        EACH(test_code_that_is_gone_before_it_is_counted),
        EACH(test_counted_at_a_standstill),
        EACH(test_program_that_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
