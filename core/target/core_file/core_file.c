#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "target/budget.h"
#include "target/core_file/core.h"
#include "target/core_file/decompress.h"
#include "target/elf/elf_file.h"
#include "target/elf/elf_memory.h"
#include "target/modules.h"
#include "target/open_in_root.h"
#include "target/read_at.h"

/* Operations */

static void core_read_many(struct spprof_target *target, struct spprof_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ranges[i].status = target_core_read(core_of(target), ranges[i].address, ranges[i].buffer, ranges[i].size, true);
}

static bool read_dumped(void *context, uint64_t address, void *buffer, size_t size)
{
    return address <= UINT64_MAX - size && target_core_read(context, address, buffer, size, false) == SPPROF_READ_OK;
}

static struct spprof_error *core_threads(struct spprof_target *target, struct spprof_native_threads *threads)
{
    struct core *core = core_of(target);
    const struct core_notes *notes = &core->notes;
    struct elf_reader reader = target_elf_target_reader(target);
    *threads = (struct spprof_native_threads){0};
    threads->items = calloc(notes->thread_count == 0 ? 1 : notes->thread_count, sizeof *threads->items);
    if (threads->items == NULL)
        return spprof_error_no_memory();
    threads->count = notes->thread_count;
    core->is_quiet = true; /* the code of a thread tells a little more of it, and is not worth a problem */
    for (size_t i = 0; i < notes->thread_count; i++)
        target_core_thread_describe(notes, i, core->source.machine, core->writer, &reader, &threads->items[i]);
    core->is_quiet = false;
    return NULL;
}

static void core_close(struct spprof_target *target)
{
    struct core *core = core_of(target);
    target_modules_free(&core->modules);
    for (size_t i = 0; i < core->binary_count; i++)
        target_core_binary_free(&core->binaries[i]);
    free(core->binaries);
    free(core->mappings);
    free(core->regions);
    target_elf_file_close(core->given);
    target_core_notes_free(&core->notes);
    target_core_segments_free(&core->segments);
    for (size_t i = 0; i < CORE_NOTE_SEGMENTS_MAX; i++)
        free(core->note_bytes[i]);
    if (core->fd >= 0)
        close(core->fd);
    free(core->path);
    free(core->sysroot);
    free(core->given_path);
    free(core);
}

static const struct spprof_target_ops core_ops = {
    .read_many = core_read_many,
    .threads = core_threads,
    .modules = target_core_modules,
    .regions = target_core_regions,
    .find_symbol = target_core_find_symbol,
    .find_section = target_core_find_section,
    .open_module = target_core_open_module,
    .open_file = target_core_open_path,
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

static struct spprof_error *cannot_read(const char *path, int number)
{
    return spprof_error_new(SPPROF_ERROR_UNREADABLE, "cannot read core file %s: %s", path, target_read_at_reason(number));
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

/* What else describes a process that has died, and what to do with it; NULL: nothing that is known. */
static const char *other_format(const void *head, size_t size)
{
    static const struct {
        const char *magic;
        size_t size;
        const char *text;
    } formats[] = {
        {"ProblemType:", 12,
         "it is a report of apport (Ubuntu), in which a core is packed; 'apport-unpack FILE FOLDER' writes that to FOLDER/CoreDump"},
        {"MDMP", 4,
         "it is a minidump (breakpad, crashpad, Windows), which holds parts of the memory only; lldb opens it, with spprof's plug-in: "
         "'lldb --core FILE', then 'spprof bt all'"},
        {"\xcf\xfa\xed\xfe", 4, "it is a Mach-O file (macOS); lldb opens a core of this kind, with spprof's plug-in: 'lldb --core FILE'"},
        {"PAGEDU64", 8, "it is a crash dump of Windows itself"},
        {"KDUMP   ", 8, "it is a dump of a Linux kernel (kdump), which crash(8) reads"},
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (size >= formats[i].size && memcmp(head, formats[i].magic, formats[i].size) == 0)
            return formats[i].text;
    return NULL;
}

/* e_type and e_machine stand at the same place in all kinds of ELF. */
static struct spprof_error *check_ident(const Elf64_Ehdr *header, const char *path)
{
    const unsigned char *ident = header->e_ident;
    const char *other = other_format(header, sizeof *header);
    if (other != NULL)
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "%s is no core file that spprof reads: %s", path, other);
    if (memcmp(ident, ELFMAG, SELFMAG) != 0)
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "%s is no core file: it does not begin as an ELF file", path);
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
    return NULL;
}

static struct spprof_error *check_header(struct core *core, const char *path)
{
    const Elf64_Ehdr *header = &core->header;
    char magic[SELFMAG];
    bool begins = core->size >= sizeof magic && target_read_at(core->fd, 0, magic, sizeof magic) && memcmp(magic, ELFMAG, SELFMAG) == 0;
    if (core->size < sizeof *header && begins)
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "core file %s was cut short: it ends within its header", path);
    if (core->size < sizeof *header)
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "%s is no core file: it does not begin as an ELF file, or ends too early", path);
    if (!target_read_at(core->fd, 0, &core->header, sizeof core->header))
        return cannot_read(path, errno);
    TRY(check_ident(header, path));
    if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phoff >= core->size)
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "core file %s has no program headers; it is damaged, or was cut short", path);
    return NULL;
}

