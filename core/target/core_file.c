#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "target/core_binary.h"
#include "target/core_notes.h"
#include "target/core_segments.h"
#include "target/core_threads.h"
#include "target/decompress.h"
#include "target/elf_file.h"
#include "target/elf_memory.h"
#include "target/modules.h"
#include "target/open_in_root.h"
#include "target/target.h"

/* A range of memory that was mapped from a file. */
struct core_mapping {
    uint64_t start, end, offset;
    size_t binary; /* index */
};

struct core {
    struct spprof_target target; /* first: the operations get a pointer to it */
    const uint8_t *bytes;        /* the file, mapped; NULL: not yet */
    uint64_t size;
    Elf64_Ehdr header;
    struct core_segments segments;
    struct core_notes notes;
    enum core_writer writer;
    bool holds_written_memory; /* some writable memory was dumped */

    struct core_binary_source source;
    char *sysroot, *given_path; /* owned; the source points to them */
    struct elf_file *given;
    struct core_binary *binaries;
    size_t binary_count;
    struct core_mapping *mappings; /* sorted by start; none reaches into the next */
    size_t mapping_count;

    bool has_modules;
    struct spprof_modules modules;
    bool is_quiet; /* a page that is missing now is no problem worth telling */
};

static struct core *core_of(struct spprof_target *target)
{
    return (struct core *)target;
}

/* Reading */

static const struct core_mapping *mapping_at(const struct core *core, uint64_t address)
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
    const struct elf_file *file = core_binary_file(binary, &core->source);
    if (file != NULL && elf_file_read(file, mapping->offset + (address - mapping->start), buffer, size))
        return SPPROF_READ_OK;
    if (!core->is_quiet)
        core_binary_tell(binary, &core->source);
    return SPPROF_READ_NOT_IN_CORE;
}

