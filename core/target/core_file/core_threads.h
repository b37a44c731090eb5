/* What the notes of a core tell of its threads, its signal included. */
#ifndef SPPROF_TARGET_CORE_THREADS_H
#define SPPROF_TARGET_CORE_THREADS_H

#include <stdbool.h>

#include "spprof/target.h"
#include "target/core_file/core_notes.h"
#include "target/elf/elf_memory.h"

/* Who wrote a core decides what its notes mean. */
enum core_writer {
    CORE_BY_KERNEL,   /* the process died of the signal, in the first thread */
    CORE_BY_DEBUGGER, /* gcore: it may well live on */
    CORE_BY_EMULATOR, /* qemu-user: registers are those of the emulated program, and say nothing of system calls */
};

/* The signal that the process died of; 0: it did not, or that is not known. */
int target_core_signal(const struct core_notes *notes, enum core_writer writer);

/* Describes the thread of this index. reader is for its code: on aarch64 the instruction tells whether it waits in a system call. */
void target_core_thread_describe(const struct core_notes *notes, size_t index, unsigned machine, enum core_writer writer,
                                 const struct elf_reader *reader, struct spprof_native_thread *thread);

#endif
