#include "sample/tally.h"

#include <stdlib.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "sample/rules.h"
#include "target/target.h"
#include "frames/position.h"

enum { SAMPLES_MAX = 2048, FRAMES_MAX = 1 << 20, PLACES = 1 << 14, THREADS_MAX = 1 << 16, MENTIONS_MAX = 1 << 25 /* bytes */ };

struct spprof_error *tally_init(struct tally *tally, struct spprof_profile *profile, struct capture_context *context)
{
    *tally = (struct tally){.profile = profile, .context = context, .round = 1, .root = SPPROF_NONE, .places = calloc(PLACES, sizeof *tally->places)};
    return tally->places == NULL ? spprof_error_no_memory() : NULL;
}

void tally_free(struct tally *tally)
{
    free(tally->samples);
    free(tally->frames);
    free(tally->places);
}

/* So many of the oldest frames of a stack wait already, on one another. */
static size_t waiting(const struct tally *tally, const struct capture *capture)
{
    size_t count = capture_depth(capture);
    while (count > 0 && capture_frame(capture, count - 1)->pending.round != tally->round)
        count--;
    return count;
}

bool tally_add(struct tally *tally, struct sampled_thread *thread, const struct capture_outcome *outcome)
{
    const struct capture *capture = &thread->capture;
    size_t depth = capture_depth(capture), known = waiting(tally, capture);
    if (!ARRAY_RESERVE(tally->samples, tally->sample_capacity, tally->sample_count + 1) ||
        !ARRAY_RESERVE(tally->frames, tally->frame_capacity, tally->frame_count + depth - known))
        return false;
    size_t top = known > 0 ? capture_frame(capture, known - 1)->pending.at : TALLY_NONE;
    for (size_t i = known; i < depth; i++) {
        struct sampled_frame *frame = capture_frame(capture, i);
        tally->frames[tally->frame_count] =
            (struct tally_frame){.thread = thread, .caller = top, .code = frame->code, .offset = frame->offset, .incomplete = frame->incomplete};
        top = tally->frame_count++;
        frame->pending.round = tally->round;
        frame->pending.at = top;
    }
    tally->samples[tally->sample_count++] = (struct tally_sample){thread, top, outcome->result, outcome->retried};
    return true;
}

bool tally_is_full(const struct tally *tally)
{
    return tally->sample_count >= SAMPLES_MAX || tally->frame_count >= FRAMES_MAX;
}

/* Every code object on a sample that waits, each once. */
static size_t gather_codes(struct tally *tally, struct code_entry **codes)
{
    size_t count = 0;
    for (size_t i = 0; i < tally->frame_count; i++) {
        struct code_entry *code = tally->frames[i].code;
        if (!code->waits)
            codes[count++] = code;
        code->waits = true;
    }
    for (size_t i = 0; i < count; i++)
        codes[i]->waits = false;
    return count;
}

/* Retires the code objects whose addresses hold something else by now. False: there is no memory to tell. */
static bool check_codes(struct tally *tally)
{
    const struct layout *layout = tally->context->layout;
    size_t size = code_header_size(layout);
    CLEANUP_FREE struct code_entry **codes = calloc(tally->frame_count + 1, sizeof *codes);
    size_t count = codes == NULL ? 0 : gather_codes(tally, codes);
    CLEANUP_FREE struct spprof_range *ranges = calloc(count + 1, sizeof *ranges);
    CLEANUP_FREE uint8_t *headers = calloc(count + 1, size);
    if (codes == NULL || ranges == NULL || headers == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        ranges[i] = (struct spprof_range){.address = codes[i]->code->address, .size = size, .buffer = headers + i * size};
    target_read_many(copy_target(tally->context->reader.copy), ranges, count);
    bool retired = false;
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].status == SPPROF_READ_OK && code_entry_matches(codes[i], layout, (struct bytes){headers + i * size, size}))
            continue;
        code_table_retire(tally->context->codes, codes[i]);
        retired = true;
    }
    if (retired || copy_bytes(tally->context->mentions.copy) > MENTIONS_MAX)
        copy_clear(tally->context->mentions.copy);
    return true;
}

static uint32_t place_of(struct tally *tally, const struct tally_frame *frame)
{
    size_t hash = (size_t)(((uint64_t)(uintptr_t)frame->code + (uint64_t)frame->offset * 8191) * UINT64_C(0x9e3779b97f4a7c15) >> 40);
    struct place_slot *slot = &tally->places[hash & (PLACES - 1)];
    if (slot->code == frame->code && slot->offset == frame->offset)
        return slot->place;
    const struct spprof_code *code = frame->code->code;
    struct position position = position_find(tally->context->layout->rules->line_table, code->line_table, code->line_table_size,
                                             code->first_line, frame->offset);
    struct spprof_place place = {
        .function = code->qualified_name.bytes != NULL ? code->qualified_name : code->name,
        .file = code->file,
        .first_line = code->first_line,
        .line = position.line,
    };
    *slot = (struct place_slot){frame->code, frame->offset, spprof_profile_place(tally->profile, &place)};
    return slot->place;
}

