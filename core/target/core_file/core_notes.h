/* The notes of a core file: threads, signal, process, auxiliary vector, mapped files. Linux's forms, of x86-64 and aarch64. */
#ifndef SPPROF_TARGET_CORE_NOTES_H
#define SPPROF_TARGET_CORE_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spprof/error.h"

/* One NT_PRSTATUS, and the notes up to the next one that tell more of the same thread. */
struct core_thread {
    int64_t tid;
    int signal;               /* pr_cursig */
    const uint8_t *registers; /* pr_reg: struct user_regs_struct or user_pt_regs, in the notes' bytes */
    const uint8_t *tls;       /* NT_ARM_TLS: tpidr_el0; NULL: none */
    bool has_system_call;     /* NT_ARM_SYSTEM_CALL is there */
    int32_t system_call;      /* -1: in none */
    bool has_siginfo;
    int32_t signal_code; /* si_code */
    int32_t signal_number;
    uint64_t fault_address; /* si_addr; means something for some signals only */
};

/* One entry of NT_FILE. */
struct core_file_mapping {
    uint64_t start, end, offset;
    const char *path; /* in the notes' bytes */
};

struct core_notes {
    struct core_thread *threads; /* in the order of the notes: first the one that was running or died */
    size_t thread_count, thread_capacity;
    struct core_file_mapping *files; /* sorted by start */
    size_t file_count;
    bool has_process; /* NT_PRPSINFO is there */
    int64_t pid;
    uint32_t user, group;                           /* pr_uid, pr_gid: real ones */
    bool began_by_exec;                             /* the process, not as a copy of its parent; false: unknown, too */
    char name[17];                                  /* pr_fname */
    char arguments[81];                             /* pr_psargs */
    uint64_t at_entry, at_phdr, at_base, at_execfn; /* of NT_AUXV; 0: not there */
};

/* Size of pr_reg for an ELF machine, 0 where the machine is none of those known here. */
size_t target_core_registers_size(unsigned machine);

/*
 * Adds the notes of one PT_NOTE segment; what follows a damaged note is left out. bytes must outlive notes.
 * Errors: NO_MEMORY.
 */
struct spprof_error *target_core_notes_add(struct core_notes *notes, const uint8_t *bytes, size_t size, unsigned machine);
void target_core_notes_free(struct core_notes *notes);

#endif
