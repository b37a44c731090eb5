/* What the terminal that standard output may be can show. */
#ifndef SPPROF_CLI_TERMINAL_H
#define SPPROF_CLI_TERMINAL_H

#include <stdbool.h>

#include "options/options.h"

/* Whether the report is coloured: NO_COLOR (no-color.org), TERM and the terminal are asked only where the user did not say. */
bool terminal_wants_color(enum color color);

#endif
