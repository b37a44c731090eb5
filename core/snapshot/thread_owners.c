#include "snapshot/thread_owners.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "snapshot/descriptors.h"

/* How much speaks for it that a state is a thread's. */
enum strength { NOTHING, BY_DESCRIPTOR, BY_ID };

struct claim {
    struct thread_state *state;
    struct descriptor *descriptor; /* NULL: the state names none */
    size_t native;                 /* index; meaningless where nothing speaks for any */
    enum strength strength;
};

struct owners {
    struct spprof_target *target;
    struct kernel_threads *kernel;
    struct descriptors descriptors;
    const struct claim **best; /* for each native thread, in the interpreter that is looked at */
    bool ids_agree;            /* the ids that states or descriptors say are those of the kernel's threads as they are listed */
    bool descriptors_agree;    /* somewhere a state's id and its descriptor are of the same thread: what descriptors say can be believed */
    bool names_agree;          /* somewhere a thread's own storage names its state: what such storage does not name is not its thread's */
    bool forked;               /* the main thread has another id than its state says */
    bool wrapped;              /* and one that is lower: ids were handed out anew since */
    uint64_t forked_by;        /* PyThreadState.id of that state */
    int64_t forked_tid;        /* of the main thread, as the target sees it */
};

static void owners_free(struct owners *owners)
{
    snapshot_descriptors_free(&owners->descriptors);
    free(owners->best);
}

static bool is_known(size_t owner)
{
    return owner != DESCRIPTOR_UNKNOWN && owner != DESCRIPTOR_FREE;
}

static size_t find_by_id(const struct owners *owners, const struct thread_state *state)
{
    const struct spprof_native_threads *natives = &owners->kernel->natives;
    const struct spprof_native_thread *native = snapshot_natives_find(natives, (int64_t)state->native_thread_id);
    return native != NULL ? (size_t)(native - natives->items) : DESCRIPTOR_UNKNOWN;
}

static size_t owner_of(const struct descriptor *descriptor)
{
    return descriptor != NULL ? descriptor->owner : DESCRIPTOR_UNKNOWN;
}

/* What can be believed, by all states together. */
static void weigh(struct owners *owners, const struct thread_state *state)
{
    const struct spprof_native_threads *natives = &owners->kernel->natives;
    struct descriptor *descriptor = snapshot_descriptors_find(&owners->descriptors, state->thread_id);
    size_t by_id = find_by_id(owners, state), owner = owner_of(descriptor);
    bool told = is_known(owner) && natives->items[owner].target_tid == descriptor->tid;
    if (state->native_thread_id == 0 && is_known(owner))
        descriptor->named = descriptor->named || snapshot_descriptor_names(owners->target, &owners->descriptors, descriptor->address, state->address);
    owners->names_agree = owners->names_agree || (descriptor != NULL && descriptor->named);
    owners->ids_agree = owners->ids_agree || by_id != DESCRIPTOR_UNKNOWN || told;
    owners->descriptors_agree = owners->descriptors_agree || (by_id != DESCRIPTOR_UNKNOWN && by_id == owner);
}

static bool is_main(const struct owners *owners, size_t native)
{
    const struct spprof_target *target = owners->target;
    return target->pid == 0 || owners->kernel->natives.items[native].tid == target->pid;
}

static bool runs(const struct interpreter *interpreter, const struct thread_state *state)
{
    bool holds = interpreter->gil_known && interpreter->gil_enabled && interpreter->gil_locked && interpreter->gil_holder == state->address;
    return holds || state->attach_state == 1;
}

/* Without an id in the state: another thread, which is none of Python's, has got the descriptor. */
static bool is_strangers(const struct owners *owners, const struct interpreter *interpreter, const struct claim *claim)
{
    bool unnamed = owners->names_agree && !claim->descriptor->named;
    return claim->state->native_thread_id == 0 && unnamed && !runs(interpreter, claim->state);
}

