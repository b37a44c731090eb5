/* ELF objects, as a file and as memory, and the notes and lists that stand in them. */
#include <string.h>

#include "target/elf/elf_file.h"
#include "target/elf/elf_memory.h"
#include "targets/target.h"

enum { NOTES_MAX = 1000 };

static const uint64_t base = 0x7f0000000000;

struct memory {
    const uint8_t *bytes;
    size_t size;
};

static bool read_memory(void *context, uint64_t address, void *buffer, size_t size)
{
    const struct memory *memory = context;
    if (address < base || address - base > memory->size || size > memory->size - (address - base))
        return false;
    memcpy(buffer, memory->bytes + (address - base), size);
    return true;
}

static void look_at_file(const uint8_t *input, size_t size)
{
    struct elf_file *file = NULL;
    uint64_t address, length;
    uint8_t bytes[16];
    check_error(target_elf_file_open(file_of(input, size), "input", &file));
    if (file == NULL)
        return;
    REQUIRE(file->build_id_size <= sizeof file->build_id && file->object.segment_count <= ELF_SEGMENT_MAX);
    target_elf_file_find_symbol(file, "_PyRuntime", &address);
    target_elf_file_find_symbol(file, "present", &address);
    target_elf_file_find_section(file, ".PyRuntime", &address, &length);
    if (target_elf_file_read(file, size / 2, bytes, sizeof bytes))
        REQUIRE(size / 2 + sizeof bytes <= size && memcmp(bytes, input + size / 2, sizeof bytes) == 0);
    target_elf_file_close(file);
}

static void look_at_links(const struct elf_reader *reader, uint64_t r_debug)
{
    struct elf_links links = {0};
    check_error(target_elf_links_read(reader, r_debug, &links));
    for (size_t i = 0; i < links.count; i++)
        REQUIRE(links.items[i].path != NULL);
    target_elf_links_free(&links);
}

static void look_at_memory(const uint8_t *input, size_t size)
{
    struct memory memory = {input, size};
    const struct elf_reader reader = {read_memory, &memory};
    struct elf_object object;
    uint8_t build_id[ELF_BUILD_ID_MAX];
    uint64_t address;
    if (!target_elf_object_read(&reader, base, &object))
        return;
    REQUIRE(object.segment_count <= ELF_SEGMENT_MAX && object.start <= object.end);
    REQUIRE(target_elf_object_build_id(&reader, &object, build_id) <= sizeof build_id);
    if (target_elf_object_find_symbol(&reader, &object, "absent", &address) == ELF_FOUND)
        REQUIRE(memmem(input, size, "absent", sizeof "absent") != NULL);
    target_elf_object_find_symbol(&reader, &object, "present", &address);
    look_at_links(&reader, target_elf_object_r_debug(&reader, &object));
    target_elf_object_free(&object);
}

static void look_at_notes(const uint8_t *input, size_t size)
{
    struct elf_note note;
    for (size_t alignment = 4; alignment <= 8; alignment += 4) {
        size_t offset = 0, before = 0;
        for (size_t i = 0; i < NOTES_MAX && target_elf_note_next(input, size, alignment, &offset, &note); i++) {
            REQUIRE(offset > before && note.bytes >= input && note.bytes + note.size <= input + size);
            REQUIRE((const uint8_t *)note.name >= input && (const uint8_t *)note.name + note.name_size <= input + size);
            before = offset;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    look_at_file(input, size);
    look_at_memory(input, size);
    look_at_notes(input, size);
    return 0;
}
