#include "message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "spprof/report.h"

static void write_line(const char *text, const char *end)
{
    fputs("spprof: ", stderr);
    spprof_write_escaped(stderr, text, strlen(text));
    fputs(end, stderr);
    putc('\n', stderr);
}

__attribute__((format(printf, 1, 0))) static void write_formatted(const char *format, va_list arguments, const char *end)
{
    char *text = base_text_formatted_list(format, arguments);
    if (text == NULL) {
        write_line("out of memory", "");
        return;
    }
    write_line(text, end);
    free(text);
}

void cli_message(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_formatted(format, arguments, "");
    va_end(arguments);
}

void cli_complain_usage(const struct verb *verb, const char *format, ...)
{
    char hint[64];
    snprintf(hint, sizeof hint, "; see 'spprof %s%s--help'", verb != NULL ? verb->name : "", verb != NULL ? " " : "");
    va_list arguments;
    va_start(arguments, format);
    write_formatted(format, arguments, hint);
    va_end(arguments);
}

void cli_complain_usage_error(const struct verb *verb, struct spprof_error *error)
{
    cli_complain_usage(verb, "%s", error->message);
    spprof_error_free(error);
}

void cli_complain_error(struct spprof_error *error)
{
    write_line(error->message, "");
    spprof_error_free(error);
}
