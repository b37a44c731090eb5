/* Small ELF objects and core files, made in the tests, and the places where they are kept. */
#ifndef SPPROF_TESTS_MADE_FILES_H
#define SPPROF_TESTS_MADE_FILES_H

#include <elf.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory of the test's own. */

static char made_directory[] = "/tmp/spprof-test-XXXXXX";

static inline int make_directory(void **state)
{
    (void)state;
    return mkdtemp(made_directory) == NULL ? -1 : 0;
}

static inline int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static inline int remove_directory(void **state)
{
    (void)state;
    return nftw(made_directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* A path in it; valid until the 8th call from now. */
static inline const char *made_path(const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", made_directory, name);
    return path;
}

static inline const char *save_file(const char *name, const void *bytes, size_t size)
{
    const char *path = made_path(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool saved = fd >= 0 && write(fd, bytes, size) == (ssize_t)size;
    if (fd < 0 || close(fd) != 0 || !saved)
        abort();
    return path;
}

/*
 * A shared object of two file pages: headers, build id, symbol table and hash tables in the first (mapped at 0, read and
 * execute), the dynamic section and data in the second (mapped at OBJECT_DATA, writable), and two pages of .bss behind.
 * It defines "present" and refers to "absent".
 */
enum {
    OBJECT_PAGE = 0x1000,
    OBJECT_SIZE = 0x2000, /* of the file */
    OBJECT_DATA = 0x2000,
    OBJECT_END = 0x5000, /* of the memory */
    OBJECT_ENTRY = 0x800,
    OBJECT_PRESENT = 0x2100, /* value of the symbol */
    OBJECT_NOTE = 0x200,
    OBJECT_SYMBOLS = 0x300,
    OBJECT_STRINGS = 0x400,
    OBJECT_SYSV_HASH = 0x500,
    OBJECT_GNU_HASH = 0x600,
    OBJECT_STRINGS_SIZE = 16,
};

struct made_object {
    Elf64_Ehdr header;
    Elf64_Phdr segments[4];
    uint8_t unused_0[OBJECT_NOTE - 64 - 4 * 56];
    struct {
        Elf64_Nhdr header;
        char name[4];
        uint8_t build_id[20];
    } note;
    uint8_t unused_1[OBJECT_SYMBOLS - OBJECT_NOTE - 36];
    Elf64_Sym symbols[3];
    uint8_t unused_2[OBJECT_STRINGS - OBJECT_SYMBOLS - 72];
    char strings[OBJECT_STRINGS_SIZE];
    uint8_t unused_3[OBJECT_SYSV_HASH - OBJECT_STRINGS - OBJECT_STRINGS_SIZE];
    struct {
        uint32_t bucket_count, chain_count, bucket, chains[3];
    } sysv_hash;
    uint8_t unused_4[OBJECT_GNU_HASH - OBJECT_SYSV_HASH - 24];
    struct {
        uint32_t bucket_count, first_symbol, bloom_count, bloom_shift;
        uint64_t bloom;
        uint32_t bucket, chain;
    } gnu_hash;
    uint8_t unused_5[OBJECT_PAGE - OBJECT_GNU_HASH - 32];
    Elf64_Dyn dynamic[8];
    uint8_t data[OBJECT_PAGE - 128];
};
_Static_assert(sizeof(struct made_object) == OBJECT_SIZE, "the parts lie where the headers say");

static inline uint32_t made_gnu_hash(const char *name)
{
    uint32_t hash = 5381;
    while (*name != '\0')
        hash = hash * 33 + (uint8_t)*name++;
    return hash;
}

static inline void make_object(struct made_object *object, uint16_t machine, uint8_t build_id)
{
    memset(object, 0, sizeof *object);
    memcpy(object->header.e_ident, ELFMAG "\2\1\1", 7);
    object->header.e_type = ET_DYN;
    object->header.e_machine = machine;
    object->header.e_version = EV_CURRENT;
    object->header.e_entry = OBJECT_ENTRY;
    object->header.e_phoff = offsetof(struct made_object, segments);
    object->header.e_ehsize = sizeof object->header;
    object->header.e_phentsize = sizeof object->segments[0];
    object->header.e_phnum = 4;
    object->segments[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = OBJECT_PAGE, .p_memsz = OBJECT_PAGE};
    object->segments[1] = (Elf64_Phdr){.p_type = PT_LOAD,
                                       .p_flags = PF_R | PF_W,
                                       .p_offset = OBJECT_PAGE,
                                       .p_vaddr = OBJECT_DATA,
                                       .p_filesz = OBJECT_PAGE,
                                       .p_memsz = OBJECT_END - OBJECT_DATA};
    object->segments[2] = (Elf64_Phdr){
        .p_type = PT_NOTE, .p_offset = OBJECT_NOTE, .p_vaddr = OBJECT_NOTE, .p_filesz = sizeof object->note, .p_memsz = sizeof object->note};
    object->segments[3] = (Elf64_Phdr){
        .p_type = PT_DYNAMIC, .p_offset = OBJECT_PAGE, .p_vaddr = OBJECT_DATA, .p_filesz = sizeof object->dynamic, .p_memsz = sizeof object->dynamic};
    object->note.header = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 20, .n_type = NT_GNU_BUILD_ID};
    memcpy(object->note.name, "GNU", 4);
    memset(object->note.build_id, build_id, sizeof object->note.build_id);
    memcpy(object->strings, "\0absent\0present", OBJECT_STRINGS_SIZE);
    object->symbols[1] = (Elf64_Sym){.st_name = 1, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT)};
    object->symbols[2] = (Elf64_Sym){.st_name = 8, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), .st_shndx = 1, .st_value = OBJECT_PRESENT};
    object->sysv_hash.bucket_count = 1;
    object->sysv_hash.chain_count = 3;
    object->sysv_hash.bucket = 1;
    object->sysv_hash.chains[1] = 2;
    object->gnu_hash.bucket_count = 1;
    object->gnu_hash.first_symbol = 2;
    object->gnu_hash.bloom_count = 1;
    object->gnu_hash.bloom = UINT64_MAX;
    object->gnu_hash.bucket = 2;
    object->gnu_hash.chain = made_gnu_hash("present") | 1;
    object->dynamic[0] = (Elf64_Dyn){.d_tag = DT_HASH, .d_un.d_ptr = OBJECT_SYSV_HASH};
    object->dynamic[1] = (Elf64_Dyn){.d_tag = DT_GNU_HASH, .d_un.d_ptr = OBJECT_GNU_HASH};
    object->dynamic[2] = (Elf64_Dyn){.d_tag = DT_SYMTAB, .d_un.d_ptr = OBJECT_SYMBOLS};
    object->dynamic[3] = (Elf64_Dyn){.d_tag = DT_STRTAB, .d_un.d_ptr = OBJECT_STRINGS};
    object->dynamic[4] = (Elf64_Dyn){.d_tag = DT_STRSZ, .d_un.d_val = OBJECT_STRINGS_SIZE};
    memcpy(object->data, "the data", 9);
}

