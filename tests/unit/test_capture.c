/* Samples of a made-up program that runs while it is read. */
#include "running.h"
#include "sample/stack/reconstruct.h"

/* Where nothing is known of the thread yet, no caller can stand for what is lost. */
static void assert_dropped(struct running *running, enum spprof_drop reason)
{
    running->capture.frames.count = 0;
    struct capture_outcome outcome = take(running);
    assert_int_equal(outcome.result, CAPTURE_DROPPED);
    assert_int_equal(outcome.reason, reason);
}

static void assert_cut_to(struct running *running, size_t depth)
{
    struct capture_outcome outcome = take(running);
    assert_int_equal(outcome.result, CAPTURE_CUT);
    assert_true(outcome.retried);
    assert_int_equal(sample_capture_depth(&running->capture), depth);
    assert_true(is_part(running, &running->calls));
}

static void test_stack_that_stands_still(void **state)
{
    struct running *running = *state;
    stand_in_leaf(running);
    assert_whole(running);
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
    struct capture_outcome outcome = sample_capture_take(&running->capture, &running->context, true);
    assert_int_equal(outcome.result, CAPTURE_WHOLE);
    assert_stack(running, &running->calls);
}

static void test_no_frames(void **state)
{
    struct running *running = *state;
    put_u64(running->memory, running->head_address, 0);
    assert_int_equal(take(running).result, CAPTURE_WHOLE);
    assert_int_equal(sample_capture_depth(&running->capture), 0);
}

/* The newest function may have gone on to another line since it was found to be the newest. */
static bool are_callers(const struct running *running, const struct calls *calls)
{
    struct calls with_line = *calls;
    if (sample_capture_depth(&running->capture) != calls->depth)
        return false;
    for (int32_t line = FIRST_LINE; line <= RETURNS; line += line == FIRST_LINE ? MENTIONS_A - FIRST_LINE : 1) {
        with_line.items[calls->depth - 1].line = line;
        if (is_stack(running, &with_line))
            return true;
    }
    return false;
}

static struct call call_of(const struct running *running, const struct sampled_frame *frame)
{
    struct call call = {FUNCTIONS, 0};
    for (enum function function = 0; function < FUNCTIONS; function++)
        for (int32_t line = FIRST_LINE; line <= RETURNS; line += line == FIRST_LINE ? MENTIONS_A - FIRST_LINE : 1)
            if (is_frame_of(running, frame, &(struct call){function, line}))
                call = (struct call){function, line};
    return call;
}

/* Whether the newest of two stacks is the same function, or stands in the same place. */
static bool have_same_newest(const struct calls *a, const struct calls *b)
{
    return a->depth == b->depth || a->items[a->depth - 1].function == b->items[b->depth - 1].function;
}

/* The same of a stack whose newest functions have returned since: it has stood at some time, and its newest has been the newest just now. */
static bool stood_once(struct running *running)
{
    struct calls calls = {.depth = sample_capture_depth(&running->capture)};
    bool newest = false;
    for (size_t i = 0; i < calls.depth; i++)
        calls.items[i] = call_of(running, sample_capture_frame(&running->capture, i));
    for (size_t i = 0; i < running->history_count; i++)
        newest = newest || have_same_newest(&calls, &running->history[i]);
    return newest && *place_in_ever(running, sum_of(&calls)) != 0;
}

/* Whether what was captured has stood, every line of it, and, where it is whole, the newest function has been the newest. */
static bool stood(struct running *running, bool whole)
{
    if (running->capture.newest.count > 0)
        return stood_once(running);
    bool parts = false, newest = !whole;
    for (size_t i = 0; i < running->history_count; i++) {
        parts = parts || is_part(running, &running->history[i]);
        newest = newest || are_callers(running, &running->history[i]);
    }
    return parts && newest;
}

static void return_at_moment(struct running *running, const struct spprof_range *range)
{
    if (range != NULL && running->ranges == running->moment)
        return_to_caller(running);
}

