#include "sample/evidence/contexts.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1 << 16 };

struct contexts {
    struct slot {
        uint64_t key; /* 0: free */
        int64_t offset;
    } slots[SLOTS];
};

struct spprof_error *sample_contexts_new(struct contexts **result)
{
    *result = calloc(1, sizeof **result);
    return *result == NULL ? spprof_error_no_memory() : NULL;
}

void sample_contexts_free(struct contexts *contexts)
{
    free(contexts);
}

void sample_contexts_clear(struct contexts *contexts)
{
    memset(contexts, 0, sizeof *contexts);
}

/* Of all bits, so that no two stacks of a program are likely ever to share a number. */
static uint64_t mix(uint64_t sum, uint64_t word)
{
    sum = (sum ^ word) * UINT64_C(0xff51afd7ed558ccd);
    return (sum ^ sum >> 32) * UINT64_C(0xc4ceb9fe1a85ec53);
}

uint64_t sample_path_of(uint64_t callers, const struct code_entry *code, int64_t offset)
{
    return mix(mix(callers, (uint64_t)(uintptr_t)code), (uint64_t)offset) | 1;
}

static uint64_t key_of(uint64_t callers, const struct code_entry *caller, const struct code_entry *callee)
{
    return mix(mix(callers, (uint64_t)(uintptr_t)caller), (uint64_t)(uintptr_t)callee) | 1;
}

static struct slot *slot_of(struct contexts *contexts, uint64_t key)
{
    return &contexts->slots[key >> 48];
}

/* Whom a caller calls is kept in the place of an offset where it is one only. */
static int64_t as_only(const struct code_entry *callee)
{
    return (int64_t)(uintptr_t)callee;
}

void sample_contexts_remember(struct contexts *contexts, uint64_t callers, const struct code_entry *caller, const struct code_entry *callee,
                              int64_t offset)
{
    uint64_t key = key_of(callers, caller, callee), callees = key_of(callers, caller, NULL);
    struct slot *only = slot_of(contexts, callees);
    if (only->key != callees)
        *only = (struct slot){callees, as_only(callee)};
    else if (only->offset != as_only(callee))
        only->offset = as_only(NULL);
    *slot_of(contexts, key) = (struct slot){key, offset};
}

bool sample_contexts_only(const struct contexts *contexts, uint64_t callers, const struct code_entry *caller, const struct code_entry *callee)
{
    uint64_t callees = key_of(callers, caller, NULL);
    const struct slot *only = &contexts->slots[callees >> 48];
    return only->key == callees && only->offset == as_only(callee);
}

bool sample_contexts_find(const struct contexts *contexts, uint64_t callers, const struct code_entry *caller, const struct code_entry *callee,
                          int64_t *offset)
{
    uint64_t key = key_of(callers, caller, callee);
    const struct slot *slot = &contexts->slots[key >> 48];
    *offset = slot->offset;
    return slot->key == key;
}
