/* Colours out of the terminal's own palette that can be read on a dark and on a light ground. */
#ifndef SPPROF_OUTPUT_COLOR_H
#define SPPROF_OUTPUT_COLOR_H

#include <stdbool.h>
#include <stdio.h>

#define COLOR_BOLD "\033[1m"
#define COLOR_RED "\033[1;31m"
#define COLOR_GREEN "\033[32m"
#define COLOR_MAGENTA "\033[35m"
#define COLOR_CYAN "\033[36m"
#define COLOR_END "\033[0m"

static inline void write_color(FILE *stream, bool enabled, const char *color)
{
    if (enabled)
        fputs(color, stream);
}

#endif
