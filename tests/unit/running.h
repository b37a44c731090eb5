/*
 * A made-up program that runs while it is read: its every step may fall between any two of the reader's ranges. Where it stands, and has
 * stood, is known.
 */
#ifndef TESTS_UNIT_RUNNING_H
#define TESTS_UNIT_RUNNING_H

#include "frames.h"
#include "functions.h"
#include "sample/stack/capture.h"
#include "target/target.h"

/*
 * main, middle, other, leaf, hidden. In its first line a function calls nobody; in MENTIONS_* it calls the one that the line names, in
 * SILENT C code, which calls one that no line names (a callback); in LOOPS it goes through the generator that the line names. Frames keep
 * the line of their last call.
 */
enum function { MAIN, MIDDLE, OTHER, LEAF, HIDDEN, FUNCTIONS };
enum { FIRST_LINE = 1, MENTIONS_A = 10, MENTIONS_B = 11, SILENT = 12, LOOPS = 13, RETURNS = 14 };

static const char *const function_names[FUNCTIONS] = {"main", "middle", "other", "leaf", "hidden"};
static const enum function callees[FUNCTIONS][2] = {
    [MAIN] = {MIDDLE, OTHER}, [MIDDLE] = {LEAF, OTHER}, [OTHER] = {LEAF, MIDDLE}, [LEAF] = {OTHER, MIDDLE}, [HIDDEN] = {LEAF, OTHER},
};

enum { DEPTH_MAX = 12, HISTORY_MAX = 1 << 14, EVER_MAX = 1 << 16 };
enum { C_STACK_ROOM = 1 << 17 }; /* what lies on the C stack lies far from all else */

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
    int64_t unit_of_line[RETURNS + 1]; /* where a frame stands that calls in a line */
    uint64_t chunk, head_address;
    uint64_t c_frames[DEPTH_MAX];           /* 3.11 and 3.12; who is called from C has one of its own */
    size_t c_levels[DEPTH_MAX];             /* which of them runs the function of this depth */
    uint64_t shims[DEPTH_MAX];              /* 3.12 and later; between who is called from C and the caller */
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
    struct calls history[HISTORY_MAX]; /* since the sample began */
    size_t history_count;
    uint64_t ever[EVER_MAX]; /* all stacks since the program began, by their sums */
    size_t ever_count;
};

static struct running *current; /* whose memory is read */

static inline void read_one_by_one(struct spprof_target *target, struct spprof_range *ranges, size_t count)
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

static inline void set_play(struct running *running, void (*play)(struct running *running, const struct spprof_range *range), size_t moment)
{
    running->play = play;
    running->moment = moment;
    running->ranges = running->batches = 0;
}

/* Bytecode of a function: in each of its lines one unit that runs when it calls. */
static inline uint64_t make_caller(struct running *running, enum function function)
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
        emit(memory, &body, CALL, 0, line);
        if (memory->layout.rules->position == POSITION_PREV_INSTR) /* which names the last unit of the cache, then */
            running->unit_of_line[line] = (int64_t)body.units - 1;
    }
    emit_load(memory, &body, LOAD_GLOBAL, 0, LOOPS);
    running->unit_of_line[LOOPS] = (int64_t)body.units;
    emit(memory, &body, FOR_ITER, 0, LOOPS);
    if (memory->layout.rules->position == POSITION_PREV_INSTR)
        running->unit_of_line[LOOPS] = (int64_t)body.units - 1;
    running->unit_of_line[RETURNS] = (int64_t)body.units;
    emit(memory, &body, RETURN, 0, RETURNS);
    running->unit_of_line[FIRST_LINE] = 1;
    uint64_t code = make_function(memory, function_names[function], FIRST_LINE, &body, names, 2);
    if (LAYOUT(&memory->layout, code, framesize) != LAYOUT_ABSENT)
        put_u32(memory, FIELD_AT(memory, code, code, framesize), FRAME_ROOM / 8);
    else if (LAYOUT(&memory->layout, code, stacksize) != LAYOUT_ABSENT && LAYOUT(&memory->layout, frame, localsplus) != LAYOUT_ABSENT)
        put_u32(memory, FIELD_AT(memory, code, code, stacksize), (uint32_t)(FRAME_ROOM - LAYOUT(&memory->layout, frame, localsplus)) / 8);
    return code;
}

