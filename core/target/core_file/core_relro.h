/*
 * Whether a file is the one that was mapped, by what the dynamic linker has made of its data: for cores that hold neither its header nor its
 * build id, as a core filter without the files' pages leaves them. What is relocated once and read-only from then on (PT_GNU_RELRO) was
 * written, so that the core has it: hundreds of addresses of the library's own functions and tables, which no other build has.
 */
#ifndef SPPROF_TARGET_CORE_RELRO_H
#define SPPROF_TARGET_CORE_RELRO_H

#include <stdbool.h>
#include <stdint.h>

#include "target/elf/elf_file.h"
#include "target/elf/elf_memory.h"

/*
 * start is where the file's ELF header would lie; dumped reads what the core holds. False: it is another file, or there is too little in the
 * core to tell.
 */
bool target_core_relro_proves(const struct elf_file *file, uint64_t start, const struct elf_reader *dumped);

#endif