static struct claim claim_of(const struct owners *owners, const struct interpreter *interpreter, struct thread_state *state)
{
    struct claim claim = {.state = state, .descriptor = snapshot_descriptors_find(&owners->descriptors, state->thread_id)};
    size_t by_id = find_by_id(owners, state), owner = owner_of(claim.descriptor);
    bool denied = owners->descriptors_agree && owner != DESCRIPTOR_UNKNOWN && owner != by_id;
    if (by_id != DESCRIPTOR_UNKNOWN) {
        claim.native = by_id;
        claim.strength = denied ? NOTHING : BY_ID;
        return claim;
    }
    if (!is_known(owner))
        return claim;
    bool same = claim.descriptor->tid == (int64_t)state->native_thread_id; /* in a namespace that is not ours */
    claim.native = owner;
    bool speaks = state->native_thread_id == 0 ? !is_strangers(owners, interpreter, &claim) : same || is_main(owners, owner);
    claim.strength = speaks ? BY_DESCRIPTOR : NOTHING;
    return claim;
}

static bool is_named(const struct owners *owners, const struct claim *claim)
{
    return claim->descriptor != NULL &&
           snapshot_descriptor_names(owners->target, &owners->descriptors, claim->descriptor->address, claim->state->address);
}

/* Whether the second claim is the better one. Of the same strength, and for the same thread. */
static bool is_better(const struct owners *owners, const struct interpreter *interpreter, const struct claim *first, const struct claim *second)
{
    bool own = first->strength == BY_ID; /* the thread has made both */
    bool first_runs = runs(interpreter, first->state), second_runs = runs(interpreter, second->state);
    if (own && first_runs != second_runs)
        return second_runs;
    bool first_named = is_named(owners, first), second_named = is_named(owners, second);
    if (first_named != second_named)
        return second_named;
    if (first_runs != second_runs)
        return second_runs;
    return own == (second->state->unique_id < first->state->unique_id);
}

static void choose(struct owners *owners, const struct interpreter *interpreter, const struct claim *claim)
{
    if (claim->strength == NOTHING)
        return;
    const struct claim *before = owners->best[claim->native];
    if (before == NULL || claim->strength > before->strength ||
        (claim->strength == before->strength && is_better(owners, interpreter, before, claim)))
        owners->best[claim->native] = claim;
}

static void note_fork(struct owners *owners, const struct claim *claim)
{
    int64_t said = (int64_t)claim->state->native_thread_id, tid = owners->kernel->natives.items[claim->native].target_tid;
    if (claim->strength != BY_DESCRIPTOR || said == 0 || claim->descriptor->tid == said || !owners->ids_agree)
        return;
    owners->forked = true;
    owners->forked_by = claim->state->unique_id;
    owners->forked_tid = tid;
    owners->wrapped = tid < said;
}

/* A state newer than the one that the thread's own storage names was made by the same thread since. */
static enum thread_life life_of_second(const struct owners *owners, const struct claim *claim, const struct claim *best)
{
    if (claim->strength < best->strength)
        return THREAD_LEFT_OVER;
    if (claim->strength == BY_ID)
        return THREAD_FURTHER;
    return claim->state->unique_id > best->state->unique_id && is_named(owners, best) ? THREAD_FURTHER : THREAD_LEFT_OVER;
}

/* Of a state for which nothing speaks. */
static enum thread_life life_of_none(const struct owners *owners, const struct claim *claim)
{
    const struct thread_state *state = claim->state;
    size_t owner = owner_of(claim->descriptor);
    if (state->thread_id == 0)
        return state->native_thread_id != 0 && owners->ids_agree ? THREAD_LEFT_OVER : THREAD_UNTOLD; /* no thread has taken it over yet */
    if (owners->descriptors.by_pointer && !is_known(owner))
        return THREAD_LEFT_OVER;
    if (owners->descriptors.by_pointer && claim->descriptor->tid > 0 && state->native_thread_id != 0)
        return THREAD_LEFT_OVER; /* the thread that has the descriptor now has another id than this one had */
    if (!owners->ids_agree)
        return THREAD_UNTOLD;
    if (state->native_thread_id != 0)
        return THREAD_LEFT_OVER;
    return owner != DESCRIPTOR_UNKNOWN ? THREAD_LEFT_OVER : THREAD_UNTOLD; /* nobody's, or a stranger's */
}

