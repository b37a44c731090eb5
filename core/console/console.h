/* The commands of a debugger, as they see what they share: the target that was opened, what was read of it, which frame is selected. */
#ifndef SPPROF_CONSOLE_CONSOLE_H
#define SPPROF_CONSOLE_CONSOLE_H

#include <stdio.h>

#include "options/options.h"
#include "report/source.h"
#include "spprof/debugger.h"
#include "spprof/report.h"
#include "spprof/session.h"

/* The Python frame that commands are about: its place in the stack of a thread. Made anew where the debugger's own selection is another. */
struct console_selection {
    bool made;
    int64_t tid; /* of the debugger's thread, and the level of its C frame, when it was made */
    size_t level;
    uint64_t thread;                            /* address of the thread state */
    size_t depth;                               /* 0: the newest frame */
    uint64_t preferred_thread, preferred_frame; /* addresses; 0: none is */
    struct spprof_native_pairs *pairs;          /* of the thread's C frames with console->stacks; NULL: not yet */
};

struct spprof_console {
    const struct spprof_debugger_ops *target_ops;
    const struct spprof_console_ops *ops;
    void *debugger;

    /* Of the inferior as it stands now; NULL: not yet. */
    struct spprof_debugger_inferior inferior; /* its texts are owned */
    struct spprof_target *target;
    struct spprof_session *session;
    struct spprof_snapshot *stacks; /* every thread, without values */
    struct spprof_snapshot *values; /* with the values of one thread */
    uint64_t values_of;             /* its address */
    enum spprof_truth python;       /* whether it seems to hold any; UNKNOWN: not yet asked */

    struct console_selection selection;
};

/* What one run of a command writes to. */
struct console_output {
    FILE *stream;
    struct spprof_console_result *result;
    bool complete; /* Ctrl-C has ended what the command did, and its result counts */
};

/* A command's arguments as the user typed them, cut into words like a shell does: by blanks, quotes keep them together. */
struct words {
    char **items; /* items[0] is the name of the command, items[count] is NULL */
    int count;
};

typedef struct spprof_error *console_function(struct spprof_console *console, struct words *words, struct console_output *output);

/* stacks.c */
console_function console_bt, console_bt_all, console_bt_full, console_spprof_bt;
/* frame.c */
console_function console_up, console_down, console_list, console_print, console_locals;
/* doctor.c */
console_function console_doctor;
/* sample.c */
console_function console_sample;

/* Makes sure that target, and session, are there. */
struct spprof_error *console_open_target(struct spprof_console *console);
struct spprof_error *console_open_session(struct spprof_console *console);

/* The stacks of all threads, read once while nothing changes. */
struct spprof_error *console_stacks(struct spprof_console *console, const struct spprof_snapshot **snapshot);

/* The Python thread that the debugger has selected, the one that runs code now. Errors: there is none, it runs no Python. */
struct spprof_error *console_selected_thread(struct spprof_console *console, const struct spprof_thread **thread);

/* A Python thread by the address of its thread state; NULL: there is none. */
const struct spprof_thread *console_find_thread(const struct spprof_snapshot *snapshot, uint64_t address);

/* The stack of one Python thread with the values of its variables; snapshot is what holds it. Errors: it is gone. */
struct spprof_error *console_values(struct spprof_console *console, uint64_t address, const struct spprof_snapshot **snapshot,
                                    const struct spprof_thread **thread);

/* selection.c */

/* Follows the debugger's selection. Errors: no Python frame belongs to it, or it cannot be told which. */
struct spprof_error *console_selection_update(struct spprof_console *console);

/* Selects another frame of the selected stack, and the C frame that runs it. False: that is not known, and the debugger's frame stays. */
bool console_selection_move(struct spprof_console *console, size_t depth);

/* Nothing of what was read is to be looked at again; forget: which frame was selected, too. */
void console_selection_drop(struct spprof_console *console, bool forget);

/* How reports are to look. */
struct spprof_report_options console_report_options(struct spprof_console *console, const struct options *options);

/* words.c */
struct spprof_error *console_words_split(const char *name, const char *text, struct words *words);
void console_words_free(struct words *words);

/* The only argument as a number from 1 on; fallback where there is none. Errors: USAGE. */
struct spprof_error *console_words_number(const struct words *words, int64_t fallback, int64_t *number);

/* Errors: USAGE, where there is an argument. */
struct spprof_error *console_words_none(const struct words *words);

#endif
