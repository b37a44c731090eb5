/* fuzz_seeds FOLDER DWARF: what the fuzzers begin with, a folder for each below FOLDER; DWARF is an ELF file with debug information. */
#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>
#include <stdio.h>

#include "made_files.h"
#include "real_debug_offsets.h"

static const char *folder;

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    perror(what);
    exit(1);
}

static void save_seed(const char *target, const char *name, const void *bytes, size_t size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, target);
    require(mkdir(path, 0777) == 0 || access(path, W_OK) == 0, path);
    snprintf(path, sizeof path, "%s/%s/%s", folder, target, name);
    FILE *file = fopen(path, "wb");
    require(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0, path);
}

/* Compressed files */

static const struct {
    const char *name;
    int (*add)(struct archive *archive);
} compressions[] = {
    {"zstd", archive_write_add_filter_zstd},
    {"lz4", archive_write_add_filter_lz4},
    {"gzip", archive_write_add_filter_gzip},
    {"xz", archive_write_add_filter_xz},
};

static void save_compressed(const char *target, const void *bytes, size_t size)
{
    static uint8_t result[1 << 20];
    for (size_t i = 0; i < sizeof compressions / sizeof *compressions; i++) {
        size_t used = 0;
        struct archive *archive = archive_write_new();
        struct archive_entry *entry = archive_entry_new();
        archive_write_set_bytes_per_block(archive, 0);
        archive_entry_set_filetype(entry, AE_IFREG);
        require(compressions[i].add(archive) == ARCHIVE_OK && archive_write_set_format_raw(archive) == ARCHIVE_OK &&
                    archive_write_open_memory(archive, result, sizeof result, &used) == ARCHIVE_OK &&
                    archive_write_header(archive, entry) == ARCHIVE_OK && archive_write_data(archive, bytes, size) == (la_ssize_t)size &&
                    archive_write_close(archive) == ARCHIVE_OK,
                compressions[i].name);
        archive_entry_free(entry);
        archive_write_free(archive);
        save_seed(target, compressions[i].name, result, used);
    }
}

/* Cores */

static const uint64_t program = 0x555500000000, heap = 0x555600000000;
static struct made_object object;
static uint8_t heap_bytes[2 * OBJECT_PAGE];

static void add_program(struct made_core *core)
{
    const uint64_t vector[] = {AT_ENTRY, program + OBJECT_ENTRY, AT_PHDR, program + 64, AT_NULL, 0};
    const struct made_mapping mappings[] = {
        {program, program + OBJECT_PAGE, 0, "/program"},
        {program + OBJECT_DATA, program + OBJECT_DATA + OBJECT_PAGE, 1, "/program"},
    };
    add_note(core, "CORE", NT_AUXV, vector, sizeof vector);
    add_files(core, mappings, 2);
    add_load(core, program, OBJECT_PAGE, PF_R | PF_X, &object, OBJECT_PAGE);
    add_load(core, program + OBJECT_DATA, OBJECT_PAGE, PF_R | PF_W, NULL, 0);
    add_load(core, program + OBJECT_DATA + OBJECT_PAGE, 2 * OBJECT_PAGE, PF_R | PF_W, heap_bytes, sizeof heap_bytes);
}

static void save_one_core(const char *name, uint16_t machine, bool with_program, bool by_debugger)
{
    const uint64_t registers[34] = {0};
    struct made_core *core = make_core(machine);
    size_t size;
    core->header.e_shstrndx = by_debugger;
    add_thread(core, 100, 6, registers);
    add_signal(core, 6, -6, 0);
    add_process(core, 100, "python3", "python3 -m app");
    add_thread(core, 101, 0, registers);
    add_load(core, heap, sizeof heap_bytes, PF_R | PF_W, heap_bytes, sizeof heap_bytes);
    if (with_program)
        add_program(core);
    uint8_t *bytes = core_bytes(core, &size);
    save_seed("core_file", name, bytes, size);
    if (with_program && !by_debugger)
        save_compressed("core_file", bytes, size);
    if (!with_program)
        save_compressed("decompress", bytes, size);
    free(bytes);
    free_core(core);
}

static void save_cores(void)
{
    make_object(&object, EM_X86_64, 7);
    save_seed("root", "program", &object, sizeof object);
    save_seed("elf", "object", &object, sizeof object);
    save_one_core("plain", EM_X86_64, false, false);
    save_one_core("program", EM_X86_64, true, false);
    save_one_core("gcore", EM_X86_64, true, true);
    save_one_core("aarch64", EM_AARCH64, true, false);
}