/* Of a compressed core, before it is written out. */
static struct spprof_error *check_compressed(void *context, const uint8_t *head)
{
    const struct core *core = context;
    Elf64_Ehdr header;
    memcpy(&header, head, sizeof header);
    return check_ident(&header, core->path);
}

/* Where the last segment or section ends that the headers of a core name, and the names of sections behind it. */
static uint64_t end_of_core(void *context, int fd, uint64_t size)
{
    enum { NAMES = 1 << 16 };
    Elf64_Ehdr header;
    struct core_segments segments;
    (void)context;
    if (size < sizeof header || !target_read_at(fd, 0, &header, sizeof header) || header.e_phnum == PN_XNUM || header.e_phoff > INT64_MAX / 2)
        return 0;
    uint64_t headers_end = header.e_phoff + header.e_phnum * sizeof(Elf64_Phdr);
    uint64_t sections_end = header.e_shoff + (uint64_t)header.e_shnum * header.e_shentsize;
    if (size < headers_end)
        return 0;
    struct spprof_error *error = target_core_segments_read(fd, size, &header, &segments);
    uint64_t end = error == NULL ? segments.whole_size : 0;
    spprof_error_free(error);
    target_core_segments_free(&segments);
    end = end < headers_end ? headers_end : end;
    return (sections_end > end && header.e_shoff < INT64_MAX ? sections_end : end) + NAMES;
}

static struct spprof_error *load_file(struct core *core, const char *path)
{
    CLEANUP_CLOSE int compressed = -1;
    struct stat status;
    TRY(open_core_file(path, &core->fd));
    if (fstat(core->fd, &status) != 0)
        return cannot_read(path, errno);
    core->owner = status.st_uid;
    core->owner_group = status.st_gid;
    if (target_compression_of(core->fd) != NULL) {
        compressed = core->fd;
        core->fd = -1;
        const struct decompress_watch watch = {check_compressed, end_of_core, core, target_budget_disk_limit(&core->target.budget)};
        TRY(target_decompress(compressed, path, &watch, &core->target.problems, &core->fd));
    }
    if (fstat(core->fd, &status) != 0)
        return cannot_read(path, errno);
    core->size = (uint64_t)status.st_size;
    return NULL;
}

enum { COUNT_SIZE = 32 };

/* "13,795,328" */
static const char *with_commas(uint64_t number, char text[COUNT_SIZE])
{
    char digits[COUNT_SIZE];
    int count = snprintf(digits, sizeof digits, "%" PRIu64, number), at = 0;
    for (int i = 0; i < count; i++) {
        text[at++] = digits[i];
        if (i + 1 < count && (count - 1 - i) % 3 == 0)
            text[at++] = ',';
    }
    text[at] = '\0';
    return text;
}

/* What could be written, and what of it the core holds. */
static void count_written(const struct core *core, uint64_t *size, uint64_t *dumped)
{
    *size = *dumped = 0;
    for (size_t i = 0; i < core->segments.count; i++) {
        const struct core_segment *segment = &core->segments.items[i];
        *size += segment->writable ? segment->end - segment->start : 0;
        *dumped += segment->writable ? segment->dumped : 0;
    }
}

