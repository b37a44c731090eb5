#include "sample/pending.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "sample/rules.h"
#include "target/target.h"
#include "frames/position.h"

enum { SAMPLES_MAX = 2048, FRAMES_MAX = 1 << 20, PLACES = 1 << 14, THREADS_MAX = 1 << 16, MENTIONS_MAX = 1 << 25 /* bytes */ };

struct spprof_error *sample_pending_init(struct pending *pending, struct spprof_profile *profile, struct capture_context *context)
{
    *pending =
        (struct pending){.profile = profile, .context = context, .round = 1, .root = SPPROF_NONE, .places = calloc(PLACES, sizeof *pending->places)};
    return pending->places == NULL ? spprof_error_no_memory() : NULL;
}

void sample_pending_free(struct pending *pending)
{
    free(pending->samples);
    free(pending->frames);
    free(pending->places);
}

/* So many of the oldest frames of a stack wait already, on one another. */
static size_t waiting(const struct pending *pending, const struct capture *capture)
{
    size_t count = sample_capture_depth(capture);
    while (count > 0 && sample_capture_frame(capture, count - 1)->pending.round != pending->round)
        count--;
    return count;
}

bool sample_pending_add(struct pending *pending, struct sampled_thread *thread, const struct capture_outcome *outcome)
{
    const struct capture *capture = &thread->capture;
    size_t depth = sample_capture_depth(capture), known = waiting(pending, capture);
    if (!ARRAY_RESERVE(pending->samples, pending->sample_capacity, pending->sample_count + 1) ||
        !ARRAY_RESERVE(pending->frames, pending->frame_capacity, pending->frame_count + depth - known))
        return false;
    size_t top = known > 0 ? sample_capture_frame(capture, known - 1)->pending.at : PENDING_NONE;
    for (size_t i = known; i < depth; i++) {
        struct sampled_frame *frame = sample_capture_frame(capture, i);
        pending->frames[pending->frame_count] =
            (struct pending_frame){.thread = thread, .caller = top, .code = frame->code, .offset = frame->offset, .incomplete = frame->incomplete};
        top = pending->frame_count++;
        frame->pending.round = pending->round;
        frame->pending.at = top;
    }
    pending->samples[pending->sample_count++] = (struct pending_sample){thread, top, outcome->result, outcome->retried};
    return true;
}

bool sample_pending_is_full(const struct pending *pending)
{
    return pending->sample_count >= SAMPLES_MAX || pending->frame_count >= FRAMES_MAX;
}

/* Every code object on a sample that waits, each once. */
static size_t gather_codes(struct pending *pending, struct code_entry **codes)
{
    size_t count = 0;
    for (size_t i = 0; i < pending->frame_count; i++) {
        struct code_entry *code = pending->frames[i].code;
        if (!code->waits)
            codes[count++] = code;
        code->waits = true;
    }
    for (size_t i = 0; i < count; i++)
        codes[i]->waits = false;
    return count;
}

/* Retires the code objects whose addresses hold something else by now. False: there is no memory to tell. */
static bool check_codes(struct pending *pending)
{
    const struct layout *layout = pending->context->layout;
    size_t size = frames_code_header_size(layout);
    CLEANUP_FREE struct code_entry **codes = calloc(pending->frame_count + 1, sizeof *codes);
    size_t count = codes == NULL ? 0 : gather_codes(pending, codes);
    CLEANUP_FREE struct spprof_range *ranges = calloc(count + 1, sizeof *ranges);
    CLEANUP_FREE uint8_t *headers = calloc(count + 1, size);
    if (codes == NULL || ranges == NULL || headers == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        ranges[i] = (struct spprof_range){.address = codes[i]->code->address, .size = size, .buffer = headers + i * size};
    target_read_many(target_read_cache_target(pending->context->reader.cache), ranges, count);
    bool retired = false;
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].status == SPPROF_READ_OK && frames_code_entry_matches(codes[i], layout, (struct bytes){headers + i * size, size}))
            continue;
        frames_code_table_retire(pending->context->codes, codes[i]);
        retired = true;
    }
    if (retired || target_read_cache_bytes(pending->context->mentions.cache) > MENTIONS_MAX)
        target_read_cache_clear(pending->context->mentions.cache);
    return true;
}

static uint32_t place_of(struct pending *pending, const struct pending_frame *frame)
{
    size_t hash = (size_t)(((uint64_t)(uintptr_t)frame->code + (uint64_t)frame->offset * 8191) * UINT64_C(0x9e3779b97f4a7c15) >> 40);
    struct place_slot *slot = &pending->places[hash & (PLACES - 1)];
    if (slot->code == frame->code && slot->offset == frame->offset)
        return slot->place;
    const struct spprof_code *code = frame->code->code;
    struct position position =
        frames_position_find(pending->context->layout->rules->line_table, code->line_table, code->line_table_size, code->first_line, frame->offset);
    struct spprof_place place = {
        .function = code->qualified_name.bytes != NULL ? code->qualified_name : code->name,
        .file = code->file,
        .first_line = code->first_line,
        .line = position.line,
    };
    *slot = (struct place_slot){frame->code, frame->offset, spprof_profile_place(pending->profile, &place)};
    return slot->place;
}

