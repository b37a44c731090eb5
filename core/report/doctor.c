#include "spprof/report.h"

#include <string.h>

#include "output/color.h"

enum { SUBJECT_MAX = 32 }; /* columns; a longer one pushes its text to the right */

static const struct {
    const char *word, *color;
} kinds[] = {
    [SPPROF_FINDING_FACT] = {"", ""},
    [SPPROF_FINDING_CHECK_PASSED] = {"ok", COLOR_GREEN},
    [SPPROF_FINDING_CHECK_FAILED] = {"FAILED", COLOR_RED},
    [SPPROF_FINDING_MISSING] = {"missing", COLOR_MAGENTA},
};

static void write_blanks(FILE *stream, size_t count)
{
    while (count-- > 0)
        putc(' ', stream);
}

static void write_finding(FILE *stream, const struct spprof_finding *finding, size_t subject_width, bool color)
{
    const size_t word_width = strlen("missing");
    size_t word = strlen(kinds[finding->kind].word), subject = strlen(finding->subject);
    write_color(stream, color, kinds[finding->kind].color);
    fputs(kinds[finding->kind].word, stream);
    write_color(stream, color && word > 0, COLOR_END);
    write_blanks(stream, word_width - word + 1);
    write_color(stream, color, COLOR_BOLD);
    spprof_write_escaped(stream, finding->subject, subject);
    write_color(stream, color, COLOR_END);
    write_blanks(stream, subject < subject_width ? subject_width - subject + 2 : 2);
    spprof_write_escaped(stream, finding->text, strlen(finding->text));
    putc('\n', stream);
}

void spprof_report_diagnosis(FILE *stream, const struct spprof_diagnosis *diagnosis, const struct spprof_report_options *options)
{
    size_t counts[sizeof kinds / sizeof kinds[0]] = {0}, subject_width = 0;
    for (size_t i = 0; i < diagnosis->count; i++) {
        size_t width = strlen(diagnosis->findings[i].subject);
        if (width > subject_width && width <= SUBJECT_MAX)
            subject_width = width;
    }
    for (size_t i = 0; i < diagnosis->count; i++) {
        counts[diagnosis->findings[i].kind]++;
        write_finding(stream, &diagnosis->findings[i], subject_width, options->color);
    }
    if (diagnosis->count > 0)
        fprintf(stream, "\nChecks: %zu passed, %zu failed. Missing: %zu.\n", counts[SPPROF_FINDING_CHECK_PASSED], counts[SPPROF_FINDING_CHECK_FAILED],
                counts[SPPROF_FINDING_MISSING]);
}
