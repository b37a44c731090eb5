#include "target/elf/elf_file.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "target/read_at.h"

bool target_elf_file_read(const struct elf_file *file, uint64_t offset, void *buffer, size_t size)
{
    return target_read_at(file->fd, offset, buffer, size);
}

bool target_elf_file_read_linked(const struct elf_file *file, uint64_t address, void *buffer, size_t size)
{
    for (size_t i = 0; i < file->object.segment_count; i++) {
        const Elf64_Phdr *segment = &file->object.segments[i];
        uint64_t within = address - segment->p_vaddr; /* wraps where the address is lower, and then exceeds p_filesz */
        if (segment->p_type == PT_LOAD && within < segment->p_filesz && size <= segment->p_filesz - within)
            return target_elf_file_read(file, segment->p_offset + within, buffer, size);
    }
    return false;
}

/* Serves the file as the loader would lay it out, at the addresses it was linked for. */
static bool read_as_loaded(void *context, uint64_t address, void *buffer, size_t size)
{
    return target_elf_file_read_linked(context, address, buffer, size);
}

static struct elf_reader file_reader(const struct elf_file *file)
{
    union {
        const struct elf_file *in;
        void *out;
    } context = {.in = file}; /* the reader of a file changes nothing */
    return (struct elf_reader){.read = read_as_loaded, .context = context.out};
}

/* The program headers, widened where the file is one of 32 bits. */
static bool read_segments(struct elf_file *file)
{
    size_t count;
    if (elf_getphdrnum(file->elf, &count) != 0 || count > ELF_SEGMENT_MAX)
        return false;
    file->object.segments = calloc(count == 0 ? 1 : count, sizeof *file->object.segments);
    if (file->object.segments == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        if (gelf_getphdr(file->elf, (int)i, &file->object.segments[i]) == NULL)
            return false;
    file->object.segment_count = count;
    return true;
}

static struct spprof_error *bad_elf(const char *path, const char *reason)
{
    return spprof_error_new(SPPROF_ERROR_BAD_FILE, "cannot read %s as an ELF file: %s", path, reason);
}

static struct spprof_error *read_headers(struct elf_file *file, const char *path)
{
    /* Not mapped: libelf then reads the few parts it is asked for, and a file that shrinks meanwhile is an error, not a SIGBUS. */
    file->elf = elf_begin(file->fd, ELF_C_READ, NULL);
    if (file->elf == NULL)
        return bad_elf(path, elf_errmsg(-1));
    if (elf_kind(file->elf) != ELF_K_ELF)
        return bad_elf(path, "it does not begin as one");
    GElf_Ehdr header;
    if (gelf_getehdr(file->elf, &header) == NULL)
        return bad_elf(path, elf_errmsg(-1));
    if (!read_segments(file))
        return bad_elf(path, "its program headers are damaged");
    file->class = header.e_ident[EI_CLASS];
    file->object.type = header.e_type;
    file->object.machine = header.e_machine;
    file->object.entry = header.e_entry;
    struct elf_reader reader = file_reader(file);
    file->build_id_size = target_elf_object_build_id(&reader, &file->object, file->build_id);
    return NULL;
}

struct spprof_error *target_elf_file_open(int fd, const char *path, struct elf_file **file)
{
    *file = NULL;
    struct elf_file *opened = calloc(1, sizeof *opened);
    if (opened == NULL) {
        close(fd);
        return spprof_error_no_memory();
    }
    opened->fd = fd;
    elf_version(EV_CURRENT);
    struct spprof_error *error = read_headers(opened, path);
    if (error != NULL) {
        target_elf_file_close(opened);
        return error;
    }
    *file = opened;
    return NULL;
}

void target_elf_file_close(struct elf_file *file)
{
    if (file == NULL)
        return;
    elf_end(file->elf);
    target_elf_object_free(&file->object);
    close(file->fd);
    free(file);
}

/* One pass through a symbol table. */
static bool find_in_table(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, const char *name, uint64_t *value)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t entry = gelf_fsize(elf, ELF_T_SYM, 1, EV_CURRENT);
    if (data == NULL || entry == 0)
        return false;
    size_t count = data->d_size / entry;
    for (size_t i = 0; i < count && i < INT32_MAX; i++) {
        GElf_Sym symbol;
        if (gelf_getsym(data, (int)i, &symbol) == NULL || !target_elf_symbol_has_address(&symbol))
            continue;
        const char *text = elf_strptr(elf, header->sh_link, symbol.st_name);
        if (text != NULL && strcmp(text, name) == 0) {
            *value = symbol.st_value;
            return true;
        }
    }
    return false;
}

static bool find_in_tables(const struct elf_file *file, GElf_Word type, const char *name, uint64_t *value)
{
    for (Elf_Scn *section = NULL; (section = elf_nextscn(file->elf, section)) != NULL;) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) != NULL && header.sh_type == type && find_in_table(file->elf, section, &header, name, value))
            return true;
    }
    return false;
}

static bool is_native_layout(const struct elf_file *file)
{
    const char *ident = elf_getident(file->elf, NULL);
    return file->class == ELFCLASS64 && ident != NULL && ident[EI_DATA] == ELFDATA2LSB;
}

bool target_elf_file_find_symbol(const struct elf_file *file, const char *name, uint64_t *value)
{
    struct elf_reader reader = file_reader(file);
    enum elf_lookup hashed = is_native_layout(file) ? target_elf_object_find_symbol(&reader, &file->object, name, value) : ELF_UNKNOWN;
    if (hashed == ELF_FOUND)
        return true;
    if (hashed == ELF_UNKNOWN && find_in_tables(file, SHT_DYNSYM, name, value))
        return true;
    return find_in_tables(file, SHT_SYMTAB, name, value);
}

bool target_elf_file_find_section(const struct elf_file *file, const char *name, uint64_t *address, uint64_t *size)
{
    size_t names;
    if (elf_getshdrstrndx(file->elf, &names) != 0)
        return false;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(file->elf, section)) != NULL;) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) == NULL || (header.sh_flags & SHF_ALLOC) == 0)
            continue;
        const char *text = elf_strptr(file->elf, names, header.sh_name);
        if (text != NULL && strcmp(text, name) == 0) {
            *address = header.sh_addr;
            *size = header.sh_size;
            return true;
        }
    }
    return false;
}