/* A program that makes threads without end is told apart by its first ones; all others share one tree, so that memory has a bound. */
static uint32_t profile_thread_of(struct pending *pending, struct sampled_thread *thread)
{
    static char others[] = "(other threads)";
    const struct spprof_text name = {others, sizeof others - 1};
    if (thread->profile_thread != SPPROF_NONE || pending->profile->thread_count < THREADS_MAX)
        return spprof_profile_thread(pending->profile, thread->tid, &thread->name, thread->os_name, thread->main);
    pending->profile->threads_are_cut = true;
    return spprof_profile_thread(pending->profile, 0, &name, "", false);
}

/* A thread whose name has become known may be one that the profile knows already, or keeps its place there. */
static void find_thread(struct pending *pending, struct sampled_thread *thread)
{
    uint32_t before = thread->profile_thread;
    if (before == SPPROF_NONE || (thread->name.bytes != NULL && pending->profile->threads[before].name.bytes == NULL))
        thread->profile_thread = profile_thread_of(pending, thread);
}

static bool is_dead(const struct pending *pending, const struct pending_sample *sample)
{
    return sample->top != PENDING_NONE && pending->frames[sample->top].dead;
}

/* Tells which frames, each with all its callers, are of samples that can be counted. */
static void judge(struct pending *pending)
{
    for (size_t i = 0; i < pending->frame_count; i++) {
        struct pending_frame *frame = &pending->frames[i];
        frame->dead = frame->code->retired || (frame->caller != PENDING_NONE && pending->frames[frame->caller].dead);
        frame->node = SPPROF_NONE;
    }
    for (size_t i = 0; i < pending->sample_count; i++)
        if (pending->samples[i].top != PENDING_NONE && !is_dead(pending, &pending->samples[i]))
            pending->frames[pending->samples[i].top].wanted = true;
    for (size_t i = pending->frame_count; i-- > 0;)
        if (pending->frames[i].wanted && pending->frames[i].caller != PENDING_NONE)
            pending->frames[pending->frames[i].caller].wanted = true;
}

/* The node that a thread's stacks begin on. */
static uint32_t root_of(const struct pending *pending, const struct sampled_thread *thread)
{
    if (thread->profile_thread == SPPROF_NONE)
        return SPPROF_NONE;
    uint32_t root = pending->profile->threads[thread->profile_thread].root;
    return pending->root == SPPROF_NONE ? root : spprof_profile_child(pending->profile, root, pending->root);
}

static uint32_t node_of(struct pending *pending, const struct pending_frame *frame)
{
    uint32_t caller = frame->caller == PENDING_NONE ? root_of(pending, frame->thread) : pending->frames[frame->caller].node;
    if (frame->incomplete || caller == SPPROF_NONE)
        return caller;
    uint32_t place = place_of(pending, frame);
    return place == SPPROF_NONE ? SPPROF_NONE : spprof_profile_child(pending->profile, caller, place);
}

/* Puts threads and frames into the profile, each once. */
static void add_to_profile(struct pending *pending)
{
    for (size_t i = 0; i < pending->sample_count; i++)
        if (!is_dead(pending, &pending->samples[i]))
            find_thread(pending, pending->samples[i].thread);
    for (size_t i = 0; i < pending->frame_count; i++)
        if (pending->frames[i].wanted)
            pending->frames[i].node = node_of(pending, &pending->frames[i]);
}

static void count_sample(struct pending *pending, const struct pending_sample *sample)
{
    struct spprof_profile *profile = pending->profile;
    struct spprof_sample_counts *counts = &profile->counts;
    if (is_dead(pending, sample)) {
        counts->dropped[SPPROF_DROP_CHANGED]++;
        return;
    }
    uint32_t node = sample->top == PENDING_NONE ? root_of(pending, sample->thread) : pending->frames[sample->top].node;
    if (node == SPPROF_NONE) {
        counts->dropped[SPPROF_DROP_UNREADABLE]++;
        return;
    }
    spprof_profile_count(profile, sample->thread->profile_thread, node, 1);
    counts->captured++;
    counts->recovered += sample->result == CAPTURE_RECOVERED;
    counts->cut_to_caller += sample->result == CAPTURE_CUT;
    counts->retried += sample->retried;
}

void sample_pending_commit(struct pending *pending, bool still)
{
    bool checked = still || pending->frame_count == 0 || !RULE(CHECKS_CODES) || check_codes(pending);
    if (checked) {
        judge(pending);
        add_to_profile(pending);
    } else {
        pending->profile->counts.dropped[SPPROF_DROP_UNREADABLE] += pending->sample_count;
    }
    for (size_t i = 0; i < pending->sample_count && checked; i++)
        count_sample(pending, &pending->samples[i]);
    pending->sample_count = pending->frame_count = 0;
    pending->round++;
}

void sample_pending_forget(struct pending *pending)
{
    memset(pending->places, 0, PLACES * sizeof *pending->places);
}
