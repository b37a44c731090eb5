#include "sample/capture.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "sample/climb.h"
#include "sample/instance.h"
#include "sample/newest.h"
#include "sample/standing.h"
#include "target/target.h"

enum {
    TRIES = 4,
    TRIES_APART = 12, /* where frames lie apart, reading them takes longer, and fails more often (3.9, 3.10) */
    FIRST_TRIES = 100, /* for the first sample of a thread, on which the next ones build */
    ROOT_READINGS = 10,
    ROOT_TRIES = 300,
    ROOT_DOUBTS = 3,
    PLANNING_ROUNDS = 4, /* readings that find out where the pieces lie */
    /* Torn pairs are seen in less than a third of the readings at worst, so that one in four billion passes for one that stood. */
    PROOF_READINGS = 20,
    PROOF_TRIES = 80,
    MEETING_TRIES = 8,      /* readings until what was missed is the newest again */
    MEETING_TRIES_MAX = 16, /* while there is nothing at all to show, where there was before */
    MEETINGS_MAX = 64,      /* of so many, how often that came of late, roughly: */
    MEETINGS_MIN = 16,      /* where it is less it is tried now and then only */
    PROOFS = 16, /* pairs that are proven for one sample */
};

struct spprof_error *capture_init(struct capture *capture, struct spprof_target *target, const struct layout *layout, uint64_t thread_state)
{
    *capture = (struct capture){.reader = {.layout = layout}};
    capture->meetings = MEETINGS_MAX;
    stack_init(&capture->stack, thread_state);
    capture->stack.reads_ahead = true;
    capture->stack.memory = &capture->memory;
    return copy_new(target, &capture->reader.copy);
}

void capture_free(struct capture *capture)
{
    if (capture->reader.copy != NULL)
        reader_give_back(&capture->reader, 0);
    copy_free(capture->reader.copy);
    stack_free(&capture->stack);
    stack_memory_free(&capture->memory);
    free(capture->links);
    places_free(capture->places);
    free(capture->frames.items);
    free(capture->newest.items);
}

void capture_forget(struct capture *capture)
{
    capture->frames.count = capture->standing = capture->newest.count = 0;
    capture->stack.frame_count = 0;
    capture->memory.count = capture->memory.next = 0;
    places_clear(capture->places);
}

/* New code objects are read, and what proves to be none is forgotten at once: a real one may stand there a moment later. */
static void load_codes(struct capture_context *context, size_t first)
{
    struct code_table *codes = context->codes;
    if (code_table_count(codes) == first)
        return;
    do {
        code_table_step(codes, &context->reader);
    } while (copy_fetch(context->reader.copy));
    code_table_decode(codes, &context->reader);
    copy_clear(context->reader.copy);
    for (size_t i = first; i < code_table_count(codes); i++)
        if (code_table_at(codes, i)->status != COPY_READY)
            code_table_retire(codes, code_table_at(codes, i));
}

struct code_entry *capture_code(struct capture_context *context, uint64_t address)
{
    size_t known = code_table_count(context->codes);
    struct code_entry *code = code_table_get(context->codes, address);
    load_codes(context, known);
    return code != NULL && code->status == COPY_READY && !code->retired ? code : NULL;
}

/* One reading, of the newest piece of the data stack at first. False: it took several calls. */
static bool read_top(struct capture *capture, struct capture_context *context)
{
    struct stack *stack = &capture->stack;
    bool at_once = true;
    copy_reread(capture->reader.copy, context->layout->rules->frames == FRAME_OBJECTS);
    stack_restart(stack);
    while (!stack_enter(stack, &capture->reader) && copy_fetch(capture->reader.copy))
        at_once = false;
    uint64_t same = capture->memory.fresh ? capture->memory.same : 0;
    capture->steady = same < capture->steady ? same : capture->steady;
    return at_once;
}

/* The chain of frames from the newest on. False: it took calls of its own. */
static bool read_chain(struct capture *capture, struct capture_context *context)
{
    struct stack *stack = &capture->stack;
    size_t known = code_table_count(context->codes);
    stack_step(stack, &capture->reader, context->codes);
    bool at_once = stack->progress == STACK_DONE;
    while (copy_fetch(capture->reader.copy))
        stack_step(stack, &capture->reader, context->codes);
    load_codes(context, known);
    return at_once;
}

static bool read_all(struct capture *capture, struct capture_context *context)
{
    bool at_once = read_top(capture, context);
    return read_chain(capture, context) && at_once;
}

static enum spprof_drop reason_of(const struct stack *stack)
{
    if (stack->truncated == NULL)
        return SPPROF_DROP_CHANGED;
    switch (stack->fault) {
    case STACK_NOT_CODE: return SPPROF_DROP_NOT_CODE;
    case STACK_CYCLE: return SPPROF_DROP_CYCLE;
    case STACK_UNREADABLE: return SPPROF_DROP_UNREADABLE;
    default: return SPPROF_DROP_BAD_POINTER;
    }
}

