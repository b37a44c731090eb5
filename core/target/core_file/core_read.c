#include <errno.h>
#include <string.h>

#include "target/core_file/core.h"
#include "target/read_at.h"

const struct core_mapping *target_core_mapping_at(const struct core *core, uint64_t address)
{
    size_t low = 0;
    size_t high = core->mapping_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct core_mapping *mapping = &core->mappings[middle];
        if (address < mapping->start)
            high = middle;
        else if (address >= mapping->end)
            low = middle + 1;
        else
            return mapping;
    }
    return NULL;
}

/*
 * Reads what the core left out from the file that was mapped there. The kernel leaves a mapping out where nothing of it was
 * written, so that the file still has its bytes; a core that was told to leave written memory out as well proves nothing.
 */
static enum spprof_read_status read_from_file(struct core *core, const struct core_mapping *mapping, uint64_t address, void *buffer, size_t size)
{
    struct core_binary *binary = &core->binaries[mapping->binary];
    if (!core->holds_written_memory)
        return SPPROF_READ_NOT_IN_CORE;
    const struct elf_file *file = target_core_binary_file(binary, &core->source);
    if (file != NULL && target_elf_file_read(file, mapping->offset + (address - mapping->start), buffer, size))
        return SPPROF_READ_OK;
    if (!core->is_quiet)
        target_core_binary_tell(binary, &core->source);
    return SPPROF_READ_NOT_IN_CORE;
}

bool target_core_read_file(struct core *core, uint64_t offset, void *buffer, size_t size)
{
    if (target_read_at(core->fd, offset, buffer, size))
        return true;
    if (errno == 0)
        spprof_problems_add(&core->target.problems, "core file %s became shorter while it was read: what was cut off is missing here", core->path);
    else
        spprof_problems_add(&core->target.problems, "core file %s could not be read to its end: %s", core->path, strerror(errno));
    return false;
}

static size_t least(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

/* Reads as much from address on, up to *size bytes, as lies in one place; *size gets how much that is. */
static enum spprof_read_status read_piece(struct core *core, uint64_t address, void *buffer, size_t *size, bool with_files)
{
    const struct core_segments *segments = &core->segments;
    size_t index = target_core_segments_below(segments, address);
    const struct core_segment *segment = index < segments->count && address < segments->items[index].end ? &segments->items[index] : NULL;
    if (segment != NULL && address - segment->start < segment->dumped) {
        uint64_t within = address - segment->start;
        *size = least(segment->dumped - within, *size);
        uint64_t offset = segment->offset + within;
        if (offset > core->size || *size > core->size - offset)
            return SPPROF_READ_TRUNCATED;
        return target_core_read_file(core, offset, buffer, *size) ? SPPROF_READ_OK : SPPROF_READ_TRUNCATED;
    }
    const struct core_mapping *mapping = target_core_mapping_at(core, address);
    if (mapping == NULL)
        return segment == NULL ? SPPROF_READ_UNMAPPED : SPPROF_READ_NOT_IN_CORE;
    if (!with_files)
        return SPPROF_READ_NOT_IN_CORE;
    size_t next = index == segments->count ? 0 : index + 1;
    if (next < segments->count)
        *size = least(segments->items[next].start - address, *size);
    *size = least(mapping->end - address, *size);
    return read_from_file(core, mapping, address, buffer, *size);
}

enum spprof_read_status target_core_read(struct core *core, uint64_t address, void *buffer, size_t size, bool with_files)
{
    uint8_t *bytes = buffer;
    while (size > 0) {
        size_t piece = size;
        enum spprof_read_status status = read_piece(core, address, bytes, &piece, with_files);
        if (status != SPPROF_READ_OK)
            return status;
        address += piece;
        bytes += piece;
        size -= piece;
    }
    return SPPROF_READ_OK;
}
