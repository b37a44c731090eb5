#include "layout/diagnosis.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

static void free_finding(struct spprof_finding *finding)
{
    free(finding->subject);
    free(finding->text);
}

/* Takes the texts of the finding over. */
static void append(struct spprof_diagnosis *diagnosis, struct spprof_finding finding)
{
    if (finding.subject == NULL || finding.text == NULL || !ARRAY_RESIZE(diagnosis->findings, diagnosis->count + 1)) {
        free_finding(&finding);
        return;
    }
    diagnosis->findings[diagnosis->count++] = finding;
}

void layout_diagnosis_add(struct spprof_diagnosis *diagnosis, int kind, const char *subject, const char *format, ...)
{
    struct spprof_finding finding = {.subject = strdup(subject)};
    finding.kind = (__typeof__(finding.kind))kind;
    va_list arguments;
    va_start(arguments, format);
    finding.text = base_text_formatted_list(format, arguments);
    va_end(arguments);
    append(diagnosis, finding);
}

void spprof_diagnosis_free(struct spprof_diagnosis *diagnosis)
{
    for (size_t i = 0; i < diagnosis->count; i++)
        free_finding(&diagnosis->findings[i]);
    free(diagnosis->findings);
    *diagnosis = (struct spprof_diagnosis){0};
}
