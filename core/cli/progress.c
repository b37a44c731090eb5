#include "progress.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "spprof/host.h"

#define ERASE "\r\033[K"

/* Opened anew: what is set on the descriptor of standard error is set for the shell, too. That may be refused where another user has logged in. */
void cli_progress_open(struct progress *progress)
{
    *progress = (struct progress){.fd = -1};
    if (!isatty(STDERR_FILENO))
        return;
    int fd = spprof_host_reopen(STDERR_FILENO);
    *progress = (struct progress){.fd = fd >= 0 ? fd : STDERR_FILENO, .is_ours = fd >= 0};
}

static void put(const struct progress *progress, const char *text)
{
    struct pollfd terminal = {.fd = progress->fd, .events = POLLOUT};
    if (progress->fd < 0 || (!progress->is_ours && poll(&terminal, 1, 0) != 1))
        return;
    if (write(progress->fd, text, strlen(text)) < 0)
        return; /* the next line comes soon */
}

void cli_progress_show(const struct progress *progress, const char *line)
{
    char text[256];
    snprintf(text, sizeof text, ERASE "%s", line);
    put(progress, text);
}

void cli_progress_close(struct progress *progress)
{
    put(progress, ERASE);
    if (progress->is_ours)
        close(progress->fd);
    progress->fd = -1;
}
