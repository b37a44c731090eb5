#include "sample/evidence/call_sites.h"

#include <stdlib.h>

#include "sample/evidence/callee_names.h"

enum {
    FIRST_SLOTS = 1 << 12,
    SLOTS_MAX = 1 << 22,
    WITNESSES = 16,
    SHARE = 4, /* of the instruction where the callee stands most often */
    LESSONS_MAX = 64,
};

/* In place of an offset: somewhere in the function. */
static const int64_t anywhere = INT64_MIN;

/* What is known of an instruction and a callee; callee NULL: of the instruction alone. */
struct site {
    const struct code_entry *caller, *callee; /* caller NULL: a free slot */
    int64_t offset;
    uint32_t fact;      /* whether it calls the callee; enum sample_instruction_kind */
    uint32_t witnesses; /* stacks in which the callee stood there, and nothing says that it may; anywhere: on one instruction at most */
    uint32_t lessons;   /* times that the callee's class was worth finding out */
};

struct call_sites {
    struct site *slots;
    size_t slot_count, used;
};

struct spprof_error *sample_call_sites_new(struct call_sites **result)
{
    struct call_sites *sites = calloc(1, sizeof *sites);
    struct site *slots = calloc(FIRST_SLOTS, sizeof *slots);
    if (sites == NULL || slots == NULL) {
        free(sites);
        free(slots);
        return spprof_error_no_memory();
    }
    *sites = (struct call_sites){slots, FIRST_SLOTS, 0};
    *result = sites;
    return NULL;
}

void sample_call_sites_free(struct call_sites *sites)
{
    if (sites == NULL)
        return;
    free(sites->slots);
    free(sites);
}

void sample_call_sites_clear(struct call_sites *sites)
{
    memset(sites->slots, 0, sites->slot_count * sizeof *sites->slots);
    sites->used = 0;
}

static struct site *find(const struct call_sites *sites, const struct code_entry *caller, int64_t offset, const struct code_entry *callee)
{
    uint64_t sum = (uint64_t)(uintptr_t)caller * 31 + (uint64_t)(uintptr_t)callee + (uint64_t)offset * UINT64_C(8191);
    for (size_t at = (size_t)(sum * UINT64_C(0x9e3779b97f4a7c15) >> 32);; at++) {
        struct site *site = &sites->slots[at & (sites->slot_count - 1)];
        if (site->caller == NULL || (site->caller == caller && site->callee == callee && site->offset == offset))
            return site;
    }
}

/* Where there is no memory, or too much is known already, everything is forgotten: it can be proven again. */
static void make_room(struct call_sites *sites)
{
    if (sites->used * 2 < sites->slot_count)
        return;
    size_t larger = sites->slot_count * 4;
    struct site *slots = larger <= SLOTS_MAX ? calloc(larger, sizeof *slots) : NULL;
    if (slots == NULL) {
        sample_call_sites_clear(sites);
        return;
    }
    struct call_sites grown = {slots, larger, sites->used};
    for (size_t i = 0; i < sites->slot_count; i++) {
        const struct site *site = &sites->slots[i];
        if (site->caller != NULL)
            *find(&grown, site->caller, site->offset, site->callee) = *site;
    }
    free(sites->slots);
    *sites = grown;
}

static void remember(struct call_sites *sites, const struct code_entry *caller, int64_t offset, const struct code_entry *callee, uint32_t fact)
{
    make_room(sites);
    struct site *site = find(sites, caller, offset, callee);
    sites->used += site->caller == NULL;
    *site = (struct site){caller, callee, offset, fact, 0, 0};
}

static struct site *found(struct call_sites *sites, const struct code_entry *caller, int64_t offset, const struct code_entry *callee)
{
    if (find(sites, caller, offset, callee)->caller == NULL)
        remember(sites, caller, offset, callee, false);
    return find(sites, caller, offset, callee);
}

