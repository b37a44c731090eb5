/* One line on the terminal that is standard error, written again and again. It waits for no terminal: one that takes no more shows an older line. */
#ifndef SPPROF_CLI_PROGRESS_H
#define SPPROF_CLI_PROGRESS_H

#include <stdbool.h>

struct progress {
    int fd;       /* -1: nothing is shown */
    bool is_ours; /* to be closed, and it does not block */
};

/* Shows nothing where standard error is no terminal. */
void cli_progress_open(struct progress *progress);
void cli_progress_show(const struct progress *progress, const char *line);

/* Takes the line away. */
void cli_progress_close(struct progress *progress);

#endif
