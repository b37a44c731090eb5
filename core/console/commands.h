/* The table of commands, with what each does. */
#ifndef SPPROF_CONSOLE_COMMANDS_H
#define SPPROF_CONSOLE_COMMANDS_H

#include "console/console.h"

struct command {
    const struct spprof_console_command *description;
    console_function *run;
    enum verb_bit options; /* whose options it takes; 0: none */
};

/* NULL where there is no command of this name. */
const struct command *console_command_find(const char *name);

#endif
