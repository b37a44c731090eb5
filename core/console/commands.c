#include "console/commands.h"

#include <string.h>

#define OPTIONS_HELP "Options are those of the shell's 'spprof bt'; --help lists them."

const struct spprof_console_command spprof_console_commands[] = {
    {"bt", "Show the Python stack of the selected thread",
     "Shows where the Python code of the debugger's selected thread stands, newest call first. It needs no debug symbols, reads only, and\n"
     "works on processes, core files and remote targets.\n\n" OPTIONS_HELP,
     "[OPTIONS]", false},
    {"bt-all", "Show the Python stacks of all threads",
     "Shows where the Python code of every thread stands, newest call first: with the debugger's number of the thread, its kernel id, its\n"
     "Python name, and who holds and who waits for the GIL.\n\n" OPTIONS_HELP,
     "[OPTIONS]", false},
    {"bt-full", "Show the Python stack of the selected thread, with the variables of every frame",
     "The same as bt, with the variables of every frame and the exceptions that are being raised or handled. Values are read from memory;\n"
     "no code of the program runs.\n\n" OPTIONS_HELP,
     "[OPTIONS]", false},
    {"list", "Show the Python source around the selected frame",
     "Without an argument: ten lines around the line where the selected Python frame stands, which '>' marks. With one: ten lines from START.\n"
     "With two: the lines from START to END. A source is shown only where the file at hand is surely the one that runs.",
     "[START[, END]]", false},
    {"up", "Select the Python frame that called this one",
     "Goes to the caller of the selected Python frame, or COUNT frames up, and takes the debugger's own frame along where a C frame is known to\n"
     "run it. The selection holds until another C frame or thread is selected, or the program's state changes.",
     "[COUNT]", false},
    {"down", "Select the Python frame called by this one",
     "Goes to the Python frame that the selected one called, or COUNT frames down, and takes the debugger's own frame along.", "[COUNT]", false},
    {"print", "Print a Python variable as the selected frame sees it",
     "Looks NAME up as Python does: the variables of the selected frame, then its module's, then the built-in ones.", "NAME", true},
    {"locals", "Print the variables of the selected Python frame",
     "One a line, arguments first, with the value that repr() would show. Values are read from memory; no code of the program runs.", "", false},
    {"spprof bt", "Show the Python stacks of every thread, with the shell's options",
     "What 'spprof bt' prints in a shell, of the process or core that the debugger has open. --help lists the options.", "[OPTIONS]", false},
    {"spprof sample", "Let the program run for a while, and tell where its time goes",
     "Lets the program run for DURATION (10s, 500ms, 2m; 10 seconds without it), samples its Python stacks meanwhile, and stops it again. A\n"
     "process of this machine is read while it runs; with --stop, and behind a remote stub, it is stopped for each look. A breakpoint, a\n"
     "crash, the program's end or Ctrl-C end the sampling early, with what was collected. --help lists the options.",
     "[OPTIONS] [DURATION]", false},
    {"spprof doctor", "Tell what was found and how: version, layout, checks, what is missing",
     "Tells which Python the process or core holds and how that was found, how its memory is reached, compares every source that tells how\n"
     "its memory is laid out, and says what is missing and what to do about it. --help lists the options.",
     "[OPTIONS]", false},
};

const size_t spprof_console_command_count = sizeof spprof_console_commands / sizeof spprof_console_commands[0];

/* In the order of the table above. */
static const struct command commands[] = {
    {&spprof_console_commands[0], console_bt, FOR_BT},
    {&spprof_console_commands[1], console_bt_all, FOR_BT},
    {&spprof_console_commands[2], console_bt_full, FOR_BT},
    {&spprof_console_commands[3], console_list, 0},
    {&spprof_console_commands[4], console_up, 0},
    {&spprof_console_commands[5], console_down, 0},
    {&spprof_console_commands[6], console_print, 0},
    {&spprof_console_commands[7], console_locals, 0},
    {&spprof_console_commands[8], console_spprof_bt, FOR_BT},
    {&spprof_console_commands[9], console_sample, FOR_SAMPLE},
    {&spprof_console_commands[10], console_doctor, FOR_DOCTOR},
};

_Static_assert(sizeof commands / sizeof commands[0] == sizeof spprof_console_commands / sizeof spprof_console_commands[0],
               "every command of the table does something");

const struct command *console_command_find(const char *name)
{
    for (size_t i = 0; i < spprof_console_command_count; i++)
        if (strcmp(commands[i].description->name, name) == 0)
            return &commands[i];
    return NULL;
}