static inline void set_up_capture(struct running *running)
{
    struct capture_context *context = &running->context;
    context->layout = context->reader.layout = context->mentions.layout = &running->memory->layout;
    assert_null(frames_code_table_new(&context->codes));
    frames_code_table_keep_ranges(context->codes);
    assert_null(sample_call_sites_new(&context->sites));
    assert_null(sample_contexts_new(&context->contexts));
    assert_null(target_read_cache_new(running->memory->target, &context->reader.cache));
    assert_null(target_read_cache_new(running->memory->target, &context->mentions.cache));
    assert_null(sample_capture_init(&running->capture, running->memory->target, context->layout, running->program.thread));
}

static inline void tear_down_capture(struct running *running)
{
    sample_capture_free(&running->capture);
    sample_call_sites_free(running->context.sites);
    sample_contexts_free(running->context.contexts);
    frames_code_table_free(running->context.codes);
    target_read_cache_free(running->context.reader.cache);
    target_read_cache_free(running->context.mentions.cache);
}

static inline uint64_t frame_at(const struct running *running, size_t depth)
{
    return frames_are_objects(&running->program) ? running->objects[depth][running->calls.items[depth].function]
                                                 : frame_in_chunk(running->chunk, depth);
}

static inline void set_head(struct running *running, uint64_t frame)
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

/* Whether the function of this depth was called by C code, which the one below has called; the oldest one is. */
static inline bool is_called_from_c(const struct running *running, size_t depth)
{
    return depth == 0 || running->calls.items[depth - 1].line == SILENT;
}

static inline uint64_t caller_of(struct running *running, size_t depth)
{
    struct memory *memory = running->memory;
    uint64_t caller = depth > 0 ? frame_at(running, depth - 1) : 0;
    if (!is_called_from_c(running, depth) || memory->layout.rules->entry != ENTRY_BY_SHIM)
        return caller;
    uint64_t shim = running->shims[depth];
    put_u64(memory, FIELD_AT(memory, shim, frame, previous), caller);
    put_u8(memory, FIELD_AT(memory, shim, frame, owner), OWNER_INTERPRETER);
    return shim;
}

/* What a frame says of itself beside its code: until 3.13 the height of its value stack where another one runs in its place. */
static inline void set_work(struct running *running, size_t depth, bool waits)
{
    struct memory *memory = running->memory;
    uint64_t frame = frame_at(running, depth);
    if (frames_are_objects(&running->program))
        return;
    if (LAYOUT(&memory->layout, frame, stacktop) != LAYOUT_ABSENT)
        put_u32(memory, FIELD_AT(memory, frame, frame, stacktop), waits ? 0 : UINT32_MAX);
    if (memory->layout.rules->entry == ENTRY_BY_CFRAME)
        put_u8(memory, FIELD_AT(memory, frame, frame, is_entry), is_called_from_c(running, depth));
}

static inline void write_frame(struct running *running, size_t depth)
{
    const struct call *call = &running->calls.items[depth];
    put_frame(&running->program, frame_at(running, depth),
              &(struct frame){caller_of(running, depth), running->code[call->function], running->unit_of_line[call->line], OWNER_THREAD});
    set_work(running, depth, depth + 1 < running->calls.depth && !is_called_from_c(running, depth + 1));
}

static inline uint64_t sum_of(const struct calls *calls)
{
    uint64_t sum = 1;
    for (size_t i = 0; i < calls->depth; i++)
        sum = (sum * 31 + calls->items[i].function) * 31 + (uint64_t)calls->items[i].line;
    return sum;
}