static size_t least(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

/* Reads as much from address on, up to *size bytes, as lies in one place; *size gets how much that is. */
static enum spprof_read_status read_piece(struct core *core, uint64_t address, void *buffer, size_t *size, bool with_files)
{
    const struct core_segments *segments = &core->segments;
    size_t index = core_segments_below(segments, address);
    const struct core_segment *segment = index < segments->count && address < segments->items[index].end ? &segments->items[index] : NULL;
    if (segment != NULL && address - segment->start < segment->dumped) {
        uint64_t within = address - segment->start;
        *size = least(segment->dumped - within, *size);
        uint64_t offset = segment->offset + within;
        if (offset > core->size || *size > core->size - offset)
            return SPPROF_READ_TRUNCATED;
        memcpy(buffer, core->bytes + offset, *size);
        return SPPROF_READ_OK;
    }
    const struct core_mapping *mapping = mapping_at(core, address);
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

static enum spprof_read_status read_range(struct core *core, uint64_t address, void *buffer, size_t size, bool with_files)
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

static void core_read_many(struct spprof_target *target, struct spprof_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ranges[i].status = read_range(core_of(target), ranges[i].address, ranges[i].buffer, ranges[i].size, true);
}

static bool read_dumped(void *context, uint64_t address, void *buffer, size_t size)
{
    return address <= UINT64_MAX - size && read_range(context, address, buffer, size, false) == SPPROF_READ_OK;
}

/* Mapped files */

static struct spprof_error *add_binary(struct core *core, const char *path, struct core_binary **added)
{
    if ((core->binary_count & (core->binary_count - 1)) == 0) { /* full at each power of two */
        struct core_binary *binaries =
            realloc(core->binaries, (core->binary_count == 0 ? 1 : core->binary_count * 2) * sizeof *binaries);
        if (binaries == NULL)
            return spprof_error_no_memory();
        core->binaries = binaries;
    }
    size_t size;
    struct core_binary binary = {.deleted = path_is_deleted(path, &size)};
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
        core->mappings[core->mapping_count++] = (struct core_mapping){
            .start = file->start, .end = file->end, .offset = file->offset, .binary = core->binary_count - 1};
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
    size_t first = base == 0 ? segments->count : core_segments_below(segments, base);
    for (size_t i = first; i < segments->count && segments->items[i].start - base < LINKER_SEARCH_MAX; i++) {
        const struct core_segment *segment = &segments->items[i];
        uint64_t size = segment->dumped < LINKER_SEARCH_MAX ? segment->dumped : LINKER_SEARCH_MAX;
        if (segment->offset > core->size || size > core->size - segment->offset || !segment->writable)
            continue;
        for (uint64_t at = BASE; at + sizeof base <= size; at += sizeof base) {
            const uint8_t *candidate = core->bytes + segment->offset + at - BASE;
            uint32_t version;
            memcpy(&version, candidate + VERSION, sizeof version);
            if (version >= 1 && version <= 2 && memcmp(candidate + BASE, &base, sizeof base) == 0)
                return segment->start + at - BASE;
        }
    }
    return 0;
}

/* The path of the executable where no mapped file tells it, owned by the caller; NULL where nothing does. */
static char *path_from_stack(const struct core *core)
{
    char *path = core->notes.at_execfn == 0 ? NULL : elf_read_string(&core->source.dumped, core->notes.at_execfn);
    if (path != NULL && path[0] != '\0')
        return path;
    free(path);
    size_t size = strcspn(core->notes.arguments, " ");
    return size == 0 ? NULL : strndup(core->notes.arguments, size);
}

static struct spprof_error *add_linked_binaries(struct core *core)
{
    CLEANUP_FREE char *main_path = path_from_stack(core);
    CLEANUP(elf_object_free) struct elf_object main_object = {0};
    CLEANUP(elf_links_free) struct elf_links links = {0};
    const struct elf_reader *reader = &core->source.dumped;
    uint64_t main_start = core->notes.at_phdr & ~(uint64_t)(FILE_PAGE - 1); /* the headers stand in the first page */
    struct core_binary *binary;

    uint64_t r_debug = elf_object_read(reader, main_start, &main_object) ? elf_object_r_debug(reader, &main_object) : 0;
    TRY(elf_links_read(reader, r_debug == 0 ? search_r_debug(core) : r_debug, &links));
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
    struct core_mapping *mappings = realloc(core->mappings, (core->mapping_count + 1) * sizeof *mappings);
    if (mappings == NULL)
        return spprof_error_no_memory();
    core->mappings = mappings;
    mappings[core->mapping_count++] = *mapping;
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
    size_t i = core_segments_below(&core->segments, start);
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
    CLEANUP(elf_object_free) struct elf_object object = {0};
    if (elf_object_read(&core->source.dumped, binary->start, &object))
        return map_segments(core, index, &object);
    const struct elf_file *file = core_binary_file(binary, &core->source);
    struct elf_object shape = file == NULL ? object : file->object; /* borrows the segments */
    if (file != NULL && elf_object_place(&shape, binary->start))
        return map_segments(core, index, &shape);
    return map_joined_segments(core, index);
}

static struct spprof_error *find_mapped_files(struct core *core)
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

/* Modules */

/* Lays the mapped files over the segments: a piece for each range that lies in the same ones. Returns the number of pieces. */
static size_t address_space(const struct core *core, struct address_mapping *pieces)
{
    size_t count = 0;
    size_t i = 0;
    size_t j = 0;
    uint64_t at = 0;
    while (i < core->segments.count || j < core->mapping_count) {
        const struct core_segment *segment = i < core->segments.count ? &core->segments.items[i] : NULL;
        const struct core_mapping *mapping = j < core->mapping_count ? &core->mappings[j] : NULL;
        if (segment != NULL && segment->end <= at) {
            i++;
            continue;
        }
        if (mapping != NULL && mapping->end <= at) {
            j++;
            continue;
        }
        uint64_t segment_start = segment == NULL ? UINT64_MAX : segment->start;
        uint64_t mapping_start = mapping == NULL ? UINT64_MAX : mapping->start;
        uint64_t start = segment_start < mapping_start ? segment_start : mapping_start;
        if (at < start)
            at = start;
        bool in_segment = segment_start <= at;
        bool in_mapping = mapping_start <= at;
        uint64_t segment_limit = in_segment ? segment->end : segment_start;
        uint64_t mapping_limit = in_mapping ? mapping->end : mapping_start;
        uint64_t end = segment_limit < mapping_limit ? segment_limit : mapping_limit;
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
        at = end;
    }
    return count;
}

/* Adds to the modules what the binaries know better. */
static void finish_modules(struct core *core)
{
    for (size_t i = 0; i < core->modules.count; i++) {
        struct spprof_module *module = &core->modules.items[i];
        struct core_binary *binary = &core->binaries[mapping_at(core, module->start)->binary];
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
    struct spprof_error *error = modules_build(&core->target, pieces, count, entry, &core->modules);
    core->is_quiet = false;
    if (error == NULL)
        finish_modules(core);
    return error;
}

static struct spprof_error *core_modules(struct spprof_target *target, const struct spprof_modules **modules)
{
    struct core *core = core_of(target);
    if (!core->has_modules)
        TRY(build_modules(core));
    core->has_modules = true;
    *modules = &core->modules;
    return NULL;
}

static bool looks_like_python(const struct core_binary *binary)
{
    const char *slash = strrchr(binary->path, '/');
    const char *name = slash == NULL ? binary->path : slash + 1;
    return binary->main || strncmp(name, "python", 6) == 0 || strncmp(name, "libpython", 9) == 0;
}

/* The file of a module; where that of an interpreter is not at hand, the user must know. */
static const struct elf_file *module_file(struct core *core, const struct spprof_module *module)
{
    struct core_binary *binary = module->private_data;
    const struct elf_file *file = core_binary_file(binary, &core->source);
    if (file == NULL && looks_like_python(binary))
        core_binary_tell(binary, &core->source);
    return file;
}

static struct spprof_error *core_find_symbol(struct spprof_target *target, const struct spprof_module *module, const char *name, uint64_t *address)
{
    struct core *core = core_of(target);
    CLEANUP(elf_object_free) struct elf_object object = {0};
    enum elf_lookup in_core = ELF_UNKNOWN;
    if (elf_object_read(&core->source.dumped, module->start, &object))
        in_core = elf_object_find_symbol(&core->source.dumped, &object, name, address);
    if (in_core == ELF_FOUND)
        return NULL;
    const struct elf_file *file = in_core == ELF_ABSENT ? core_binary_file(module->private_data, &core->source) : module_file(core, module);
    if (file != NULL && elf_file_find_symbol(file, name, address)) {
        *address += module->bias;
        return NULL;
    }
    if (file == NULL && in_core == ELF_UNKNOWN)
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "the symbols of %s are neither in the core nor in a file at hand", module->path);
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "%s defines no symbol %s", module->path, name);
}

static struct spprof_error *core_find_section(struct spprof_target *target, const struct spprof_module *module, const char *name,
                                              uint64_t *address, uint64_t *size)
{
    const struct elf_file *file = module_file(core_of(target), module);
    if (file == NULL || !elf_file_find_section(file, name, address, size))
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, file == NULL ? "the file %s is not at hand: its section %s cannot be found"
                                                                     : "%s has no section %s",
                                module->path, name);
    *address += module->bias;
    return NULL;
}

