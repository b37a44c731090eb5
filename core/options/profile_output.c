#include "options/profile_output.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"

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

struct spprof_error *profile_output_check(const struct options *options, enum spprof_profile_format *format)
{
    static const char formats[] = "table, collapsed, speedscope, html, pprof, gecko";
    *format = SPPROF_FORMAT_TABLE;
    if (options->stop && options->no_stop)
        return spprof_error_new(SPPROF_ERROR_USAGE, "--stop and --no-stop exclude each other");
    if (options->format != NULL) {
        *format = spprof_profile_format_by_name(options->format);
        if (*format == SPPROF_FORMATS)
            return spprof_error_new(SPPROF_ERROR_USAGE, "--format takes one of %s, not '%s'", formats, options->format);
    } else if (options->output != NULL) {
        *format = spprof_profile_format_of_file(options->output);
        if (*format == SPPROF_FORMATS)
            return spprof_error_new(SPPROF_ERROR_USAGE,
                                    "the name '%s' tells no format: end it in .txt, .folded, .speedscope.json, .html, .pb.gz or .gecko.json, or "
                                    "add --format with one of %s",
                                    options->output, formats);
    }
    return NULL;
}

static struct spprof_error *cannot_write(const char *path, int reason)
{
    return spprof_error_new(SPPROF_ERROR_UNREADABLE, "cannot write '%s': %s", path, reason != 0 ? strerror(reason) : "the disk took no more");
}

static struct spprof_error *close_file(FILE *file, const char *path, struct spprof_error *error)
{
    bool failed = ferror(file) != 0;
    errno = 0;
    failed = fclose(file) != 0 || failed;
    if (error == NULL && failed)
        return cannot_write(path, errno);
    return error;
}

static struct spprof_error *write_file(const char *path, const struct spprof_profile *profile, enum spprof_profile_format format,
                                       const struct spprof_profile_report_options *wanted)
{
    FILE *file = fopen(path, "wbe");
    if (file == NULL)
        return cannot_write(path, errno);
    return close_file(file, path, spprof_report_profile(file, profile, format, wanted));
}

static struct spprof_error *write_stats(const char *path, const struct spprof_profile *profile)
{
    FILE *file = fopen(path, "wbe");
    if (file == NULL)
        return cannot_write(path, errno);
    spprof_report_sample_stats(file, &profile->counts);
    return close_file(file, path, NULL);
}

struct spprof_error *profile_output_write(const struct options *options, const struct spprof_profile *profile, FILE *terminal, bool color,
                                          unsigned width)
{
    enum spprof_profile_format format;
    struct spprof_profile_report_options wanted = {.threads = options->threads, .width = width};
    TRY(profile_output_check(options, &format));
    if (options->stats != NULL)
        TRY(write_stats(options->stats, profile));
    if (options->output != NULL)
        return write_file(options->output, profile, format, &wanted);
    wanted.color = color;
    return spprof_report_profile(terminal, profile, format, &wanted);
}
