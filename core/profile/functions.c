#include "profile/functions.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash_table.h"

void profile_functions_free(struct profile_functions *functions)
{
    free(functions->functions);
    free(functions->of_place);
    *functions = (struct profile_functions){0};
}

/* The texts of a profile are there once each, so one text is one address. */
static bool is_same_function(const struct spprof_place *left, const struct spprof_place *right)
{
    return left->function.bytes == right->function.bytes && left->file.bytes == right->file.bytes && left->first_line == right->first_line;
}

static uint64_t key_of(const struct spprof_place *place)
{
    return base_hash_with(base_hash_with((uintptr_t)place->function.bytes, (uintptr_t)place->file.bytes), (uint32_t)place->first_line);
}

static const struct hash_entry *find_function(const struct hash_table *table, const struct profile_functions *functions,
                                              const struct spprof_place *places, const struct spprof_place *place)
{
    size_t cursor = 0;
    for (const struct hash_entry *entry; (entry = base_hash_table_next(table, key_of(place), &cursor)) != NULL;)
        if (is_same_function(&places[functions->functions[entry->number].place], place))
            return entry;
    return NULL;
}

struct spprof_error *profile_functions_make(struct profile_functions *functions, const struct spprof_profile *profile)
{
    CLEANUP(base_hash_table_free) struct hash_table known = {0};
    *functions = (struct profile_functions){
        .functions = calloc((size_t)profile->place_count + 1, sizeof *functions->functions),
        .of_place = malloc(((size_t)profile->place_count + 1) * sizeof *functions->of_place),
    };
    if (functions->functions == NULL || functions->of_place == NULL) {
        profile_functions_free(functions);
        return spprof_error_no_memory();
    }
    for (uint32_t i = 0; i < profile->place_count; i++) {
        const struct hash_entry *entry = find_function(&known, functions, profile->places, &profile->places[i]);
        if (entry == NULL && !base_hash_table_reserve(&known)) {
            profile_functions_free(functions);
            return spprof_error_no_memory();
        }
        if (entry == NULL) {
            base_hash_table_add(&known, key_of(&profile->places[i]))->number = functions->count;
            functions->functions[functions->count].place = i;
        }
        functions->of_place[i] = entry != NULL ? (uint32_t)entry->number : functions->count++;
    }
    return NULL;
}

struct spprof_error *profile_functions_count(struct profile_functions *functions, const struct profile_tree *tree)
{
    CLEANUP_FREE uint32_t *path = malloc(((size_t)tree->max_depth + 1) * sizeof *path);   /* functions, root first */
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