static struct spprof_error *core_open_module(struct spprof_target *target, const struct spprof_module *module, int *fd)
{
    const struct elf_file *file = module_file(core_of(target), module);
    *fd = file == NULL ? -1 : fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
    if (*fd >= 0)
        return NULL;
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "cannot open %s: %s", module->path,
                            file == NULL ? "the file that was mapped is not at hand" : strerror(errno));
}

static struct spprof_error *core_open_path(struct spprof_target *target, const char *path, int *fd, int64_t *started_at)
{
    *started_at = 0;
    return open_in_root(core_of(target)->sysroot, path, fd);
}

static struct spprof_error *core_threads(struct spprof_target *target, struct spprof_native_threads *threads)
{
    struct core *core = core_of(target);
    const struct core_notes *notes = &core->notes;
    struct elf_reader reader = elf_target_reader(target);
    *threads = (struct spprof_native_threads){0};
    threads->items = calloc(notes->thread_count == 0 ? 1 : notes->thread_count, sizeof *threads->items);
    if (threads->items == NULL)
        return spprof_error_no_memory();
    threads->count = notes->thread_count;
    core->is_quiet = true; /* the code of a thread tells a little more of it, and is not worth a problem */
    for (size_t i = 0; i < notes->thread_count; i++)
        core_thread_describe(notes, i, core->source.machine, core->writer, &reader, &threads->items[i]);
    core->is_quiet = false;
    return NULL;
}

static void core_close(struct spprof_target *target)
{
    struct core *core = core_of(target);
    modules_free(&core->modules);
    for (size_t i = 0; i < core->binary_count; i++)
        core_binary_free(&core->binaries[i]);
    free(core->binaries);
    free(core->mappings);
    elf_file_close(core->given);
    core_notes_free(&core->notes);
    core_segments_free(&core->segments);
    if (core->bytes != NULL)
        munmap((void *)(uintptr_t)core->bytes, core->size);
    free(core->sysroot);
    free(core->given_path);
    free(core);
}

static const struct spprof_target_ops core_ops = {
    .read_many = core_read_many,
    .threads = core_threads,
    .modules = core_modules,
    .find_symbol = core_find_symbol,
    .find_section = core_find_section,
    .open_module = core_open_module,
    .open_file = core_open_path,
    .close = core_close,
};

