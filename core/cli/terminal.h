/* What the terminal that a standard stream may be can show. */
#ifndef SPPROF_CLI_TERMINAL_H
#define SPPROF_CLI_TERMINAL_H

#include <stdbool.h>

#include "options/options.h"

/* Whether the report is coloured: NO_COLOR (no-color.org), TERM and the terminal are asked only where the user did not say. */
bool cli_terminal_wants_color(enum color color);

/* The same for a report on another stream. */
bool cli_terminal_wants_color_on(enum color color, int fd);

/* How many columns it has; 0: it is no terminal. */
unsigned cli_terminal_width(int fd);

#endif
