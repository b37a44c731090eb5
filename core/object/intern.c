#include "object/intern.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "target/budget.h"

enum { BUCKETS = 1 << 12 };

struct held {
    size_t references, size;
    uint64_t hash;
    struct held *next_in_bucket;
    char bytes[];
};

struct intern {
    struct spprof_budget *budget;
    uint64_t taken;
    struct held *buckets[BUCKETS];
};

struct intern *intern_new(void)
{
    return calloc(1, sizeof(struct intern));
}

void intern_draw_from(struct intern *intern, struct spprof_budget *budget)
{
    intern->budget = budget;
}

static void release(struct held *held)
{
    if (--held->references == 0)
        free(held);
}

void intern_free(struct intern *intern)
{
    if (intern == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct held *held = intern->buckets[i], *next; held != NULL; held = next) {
            next = held->next_in_bucket;
            release(held);
        }
    }
    if (intern->budget != NULL)
        budget_give(intern->budget, intern->taken);
    free(intern);
}

static uint64_t hash_of(const char *bytes, size_t size)
{
    uint64_t hash = size;
    for (size_t at = 0; at < size; at += sizeof hash) {
        uint64_t word = 0;
        memcpy(&word, bytes + at, size - at < sizeof word ? size - at : sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return hash;
}

static struct held *hold(struct intern *intern, const char *bytes, size_t size, uint64_t hash)
{
    size_t whole = sizeof(struct held) + size + 1;
    if (intern->budget != NULL && !budget_take(intern->budget, whole))
        return NULL;
    struct held *held = malloc(whole);
    if (held == NULL) {
        if (intern->budget != NULL) {
            budget_give(intern->budget, whole);
            budget_out_of_memory(intern->budget);
        }
        return NULL;
    }
    struct held **bucket = &intern->buckets[hash % BUCKETS];
    *held = (struct held){.references = 1, .size = size, .hash = hash, .next_in_bucket = *bucket};
    memcpy(held->bytes, bytes, size);
    held->bytes[size] = '\0';
    intern->taken += whole;
    return *bucket = held;
}

const char *intern_bytes(struct intern *intern, const void *bytes, size_t size)
{
    uint64_t hash = hash_of(bytes, size);
    struct held *held = intern->buckets[hash % BUCKETS];
    while (held != NULL && (held->hash != hash || held->size != size || memcmp(held->bytes, bytes, size) != 0))
        held = held->next_in_bucket;
    if (held == NULL)
        held = hold(intern, bytes, size, hash);
    if (held == NULL)
        return NULL;
    held->references++;
    return held->bytes;
}

void intern_release(const void *bytes)
{
    if (bytes != NULL)
        release((struct held *)((uintptr_t)bytes - offsetof(struct held, bytes)));
}