/* Ids are handed out upwards: a thread of the parent had a lower one than the child. */
static enum spprof_left_over reason_of(const struct owners *owners, const struct thread_state *state)
{
    if (state->native_thread_id == 0)
        return owners->target->began_by_exec ? SPPROF_LEFT_OVER_ENDED : SPPROF_LEFT_OVER_GONE;
    if (!owners->forked)
        return SPPROF_LEFT_OVER_ENDED;
    if (state->unique_id < owners->forked_by)
        return SPPROF_LEFT_OVER_FORK;
    if (owners->wrapped)
        return SPPROF_LEFT_OVER_GONE;
    return (int64_t)state->native_thread_id < owners->forked_tid ? SPPROF_LEFT_OVER_FORK : SPPROF_LEFT_OVER_ENDED;
}

static void settle(struct owners *owners, const struct claim *claim)
{
    struct thread_owner *owner = &claim->state->owner;
    *owner = (struct thread_owner){.life = THREAD_UNTOLD};
    if (claim->strength == NOTHING) {
        owner->life = life_of_none(owners, claim);
    } else {
        const struct claim *best = owners->best[claim->native];
        owner->life = best == claim ? THREAD_LIVES : life_of_second(owners, claim, best);
        owner->native = owner->life != THREAD_LEFT_OVER ? &owners->kernel->natives.items[claim->native] : NULL;
        owners->kernel->known[claim->native] = true;
    }
    owner->superseded = claim->descriptor != NULL && claim->descriptor->newest > claim->state->unique_id;
    owner->stack_taken = owner->life == THREAD_LEFT_OVER && (owner->superseded || is_known(owner_of(claim->descriptor)));
}

static void find_in_interpreter(struct owners *owners, const struct interpreter *interpreter, struct claim *claims)
{
    size_t count = interpreter->thread_count;
    for (size_t i = 0; i < count; i++) {
        claims[i] = claim_of(owners, interpreter, interpreter->threads[i]);
        if (claims[i].strength != NOTHING)
            owners->best[claims[i].native] = NULL;
        if (claims[i].descriptor != NULL)
            claims[i].descriptor->newest = 0;
    }
    for (size_t i = 0; i < count; i++) {
        choose(owners, interpreter, &claims[i]);
        if (claims[i].descriptor != NULL && claims[i].descriptor->newest < claims[i].state->unique_id)
            claims[i].descriptor->newest = claims[i].state->unique_id;
    }
    for (size_t i = 0; i < count; i++) {
        settle(owners, &claims[i]);
        if (claims[i].state->owner.life == THREAD_LIVES)
            note_fork(owners, &claims[i]);
    }
}

static struct spprof_error *find_all(struct owners *owners, const struct thread_list *list)
{
    size_t most = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct interpreter *interpreter = list->interpreters[i];
        most = interpreter->thread_count > most ? interpreter->thread_count : most;
        for (size_t j = 0; j < interpreter->thread_count; j++)
            weigh(owners, interpreter->threads[j]);
    }
    CLEANUP_FREE struct claim *claims = calloc(most + 1, sizeof *claims);
    owners->best = calloc(owners->kernel->natives.count + 1, sizeof *owners->best);
    if (claims == NULL || owners->best == NULL)
        return spprof_error_no_memory();
    for (size_t i = 0; i < list->count; i++)
        find_in_interpreter(owners, list->interpreters[i], claims);
    return NULL;
}

/* These come last: it is by another state that a fork is known. */
static void give_reasons(const struct owners *owners, const struct thread_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < list->interpreters[i]->thread_count; j++) {
            struct thread_state *state = list->interpreters[i]->threads[j];
            state->owner.left_over = state->owner.life == THREAD_LEFT_OVER ? reason_of(owners, state) : SPPROF_LEFT_OVER_NOT;
        }
}

struct spprof_error *snapshot_thread_owners_find(struct spprof_target *target, const struct thread_list *list, struct kernel_threads *kernel)
{
    CLEANUP(owners_free)
    struct owners owners = {.target = target, .kernel = kernel};
    if (kernel->natives.count == 0)
        return NULL; /* all stays untold */
    TRY(snapshot_descriptors_read(target, list, &kernel->natives, &owners.descriptors));
    TRY(find_all(&owners, list));
    give_reasons(&owners, list);
    return NULL;
}
