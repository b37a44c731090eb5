#include <string.h>

#include "profile/formats.h"

const struct spprof_profile_format_names spprof_profile_formats[SPPROF_FORMATS] = {
#define FORMAT(symbol, name, is_text, meaning, ...) {#name, {__VA_ARGS__}, is_text},
#include "spprof/profile_formats.def"
#undef FORMAT
};

static profile_writer *const writers[SPPROF_FORMATS] = {
#define FORMAT(symbol, name, ...) profile_write_##name,
#include "spprof/profile_formats.def"
#undef FORMAT
};

enum spprof_profile_format spprof_profile_format_by_name(const char *name)
{
    unsigned format = 0;
    while (format < SPPROF_FORMATS && strcmp(spprof_profile_formats[format].name, name) != 0)
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
        for (const char *const *ending = spprof_profile_formats[format].endings; *ending != NULL; ending++)
            if (ends_with(path, *ending))
                return (enum spprof_profile_format)format;
    return SPPROF_FORMATS;
}

const char *spprof_profile_format_ending(enum spprof_profile_format format)
{
    const char *last = ".table";
    for (const char *const *ending = spprof_profile_formats[format].endings; *ending != NULL; ending++)
        last = *ending;
    return last;
}

struct spprof_error *spprof_report_profile(FILE *stream, const struct spprof_profile *profile, enum spprof_profile_format format,
                                           const struct spprof_profile_report_options *options)
{
    return writers[format](stream, profile, options);
}
