/*
 * ELF objects as they lie in memory: program headers, build id, dynamic symbols, the dynamic linker's list of objects.
 * Everything is read through a function, so that the memory of a target and a file seen through its program headers are
 * one thing here. Nothing that is read is believed: every size is checked, every loop bounded. ELF64, little-endian.
 */
#ifndef SPPROF_TARGET_ELF_MEMORY_H
#define SPPROF_TARGET_ELF_MEMORY_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spprof/error.h"
#include "spprof/target.h"

/* Reads size bytes at address, all or nothing. */
struct elf_reader {
    bool (*read)(void *context, uint64_t address, void *buffer, size_t size);
    void *context;
};

/* Reads the memory of a target. Borrows it. */
struct elf_reader target_elf_target_reader(struct spprof_target *target);

/* Whether an ELF header lies at the address, and for which machine; UNKNOWN: none lies there, it cannot be read, or it is for another one. */
enum spprof_architecture target_elf_architecture(const struct elf_reader *reader, uint64_t start);

/* Whether what lies at the address can be read, and is no ELF object. */
bool target_elf_is_another_format(const struct elf_reader *reader, uint64_t start);

/* The shape of one object. */
struct elf_object {
    uint64_t start; /* address of its ELF header */
    uint64_t end;   /* behind the last byte of its last PT_LOAD */
    uint64_t bias;  /* address = bias + p_vaddr; 0 for a file */
    uint64_t entry; /* e_entry with the bias; 0: none */
    uint16_t type, machine;
    Elf64_Phdr *segments; /* owned */
    size_t segment_count;
};

enum { ELF_SEGMENT_MAX = 1024, ELF_BUILD_ID_MAX = 64 };

/* Reads the object whose ELF header lies at start; false where there is none, or none of any sense. */
bool target_elf_object_read(const struct elf_reader *reader, uint64_t start, struct elf_object *object);

/* Works out start, end and the bias of an object from its segments, for an ELF header at address start; false where they make no sense. */
bool target_elf_object_place(struct elf_object *object, uint64_t start);

void target_elf_object_free(struct elf_object *object);

/* The PT_DYNAMIC segment, or NULL. */
const Elf64_Phdr *target_elf_object_dynamic(const struct elf_object *object);

/* Copies the build id; returns its size, 0 where there is none or it cannot be read. */
size_t target_elf_object_build_id(const struct elf_reader *reader, const struct elf_object *object, uint8_t build_id[ELF_BUILD_ID_MAX]);

enum elf_lookup {
    ELF_FOUND,
    ELF_ABSENT,  /* the table was read, the symbol is not in it */
    ELF_UNKNOWN, /* there is no table, or it cannot be read */
};

/* Looks a defined dynamic symbol up through its hash table. address gets the bias added. */
enum elf_lookup target_elf_object_find_symbol(const struct elf_reader *reader, const struct elf_object *object, const char *name, uint64_t *address);

/* Whether a symbol is one that has an address of its own in this object: defined, and neither thread-local nor a file's name. */
bool target_elf_symbol_has_address(const Elf64_Sym *symbol);

/* One object in the dynamic linker's list. */
struct elf_link {
    uint64_t bias;    /* l_addr */
    uint64_t dynamic; /* l_ld: address of its dynamic section */
    char *path;       /* l_name, raw bytes; "" for the executable */
};

struct elf_links {
    struct elf_link *items; /* the executable first */
    size_t count, capacity;
};

/* DT_DEBUG of the executable: the address of its r_debug; 0 where there is none. */
uint64_t target_elf_object_r_debug(const struct elf_reader *reader, const struct elf_object *object);

/* Reads the list that the struct r_debug at this address begins; what was read before a break is kept. Empty where there is none. */
struct spprof_error *target_elf_links_read(const struct elf_reader *reader, uint64_t r_debug, struct elf_links *links);
void target_elf_links_free(struct elf_links *links);

/* Reads a string up to its NUL, of at most some 4 KiB; NULL where it cannot be had. Owned by the caller. */
char *target_elf_read_string(const struct elf_reader *reader, uint64_t address);

/* Notes, as they stand in PT_NOTE segments of cores and of objects. */
struct elf_note {
    uint32_t type;
    const char *name; /* name_size bytes, usually with NUL at the end */
    size_t name_size;
    const uint8_t *bytes;
    size_t size;
};

/* Steps to the note at *offset and moves it behind; false at the end or where the rest is no whole note. alignment is 4 or 8. */
bool target_elf_note_next(const uint8_t *bytes, size_t size, size_t alignment, size_t *offset, struct elf_note *note);

#endif
