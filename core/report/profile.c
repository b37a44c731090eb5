#include <string.h>

#include "report/profile_formats.h"

static const struct {
    const char *name;
    const char *endings[2]; /* of a file's name */
    profile_writer *write;
} formats[SPPROF_FORMATS] = {
    [SPPROF_FORMAT_TABLE] = {"table", {NULL}, profile_write_table},
    [SPPROF_FORMAT_COLLAPSED] = {"collapsed", {".txt", ".folded"}, profile_write_collapsed},
    [SPPROF_FORMAT_SPEEDSCOPE] = {"speedscope", {".speedscope.json"}, profile_write_speedscope},
    [SPPROF_FORMAT_HTML] = {"html", {".html"}, profile_write_html},
    [SPPROF_FORMAT_PPROF] = {"pprof", {".pb.gz"}, profile_write_pprof},
    [SPPROF_FORMAT_GECKO] = {"gecko", {".gecko.json"}, profile_write_gecko},
};

enum spprof_profile_format spprof_profile_format_by_name(const char *name)
{
    unsigned format = 0;
    while (format < SPPROF_FORMATS && strcmp(formats[format].name, name) != 0)
        format++;
    return (enum spprof_profile_format)format;
}

static bool ends_with(const char *text, const char *ending)
{
    size_t size = strlen(text), ending_size = strlen(ending);
    return size >= ending_size && strcmp(text + size - ending_size, ending) == 0;
}

enum spprof_profile_format spprof_profile_format_of_file(const char *path)
{
    for (unsigned format = 0; format < SPPROF_FORMATS; format++)
        for (unsigned i = 0; i < 2 && formats[format].endings[i] != NULL; i++)
            if (ends_with(path, formats[format].endings[i]))
                return (enum spprof_profile_format)format;
    return SPPROF_FORMATS;
}

struct spprof_error *spprof_report_profile(FILE *stream, const struct spprof_profile *profile, enum spprof_profile_format format,
                                           const struct spprof_profile_report_options *options)
{
    return formats[format].write(stream, profile, options);
}