/* A core file. */

struct made_core {
    Elf64_Ehdr header;
    Elf64_Phdr *loads;
    const void **contents;
    size_t load_count;
    uint8_t notes[1 << 16];
    size_t notes_size;
};

static inline struct made_core *make_core(uint16_t machine)
{
    struct made_core *core = calloc(1, sizeof *core);
    memcpy(core->header.e_ident, ELFMAG "\2\1\1", 7);
    core->header.e_type = ET_CORE;
    core->header.e_machine = machine;
    core->header.e_version = EV_CURRENT;
    core->header.e_phoff = sizeof core->header;
    core->header.e_ehsize = sizeof core->header;
    core->header.e_phentsize = sizeof(Elf64_Phdr);
    return core;
}

static inline void free_core(struct made_core *core)
{
    free(core->loads);
    free(core->contents);
    free(core);
}

/* Adds memory_size bytes at address, of which file_size are in the file. contents must live until the core is saved. */
static inline void add_load(struct made_core *core, uint64_t address, uint64_t memory_size, uint32_t flags, const void *contents, uint64_t file_size)
{
    if ((core->load_count & (core->load_count - 1)) == 0) { /* full at each power of two */
        size_t room = core->load_count == 0 ? 1 : core->load_count * 2;
        core->loads = realloc(core->loads, room * sizeof *core->loads);
        core->contents = realloc(core->contents, room * sizeof *core->contents);
        if (core->loads == NULL || core->contents == NULL)
            abort();
    }
    core->loads[core->load_count] =
        (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = flags, .p_vaddr = address, .p_memsz = memory_size, .p_filesz = file_size};
    core->contents[core->load_count++] = contents;
}

static inline void add_note(struct made_core *core, const char *name, uint32_t type, const void *bytes, size_t size)
{
    uint32_t name_size = (uint32_t)strlen(name) + 1;
    Elf64_Nhdr header = {.n_namesz = name_size, .n_descsz = (uint32_t)size, .n_type = type};
    memcpy(core->notes + core->notes_size, &header, sizeof header);
    memcpy(core->notes + core->notes_size + sizeof header, name, name_size);
    core->notes_size += sizeof header + (name_size + 3) / 4 * 4;
    memcpy(core->notes + core->notes_size, bytes, size);
    core->notes_size += (size + 3) / 4 * 4;
}

