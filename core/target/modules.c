#include "target/modules.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "target/elf/elf_memory.h"
#include "target/target.h"

enum {
    HEAD_SIZE = 1024, /* holds the ELF header, the program headers and nearly always the build id */
    HEAD_BATCH = 128,
    SMALL_FILE_SEGMENTS = 4, /* of a file so small that all of them begin in its first page */
    PAGE_SIZE = 4096,
};

static const char deleted_mark[] = " (deleted)";

bool target_path_is_deleted(const char *path, size_t *size)
{
    size_t mark = sizeof deleted_mark - 1;
    size_t length = strlen(path);
    bool deleted = length > mark && memcmp(path + length - mark, deleted_mark, mark) == 0;
    *size = deleted ? length - mark : length;
    return deleted;
}

static bool is_anonymous(const struct address_mapping *mapping)
{
    return mapping->path == NULL || mapping->path[0] == '\0' || strncmp(mapping->path, "[anon", 5) == 0;
}

static bool is_file(const struct address_mapping *mapping)
{
    return !is_anonymous(mapping) && mapping->path[0] != '[';
}

static bool same_file(const struct address_mapping *a, const struct address_mapping *b)
{
    if (!is_file(a) || !is_file(b))
        return false;
    if (a->inode != 0 && b->inode != 0)
        return a->inode == b->inode && a->device == b->device;
    return strcmp(a->path, b->path) == 0;
}

/* A place where a module may begin, and the mappings up to the next such place. */
struct candidate {
    const struct address_mapping *mappings;
    size_t count;
    struct elf_object object; /* no segments: the header cannot be read */
    uint8_t build_id[ELF_BUILD_ID_MAX];
    size_t build_id_size;
    bool is_data; /* its first bytes were read, and are not those of an ELF object */
};

struct candidates {
    struct candidate *items;
    size_t count;
};

static void candidates_free(struct candidates *candidates)
{
    for (size_t i = 0; i < candidates->count; i++)
        target_elf_object_free(&candidates->items[i].object);
    free(candidates->items);
}

static bool has_code_or_data(const struct candidate *candidate)
{
    for (size_t i = 0; i < candidate->count; i++) {
        const struct address_mapping *mapping = &candidate->mappings[i];
        if ((mapping->executable || mapping->writable || mapping->permissions_unknown) && same_file(mapping, &candidate->mappings[0]))
            return true;
    }
    return false;
}

/* Decides without a look at memory. In a small file several segments lie in the first page, so the next places are looked at, too. */
static bool may_be_module(const struct candidates *candidates, size_t index)
{
    const struct candidate *first = &candidates->items[index];
    for (size_t i = index; i < candidates->count && i < index + SMALL_FILE_SEGMENTS; i++) {
        if (!same_file(&candidates->items[i].mappings[0], &first->mappings[0]))
            return false;
        if (has_code_or_data(&candidates->items[i]))
            return true;
    }
    return false;
}

static bool begins_module(const struct address_mapping *mapping)
{
    return is_file(mapping) && mapping->offset == 0 && mapping->start < mapping->end;
}

static struct spprof_error *find_candidates(const struct address_mapping *mappings, size_t count, struct candidates *candidates)
{
    size_t beginnings = 0;
    for (size_t i = 0; i < count; i++)
        beginnings += begins_module(&mappings[i]);
    candidates->items = calloc(beginnings == 0 ? 1 : beginnings, sizeof *candidates->items);
    if (candidates->items == NULL)
        return spprof_error_no_memory();
    for (size_t i = 0; i < count; i++) {
        if (begins_module(&mappings[i]))
            candidates->items[candidates->count++].mappings = &mappings[i];
        if (candidates->count > 0)
            candidates->items[candidates->count - 1].count++;
    }
    return NULL;
}

/* Serves the first bytes of a module from what was read in the batch, the rest from the target. */
struct head {
    struct spprof_target *target;
    uint64_t start;
    const uint8_t *bytes;
    size_t size;
};

