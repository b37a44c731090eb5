/* An open core file, as its parts see it; core_file.c opens it. */
#ifndef SPPROF_TARGET_CORE_H
#define SPPROF_TARGET_CORE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spprof/target.h"
#include "target/core_file/core_binary.h"
#include "target/core_file/core_notes.h"
#include "target/core_file/core_segments.h"
#include "target/core_file/core_threads.h"

/* A range of memory that was mapped from a file. */
struct core_mapping {
    uint64_t start, end, offset;
    size_t binary; /* index */
};

struct core {
    struct spprof_target target; /* first: the operations get a pointer to it */
    char *path;                  /* of the file, for messages; owned */
    int fd;                      /* the file, decompressed; -1: not open yet */
    uid_t owner;                 /* of the file */
    gid_t owner_group;
    uint64_t size;                               /* when it was opened */
    uint8_t *note_bytes[CORE_NOTE_SEGMENTS_MAX]; /* owned; the notes point into them */
    Elf64_Ehdr header;
    struct core_segments segments;
    struct core_notes notes;
    enum core_writer writer;
    bool holds_written_memory; /* some writable memory was dumped */

    struct core_binary_source source;
    char *sysroot, *given_path; /* owned; the source points to them */
    struct elf_file *given;
    struct core_binary *binaries;
    size_t binary_count, binary_capacity;
    struct core_mapping *mappings; /* sorted by start; none reaches into the next */
    size_t mapping_count;

    bool has_modules;
    struct spprof_modules modules;
    struct spprof_mapping *regions; /* owned; NULL: not asked for yet */
    size_t region_count;
    bool is_quiet; /* a page that is missing now is no problem worth telling */
};

static inline struct core *core_of(struct spprof_target *target)
{
    return (struct core *)target;
}

/* core_read.c */

/* Bytes of the file itself, all or nothing; one that can no longer be read is told among the problems. */
bool target_core_read_file(struct core *core, uint64_t offset, void *buffer, size_t size);

/* Reads from the core, and with_files from the mapped files what the core left out. */
enum spprof_read_status target_core_read(struct core *core, uint64_t address, void *buffer, size_t size, bool with_files);

/* What was mapped from a file at address, or NULL. */
const struct core_mapping *target_core_mapping_at(const struct core *core, uint64_t address);

/* core_mappings.c */

/* Fills binaries and mappings: by NT_FILE, or where there is none by the dynamic linker's list. Errors: NO_MEMORY. */
struct spprof_error *target_core_find_mapped_files(struct core *core);

/* The path of the executable where no mapped file tells it, owned by the caller; NULL where nothing does. */
char *target_core_path_from_stack(const struct core *core);

/*
 * core_sources.c: opens a file that the core names, where both its user and the owner of the core file might: whoever wrote the file may have
 * written anything into it.
 */
struct spprof_error *target_core_open_path(struct spprof_target *target, const char *path, int *fd, int64_t *started_at);

/* core_modules.c: operations of the target */

struct spprof_error *target_core_modules(struct spprof_target *target, const struct spprof_modules **modules);
struct spprof_error *target_core_regions(struct spprof_target *target, const struct spprof_mapping **regions, size_t *count);
struct spprof_error *target_core_find_symbol(struct spprof_target *target, const struct spprof_module *module, const char *name, uint64_t *address);
struct spprof_error *target_core_find_section(struct spprof_target *target, const struct spprof_module *module, const char *name, uint64_t *address,
                                              uint64_t *size);
struct spprof_error *target_core_open_module(struct spprof_target *target, const struct spprof_module *module, int *fd);

#endif
