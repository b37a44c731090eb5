#include "sections.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdb.h"

/* gdb marks the files that it takes from the target's own file system. */
static const char *without_prefix(const char *path)
{
    static const char prefix[] = "target:";
    return strncmp(path, prefix, sizeof prefix - 1) == 0 ? path + sizeof prefix - 1 : path;
}

enum part { ELSEWHERE, EXECUTABLE, CORE };

/* "Local exec file:", "Local core dump file:", ...: each part begins so, and lists its lines indented. */
static enum part part_of(const char *line)
{
    if (strstr(line, "exec file:") != NULL)
        return EXECUTABLE;
    return strstr(line, "core dump file:") != NULL ? CORE : ELSEWHERE;
}

/* "\t`/usr/bin/python3.11', file type elf64-x86-64." */
static const char *take_path(char *line)
{
    char *end = strstr(line, "', file type ");
    if (strncmp(line, "\t`", 2) != 0 || end == NULL)
        return NULL;
    *end = '\0';
    return without_prefix(line + 2);
}

/* "\t0x00007f… - 0x00007f… is .text in /lib/x86_64-linux-gnu/libc.so.6"; those of the executable name no file. */
static bool take_section(char *line, const char *executable, struct section *section)
{
    int name = 0;
    if (sscanf(line, "\t%" SCNx64 " - %" SCNx64 " is %n", &section->start, &section->end, &name) != 2 || name == 0)
        return false;
    char *in = strstr(line + name, " in ");
    section->main = in == NULL;
    section->name = line + name;
    section->file = section->main ? (executable != NULL ? executable : "") : without_prefix(in + 4);
    if (in != NULL)
        *in = '\0';
    return section->end > section->start;
}

static bool add(struct sections *sections, const struct section *section)
{
    struct section *grown = reallocarray(sections->items, sections->count + 1, sizeof *grown);
    if (grown == NULL)
        return false;
    sections->items = grown;
    grown[sections->count++] = *section;
    return true;
}

void sections_read(struct sections *sections)
{
    enum part part = ELSEWHERE;
    *sections = (struct sections){.text = gdb_execute("info files")};
    char *rest = sections->text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        struct section section;
        const char *path = line[0] == '\t' ? take_path(line) : NULL;
        if (line[0] != '\t' && line[0] != '\0')
            part = part_of(line);
        else if (path != NULL && part == EXECUTABLE)
            sections->executable = path;
        else if (path != NULL && part == CORE)
            sections->core = path;
        else if (part == EXECUTABLE && take_section(line, sections->executable, &section) && !add(sections, &section))
            return;
    }
}

void sections_free(struct sections *sections)
{
    free(sections->text);
    free(sections->items);
    *sections = (struct sections){0};
}
