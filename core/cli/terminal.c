#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool cli_terminal_wants_color_on(enum color color, int fd)
{
    if (color != COLOR_AUTO)
        return color == COLOR_ALWAYS;
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
    bool is_plain = (no_color != NULL && no_color[0] != '\0') || terminal == NULL || strcmp(terminal, "dumb") == 0;
    return !is_plain && isatty(fd);
}

bool cli_terminal_wants_color(enum color color)
{
    return cli_terminal_wants_color_on(color, STDOUT_FILENO);
}

unsigned cli_terminal_width(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
