#include "sample/stack/capture.h"

#include <stdlib.h>

#include "frames/frame_operations.h"
#include "sample/evidence/instance.h"
#include "sample/rules.h"
#include "sample/stack/reconstruct.h"
#include "sample/stack/standing.h"
#include "sample/stack/supply.h"
#include "frames/frame_check.h"

enum {
    TRIES = 4,
    TRIES_APART = 12,  /* where frames lie apart, reading them takes longer, and fails more often (3.9, 3.10) */
    FIRST_TRIES = 100, /* for the first sample of a thread, on which the next ones build */
    ROOT_READINGS = 10,
    ROOT_TRIES = 300,
    ROOT_DOUBTS = 3,
    EMPTY_READINGS = 12,
    PLANNING_ROUNDS = 4, /* readings that find out where the pieces lie */
    /* Torn pairs are seen in less than a third of the readings at worst, so that one in four billion passes for one that stood. */
    PROOF_READINGS = 20,
    PROOF_TRIES = 80,
    MEETING_TRIES = 8,      /* readings until what was missed is the newest again */
    MEETING_TRIES_MAX = 16, /* while there is nothing at all to show, where there was before */
    MEETINGS_MAX = 64,      /* of so many, how often that came of late, roughly: */
    MEETINGS_MIN = 16,      /* where it is less it is tried now and then only */
    PROOFS = 16,            /* pairs that are proven for one sample */
};

struct spprof_error *sample_capture_init(struct capture *capture, struct spprof_target *target, const struct layout *layout, uint64_t thread_state)
{
    *capture = (struct capture){.meetings = MEETINGS_MAX};
    return sample_stack_reader_init(&capture->reader, target, layout, thread_state);
}

void sample_capture_free(struct capture *capture)
{
    sample_stack_reader_free(&capture->reader);
    sample_leaf_slots_free(capture->leaf_slots);
    free(capture->frames.items);
    free(capture->newest.items);
}

void sample_capture_forget(struct capture *capture)
{
    capture->frames.count = capture->learnt = capture->standing = capture->newest.count = 0;
    sample_stack_reader_forget(&capture->reader);
    sample_leaf_slots_clear(capture->leaf_slots);
}

size_t sample_capture_depth(const struct capture *capture)
{
    return capture->standing + capture->newest.count;
}

struct sampled_frame *sample_capture_frame(const struct capture *capture, size_t index)
{
    return index < capture->standing ? &capture->frames.items[index] : &capture->newest.items[index - capture->standing];
}

static bool are_apart(const struct capture_context *context)
{
    return frames_of(context->layout->rules)->on_heap;
}

/* The chain of frames, and the code objects that they name. False: it took calls of its own. */
static bool follow(struct capture *capture, struct capture_context *context)
{
    size_t known = frames_code_table_count(context->codes);
    bool at_once = sample_stack_reader_follow(&capture->reader, context->codes);
    sample_context_load_codes(context, known);
    return at_once;
}

