#include "run.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control_c.h"
#include "gdb.h"
#include "helper.h"
#include "inferior.h"
#include "quiet.h"
#include "settings.h"
#include "show.h"
#include "spprof/tracee.h"
#include "stop.h"

/*
 * gdb's own thread resumes the program by `continue`, and stands there until it stops. The helper does the work and then stops it: a
 * process of this machine by SIGURG, which means nothing to most programs and is not Ctrl-C; any other as Ctrl-C would.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    bool active;
    bool native; /* gdb traces the process itself */
    int64_t pid;
    int emulator; /* of spprof_emulator_open */
    struct settings settings;
    struct quiet quiet;
    PyObject *thread, *frame; /* that the user has selected */

    /* Of the latest run. */
    struct helper *helper; /* under the lock; NULL: it is over */
    struct stop stop;
    char *said;                /* owned; what gdb has said of it, besides what is kept quiet */
    _Atomic int64_t signalled; /* the thread that the signal was sent to, by the helper; 0: none yet */
    bool as_before;            /* it stands as if it had been interrupted: what the user had selected is selected again */
    bool ours;                 /* it has stopped by a signal that was never meant for it */
} now;

bool run_is_active(void)
{
    return now.active;
}

bool run_heard(PyObject *event)
{
    struct stop stop;
    if (!now.active)
        return false;
    stop_read(event, &stop);
    if (stop.kind != STOP_NONE)
        now.stop = stop;
    if (stop.kind == STOP_RESUMED && now.helper != NULL) {
        if (!now.native)
            control_c_resumed();
        helper_resumed(now.helper);
    }
    return true;
}

/* Who was signalled is known before it stops by that. */
static bool signal_process(void)
{
    int64_t tid = spprof_tracee_for_signal(now.pid, SIGURG), before = now.signalled;
    if (tid == 0)
        return false;
    now.signalled = tid;
    if (spprof_tracee_signal(now.pid, tid, SIGURG))
        return true;
    now.signalled = before;
    return false;
}

static void set_helper(struct helper *helper)
{
    pthread_mutex_lock(&lock);
    now.helper = helper;
    pthread_mutex_unlock(&lock);
}

/* At Ctrl-C, on another thread: the helper stops a process of this machine as it does when the work is done. */
static void cancel_helper(void)
{
    pthread_mutex_lock(&lock);
    if (now.helper != NULL)
        helper_cancel(now.helper);
    pthread_mutex_unlock(&lock);
}

static bool signal_gdb(void)
{
    control_c_send();
    return control_c_was_sent();
}

static int64_t selected_tid(void)
{
    return inferior_console_ops.selected_thread(NULL);
}

static bool select_tid(int64_t tid)
{
    OWNED inferior = gdb_call("selected_inferior");
    OWNED threads = gdb_call_of(inferior, "threads");
    for (Py_ssize_t i = 0; threads != NULL && i < PySequence_Size(threads); i++) {
        OWNED thread = PySequence_GetItem(threads, i);
        if (inferior_thread_tid(thread) == tid) {
            OWNED done = gdb_call_of(thread, "switch");
            return done != NULL;
        }
    }
    return false;
}

static void run_command(const char *command)
{
    free(gdb_execute(command));
}

/* Runs a command that resumes the program. NULL: it has stopped, or ended; else what gdb complains of, owned by the caller. */
static char *resume(const char *command)
{
    OWNED execute = gdb_get("execute");
    OWNED done = execute != NULL ? PyObject_CallFunction(execute, "sOO", command, Py_False, Py_True) : NULL;
    if (done != NULL) {
        free(now.said);
        now.said = gdb_text(done);
        return NULL;
    }
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    OWNED text = value != NULL ? PyObject_Str(value) : NULL;
    char *complaint = gdb_text(text);
    PyErr_Restore(type, value, trace);
    if (!now.native && control_c_was_sent())
        PyErr_Clear();
    gdb_forget_error();
    return complaint != NULL ? complaint : strdup("interrupted");
}

/* Whether the program has stopped by a SIGURG of its own, which gdb would not have shown. */
static bool is_unshown(void)
{
    const char *handled = now.settings.handled;
    return now.native && strcmp(now.stop.signal, "SIGURG") == 0 && handled != NULL && strstr(handled, " nostop") != NULL &&
           spprof_tracee_stopped_by(selected_tid(), SIGURG) == SPPROF_SENDER_OTHERS;
}

/* Whether it has stopped by a SIGURG of an earlier run, which was sent again just when the program stopped by the first. */
static bool is_left_over(void)
{
    return now.native && strcmp(now.stop.signal, "SIGURG") == 0 && now.signalled == 0 &&
           spprof_tracee_stopped_by(selected_tid(), SIGURG) == SPPROF_SENDER_HELPER;
}

/* The command that goes on where nothing has happened that concerns the user. NULL: something has. */
static const char *going_on(void)
{
    if (is_left_over())
        return "signal 0";
    return is_unshown() ? "continue" : NULL;
}