/* Opening */

/* Opens the file itself; a device or a FIFO is no core. */
static struct spprof_error *open_core_file(const char *path, int *fd)
{
    struct stat status;
    *fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (*fd < 0 && (errno == EACCES || errno == EPERM))
        return spprof_error_new(SPPROF_ERROR_PERMISSION,
                                "cannot open core file %s: %s; a core file belongs to the user whose process died: read it as that user or as root",
                                path, strerror(errno));
    if (*fd < 0)
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "cannot open core file %s: %s; with systemd, coredumpctl dump -o FILE extracts one", path,
                                strerror(errno));
    if (fstat(*fd, &status) != 0)
        return spprof_error_new(SPPROF_ERROR_UNREADABLE, "cannot read core file %s: %s", path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "%s is a directory, no core file; give a core file in it", path);
    if (!S_ISREG(status.st_mode))
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "%s is no regular file; save the core to a file first", path);
    if (status.st_size == 0)
        return spprof_error_new(SPPROF_ERROR_BAD_FILE,
                                "core file %s is empty; was there room on the disk, and is the limit of core files (ulimit -c) high enough?", path);
    return NULL;
}

static struct spprof_error *map_file(struct core *core, int fd, const char *path)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return spprof_error_new(SPPROF_ERROR_UNREADABLE, "cannot read core file %s: %s", path, strerror(errno));
    if (status.st_size == 0) /* nothing was compressed; check_header says so */
        return NULL;
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return spprof_error_new(SPPROF_ERROR_UNREADABLE, "cannot map core file %s into memory: %s", path, strerror(errno));
    core->bytes = bytes;
    core->size = (uint64_t)status.st_size;
    return NULL;
}

static struct spprof_error *load_file(struct core *core, const char *path)
{
    CLEANUP_CLOSE int fd = -1;
    CLEANUP_CLOSE int plain = -1;
    TRY(open_core_file(path, &fd));
    if (compression_of(fd) != NULL)
        TRY(decompress(fd, path, &core->target.problems, &plain));
    return map_file(core, plain < 0 ? fd : plain, path);
}

static const char *machine_name(const unsigned char *ident, unsigned machine)
{
    switch (machine) {
    case EM_X86_64: return ident[EI_CLASS] == ELFCLASS32 ? "x86-64 with 32-bit pointers (x32)" : "x86-64";
    case EM_AARCH64: return ident[EI_DATA] == ELFDATA2MSB ? "big-endian aarch64" : "aarch64";
    case EM_386: return "32-bit x86";
    case EM_ARM: return "32-bit ARM";
    case EM_S390: return "s390x";
    case EM_PPC64: return "ppc64";
    case EM_PPC: return "32-bit PowerPC";
    case EM_RISCV: return "RISC-V";
    case EM_MIPS: return "MIPS";
    case EM_SPARCV9: return "SPARC";
    case 258: return "LoongArch"; /* EM_LOONGARCH, in newer headers */
    default: return "another machine";
    }
}

/* e_type and e_machine stand at the same place in all kinds of ELF. */
static struct spprof_error *check_header(struct core *core, const char *path)
{
    const Elf64_Ehdr *header = &core->header;
    const unsigned char *ident = header->e_ident;
    if (core->size < sizeof *header || memcmp(core->bytes, ELFMAG, SELFMAG) != 0)
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "%s is no core file: it does not begin as an ELF file%s", path,
                                core->size < sizeof *header ? ", or ends too early" : "");
    memcpy(&core->header, core->bytes, sizeof core->header);
    bool swapped = ident[EI_DATA] == ELFDATA2MSB;
    unsigned type = swapped ? __builtin_bswap16(header->e_type) : header->e_type;
    unsigned machine = swapped ? __builtin_bswap16(header->e_machine) : header->e_machine;
    if (type == ET_EXEC || type == ET_DYN)
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "%s is an executable or a library, no core file; the order is CORE [EXE]", path);
    if (type != ET_CORE)
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "%s is an ELF file, but no core file", path);
    if (ident[EI_CLASS] != ELFCLASS64 || swapped || (machine != EM_X86_64 && machine != EM_AARCH64))
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "%s is a core of %s (ELF machine %u); spprof reads x86-64 and aarch64", path,
                                machine_name(ident, machine), machine);
    if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phoff >= core->size)
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "core file %s has no program headers; it is damaged, or was cut short", path);
    return NULL;
}

