#include "profile/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash_table.h"

struct folding {
    const struct spprof_profile *profile;
    bool by_threads;
    struct profile_tree_node *nodes; /* parents before children */
    uint32_t count;
    uint32_t *folded;           /* of each node of the profile */
    struct hash_table by_child; /* numbers of nodes */
};

void profile_tree_free(struct profile_tree *tree)
{
    free(tree->nodes);
    *tree = (struct profile_tree){0};
}

static void folding_free(struct folding *folding)
{
    free(folding->nodes);
    free(folding->folded);
    base_hash_table_free(&folding->by_child);
}

/* The node that stands for a place called from parent in a thread, made when it is new; SPPROF_NONE: no memory. */
static uint32_t fold_node(struct folding *folding, uint32_t parent, uint32_t place, uint32_t thread)
{
    uint64_t key = base_hash_with(base_hash_with(thread, parent), place);
    size_t cursor = 0;
    for (const struct hash_entry *entry; (entry = base_hash_table_next(&folding->by_child, key, &cursor)) != NULL;) {
        const struct profile_tree_node *node = &folding->nodes[entry->number];
        if (node->parent == parent && node->place == place && node->thread == thread)
            return (uint32_t)entry->number;
    }
    if (!base_hash_table_reserve(&folding->by_child))
        return SPPROF_NONE;
    base_hash_table_add(&folding->by_child, key)->number = folding->count;
    folding->nodes[folding->count] = (struct profile_tree_node){
        .place = place,
        .parent = parent,
        .depth = parent == SPPROF_NONE ? 0 : folding->nodes[parent].depth + 1,
        .thread = thread,
    };
    return folding->count++;
}

static bool fold_nodes(struct folding *folding)
{
    const struct spprof_profile *profile = folding->profile;
    memset(folding->folded, 0xff, profile->node_count * sizeof *folding->folded);
    for (uint32_t i = 0; i < profile->thread_count; i++) {
        uint32_t root = fold_node(folding, SPPROF_NONE, SPPROF_NONE, folding->by_threads ? i : SPPROF_NONE);
        if (root == SPPROF_NONE)
            return false;
        folding->folded[profile->threads[i].root] = root;
    }
    for (uint32_t i = 0; i < profile->node_count; i++) {
        const struct spprof_node *node = &profile->nodes[i];
        if (node->total == 0)
            continue; /* made, but nothing was counted there */
        if (node->parent != SPPROF_NONE) {
            uint32_t parent = folding->folded[node->parent];
            folding->folded[i] = fold_node(folding, parent, node->place, folding->nodes[parent].thread);
        }
        if (folding->folded[i] == SPPROF_NONE)
            return false;
        folding->nodes[folding->folded[i]].self += node->self;
        folding->nodes[folding->folded[i]].total += node->total;
    }
    return true;
}

/* Brothers and sisters together, the biggest first. */
static int compare_nodes(const void *left_number, const void *right_number, void *context)
{
    const struct profile_tree_node *nodes = context;
    uint32_t left = *(const uint32_t *)left_number, right = *(const uint32_t *)right_number;
    if (nodes[left].parent != nodes[right].parent)
        return nodes[left].parent < nodes[right].parent ? -1 : 1;
    if (nodes[left].total != nodes[right].total)
        return nodes[left].total > nodes[right].total ? -1 : 1;
    return left < right ? -1 : left > right;
}

/* Writes the nodes in preorder. order: as compare_nodes sorts them; the roots, whose parent is the highest number, come last. */
static bool put_in_preorder(struct profile_tree *tree, const struct folding *folding, const uint32_t *order)
{
    uint32_t count = folding->count;
    CLEANUP_FREE uint32_t *first_child = malloc(count * sizeof *first_child); /* where in order they begin */
    CLEANUP_FREE uint32_t *pending = malloc(count * sizeof *pending);
    CLEANUP_FREE uint32_t *place_of = malloc(count * sizeof *place_of);
    if (first_child == NULL || pending == NULL || place_of == NULL)
        return false;

    memset(first_child, 0xff, count * sizeof *first_child);
    uint32_t first_root = count;
    for (uint32_t i = count; i-- > 0;) {
        uint32_t parent = folding->nodes[order[i]].parent;
        *(parent == SPPROF_NONE ? &first_root : &first_child[parent]) = i;
    }
    uint32_t pending_count = 0;
    for (uint32_t i = count; i-- > first_root;)
        pending[pending_count++] = order[i];
    while (pending_count > 0) {
        uint32_t number = pending[--pending_count];
        struct profile_tree_node *node = &tree->nodes[tree->count];
        *node = folding->nodes[number];
        place_of[number] = tree->count++;
        if (node->parent != SPPROF_NONE)
            node->parent = place_of[node->parent];
        if (node->depth > tree->max_depth)
            tree->max_depth = node->depth;
        uint32_t end = first_child[number];
        while (end < count && folding->nodes[order[end]].parent == number)
            end++;
        for (uint32_t i = end; first_child[number] != SPPROF_NONE && i-- > first_child[number];)
            pending[pending_count++] = order[i];
    }
    return true;
}

struct spprof_error *profile_tree_make(struct profile_tree *tree, const struct spprof_profile *profile, bool by_threads)
{
    *tree = (struct profile_tree){0};
    if (profile->thread_count == 0)
        return NULL;
    CLEANUP(folding_free)
    struct folding folding = {
        .profile = profile,
        .by_threads = by_threads,
        .nodes = malloc(profile->node_count * sizeof *folding.nodes),
        .folded = malloc(profile->node_count * sizeof *folding.folded),
    };
    if (folding.nodes == NULL || folding.folded == NULL || !fold_nodes(&folding))
        return spprof_error_no_memory();

    CLEANUP_FREE uint32_t *order = malloc(folding.count * sizeof *order);
    tree->nodes = malloc(folding.count * sizeof *tree->nodes);
    if (order != NULL) {
        for (uint32_t i = 0; i < folding.count; i++)
            order[i] = i;
        qsort_r(order, folding.count, sizeof *order, compare_nodes, folding.nodes);
    }
    if (order == NULL || tree->nodes == NULL || !put_in_preorder(tree, &folding, order)) {
        profile_tree_free(tree);
        return spprof_error_no_memory();
    }
    return NULL;
}
