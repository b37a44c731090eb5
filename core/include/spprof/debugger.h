/*
 * A debugger's current process or core as a target, and the commands that gdb and lldb have in common. A plugin knows its debugger:
 * it fills the tables below, registers the commands under their names, and passes text on. Everything else happens here.
 */
#ifndef SPPROF_DEBUGGER_H
#define SPPROF_DEBUGGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spprof/error.h"
#include "spprof/native.h"
#include "spprof/snapshot.h"
#include "spprof/target.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a debugger says of a module. */
struct spprof_debugger_module {
    const char *path; /* "" unknown */
    bool main;
    uint64_t start, end;                   /* addresses; end 0: unknown */
    const struct spprof_mapping *mappings; /* sorted; count 0: unknown, and what can be read is found out */
    size_t mapping_count;
    void *handle; /* of the plugin, for find_symbol and find_section; NULL is allowed */
};

/*
 * What a debugger can do with the process or core that it has open. debugger is the plugin's own. All calls come from the thread that
 * runs the command. Nothing here resumes or changes the inferior, and nothing calls into it. Texts are copied by the core.
 */
struct spprof_debugger_ops {
    /* Reads size bytes at address, all or nothing. */
    bool (*read)(void *debugger, uint64_t address, void *buffer, size_t size);
    /* Appends the threads (tid, target_tid, name, signal and fault address of a core's thread, as far as known). items is grown by malloc. */
    struct spprof_error *(*threads)(void *debugger, struct spprof_native_threads *threads);
    /* Calls add for each module. */
    struct spprof_error *(*modules)(void *debugger, void (*add)(void *context, const struct spprof_debugger_module *module), void *context);
    /* False: no such symbol, or section, in this module. */
    bool (*find_symbol)(void *debugger, const struct spprof_debugger_module *module, const char *name, uint64_t *address);
    bool (*find_section)(void *debugger, const struct spprof_debugger_module *module, const char *name, uint64_t *address, uint64_t *size);
    /* Calls add for each range of a process's memory, in any order; for none where the debugger cannot tell. NULL is allowed. */
    struct spprof_error *(*regions)(void *debugger, void (*add)(void *context, const struct spprof_mapping *region), void *context);
    /* Whether the user pressed Ctrl-C; asked often. */
    bool (*interrupted)(void *debugger);
};

/* Which process or core it is. */
struct spprof_debugger_inferior {
    enum spprof_target_kind kind;
    enum spprof_architecture architecture;
    unsigned pointer_size, long_size; /* 0: 8 */
    int64_t pid;                      /* of a core the dead one's */
    bool local;                       /* a process of this machine, by the pid that it has for us, too: memory may be read past the debugger */
    bool running;                     /* some of its threads run while it is looked at: every stack is validated, and nothing is kept */
    int signal;                       /* that a core died of; 0: none, or unknown */
    const char *executable;           /* NULL: unknown */
    const char *core;                 /* path of the core file on this machine; NULL: none, or unknown */
};

/*
 * A target on a debugger. Memory is cached in pages until spprof_debugger_target_resumed. Where a direct path (local process, local core file)
 * is at hand and gives the same bytes it is taken; spprof doctor says which was. ops and debugger are borrowed until close.
 */
struct spprof_error *spprof_debugger_target_open(const struct spprof_debugger_ops *ops, void *debugger,
                                                 const struct spprof_debugger_inferior *inferior, struct spprof_target **target);

/* The inferior has run: its memory is read anew. Its modules and symbols are kept; where those may have changed, open another target. */
void spprof_debugger_target_resumed(struct spprof_target *target);

/* Whether ops->interrupted has told of Ctrl-C since the target was opened or resumed: nothing was read then any more. */
bool spprof_debugger_target_interrupted(const struct spprof_target *target);

/*
 * qemu's stub for user programs (-g) hears nothing while the program runs; one on this machine can be stopped by SIGINT instead, which it tells
 * the debugger of. A descriptor of the qemu that emulates this thread and serves this debugger, owned by the caller; -1: there is none.
 */
int spprof_emulator_open(int64_t tid);
bool spprof_emulator_interrupt(int emulator);

/*
 * The commands of a debugger: they keep what was read and which Python frame is selected until the inferior, its state, or the C frame that the user
 * has selected is another: then it is the Python frame which that C frame runs, or runs for.
 */
struct spprof_console;

enum spprof_run_end {
    SPPROF_RUN_DONE,        /* the work has returned */
    SPPROF_RUN_STOPPED,     /* a breakpoint, a signal, a crash stopped the inferior before */
    SPPROF_RUN_EXITED,      /* it has ended */
    SPPROF_RUN_INTERRUPTED, /* the user pressed Ctrl-C */
};

/* Work that is done while the inferior runs. */
struct spprof_run {
    void (*work)(void *context);   /* called once, on a thread of its own whose signals are all blocked; calls nothing of the debugger's */
    void (*cancel)(void *context); /* called where the run is to end before the work, on any thread, more than once: that is to return soon */
    void *context;
    bool last;               /* no run follows: the stop behind it need not be fast */
    enum spprof_run_end end; /* set by the plugin */
    char why[256];           /* set by the plugin: what stopped it or how it ended, as one would say it; "" unknown */
};