/* Whether all frames that were climbed are seen again and again. Readings that break off, as many do where frames lie apart, say nothing. */
static bool stand_long(struct capture *capture, struct capture_context *context)
{
    int seen = 0;
    for (int i = 0; i < PROOF_TRIES && seen < PROOF_READINGS; i++) {
        read_all(capture, context);
        if (standing_all(capture, context->layout))
            seen++;
        else if (capture->stack.truncated == NULL || context->layout->rules->frames == FRAME_INTERPRETER)
            return false;
    }
    return seen == PROOF_READINGS;
}

/* The frame that may come next, and the one whose line calls it: they are proven to be a pair where they stand. */
static bool prove(struct capture *capture, struct capture_context *context, const struct climb *climb)
{
    struct captured_frames *frames = &capture->frames;
    if (!captured_push(frames, &climb->doubt))
        return false;
    bool proven = stand_long(capture, context);
    frames->count--;
    if (proven)
        call_sites_prove(context->sites, climb->caller.code, climb->caller.offset, climb->doubt.code);
    return proven;
}

/* Readings that break off say nothing of the oldest frame. */
static bool root_stands(struct capture *capture, struct capture_context *context, const struct raw_frame *root)
{
    int agree = 0, disagree = 0;
    for (int i = 0; i < ROOT_TRIES && agree < ROOT_READINGS && disagree <= ROOT_DOUBTS + agree / 4; i++) {
        const struct stack *stack = &capture->stack;
        read_all(capture, context);
        if (stack->truncated != NULL || stack->frame_count == 0)
            continue;
        const struct raw_frame *oldest = &stack->frames[stack->frame_count - 1];
        if (oldest->address == root->address && oldest->code == root->code)
            agree++;
        else
            disagree++;
    }
    return agree >= ROOT_READINGS;
}

static void set_instant(struct capture *capture)
{
    capture->instant = capture->stack.head;
    capture->instant_caller = capture->stack.head_caller;
}

/*
 * The oldest frame is where the thread began. Another one, to which the chain comes again, is believed when it is seen again and again; what
 * is known of the stack stays until then.
 */
static void look_for_root(struct capture *capture, struct capture_context *context)
{
    struct raw_frame root;
    if (!standing_root_is_in_doubt(capture, &root))
        return;
    if (root_stands(capture, context, &root))
        capture->root = root.address;
    set_instant(capture);
}

/* Nothing is speculative of a target that stands still. */
static struct capture_outcome take_still(struct capture *capture, struct capture_context *context)
{
    struct captured_frames *frames = &capture->frames;
    const struct stack *stack = &capture->stack;
    capture->stack.speculative = false;
    capture->stack.links = NULL;
    read_all(capture, context);
    frames->count = 0;
    capture->steady = UINT64_MAX;
    if (stack->truncated != NULL)
        return (struct capture_outcome){.result = CAPTURE_DROPPED, .reason = reason_of(stack)};
    for (size_t i = stack->frame_count; i-- > 0;) {
        struct captured_frame frame;
        enum spprof_drop reason = captured_take(&stack->frames[i], context->layout->rules, &frame);
        if (reason != SPPROF_DROP_REASONS)
            return (struct capture_outcome){.result = CAPTURE_DROPPED, .reason = reason};
        if (!captured_push(frames, &frame))
            return (struct capture_outcome){.result = CAPTURE_DROPPED, .reason = SPPROF_DROP_UNREADABLE};
    }
    return (struct capture_outcome){.result = CAPTURE_WHOLE};
}

static bool is_unknown(enum climb_end end)
{
    return end == CLIMB_SILENT || end == CLIMB_DOUBT || end == CLIMB_ELSEWHERE;
}

/* Climbs what was read, and proves what is in doubt, as far as it stands. */
static struct climb climb_and_prove(struct capture *capture, struct capture_context *context)
{
    struct climb result = climb(capture, context);
    for (int proofs = 0; proofs < PROOFS && is_unknown(result.end); proofs++) {
        if (!instance_prove(context, &result.caller, &result.doubt) && !prove(capture, context, &result))
            break;
        result = climb(capture, context);
    }
    if (result.end == CLIMB_ELSEWHERE)
        result.end = CLIMB_WHOLE;
    return result;
}

static struct capture_outcome outcome_of(const struct capture *capture, uint64_t head, bool retried)
{
    const struct captured_frames *frames = &capture->frames;
    bool whole = frames->count == 0 || frames->items[frames->count - 1].address == head;
    return (struct capture_outcome){.result = whole ? CAPTURE_WHOLE : CAPTURE_RECOVERED, .retried = retried};
}

