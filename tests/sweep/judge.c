#include "judge.h"

#include <stdlib.h>
#include <string.h>

const char *const change_names[CHANGE_COUNT] = {"none", "label", "position", "text", "newest lost", "oldest lost", "other frames", "missing"};

struct seen_frame {
    uint64_t function, place; /* hashes: of names and file; of these with lines and columns */
};

struct seen_thread {
    uint64_t address, label;
    struct seen_frame *frames;
    size_t frame_count;
};

struct witness {
    struct seen_thread *threads;
    size_t count, problems;
};

static uint64_t hash(uint64_t seed, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        seed = (seed ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    return seed;
}

static uint64_t hash_text(uint64_t seed, const struct spprof_text *text)
{
    seed = hash(seed, &text->size, sizeof text->size);
    return text->bytes == NULL ? seed : hash(seed, text->bytes, text->size);
}

static struct seen_frame see_frame(const struct spprof_frame *frame)
{
    const int32_t place[] = {frame->line, frame->end_line, frame->column, frame->end_column, (int32_t)frame->owner};
    uint64_t function = hash_text(hash_text(hash_text(1, &frame->code->name), &frame->code->qualified_name), &frame->code->file);
    return (struct seen_frame){function, hash(function, place, sizeof place)};
}

static struct seen_thread see_thread(const struct spprof_thread *thread)
{
    struct seen_thread seen = {.address = thread->address, .frame_count = thread->frame_count};
    seen.label = hash(hash(hash_text(2, &thread->name), &thread->tid, sizeof thread->tid), &thread->main, sizeof thread->main);
    seen.frames = calloc(thread->frame_count + 1, sizeof *seen.frames);
    if (seen.frames == NULL)
        abort();
    for (size_t i = 0; i < thread->frame_count; i++)
        seen.frames[i] = see_frame(&thread->frames[i]);
    return seen;
}

static size_t count_threads(const struct spprof_snapshot *snapshot)
{
    size_t count = snapshot->left_over_count;
    for (size_t i = 0; i < snapshot->interpreter_count; i++)
        count += snapshot->interpreters[i].thread_count;
    return count;
}

struct witness *witness_new(const struct spprof_snapshot *snapshot)
{
    struct witness *witness = calloc(1, sizeof *witness);
    if (witness == NULL)
        abort();
    witness->problems = snapshot->problems.count;
    witness->threads = calloc(count_threads(snapshot) + 1, sizeof *witness->threads);
    if (witness->threads == NULL)
        abort();
    for (size_t i = 0; i < snapshot->interpreter_count; i++)
        for (size_t j = 0; j < snapshot->interpreters[i].thread_count; j++)
            witness->threads[witness->count++] = see_thread(&snapshot->interpreters[i].threads[j]);
    for (size_t i = 0; i < snapshot->left_over_count; i++)
        witness->threads[witness->count++] = see_thread(&snapshot->left_over[i]);
    return witness;
}

void witness_free(struct witness *witness)
{
    for (size_t i = 0; i < witness->count; i++)
        free(witness->threads[i].frames);
    free(witness->threads);
    free(witness);
}

/* A thread state that is said to have no thread is told apart: that is a word about it. */
static bool is_left_over(const struct spprof_snapshot *snapshot, uint64_t address)
{
    for (size_t i = 0; snapshot != NULL && i < snapshot->left_over_count; i++)
        if (snapshot->left_over[i].address == address)
            return true;
    return false;
}

static const struct spprof_thread *find(const struct spprof_snapshot *snapshot, uint64_t address)
{
    for (size_t i = 0; snapshot != NULL && i < snapshot->interpreter_count; i++)
        for (size_t j = 0; j < snapshot->interpreters[i].thread_count; j++)
            if (snapshot->interpreters[i].threads[j].address == address)
                return &snapshot->interpreters[i].threads[j];
    for (size_t i = 0; snapshot != NULL && i < snapshot->left_over_count; i++)
        if (snapshot->left_over[i].address == address)
            return &snapshot->left_over[i];
    return NULL;
}

/* How many frames are the same, from the newest on, or from the oldest. */
static size_t common(const struct seen_thread *a, const struct seen_thread *b, bool from_oldest)
{
    size_t shorter = a->frame_count < b->frame_count ? a->frame_count : b->frame_count, same = 0;
    size_t skip_a = from_oldest ? a->frame_count - shorter : 0, skip_b = from_oldest ? b->frame_count - shorter : 0;
    for (size_t i = 0; i < shorter; i++)
        same += a->frames[skip_a + i].place == b->frames[skip_b + i].place;
    return same;
}

static enum change compare_frames(const struct seen_thread *was, const struct seen_thread *is)
{
    if (is->frame_count != was->frame_count) {
        bool shorter = is->frame_count < was->frame_count;
        if (shorter && common(was, is, true) == is->frame_count)
            return CHANGE_NEWEST;
        return shorter && common(was, is, false) == is->frame_count ? CHANGE_OLDEST : CHANGE_FRAMES;
    }
    enum change change = is->label != was->label ? CHANGE_LABEL : CHANGE_NONE;
    size_t other = 0;
    for (size_t i = 0; i < was->frame_count; i++) {
        if (is->frames[i].place != was->frames[i].place && change < CHANGE_POSITION)
            change = CHANGE_POSITION;
        if (is->frames[i].function != was->frames[i].function)
            change = ++other > 1 ? CHANGE_FRAMES : CHANGE_TEXT;
    }
    return change;
}

static enum change compare(const struct seen_thread *was, const struct spprof_thread *thread)
{
    if (thread == NULL)
        return CHANGE_MISSING;
    struct seen_thread is = see_thread(thread);
    enum change change = compare_frames(was, &is);
    free(is.frames);
    return change;
}

struct verdict witness_judge(const struct witness *witness, const struct spprof_snapshot *snapshot, size_t more_problems)
{
    struct verdict verdict = {.told = snapshot == NULL || snapshot->problems.count > witness->problems + more_problems};
    size_t kept = 0;
    for (size_t i = 0; i < witness->count; i++) {
        enum change change = compare(&witness->threads[i], find(snapshot, witness->threads[i].address));
        verdict.changed += change > CHANGE_LABEL;
        kept += change != CHANGE_MISSING;
        if (change > verdict.worst) {
            verdict.worst = change;
            verdict.thread = witness->threads[i].address;
        }
        verdict.told = verdict.told || (change != CHANGE_NONE && is_left_over(snapshot, witness->threads[i].address));
    }
    verdict.added = snapshot == NULL ? 0 : count_threads(snapshot) - kept;
    return verdict;
}
