#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "target/core_file/core.h"
#include "target/modules.h"

static struct spprof_error *add_binary(struct core *core, const char *path, struct core_binary **added)
{
    if (!ARRAY_RESERVE(core->binaries, core->binary_capacity, core->binary_count + 1))
        return spprof_error_no_memory();
    size_t size;
    struct core_binary binary = {.deleted = target_path_is_deleted(path, &size)};
    binary.path = strndup(path, size);
    if (binary.path == NULL)
        return spprof_error_no_memory();
    core->binaries[core->binary_count] = binary;
    *added = &core->binaries[core->binary_count++];
    return NULL;
}

static void set_main(const struct core *core, struct core_binary *binary)
{
    binary->main = true;
    binary->entry = core->notes.at_entry;
}

static bool holds_executable(const struct core *core, uint64_t start, uint64_t end)
{
    const struct core_notes *notes = &core->notes;
    return (notes->at_entry >= start && notes->at_entry < end) || (notes->at_phdr >= start && notes->at_phdr < end);
}

/* One binary for each run of mappings of one file that begins at its first byte. */
static struct spprof_error *add_noted_files(struct core *core)
{
    const struct core_notes *notes = &core->notes;
    core->mappings = calloc(notes->file_count, sizeof *core->mappings);
    if (core->mappings == NULL)
        return spprof_error_no_memory();
    for (size_t i = 0; i < notes->file_count; i++) {
        const struct core_file_mapping *file = &notes->files[i];
        if (i == 0 || file->offset == 0 || strcmp(file->path, file[-1].path) != 0) {
            struct core_binary *binary;
            TRY(add_binary(core, file->path, &binary));
            binary->has_start = file->offset == 0;
            binary->start = file->start;
        }
        if (holds_executable(core, file->start, file->end))
            set_main(core, &core->binaries[core->binary_count - 1]);
        core->mappings[core->mapping_count++] =
            (struct core_mapping){.start = file->start, .end = file->end, .offset = file->offset, .binary = core->binary_count - 1};
    }
    return NULL;
}

static int compare_mappings(const void *a, const void *b)
{
    const struct core_mapping *left = a;
    const struct core_mapping *right = b;
    return (left->start > right->start) - (left->start < right->start);
}

static void settle_mappings(struct core *core)
{
    if (core->mapping_count > 0)
        qsort(core->mappings, core->mapping_count, sizeof *core->mappings, compare_mappings);
    for (size_t i = 0; i + 1 < core->mapping_count; i++)
        if (core->mappings[i].end > core->mappings[i + 1].start)
            core->mappings[i].end = core->mappings[i + 1].start;
}

/* Cores without NT_FILE: what was mapped is learnt from the dynamic linker's list */

enum { LINKER_SEARCH_MAX = 1 << 24, LINKED_MAPPINGS_MAX = 1 << 18, FILE_PAGE = 4096 };

/*
 * Searches the dynamic linker's memory for its struct r_debug, by the last field of it, which is the linker's own address:
 * qemu leaves the program headers out that would lead there.
 */
static uint64_t search_r_debug(struct core *core)
{
    enum { VERSION = 0, BASE = 32 };
    const struct core_segments *segments = &core->segments;
    uint64_t base = core->notes.at_base;
    size_t first = base == 0 ? segments->count : target_core_segments_below(segments, base);
    for (size_t i = first; i < segments->count && segments->items[i].start - base < LINKER_SEARCH_MAX; i++) {
        const struct core_segment *segment = &segments->items[i];
        uint64_t size = segment->dumped < LINKER_SEARCH_MAX ? segment->dumped : LINKER_SEARCH_MAX;
        if (segment->offset > core->size || size > core->size - segment->offset || !segment->writable)
            continue;
        CLEANUP_FREE uint8_t *bytes = malloc((size_t)size);
        if (bytes == NULL || !target_core_read_file(core, segment->offset, bytes, (size_t)size))
            continue;
        for (uint64_t at = BASE; at + sizeof base <= size; at += sizeof base) {
            const uint8_t *candidate = bytes + at - BASE;
            uint32_t version;
            memcpy(&version, candidate + VERSION, sizeof version);
            if (version >= 1 && version <= 2 && memcmp(candidate + BASE, &base, sizeof base) == 0)
                return segment->start + at - BASE;
        }
    }
    return 0;
}

char *target_core_path_from_stack(const struct core *core)
{
    char *path = core->notes.at_execfn == 0 ? NULL : target_elf_read_string(&core->source.dumped, core->notes.at_execfn);
    if (path != NULL && path[0] != '\0')
        return path;
    free(path);
    size_t size = strcspn(core->notes.arguments, " ");
    return size == 0 ? NULL : strndup(core->notes.arguments, size);
}

