#include "target/elf/elf_memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "target/target.h"

enum {
    NOTES_MAX = 4096,      /* bytes of one PT_NOTE that are looked at; real ones have some hundred */
    DYNAMIC_MAX = 1024,    /* entries of a dynamic section; real ones have some thirty */
    CHAIN_MAX = 65536,     /* symbols of one hash bucket; real ones have a handful */
    LINKS_MAX = 65536,     /* objects in the dynamic linker's list */
    SYMBOL_NAME_MAX = 256, /* bytes of a name that is looked up */
    PATH_BYTES_MAX = 4096,
};

static bool read_target(void *context, uint64_t address, void *buffer, size_t size)
{
    return target_try_read(context, address, buffer, size) == SPPROF_READ_OK;
}

struct elf_reader target_elf_target_reader(struct spprof_target *target)
{
    return (struct elf_reader){.read = read_target, .context = target};
}

static bool read_bytes(const struct elf_reader *reader, uint64_t address, void *buffer, size_t size)
{
    return reader->read(reader->context, address, buffer, size);
}

/* Program headers */

static bool header_is_sane(const Elf64_Ehdr *header)
{
    return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_ident[EI_DATA] == ELFDATA2LSB &&
           (header->e_type == ET_EXEC || header->e_type == ET_DYN) && header->e_phentsize == sizeof(Elf64_Phdr) && header->e_phnum > 0 &&
           header->e_phnum <= ELF_SEGMENT_MAX;
}

bool target_elf_object_place(struct elf_object *object, uint64_t start)
{
    const Elf64_Phdr *first = NULL;
    uint64_t highest = 0;
    for (size_t i = 0; i < object->segment_count; i++) {
        const Elf64_Phdr *segment = &object->segments[i];
        if (segment->p_type != PT_LOAD)
            continue;
        if (segment->p_memsz > UINT64_MAX - segment->p_vaddr)
            return false;
        if (first == NULL || segment->p_offset < first->p_offset)
            first = segment;
        if (segment->p_vaddr + segment->p_memsz > highest)
            highest = segment->p_vaddr + segment->p_memsz;
    }
    if (first == NULL || first->p_offset > first->p_vaddr)
        return false;

    /* The segment of the lowest file offset is the one that maps the ELF header, which is at offset 0. */
    uint64_t header = first->p_vaddr - first->p_offset;
    if (highest - header > UINT64_MAX - start)
        return false;
    object->start = start;
    object->end = start + (highest - header);
    object->bias = start - header;
    return true;
}

static bool has_magic(const unsigned char *ident)
{
    return memcmp(ident, ELFMAG, SELFMAG) == 0;
}

enum spprof_architecture target_elf_architecture(const struct elf_reader *reader, uint64_t start)
{
    Elf64_Ehdr header;
    if (!read_bytes(reader, start, &header, sizeof header) || !has_magic(header.e_ident))
        return SPPROF_ARCHITECTURE_UNKNOWN;
    return header.e_machine == EM_X86_64 ? SPPROF_X86_64 : header.e_machine == EM_AARCH64 ? SPPROF_AARCH64 : SPPROF_ARCHITECTURE_UNKNOWN;
}

bool target_elf_is_another_format(const struct elf_reader *reader, uint64_t start)
{
    unsigned char ident[SELFMAG];
    return read_bytes(reader, start, ident, sizeof ident) && !has_magic(ident);
}

bool target_elf_object_read(const struct elf_reader *reader, uint64_t start, struct elf_object *object)
{
    *object = (struct elf_object){0};
    Elf64_Ehdr header;
    if (!read_bytes(reader, start, &header, sizeof header) || !header_is_sane(&header))
        return false;
    size_t size = header.e_phnum * sizeof(Elf64_Phdr);
    struct elf_object read = {.type = header.e_type, .machine = header.e_machine, .segment_count = header.e_phnum};
    read.segments = malloc(size);
    if (read.segments == NULL)
        return false;
    if (!read_bytes(reader, start + header.e_phoff, read.segments, size) || !target_elf_object_place(&read, start)) {
        free(read.segments);
        return false;
    }
    read.entry = header.e_entry == 0 ? 0 : read.bias + header.e_entry;
    *object = read;
    return true;
}

void target_elf_object_free(struct elf_object *object)
{
    free(object->segments);
    *object = (struct elf_object){0};
}

