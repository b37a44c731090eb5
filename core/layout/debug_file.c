#include "layout/debug_file.h"

#include <elfutils/libdwelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

/* Where Linux distributions put separate debug information; gdb's default too. */
#define DEBUG_DIRECTORY "/usr/lib/debug"

static bool has_build_id(Elf *elf, const uint8_t *id, size_t size)
{
    const void *found;
    ssize_t found_size = dwelf_elf_gnu_build_id(elf, &found);
    return size > 0 && found_size == (ssize_t)size && memcmp(found, id, size) == 0;
}

static bool has_debug_info(Dwarf *dwarf)
{
    Dwarf_CU *unit = NULL;
    return dwarf_get_units(dwarf, NULL, &unit, NULL, NULL, NULL, NULL) == 0;
}

static void end(Dwarf *dwarf)
{
    Elf *elf = dwarf_getelf(dwarf);
    dwarf_end(dwarf);
    elf_end(elf);
}

/*
 * Takes fd over. NULL: there is no debug information in it, or fd is -1. libelf reads the sections and maps none (dwarf_begin would), so
 * that a file that becomes shorter meanwhile is an error, not a SIGBUS.
 */
static Dwarf *begin(int fd)
{
    elf_version(EV_CURRENT);
    Elf *elf = fd >= 0 ? elf_begin(fd, ELF_C_READ, NULL) : NULL;
    Dwarf *dwarf = elf != NULL ? dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;
    if (dwarf != NULL && has_debug_info(dwarf))
        return dwarf;
    dwarf_end(dwarf);
    elf_end(elf);
    if (fd >= 0)
        close(fd);
    return NULL;
}

/* Opens a separate file if it is the right one. */
static Dwarf *open_separate(struct spprof_target *target, const char *path, const uint8_t *id, size_t id_size, int *fd)
{
    int64_t started_at;
    struct spprof_error *error =
        target->ops->open_file != NULL ? target->ops->open_file(target, path, fd, &started_at) : spprof_error_new(SPPROF_ERROR_NOT_FOUND, "no files");
    if (error != NULL) {
        spprof_error_free(error);
        return NULL;
    }
    Dwarf *dwarf = begin(*fd);
    if (dwarf == NULL || has_build_id(dwarf_getelf(dwarf), id, id_size))
        return dwarf;
    end(dwarf);
    close(*fd);
    return NULL;
}

/* Takes path over. */
static bool try_path(struct spprof_target *target, const struct spprof_module *module, char *path, struct debug_file *file)
{
    file->dwarf = path != NULL ? open_separate(target, path, module->build_id, module->build_id_size, &file->fd) : NULL;
    if (file->dwarf == NULL) {
        free(path);
        return false;
    }
    file->path = path;
    return true;
}

/* /usr/lib/debug/.build-id/ab/cdef….debug */
static char *build_id_path(const uint8_t *id, size_t size)
{
    char digits[2 * 64 + 1] = "";
    if (size < 2 || size > 64)
        return NULL;
    for (size_t i = 0; i < size; i++)
        snprintf(digits + 2 * i, 3, "%02x", id[i]);
    return base_text_formatted(DEBUG_DIRECTORY "/.build-id/%.2s/%s.debug", digits, digits + 2);
}

/* The file that .gnu_debuglink names, in the three places where it may be. */
static bool try_debug_link(struct spprof_target *target, const struct spprof_module *module, Elf *elf, struct debug_file *file)
{
    GElf_Word checksum;
    const char *name = dwelf_elf_gnu_debuglink(elf, &checksum);
    const char *slash = strrchr(module->path, '/');
    if (name == NULL || strchr(name, '/') != NULL || slash == NULL)
        return false;
    int directory = (int)(slash - module->path);
    return try_path(target, module, base_text_formatted("%.*s/%s", directory, module->path, name), file) ||
           try_path(target, module, base_text_formatted("%.*s/.debug/%s", directory, module->path, name), file) ||
           try_path(target, module, base_text_formatted(DEBUG_DIRECTORY "%.*s/%s", directory, module->path, name), file);
}

static void end_elf(Elf **elf)
{
    elf_end(*elf);
}

/* The module's own file, then by its build id, then what its file links to: as gdb does. */
static bool try_all(struct spprof_target *target, const struct spprof_module *module, struct debug_file *file)
{
    int opened = -1;
    struct spprof_error *error = target->ops->open_module != NULL ? target->ops->open_module(target, module, &opened) : NULL;
    CLEANUP_CLOSE int own = error == NULL ? opened : -1; /* without it, a core's build id may still lead to the debug file */
    spprof_error_free(error);

    file->fd = dup(own);
    file->dwarf = begin(file->fd);
    if (file->dwarf != NULL) {
        file->path = strdup(module->path);
        return true;
    }
    if (try_path(target, module, build_id_path(module->build_id, module->build_id_size), file))
        return true;
    elf_version(EV_CURRENT);
    CLEANUP(end_elf) Elf *elf = elf_begin(own, ELF_C_READ, NULL);
    return elf != NULL && try_debug_link(target, module, elf, file);
}

/* What dwz has moved to a file that several debug files share, named relative to the one that refers to it. */
static void open_alternate(struct spprof_target *target, struct debug_file *file)
{
    const char *name;
    const void *id;
    ssize_t size = dwelf_dwarf_gnu_debugaltlink(file->dwarf, &name, &id);
    if (size <= 0 || size > 64 || file->path == NULL)
        return;
    const char *slash = strrchr(file->path, '/');
    int directory = slash != NULL && name[0] != '/' ? (int)(slash - file->path) + 1 : 0;
    CLEANUP_FREE char *near = base_text_formatted("%.*s%s", directory, file->path, name);
    CLEANUP_FREE char *by_id = build_id_path(id, (size_t)size);
    if (near != NULL)
        file->alternate = open_separate(target, near, id, (size_t)size, &file->alternate_fd);
    if (file->alternate == NULL && by_id != NULL)
        file->alternate = open_separate(target, by_id, id, (size_t)size, &file->alternate_fd);
    if (file->alternate != NULL)
        dwarf_setalt(file->dwarf, file->alternate);
}

struct spprof_error *layout_debug_file_open(struct spprof_target *target, const struct spprof_module *module, struct debug_file *file)
{
    *file = (struct debug_file){.fd = -1, .alternate_fd = -1};
    if (!try_all(target, module, file)) {
        CLEANUP_FREE char *by_id = build_id_path(module->build_id, module->build_id_size);
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "%s has no debug information, and there is none beside it%s%s.", module->path,
                                by_id != NULL ? " or in " : "", by_id != NULL ? by_id : "");
    }
    open_alternate(target, file);
    return NULL;
}

void layout_debug_file_close(struct debug_file *file)
{
    if (file->dwarf == NULL)
        return;
    end(file->dwarf);
    end(file->alternate);
    close(file->fd);
    if (file->alternate_fd >= 0)
        close(file->alternate_fd);
    free(file->path);
}
