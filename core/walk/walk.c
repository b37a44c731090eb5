#include "walk/walk.h"

#include <stdlib.h>

struct spprof_error *walk_new(struct copy *copy, const struct layout *layout, uint64_t runtime, struct walk **result)
{
    struct walk *walk = calloc(1, sizeof *walk);
    if (walk == NULL)
        return spprof_error_no_memory();
    walk->reader = (struct reader){.copy = copy, .layout = layout};
    thread_list_init(&walk->list, runtime);
    struct spprof_error *error = code_table_new(&walk->codes);
    if (error != NULL) {
        walk_free(walk);
        return error;
    }
    *result = walk;
    return NULL;
}

void walk_free(struct walk *walk)
{
    if (walk == NULL)
        return;
    thread_list_free(&walk->list);
    code_table_free(walk->codes);
    free(walk);
}

static void step_stacks(struct walk *walk)
{
    for (size_t i = 0; i < walk->list.count; i++)
        for (size_t j = 0; j < walk->list.interpreters[i]->thread_count; j++)
            if (walk->list.interpreters[i]->threads[j]->stack.progress != STACK_DONE)
                stack_step(&walk->list.interpreters[i]->threads[j]->stack, &walk->reader, walk->codes);
}

void walk_run(struct walk *walk)
{
    do {
        thread_list_step(&walk->list, &walk->reader);
        step_stacks(walk);
        code_table_step(walk->codes, &walk->reader);
    } while (copy_fetch(walk->reader.copy));
}

const struct thread_state *walk_find_thread(const struct walk *walk, uint64_t address, const struct interpreter **interpreter)
{
    for (size_t i = 0; i < walk->list.count; i++) {
        *interpreter = walk->list.interpreters[i];
        for (size_t j = 0; j < (*interpreter)->thread_count; j++)
            if ((*interpreter)->threads[j]->address == address)
                return (*interpreter)->threads[j];
    }
    return NULL;
}
