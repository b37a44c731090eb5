#include "target/core_file/core_notes.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "target/elf/elf_memory.h"
#include "target/process_flags.h"
#include "target/target.h"

/* Where things are in the kernel's structures; include/linux/elfcore.h, elfcore-compat.h, asm-generic/siginfo.h. */
enum {
    PRSTATUS_SIGNAL = 12,
    PRSTATUS_TID = 32,
    PRSTATUS_REGISTERS = 112,
    PRPSINFO_FLAGS = 8,
    PRPSINFO_USER = 16,
    PRPSINFO_GROUP = 20,
    PRPSINFO_PID = 24,
    PRPSINFO_NAME = 40,
    PRPSINFO_NAME_SIZE = 16,
    PRPSINFO_ARGUMENTS = 56,
    PRPSINFO_ARGUMENTS_SIZE = 80,
    SIGINFO_NUMBER = 0,
    SIGINFO_CODE = 8,
    SIGINFO_ADDRESS = 16,
    X86_64_REGISTERS = 27 * 8,
    AARCH64_REGISTERS = 34 * 8,
};

#ifndef NT_ARM_SYSTEM_CALL
#define NT_ARM_SYSTEM_CALL 0x404
#endif

static uint64_t word_at(const uint8_t *bytes, size_t offset)
{
    uint64_t word;
    memcpy(&word, bytes + offset, sizeof word);
    return word;
}

static int32_t int_at(const uint8_t *bytes, size_t offset)
{
    int32_t value;
    memcpy(&value, bytes + offset, sizeof value);
    return value;
}

size_t target_core_registers_size(unsigned machine)
{
    return machine == EM_X86_64 ? X86_64_REGISTERS : machine == EM_AARCH64 ? AARCH64_REGISTERS : 0;
}

static struct spprof_error *add_thread(struct core_notes *notes, const struct elf_note *note, unsigned machine)
{
    if (note->size < PRSTATUS_REGISTERS + target_core_registers_size(machine))
        return NULL;
    if (!ARRAY_RESERVE(notes->threads, notes->thread_capacity, notes->thread_count + 1))
        return spprof_error_no_memory();
    int16_t signal;
    memcpy(&signal, note->bytes + PRSTATUS_SIGNAL, sizeof signal);
    notes->threads[notes->thread_count++] = (struct core_thread){
        .tid = int_at(note->bytes, PRSTATUS_TID),
        .signal = signal,
        .registers = note->bytes + PRSTATUS_REGISTERS,
    };
    return NULL;
}

static void set_process(struct core_notes *notes, const struct elf_note *note)
{
    if (notes->has_process || note->size < PRPSINFO_ARGUMENTS + PRPSINFO_ARGUMENTS_SIZE)
        return;
    notes->has_process = true;
    notes->pid = int_at(note->bytes, PRPSINFO_PID);
    notes->user = (uint32_t)int_at(note->bytes, PRPSINFO_USER);
    notes->group = (uint32_t)int_at(note->bytes, PRPSINFO_GROUP);
    uint64_t flags = word_at(note->bytes, PRPSINFO_FLAGS);
    notes->began_by_exec = flags != 0 && (flags & FORKED_WITHOUT_EXEC) == 0;
    memcpy(notes->name, note->bytes + PRPSINFO_NAME, PRPSINFO_NAME_SIZE);
    memcpy(notes->arguments, note->bytes + PRPSINFO_ARGUMENTS, PRPSINFO_ARGUMENTS_SIZE);
}

static void set_auxiliary_vector(struct core_notes *notes, const struct elf_note *note)
{
    for (size_t at = 0; note->size - at >= 16; at += 16) {
        uint64_t value = word_at(note->bytes, at + 8);
        switch (word_at(note->bytes, at)) {
        case AT_ENTRY: notes->at_entry = value; break;
        case AT_PHDR: notes->at_phdr = value; break;
        case AT_BASE: notes->at_base = value; break;
        case AT_EXECFN: notes->at_execfn = value; break;
        case AT_NULL: return;
        }
    }
}

