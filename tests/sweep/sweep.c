/*
 * sweep [--every N] [--all] [-v] CORE...
 *
 * Each word of the frames and thread states of a core that is read (--all: each word that is read) is set to garbage, one at a time, of
 * several kinds; a stack that changes must say so, and no other one may change. --every: only each Nth of these changes. -v: each that
 * fails is shown.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "judge.h"
#include "layout/layout.h"
#include "overlay.h"
#include "spprof/session.h"
#include "snapshot/session.h"
#include "frames/stack.h"

enum { VALUES_MAX = 16 };

/* What lies at a word. */
enum kind { KIND_OTHER, KIND_THREAD_STATE, KIND_FRAME, KIND_ENTRY };

struct place {
    uint64_t address, size, thread;
    enum kind kind;
};

struct pending {
    uint64_t runs, same, told, positions, silent[CHANGE_COUNT], others, lost;
};

struct sweep {
    struct overlay overlay;
    struct spprof_session *session;
    struct read_ranges opening, taking; /* what is read to find Python, and for a snapshot */
    struct witness *witness;
    size_t open_problems; /* that finding Python tells */
    struct place *places; /* sorted by address */
    size_t place_count;
    uint64_t every, made;
    bool all, verbose;
    struct pending pending;
};

static void die(struct spprof_error *error)
{
    fprintf(stderr, "%s\n", error->message);
    exit(2);
}

