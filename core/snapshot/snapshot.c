#include "snapshot/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "frames/code_table.h"
#include "snapshot/exceptions.h"

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
    snapshot_exception_free(thread->exception);
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
        frames_code_free(snapshot->codes[i]);
    free(snapshot->codes);
    for (size_t i = 0; i < spprof_snapshot_python_count(snapshot); i++)
        free(spprof_snapshot_python(snapshot, i)->file);
    free(snapshot->others);
    free(snapshot->unknown_tids);
    free(snapshot->executable);
    free(snapshot->crash.module);
    spprof_problems_free(&snapshot->problems);
    free(snapshot);
}

size_t spprof_snapshot_python_count(const struct spprof_snapshot *snapshot)
{
    return 1 + snapshot->other_count;
}

const struct spprof_python *spprof_snapshot_python(const struct spprof_snapshot *snapshot, size_t index)
{
    return index == 0 ? &snapshot->python : &snapshot->others[index - 1];
}

/* Moves the elements of one list behind those of another, in which there is room. The first of the moved ones; NULL: no memory. */
static void *move_behind(void *list, size_t *count, void **moved, size_t *moved_count, size_t size)
{
    if (!base_array_resize(list, *count + *moved_count + 1, size))
        return NULL;
    char *first = *(char **)list + *count * size;
    if (*moved_count > 0)
        memcpy(first, *moved, *moved_count * size);
    *count += *moved_count;
    *moved_count = 0;
    return first;
}

static bool join_interpreters(struct spprof_snapshot *all, struct spprof_snapshot *other)
{
    size_t count = other->interpreter_count, shift = spprof_snapshot_python_count(all);
    struct spprof_interpreter *first =
        move_behind(&all->interpreters, &all->interpreter_count, (void **)&other->interpreters, &other->interpreter_count, sizeof *first);
    for (size_t i = 0; first != NULL && i < count; i++)
        first[i].python += shift;
    return first != NULL;
}

static bool join_pythons(struct spprof_snapshot *all, struct spprof_snapshot *other)
{
    if (!ARRAY_RESIZE(all->others, all->other_count + 1 + other->other_count))
        return false;
    for (size_t i = 0; i < spprof_snapshot_python_count(other); i++)
        all->others[all->other_count++] = *spprof_snapshot_python(other, i);
    other->python.file = NULL;
    other->other_count = 0;
    return true;
}

static int by_tid(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* A thread is unknown to Python where none of the Pythons knows it. */
static void join_unknown(struct spprof_snapshot *all, const struct spprof_snapshot *other)
{
    size_t count = 0;
    for (size_t i = 0; i < all->unknown_thread_count; i++)
        if (other->unknown_thread_count > 0 &&
            bsearch(&all->unknown_tids[i], other->unknown_tids, other->unknown_thread_count, sizeof *other->unknown_tids, by_tid) != NULL)
            all->unknown_tids[count++] = all->unknown_tids[i];
    all->crash.known = all->crash.known || other->crash.known;
    all->unknown_thread_count = count;
}

static bool join(struct spprof_snapshot *all, struct spprof_snapshot *other)
{
    if (!join_interpreters(all, other) || !join_pythons(all, other) ||
        move_behind(&all->left_over, &all->left_over_count, (void **)&other->left_over, &other->left_over_count, sizeof *all->left_over) == NULL ||
        move_behind(&all->codes, &all->code_count, (void **)&other->codes, &other->code_count, sizeof *all->codes) == NULL)
        return false;
    join_unknown(all, other);
    for (size_t i = 0; i < other->problems.count; i++)
        spprof_problems_add(&all->problems, "%s", other->problems.texts[i]);
    all->stopped_ns += other->stopped_ns;
    all->read_calls = other->read_calls; /* of the target, from its first one on */
    all->read_bytes = other->read_bytes;
    return true;
}

struct spprof_error *snapshot_join(struct spprof_snapshot **all, struct spprof_snapshot *other)
{
    if (*all == NULL) {
        *all = other;
        return NULL;
    }
    bool joined = join(*all, other);
    spprof_snapshot_free(other);
    return joined ? NULL : spprof_error_no_memory();
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
