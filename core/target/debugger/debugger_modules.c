#include "target/debugger/debugger_modules.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "target/elf/elf_memory.h"
#include "target/modules.h"

enum { PAGE = 4096, MODULES_MAX = 1 << 16 };

static void free_listed(struct spprof_debugger_module *module)
{
    free((char *)(uintptr_t)module->path); /* ours: copied by list_one */
    free((void *)(uintptr_t)module->mappings);
}

static bool copy_listed(const struct spprof_debugger_module *from, struct spprof_debugger_module *to)
{
    *to = *from;
    to->path = strdup(from->path);
    struct spprof_mapping *mappings = calloc(from->mapping_count + 1, sizeof *mappings);
    if (mappings != NULL && from->mapping_count > 0)
        memcpy(mappings, from->mappings, from->mapping_count * sizeof *mappings);
    to->mappings = mappings;
    if (to->path != NULL && mappings != NULL)
        return true;
    free_listed(to);
    return false;
}

static void list_one(void *context, const struct spprof_debugger_module *module)
{
    struct debugger_module_list *list = context;
    if (list->count >= MODULES_MAX)
        return;
    if (ARRAY_RESIZE(list->items, list->count + 1) && copy_listed(module, &list->items[list->count]))
        list->count++;
    else
        list->failed = true;
}

struct spprof_error *target_debugger_modules_list(const struct spprof_debugger_ops *ops, void *debugger, struct debugger_module_list *list)
{
    struct spprof_error *error = ops->modules(debugger, list_one, list);
    return error == NULL && list->failed ? spprof_error_no_memory() : error;
}

void target_debugger_modules_list_free(struct debugger_module_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free_listed(&list->items[i]);
    free(list->items);
    *list = (struct debugger_module_list){0};
}

const struct spprof_debugger_module *target_debugger_modules_at(const struct debugger_module_list *list, uint64_t address)
{
    for (size_t i = 0; i < list->count; i++) {
        uint64_t start = list->items[i].start / PAGE * PAGE; /* a debugger may begin with the first section, behind the ELF header */
        if (address >= start && (address < list->items[i].end || address == start))
            return &list->items[i];
    }
    return NULL;
}

/* The loaded segments as mappings. */
static struct spprof_error *take_segments(const struct elf_object *object, struct spprof_module *module)
{
    module->mappings = calloc(object->segment_count + 1, sizeof *module->mappings);
    if (module->mappings == NULL)
        return spprof_error_no_memory();
    for (size_t i = 0; i < object->segment_count; i++) {
        const Elf64_Phdr *segment = &object->segments[i];
        uint64_t start = object->bias + segment->p_vaddr;
        if (segment->p_type != PT_LOAD)
            continue;
        module->mappings[module->mapping_count++] = (struct spprof_mapping){
            .start = start / PAGE * PAGE,
            .end = (start + segment->p_memsz + PAGE - 1) / PAGE * PAGE,
            .offset = segment->p_offset / PAGE * PAGE,
            .readable = (segment->p_flags & PF_R) != 0,
            .writable = (segment->p_flags & PF_W) != 0,
            .executable = (segment->p_flags & PF_X) != 0,
        };
    }
    return NULL;
}

static struct spprof_error *take_listed(const struct spprof_debugger_module *listed, struct spprof_module *module)
{
    module->end = listed->end > listed->start ? listed->end : listed->start + 1;
    module->mappings = calloc(listed->mapping_count + 1, sizeof *module->mappings);
    if (module->mappings == NULL)
        return spprof_error_no_memory();
    if (listed->mapping_count > 0)
        memcpy(module->mappings, listed->mappings, listed->mapping_count * sizeof *module->mappings);
    module->mapping_count = listed->mapping_count;
    return NULL;
}

/* Fills a module from its ELF header at start, or where there is none from what the debugger says. */
static struct spprof_error *fill(struct spprof_target *target, const struct spprof_debugger_module *listed, struct spprof_module *module)
{
    struct elf_reader reader = target_elf_target_reader(target);
    CLEANUP(target_elf_object_free) struct elf_object object = {0};
    size_t size;
    *module = (struct spprof_module){.main = listed->main, .start = listed->start, .bias = listed->start};
    module->deleted = target_path_is_deleted(listed->path, &size);
    module->path = strndup(listed->path, size);
    if (module->path == NULL)
        return spprof_error_no_memory();
    if (!target_elf_object_read(&reader, listed->start / PAGE * PAGE, &object))
        return take_listed(listed, module);
    module->start = object.start;
    module->end = (object.end + PAGE - 1) / PAGE * PAGE;
    module->bias = object.bias;
    module->build_id_size = target_elf_object_build_id(&reader, &object, module->build_id);
    return take_segments(&object, module);
}

static bool holds(const struct spprof_modules *modules, uint64_t address)
{
    for (size_t i = 0; i < modules->count; i++)
        if (address >= modules->items[i].start && address < modules->items[i].end)
            return true;
    return false;
}

static struct spprof_error *add(struct spprof_target *target, const struct spprof_debugger_module *listed, struct spprof_modules *modules)
{
    if (holds(modules, listed->start))
        return NULL;
    if (!ARRAY_RESIZE(modules->items, modules->count + 1))
        return spprof_error_no_memory();
    modules->items[modules->count] = (struct spprof_module){0};
    return fill(target, listed, &modules->items[modules->count++]);
}

/* Adds the objects of the dynamic linker's list that are not there yet. */
static struct spprof_error *add_linked(struct spprof_target *target, uint64_t main_start, struct spprof_modules *modules)
{
    struct elf_reader reader = target_elf_target_reader(target);
    CLEANUP(target_elf_object_free) struct elf_object object = {0};
    CLEANUP(target_elf_links_free) struct elf_links links = {0};
    if (!target_elf_object_read(&reader, main_start, &object))
        return NULL;
    TRY(target_elf_links_read(&reader, target_elf_object_r_debug(&reader, &object), &links));
    for (size_t i = 0; i < links.count && i < MODULES_MAX; i++) {
        struct spprof_debugger_module module = {.path = links.items[i].path, .start = links.items[i].bias};
        if (links.items[i].bias != 0 && !holds(modules, links.items[i].dynamic))
            TRY(add(target, &module, modules));
    }
    return NULL;
}

static int by_start(const void *left, const void *right)
{
    const struct spprof_module *a = left, *b = right;
    return (a->start > b->start) - (a->start < b->start);
}

static struct spprof_error *build(struct spprof_target *target, const struct debugger_module_list *list, struct spprof_modules *modules)
{
    for (size_t i = 0; i < list->count; i++)
        TRY(add(target, &list->items[i], modules));
    for (size_t i = 0; i < modules->count; i++) {
        if (modules->items[i].main) {
            TRY(add_linked(target, modules->items[i].start, modules));
            break;
        }
    }
    qsort(modules->items, modules->count, sizeof *modules->items, by_start);
    return NULL;
}

struct spprof_error *target_debugger_modules_build(struct spprof_target *target, const struct debugger_module_list *list,
                                                   struct spprof_modules *modules)
{
    *modules = (struct spprof_modules){.items = calloc(1, sizeof *modules->items)};
    struct spprof_error *error = modules->items == NULL ? spprof_error_no_memory() : build(target, list, modules);
    if (error != NULL)
        target_modules_free(modules);
    return error;
}