/* Where a stack that has stood is kept, or would be. */
static inline uint64_t *place_in_ever(struct running *running, uint64_t sum)
{
    size_t at = (size_t)(sum * UINT64_C(0x9e3779b97f4a7c15) >> 48);
    while (running->ever[at % EVER_MAX] != 0 && running->ever[at % EVER_MAX] != sum)
        at++;
    return &running->ever[at % EVER_MAX];
}

static inline void remember(struct running *running)
{
    uint64_t sum = sum_of(&running->calls), *place = place_in_ever(running, sum);
    running->ever_count += *place == 0;
    *place = sum;
    assert_true(running->ever_count < EVER_MAX / 2);
    assert_true(running->history_count < HISTORY_MAX);
    running->history[running->history_count++] = running->calls;
}

/* The newest function goes to a line, and calls another one there. */
static inline void call(struct running *running, int32_t line, enum function function)
{
    struct calls *calls = &running->calls;
    assert_true(calls->depth < DEPTH_MAX);
    if (calls->depth > 0) {
        running->c_levels[calls->depth] = running->c_levels[calls->depth - 1] + (line == SILENT);
        calls->items[calls->depth - 1].line = line;
    }
    calls->items[calls->depth++] = (struct call){function, FIRST_LINE};
    if (calls->depth > 1)
        write_frame(running, calls->depth - 2);
    write_frame(running, calls->depth - 1);
    set_head(running, frame_at(running, calls->depth - 1));
    remember(running);
}

/* 3.12: what the newest C frame names when its last frame has returned. */
static inline void name_shim(struct running *running)
{
    struct memory *memory = running->memory;
    size_t newest = running->calls.depth - 1;
    if (memory->layout.rules->has_cframe && memory->layout.rules->entry == ENTRY_BY_SHIM && is_called_from_c(running, newest))
        put_u64(memory, running->head_address, running->shims[newest]);
}

static inline void return_to_caller(struct running *running)
{
    struct memory *memory = running->memory;
    struct calls *calls = &running->calls;
    uint64_t left = frame_at(running, calls->depth - 1);
    name_shim(running);
    calls->items[calls->depth - 1].line = RETURNS;
    write_frame(running, calls->depth - 1);
    remember(running);
    set_work(running, calls->depth - 1, true);
    calls->depth--;
    write_frame(running, calls->depth - 1);
    set_head(running, frame_at(running, calls->depth - 1));
    if (frames_are_objects(&running->program))
        put_u64(memory, FIELD_AT(memory, left, frame_object, back), 0);
    else if (memory->layout.rules->minor >= 0x030e)
        put_u64(memory, FIELD_AT(memory, left, frame, executable), memory->layout.rules->reference_tag_mask & 1);
    remember(running);
}

/* The first one's previous is the root_cframe of the thread state. */
static inline void link_c_frames(struct running *running)
{
    struct memory *memory = running->memory;
    for (size_t level = 0; level < DEPTH_MAX && memory->layout.rules->has_cframe; level++)
        put_u64(memory, FIELD_AT(memory, running->c_frames[level], cframe, previous),
                level > 0 ? running->c_frames[level - 1] : running->program.thread + 512);
}

static inline int setup(void **state)
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
        put_u64(memory, FIELD_AT(memory, running->program.thread, thread_state, datastack_limit), frame_in_chunk(running->chunk, DEPTH_MAX + 1));
    running->head_address = FIELD_AT(memory, running->program.thread, thread_state, current_frame);
    place(memory, C_STACK_ROOM);
    for (size_t level = DEPTH_MAX; level-- > 0;) {          /* it grows downwards */
        running->c_frames[level] = place_apart(memory, 64); /* both are variables of one C function */
        running->shims[level] = place(memory, FRAME_ROOM);
    }
    link_c_frames(running);
    place(memory, C_STACK_ROOM);
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

static inline int teardown(void **state)
{
    struct running *running = *state;
    tear_down_capture(running);
    running->memory->target->ops = running->image_ops;
    *state = running->memory;
    free(running);
    return memory_teardown(state);
}

