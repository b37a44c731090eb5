/*
 * The ELF files that the process of a core had mapped, as far as they are at hand: they hold the pages that the core left
 * out, and the symbols. A file is taken for the mapped one only where its build id is the one in the core, or its relocated data
 * are (core_relro.h). Where the core holds neither to compare with, a file that the user named (the executable, or all below a sysroot) is believed, if its shape fits.
 */
#ifndef SPPROF_TARGET_CORE_BINARY_H
#define SPPROF_TARGET_CORE_BINARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spprof/error.h"
#include "target/elf/elf_file.h"
#include "target/elf/elf_memory.h"

struct core_binary {
    char *path; /* as the process knew it, " (deleted)" removed; owned */
    bool deleted;
    bool main;      /* the executable */
    bool has_start; /* start is known: the address of its ELF header */
    uint64_t start;
    bool has_link; /* the dynamic linker's list has it, with this bias and address of its dynamic section */
    uint64_t bias, dynamic;
    uint64_t entry; /* of the executable, as the kernel noted it; 0: unknown */

    bool tried;
    const struct elf_file *file;  /* NULL: not at hand */
    struct elf_file *owned;       /* file, where this binary opened it */
    struct spprof_error *missing; /* why it is not at hand, with the way out; NULL where it is, or was not looked for */
};

/* Where files are looked for, and what they are compared with. */
struct core_binary_source {
    const char *sysroot;          /* NULL: the paths are those of this machine */
    const struct elf_file *given; /* the executable that the user named, or NULL */
    const char *given_path;
    unsigned machine;
    struct elf_reader dumped; /* reads what is in the core itself */
    struct spprof_problems *problems;
};

/* The file of the binary, or NULL; looked for at the first call only. */
const struct elf_file *target_core_binary_file(struct core_binary *binary, const struct core_binary_source *source);

/* Closes the file, to be opened again at the next call that needs it. A core may name more files than a process can hold open. */
void target_core_binary_let_go(struct core_binary *binary);

/* Whether it may hold an interpreter: the executable, or a file that is named python… or libpython…. */
bool target_core_binary_is_interpreter(const struct core_binary *binary);

/* Puts why the file is not at hand among the problems, once; only of interpreters and extension modules, where Python's data lie. */
void target_core_binary_tell(struct core_binary *binary, const struct core_binary_source *source);

void target_core_binary_free(struct core_binary *binary);

#endif