/* What stands in files */

/* The last names do not end before their section does. */
static void unend_names(uint8_t *bytes)
{
    static const char first[] = "PyThreadState";
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)bytes;
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(bytes + header->e_shoff);
    const char *names = (const char *)bytes + sections[header->e_shstrndx].sh_offset;
    for (size_t i = 0; i < header->e_shnum; i++) {
        uint8_t *start = bytes + sections[i].sh_offset, *end = start + sections[i].sh_size;
        uint8_t *at = strcmp(names + sections[i].sh_name, ".debug_str") == 0 ? memmem(start, (size_t)(end - start), first, sizeof first) : NULL;
        if (at != NULL)
            memset(at + sizeof first - 1, 'x', (size_t)(end - at) - sizeof first + 1);
    }
}

static void save_dwarf(const char *path)
{
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    require(file != NULL, path);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    save_seed("dwarf", "library", bytes, size);
    save_seed("elf", "library", bytes, size);
    unend_names(bytes);
    save_seed("dwarf", "unended", bytes, size);
}

static void save_debug_offsets(void)
{
    save_seed("debug_offsets", "3.13", python_3_13_0, sizeof python_3_13_0);
    save_seed("debug_offsets", "3.13t", python_3_13_5t, sizeof python_3_13_5t);
    save_seed("debug_offsets", "3.14d", python_3_14_10d, sizeof python_3_14_10d);
    save_seed("debug_offsets", "3.14t", python_3_14_7t, sizeof python_3_14_7t);
    save_seed("debug_offsets", "3.15b1", python_3_15_0b1, sizeof python_3_15_0b1);
    save_seed("debug_offsets", "3.15b3t", python_3_15_0b3t, sizeof python_3_15_0b3t);
    save_seed("debug_offsets", "3.15", python_3_15_2, sizeof python_3_15_2);
    save_seed("debug_offsets", "3.15rc1t", python_3_15_0rc1t, sizeof python_3_15_0rc1t);
}

/* Style, first line, offset, table. The tables are those of small functions of 3.9, 3.10 and 3.11. */
static void save_line_tables(void)
{
    static const uint8_t lnotab[] = {0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 3, 2, 1, 2, 1, 2, 1, 2, 0xff, 2, 0xfe};
    static const uint8_t pep626[] = {1, 1, 0, 0, 0, 6, 0, 0, 0, 2, 0, 4, 1, 6, 0x80, 8, 0xff, 255, 0, 10, 2};
    static const uint8_t pep657[] = {2, 1, 0, 0, 0, 6, 0, 0, 0, 0x80, 0, 0xd8, 4, 8, 0xe0, 4, 5, 0xf0, 5, 2, 3, 4, 0xf8, 0xe9, 3};
    save_seed("line_table", "lnotab", lnotab, sizeof lnotab);
    save_seed("line_table", "pep626", pep626, sizeof pep626);
    save_seed("line_table", "pep657", pep657, sizeof pep657);
}

/* Line, first line, version, size of the bytecode, bytecode (Python/marshal.c: header, ..., first line, line table), source. */
static void save_sources(void)
{
    static const char plain[] = "\2\0\1\6\0\0# -*- coding: latin-1 -*-\n\tname = '\xe9\x1b[31m'\r\nlast";
    static const char marked[] = "\1\0\1\2\0\0\xef\xbb\xbfname = '\xc3\xa9\xe2\x80\xae'\r\n";
    static const char compiled[] = "\1\0\1\2\x1e\0"
                                   "aaaa\0\0\0\0tttt\7\0\0\0"
                                   "\1\0\0\0s\4\0\0\0\x80\0\x81\1"
                                   "x\ny = 1\n";
    save_seed("source", "plain", plain, sizeof plain - 1);
    save_seed("source", "marked", marked, sizeof marked - 1);
    save_seed("source", "compiled", compiled, sizeof compiled - 1);
}

int main(int count, char **arguments)
{
    if (count != 3) {
        fprintf(stderr, "usage: fuzz_seeds FOLDER DWARF\n");
        return 2;
    }
    folder = arguments[1];
    require(mkdir(folder, 0777) == 0 || access(folder, W_OK) == 0, folder);
    save_cores();
    save_dwarf(arguments[2]);
    save_debug_offsets();
    save_line_tables();
    save_sources();
    return 0;
}