char *target_elf_read_string(const struct elf_reader *reader, uint64_t address)
{
    char text[PATH_BYTES_MAX];
    for (size_t size = 0; size < sizeof text;) {
        /* Pieces that never cross a page: the next one may not be mapped. */
        size_t piece = 256 - (size_t)((address + size) % 256);
        if (piece > sizeof text - size)
            piece = sizeof text - size;
        if (!read_bytes(reader, address + size, text + size, piece))
            return NULL;
        if (memchr(text + size, '\0', piece) != NULL)
            return strdup(text);
        size += piece;
    }
    return NULL;
}

/* Build id */

bool target_elf_note_next(const uint8_t *bytes, size_t size, size_t alignment, size_t *offset, struct elf_note *note)
{
    Elf64_Nhdr header;
    if (*offset > size || size - *offset < sizeof header)
        return false;
    memcpy(&header, bytes + *offset, sizeof header);
    /* Both sizes have 32 bits: neither sum can wrap around in 64. */
    uint64_t name = *offset + sizeof header;
    uint64_t content = (name + header.n_namesz + alignment - 1) & ~(uint64_t)(alignment - 1);
    uint64_t end = content + header.n_descsz;
    if (end > size)
        return false;
    *note = (struct elf_note){
        .type = header.n_type,
        .name = (const char *)bytes + name,
        .name_size = header.n_namesz,
        .bytes = bytes + content,
        .size = header.n_descsz,
    };
    uint64_t next = (end + alignment - 1) & ~(uint64_t)(alignment - 1);
    *offset = next < size ? (size_t)next : size;
    return true;
}