struct spprof_console_ops {
    /* Says which process or core is current. Errors: there is none, or not one that can be looked at. Its texts are copied. */
    struct spprof_error *(*inferior)(void *debugger, struct spprof_debugger_inferior *inferior);
    /* The kernel thread id of the debugger's selected thread; 0: none. */
    int64_t (*selected_thread)(void *debugger);
    /* What the debugger calls a thread ("3", "1.3"); writes "" where it does not know it. May be NULL. */
    void (*thread_label)(void *debugger, int64_t tid, char *label, size_t size);
    bool (*wants_color)(void *debugger); /* may be NULL: no */
    const char *debugger_name;           /* "gdb", "lldb" */
    /*
     * The C frames of the selected thread, 0 the newest, asked for in order; 0 begins anew. False: there is no such frame. Its name is kept until
     * the next one of level 0. NULL where the debugger gives none: then Python frames are selected by py-up and py-down alone.
     */
    bool (*native_frame)(void *debugger, size_t level, struct spprof_native_frame *frame);
    size_t (*selected_frame)(void *debugger);           /* the level of the C frame that the user has selected */
    bool (*select_frame)(void *debugger, size_t level); /* selects another, and shows nothing; one that native_frame has given */
    /* For sampling; all NULL where the debugger cannot do it. run_begin prepares for many runs in a row, run_end puts everything back. */
    struct spprof_error *(*run_begin)(void *debugger);
    /*
     * Lets the inferior run until the work has returned, or something else stops it, which the debugger shows as it would show any stop.
     * After DONE and INTERRUPTED it stands as if it had been interrupted, nothing is printed, and no signal is left for it.
     */
    struct spprof_error *(*run)(void *debugger, struct spprof_run *run);
    void (*run_end)(void *debugger);
};

/* Borrows the ops and debugger. Errors: NO_MEMORY. */
struct spprof_error *spprof_console_new(const struct spprof_debugger_ops *target_ops, const struct spprof_console_ops *ops, void *debugger,
                                        struct spprof_console **console);
void spprof_console_free(struct spprof_console *console); /* NULL is allowed */

/* To be called whenever the inferior runs, stops, is replaced, or its memory or modules change: everything read so far is forgotten. */
void spprof_console_changed(struct spprof_console *console);

/*
 * A command. "bt", "bt-all", "up", ...: gdb registers them with "py-" before it, lldb below "spprof" and with "py-", too. Those that begin
 * with "spprof " take the shell's options and mean what they mean in a shell.
 */
struct spprof_console_command {
    const char *name;
    const char *summary;   /* one line, without a full stop */
    const char *help;      /* whole paragraphs, ends without newline */
    const char *usage;     /* "[COUNT]": what may follow the name */
    bool takes_expression; /* its argument is a Python name */
};
extern const struct spprof_console_command spprof_console_commands[];
extern const size_t spprof_console_command_count;

struct spprof_console_result {
    char *text; /* owned; what to show, ends with a newline where not empty; escaped, ready for a terminal */
    size_t size;
    char *note;       /* owned; one line for the side: what could not be read. NULL: none */
    bool interrupted; /* by the user: the error says so, too */
};

/*
 * Runs a command, by the name in the table, with its arguments as the user typed them. An error is to be shown as the debugger shows errors;
 * text that was made before it is in result all the same. result is to be freed in every case.
 */
struct spprof_error *spprof_console_run(struct spprof_console *console, const char *command, const char *arguments,
                                        struct spprof_console_result *result);
void spprof_console_result_free(struct spprof_console_result *result);

/*
 * For what a debugger shows in a way of its own. The stacks of all threads, with what native.h needs, read once while nothing changes;
 * tid is the debugger's selected thread. The snapshot is the console's, until the next call of any of these functions.
 */
struct spprof_error *spprof_console_stacks(struct spprof_console *console, const struct spprof_snapshot **snapshot, int64_t *tid);

/* One Python thread of it, by its address, with the values of its variables. Errors: it is gone. */
struct spprof_error *spprof_console_values(struct spprof_console *console, uint64_t address, const struct spprof_thread **thread);

/*
 * The user looks at this Python frame, of those that share a C frame: it is the selected one as soon as that C frame is. For debuggers that list
 * Python frames as frames of their own.
 */
void spprof_console_prefer(struct spprof_console *console, uint64_t thread, uint64_t frame);

/* Whether the inferior seems to be Python: cheap, by symbols alone, so that it can be asked about any program. False where that fails. */
bool spprof_console_has_python(struct spprof_console *console);

/* Words that may stand next: options, and the names of the selected frame's variables. word is what was typed of the last word. */
void spprof_console_complete(struct spprof_console *console, const char *command, const char *text, const char *word,
                             void (*add)(void *context, const char *word), void *context);

#ifdef __cplusplus
}
#endif
#endif
