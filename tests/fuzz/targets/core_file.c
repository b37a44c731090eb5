/*
 * Core files: headers, notes, mapped files and memory, compressed or not. SPPROF_FUZZ_ROOT names the folder in which the files are that
 * the seeds speak of; nothing outside it is opened.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spprof/report.h"
#include "spprof/session.h"
#include "target/target.h"
#include "targets/target.h"

enum { READS_MAX = 64, MODULES_MAX = 64 };

/* Whether the file ends before memory or notes that its program headers promise: told from the bytes alone. */
static bool is_cut_short(const uint8_t *bytes, size_t size)
{
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    memcpy(&header, bytes, sizeof header);
    for (size_t i = 0; i < header.e_phnum && header.e_phnum != PN_XNUM; i++) {
        uint64_t at = header.e_phoff + i * sizeof segment;
        if (at > size || size - at < sizeof segment)
            return true;
        memcpy(&segment, bytes + at, sizeof segment);
        if ((segment.p_type == PT_LOAD || segment.p_type == PT_NOTE) && segment.p_filesz > 0 &&
            (segment.p_offset > size || segment.p_filesz > size - segment.p_offset))
            return true;
    }
    return false;
}

/* What is read twice is the same, and whole or nothing. */
static void read_at(struct spprof_target *target, uint64_t address)
{
    uint8_t once[64], again[64];
    enum spprof_read_status status = target_try_read(target, address, once, sizeof once);
    REQUIRE(target_try_read(target, address, again, sizeof again) == status);
    REQUIRE(status != SPPROF_READ_OK || memcmp(once, again, sizeof once) == 0);
    REQUIRE(status != SPPROF_READ_PENDING && status != SPPROF_READ_GONE);
}

static void look_at_threads(struct spprof_target *target)
{
    struct spprof_native_threads threads = {0};
    check_error(target->ops->threads(target, &threads));
    for (size_t i = 0; i < threads.count; i++)
        REQUIRE(memchr(threads.items[i].name, '\0', sizeof threads.items[i].name) != NULL);
    spprof_native_threads_free(&threads);
}

static void look_at_module(struct spprof_target *target, const struct spprof_module *module)
{
    uint64_t address, size;
    int fd = -1;
    REQUIRE(module->path != NULL && module->start <= module->end && module->build_id_size <= sizeof module->build_id);
    for (size_t i = 0; i < module->mapping_count; i++)
        REQUIRE(module->mappings[i].start < module->mappings[i].end);
    check_error(target->ops->find_symbol(target, module, "_PyRuntime", &address));
    check_error(target->ops->find_symbol(target, module, "present", &address));
    check_error(target->ops->find_section(target, module, ".PyRuntime", &address, &size));
    check_error(target->ops->open_module(target, module, &fd));
    if (fd >= 0)
        close(fd);
}

static void look_at_modules(struct spprof_target *target)
{
    const struct spprof_modules *modules = NULL;
    check_error(target_modules(target, &modules));
    for (size_t i = 0; i < modules->count && i < MODULES_MAX; i++) {
        look_at_module(target, &modules->items[i]);
        read_at(target, modules->items[i].start);
        read_at(target, modules->items[i].end - 32);
    }
}

/* Where the program headers put memory. */
static void look_at_memory(struct spprof_target *target, const uint8_t *bytes, size_t size)
{
    Elf64_Ehdr header = {0};
    Elf64_Phdr segment;
    if (size < sizeof header)
        return;
    memcpy(&header, bytes, sizeof header);
    for (size_t i = 0; i < header.e_phnum && i < READS_MAX; i++) {
        uint64_t at = header.e_phoff + i * sizeof segment;
        if (at > size || size - at < sizeof segment)
            return;
        memcpy(&segment, bytes + at, sizeof segment);
        read_at(target, segment.p_vaddr);
        read_at(target, segment.p_vaddr + segment.p_filesz - 32);
    }
}

static void look_for_python(struct spprof_target *target)
{
    struct spprof_diagnosis diagnosis;
    struct printed text;
    check_error(spprof_diagnose(target, &diagnosis));
    open_print(&text);
    spprof_report_diagnosis(text.stream, &diagnosis, &(struct spprof_report_options){.color = false});
    close_print(&text, true);
    spprof_diagnosis_free(&diagnosis);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    const struct spprof_core_options options = {.executable = NULL, .sysroot = getenv("SPPROF_FUZZ_ROOT")};
    struct spprof_target *target;
    char path[64];
    REQUIRE(options.sysroot != NULL);
    int fd = file_of(input, size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct spprof_error *error = spprof_core_open(path, &options, &target);
    REQUIRE((error == NULL) == (target != NULL));
    check_error(error);
    if (target != NULL) {
        if (size >= SELFMAG && memcmp(input, ELFMAG, SELFMAG) == 0)
            REQUIRE(!is_cut_short(input, size) || target->problems.count > 0);
        look_at_threads(target);
        look_at_modules(target);
        look_at_memory(target, input, size);
        look_for_python(target);
        check_problems(target);
        spprof_target_close(target);
    }
    close(fd);
    return 0;
}