static char *resume_until_stop(void)
{
    char *complaint = NULL;
    for (const char *command = "continue"; complaint == NULL && command != NULL; command = going_on())
        complaint = resume(command);
    return complaint;
}

/* Whether the helper has stopped it. Stubs tell of an interrupt as SIGINT, or as no signal at all. */
static bool is_our_stop(void)
{
    if (!now.native)
        return control_c_was_sent() && (strcmp(now.stop.signal, "SIGINT") == 0 || now.stop.kind == STOP_OTHER);
    if (now.signalled == 0)
        return false;
    enum spprof_sender sender = spprof_tracee_stopped_by(selected_tid(), SIGURG);
    return sender == SPPROF_SENDER_HELPER || (sender == SPPROF_SENDER_UNKNOWN && strcmp(now.stop.signal, "SIGURG") == 0);
}

static bool is_users_stop(void)
{
    return now.native && strcmp(now.stop.signal, "SIGINT") == 0 && spprof_tracee_stopped_by(selected_tid(), SIGINT) != SPPROF_SENDER_OTHERS;
}

static enum spprof_run_end how_it_ended(void)
{
    if (now.stop.kind == STOP_EXIT)
        return SPPROF_RUN_EXITED;
    if (is_our_stop())
        return control_c_was_pressed() ? SPPROF_RUN_INTERRUPTED : SPPROF_RUN_DONE;
    return is_users_stop() ? SPPROF_RUN_INTERRUPTED : SPPROF_RUN_STOPPED;
}

/* Lets the selected thread go on alone until the signal that waits for it has stopped it; one of its own that comes first is passed on. */
static void meet_signal(void)
{
    enum { STOPS = 4 };
    for (int i = 0; i < STOPS && (i == 0 || spprof_tracee_awaits(now.pid, now.signalled, SIGURG)); i++)
        free(resume(spprof_tracee_stopped_by(now.signalled, SIGURG) == SPPROF_SENDER_OTHERS ? "continue" : "signal 0"));
}

/* The same where the user stands at something else: what $_siginfo shows, and what the program gets with its signal, stays as it was. */
static void meet_signal_behind_stop(void)
{
    siginfo_t info;
    bool known = spprof_tracee_siginfo(now.signalled, &info);
    meet_signal();
    if (known)
        spprof_tracee_set_siginfo(now.signalled, &info);
}

/*
 * The signal was sent at the moment when something else stopped the program: it waits in the kernel, or in gdb, and would reach the program
 * later. Its thread alone goes on, to stop by it before its next instruction.
 */
static void take_signal_back(void)
{
    int64_t selected = selected_tid();
    bool held = !is_our_stop() && spprof_tracee_stopped_by(now.signalled, SIGURG) == SPPROF_SENDER_HELPER;
    if (now.signalled == 0 || !(held || spprof_tracee_awaits(now.pid, now.signalled, SIGURG)))
        return;
    char *locking = settings_value("scheduler-locking"), queue[64] = "queue-signal 0";
    if (selected == now.signalled && now.stop.kind == STOP_SIGNAL && strcmp(now.stop.signal, "SIGURG") != 0)
        snprintf(queue, sizeof queue, "queue-signal %s", now.stop.signal);
    struct stop stop = now.stop;
    if (locking != NULL && select_tid(now.signalled)) {
        char command[64];
        snprintf(command, sizeof command, "set scheduler-locking %s", locking);
        run_command("set scheduler-locking on");
        if (selected == now.signalled)
            meet_signal_behind_stop();
        else
            meet_signal();
        run_command(queue);
        run_command(command);
        select_tid(selected);
    }
    free(locking);
    now.stop = stop;
    now.signalled = 0; /* it stands at the signal; to wait for that again would be for ever */
}

/* A Ctrl-C of ours that gdb has heard of too late would end what the user does next. */
static void forget_late_interrupt(void)
{
    if (!now.native && control_c_was_sent() && PyErr_CheckSignals() != 0)
        PyErr_Clear();
}

static struct spprof_error *judge(struct spprof_run *run, const char *complaint)
{
    now.as_before = now.ours = false;
    if (complaint != NULL && (now.stop.kind == STOP_NONE || now.stop.kind == STOP_RESUMED)) {
        if (!gdb_interrupted())
            return spprof_error_new(SPPROF_ERROR_UNSUPPORTED, "gdb cannot let the program run: %s", complaint);
        run->end = SPPROF_RUN_INTERRUPTED;
        now.as_before = true;
        return NULL;
    }
    run->end = how_it_ended();
    if (run->end == SPPROF_RUN_STOPPED || run->end == SPPROF_RUN_EXITED)
        snprintf(run->why, sizeof run->why, "%s", now.stop.why);
    if (now.native && run->end != SPPROF_RUN_DONE && run->end != SPPROF_RUN_EXITED)
        take_signal_back();
    now.as_before = run->end == SPPROF_RUN_DONE || run->end == SPPROF_RUN_INTERRUPTED;
    now.ours = now.as_before;
    if (now.ours)
        run_command("queue-signal 0");
    return NULL;
}