static struct spprof_error *add_linked_binaries(struct core *core)
{
    CLEANUP_FREE char *main_path = target_core_path_from_stack(core);
    CLEANUP(target_elf_object_free) struct elf_object main_object = {0};
    CLEANUP(target_elf_links_free) struct elf_links links = {0};
    const struct elf_reader *reader = &core->source.dumped;
    uint64_t main_start = core->notes.at_phdr & ~(uint64_t)(FILE_PAGE - 1); /* the headers stand in the first page */
    struct core_binary *binary;

    uint64_t r_debug = target_elf_object_read(reader, main_start, &main_object) ? target_elf_object_r_debug(reader, &main_object) : 0;
    TRY(target_elf_links_read(reader, r_debug == 0 ? search_r_debug(core) : r_debug, &links));
    if (main_path != NULL && main_start != 0) {
        TRY(add_binary(core, main_path, &binary));
        set_main(core, binary);
        binary->has_start = true;
        binary->start = main_start;
        if (links.count > 0) {
            binary->has_link = true;
            binary->bias = links.items[0].bias;
            binary->dynamic = links.items[0].dynamic;
        }
    }
    for (size_t i = 1; i < links.count; i++) {
        const struct elf_link *link = &links.items[i];
        if (link->path[0] == '\0' || strncmp(link->path, "linux-", 6) == 0) /* the vdso is no file */
            continue;
        TRY(add_binary(core, link->path, &binary));
        binary->has_link = binary->has_start = true;
        binary->bias = binary->start = link->bias;
        binary->dynamic = link->dynamic;
    }
    return NULL;
}

static struct spprof_error *add_mapping(struct core *core, const struct core_mapping *mapping)
{
    if (mapping->start >= mapping->end || core->mapping_count == LINKED_MAPPINGS_MAX)
        return NULL;
    if (!ARRAY_RESIZE(core->mappings, core->mapping_count + 1))
        return spprof_error_no_memory();
    core->mappings[core->mapping_count++] = *mapping;
    return NULL;
}

static struct spprof_error *map_segments(struct core *core, size_t binary, const struct elf_object *object)
{
    uint64_t mask = FILE_PAGE - 1;
    for (size_t i = 0; i < object->segment_count; i++) {
        const Elf64_Phdr *segment = &object->segments[i];
        uint64_t start = object->bias + segment->p_vaddr;
        if (segment->p_type != PT_LOAD || segment->p_filesz > UINT64_MAX - FILE_PAGE - start)
            continue;
        TRY(add_mapping(core, &(struct core_mapping){.start = start & ~mask,
                                                     .end = (start + segment->p_filesz + mask) & ~mask,
                                                     .offset = segment->p_offset & ~mask,
                                                     .binary = binary}));
    }
    return NULL;
}

/* With no program headers at hand: a module goes on while segment joins segment, up to code behind writable memory. */
static struct spprof_error *map_joined_segments(struct core *core, size_t binary)
{
    uint64_t start = core->binaries[binary].start;
    size_t i = target_core_segments_below(&core->segments, start);
    if (i == core->segments.count || core->segments.items[i].end <= start)
        return NULL;
    uint64_t end = core->segments.items[i].end;
    bool was_writable = core->segments.items[i].writable;
    for (i++; i < core->segments.count; i++) {
        const struct core_segment *next = &core->segments.items[i];
        if (next->start != end || (was_writable && next->executable))
            break;
        end = next->end;
        was_writable |= next->writable;
    }
    return add_mapping(core, &(struct core_mapping){.start = start, .end = end, .binary = binary});
}

static struct spprof_error *map_binary(struct core *core, size_t index)
{
    struct core_binary *binary = &core->binaries[index];
    CLEANUP(target_elf_object_free) struct elf_object object = {0};
    if (target_elf_object_read(&core->source.dumped, binary->start, &object))
        return map_segments(core, index, &object);
    const struct elf_file *file = target_core_binary_file(binary, &core->source);
    struct elf_object shape = file == NULL ? object : file->object; /* borrows the segments */
    if (file != NULL && target_elf_object_place(&shape, binary->start))
        return map_segments(core, index, &shape);
    return map_joined_segments(core, index);
}

struct spprof_error *target_core_find_mapped_files(struct core *core)
{
    if (core->notes.file_count > 0) {
        TRY(add_noted_files(core));
    } else {
        TRY(add_linked_binaries(core));
        for (size_t i = 0; i < core->binary_count; i++)
            TRY(map_binary(core, i));
    }
    settle_mappings(core);
    return NULL;
}
