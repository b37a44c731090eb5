/* Facts of one ELF file, by libelf: little of the file is read, and none of its sizes is believed. */
#ifndef SPPROF_TARGET_ELF_FILE_H
#define SPPROF_TARGET_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "target/elf/elf_memory.h"

struct elf_file {
    int fd;                   /* owned */
    struct Elf *elf;          /* libelf's handle */
    unsigned char class;      /* ELFCLASS32, ELFCLASS64 */
    struct elf_object object; /* type, machine, and the program headers as 64-bit ones; bias 0 */
    uint8_t build_id[ELF_BUILD_ID_MAX];
    size_t build_id_size; /* 0: none */
};

/* Takes fd over, also where it fails. path is for the message only. Errors: BAD_FILE where it is no ELF file. */
struct spprof_error *target_elf_file_open(int fd, const char *path, struct elf_file **file);
void target_elf_file_close(struct elf_file *file); /* NULL is allowed */

/* The value (unrelocated address) of a defined symbol, of .dynsym first, then of .symtab; false where there is none. */
bool target_elf_file_find_symbol(const struct elf_file *file, const char *name, uint64_t *value);

/* Unrelocated address and size of a section that is loaded; false where there is none. */
bool target_elf_file_find_section(const struct elf_file *file, const char *name, uint64_t *address, uint64_t *size);

/* Reads size bytes at an address that the file was linked for, all or nothing: what PT_LOAD takes from the file. */
bool target_elf_file_read_linked(const struct elf_file *file, uint64_t address, void *buffer, size_t size);

/* Reads size bytes at an offset, all or nothing. */
bool target_elf_file_read(const struct elf_file *file, uint64_t offset, void *buffer, size_t size);

#endif