static bool read_behind_head(void *context, uint64_t address, void *buffer, size_t size)
{
    const struct head *head = context;
    uint64_t within = address - head->start;
    if (within < head->size && size <= head->size - within) {
        memcpy(buffer, head->bytes + within, size);
        return true;
    }
    return target_try_read(head->target, address, buffer, size) == SPPROF_READ_OK;
}

static void look_at_head(struct spprof_target *target, struct candidate *candidate, const struct spprof_range *range)
{
    if (range->status != SPPROF_READ_OK)
        return;
    struct head head = {.target = target, .start = range->address, .bytes = range->buffer, .size = range->size};
    struct elf_reader reader = {.read = read_behind_head, .context = &head};
    candidate->is_data = !target_elf_object_read(&reader, range->address, &candidate->object);
    if (!candidate->is_data)
        candidate->build_id_size = target_elf_object_build_id(&reader, &candidate->object, candidate->build_id);
}

static struct spprof_error *look_at_heads(struct spprof_target *target, struct candidates *candidates)
{
    CLEANUP_FREE uint8_t(*heads)[HEAD_SIZE] = malloc(HEAD_BATCH * sizeof *heads);
    if (heads == NULL)
        return spprof_error_no_memory();
    struct spprof_range ranges[HEAD_BATCH];
    struct candidate *asked[HEAD_BATCH];
    size_t count = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        struct candidate *candidate = &candidates->items[i];
        if (may_be_module(candidates, i)) {
            ranges[count] = (struct spprof_range){.address = candidate->mappings[0].start, .size = HEAD_SIZE, .buffer = heads[count]};
            asked[count++] = candidate;
        } else {
            candidate->is_data = true;
        }
        if (count == HEAD_BATCH || i + 1 == candidates->count) {
            target_read_many(target, ranges, count);
            for (size_t j = 0; j < count; j++)
                look_at_head(target, asked[j], &ranges[j]);
            count = 0;
        }
    }
    return NULL;
}

/* In a small file a later segment, too, may lie in the first page: then offset 0 is mapped once more, within the same module. */
static bool continues(const struct candidate *module, const struct candidate *next)
{
    if (!same_file(&module->mappings[0], &next->mappings[0]))
        return false;
    for (size_t i = 0; i < module->object.segment_count; i++) {
        const Elf64_Phdr *segment = &module->object.segments[i];
        if (segment->p_type == PT_LOAD && module->object.bias + segment->p_vaddr - segment->p_offset == next->mappings[0].start)
            return true;
    }
    return false;
}