static uint64_t mix(uint64_t value)
{
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

static struct spprof_snapshot *take(struct spprof_session *session)
{
    struct spprof_snapshot *snapshot = NULL;
    spprof_error_free(spprof_snapshot_take(session, &(struct spprof_snapshot_options){.entries = true}, &snapshot));
    return snapshot;
}

static bool is_in(const struct read_ranges *ranges, uint64_t address)
{
    size_t low = 0, high = ranges->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->items[middle].address + ranges->items[middle].size <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ranges->count && ranges->items[low].address <= address;
}

static int by_address(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    return (a->address > b->address) - (a->address < b->address);
}

static void add_place(struct sweep *sweep, uint64_t address, uint64_t size, uint64_t thread, enum kind kind)
{
    sweep->places = reallocarray(sweep->places, sweep->place_count + 1, sizeof *sweep->places);
    if (sweep->places == NULL)
        abort();
    sweep->places[sweep->place_count++] = (struct place){address, size, thread, kind};
}

static void find_places(struct sweep *sweep, const struct spprof_snapshot *snapshot)
{
    const struct layout *layout = &sweep->session->chosen.layout;
    for (size_t i = 0; i < snapshot->interpreter_count; i++) {
        for (size_t j = 0; j < snapshot->interpreters[i].thread_count; j++) {
            const struct spprof_thread *thread = &snapshot->interpreters[i].threads[j];
            add_place(sweep, thread->address, frames_stack_thread_state_size(layout), thread->address, KIND_THREAD_STATE);
            for (size_t k = 0; k < thread->frame_count; k++) {
                const struct spprof_frame *frame = &thread->frames[k];
                add_place(sweep, frame->address, frames_stack_frame_size(layout), thread->address, KIND_FRAME);
                if (frame->entry != 0 && (k == 0 || frame->entry != thread->frames[k - 1].entry))
                    add_place(sweep, frame->entry, layout->rules->entry == ENTRY_BY_SHIM ? frames_stack_frame_size(layout) : 24, thread->address,
                              KIND_ENTRY);
            }
        }
    }
    qsort(sweep->places, sweep->place_count, sizeof *sweep->places, by_address);
}

static const struct place *place_of(const struct sweep *sweep, uint64_t address)
{
    size_t low = 0, high = sweep->place_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sweep->places[middle].address + sweep->places[middle].size <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < sweep->place_count && sweep->places[low].address <= address ? &sweep->places[low] : NULL;
}

/* The word at the same offset in another struct of the same kind. */
static uint64_t exchanged(struct sweep *sweep, const struct place *place, uint64_t address, uint64_t seed)
{
    uint64_t word = 0;
    for (size_t i = 0; place != NULL && i < sweep->place_count; i++) {
        const struct place *other = &sweep->places[(seed + i) % sweep->place_count];
        if (other->kind == place->kind && other != place && overlay_word(&sweep->overlay, other->address + (address - place->address), &word))
            break;
    }
    return word;
}

static size_t garbage(struct sweep *sweep, uint64_t address, uint64_t now, uint64_t values[VALUES_MAX])
{
    const struct place *place = place_of(sweep, address);
    uint64_t seed = mix(address), skipped = 0, count = 0;
    uint64_t offset = place == NULL ? 0 : address - place->address;
    const uint64_t made[] = {0,
                             UINT64_MAX,
                             UINT64_C(0x4141414141414141),
                             42,
                             now + 8,
                             now - 8,
                             now ^ UINT64_C(1) << seed % 64,
                             now ^ UINT64_C(1) << (seed >> 8) % 12,
                             address,
                             overlay_word(&sweep->overlay, now + offset, &skipped) ? skipped : 1,
                             exchanged(sweep, place, address, seed >> 16),
                             exchanged(sweep, place, address, seed >> 24)};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        if (made[i] != now)
            values[count++] = made[i];
    return count;
}

static struct verdict look(struct sweep *sweep, uint64_t address, uint64_t value)
{
    struct spprof_session *session = sweep->session;
    struct spprof_error *error = NULL;
    sweep->overlay.address = address;
    sweep->overlay.value = value;
    bool anew = is_in(&sweep->opening, address);
    if (anew)
        error = spprof_session_open(&sweep->overlay.target, &session);
    struct spprof_snapshot *snapshot = error == NULL ? take(session) : NULL;
    struct verdict verdict = witness_judge(sweep->witness, snapshot, anew ? sweep->open_problems : 0);
    if (sweep->verbose && getenv("SWEEP_WORDS") != NULL && snapshot != NULL)
        for (size_t i = 0; i < snapshot->problems.count; i++)
            printf("    %s\n", snapshot->problems.texts[i]);
    spprof_snapshot_free(snapshot);
    if (anew && error == NULL)
        spprof_session_close(session);
    spprof_error_free(error);
    overlay_reset(&sweep->overlay);
    return verdict;
}

static bool count(struct sweep *sweep, const struct verdict *verdict, uint64_t owner)
{
    struct pending *pending = &sweep->pending;
    bool changed = verdict->worst != CHANGE_NONE || verdict->added > 0;
    bool others = verdict->changed > 1 || (verdict->changed == 1 && owner != 0 && verdict->thread != owner);
    bool lost = verdict->worst == CHANGE_MISSING && verdict->changed > 1;
    pending->runs++;
    pending->same += !changed;
    pending->told += changed && verdict->told;
    pending->silent[verdict->worst] += changed && !verdict->told;
    pending->others += others;
    pending->lost += lost;
    return (changed && !verdict->told) || others;
}

static void try_word(struct sweep *sweep, uint64_t address)
{
    static const char *const kinds[] = {"other", "thread state", "frame", "entry"};
    uint64_t now, values[VALUES_MAX];
    if (!overlay_word(&sweep->overlay, address, &now))
        return;
    const struct place *place = place_of(sweep, address);
    size_t value_count = garbage(sweep, address, now, values);
    for (size_t i = 0; i < value_count; i++) {
        if (mix(sweep->made++) % sweep->every != 0)
            continue;
        struct verdict verdict = look(sweep, address, values[i]);
        bool failed = count(sweep, &verdict, place == NULL ? 0 : place->thread);
        if (failed && sweep->verbose)
            printf("  %s + %" PRIu64 ": 0x%" PRIx64 " becomes 0x%" PRIx64 " (at 0x%" PRIx64 "): %s%s, %zu threads changed, %zu added\n",
                   kinds[place == NULL ? 0 : place->kind], place == NULL ? 0 : address - place->address, now, values[i], address,
                   change_names[verdict.worst], verdict.told ? " (told)" : "", verdict.changed, verdict.added);
    }
}

static void prepare(struct sweep *sweep, struct spprof_target *target)
{
    overlay_init(&sweep->overlay, target);
    sweep->overlay.reads = &sweep->opening;
    struct spprof_error *error = spprof_session_open(&sweep->overlay.target, &sweep->session);
    if (error != NULL)
        die(error);
    sweep->open_problems = sweep->overlay.target.problems.count;
    overlay_reset(&sweep->overlay);
    sweep->overlay.reads = &sweep->taking;
    struct spprof_snapshot *snapshot = take(sweep->session);
    sweep->overlay.reads = NULL;
    read_ranges_merge(&sweep->opening);
    read_ranges_merge(&sweep->taking);
    sweep->witness = witness_new(snapshot);
    find_places(sweep, snapshot);
    spprof_snapshot_free(snapshot);
    overlay_reset(&sweep->overlay);
}

static bool run(const char *path, uint64_t every, bool all, bool verbose)
{
    struct sweep sweep = {.every = every, .all = all, .verbose = verbose};
    struct spprof_target *target;
    struct spprof_error *error = spprof_core_open(path, &(struct spprof_core_options){.executable = NULL}, &target);
    if (error != NULL)
        die(error);
    prepare(&sweep, target);
    clock_t start = clock();
    for (size_t i = 0; i < sweep.taking.count; i++)
        for (uint64_t at = 0; at < sweep.taking.items[i].size; at += 8)
            if (all || place_of(&sweep, sweep.taking.items[i].address + at) != NULL)
                try_word(&sweep, sweep.taking.items[i].address + at);
    const struct pending *pending = &sweep.pending;
    uint64_t silent = 0;
    printf("%s: %" PRIu64 " changes: %" PRIu64 " change no stack, %" PRIu64 " told", path, pending->runs, pending->same, pending->told);
    for (int i = 0; i < CHANGE_COUNT; i++) {
        silent += pending->silent[i];
        if (pending->silent[i] > 0)
            printf(", silent %s %" PRIu64, change_names[i], pending->silent[i]);
    }
    printf("; %" PRIu64 " changed another thread, %" PRIu64 " lost several (%.1f s)\n", pending->others, pending->lost,
           (double)(clock() - start) / CLOCKS_PER_SEC);
    fflush(stdout);
    witness_free(sweep.witness);
    spprof_session_close(sweep.session);
    spprof_target_close(target);
    free(sweep.places);
    free(sweep.opening.items);
    free(sweep.taking.items);
    return silent == pending->silent[CHANGE_POSITION] && pending->others == 0;
}

int main(int argument_count, char **arguments)
{
    uint64_t every = 1;
    bool all = false, verbose = false, passed = true;
    int i = 1;
    for (; i < argument_count && arguments[i][0] == '-'; i++) {
        if (strcmp(arguments[i], "--every") == 0 && i + 1 < argument_count)
            every = strtoull(arguments[++i], NULL, 10);
        all = all || strcmp(arguments[i], "--all") == 0;
        verbose = verbose || strcmp(arguments[i], "-v") == 0;
    }
    if (i >= argument_count || every == 0) {
        fprintf(stderr, "usage: sweep [--every N] [--all] [-v] CORE...\n");
        return 2;
    }
    for (; i < argument_count; i++)
        passed = run(arguments[i], every, all, verbose) && passed;
    return passed ? 0 : 1;
}
