#include "options/profile_output.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

struct spprof_sample_options options_sample(const struct options *options)
{
    return (struct spprof_sample_options){
        .duration_s = options->duration_s,
        .rate_hz = options->rate_hz,
        .stop = options->stop,
        .idle = options->idle,
        .gil = options->gil,
    };
}

static bool is_standard(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

bool options_profile_output_has_file(const struct options *options)
{
    return options->output != NULL && !is_standard(options->output);
}

/* Lists of words for messages, like "a, b or c". */
static void append(char *list, size_t size, const char *word, const char *before)
{
    size_t used = strlen(list);
    snprintf(list + used, size - used, "%s%s", used > 0 ? before : "", word);
}

static void list_names(char *list, size_t size)
{
    for (unsigned format = 0; format < SPPROF_FORMATS; format++)
        append(list, size, spprof_profile_formats[format].name, ", ");
}

static void list_endings(char *list, size_t size)
{
    const char *last = NULL;
    for (unsigned format = 0; format < SPPROF_FORMATS; format++) {
        for (const char *const *ending = spprof_profile_formats[format].endings; *ending != NULL; ending++) {
            if (last != NULL)
                append(list, size, last, ", ");
            last = *ending;
        }
    }
    append(list, size, last, " or ");
}

static struct spprof_error *no_such_format(const char *name)
{
    char names[256] = "";
    list_names(names, sizeof names);
    return spprof_error_new(SPPROF_ERROR_USAGE, "--format takes one of %s, not '%s'", names, name);
}

static struct spprof_error *no_format_of(const char *path)
{
    char names[256] = "", endings[256] = "";
    list_names(names, sizeof names);
    list_endings(endings, sizeof endings);
    return spprof_error_new(SPPROF_ERROR_USAGE, "the name '%s' tells no format: end it in %s, or add --format with one of %s", path, endings, names);
}

struct spprof_error *options_profile_output_check(const struct options *options, enum spprof_profile_format *format)
{
    *format = SPPROF_FORMAT_TABLE;
    if (options->stop && options->no_stop)
        return spprof_error_new(SPPROF_ERROR_USAGE, "--stop and --no-stop exclude each other");
    if (is_standard(options->output) && is_standard(options->stats))
        return spprof_error_new(SPPROF_ERROR_USAGE, "only one of --output and --json-stats can be '-', which is standard output");
    if (options->format != NULL) {
        *format = spprof_profile_format_by_name(options->format);
        if (*format == SPPROF_FORMATS)
            return no_such_format(options->format);
    } else if (options_profile_output_has_file(options)) {
        *format = spprof_profile_format_of_file(options->output);
        if (*format == SPPROF_FORMATS)
            return no_format_of(options->output);
    }
    return NULL;
}

struct spprof_error *options_profile_output_open(const struct options *options, struct profile_output *output)
{
    *output = (struct profile_output){.options = options};
    TRY(options_profile_output_check(options, &output->format));
    if (options_profile_output_has_file(options))
        TRY(options_output_file_open(options->output, &output->profile));
    struct spprof_error *error = NULL;
    if (options->stats != NULL && !is_standard(options->stats))
        error = options_output_file_open(options->stats, &output->stats);
    if (error != NULL)
        options_profile_output_close(output);
    return error;
}

static struct spprof_error *finish(struct output_file **file, struct spprof_error *error)
{
    struct output_file *whole = *file;
    *file = NULL;
    if (error == NULL)
        return options_output_file_finish(whole);
    options_output_file_discard(whole);
    return error;
}

static struct spprof_error *write_stats(struct profile_output *output, const struct spprof_profile *profile, FILE *standard)
{
    if (output->options->stats == NULL)
        return NULL;
    spprof_report_sample_stats(output->stats != NULL ? options_output_file_stream(output->stats) : standard, &profile->counts);
    return output->stats != NULL ? finish(&output->stats, NULL) : NULL;
}

static FILE *make_elsewhere(const char *folder, const char *end, char path[PATH_MAX])
{
    if (folder == NULL || snprintf(path, PATH_MAX, "%s/spprof-XXXXXX%s", folder, end) >= PATH_MAX)
        return NULL;
    int fd = mkostemps(path, (int)strlen(end), O_CLOEXEC);
    return fd >= 0 ? fdopen(fd, "wb") : NULL;
}

/* Whether the profile has found another place; path is where. */
static bool write_elsewhere(const struct profile_output *output, const struct spprof_profile *profile, char path[PATH_MAX])
{
    const char *folders[] = {getenv("TMPDIR"), "/tmp", "/var/tmp", "/dev/shm"};
    const struct spprof_profile_report_options wanted = {.threads = output->options->threads};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        FILE *file = make_elsewhere(folders[i], spprof_profile_format_ending(output->format), path);
        if (file == NULL)
            continue;
        struct spprof_error *error = spprof_report_profile(file, profile, output->format, &wanted);
        bool failed = ferror(file) != 0 || error != NULL;
        spprof_error_free(error);
        if (fclose(file) == 0 && !failed)
            return true;
        unlink(path);
    }
    return false;
}

static struct spprof_error *write_to_stream(const struct profile_output *output, const struct spprof_profile *profile,
                                            enum spprof_profile_format format, const struct profile_streams *streams)
{
    const struct spprof_profile_report_options wanted = {.threads = output->options->threads, .width = streams->width, .color = streams->color};
    FILE *stream = is_standard(output->options->output) ? streams->standard : streams->table;
    return spprof_report_profile(stream, profile, format, &wanted);
}

/* What cannot be written where it was to go is not lost. */
static struct spprof_error *save(const struct profile_output *output, const struct spprof_profile *profile, const struct profile_streams *streams,
                                 struct spprof_error *error)
{
    char path[PATH_MAX];
    bool saved = write_elsewhere(output, profile, path);
    struct spprof_error *told = saved ? spprof_error_new(error->kind, "%s. The profile is in '%s' instead", error->message, path)
                                      : spprof_error_new(error->kind, "%s. The profile is shown as a table instead", error->message);
    spprof_error_free(error);
    if (!saved)
        spprof_error_free(write_to_stream(output, profile, SPPROF_FORMAT_TABLE, streams));
    return told;
}

static struct spprof_error *write_profile(struct profile_output *output, const struct spprof_profile *profile, const struct profile_streams *streams)
{
    const struct spprof_profile_report_options wanted = {.threads = output->options->threads, .width = streams->width};
    if (output->profile == NULL)
        return write_to_stream(output, profile, output->format, streams);
    struct spprof_error *error = spprof_report_profile(options_output_file_stream(output->profile), profile, output->format, &wanted);
    error = finish(&output->profile, error);
    return error != NULL ? save(output, profile, streams, error) : NULL;
}

struct spprof_error *options_profile_output_write(struct profile_output *output, const struct spprof_profile *profile,
                                                  const struct profile_streams *streams)
{
    struct spprof_error *error = write_profile(output, profile, streams);
    struct spprof_error *of_stats = write_stats(output, profile, streams->standard);
    if (error == NULL)
        return of_stats;
    spprof_error_free(of_stats);
    return error;
}

void options_profile_output_close(struct profile_output *output)
{
    options_output_file_discard(output->profile);
    options_output_file_discard(output->stats);
    output->profile = output->stats = NULL;
}
