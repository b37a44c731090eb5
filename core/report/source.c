#include "report/source.h"

#include <stdlib.h>
#include <string.h>

#include "output/escape.h"
#include "report/bytecode.h"
#include "report/source_file.h"

enum { FILES_MAX = 256 << 20 }; /* bytes of all files and their line indexes */

/* So many bytes of bytecode are searched for all code objects together: a hostile core may name any number of them. */
static const uint64_t SEARCH_MAX = UINT64_C(2) << 30;

/* Why a file may not be the one that ran, or why none of its lines are shown. */
enum doubt {
    SURE,
    CHANGED,  /* since the target started */
    UNPROVEN, /* nothing tells whether it has */
    RELATIVE, /* its path is relative to where the target stood when it compiled it */
    OTHER,    /* from here on nothing is shown: the file does not hold this code */
    NOT_THERE,
    REFUSED,
    UNREADABLE,
    NO_FILE, /* nor is anything told: code that was made of a string */
    DOUBTS
};

struct named_file {
    const struct spprof_text *name;
    bool is_loaded;
    bool has[DOUBTS]; /* of the code objects that were asked for */
    struct source_file file;
};

struct source_code {
    const struct spprof_code *code;
    struct named_file *file;
    bool is_judged;
    enum doubt doubt;
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

struct sources *report_sources_new(const struct spprof_snapshot *snapshot, struct spprof_target *target)
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
        report_sources_free(sources);
        return NULL;
    }
    for (size_t i = 0; i < snapshot->code_count; i++)
        sources->codes[sources->code_count++].code = snapshot->codes[i];
    assign_files(sources);
    return sources;
}

struct sources *report_sources_of(const struct spprof_snapshot *snapshot, const struct spprof_report_options *options)
{
    bool has_files = options->source && options->target != NULL && options->target->ops->open_file != NULL;
    return has_files ? report_sources_new(snapshot, options->target) : NULL;
}

void report_sources_free(struct sources *sources)
{
    if (sources == NULL)
        return;
    for (size_t i = 0; i < sources->file_count; i++)
        report_source_file_clear(&sources->files[i].file);
    free(sources->files);
    free(sources->codes);
    free(sources);
}

/* Names that the compiler makes up stand nowhere in the source. */
static bool is_made_up(const struct spprof_text *name)
{
    static const char annotate[] = "__annotate";
    return name->size == 0 || name->bytes[0] == '<' || (name->size >= sizeof annotate - 1 && memcmp(name->bytes, annotate, sizeof annotate - 1) == 0);
}

/* Whether the line at which code begins is the head of such a code object: names it, or is a decorator. */
static bool begins_in(const struct source_file *file, const struct spprof_code *code)
{
    const char *line;
    size_t size;
    if (is_made_up(&code->name))
        return true;
    return report_source_file_line(file, code->first_line, &line, &size) && size > 0 &&
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
        enum bytecode_answer one = report_bytecode_ask(bytecode->bytes, bytecode->size, file->source.modified_at, file->size_on_disk, code);
        if (one != BYTECODE_SILENT)
            answer = one;
    }
    return answer;
}

static enum doubt doubt_of_lack(enum source_lack lack)
{
    switch (lack) {
    case SOURCE_NOT_THERE: return NOT_THERE;
    case SOURCE_REFUSED: return REFUSED;
    case SOURCE_NO_PATH: return NO_FILE;
    default: return UNREADABLE;
    }
}

static enum doubt judge(struct sources *sources, struct named_file *named, const struct spprof_code *code)
{
    const struct contents *source = &named->file.source;
    if (!named->is_loaded)
        report_source_file_load(&named->file, sources->target, named->name, sources->version, &sources->bytes_left);
    named->is_loaded = true;
    if (source->bytes == NULL)
        return doubt_of_lack(source->lack);
    if (!begins_in(&named->file, code))
        return OTHER;
    enum bytecode_answer answer = ask_bytecode(sources, &named->file, code);
    if (answer == BYTECODE_PROVES)
        return SURE;
    if (named->file.is_relative)
        return RELATIVE;
    if (answer == BYTECODE_SILENT && source->is_old)
        return SURE;
    return answer == BYTECODE_CONTRADICTS || source->has_start ? CHANGED : UNPROVEN;
}

