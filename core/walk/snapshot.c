#include "spprof/snapshot.h"

#include <stdio.h>
#include <stdlib.h>

#include "walk/code_table.h"
#include "walk/exceptions.h"

static void free_frame(struct spprof_frame *frame)
{
    for (size_t i = 0; i < frame->variable_count; i++) {
        free(frame->variables[i].name.bytes);
        free(frame->variables[i].value.bytes);
    }
    free(frame->variables);
}

static void free_thread(struct spprof_thread *thread)
{
    for (size_t i = 0; i < thread->frame_count; i++)
        free_frame(&thread->frames[i]);
    exception_free(thread->exception);
    free(thread->name.bytes);
    free(thread->frames);
    free(thread->truncated);
}

void spprof_snapshot_free(struct spprof_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    for (size_t i = 0; i < snapshot->interpreter_count; i++) {
        for (size_t j = 0; j < snapshot->interpreters[i].thread_count; j++)
            free_thread(&snapshot->interpreters[i].threads[j]);
        free(snapshot->interpreters[i].threads);
    }
    free(snapshot->interpreters);
    for (size_t i = 0; i < snapshot->left_over_count; i++)
        free_thread(&snapshot->left_over[i]);
    free(snapshot->left_over);
    for (size_t i = 0; i < snapshot->code_count; i++)
        code_free(snapshot->codes[i]);
    free(snapshot->codes);
    free(snapshot->executable);
    spprof_problems_free(&snapshot->problems);
    free(snapshot);
}

/* PY_VERSION_HEX, Include/patchlevel.h: major, minor, micro, level (a, b, c for release candidates, f for final), serial. */
void spprof_version_text(uint32_t version, char *buffer, size_t size)
{
    unsigned major = version >> 24, minor = version >> 16 & 0xff, micro = version >> 8 & 0xff, level = version >> 4 & 0xf, serial = version & 0xf;
    const char *name = level == 0xa ? "a" : level == 0xb ? "b" : level == 0xc ? "rc" : "";
    if ((version & 0xffff) == 0)
        snprintf(buffer, size, "%u.%u", major, minor);
    else if (name[0] != '\0')
        snprintf(buffer, size, "%u.%u.%u%s%u", major, minor, micro, name, serial);
    else
        snprintf(buffer, size, "%u.%u.%u", major, minor, micro);
}
