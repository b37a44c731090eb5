#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "target/core_file/core.h"
#include "target/modules.h"

/* Lays the mapped files over the segments: a piece for each range that lies in the same ones. Returns the number of pieces. */
static size_t address_space(const struct core *core, struct address_mapping *pieces)
{
    size_t segments_left = core->segments.count;
    size_t mappings_left = core->mapping_count;
    size_t count = 0;
    for (uint64_t at = 0; segments_left > 0 || mappings_left > 0;) {
        const struct core_segment *segment = segments_left == 0 ? NULL : &core->segments.items[core->segments.count - segments_left];
        const struct core_mapping *mapping = mappings_left == 0 ? NULL : &core->mappings[core->mapping_count - mappings_left];
        bool in_segment = segment != NULL && segment->start <= at;
        bool in_mapping = mapping != NULL && mapping->start <= at;
        uint64_t segment_limit = in_segment ? segment->end : segment != NULL ? segment->start : UINT64_MAX;
        uint64_t mapping_limit = in_mapping ? mapping->end : mapping != NULL ? mapping->start : UINT64_MAX;
        uint64_t end = segment_limit < mapping_limit ? segment_limit : mapping_limit;
        if (at < end && (in_segment || in_mapping))
            pieces[count++] = (struct address_mapping){
                .start = at,
                .end = end,
                .offset = in_mapping ? mapping->offset + (at - mapping->start) : 0,
                .readable = in_segment && segment->readable,
                .writable = in_segment && segment->writable,
                .executable = in_segment && segment->executable,
                .permissions_unknown = !in_segment, /* gcore writes no header for what it leaves out */
                .path = in_mapping ? core->binaries[mapping->binary].path : NULL,
            };
        if (at < end)
            at = end;
        segments_left -= in_segment && segment->end <= at;
        mappings_left -= in_mapping && mapping->end <= at;
    }
    return count;
}

/* Adds to the modules what the binaries know better. */
static void finish_modules(struct core *core)
{
    for (size_t i = 0; i < core->modules.count; i++) {
        struct spprof_module *module = &core->modules.items[i];
        struct core_binary *binary = &core->binaries[target_core_mapping_at(core, module->start)->binary];
        module->private_data = binary;
        module->deleted = binary->deleted;
        if (binary->has_link)
            module->bias = binary->bias;
    }
}

static struct spprof_error *build_modules(struct core *core)
{
    size_t limit = 2 * (core->segments.count + core->mapping_count); /* each piece ends where a segment or a file begins or ends */
    CLEANUP_FREE struct address_mapping *pieces = calloc(limit == 0 ? 1 : limit, sizeof *pieces);
    if (pieces == NULL)
        return spprof_error_no_memory();
    size_t count = address_space(core, pieces);
    uint64_t entry = core->notes.at_entry != 0 ? core->notes.at_entry : core->notes.at_phdr;
    core->is_quiet = true;
    struct spprof_error *error = target_modules_build(&core->target, pieces, count, entry, &core->modules);
    core->is_quiet = false;
    if (error == NULL)
        finish_modules(core);
    return error;
}

struct spprof_error *target_core_modules(struct spprof_target *target, const struct spprof_modules **modules)
{
    struct core *core = core_of(target);
    if (!core->has_modules)
        TRY(build_modules(core));
    core->has_modules = true;
    *modules = &core->modules;
    return NULL;
}

struct spprof_error *target_core_regions(struct spprof_target *target, const struct spprof_mapping **regions, size_t *count)
{
    struct core *core = core_of(target);
    const struct core_segments *segments = &core->segments;
    if (core->regions == NULL) {
        core->regions = calloc(segments->count + 1, sizeof *core->regions);
        if (core->regions == NULL)
            return spprof_error_no_memory();
        for (size_t i = 0; i < segments->count; i++) {
            const struct core_segment *segment = &segments->items[i];
            if (segment->dumped > 0)
                core->regions[core->region_count++] = (struct spprof_mapping){
                    .start = segment->start,
                    .end = segment->start + segment->dumped,
                    .readable = segment->readable,
                    .writable = segment->writable,
                    .executable = segment->executable,
                    .anonymous = target_core_mapping_at(core, segment->start) == NULL,
                };
        }
    }
    *regions = core->regions;
    *count = core->region_count;
    return NULL;
}

/* The file of a module; where that of an interpreter is not at hand, the user must know. */
static const struct elf_file *module_file(struct core *core, const struct spprof_module *module)
{
    struct core_binary *binary = module->private_data;
    const struct elf_file *file = target_core_binary_file(binary, &core->source);
    if (file == NULL && target_core_binary_is_interpreter(binary))
        target_core_binary_tell(binary, &core->source);
    return file;
}

struct spprof_error *target_core_find_symbol(struct spprof_target *target, const struct spprof_module *module, const char *name, uint64_t *address)
{
    struct core *core = core_of(target);
    struct core_binary *binary = module->private_data;
    CLEANUP(target_elf_object_free) struct elf_object object = {0};
    enum elf_lookup in_core = ELF_UNKNOWN;
    if (target_elf_object_read(&core->source.dumped, module->start, &object))
        in_core = target_elf_object_find_symbol(&core->source.dumped, &object, name, address);
    if (in_core == ELF_FOUND)
        return NULL;
    const struct elf_file *file = in_core == ELF_ABSENT ? target_core_binary_file(binary, &core->source) : module_file(core, module);
    bool missing = file == NULL && in_core == ELF_UNKNOWN;
    if (file != NULL && target_elf_file_find_symbol(file, name, address)) {
        *address += module->bias;
        return NULL;
    }
    target_core_binary_let_go(binary);
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND,
                            missing ? "the symbols of %s, %s among them, are neither in the core nor in a file at hand" : "%s defines no symbol %s",
                            module->path, name);
}

struct spprof_error *target_core_find_section(struct spprof_target *target, const struct spprof_module *module, const char *name, uint64_t *address,
                                              uint64_t *size)
{
    const struct elf_file *file = module_file(core_of(target), module);
    bool missing = file == NULL;
    if (!missing && target_elf_file_find_section(file, name, address, size)) {
        *address += module->bias;
        return NULL;
    }
    target_core_binary_let_go(module->private_data);
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND, missing ? "the sections of %s, %s among them, are in no file at hand" : "%s has no section %s",
                            module->path, name);
}

struct spprof_error *target_core_open_module(struct spprof_target *target, const struct spprof_module *module, int *fd)
{
    const struct elf_file *file = module_file(core_of(target), module);
    *fd = file == NULL ? -1 : fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
    if (*fd >= 0)
        return NULL;
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "cannot open %s: %s", module->path,
                            file == NULL ? "the file that was mapped is not at hand" : strerror(errno));
}
