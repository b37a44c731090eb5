#include "object/intern.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash_table.h"
#include "target/budget.h"

struct held {
    size_t references, size;
    char bytes[];
};

struct intern {
    struct spprof_budget *budget;
    uint64_t taken;
    struct hash_table by_hash; /* struct held */
};

struct intern *object_intern_new(void)
{
    return calloc(1, sizeof(struct intern));
}

void object_intern_draw_from(struct intern *intern, struct spprof_budget *budget)
{
    intern->budget = budget;
}

static void release(struct held *held)
{
    if (--held->references == 0)
        free(held);
}

void object_intern_free(struct intern *intern)
{
    if (intern == NULL)
        return;
    size_t cursor = 0;
    for (const struct hash_entry *entry; (entry = base_hash_table_each(&intern->by_hash, &cursor)) != NULL;)
        release(entry->item);
    base_hash_table_free(&intern->by_hash);
    if (intern->budget != NULL)
        target_budget_give(intern->budget, intern->taken);
    free(intern);
}

static struct held *hold(struct intern *intern, const char *bytes, size_t size, uint64_t hash)
{
    size_t whole = sizeof(struct held) + size + 1;
    if (intern->budget != NULL && !target_budget_take(intern->budget, whole))
        return NULL;
    struct held *held = base_hash_table_reserve(&intern->by_hash) ? malloc(whole) : NULL;
    if (held == NULL) {
        if (intern->budget != NULL) {
            target_budget_give(intern->budget, whole);
            target_budget_out_of_memory(intern->budget);
        }
        return NULL;
    }
    *held = (struct held){.references = 1, .size = size};
    memcpy(held->bytes, bytes, size);
    held->bytes[size] = '\0';
    intern->taken += whole;
    base_hash_table_add(&intern->by_hash, hash)->item = held;
    return held;
}

static struct held *find(const struct intern *intern, const void *bytes, size_t size, uint64_t hash)
{
    size_t cursor = 0;
    for (const struct hash_entry *entry; (entry = base_hash_table_next(&intern->by_hash, hash, &cursor)) != NULL;) {
        struct held *held = entry->item;
        if (held->size == size && memcmp(held->bytes, bytes, size) == 0)
            return held;
    }
    return NULL;
}

const char *object_intern_bytes(struct intern *intern, const void *bytes, size_t size)
{
    uint64_t hash = base_hash_bytes(bytes, size);
    struct held *held = find(intern, bytes, size, hash);
    if (held == NULL)
        held = hold(intern, bytes, size, hash);
    if (held == NULL)
        return NULL;
    held->references++;
    return held->bytes;
}

void object_intern_release(const void *bytes)
{
    if (bytes != NULL)
        release((struct held *)((uintptr_t)bytes - offsetof(struct held, bytes)));
}
