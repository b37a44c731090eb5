#include "profile/functions.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sample/hash_index.h"

void profile_functions_free(struct profile_functions *functions)
{
    free(functions->functions);
    free(functions->of_place);
    *functions = (struct profile_functions){0};
}

/* The texts of a profile are there once each, so one text is one address. */
static bool is_same_function(const struct spprof_place *left, const struct spprof_place *right)
{
    return left->function.bytes == right->function.bytes && left->file.bytes == right->file.bytes &&
           left->first_line == right->first_line;
}

static uint32_t place_hash(uint64_t seed, const struct spprof_place *place)
{
    uint64_t wide = hash_integer(hash_integer(seed, (uintptr_t)place->function.bytes), (uintptr_t)place->file.bytes);
    return hash_fold(hash_integer(wide, (uint32_t)place->first_line));
}

static struct hash_slot *find_function(const struct hash_index *index, uint32_t hash, const struct profile_functions *functions,
                                       const struct spprof_place *places, uint32_t place)
{
    uint64_t cursor = hash;
    for (struct hash_slot *slot; (slot = hash_index_next(index, hash, &cursor)) != NULL;)
        if (is_same_function(&places[functions->functions[slot->number].place], &places[place]))
            return slot;
    return NULL;
}

struct spprof_error *profile_functions_make(struct profile_functions *functions, const struct spprof_profile *profile)
{
    CLEANUP(hash_index_free) struct hash_index index = {0};
    uint64_t seed = hash_seed();
    *functions = (struct profile_functions){
        .functions = calloc((size_t)profile->place_count + 1, sizeof *functions->functions),
        .of_place = malloc(((size_t)profile->place_count + 1) * sizeof *functions->of_place),
    };
    if (functions->functions == NULL || functions->of_place == NULL) {
        profile_functions_free(functions);
        return spprof_error_no_memory();
    }
    for (uint32_t i = 0; i < profile->place_count; i++) {
        uint32_t hash = place_hash(seed, &profile->places[i]);
        const struct hash_slot *slot = find_function(&index, hash, functions, profile->places, i);
        if (slot == NULL && !hash_index_reserve(&index)) {
            profile_functions_free(functions);
            return spprof_error_no_memory();
        }
        if (slot == NULL) {
            hash_index_add(&index, hash, functions->count);
            functions->functions[functions->count].place = i;
        }
        functions->of_place[i] = slot != NULL ? slot->number : functions->count++;
    }
    return NULL;
}

struct spprof_error *profile_functions_count(struct profile_functions *functions, const struct profile_tree *tree)
{
    CLEANUP_FREE uint32_t *path = malloc(((size_t)tree->max_depth + 1) * sizeof *path); /* functions, root first */
    CLEANUP_FREE uint32_t *active = calloc((size_t)functions->count + 1, sizeof *active); /* how often each is on the path */
    if (path == NULL || active == NULL)
        return spprof_error_no_memory();
    uint32_t depth = 0; /* of the path; what stands at 0 is a root, and no function */
    for (uint32_t i = 0; i < tree->count; i++) {
        const struct profile_tree_node *node = &tree->nodes[i];
        for (; depth > 0 && depth >= node->depth; depth--)
            active[path[depth]]--;
        if (node->depth == 0)
            continue;
        uint32_t function = functions->of_place[node->place];
        functions->functions[function].self += node->self;
        if (active[function]++ == 0)
            functions->functions[function].total += node->total;
        depth = node->depth;
        path[depth] = function;
    }
    return NULL;
}
