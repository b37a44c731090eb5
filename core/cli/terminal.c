#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool terminal_wants_color(enum color color)
{
    if (color != COLOR_AUTO)
        return color == COLOR_ALWAYS;
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
    bool is_plain = (no_color != NULL && no_color[0] != '\0') || terminal == NULL || strcmp(terminal, "dumb") == 0;
    return !is_plain && isatty(STDOUT_FILENO);
}