static struct spprof_error *run_resumed(struct spprof_run *run)
{
    struct helper helper;
    quiet_forget(&now.quiet);
    now.stop = (struct stop){.kind = STOP_NONE};
    now.signalled = 0;
    struct spprof_error *error = helper_start(&helper, run, now.native ? signal_process : signal_gdb);
    if (error != NULL)
        return error;
    set_helper(&helper);
    char *complaint = resume_until_stop();
    set_helper(NULL);
    helper_end(&helper);
    if (!now.native)
        control_c_stopped();
    forget_late_interrupt();
    error = judge(run, complaint);
    free(complaint);
    return error;
}

struct spprof_error *run_once(void *debugger, struct spprof_run *run)
{
    (void)debugger;
    run->end = SPPROF_RUN_INTERRUPTED;
    run->why[0] = '\0';
    if (gdb_interrupted() || control_c_was_pressed())
        return NULL;
    return run_resumed(run);
}

/* Only a program that stands still as a whole can be resumed as a whole, and only one that hears the signal can be stopped again. */
static struct spprof_error *check(bool running)
{
    char *value = settings_value("non-stop");
    bool non_stop = value != NULL && strcmp(value, "on") == 0;
    free(value);
    if (running || non_stop)
        return spprof_error_new(SPPROF_ERROR_USAGE,
                                "%s, where gdb cannot attend to the program while a command samples it: sample it "
                                "from a shell, by 'spprof sample %" PRId64 "'%s",
                                non_stop ? "this is non-stop mode" : "the program runs in the background", now.pid,
                                non_stop ? "" : ", or stop it first, by 'interrupt'");
    if (now.native && spprof_tracee_for_signal(now.pid, SIGURG) == 0)
        return spprof_error_new(SPPROF_ERROR_UNSUPPORTED,
                                "every thread of process %" PRId64 " blocks SIGURG, by which it would be stopped "
                                "again: sample it from a shell, by 'spprof sample %" PRId64 "'",
                                now.pid, now.pid);
    return NULL;
}

static void close_emulator(void)
{
    if (now.emulator >= 0)
        close(now.emulator);
    now.emulator = -1;
}

struct spprof_error *run_begin(void *debugger)
{
    struct spprof_debugger_inferior inferior;
    struct spprof_error *error = inferior_console_ops.inferior(debugger, &inferior);
    if (error != NULL)
        return error;
    memset(&now, 0, sizeof now);
    now.pid = inferior.pid;
    now.native = inferior.local;
    now.as_before = true;
    error = check(inferior.running);
    now.emulator = error == NULL && !now.native ? spprof_emulator_open(selected_tid()) : -1;
    if (error == NULL && !control_c_begin(now.native ? cancel_helper : control_c_send, now.emulator))
        error = spprof_error_new(SPPROF_ERROR_NO_MEMORY, "cannot start the thread that waits for Ctrl-C");
    now.active = error == NULL;
    if (error != NULL) {
        close_emulator();
        return error;
    }
    now.thread = gdb_call("selected_thread");
    now.frame = gdb_call("selected_frame");
    settings_change(&now.settings, now.native ? "SIGURG" : "SIGINT", now.native);
    quiet_begin(&now.quiet);
    return NULL;
}

static bool is_valid(PyObject *object)
{
    OWNED valid = object != NULL && object != Py_None ? gdb_call_of(object, "is_valid") : NULL;
    return valid == Py_True;
}

static void select_as_before(void)
{
    if (!is_valid(now.thread))
        return;
    Py_XDECREF(gdb_call_of(now.thread, "switch"));
    if (is_valid(now.frame))
        Py_XDECREF(gdb_call_of(now.frame, "select"));
}

static void show(const char *text)
{
    if (text != NULL && !show_text(text, strlen(text)))
        gdb_forget_error();
}

/* What gdb would have shown where the program stopped; it was kept from printing the line of the source. */
static void show_stop(void)
{
    char *frame = now.stop.kind != STOP_EXIT ? gdb_execute("frame") : NULL;
    show(now.said);
    quiet_show(&now.quiet);
    show(frame);
    free(frame);
}

void run_end(void *debugger)
{
    (void)debugger;
    if (now.native && now.ours)
        take_signal_back();
    if (now.as_before)
        select_as_before();
    if (!settings_restore(&now.settings))
        PySys_WriteStderr("spprof: gdb refuses to set scheduler-locking as it was: it does so only while a program lives\n");
    control_c_end();
    quiet_end(&now.quiet);
    if (!now.as_before)
        show_stop();
    quiet_free(&now.quiet);
    free(now.said);
    Py_CLEAR(now.thread);
    Py_CLEAR(now.frame);
    close_emulator();
    now.active = false;
}