static void set_lacks(struct core *core, const char *path)
{
    char there[COUNT_SIZE], whole[COUNT_SIZE];
    uint64_t size, dumped;
    count_written(core, &size, &dumped);
    int made = 0;
    if (core->segments.whole_size > core->size)
        made = asprintf(&core->target.lacks,
                        "core file %s was cut short: the file ends after %s of %s bytes. Was there room on the disk, was the limit of core files "
                        "(ulimit -c) high enough, was it copied to its end? What is behind is lost where there is no whole file",
                        path, with_commas(core->size, there), with_commas(core->segments.whole_size, whole));
    else if (dumped < size / 2 || size == 0)
        made = asprintf(&core->target.lacks,
                        "core file %s holds only %s of %s bytes of the memory that the process could write: /proc/PID/coredump_filter, core(5), has "
                        "left the rest out. 'echo 0x33 > /proc/PID/coredump_filter' before the crash lets the next core have it",
                        path, with_commas(dumped, there), with_commas(size, whole));
    if (made < 0)
        core->target.lacks = NULL;
}

static void tell_of_damage(struct core *core, const char *path)
{
    struct spprof_problems *problems = &core->target.problems;
    char there[COUNT_SIZE], whole[COUNT_SIZE];
    if (core->segments.whole_size > core->size)
        spprof_problems_add(problems, "core file %s was cut short: the file ends after %s of %s bytes", path, with_commas(core->size, there),
                            with_commas(core->segments.whole_size, whole));
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

static struct spprof_error *read_notes(struct core *core)
{
    for (size_t i = 0; i < core->segments.note_count; i++) {
        const struct core_note_segment *notes = &core->segments.notes[i];
        core->note_bytes[i] = malloc((size_t)notes->size + 1);
        if (core->note_bytes[i] == NULL)
            return spprof_error_no_memory();
        if (target_core_read_file(core, notes->offset, core->note_bytes[i], (size_t)notes->size))
            TRY(target_core_notes_add(&core->notes, core->note_bytes[i], (size_t)notes->size, core->header.e_machine));
    }
    return NULL;
}

static struct spprof_error *read_headers(struct core *core, const char *path)
{
    TRY(check_header(core, path));
    TRY(target_core_segments_read(core->fd, core->size, &core->header, &core->segments));
    TRY(read_notes(core));
    for (size_t i = 0; i < core->segments.count; i++)
        core->holds_written_memory |= core->segments.items[i].writable && core->segments.items[i].dumped > 0;
    core->writer = writer_of(core);
    tell_of_damage(core, path);
    set_lacks(core, path);
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
        TRY(target_open_in_root(NULL, core->given_path, &fd));
        TRY(target_elf_file_open(fd, core->given_path, &core->given));
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
    target->began_by_exec = core->notes.began_by_exec;
    target->signal = target_core_signal(&core->notes, core->writer);
    for (size_t i = 0; i < core->binary_count; i++)
        if (core->binaries[i].main)
            return copy_text(core->binaries[i].path, &target->executable);
    target->executable = target_core_path_from_stack(core);
    return NULL;
}

static struct spprof_error *open_core(struct core *core, const char *path, const struct spprof_core_options *options)
{
    TRY(load_file(core, path));
    TRY(read_headers(core, path));
    TRY(set_source(core, options));
    TRY(target_core_find_mapped_files(core));
    return set_target(core);
}

struct spprof_error *spprof_core_open(const char *path, const struct spprof_core_options *options, struct spprof_target **target)
{
    *target = NULL;
    struct core *core = calloc(1, sizeof *core);
    if (core == NULL)
        return spprof_error_no_memory();
    core->target.ops = &core_ops;
    core->fd = -1;
    core->path = strdup(path);
    core->target.budget.memory_limit = options == NULL ? 0 : options->memory_limit;
    struct spprof_error *error = core->path == NULL ? spprof_error_no_memory() : open_core(core, path, options);
    if (error != NULL) {
        spprof_target_close(&core->target);
        return error;
    }
    *target = &core->target;
    return NULL;
}
