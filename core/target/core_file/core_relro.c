#include "target/core_file/core_relro.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum {
    RELRO_MAX = 1 << 26,
    RELOCATIONS_MAX = 1 << 22,
    EQUAL_MIN = 24, /* words that are not 0 and as expected: the dynamic section of the smallest program has as many */
    WORD = 8,
};

/* The read-only data after relocation, as the file has them, and word by word what the core has. */
struct relro {
    uint64_t start, bias; /* start: as the file is linked */
    size_t count;
    uint64_t *in_file, *in_core;
    uint8_t *is_linked; /* a word that the dynamic linker takes from elsewhere: it says nothing */
};

static void relro_free(struct relro *relro)
{
    free(relro->in_file);
    free(relro->in_core);
    free(relro->is_linked);
}

static const Elf64_Phdr *find_segment(const struct elf_object *object, uint32_t type)
{
    for (size_t i = 0; i < object->segment_count; i++)
        if (object->segments[i].p_type == type)
            return &object->segments[i];
    return NULL;
}

static bool load(const struct elf_file *file, const struct elf_reader *dumped, struct relro *relro)
{
    const Elf64_Phdr *segment = find_segment(&file->object, PT_GNU_RELRO);
    if (segment == NULL || segment->p_vaddr % WORD != 0 || segment->p_filesz < WORD || segment->p_filesz > RELRO_MAX)
        return false;
    relro->start = segment->p_vaddr;
    relro->count = (size_t)segment->p_filesz / WORD;
    relro->in_file = calloc(relro->count, WORD);
    relro->in_core = calloc(relro->count, WORD);
    relro->is_linked = calloc(relro->count, 1);
    return relro->in_file != NULL && relro->in_core != NULL && relro->is_linked != NULL &&
           target_elf_file_read_linked(file, relro->start, relro->in_file, relro->count * WORD) &&
           dumped->read(dumped->context, relro->bias + relro->start, relro->in_core, relro->count * WORD);
}

/* The place of the word at an address, as the file is linked; relro->count: it is none of these. */
static size_t word_at(const struct relro *relro, uint64_t address)
{
    uint64_t within = address - relro->start;
    return within % WORD == 0 && within / WORD < relro->count ? (size_t)(within / WORD) : relro->count;
}

static bool is_relative(const struct elf_file *file, const Elf64_Rela *relocation)
{
    uint64_t type = ELF64_R_TYPE(relocation->r_info);
    return file->object.machine == EM_X86_64 ? type == R_X86_64_RELATIVE : type == R_AARCH64_RELATIVE;
}

/* Puts into in_file what relocation makes of it. */
static bool relocate(const struct elf_file *file, uint64_t table, uint64_t size, struct relro *relro)
{
    size_t count = (size_t)(size / sizeof(Elf64_Rela));
    if (count == 0 || count > RELOCATIONS_MAX)
        return count == 0;
    CLEANUP_FREE Elf64_Rela *relocations = calloc(count, sizeof *relocations);
    if (relocations == NULL || !target_elf_file_read_linked(file, table, relocations, count * sizeof *relocations))
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t word = word_at(relro, relocations[i].r_offset);
        if (word == relro->count)
            continue;
        relro->is_linked[word] = !is_relative(file, &relocations[i]);
        relro->in_file[word] = relro->bias + (uint64_t)relocations[i].r_addend;
    }
    return true;
}

struct dynamic_facts {
    uint64_t rela, rela_size, plt, plt_size;
};

/* Its own entries lie in these data, too; the debugger's is the dynamic linker's. */
static void read_dynamic(const struct elf_file *file, struct relro *relro, struct dynamic_facts *facts)
{
    const Elf64_Phdr *dynamic = find_segment(&file->object, PT_DYNAMIC);
    size_t first = dynamic == NULL ? relro->count : word_at(relro, dynamic->p_vaddr);
    for (size_t i = first; i + 1 < relro->count && relro->in_file[i] != DT_NULL; i += 2) {
        switch (relro->in_file[i]) {
        case DT_RELA: facts->rela = relro->in_file[i + 1]; break;
        case DT_RELASZ: facts->rela_size = relro->in_file[i + 1]; break;
        case DT_JMPREL: facts->plt = relro->in_file[i + 1]; break;
        case DT_PLTRELSZ: facts->plt_size = relro->in_file[i + 1]; break;
        case DT_DEBUG: relro->is_linked[i + 1] = 1; break;
        }
    }
}

/* The first words of the table of imported functions are the dynamic linker's, too: three, behind the dynamic section's address. */
static bool is_as_expected(const struct relro *relro)
{
    size_t equal = 0, strange = 0;
    for (size_t i = 0; i < relro->count; i++) {
        uint64_t in_file = relro->in_file[i], in_core = relro->in_core[i];
        if (relro->is_linked[i])
            continue;
        if (in_core != in_file && in_core != in_file + relro->bias) /* DT_RELR and glibc add the bias to what is there */
            strange++;
        else
            equal += in_file != 0;
    }
    return equal >= EQUAL_MIN && strange <= 2;
}

bool target_core_relro_proves(const struct elf_file *file, uint64_t start, const struct elf_reader *dumped)
{
    struct elf_object shape = file->object; /* borrows the segments */
    CLEANUP(relro_free) struct relro relro = {0};
    struct dynamic_facts facts = {0};
    if (!target_elf_object_place(&shape, start))
        return false;
    relro.bias = shape.bias;
    if (!load(file, dumped, &relro))
        return false;
    read_dynamic(file, &relro, &facts);
    return relocate(file, facts.rela, facts.rela_size, &relro) && relocate(file, facts.plt, facts.plt_size, &relro) && is_as_expected(&relro);
}