/* The end of the module's memory as far as its header tells it; else of the last mapping of its file. */
static uint64_t memory_end(const struct candidate *candidate)
{
    if (candidate->object.segment_count > 0)
        return (candidate->object.end + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
    uint64_t end = candidate->mappings[0].end;
    for (size_t i = 0; i < candidate->count; i++)
        if (same_file(&candidate->mappings[i], &candidate->mappings[0]))
            end = candidate->mappings[i].end;
    for (size_t i = 0; i < candidate->count; i++) /* .bss, as far as can be told */
        if (candidate->mappings[i].start == end && is_anonymous(&candidate->mappings[i]))
            return candidate->mappings[i].end;
    return end;
}

/* What the program headers grant to the segment that this mapping is a part of. */
static void take_permissions(const struct elf_object *object, const struct address_mapping *from, struct spprof_mapping *to)
{
    for (size_t i = 0; i < object->segment_count; i++) {
        const Elf64_Phdr *segment = &object->segments[i];
        uint64_t start = object->bias + segment->p_vaddr;
        if (segment->p_type != PT_LOAD || start >= from->end || start + segment->p_filesz <= from->start)
            continue;
        to->readable |= (segment->p_flags & PF_R) != 0;
        to->writable |= (segment->p_flags & PF_W) != 0;
        to->executable |= (segment->p_flags & PF_X) != 0;
    }
}

static void add_mappings(const struct candidate *candidate, struct spprof_module *module)
{
    uint64_t end = memory_end(candidate);
    for (size_t i = 0; i < candidate->count && candidate->mappings[i].start < end; i++) {
        const struct address_mapping *mapping = &candidate->mappings[i];
        bool anonymous = is_anonymous(mapping);
        if (!anonymous && !same_file(mapping, &candidate->mappings[0]))
            continue;
        /* What the kernel shows as one anonymous range may be .bss and a stranger's memory behind it. */
        uint64_t mapping_end = anonymous && mapping->end > end ? end : mapping->end;
        module->mappings[module->mapping_count++] = (struct spprof_mapping){
            .start = mapping->start,
            .end = mapping_end,
            .offset = mapping->offset,
            .readable = mapping->readable,
            .writable = mapping->writable,
            .executable = mapping->executable,
            .anonymous = anonymous,
        };
        if (mapping->permissions_unknown)
            take_permissions(&candidate->object, mapping, &module->mappings[module->mapping_count - 1]);
        module->end = mapping_end;
    }
}

/* Without a header that proves it an object, only executable memory makes one. */
static bool is_module(const struct spprof_module *module, bool has_header)
{
    for (size_t i = 0; i < module->mapping_count; i++) {
        const struct spprof_mapping *mapping = &module->mappings[i];
        if (!mapping->anonymous && (mapping->executable || (has_header && mapping->writable)))
            return true;
    }
    return false;
}

static struct spprof_error *make_module(const struct candidate *candidate, struct spprof_module *module)
{
    const struct address_mapping *first = &candidate->mappings[0];
    bool has_header = candidate->object.segment_count > 0;
    size_t size;
    *module = (struct spprof_module){
        .deleted = target_path_is_deleted(first->path, &size),
        .start = first->start,
        .end = first->end,
        .bias = has_header ? candidate->object.bias : first->start,
        .build_id_size = candidate->build_id_size,
    };
    memcpy(module->build_id, candidate->build_id, candidate->build_id_size);
    module->path = strndup(first->path, size);
    module->mappings = calloc(candidate->count, sizeof *module->mappings);
    if (module->path == NULL || module->mappings == NULL)
        return spprof_error_no_memory();
    add_mappings(candidate, module);
    return NULL;
}

static void module_free(struct spprof_module *module)
{
    free(module->path);
    free(module->mappings);
}

/* Adds the module that begins at this candidate, if one does. */
static struct spprof_error *add_module(const struct candidate *candidate, uint64_t entry, struct spprof_modules *modules)
{
    if (candidate->is_data)
        return NULL;
    struct spprof_module *module = &modules->items[modules->count];
    struct spprof_error *error = make_module(candidate, module);
    if (error != NULL || !is_module(module, candidate->object.segment_count > 0)) {
        module_free(module);
        return error;
    }
    module->main = entry >= module->start && entry < module->end;
    modules->count++;
    return NULL;
}

struct spprof_error *target_modules_build(struct spprof_target *target, const struct address_mapping *mappings, size_t count, uint64_t entry,
                                          struct spprof_modules *modules)
{
    *modules = (struct spprof_modules){0};
    CLEANUP(candidates_free) struct candidates candidates = {0};
    TRY(find_candidates(mappings, count, &candidates));
    TRY(look_at_heads(target, &candidates));
    modules->items = calloc(candidates.count == 0 ? 1 : candidates.count, sizeof *modules->items);
    if (modules->items == NULL)
        return spprof_error_no_memory();

    for (size_t i = 0; i < candidates.count;) {
        struct candidate *candidate = &candidates.items[i++];
        while (i < candidates.count && continues(candidate, &candidates.items[i]))
            candidate->count += candidates.items[i++].count;
        struct spprof_error *error = add_module(candidate, entry, modules);
        if (error != NULL) {
            target_modules_free(modules);
            return error;
        }
    }
    return NULL;
}

void target_modules_free(struct spprof_modules *modules)
{
    for (size_t i = 0; i < modules->count; i++)
        module_free(&modules->items[i]);
    free(modules->items);
    *modules = (struct spprof_modules){0};
}

const struct spprof_module *target_modules_at(const struct spprof_modules *modules, uint64_t address)
{
    size_t low = 0;
    size_t high = modules->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct spprof_module *module = &modules->items[middle];
        if (address < module->start)
            high = middle;
        else if (address >= module->end)
            low = middle + 1;
        else
            return module;
    }
    return NULL;
}