/* On which instruction the callee stands most often is kept with the function, and not for every stack. */
static void count_witness(struct call_sites *sites, const struct site *site)
{
    enum { NOW_AND_THEN = 16 };
    struct site known = *site; /* which may move */
    if (known.witnesses % NOW_AND_THEN != 0)
        return;
    struct site *most = found(sites, known.caller, anywhere, known.callee);
    if (known.witnesses > most->witnesses)
        most->witnesses = known.witnesses;
}

static enum call_site known_of(const struct site *site)
{
    if (site->caller == NULL)
        return CALL_SITE_UNKNOWN;
    return site->fact != 0 ? CALL_SITE_CALLS : CALL_SITE_CALLS_NOT;
}

enum call_site sample_call_sites_find(const struct call_sites *sites, const struct code_entry *caller, int64_t offset,
                                      const struct code_entry *callee)
{
    return known_of(find(sites, caller, offset, callee));
}

enum call_site sample_call_sites_find_name(const struct call_sites *sites, const struct code_entry *caller, const struct code_entry *callee)
{
    return known_of(find(sites, caller, anywhere, callee));
}

bool sample_call_sites_find_kind(const struct call_sites *sites, const struct code_entry *code, int64_t offset, enum instruction_kind *kind)
{
    const struct site *site = find(sites, code, offset, NULL);
    if (site->caller != NULL)
        *kind = (enum instruction_kind)site->fact;
    return site->caller != NULL;
}

void sample_call_sites_read_line(struct call_sites *sites, struct reader *reader, const struct code_entry *caller, int64_t offset,
                                 const struct code_entry *callee)
{
    remember(sites, caller, offset, callee, sample_line_mentions(reader, caller, offset, callee));
}

void sample_call_sites_read_names(struct call_sites *sites, struct reader *reader, const struct code_entry *caller, const struct code_entry *callee)
{
    remember(sites, caller, anywhere, callee, sample_function_mentions(reader, caller, callee));
}

void sample_call_sites_read_kind(struct call_sites *sites, struct reader *reader, const struct code_entry *code, int64_t offset)
{
    remember(sites, code, offset, NULL, sample_instruction_kind(reader, code, offset));
}

void sample_call_sites_count(struct call_sites *sites, const struct code_entry *caller, int64_t offset, const struct code_entry *callee)
{
    struct site *site = find(sites, caller, offset, callee);
    if (site->fact == 0 || site->witnesses == 0 || site->witnesses == UINT32_MAX)
        return;
    site->witnesses++;
    count_witness(sites, site);
}

void sample_call_sites_prove(struct call_sites *sites, const struct code_entry *caller, int64_t offset, const struct code_entry *callee)
{
    found(sites, caller, offset, callee)->fact = true;
}

bool sample_call_sites_witness(struct call_sites *sites, const struct code_entry *caller, int64_t offset, const struct code_entry *callee)
{
    struct site *site = found(sites, caller, offset, callee);
    uint32_t here = ++site->witnesses;
    count_witness(sites, site);
    uint32_t most = found(sites, caller, anywhere, callee)->witnesses;
    site = found(sites, caller, offset, callee);
    site->fact = here >= WITNESSES && here >= most / SHARE;
    return site->fact;
}

bool sample_call_sites_begin_lesson(struct call_sites *sites, const struct code_entry *caller, int64_t offset, const struct code_entry *callee)
{
    struct site *site = found(sites, caller, offset, callee);
    if (site->fact != 0 || site->lessons == LESSONS_MAX)
        return false;
    site->lessons++;
    return true;
}

bool sample_call_sites_learn(struct call_sites *sites, struct reader *reader, const struct code_entry *caller, int64_t offset,
                             const struct code_entry *callee, const char *class)
{
    if (sample_function_mentions_name(reader, caller, class))
        sample_call_sites_prove(sites, caller, anywhere, callee);
    bool mentioned = sample_line_mentions_name(reader, caller, offset, class);
    if (mentioned)
        sample_call_sites_prove(sites, caller, offset, callee);
    return mentioned;
}