/* A program that makes threads without end is told apart by its first ones; all others share one tree, so that memory has a bound. */
static uint32_t profile_thread_of(struct tally *tally, struct sampled_thread *thread)
{
    static char others[] = "(other threads)";
    const struct spprof_text name = {others, sizeof others - 1};
    if (thread->profile_thread != SPPROF_NONE || tally->profile->thread_count < THREADS_MAX)
        return spprof_profile_thread(tally->profile, thread->tid, &thread->name, thread->os_name, thread->main);
    tally->profile->threads_are_cut = true;
    return spprof_profile_thread(tally->profile, 0, &name, "", false);
}

/* A thread whose name has become known may be one that the profile knows already, or keeps its place there. */
static void find_thread(struct tally *tally, struct sampled_thread *thread)
{
    uint32_t before = thread->profile_thread;
    if (before == SPPROF_NONE || (thread->name.bytes != NULL && tally->profile->threads[before].name.bytes == NULL))
        thread->profile_thread = profile_thread_of(tally, thread);
}

static bool is_dead(const struct tally *tally, const struct tally_sample *sample)
{
    return sample->top != TALLY_NONE && tally->frames[sample->top].dead;
}

/* Tells which frames, each with all its callers, are of samples that can be counted. */
static void judge(struct tally *tally)
{
    for (size_t i = 0; i < tally->frame_count; i++) {
        struct tally_frame *frame = &tally->frames[i];
        frame->dead = frame->code->retired || (frame->caller != TALLY_NONE && tally->frames[frame->caller].dead);
        frame->node = SPPROF_NONE;
    }
    for (size_t i = 0; i < tally->sample_count; i++)
        if (tally->samples[i].top != TALLY_NONE && !is_dead(tally, &tally->samples[i]))
            tally->frames[tally->samples[i].top].wanted = true;
    for (size_t i = tally->frame_count; i-- > 0;)
        if (tally->frames[i].wanted && tally->frames[i].caller != TALLY_NONE)
            tally->frames[tally->frames[i].caller].wanted = true;
}

/* The node that a thread's stacks begin on. */
static uint32_t root_of(const struct tally *tally, const struct sampled_thread *thread)
{
    if (thread->profile_thread == SPPROF_NONE)
        return SPPROF_NONE;
    uint32_t root = tally->profile->threads[thread->profile_thread].root;
    return tally->root == SPPROF_NONE ? root : spprof_profile_child(tally->profile, root, tally->root);
}

static uint32_t node_of(struct tally *tally, const struct tally_frame *frame)
{
    uint32_t caller = frame->caller == TALLY_NONE ? root_of(tally, frame->thread) : tally->frames[frame->caller].node;
    if (frame->incomplete || caller == SPPROF_NONE)
        return caller;
    uint32_t place = place_of(tally, frame);
    return place == SPPROF_NONE ? SPPROF_NONE : spprof_profile_child(tally->profile, caller, place);
}

/* Puts threads and frames into the profile, each once. */
static void add_to_profile(struct tally *tally)
{
    for (size_t i = 0; i < tally->sample_count; i++)
        if (!is_dead(tally, &tally->samples[i]))
            find_thread(tally, tally->samples[i].thread);
    for (size_t i = 0; i < tally->frame_count; i++)
        if (tally->frames[i].wanted)
            tally->frames[i].node = node_of(tally, &tally->frames[i]);
}

static void count_sample(struct tally *tally, const struct tally_sample *sample)
{
    struct spprof_profile *profile = tally->profile;
    struct spprof_sample_counts *counts = &profile->counts;
    if (is_dead(tally, sample)) {
        counts->dropped[SPPROF_DROP_CHANGED]++;
        return;
    }
    uint32_t node = sample->top == TALLY_NONE ? root_of(tally, sample->thread) : tally->frames[sample->top].node;
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

void tally_commit(struct tally *tally, bool still)
{
    bool checked = still || tally->frame_count == 0 || !RULE(CHECKS_CODES) || check_codes(tally);
    if (checked) {
        judge(tally);
        add_to_profile(tally);
    } else {
        tally->profile->counts.dropped[SPPROF_DROP_UNREADABLE] += tally->sample_count;
    }
    for (size_t i = 0; i < tally->sample_count && checked; i++)
        count_sample(tally, &tally->samples[i]);
    tally->sample_count = tally->frame_count = 0;
    tally->round++;
}

void tally_forget(struct tally *tally)
{
    memset(tally->places, 0, PLACES * sizeof *tally->places);
}
