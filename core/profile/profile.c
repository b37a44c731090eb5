#include "spprof/profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/hash_table.h"

struct profile_index {
    struct spprof_text *texts; /* of places and threads, each once */
    uint32_t text_count;
    size_t text_capacity, place_capacity, node_capacity, thread_capacity;
    struct hash_table by_text, by_place; /* by their hashes, as all tables here the number of what is meant */
    struct hash_table by_child;          /* by node and place */
    struct hash_table by_thread;         /* by the hash of kernel id and name */
    struct hash_table by_tid;            /* the newest thread that has the kernel id */
};

const char *const spprof_drop_names[SPPROF_DROP_REASONS] = {
    [SPPROF_DROP_CHANGED] = "changed",   [SPPROF_DROP_BAD_POINTER] = "bad-pointer",
    [SPPROF_DROP_NOT_CODE] = "not-code", [SPPROF_DROP_BAD_INSTRUCTION] = "bad-instruction",
    [SPPROF_DROP_CYCLE] = "cycle",       [SPPROF_DROP_UNREADABLE] = "unreadable",
};

struct spprof_error *spprof_profile_new(struct spprof_profile **profile)
{
    CLEANUP_FREE struct spprof_profile *made = calloc(1, sizeof *made);
    struct profile_index *index = calloc(1, sizeof *index);
    if (made == NULL || index == NULL) {
        free(index);
        return spprof_error_no_memory();
    }
    made->index = index;
    *profile = made;
    made = NULL;
    return NULL;
}

void spprof_profile_free(struct spprof_profile *profile)
{
    if (profile == NULL)
        return;
    struct profile_index *index = profile->index;
    for (uint32_t i = 0; i < index->text_count; i++)
        free(index->texts[i].bytes);
    base_hash_table_free(&index->by_text);
    base_hash_table_free(&index->by_place);
    base_hash_table_free(&index->by_child);
    base_hash_table_free(&index->by_thread);
    base_hash_table_free(&index->by_tid);
    free(index->texts);
    free(index);
    spprof_problems_free(&profile->problems);
    free(profile->others);
    free(profile->places);
    free(profile->nodes);
    free(profile->threads);
    free(profile->executable);
    free(profile->command);
    free(profile);
}

/* Makes room for one more element of an array. Numbers end before SPPROF_NONE. */
#define RESERVE(elements, count, capacity) ((count) < SPPROF_NONE && ARRAY_RESERVE((elements), *(capacity), (size_t)(count) + 1))

/* The one copy of a text that the profile keeps; bytes NULL: no memory. */
static struct spprof_text intern(struct profile_index *index, const struct spprof_text *text)
{
    uint64_t hash = base_hash_bytes(text->bytes, text->size);
    size_t cursor = 0;
    for (const struct hash_entry *entry; (entry = base_hash_table_next(&index->by_text, hash, &cursor)) != NULL;) {
        const struct spprof_text *known = &index->texts[entry->number];
        if (known->size == text->size && memcmp(known->bytes, text->bytes, text->size) == 0)
            return *known;
    }
    const struct spprof_text none = {0};
    if (!RESERVE(index->texts, index->text_count, &index->text_capacity) || !base_hash_table_reserve(&index->by_text))
        return none;
    struct spprof_text copy = {.bytes = malloc(text->size + 1), .size = text->size};
    if (copy.bytes == NULL)
        return none;
    memcpy(copy.bytes, text->bytes, text->size);
    copy.bytes[text->size] = '\0';
    base_hash_table_add(&index->by_text, hash)->number = index->text_count;
    index->texts[index->text_count++] = copy;
    return copy;
}

/* Replaces a text by the profile's copy; one that is not known stays so. False: no memory. */
static bool adopt(struct profile_index *index, struct spprof_text *text)
{
    if (text->bytes == NULL) {
        text->size = 0;
        return true;
    }
    *text = intern(index, text);
    return text->bytes != NULL;
}

uint32_t spprof_profile_place(struct spprof_profile *profile, const struct spprof_place *place)
{
    struct profile_index *index = profile->index;
    struct spprof_place wanted = *place;
    if (!adopt(index, &wanted.function) || !adopt(index, &wanted.file))
        return SPPROF_NONE;

    uint64_t hash = base_hash_with((uintptr_t)wanted.function.bytes, (uintptr_t)wanted.file.bytes);
    hash = base_hash_with(hash, (uint64_t)(uint32_t)wanted.first_line << 32 | (uint32_t)wanted.line);
    size_t cursor = 0;
    for (const struct hash_entry *entry; (entry = base_hash_table_next(&index->by_place, hash, &cursor)) != NULL;) {
        const struct spprof_place *known = &profile->places[entry->number];
        if (known->function.bytes == wanted.function.bytes && known->file.bytes == wanted.file.bytes && known->first_line == wanted.first_line &&
            known->line == wanted.line)
            return (uint32_t)entry->number;
    }
    if (!RESERVE(profile->places, profile->place_count, &index->place_capacity) || !base_hash_table_reserve(&index->by_place))
        return SPPROF_NONE;
    base_hash_table_add(&index->by_place, hash)->number = profile->place_count;
    profile->places[profile->place_count] = wanted;
    return profile->place_count++;
}