/* At every moment of the reading. What was captured stood, and was read in one go. */
static void test_newest_function_returns(void **state)
{
    struct running *running = *state;
    bool was_after = false;
    stand_in_leaf(running);
    size_t moments = 0;
    for (size_t moment = 0; moment == 0 || moment < moments; moment++) {
        set_play(running, return_at_moment, moment);
        struct capture_outcome outcome = take(running);
        assert_true(outcome.result == CAPTURE_WHOLE || outcome.result == CAPTURE_RECOVERED);
        assert_false(outcome.retried);
        assert_true(stood(running, true));
        was_after = was_after || is_stack(running, &running->calls);
        if (moments == 0)
            moments = running->ranges;
        call(running, MENTIONS_A, LEAF);
        assert_int_equal(take_at_rest(running).result, CAPTURE_WHOLE);
    }
    assert_true(was_after);
}

/* From 3.14 on a frame that has returned has no code object: it is known by its instruction, and only where it is known to have stood. */
static void test_function_without_code_object(void **state)
{
    struct running *running = *state;
    stand_in_leaf(running);
    return_to_caller(running);
    put_u64(running->memory, running->head_address, frame_in_chunk(running->chunk, 2)); /* as it was read before */
    assert_int_equal(take(running).result, CAPTURE_RECOVERED);
    assert_int_equal(sample_capture_depth(&running->capture), 3);
    assert_true(is_frame_of(running, sample_capture_frame(&running->capture, 2), &(struct call){LEAF, RETURNS}));
    show_climbed(running);
    assert_stack(running, &running->calls);
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
    set_work(running, running->calls.depth - 2, false); /* C code runs, whatever the line */
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
    assert_int_equal(sample_capture_depth(&running->capture), 2);
    assert_true(is_frame_of(running, sample_capture_frame(&running->capture, 0), &whole.items[0]));
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

static void come_and_go(struct running *running, const struct spprof_range *range)
{
    if (range != NULL)
        return;
    if (running->calls.depth == 3)
        return_to_caller(running);
    else
        call(running, SILENT, HIDDEN);
}

/* It never stands long enough for a proof, but is copied in one piece again and again. */
static void test_pair_that_is_seen_often(void **state)
{
    struct running *running = *state;
    enum { SAMPLES = 400 };
    size_t cut = 0, with_callee = 0;
    call(running, MENTIONS_A, MIDDLE);
    assert_whole(running);
    for (int i = 0; i < SAMPLES; i++) {
        set_play(running, come_and_go, 0);
        struct capture_outcome outcome = take(running);
        assert_true(outcome.result == CAPTURE_DROPPED || stood(running, outcome.result != CAPTURE_CUT));
        cut += i >= SAMPLES / 2 && outcome.result == CAPTURE_CUT;
        with_callee += i >= SAMPLES / 2 && sample_capture_depth(&running->capture) == 3;
    }
    assert_int_equal(cut, 0);
    assert_true(with_callee > SAMPLES / 8);
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
    sample_call_sites_clear(running->context.sites);
    sample_capture_forget(&running->capture);
    set_play(running, break_once, 19);
    assert_cut_to(running, 2);
    set_play(running, break_once, 200);
    assert_int_equal(take(running).result, CAPTURE_CUT);
    assert_int_equal(take(running).result, CAPTURE_WHOLE);
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

/* Another root is believed when it is seen a second time, and stands; and then at once. */
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
    for (int again = 0; again < 8; again++) {
        assert_int_equal(take(running).result, CAPTURE_RECOVERED);
        assert_stack(running, &running->calls);
    }
    assert_dropped(running, SPPROF_DROP_CHANGED);
    assert_int_equal(running->capture.root, frame_at(running, 0));
}

/* Where the stack has gone on in another chunk, and no chain leads there, nobody knows what stands on a frame of an older one. */
static void test_older_chunk_without_a_chain(void **state)
{
    struct running *running = *state;
    stand_in_leaf(running);
    uint64_t newer = make_chunk(&running->program, running->chunk, DEPTH_MAX + 1);
    set_chunk(&running->program, newer, frame_in_chunk(newer, 1));
    put_u64(running->memory, running->head_address, NOWHERE);
    assert_cut_to(running, 3);
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

/* The thread state named the caller, and when the caller was copied, C code that it had called had called another. */
static void test_callee_of_c_in_between(void **state)
{
    struct running *running = *state;
    call(running, MENTIONS_A, MIDDLE);
    call(running, SILENT, HIDDEN);
    assert_whole(running);
    if (layout_in(&running->program)->rules->has_cframe)
        put_u64(running->memory, FIELD_AT(running->memory, running->program.thread, thread_state, cframe), running->c_frames[0]);
    else
        put_u64(running->memory, running->head_address, frame_at(running, 1));
    set_play(running, NULL, 0);
    assert_int_equal(take(running).result, CAPTURE_RECOVERED);
    assert_int_equal(running->batches, 1);
    assert_int_equal(sample_capture_depth(&running->capture), 2);
    assert_true(is_part(running, &running->calls));
    show_climbed(running);
    assert_stack(running, &running->calls);
}

/* It may be of another C frame by now, whose place on the C stack has been used again. The sample is none the worse for that. */
static void test_c_frame_before_that_is_none(void **state)
{
    struct running *running = *state;
    struct memory *memory = running->memory;
    stand_in_leaf(running);
    uint64_t frame = running->c_frames[0], hole = frame + C_STACK_ROOM / 2;
    const uint64_t before[] = {0, NOWHERE, UINT64_MAX, frame, frame - 64, frame + 65, hole, frame + (1 << 27)};
    make_hole(memory, hole, 64, SPPROF_READ_UNMAPPED);
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        put_u64(memory, FIELD_AT(memory, frame, cframe, previous), before[i]);
        assert_whole(running);
        assert_int_equal(running->capture.instant.head_caller, STACK_UNTOLD);
        set_play(running, NULL, 0);
        assert_whole(running);
        assert_int_equal(running->batches, 1);
    }
}

/* A trampoline of the interpreter's own between a line that names a class and its __init__: it is none of those that come and go. */
static void test_trampoline(void **state)
{
    struct running *running = *state;
    struct memory *memory = running->memory;
    put_u32(memory, FIELD_AT(memory, running->code[HIDDEN], code, firsttraceable), 5000);
    assert_whole(running);
    call(running, MENTIONS_A, HIDDEN);
    call(running, MENTIONS_A, MIDDLE);
    put_u64(memory, running->head_address, frame_at(running, 0));
    assert_int_equal(take(running).result, CAPTURE_RECOVERED);
    show_climbed(running);
    assert_stack(running, &running->calls);
    assert_true(sample_capture_frame(&running->capture, 1)->incomplete);
    put_u64(memory, running->head_address, frame_at(running, 2));
    call(running, MENTIONS_A, LEAF);
    assert_whole(running);
}

/* A sample whose newest pair nobody knows is not taken again until it shows another one. */
static void test_unknown_pair_is_not_evaded(void **state)
{
    struct running *running = *state;
    call(running, MENTIONS_A, MIDDLE);
    call(running, SILENT, HIDDEN);
    assert_whole(running);
    sample_call_sites_clear(running->context.sites);
    running->capture.frames.count = 2;
    set_play(running, change_line_of_caller, 0);
    assert_cut_to(running, 2);
    assert_true(running->batches < 5);
}

/* Where a code object tells how much its frames take, a callee lies right behind its caller, or is none. */
static void test_frame_that_lies_elsewhere(void **state)
{
    struct running *running = *state;
    stand_in_leaf(running);
    set_previous(running, frame_at(running, 2), frame_at(running, 0));
    assert_int_equal(take(running).result, CAPTURE_RECOVERED);
    show_climbed(running);
    assert_int_equal(sample_capture_depth(&running->capture), 2);
    assert_true(is_part(running, &running->calls));
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

/* It was taken for one that has died, as whoever counts the samples has found out since. The frames have not moved. */
static void test_code_that_has_died(void **state)
{
    struct running *running = *state;
    stand_in_leaf(running);
    replace_code(running, MIDDLE, function_names[MIDDLE]);
    frames_code_table_retire(running->context.codes, frames_code_table_get(running->context.codes, running->code[MIDDLE]));
    assert_whole(running);
    for (size_t i = 0; i < sample_capture_depth(&running->capture); i++)
        assert_false(sample_capture_frame(&running->capture, i)->code->retired);
}

/* A reading that was kept, and what was known then. */
struct kept {
    struct reading reading;
    uint8_t *bytes;
    struct raw_frame *frames;
};

static void keep_reading(struct running *running, struct kept *kept)
{
    const struct reading *reading = &running->capture.reader.reading;
    *kept = (struct kept){*reading, calloc(1, reading->bytes.size + 1), calloc(reading->frame_count + 1, sizeof *kept->frames)};
    assert_non_null(kept->bytes);
    assert_non_null(kept->frames);
    for (size_t i = 0; i < reading->bytes.size; i++)
        kept->bytes[i] = reading->bytes.at[i];
    for (size_t i = 0; i < reading->frame_count; i++)
        kept->frames[i] = reading->frames[i];
    kept->reading.bytes.at = kept->bytes;
    kept->reading.frames = kept->frames;
    kept->reading.pieces = NULL;
}

/* What is made of a kept reading depends on nothing but that and what is known: the program has long gone on, and nobody asks it. */
static void test_reading_that_was_kept(void **state)
{
    struct running *running = *state;
    struct capture_context *context = &running->context;
    struct sampled_frames frames[2] = {{.count = 0}, {.count = 0}};
    struct kept kept;
    stand_in_leaf(running);
    sample_stack_reader_begin(&running->capture.reader, false);
    sample_stack_reader_follow(&running->capture.reader, context->codes);
    keep_reading(running, &kept);
    return_to_caller(running);
    call(running, MENTIONS_B, OTHER);
    set_play(running, NULL, 0);
    for (int again = 0; again < 2; again++) {
        struct inquiry inquiry = {&kept.reading, context->codes, context->sites, context->contexts, context->layout, .denied_count = DENIED_MAX};
        struct reconstruction made = {.by = BY_CHAIN};
        sample_reconstruct(&made, &inquiry, &frames[again]);
        assert_int_equal(made.end, STACK_WHOLE);
        assert_int_equal(frames[again].count, 3);
        assert_true(is_frame_of(running, &frames[again].items[2], &(struct call){LEAF, FIRST_LINE}));
    }
    assert_int_equal(running->batches, 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(frames[0].items[i].path, frames[1].items[i].path);
    free(frames[0].items);
    free(frames[1].items);
    free(kept.bytes);
    free(kept.frames);
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

static void tell_history(const struct running *running)
{
    for (size_t i = 0; i < running->history_count; i++) {
        print_error("stood:");
        for (size_t depth = 0; depth < running->history[i].depth; depth++)
            print_error(" %s:%d", function_names[running->history[i].items[depth].function], running->history[i].items[depth].line);
        print_error("\n");
    }
    print_error("captured:");
    for (size_t i = 0; i < sample_capture_depth(&running->capture); i++)
        print_error(" %s+%d", name_of(sample_capture_frame(&running->capture, i)), (int)sample_capture_frame(&running->capture, i)->offset);
    print_error("\n");
}

/* Whatever the program does while it is read: what is accepted has stood while it was read. */
static void test_program_that_runs(void **state)
{
    struct running *running = *state;
    size_t samples = frames_are_objects(&running->program) ? 600 : 10000;
    static const size_t speeds[] = {1, 2, 3, 7, 20, 60, 200};
    for (size_t speed = 0; speed < sizeof speeds / sizeof *speeds; speed++) {
        size_t accepted = 0;
        for (size_t i = 0; i < samples; i++) {
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
        assert_true(accepted > samples * 9 / 10);
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
        SINCE_3_11(test_pair_that_is_seen_often),
        EACH(test_broken_proof),
        OBJECTS(test_root_that_never_stands),
        EACH(test_root_that_has_changed),
        SINCE_3_11(test_heads_without_a_caller),
        SINCE_3_11(test_older_chunk_without_a_chain),
        EACH(test_dropped_for_bad_pointer),
        EACH(test_dropped_for_no_code),
        EACH(test_dropped_for_bad_instruction),
        EACH(test_dropped_for_cycle),
        EACH(test_dropped_for_unreadable),
        SINCE_3_11(test_callee_of_c_in_between),
        RUNNING_TEST(test_c_frame_before_that_is_none, 2, "3.11"),
        RUNNING_TEST(test_c_frame_before_that_is_none, 3, "3.12"),
        SINCE_3_13(test_trampoline),
        EACH(test_unknown_pair_is_not_evaded),
        SINCE_3_12(test_frame_that_lies_elsewhere),
        EACH(test_code_that_dies_while_it_is_read),
        EACH(test_code_that_has_died),
        EACH(test_reading_that_was_kept),
        EACH(test_program_that_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
