/* What was read: plain owned data, with no pointer into the target left in it. */
#ifndef SPPROF_SNAPSHOT_H
#define SPPROF_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spprof/error.h"
#include "spprof/target.h"
#include "spprof/text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How much of a value is shown; 0 stands for the default. What is cut is marked with "...". */
struct spprof_value_limits {
    size_t depth;   /* containers inside one another: 6 */
    size_t items;   /* of one container: 100 */
    size_t length;  /* bytes of the whole text: 1000 */
    size_t objects; /* that are looked at for one value: 2000 */
};

/* A code object, shared by all frames of a snapshot that run it. */
struct spprof_code {
    uint64_t address;
    struct spprof_text name;           /* co_name */
    struct spprof_text qualified_name; /* co_qualname; unknown before 3.11 */
    struct spprof_text file;           /* co_filename */
    int32_t first_line;
    const uint8_t *line_table; /* owned by the snapshot */
    size_t line_table_size;
    uint32_t version; /* of the Python that runs it, as PY_VERSION_HEX */
};

enum spprof_variable_kind {
    SPPROF_VARIABLE_ARGUMENT,
    SPPROF_VARIABLE_KEYWORD_ONLY,
    SPPROF_VARIABLE_ARGUMENTS, /* *args */
    SPPROF_VARIABLE_KEYWORDS,  /* **kwargs */
    SPPROF_VARIABLE_LOCAL,
    SPPROF_VARIABLE_CELL, /* used by functions inside this one */
    SPPROF_VARIABLE_FREE, /* of a function around this one */
};

/* A variable that is bound, and its value as repr() gives it, cut by the limits. */
struct spprof_variable {
    struct spprof_text name, value;
    enum spprof_variable_kind kind;
};

enum spprof_owner { SPPROF_OWNER_UNKNOWN, SPPROF_OWNER_THREAD, SPPROF_OWNER_GENERATOR, SPPROF_OWNER_FRAME_OBJECT, SPPROF_OWNER_INTERPRETER };

enum {
    SPPROF_NO_POSITION = -1,
    SPPROF_POSITION_LEFT_OUT = -2, /* not known for want of memory, or of what may be searched: the problems say so */
};

struct spprof_frame {
    const struct spprof_code *code;
    uint64_t address;                  /* of the frame in the target */
    int32_t line, end_line;            /* counted from 1; SPPROF_NO_POSITION: CPython has none for this instruction */
    bool line_about;                   /* code of the JIT runs this frame: it stands near this instruction, the last one that was stored */
    int32_t column, end_column;        /* counted from 0, in UTF-8 bytes; SPPROF_NO_POSITION: none, always so before 3.11 */
    enum spprof_owner owner;           /* UNKNOWN before 3.11 */
    uint64_t entry;                    /* lies on the C stack, in the C frame that runs this frame; 0: not known, always so in 3.9 */
    bool delegates;                    /* a generator that waits for another: no C frame runs it. Told in 3.9 and 3.10 only */
    struct spprof_variable *variables; /* in the order of the source; NULL: not asked for, or it has none */
    size_t variable_count;
};

/* An exception that is being raised or handled. */
struct spprof_exception {
    struct spprof_text type;     /* module and qualified name */
    struct spprof_text message;  /* as str() gives it */
    bool raising;                /* on its way to a handler; else a handler, or a finally, runs */
    struct spprof_frame *frames; /* its traceback, newest first */
    size_t frame_count;
    char *truncated;                          /* why the traceback ends early; NULL: it is whole */
    struct spprof_exception *cause, *context; /* owned; context NULL where it is suppressed */
};

enum spprof_gil { SPPROF_GIL_UNKNOWN, SPPROF_GIL_NONE, SPPROF_GIL_HELD, SPPROF_GIL_WAITING };
enum spprof_truth { SPPROF_UNKNOWN = -1, SPPROF_FALSE = 0, SPPROF_TRUE = 1 };

/* What a thread state is whose thread is not there. */
enum spprof_left_over {
    SPPROF_LEFT_OVER_NOT,
    SPPROF_LEFT_OVER_FORK,  /* of a thread of the parent: C code has forked and did not tell Python */
    SPPROF_LEFT_OVER_ENDED, /* its thread has ended without releasing it */
    SPPROF_LEFT_OVER_GONE,  /* one of these two: it cannot be told which */
};