static void tell_of_damage(struct core *core, const char *path)
{
    struct spprof_problems *problems = &core->target.problems;
    uint64_t whole = core->segments.whole_size;
    if (whole > core->size)
        spprof_problems_add(problems, "core file %s is truncated: %.1f %% of %" PRIu64 " bytes are there", path,
                            100.0 * (double)core->size / (double)whole, whole);
    if (core->segments.senseless > 0)
        spprof_problems_add(problems, "core file %s is damaged: %zu of its program headers are missing or make no sense", path,
                            core->segments.senseless);
    if (core->notes.thread_count == 0)
        spprof_problems_add(problems, "core file %s tells of no threads: its notes are missing or damaged", path);
}

static enum core_writer writer_of(const struct core *core)
{
    if (core->header.e_shstrndx != SHN_UNDEF) /* the kernel writes no named sections */
        return CORE_BY_DEBUGGER;
    bool has_kernel_notes = core->notes.file_count > 0 || (core->notes.thread_count > 0 && core->notes.threads[0].has_siginfo);
    return has_kernel_notes ? CORE_BY_KERNEL : CORE_BY_EMULATOR;
}

static struct spprof_error *read_headers(struct core *core, const char *path)
{
    TRY(check_header(core, path));
    TRY(core_segments_read(core->bytes, core->size, &core->header, &core->segments));
    for (size_t i = 0; i < core->segments.note_count; i++) {
        const struct core_note_segment *notes = &core->segments.notes[i];
        TRY(core_notes_add(&core->notes, core->bytes + notes->offset, notes->size, core->header.e_machine));
    }
    for (size_t i = 0; i < core->segments.count; i++)
        core->holds_written_memory |= core->segments.items[i].writable && core->segments.items[i].dumped > 0;
    core->writer = writer_of(core);
    tell_of_damage(core, path);
    return NULL;
}

static struct spprof_error *copy_text(const char *text, char **copy)
{
    *copy = text == NULL ? NULL : strdup(text);
    return text != NULL && *copy == NULL ? spprof_error_no_memory() : NULL;
}

/* What the user named must be there: a mistake in it is told at once. */
static struct spprof_error *set_source(struct core *core, const struct spprof_core_options *options)
{
    TRY(copy_text(options == NULL ? NULL : options->sysroot, &core->sysroot));
    TRY(copy_text(options == NULL ? NULL : options->executable, &core->given_path));
    struct stat status;
    if (core->sysroot != NULL && (stat(core->sysroot, &status) != 0 || !S_ISDIR(status.st_mode)))
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "cannot use sysroot %s: it is no directory that can be read", core->sysroot);
    if (core->given_path != NULL) {
        int fd;
        TRY(open_in_root(NULL, core->given_path, &fd));
        TRY(elf_file_open(fd, core->given_path, &core->given));
    }
    core->source = (struct core_binary_source){
        .sysroot = core->sysroot,
        .given = core->given,
        .given_path = core->given_path,
        .machine = core->header.e_machine,
        .dumped = {.read = read_dumped, .context = core},
        .problems = &core->target.problems,
    };
    return NULL;
}

static struct spprof_error *set_target(struct core *core)
{
    struct spprof_target *target = &core->target;
    target->kind = SPPROF_TARGET_CORE;
    target->architecture = core->header.e_machine == EM_X86_64 ? SPPROF_X86_64 : SPPROF_AARCH64;
    target->pointer_size = target->long_size = 8;
    target->pid = core->notes.pid;
    target->signal = core_signal(&core->notes, core->writer);
    for (size_t i = 0; i < core->binary_count; i++)
        if (core->binaries[i].main)
            return copy_text(core->binaries[i].path, &target->executable);
    target->executable = path_from_stack(core);
    return NULL;
}

static struct spprof_error *open_core(struct core *core, const char *path, const struct spprof_core_options *options)
{
    TRY(load_file(core, path));
    TRY(read_headers(core, path));
    TRY(set_source(core, options));
    TRY(find_mapped_files(core));
    return set_target(core);
}

struct spprof_error *spprof_core_open(const char *path, const struct spprof_core_options *options, struct spprof_target **target)
{
    *target = NULL;
    struct core *core = calloc(1, sizeof *core);
    if (core == NULL)
        return spprof_error_no_memory();
    core->target.ops = &core_ops;
    struct spprof_error *error = open_core(core, path, options);
    if (error != NULL) {
        spprof_target_close(&core->target);
        return error;
    }
    *target = &core->target;
    return NULL;
}
