#include "spprof/report.h"

static size_t count_truncated(const struct spprof_snapshot *snapshot)
{
    size_t count = 0;
    for (size_t i = 0; i < snapshot->interpreter_count; i++)
        for (size_t j = 0; j < snapshot->interpreters[i].thread_count; j++)
            count += snapshot->interpreters[i].threads[j].truncated != NULL;
    return count;
}

char *spprof_report_note(const struct spprof_snapshot *snapshot)
{
    char *note;
    size_t truncated = count_truncated(snapshot), problems = snapshot->problems.count;
    if (truncated == 0 && problems == 0)
        return NULL;
    if (asprintf(&note, "not everything could be read: %zu stack%s cut short, %zu problem%s", truncated, truncated == 1 ? "" : "s", problems,
                 problems == 1 ? "" : "s") < 0)
        return NULL;
    return note;
}