struct spprof_thread {
    uint64_t address;        /* of its PyThreadState */
    int64_t tid;             /* kernel thread id as the user of spprof sees it; 0 unknown */
    struct spprof_text name; /* threading.Thread.name; bytes NULL: the threading module does not know the thread */
    char os_name[64];        /* the kernel's; "" unknown */
    bool main;
    int signal; /* it died of this signal; 0: it did not */
    bool has_fault_address;
    uint64_t fault_address;
    enum spprof_gil gil;
    enum spprof_truth collecting; /* garbage collection runs in this thread */
    enum spprof_truth idle;
    enum spprof_held held;       /* what keeps it from running; idle is what it was before */
    char held_by[96];            /* who: "gdb (process 77)"; "" unknown */
    struct spprof_frame *frames; /* newest first */
    size_t frame_count;
    char *truncated;                    /* why the stack ends early; NULL: it is whole */
    struct spprof_exception *exception; /* NULL: none, or not asked for */
    enum spprof_left_over left_over;    /* not NOT: tid is the one that its thread had, 0 where that names another thread now */
    int64_t interpreter;                /* id of the one that it belongs to */
};

struct spprof_interpreter {
    int64_t id;                    /* among those of its Python */
    size_t python;                 /* index: see spprof_snapshot_python */
    struct spprof_thread *threads; /* in the interpreter's own order: newest thread first, as faulthandler lists them */
    size_t thread_count;
};

enum spprof_layout_source { SPPROF_LAYOUT_DEBUG_OFFSETS, SPPROF_LAYOUT_DWARF, SPPROF_LAYOUT_BUILT_IN };

/* Which CPython it is. */
struct spprof_python {
    uint32_t version; /* as PY_VERSION_HEX; 0x030e02f0 is 3.14.2. The low 16 bits are 0 where only the minor version is known */
    bool free_threaded;
    bool debug;
    bool finalizing; /* the process has begun to end: the interpreter is being torn down */
    enum spprof_layout_source layout;
    uint64_t runtime;              /* address of _PyRuntime */
    char *file;                    /* that holds it, raw bytes, owned by the snapshot; NULL: it lies in no file, or that is unknown */
    uint64_t file_start, file_end; /* where the file that holds it, the executable or libpython, is mapped; end 0: unknown */
};

/* The thread that a process died in. Python need not know it. */
struct spprof_crash {
    int64_t tid;
    char name[64]; /* the kernel's; "" unknown */
    int signal;    /* 0: nothing has died */
    bool known;    /* Python knows the thread */
    bool has_fault_address;
    uint64_t fault_address;
    bool has_program_counter;
    uint64_t program_counter;
    char *module;    /* path of the one that holds the program counter, raw bytes; NULL: none, or unknown */
    uint64_t offset; /* of the program counter in it, as its symbols and debug information count */
    uint8_t build_id[64];
    size_t build_id_size; /* 0: none known */
};

struct spprof_snapshot {
    enum spprof_target_kind kind;
    enum spprof_architecture architecture;
    int64_t pid;
    char *executable; /* raw bytes; NULL unknown */
    int signal;
    struct spprof_crash crash;
    struct spprof_python python;  /* the first of those that run in the process */
    struct spprof_python *others; /* the other ones, which have nothing in common with it: a host's own and a plug-in's */
    size_t other_count;
    bool has_locals, has_exceptions;         /* were asked for */
    struct spprof_interpreter *interpreters; /* by Python and id */
    size_t interpreter_count;
    struct spprof_thread *left_over; /* thread states without a living thread, of all interpreters */
    size_t left_over_count;
    size_t further_count;        /* further states of threads that have one above: they run nothing, and are not shown */
    size_t native_thread_count;  /* threads that the kernel has, 0 unknown */
    size_t unknown_thread_count; /* those of them that Python does not know */
    int64_t *unknown_tids;       /* their ids, sorted */
    struct spprof_problems problems;
    struct spprof_code **codes; /* every code object that a frame names */
    size_t code_count;
    uint64_t stopped_ns;             /* how long the threads stood still; 0: they were not stopped */
    uint64_t read_calls, read_bytes; /* what reading cost */
};

void spprof_snapshot_free(struct spprof_snapshot *snapshot); /* NULL is allowed */

/* How many Pythons a snapshot shows, one at least, and which; index is less than that. */
size_t spprof_snapshot_python_count(const struct spprof_snapshot *snapshot);
const struct spprof_python *spprof_snapshot_python(const struct spprof_snapshot *snapshot, size_t index);

/* The version as people write it: "3.14.2", "3.15.0rc1", "3.12" where only the minor version is known. buffer holds it. */
void spprof_version_text(uint32_t version, char *buffer, size_t size);

#ifdef __cplusplus
}
#endif
#endif
