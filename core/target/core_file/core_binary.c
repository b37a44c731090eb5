#include "target/core_file/core_binary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "target/core_file/core_relro.h"
#include "target/open_in_root.h"

/* What the core itself holds of a binary's identity. */
struct identity {
    struct elf_object object; /* no segments: its header is not in the core */
    uint8_t build_id[ELF_BUILD_ID_MAX];
    size_t build_id_size;
};

static void identity_free(struct identity *identity)
{
    target_elf_object_free(&identity->object);
}

static struct identity identity_in_core(const struct core_binary *binary, const struct core_binary_source *source)
{
    struct identity identity = {0};
    if (binary->has_start && target_elf_object_read(&source->dumped, binary->start, &identity.object))
        identity.build_id_size = target_elf_object_build_id(&source->dumped, &identity.object, identity.build_id);
    return identity;
}

enum { HEX_SIZE = 2 * ELF_BUILD_ID_MAX + 1 };

static const char *hex(const uint8_t *bytes, size_t size, char text[HEX_SIZE])
{
    text[0] = '\0';
    for (size_t i = 0; i < size; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return size == 0 ? "none" : text;
}

static bool has_build_id(const struct elf_file *file, const struct identity *identity)
{
    return identity->build_id_size > 0 && file->build_id_size == identity->build_id_size &&
           memcmp(file->build_id, identity->build_id, file->build_id_size) == 0;
}

/* Whether file could be the one that was mapped, by all that is known but the build id. NULL: yes; else why not. */
static const char *misfit(const struct elf_file *file, const struct core_binary *binary, const struct identity *identity)
{
    const struct elf_object *object = &identity->object;
    if (object->segment_count > 0) {
        uint64_t entry = object->entry == 0 ? 0 : object->entry - object->bias;
        bool equal = object->segment_count == file->object.segment_count && entry == file->object.entry &&
                     memcmp(object->segments, file->object.segments, object->segment_count * sizeof *object->segments) == 0;
        return equal ? NULL : "its program headers differ from those in the core";
    }
    if (!binary->has_link)
        return NULL;
    const Elf64_Phdr *dynamic = target_elf_object_dynamic(&file->object);
    if (dynamic == NULL || binary->bias + dynamic->p_vaddr != binary->dynamic)
        return "its dynamic section is not where the core has it";
    if (binary->entry != 0 && binary->bias + file->object.entry != binary->entry)
        return "its entry point is not where the core has it";
    return NULL;
}

static const char *name_of(const struct core_binary *binary)
{
    const char *slash = strrchr(binary->path, '/');
    return slash == NULL ? binary->path : slash + 1;
}

bool target_core_binary_is_interpreter(const struct core_binary *binary)
{
    const char *name = name_of(binary);
    return binary->main || strncmp(name, "python", 6) == 0 || strncmp(name, "libpython", 9) == 0;
}

static bool is_extension_module(const struct core_binary *binary)
{
    const char *name = name_of(binary);
    return strstr(name, ".cpython-") != NULL || strstr(name, ".abi3.") != NULL;
}

/* Where Python's data lie: what is not known of another file costs no stack. */
static bool matters(const struct core_binary *binary)
{
    return target_core_binary_is_interpreter(binary) || is_extension_module(binary);
}

/* Whether file is the one that was mapped: NULL is yes. explicit: the user named it, or the directory that it lies below. */
static struct spprof_error *check(const struct elf_file *file, const char *path, const struct core_binary *binary, const struct identity *identity,
                                  const struct core_binary_source *source, bool explicit)
{
    if (file->object.machine != source->machine || file->class != ELFCLASS64)
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "%s is for another machine", path);
    if (identity->build_id_size > 0) {
        char here[HEX_SIZE];
        char there[HEX_SIZE];
        if (has_build_id(file, identity))
            return NULL;
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "%s is another build: its build id is %s, that in the core %s", path,
                                hex(file->build_id, file->build_id_size, here), hex(identity->build_id, identity->build_id_size, there));
    }
    if (binary->has_start && target_core_relro_proves(file, binary->start, &source->dumped))
        return NULL;
    if (!explicit)
        return spprof_error_new(SPPROF_ERROR_BAD_FILE,
                                "%s may be another build: the core holds no build id to compare with (its pages of files were left out: "
                                "/proc/PID/coredump_filter), and nothing else that proves it",
                                path);
    const char *difference = misfit(file, binary, identity);
    if (difference != NULL)
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "%s is another build: %s", path, difference);
    if (!matters(binary))
        return NULL;
    if (file == source->given)
        spprof_problems_add(source->problems, "%s is used unchecked: the core holds no build id to compare with", path);
    else
        spprof_problems_add(source->problems, "files below %s are used unchecked: the core holds no build ids to compare with", source->sysroot);
    return NULL;
}

/* The executable that the user named serves whatever binary has its build id: with "ld.so python" the executable is ld.so. */
static bool use_given(struct core_binary *binary, const struct core_binary_source *source, const struct identity *identity)
{
    if (source->given == NULL || (!binary->main && !has_build_id(source->given, identity)))
        return false;
    struct spprof_error *error = check(source->given, source->given_path, binary, identity, source, true);
    if (error != NULL) {
        spprof_problems_add(source->problems, "%s", error->message);
        spprof_error_free(error);
        return false;
    }
    binary->file = source->given;
    return true;
}

static void close_file(struct elf_file **file)
{
    target_elf_file_close(*file);
}

/* qemu-user names the program by its path on the host, which lies below the sysroot already. */
static const char *path_below(const char *sysroot, const char *path)
{
    size_t size = sysroot == NULL ? 0 : strlen(sysroot);
    while (size > 0 && sysroot[size - 1] == '/')
        size--;
    return size > 0 && strncmp(path, sysroot, size) == 0 && path[size] == '/' ? path + size : path;
}

static struct spprof_error *use_path(struct core_binary *binary, const struct core_binary_source *source, const struct identity *identity)
{
    int fd;
    CLEANUP(close_file) struct elf_file *file = NULL;
    TRY(target_open_in_root(source->sysroot, path_below(source->sysroot, binary->path), &fd));
    TRY(target_elf_file_open(fd, binary->path, &file));
    TRY(check(file, binary->path, binary, identity, source, source->sysroot != NULL));
    binary->file = binary->owned = file;
    file = NULL;
    return NULL;
}

const struct elf_file *target_core_binary_file(struct core_binary *binary, const struct core_binary_source *source)
{
    if (binary->tried)
        return binary->file;
    binary->tried = true;
    CLEANUP(identity_free) struct identity identity = identity_in_core(binary, source);
    if (!use_given(binary, source, &identity))
        binary->missing = use_path(binary, source, &identity);
    return binary->file;
}

void target_core_binary_let_go(struct core_binary *binary)
{
    if (binary->owned == NULL)
        return;
    target_elf_file_close(binary->owned);
    binary->owned = NULL;
    binary->file = NULL;
    binary->tried = false;
}

void target_core_binary_tell(struct core_binary *binary, const struct core_binary_source *source)
{
    if (binary->missing == NULL || !matters(binary))
        return;
    const char *way_out = binary->main ? "name the executable as EXE behind the core file, or the root directory of its files by --sysroot DIR"
                                       : "name the root directory of its files by --sysroot DIR";
    spprof_problems_add(source->problems, "%s; the core leaves out parts of it: %s", binary->missing->message, way_out);
    spprof_error_free(binary->missing);
    binary->missing = NULL; /* told once */
}

void target_core_binary_free(struct core_binary *binary)
{
    free(binary->path);
    target_elf_file_close(binary->owned);
    spprof_error_free(binary->missing);
}