/* NT_PRSTATUS. registers: 27 words on x86-64, 34 on aarch64. */
static inline void add_thread(struct made_core *core, int32_t tid, int16_t signal, const uint64_t *registers)
{
    uint8_t status[392] = {0};
    size_t size = core->header.e_machine == EM_X86_64 ? 27 * 8 : 34 * 8;
    memcpy(status + 12, &signal, sizeof signal);
    memcpy(status + 32, &tid, sizeof tid);
    memcpy(status + 112, registers, size);
    add_note(core, "CORE", NT_PRSTATUS, status, 112 + size + 8);
}

static inline void add_process(struct made_core *core, int32_t pid, const char *name, const char *arguments)
{
    uint8_t information[136] = {0};
    memcpy(information + 24, &pid, sizeof pid);
    memcpy(information + 40, name, strlen(name));
    memcpy(information + 56, arguments, strlen(arguments));
    add_note(core, "CORE", NT_PRPSINFO, information, sizeof information);
}

static inline void add_signal(struct made_core *core, int32_t number, int32_t code, uint64_t address)
{
    uint8_t information[128] = {0};
    memcpy(information, &number, sizeof number);
    memcpy(information + 8, &code, sizeof code);
    memcpy(information + 16, &address, sizeof address);
    add_note(core, "CORE", NT_SIGINFO, information, sizeof information);
}

struct made_mapping {
    uint64_t start, end, page; /* page: of the file */
    const char *path;
};

static inline void add_files(struct made_core *core, const struct made_mapping *mappings, size_t count)
{
    uint64_t words[2 + 3 * 64] = {count, OBJECT_PAGE};
    uint8_t note[8192];
    size_t size = (2 + 3 * count) * 8;
    for (size_t i = 0; i < count; i++)
        memcpy(words + 2 + 3 * i, &mappings[i], 24);
    memcpy(note, words, size);
    for (size_t i = 0; i < count; i++) {
        strcpy((char *)note + size, mappings[i].path);
        size += strlen(mappings[i].path) + 1;
    }
    add_note(core, "CORE", NT_FILE, note, size);
}

/* The bytes of the file, owned by the caller: ELF header, program headers, notes, memory. Fills e_phnum and the offsets. */
static inline uint8_t *core_bytes(struct made_core *core, size_t *size)
{
    size_t count = core->load_count + 1;
    bool extended = count >= PN_XNUM;
    size_t at = sizeof core->header + count * sizeof(Elf64_Phdr) + (extended ? sizeof(Elf64_Shdr) : 0);
    Elf64_Phdr notes = {.p_type = PT_NOTE, .p_offset = at, .p_filesz = core->notes_size};
    at += core->notes_size;
    for (size_t i = 0; i < core->load_count; i++) {
        core->loads[i].p_offset = at;
        at += core->contents[i] == NULL ? 0 : core->loads[i].p_filesz;
    }
    uint8_t *bytes = calloc(1, at);
    if (bytes == NULL)
        abort();
    core->header.e_phnum = (uint16_t)(extended ? PN_XNUM : count);
    if (extended) {
        Elf64_Shdr section = {.sh_info = (uint32_t)count};
        core->header.e_shoff = sizeof core->header + count * sizeof(Elf64_Phdr);
        core->header.e_shnum = 1;
        memcpy(bytes + core->header.e_shoff, &section, sizeof section);
    }
    memcpy(bytes, &core->header, sizeof core->header);
    memcpy(bytes + sizeof core->header, &notes, sizeof notes);
    if (core->load_count > 0)
        memcpy(bytes + sizeof core->header + sizeof notes, core->loads, core->load_count * sizeof *core->loads);
    memcpy(bytes + notes.p_offset, core->notes, core->notes_size);
    for (size_t i = 0; i < core->load_count; i++)
        if (core->contents[i] != NULL)
            memcpy(bytes + core->loads[i].p_offset, core->contents[i], core->loads[i].p_filesz);
    *size = at;
    return bytes;
}

/* Saves the core under this name, and forgets it. */
static inline const char *save_core(struct made_core *core, const char *name)
{
    size_t size;
    uint8_t *bytes = core_bytes(core, &size);
    const char *path = save_file(name, bytes, size);
    free(bytes);
    free_core(core);
    return path;
}

#endif