/* clang-format off */
#define RUNNING_TEST(test, index, label) {#test " " label, test, setup, teardown, (void *)(uintptr_t)&versions[index]}
/* clang-format on */
#define OBJECTS(test) VERSIONS_BEFORE_3_11(RUNNING_TEST, test)
#define SINCE_3_14(test) VERSIONS_SINCE_3_14(RUNNING_TEST, test)
#define SINCE_3_13(test) VERSIONS_SINCE_3_13(RUNNING_TEST, test)
#define SINCE_3_12(test) VERSIONS_SINCE_3_12(RUNNING_TEST, test)
#define SINCE_3_11(test) VERSIONS_SINCE_3_11(RUNNING_TEST, test)
#define EACH(test) VERSIONS_EACH(RUNNING_TEST, test)

static inline struct capture_outcome take(struct running *running)
{
    running->history_count = 0;
    remember(running);
    return sample_capture_take(&running->capture, &running->context, false);
}

static inline struct capture_outcome take_at_rest(struct running *running)
{
    set_play(running, NULL, 0);
    return take(running);
}

static inline const char *name_of(const struct sampled_frame *frame)
{
    return frame->code->code->name.bytes;
}

static inline bool is_frame_of(const struct running *running, const struct sampled_frame *frame, const struct call *call)
{
    return strcmp(name_of(frame), function_names[call->function]) == 0 && frame->offset == running->unit_of_line[call->line] * 2;
}

/* Whether the captured frames are the oldest ones of a stack that stood. */
static inline bool is_part(const struct running *running, const struct calls *calls)
{
    for (size_t i = 0; i < sample_capture_depth(&running->capture); i++)
        if (i == calls->depth || !is_frame_of(running, sample_capture_frame(&running->capture, i), &calls->items[i]))
            return false;
    return true;
}

static inline bool is_stack(const struct running *running, const struct calls *calls)
{
    return sample_capture_depth(&running->capture) == calls->depth && is_part(running, calls);
}

static inline void assert_stack(const struct running *running, const struct calls *calls)
{
    if (is_stack(running, calls))
        return;
    for (size_t i = sample_capture_depth(&running->capture); i-- > 0;)
        print_error("captured: %s at %d\n", name_of(sample_capture_frame(&running->capture, i)),
                    (int)sample_capture_frame(&running->capture, i)->offset);
    for (size_t i = calls->depth; i-- > 0;)
        print_error("stood: %s in line %d\n", function_names[calls->items[i].function], calls->items[i].line);
    fail();
}

static inline void set_previous(struct running *running, uint64_t frame, uint64_t previous)
{
    put_u64(running->memory,
            frames_are_objects(&running->program) ? FIELD_AT(running->memory, frame, frame_object, back)
                                                  : FIELD_AT(running->memory, frame, frame, previous),
            previous);
}

/* From here on the sample is what was climbed, whatever the thread state had named. */
static inline void show_climbed(struct running *running)
{
    running->capture.standing = running->capture.frames.count;
    running->capture.newest.count = 0;
}

static inline void assert_whole(struct running *running)
{
    struct capture_outcome outcome = take(running);
    assert_int_equal(outcome.result, CAPTURE_WHOLE);
    assert_stack(running, &running->calls);
}

/* main > middle > leaf, everything known of it. */
static inline void stand_in_leaf(struct running *running)
{
    call(running, MENTIONS_A, MIDDLE);
    call(running, MENTIONS_A, LEAF);
    assert_whole(running);
    set_play(running, NULL, 0);
}

/* The code object of a function dies, and another one is made at its address. */
static inline void replace_code(struct running *running, enum function function, const char *name)
{
    struct memory *memory = running->memory;
    put_u64(memory, FIELD_AT(memory, running->code[function], code, name), make_ascii(memory, name));
    put_u64(memory, FIELD_AT(memory, running->code[function], code, filename), make_ascii(memory, "/app/impostor.py"));
    if (memory->layout.rules->has_qualified_names)
        put_u64(memory, FIELD_AT(memory, running->code[function], code, qualname), make_ascii(memory, name));
}

#endif
