#include "profile/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "spprof/report.h"

/* A stream whose text is returned when it ends. */
struct text_stream {
    FILE *stream;
    char *text;
    size_t size;
};

static bool text_open(struct text_stream *made)
{
    made->text = NULL;
    made->stream = open_memstream(&made->text, &made->size);
    return made->stream != NULL;
}

static char *text_close(struct text_stream *made)
{
    bool failed = ferror(made->stream) != 0;
    if (fclose(made->stream) != 0 || failed) {
        free(made->text);
        return NULL;
    }
    return made->text;
}

static void write_text(FILE *stream, const struct spprof_text *text)
{
    if (text->bytes != NULL)
        spprof_write_escaped(stream, text->bytes, text->size);
    else
        fputs("???", stream);
}

char *profile_text(const struct spprof_text *text)
{
    struct text_stream made;
    if (!text_open(&made))
        return NULL;
    write_text(made.stream, text);
    return text_close(&made);
}

char *profile_text_of_bytes(const char *bytes)
{
    struct text_stream made;
    if (!text_open(&made))
        return NULL;
    if (bytes != NULL)
        spprof_write_escaped(made.stream, bytes, strlen(bytes));
    return text_close(&made);
}

char *profile_text_of_place(const struct spprof_place *place)
{
    struct text_stream made;
    if (!text_open(&made))
        return NULL;
    write_text(made.stream, &place->function);
    fputs(" (", made.stream);
    write_text(made.stream, &place->file);
    if (place->line >= 0)
        fprintf(made.stream, ":%" PRId32, place->line);
    putc(')', made.stream);
    return text_close(&made);
}

char *profile_text_of_thread(const struct spprof_profile_thread *thread)
{
    struct text_stream made;
    if (!text_open(&made))
        return NULL;
    if (thread->tid != 0)
        fprintf(made.stream, "Thread %" PRId64, thread->tid);
    else
        fputs("Thread ???", made.stream);
    if (thread->name.bytes != NULL) {
        fputs(" \"", made.stream);
        spprof_write_escaped(made.stream, thread->name.bytes, thread->name.size);
        putc('"', made.stream);
    } else if (thread->os_name[0] != '\0') {
        fputs(" (", made.stream);
        spprof_write_escaped(made.stream, thread->os_name, strnlen(thread->os_name, sizeof thread->os_name));
        putc(')', made.stream);
    }
    return text_close(&made);
}

char *profile_text_of_target(const struct spprof_profile *profile)
{
    if (profile->command != NULL && profile->command[0] != '\0')
        return profile_text_of_bytes(profile->command);
    char *text;
    return asprintf(&text, "process %" PRId64, profile->pid) < 0 ? NULL : text;
}

static void write_python(FILE *stream, const struct spprof_python *python)
{
    char version[32];
    spprof_version_text(python->version, version, sizeof version);
    fprintf(stream, "Python %s%s%s%s", version, python->free_threaded ? " free-threaded" : "", python->debug ? " debug" : "",
            python->finalizing ? ", which is ending" : "");
}

char *profile_text_of_python(const struct spprof_profile *profile)
{
    struct text_stream made;
    if (profile->python.version == 0)
        return profile_text_of_bytes(NULL);
    if (!text_open(&made))
        return NULL;
    write_python(made.stream, &profile->python);
    for (size_t i = 0; i < profile->other_count; i++) {
        fputs(" and ", made.stream);
        write_python(made.stream, &profile->others[i]);
    }
    return text_close(&made);
}
