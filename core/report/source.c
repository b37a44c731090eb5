#include "report/source.h"

#include <stdlib.h>
#include <string.h>

#include "report/bytecode.h"
#include "report/source_file.h"

enum { FILES_MAX = 256 << 20 }; /* bytes of all files and their line indexes */

/* So many bytes of bytecode are searched for all code objects together: a hostile core may name any number of them. */
static const uint64_t SEARCH_MAX = UINT64_C(2) << 30;

struct named_file {
    const struct spprof_text *name;
    bool is_loaded;
    struct source_file file;
};

struct source_code {
    const struct spprof_code *code;
    struct named_file *file;
    bool is_judged, is_sure;
};

struct sources {
    struct spprof_target *target;
    uint32_t version;
    struct source_code *codes; /* sorted by the address of code */
    size_t code_count;
    struct named_file *files;
    size_t file_count;
    size_t bytes_left;
    uint64_t search_left;
};

static int compare_text(const struct spprof_text *left, const struct spprof_text *right)
{
    size_t common = left->size < right->size ? left->size : right->size;
    int order = common == 0 ? 0 : memcmp(left->bytes, right->bytes, common);
    return order != 0 ? order : (left->size > right->size) - (left->size < right->size);
}

static int compare_by_file(const void *left, const void *right)
{
    return compare_text(&((const struct source_code *)left)->code->file, &((const struct source_code *)right)->code->file);
}

static int compare_by_code(const void *left, const void *right)
{
    uintptr_t left_code = (uintptr_t)((const struct source_code *)left)->code;
    uintptr_t right_code = (uintptr_t)((const struct source_code *)right)->code;
    return (left_code > right_code) - (left_code < right_code);
}

/* Gives every code object its file, each name one file. */
static void assign_files(struct sources *sources)
{
    qsort(sources->codes, sources->code_count, sizeof *sources->codes, compare_by_file);
    for (size_t i = 0; i < sources->code_count; i++) {
        const struct spprof_text *name = &sources->codes[i].code->file;
        if (i == 0 || compare_by_file(&sources->codes[i - 1], &sources->codes[i]) != 0)
            sources->files[sources->file_count++].name = name;
        sources->codes[i].file = &sources->files[sources->file_count - 1];
    }
    qsort(sources->codes, sources->code_count, sizeof *sources->codes, compare_by_code);
}

struct sources *sources_new(const struct spprof_snapshot *snapshot, struct spprof_target *target)
{
    struct sources *sources = calloc(1, sizeof *sources);
    if (sources == NULL)
        return NULL;
    *sources = (struct sources){
        .target = target,
        .version = snapshot->python.version,
        .codes = calloc(snapshot->code_count + 1, sizeof *sources->codes),
        .files = calloc(snapshot->code_count + 1, sizeof *sources->files),
        .bytes_left = FILES_MAX,
        .search_left = SEARCH_MAX,
    };
    if (sources->codes == NULL || sources->files == NULL) {
        sources_free(sources);
        return NULL;
    }
    for (size_t i = 0; i < snapshot->code_count; i++)
        sources->codes[sources->code_count++].code = snapshot->codes[i];
    assign_files(sources);
    return sources;
}

void sources_free(struct sources *sources)
{
    if (sources == NULL)
        return;
    for (size_t i = 0; i < sources->file_count; i++)
        source_file_clear(&sources->files[i].file);
    free(sources->files);
    free(sources->codes);
    free(sources);
}

/* Names that the compiler makes up stand nowhere in the source. */
static bool is_made_up(const struct spprof_text *name)
{
    static const char annotate[] = "__annotate";
    return name->size == 0 || name->bytes[0] == '<' ||
           (name->size >= sizeof annotate - 1 && memcmp(name->bytes, annotate, sizeof annotate - 1) == 0);
}

/* Whether the line at which code begins is the head of such a code object: names it, or is a decorator. */
static bool begins_in(const struct source_file *file, const struct spprof_code *code)
{
    const char *line;
    size_t size;
    if (is_made_up(&code->name))
        return true;
    return source_file_line(file, code->first_line, &line, &size) && size > 0 &&
           (line[0] == '@' || memmem(line, size, code->name.bytes, code->name.size) != NULL);
}

static enum bytecode_answer ask_bytecode(struct sources *sources, const struct source_file *file, const struct spprof_code *code)
{
    enum bytecode_answer answer = BYTECODE_SILENT;
    for (size_t i = 0; i < OPTIMISATION_LEVELS && answer != BYTECODE_PROVES; i++) {
        const struct contents *bytecode = &file->bytecode[i];
        if (bytecode->bytes == NULL || bytecode->size > sources->search_left)
            continue;
        sources->search_left -= bytecode->size;
        enum bytecode_answer one = bytecode_ask(bytecode->bytes, bytecode->size, file->source.modified_at, file->source.size, code);
        if (one != BYTECODE_SILENT)
            answer = one;
    }
    return answer;
}

static bool is_sure(struct sources *sources, struct named_file *named, const struct spprof_code *code)
{
    uint32_t version = code->version != 0 ? code->version : sources->version;
    if (!named->is_loaded)
        source_file_load(&named->file, sources->target, named->name, version, &sources->bytes_left);
    named->is_loaded = true;
    if (!begins_in(&named->file, code))
        return false;
    enum bytecode_answer answer = ask_bytecode(sources, &named->file, code);
    return answer == BYTECODE_PROVES || (answer == BYTECODE_SILENT && named->file.source.is_old);
}

/* The file of a frame where it is surely the one that ran; else NULL. */
static const struct source_file *sure_file(struct sources *sources, const struct spprof_frame *frame)
{
    const struct source_code wanted = {.code = frame->code};
    struct source_code *found = bsearch(&wanted, sources->codes, sources->code_count, sizeof wanted, compare_by_code);
    if (found == NULL || frame->code == NULL)
        return NULL;
    if (!found->is_judged) {
        found->is_sure = is_sure(sources, found->file, found->code);
        found->is_judged = true;
    }
    return found->is_sure ? &found->file->file : NULL;
}

bool sources_line(struct sources *sources, const struct spprof_frame *frame, const char **line, size_t *size)
{
    const struct source_file *file = sure_file(sources, frame);
    return file != NULL && source_file_line(file, frame->line, line, size) && *size > 0;
}

bool sources_line_at(struct sources *sources, const struct spprof_frame *frame, int32_t number, const char **line, size_t *size)
{
    const struct source_file *file = sure_file(sources, frame);
    return file != NULL && source_file_indented_line(file, number, line, size);
}