/* The code object that a frame runs, judged; NULL where it is not known. */
static const struct source_code *judged(struct sources *sources, const struct spprof_frame *frame)
{
    const struct source_code wanted = {.code = frame->code};
    struct source_code *found = bsearch(&wanted, sources->codes, sources->code_count, sizeof wanted, compare_by_code);
    if (found == NULL || frame->code == NULL)
        return NULL;
    if (!found->is_judged) {
        found->doubt = judge(sources, found->file, found->code);
        found->file->has[found->doubt] = true;
        found->is_judged = true;
    }
    return found;
}

static const struct source_file *shown_file(struct sources *sources, const struct spprof_frame *frame)
{
    const struct source_code *code = judged(sources, frame);
    return code != NULL && code->doubt < OTHER ? &code->file->file : NULL;
}

bool report_sources_line(struct sources *sources, const struct spprof_frame *frame, const char **line, size_t *size)
{
    const struct source_file *file = shown_file(sources, frame);
    return file != NULL && report_source_file_line(file, frame->line, line, size) && *size > 0;
}

bool report_sources_line_at(struct sources *sources, const struct spprof_frame *frame, int32_t number, const char **line, size_t *size)
{
    const struct source_file *file = shown_file(sources, frame);
    return file != NULL && report_source_file_indented_line(file, number, line, size);
}

enum spprof_truth report_sources_may_differ(struct sources *sources, const struct spprof_frame *frame)
{
    const struct source_code *code = judged(sources, frame);
    if (code == NULL || code->doubt > OTHER)
        return SPPROF_UNKNOWN;
    return code->doubt == SURE ? SPPROF_FALSE : SPPROF_TRUE;
}

/* One line for all files of one doubt: the first ones by name. */
static bool write_note(const struct sources *sources, FILE *stream, enum doubt doubt, const char *before, const char *behind)
{
    enum { NAMES_SHOWN = 3, NAME_COLUMNS = 200 };
    size_t count = 0;
    for (size_t i = 0; i < sources->file_count; i++) {
        const struct named_file *file = &sources->files[i];
        if (!file->has[doubt] || ++count > NAMES_SHOWN)
            continue;
        fputs(count == 1 ? before : ", ", stream);
        output_escape_write_cut(stream, file->name->bytes, file->name->size, NAME_COLUMNS);
    }
    if (count > NAMES_SHOWN)
        fprintf(stream, " and %zu more files", count - NAMES_SHOWN);
    if (count > 0)
        fprintf(stream, "%s\n", behind);
    return count > 0;
}

bool report_sources_write_notes(const struct sources *sources, FILE *stream)
{
    bool any = false;
    any |= write_note(sources, stream, CHANGED,
                      SOURCE_MARK " source may have changed since: ", " changed after the program had started, or just before");
    any |= write_note(sources, stream, UNPROVEN, SOURCE_MARK " source may have changed since: nothing proves that it is what ran: ", "");
    any |= write_note(sources, stream, RELATIVE,
                      SOURCE_MARK " source may have changed since: found where the program stands now or began, by the relative path ", "");
    any |= write_note(sources, stream, OTHER,
                      "No source line of code that the file does not hold (it has changed since, or the code was generated): ", "");
    any |= write_note(sources, stream, NOT_THERE, "No source line: there is no file ", "");
    any |= write_note(sources, stream, REFUSED, "No source line: the user of the program may not read ", "");
    any |= write_note(sources, stream, UNREADABLE, "No source line: what is no regular file, too large, or being written: ", "");
    return any;
}