static uint32_t new_node(struct spprof_profile *profile, uint32_t place, uint32_t parent)
{
    if (!RESERVE(profile->nodes, profile->node_count, &profile->index->node_capacity))
        return SPPROF_NONE;
    profile->nodes[profile->node_count] = (struct spprof_node){
        .place = place,
        .parent = parent,
        .first_child = SPPROF_NONE,
        .next_sibling = SPPROF_NONE,
    };
    return profile->node_count++;
}

uint32_t spprof_profile_child(struct spprof_profile *profile, uint32_t node, uint32_t place)
{
    struct hash_table *by_child = &profile->index->by_child;
    const uint64_t key = (uint64_t)node << 32 | place;
    size_t cursor = 0;
    const struct hash_entry *known = base_hash_table_next(by_child, key, &cursor);
    if (known != NULL)
        return (uint32_t)known->number;

    uint32_t child = base_hash_table_reserve(by_child) ? new_node(profile, place, node) : SPPROF_NONE;
    if (child == SPPROF_NONE)
        return SPPROF_NONE;
    base_hash_table_add(by_child, key)->number = child;
    profile->nodes[child].next_sibling = profile->nodes[node].first_child;
    profile->nodes[node].first_child = child;
    return child;
}

static uint64_t thread_hash(int64_t tid, const struct spprof_text *name)
{
    return base_hash_with((uint64_t)tid, (uintptr_t)name->bytes);
}

static uint32_t find_thread(const struct spprof_profile *profile, int64_t tid, const struct spprof_text *name)
{
    uint64_t hash = thread_hash(tid, name);
    size_t cursor = 0;
    for (const struct hash_entry *entry; (entry = base_hash_table_next(&profile->index->by_thread, hash, &cursor)) != NULL;)
        if (profile->threads[entry->number].tid == tid && profile->threads[entry->number].name.bytes == name->bytes)
            return (uint32_t)entry->number;
    return SPPROF_NONE;
}

static uint32_t new_thread(struct spprof_profile *profile, int64_t tid, const struct spprof_text *name)
{
    if (!RESERVE(profile->threads, profile->thread_count, &profile->index->thread_capacity))
        return SPPROF_NONE;
    uint32_t root = new_node(profile, SPPROF_NONE, SPPROF_NONE);
    if (root == SPPROF_NONE)
        return SPPROF_NONE;
    profile->threads[profile->thread_count] = (struct spprof_profile_thread){.tid = tid, .name = *name, .root = root};
    return profile->thread_count++;
}

uint32_t spprof_profile_thread(struct spprof_profile *profile, int64_t tid, const struct spprof_text *name, const char *os_name, bool main)
{
    struct profile_index *index = profile->index;
    struct spprof_text known_name = *name;
    if (!adopt(index, &known_name) || !base_hash_table_reserve(&index->by_thread) || !base_hash_table_reserve(&index->by_tid))
        return SPPROF_NONE;

    size_t cursor = 0;
    struct hash_entry *newest = base_hash_table_next(&index->by_tid, (uint64_t)tid, &cursor);
    if (newest != NULL && known_name.bytes == NULL)
        return (uint32_t)newest->number;
    uint32_t thread = find_thread(profile, tid, &known_name);
    if (thread != SPPROF_NONE)
        return thread;

    if (newest != NULL && profile->threads[newest->number].name.bytes == NULL) {
        thread = (uint32_t)newest->number; /* it was seen before the threading module had put it down */
        profile->threads[thread].name = known_name;
    } else {
        thread = new_thread(profile, tid, &known_name);
        if (thread == SPPROF_NONE)
            return SPPROF_NONE;
        if (newest != NULL)
            newest->number = thread;
        else
            base_hash_table_add(&index->by_tid, (uint64_t)tid)->number = thread;
    }
    base_hash_table_add(&index->by_thread, thread_hash(tid, &known_name))->number = thread;
    struct spprof_profile_thread *made = &profile->threads[thread];
    if (os_name != NULL)
        strncpy(made->os_name, os_name, sizeof made->os_name - 1);
    made->main = main;
    return thread;
}

void spprof_profile_count(struct spprof_profile *profile, uint32_t thread, uint32_t node, uint64_t weight)
{
    profile->nodes[node].self += weight;
    profile->threads[thread].samples += weight;
    profile->samples += weight;
}

void spprof_profile_finish(struct spprof_profile *profile)
{
    for (uint32_t i = 0; i < profile->node_count; i++)
        profile->nodes[i].total = profile->nodes[i].self;
    for (uint32_t i = profile->node_count; i-- > 0;) { /* children stand behind their parents */
        const struct spprof_node *node = &profile->nodes[i];
        if (node->parent != SPPROF_NONE)
            profile->nodes[node->parent].total += node->total;
    }
}