static int compare_files(const void *a, const void *b)
{
    const struct core_file_mapping *left = a;
    const struct core_file_mapping *right = b;
    return (left->start > right->start) - (left->start < right->start);
}

/* A count, the unit of offsets, then start, end and offset of each mapping, then their paths, each ended by NUL. */
static struct spprof_error *set_files(struct core_notes *notes, const struct elf_note *note)
{
    enum { HEAD = 16, ENTRY = 24 };
    if (notes->files != NULL || note->size < HEAD)
        return NULL;
    uint64_t count = word_at(note->bytes, 0);
    uint64_t unit = word_at(note->bytes, 8);
    if (count == 0 || count > (note->size - HEAD) / ENTRY)
        return NULL;
    notes->files = calloc((size_t)count, sizeof *notes->files);
    if (notes->files == NULL)
        return spprof_error_no_memory();
    const char *path = (const char *)note->bytes + HEAD + count * ENTRY;
    const char *end = (const char *)note->bytes + note->size;
    for (size_t i = 0; i < count; i++) {
        const char *path_end = memchr(path, '\0', (size_t)(end - path));
        if (path_end == NULL)
            break;
        const uint8_t *entry = note->bytes + HEAD + i * ENTRY;
        struct core_file_mapping file = {.start = word_at(entry, 0), .end = word_at(entry, 8), .path = path};
        if (file.start < file.end && !__builtin_mul_overflow(word_at(entry, 16), unit, &file.offset))
            notes->files[notes->file_count++] = file;
        path = path_end + 1;
    }
    qsort(notes->files, notes->file_count, sizeof *notes->files, compare_files);
    return NULL;
}

/* What tells more of the thread whose NT_PRSTATUS came last. */
static void extend_thread(struct core_thread *thread, const struct elf_note *note)
{
    switch (note->type) {
    case NT_SIGINFO:
        if (note->size < SIGINFO_ADDRESS + 8)
            return;
        thread->has_siginfo = true;
        thread->signal_number = int_at(note->bytes, SIGINFO_NUMBER);
        thread->signal_code = int_at(note->bytes, SIGINFO_CODE);
        thread->fault_address = word_at(note->bytes, SIGINFO_ADDRESS);
        break;
    case NT_ARM_TLS:
        if (note->size >= 8)
            thread->tls = note->bytes;
        break;
    case NT_ARM_SYSTEM_CALL:
        if (note->size < 4)
            return;
        thread->has_system_call = true;
        thread->system_call = int_at(note->bytes, 0);
        break;
    }
}

static struct spprof_error *add_note(struct core_notes *notes, const struct elf_note *note, unsigned machine)
{
    switch (note->type) {
    case NT_PRSTATUS: return add_thread(notes, note, machine);
    case NT_FILE: return set_files(notes, note);
    case NT_PRPSINFO: set_process(notes, note); return NULL;
    case NT_AUXV: set_auxiliary_vector(notes, note); return NULL;
    default:
        if (notes->thread_count > 0)
            extend_thread(&notes->threads[notes->thread_count - 1], note);
        return NULL;
    }
}

struct spprof_error *target_core_notes_add(struct core_notes *notes, const uint8_t *bytes, size_t size, unsigned machine)
{
    struct elf_note note;
    for (size_t offset = 0; target_elf_note_next(bytes, size, 4, &offset, &note);) {
        bool known = note.name_size >= 4 && (memcmp(note.name, "CORE", 4) == 0 || memcmp(note.name, "LINU", 4) == 0);
        if (known)
            TRY(add_note(notes, &note, machine));
    }
    return NULL;
}

void target_core_notes_free(struct core_notes *notes)
{
    free(notes->threads);
    free(notes->files);
    *notes = (struct core_notes){0};
}