/* Of a target that runs, when all tries have failed: the callers that stand. */
static struct capture_outcome take_callers(struct capture *capture, const struct climb *climb)
{
    if (capture->frames.count == 0)
        return (struct capture_outcome){.result = CAPTURE_DROPPED, .reason = climb->reason, .retried = true};
    return (struct capture_outcome){.result = CAPTURE_CUT, .retried = true};
}

size_t capture_depth(const struct capture *capture)
{
    return capture->standing + capture->newest.count;
}

const struct captured_frame *capture_frame(const struct capture *capture, size_t index)
{
    return index < capture->standing ? &capture->frames.items[index] : &capture->newest.items[index - capture->standing];
}

/* Frames that seem to stand as they did may have been taken for others by their code objects, which had died. */
static void leave_dead(struct capture *capture, const struct code_table *codes)
{
    struct captured_frames *frames = &capture->frames;
    size_t alive = 0;
    if (capture->deaths == code_table_deaths(codes))
        return;
    capture->deaths = code_table_deaths(codes);
    while (alive < frames->count && !frames->items[alive].code->retired)
        alive++;
    frames->count = alive;
}

static struct capture_outcome take(struct capture *capture, struct capture_context *context, bool still)
{
    if (still)
        return take_still(capture, context);
    /* Threads that never run need none of these; without memory there are none. */
    if (capture->links == NULL)
        capture->links = calloc(FRAME_LINKS, sizeof *capture->links);
    bool apart = context->layout->rules->frames == FRAME_OBJECTS;
    if (capture->places == NULL && !apart) /* a frame object is what it is */
        capture->places = places_new();
    capture->stack.speculative = true;
    capture->stack.links = capture->links;
    int usual = apart ? TRIES_APART : TRIES;
    int tries = capture->frames.count > 0 ? usual : FIRST_TRIES;
    struct climb result = {.end = CLIMB_NOTHING};
    for (int try = 0, planning = 0; try < tries; try++) {
        bool at_once = read_top(capture, context);
        if (capture->instant == 0)
            set_instant(capture);
        if (at_once && climb_in_copy(capture, context))
            return outcome_of(capture, capture->stack.head, try > 0);
        at_once = read_chain(capture, context) && at_once;
        if (!at_once && planning++ < PLANNING_ROUNDS) {
            try--;
            continue;
        }
        look_for_root(capture, context);
        uint64_t head = capture->stack.head;
        result = climb_and_prove(capture, context);
        if (result.end == CLIMB_NOTHING)
            result.reason = reason_of(&capture->stack);
        if (result.end == CLIMB_WHOLE)
            return outcome_of(capture, head, try > 0);
        if (result.end == CLIMB_SILENT) /* to look again until somebody else is met would favour the others */
            break;
    }
    return take_callers(capture, &result);
}

/* *known: its newest frame is that which the thread state named, or nobody knows; else that is *missed. */
static struct capture_outcome take_once(struct capture *capture, struct capture_context *context, bool still, struct newest *missed,
                                        bool *known)
{
    capture->instant = 0;
    struct capture_outcome outcome = take(capture, context, still);
    bool whole = outcome.result == CAPTURE_WHOLE || outcome.result == CAPTURE_RECOVERED;
    capture->standing = capture->frames.count;
    capture->newest.count = 0;
    *known = !whole || still || newest_restore(capture, context, missed);
    if (capture->newest.count > 0)
        outcome.result = CAPTURE_RECOVERED;
    return outcome;
}

/* Whether what was missed is likely to be met again soon: it is in a loop or a recursion, but hardly in a program of many functions. */
static bool is_worth_meeting(struct capture *capture)
{
    return capture->meetings >= MEETINGS_MIN || ++capture->passes % MEETINGS_MIN == 0;
}

static void remember_meeting(struct capture *capture, bool met)
{
    capture->meetings += met ? (MEETINGS_MAX - capture->meetings) / 4 : -(capture->meetings / 4);
}

struct capture_outcome capture_take(struct capture *capture, struct capture_context *context, bool still)
{
    struct newest missed, later;
    bool known, met = false;
    leave_dead(capture, context->codes);
    struct capture_outcome outcome = take_once(capture, context, still, &missed, &known);
    if (known || newest_meet(capture, &missed) || !is_worth_meeting(capture))
        return outcome;
    /* Where its stack is not known, another one in which the same is the newest stands for it: to take any would favour the rest. */
    for (int try = 0; !met && (try < MEETING_TRIES || (outcome.result == CAPTURE_DROPPED && try < MEETING_TRIES_MAX)); try++) {
        outcome = take_once(capture, context, still, &later, &known);
        outcome.retried = true;
        met = newest_meet(capture, &missed);
    }
    remember_meeting(capture, met);
    return outcome;
}