static void read_again(struct capture *capture, struct capture_context *context)
{
    sample_stack_reader_begin(&capture->reader, false);
    follow(capture, context);
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

/* Makes a stack of the newest reading, and reads what is missing for that. */
static struct reconstruction put_together(struct capture *capture, struct capture_context *context, enum reconstruct_by by)
{
    struct reconstruction made = {.by = by};
    struct inquiry inquiry = sample_inquire(&capture->reader, context);
    do {
        sample_supply(&inquiry, &capture->reader, context);
        sample_reconstruct(&made, &inquiry, &capture->frames);
    } while (made.end == STACK_LACKS);
    if (made.kept < capture->learnt)
        capture->learnt = made.kept;
    if (made.end != STACK_NOTHING || by != BY_CHUNK) /* else the frames are those that were known before */
        sample_stack_reader_settle(&capture->reader);
    return made;
}

static bool stand(struct capture *capture, struct capture_context *context)
{
    struct inquiry inquiry = sample_inquire(&capture->reader, context);
    bool all;
    do {
        sample_supply(&inquiry, &capture->reader, context);
        all = sample_standing_all(&inquiry, &capture->frames);
    } while (inquiry.lack.what != LACKS_NOTHING);
    return all;
}

/* Whether all frames that were found are seen again and again. Readings that break off, as many do where frames lie apart, say nothing. */
static bool stand_long(struct capture *capture, struct capture_context *context)
{
    int seen = 0;
    for (int i = 0; i < PROOF_TRIES && seen < PROOF_READINGS; i++) {
        read_again(capture, context);
        if (stand(capture, context))
            seen++;
        else if (capture->reader.reading.followed || !are_apart(context))
            return false;
    }
    return seen == PROOF_READINGS;
}

/* Proves that the frame that may come next, and the one whose line calls it, are a pair, where they stand. */
static bool prove_by_reading(struct capture *capture, struct capture_context *context, const struct reconstruction *made)
{
    struct sampled_frames *frames = &capture->frames;
    if (!sample_frames_push(frames, &made->doubt))
        return false;
    bool proven = stand_long(capture, context);
    frames->count--;
    if (proven)
        sample_call_sites_prove(context->sites, made->caller.code, made->caller.offset, made->doubt.code);
    return proven;
}

/* Gathers what is to be had for a pair that is in doubt. False: it stays so. */
static bool prove(struct capture *capture, struct capture_context *context, const struct reconstruction *made)
{
    const struct code_entry *caller = made->caller.code, *callee = made->doubt.code;
    int64_t offset = made->caller.offset;
    if (made->witness && RULE(WITNESS) && sample_call_sites_witness(context->sites, caller, offset, callee))
        return true;
    if (RULE(INSTANCE) && sample_instance_prove(context, caller, offset, callee, made->doubt.address))
        return true;
    return RULE(PROVES) && prove_by_reading(capture, context, made);
}

/* Counts the readings that lead to another root than that which is known. Gives the way in which the newest is to be used. */
static enum reconstruct_by weigh_chain(struct capture *capture)
{
    const struct reading *reading = &capture->reader.reading;
    if (!reading->followed)
        return BY_BYTES;
    if (reading->frame_count > 0)
        return reading->frames[reading->frame_count - 1].address == capture->root ? BY_CHAIN : BY_BYTES;
    bool ended = capture->frames.count == 0 || ++capture->strangers >= EMPTY_READINGS; /* a C frame that is being made names none yet */
    return ended ? BY_CHAIN : BY_BYTES;
}

static bool is_unknown(enum reconstructed end)
{
    return end == STACK_SILENT || end == STACK_DOUBT || end == STACK_ELSEWHERE;
}

/* Puts together what was read, and proves what is in doubt, as far as it stands. */
static struct reconstruction put_together_and_prove(struct capture *capture, struct capture_context *context)
{
    struct reconstruction made = put_together(capture, context, weigh_chain(capture));
    for (int proofs = 0; proofs < PROOFS && is_unknown(made.end) && prove(capture, context, &made); proofs++)
        made = put_together(capture, context, weigh_chain(capture));
    if (made.end == STACK_ELSEWHERE)
        made.end = STACK_WHOLE;
    return made;
}

/* Readings that break off say nothing of the oldest frame. */
static bool root_stands(struct capture *capture, struct capture_context *context, const struct raw_frame *root)
{
    int agree = 0, disagree = 0;
    const struct reading *reading = &capture->reader.reading;
    for (int i = 0; i < ROOT_TRIES && agree < ROOT_READINGS && disagree <= ROOT_DOUBTS + agree / 4; i++) {
        read_again(capture, context);
        if (!reading->followed || reading->frame_count == 0)
            continue;
        const struct raw_frame *oldest = &reading->frames[reading->frame_count - 1];
        if (oldest->address == root->address && oldest->code == root->code)
            agree++;
        else
            disagree++;
    }
    return agree >= ROOT_READINGS;
}

static void set_instant(struct capture *capture)
{
    capture->instant = (struct instant){capture->reader.reading.head, capture->reader.reading.head_caller};
}

/*
 * The oldest frame is where the thread began. Another one, to which the chain comes, has most likely gone astray; when it comes to one again
 * the thread may have begun with another frame, which has to prove itself now and then: it is believed when it is seen again and again. What
 * is known of the stack stays until then.
 */
static void look_for_root(struct capture *capture, struct capture_context *context)
{
    const struct reading *reading = &capture->reader.reading;
    if (!reading->followed || reading->frame_count == 0)
        return;
    const struct raw_frame root = reading->frames[reading->frame_count - 1];
    if (capture->root != 0)
        capture->strangers = root.address == capture->root ? 0 : capture->strangers + 1;
    bool again = capture->strangers > 1 && (capture->strangers & (capture->strangers - 1)) == 0;
    if (capture->root != 0 && !again)
        return;
    if (!RULE(ROOT) || root_stands(capture, context, &root))
        capture->root = root.address;
    set_instant(capture);
}

static struct capture_outcome drop(enum spprof_drop reason, bool retried)
{
    return (struct capture_outcome){.result = CAPTURE_DROPPED, .reason = reason, .retried = retried};
}

/* Nothing is speculative of a target that stands still. */
static struct capture_outcome take_still(struct capture *capture, struct capture_context *context)
{
    struct sampled_frames *frames = &capture->frames;
    const struct stack *stack = &capture->reader.stack;
    sample_stack_reader_begin(&capture->reader, true);
    follow(capture, context);
    sample_stack_reader_settle(&capture->reader);
    frames->count = 0;
    for (size_t i = stack->truncated == NULL ? stack->frame_count : 0; i-- > 0;) {
        struct sampled_frame frame;
        enum spprof_drop reason = sample_frame_take(&stack->frames[i], context->layout->rules, &frame);
        if (reason != SPPROF_DROP_REASONS)
            return drop(reason, false);
        if (!sample_frames_push(frames, &frame))
            return drop(SPPROF_DROP_UNREADABLE, false);
    }
    capture->learnt = frames->count; /* nobody has looked who called whom, and from where */
    return stack->truncated != NULL ? drop(reason_of(stack), false) : (struct capture_outcome){.result = CAPTURE_WHOLE};
}

static struct capture_outcome outcome_of(const struct capture *capture, uint64_t head, bool retried)
{
    const struct sampled_frames *frames = &capture->frames;
    bool whole = frames->count == 0 || frames->items[frames->count - 1].address == head;
    return (struct capture_outcome){.result = whole ? CAPTURE_WHOLE : CAPTURE_RECOVERED, .retried = retried};
}

/* Of a target that runs, when all tries have failed: the callers that stand. */
static struct capture_outcome take_callers(const struct capture *capture, enum spprof_drop reason)
{
    return capture->frames.count == 0 ? drop(reason, true) : (struct capture_outcome){.result = CAPTURE_CUT, .retried = true};
}

static int tries_for(const struct capture *capture, const struct capture_context *context)
{
    int usual = are_apart(context) ? TRIES_APART : TRIES;
    return capture->frames.count == 0 ? FIRST_TRIES : RULE(TRIES_AGAIN) ? usual : 1;
}

/* Takes readings until one can be put together. */
static struct capture_outcome take_running(struct capture *capture, struct capture_context *context)
{
    int tries = tries_for(capture, context);
    enum spprof_drop reason = SPPROF_DROP_CHANGED;
    for (int try = 0, planning = 0; try < tries; try++) {
        bool at_once = sample_stack_reader_begin(&capture->reader, false);
        if (capture->instant.head == 0)
            set_instant(capture);
        if (at_once && RULE(PLAIN) && put_together(capture, context, BY_CHUNK).end == STACK_WHOLE)
            return outcome_of(capture, capture->reader.reading.head, try > 0);
        at_once = follow(capture, context) && at_once;
        if (!at_once && planning++ < PLANNING_ROUNDS) {
            try--;
            continue;
        }
        look_for_root(capture, context);
        uint64_t head = capture->reader.reading.head;
        struct reconstruction made = put_together_and_prove(capture, context);
        if (made.end == STACK_WHOLE)
            return outcome_of(capture, head, try > 0);
        reason = made.end == STACK_NOTHING ? reason_of(&capture->reader.stack) : made.reason;
        if (made.end == STACK_SILENT && RULE(SILENT_ENDS)) /* to look again until somebody else is met would favour the others */
            break;
    }
    return take_callers(capture, reason);
}

/* Remembers who has called whom, and from where, in the frames that are new on a sample that was accepted. */
static void learn(struct capture *capture, struct capture_context *context)
{
    const struct sampled_frames *frames = &capture->frames;
    for (; capture->learnt < frames->count; capture->learnt++) {
        size_t height = capture->learnt;
        if (height == 0)
            continue;
        const struct sampled_frame *callee = &frames->items[height], *caller = callee - 1, *in_source = sample_frames_caller(frames, height);
        sample_contexts_remember(context->contexts, sample_frames_path(frames, height - 1), caller->code, callee->code, caller->offset);
        if (in_source != NULL && !frames_code_is_trampoline(callee->code))
            sample_call_sites_count(context->sites, in_source->code, in_source->offset, callee->code);
    }
}

/* The leaf of the sample, by what was reconstructed. */
static struct leaf find_leaf(struct capture *capture, struct capture_context *context)
{
    struct inquiry inquiry = sample_inquire(&capture->reader, context);
    struct leaf leaf;
    do {
        sample_supply(&inquiry, &capture->reader, context);
        leaf = sample_leaf_find(&inquiry, &capture->frames, &capture->instant, capture->leaf_slots, &capture->newest);
    } while (leaf.end == LEAF_LACKS);
    return leaf;
}

/* Who was the newest in which place is of use where frames lie on the data stack: a frame object is what it is. */
static void learn_leaf(struct capture *capture, const struct capture_context *context)
{
    if (capture->leaf_slots == NULL && !are_apart(context))
        capture->leaf_slots = sample_leaf_slots_new(); /* without memory there are none */
    sample_leaf_slots_remember(capture->leaf_slots, capture->instant.head_caller != STACK_UNTOLD, &capture->frames);
}

/* *missed: as sample_leaf_find has found it. */
static struct capture_outcome take_once(struct capture *capture, struct capture_context *context, bool still, struct leaf *leaf)
{
    capture->instant.head = 0;
    *leaf = (struct leaf){.end = LEAF_UNTOLD};
    struct capture_outcome outcome = still ? take_still(capture, context) : take_running(capture, context);
    capture->standing = capture->frames.count;
    capture->newest.count = 0;
    if (outcome.result != CAPTURE_DROPPED)
        learn(capture, context);
    if (still || outcome.result == CAPTURE_DROPPED || outcome.result == CAPTURE_CUT)
        return outcome;
    learn_leaf(capture, context);
    *leaf = find_leaf(capture, context);
    if (leaf->end == LEAF_FOUND)
        capture->standing = leaf->standing;
    if (capture->newest.count > 0)
        outcome.result = CAPTURE_RECOVERED;
    return outcome;
}

/*
 * Has a later sample in which the same is the newest stand for one that missed it; where that is a place it is shown as it was
 * reconstructed. False: it has another newest.
 */
static bool meet(struct capture *capture, const struct missed *missed)
{
    size_t depth = sample_capture_depth(capture);
    if (missed->place == 0)
        return depth > 0 && sample_capture_frame(capture, depth - 1)->code == missed->code;
    if (!sample_leaf_is(missed, &capture->frames))
        return false;
    capture->standing = capture->frames.count;
    capture->newest.count = 0;
    return true;
}

/*
 * Whether to look for what was missed: it is likely to be met again soon in a loop or a recursion, but hardly in a program of many functions,
 * where it is tried now and then.
 */
static bool begin_meeting(struct capture *capture)
{
    if (!RULE(MEETS))
        return false;
    capture->passes += capture->meetings < MEETINGS_MIN;
    return capture->meetings >= MEETINGS_MIN || capture->passes % MEETINGS_MIN == 0;
}

static void remember_meeting(struct capture *capture, bool met)
{
    capture->meetings += met ? (MEETINGS_MAX - capture->meetings) / 4 : -(capture->meetings / 4);
}

/* Frames that seem to stand as they did may have been taken for others by their code objects, which had died. */
static void leave_dead(struct capture *capture, const struct code_table *codes)
{
    struct sampled_frames *frames = &capture->frames;
    size_t alive = 0;
    if (capture->deaths == frames_code_table_deaths(codes) || !RULE(LEAVES_DEAD))
        return;
    capture->deaths = frames_code_table_deaths(codes);
    while (alive < frames->count && !frames->items[alive].code->retired)
        alive++;
    frames->count = alive;
    if (alive < capture->learnt)
        capture->learnt = alive;
}

struct capture_outcome sample_capture_take(struct capture *capture, struct capture_context *context, bool still)
{
    struct leaf leaf, later;
    bool met = false;
    leave_dead(capture, context->codes);
    struct capture_outcome outcome = take_once(capture, context, still, &leaf);
    if (leaf.end != LEAF_MISSED || meet(capture, &leaf.missed) || !begin_meeting(capture))
        return outcome;
    /* Where its stack is not known, another one in which the same is the newest stands for it: to take any would favour the rest. */
    for (int try = 0; !met && (try < MEETING_TRIES || (outcome.result == CAPTURE_DROPPED && try < MEETING_TRIES_MAX)); try++) {
        outcome = take_once(capture, context, still, &later);
        outcome.retried = true;
        met = meet(capture, &leaf.missed);
    }
    remember_meeting(capture, met);
    return outcome;
}