static size_t build_id_of_notes(const uint8_t *bytes, size_t size, size_t alignment, uint8_t build_id[ELF_BUILD_ID_MAX])
{
    struct elf_note note;
    for (size_t offset = 0; target_elf_note_next(bytes, size, alignment, &offset, &note);) {
        bool matches =
            note.type == NT_GNU_BUILD_ID && note.name_size == sizeof ELF_NOTE_GNU && memcmp(note.name, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0;
        if (matches && note.size > 0 && note.size <= ELF_BUILD_ID_MAX) {
            memcpy(build_id, note.bytes, note.size);
            return note.size;
        }
    }
    return 0;
}

size_t target_elf_object_build_id(const struct elf_reader *reader, const struct elf_object *object, uint8_t build_id[ELF_BUILD_ID_MAX])
{
    for (size_t i = 0; i < object->segment_count; i++) {
        const Elf64_Phdr *segment = &object->segments[i];
        if (segment->p_type != PT_NOTE)
            continue;
        uint8_t notes[NOTES_MAX];
        size_t size = segment->p_filesz < sizeof notes ? (size_t)segment->p_filesz : sizeof notes;
        if (!read_bytes(reader, object->bias + segment->p_vaddr, notes, size))
            continue;
        size_t found = build_id_of_notes(notes, size, segment->p_align == 8 ? 8 : 4, build_id);
        if (found > 0)
            return found;
    }
    return 0;
}

/* Dynamic section */

struct dynamic {
    uint64_t hash, gnu_hash, symbols, strings, strings_size, r_debug; /* 0: absent */
};

/* glibc adds the bias to these pointers where the section is writable; musl, and every file, leave them as they were linked. */
static uint64_t address_of(const struct elf_object *object, uint64_t pointer)
{
    bool relocated = pointer >= object->start && pointer < object->end;
    return relocated ? pointer : object->bias + pointer;
}

const Elf64_Phdr *target_elf_object_dynamic(const struct elf_object *object)
{
    for (size_t i = 0; i < object->segment_count; i++)
        if (object->segments[i].p_type == PT_DYNAMIC)
            return &object->segments[i];
    return NULL;
}

static void note_entry(const struct elf_object *object, const Elf64_Dyn *entry, struct dynamic *dynamic)
{
    switch (entry->d_tag) {
    case DT_HASH: dynamic->hash = address_of(object, entry->d_un.d_ptr); break;
    case DT_GNU_HASH: dynamic->gnu_hash = address_of(object, entry->d_un.d_ptr); break;
    case DT_SYMTAB: dynamic->symbols = address_of(object, entry->d_un.d_ptr); break;
    case DT_STRTAB: dynamic->strings = address_of(object, entry->d_un.d_ptr); break;
    case DT_STRSZ: dynamic->strings_size = entry->d_un.d_val; break;
    case DT_DEBUG: dynamic->r_debug = entry->d_un.d_ptr; break; /* written at run time: an address in any case */
    }
}

static struct dynamic read_dynamic(const struct elf_reader *reader, const struct elf_object *object)
{
    struct dynamic dynamic = {0};
    const Elf64_Phdr *segment = target_elf_object_dynamic(object);
    Elf64_Dyn entries[DYNAMIC_MAX];
    if (segment == NULL)
        return dynamic;
    uint64_t available = segment->p_filesz / sizeof entries[0];
    size_t count = available < DYNAMIC_MAX ? (size_t)available : DYNAMIC_MAX;
    if (!read_bytes(reader, object->bias + segment->p_vaddr, entries, count * sizeof entries[0]))
        return dynamic;
    for (size_t i = 0; i < count && entries[i].d_tag != DT_NULL; i++)
        note_entry(object, &entries[i], &dynamic);
    return dynamic;
}

uint64_t target_elf_object_r_debug(const struct elf_reader *reader, const struct elf_object *object)
{
    return read_dynamic(reader, object).r_debug;
}

/* Symbols */

bool target_elf_symbol_has_address(const Elf64_Sym *symbol)
{
    switch (ELF64_ST_TYPE(symbol->st_info)) {
    case STT_NOTYPE:
    case STT_OBJECT:
    case STT_FUNC:
    case STT_COMMON:
    case STT_GNU_IFUNC: return symbol->st_shndx != SHN_UNDEF;
    default: return false;
    }
}

struct symbol_search {
    const struct elf_reader *reader;
    const struct elf_object *object;
    struct dynamic dynamic;
    const char *name;
    size_t name_size; /* with the NUL */
};

static bool symbol_matches(const struct symbol_search *search, uint32_t index, uint64_t *address)
{
    Elf64_Sym symbol;
    char name[SYMBOL_NAME_MAX];
    if (!read_bytes(search->reader, search->dynamic.symbols + index * sizeof symbol, &symbol, sizeof symbol) ||
        !target_elf_symbol_has_address(&symbol) || symbol.st_name >= search->dynamic.strings_size ||
        !read_bytes(search->reader, search->dynamic.strings + symbol.st_name, name, search->name_size) ||
        memcmp(name, search->name, search->name_size) != 0)
        return false;
    *address = symbol.st_shndx == SHN_ABS ? symbol.st_value : search->object->bias + symbol.st_value;
    return true;
}

static uint32_t gnu_hash_of(const char *name)
{
    uint32_t hash = 5381;
    for (; *name != '\0'; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

/* The table: four words, a Bloom filter of 64-bit words, buckets, then one word of chain for each symbol from first_symbol on. */
static enum elf_lookup search_gnu_hash(const struct symbol_search *search, uint64_t *address)
{
    struct {
        uint32_t bucket_count, first_symbol, bloom_count, bloom_shift;
    } table;
    const struct elf_reader *reader = search->reader;
    uint64_t bloom = search->dynamic.gnu_hash + sizeof table;
    if (!read_bytes(reader, search->dynamic.gnu_hash, &table, sizeof table) || table.bucket_count == 0 || table.bloom_count == 0)
        return ELF_UNKNOWN;

    uint32_t hash = gnu_hash_of(search->name);
    uint64_t word;
    if (!read_bytes(reader, bloom + (uint64_t)(hash / 64 % table.bloom_count) * 8, &word, sizeof word))
        return ELF_UNKNOWN;
    if ((word >> (hash % 64) & word >> ((hash >> table.bloom_shift % 32) % 64) & 1) == 0)
        return ELF_ABSENT;

    uint64_t buckets = bloom + (uint64_t)table.bloom_count * 8;
    uint64_t chains = buckets + (uint64_t)table.bucket_count * 4;
    uint32_t index;
    if (!read_bytes(reader, buckets + (uint64_t)(hash % table.bucket_count) * 4, &index, sizeof index))
        return ELF_UNKNOWN;
    if (index < table.first_symbol)
        return ELF_ABSENT;
    for (size_t steps = 0; steps < CHAIN_MAX; steps++, index++) {
        uint32_t chain;
        if (!read_bytes(reader, chains + (uint64_t)(index - table.first_symbol) * 4, &chain, sizeof chain))
            return ELF_UNKNOWN;
        if ((chain | 1) == (hash | 1) && symbol_matches(search, index, address))
            return ELF_FOUND;
        if ((chain & 1) != 0)
            return ELF_ABSENT;
    }
    return ELF_UNKNOWN;
}

static uint32_t sysv_hash_of(const char *name)
{
    uint32_t hash = 0;
    for (; *name != '\0'; name++) {
        hash = (hash << 4) + (unsigned char)*name;
        hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
    }
    return hash;
}

static enum elf_lookup search_sysv_hash(const struct symbol_search *search, uint64_t *address)
{
    uint32_t counts[2]; /* of buckets, of chain words */
    const struct elf_reader *reader = search->reader;
    if (!read_bytes(reader, search->dynamic.hash, counts, sizeof counts) || counts[0] == 0)
        return ELF_UNKNOWN;
    uint64_t buckets = search->dynamic.hash + sizeof counts;
    uint64_t chains = buckets + (uint64_t)counts[0] * 4;
    uint64_t next = buckets + (uint64_t)(sysv_hash_of(search->name) % counts[0]) * 4;
    for (size_t steps = 0; steps < CHAIN_MAX; steps++) {
        uint32_t index;
        if (!read_bytes(reader, next, &index, sizeof index))
            return ELF_UNKNOWN;
        if (index == STN_UNDEF)
            return ELF_ABSENT;
        if (index >= counts[1])
            return ELF_UNKNOWN;
        if (symbol_matches(search, index, address))
            return ELF_FOUND;
        next = chains + (uint64_t)index * 4;
    }
    return ELF_UNKNOWN;
}

enum elf_lookup target_elf_object_find_symbol(const struct elf_reader *reader, const struct elf_object *object, const char *name, uint64_t *address)
{
    struct symbol_search search = {
        .reader = reader, .object = object, .dynamic = read_dynamic(reader, object), .name = name, .name_size = strlen(name) + 1};
    if (search.dynamic.symbols == 0 || search.dynamic.strings == 0 || search.name_size > SYMBOL_NAME_MAX)
        return ELF_UNKNOWN;
    enum elf_lookup result = search.dynamic.gnu_hash == 0 ? ELF_UNKNOWN : search_gnu_hash(&search, address);
    if (result == ELF_UNKNOWN && search.dynamic.hash != 0)
        result = search_sysv_hash(&search, address);
    return result;
}

/* The dynamic linker's list */

/* The heads of glibc's and musl's struct r_debug and struct link_map (link.h), for a target of 64 bits whatever the host is. */
struct target_r_debug {
    int32_t version;
    uint64_t map;
};

struct target_link_map {
    uint64_t bias, name, dynamic, next, previous;
};

static struct spprof_error *add_link(struct elf_links *links, const struct elf_reader *reader, const struct target_link_map *map)
{
    if (!ARRAY_RESERVE(links->items, links->capacity, links->count + 1))
        return spprof_error_no_memory();
    char *path = target_elf_read_string(reader, map->name);
    if (path == NULL && (path = strdup("")) == NULL)
        return spprof_error_no_memory();
    links->items[links->count++] = (struct elf_link){.bias = map->bias, .dynamic = map->dynamic, .path = path};
    return NULL;
}

struct spprof_error *target_elf_links_read(const struct elf_reader *reader, uint64_t r_debug, struct elf_links *links)
{
    *links = (struct elf_links){0};
    struct target_r_debug head;
    if (r_debug == 0 || !read_bytes(reader, r_debug, &head, sizeof head) || head.version < 1)
        return NULL;
    uint64_t previous = 0;
    uint64_t next = head.map;
    while (next != 0 && links->count < LINKS_MAX) {
        struct target_link_map map;
        /* Each link must point back at the one before: no list that does can run in a circle. */
        if (!read_bytes(reader, next, &map, sizeof map) || map.previous != previous)
            break;
        struct spprof_error *error = add_link(links, reader, &map);
        if (error != NULL) {
            target_elf_links_free(links);
            return error;
        }
        previous = next;
        next = map.next;
    }
    return NULL;
}

void target_elf_links_free(struct elf_links *links)
{
    for (size_t i = 0; i < links->count; i++)
        free(links->items[i].path);
    free(links->items);
    *links = (struct elf_links){0};
}
