/* What lets go of threads where spprof cannot. A child plays spprof; its threads are not stopped, since the guard does not know of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target/live_linux/process_guard.h"

/* Runs play(pipe) in a child, which writes a byte for each thing done. */
static pid_t start(void (*play)(int said), int *heard)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        play(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    *heard = ends[0];
    return child;
}

static char hear(int heard)
{
    char letter = 0;
    return read(heard, &letter, 1) == 1 ? letter : '\0';
}

static void say(int said, char letter)
{
    if (write(said, &letter, 1) != 1)
        _exit(1);
}

static void stop_while_it_holds(int said)
{
    struct process_guard *guard = NULL;
    target_process_guard_begin(&guard);
    raise(SIGSTOP);
    say(said, 'w'); /* the work goes on */
    target_process_guard_end(guard);
    say(said, 'c'); /* only when it is continued */
    target_process_guard_begin(&guard);
    say(said, 'h');
    target_process_guard_end(guard);
    target_process_guard_free(guard);
    say(said, 'e');
}

static void test_a_stop_waits_until_threads_are_let_go(void **state)
{
    (void)state;
    int heard, status;
    pid_t child = start(stop_while_it_holds, &heard);
    assert_int_equal(hear(heard), 'w');
    do /* the first one may be told of, too */
        assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    while (!WIFSTOPPED(status));
    siginfo_t info = {.si_pid = 0};
    usleep(50000); /* longer than the watcher would take to continue it */
    while (waitid(P_PID, (id_t)child, &info, WSTOPPED | WCONTINUED | WNOHANG) == 0 && info.si_pid != 0)
        info.si_pid = 0;
    char path[64], stat[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)child);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_true(fread(stat, 1, sizeof stat - 1, file) > 0);
    fclose(file);
    assert_int_equal(strrchr(stat, ')')[2], 'T');
    kill(child, SIGCONT);
    assert_int_equal(hear(heard), 'c');
    assert_int_equal(hear(heard), 'h');
    assert_int_equal(hear(heard), 'e');
    close(heard);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The first child of a process. */
static pid_t child_of(pid_t process)
{
    char path[96];
    int child = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)process, (int)process);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%d", &child) != 1)
        child = 0;
    fclose(file);
    return child;
}

/* The watcher, once it is about its work. */
static pid_t find_watcher(void)
{
    char path[64], name[32] = "";
    pid_t watcher = child_of(getpid());
    snprintf(path, sizeof path, "/proc/%d/comm", (int)watcher);
    while (strcmp(name, "watcher\n") != 0) {
        usleep(1000);
        FILE *file = fopen(path, "re");
        if (file == NULL || fgets(name, sizeof name, file) == NULL)
            _exit(2);
        fclose(file);
    }
    return watcher;
}

static void stop_the_watcher_too(int said)
{
    struct process_guard *guard = NULL;
    target_process_guard_begin(&guard);
    kill(find_watcher(), SIGSTOP);
    say(said, 's');
    raise(SIGSTOP);
    _exit(3);
}

static void test_who_is_stuck_is_ended(void **state)
{
    (void)state;
    int heard, status;
    pid_t child = start(stop_the_watcher_too, &heard);
    assert_int_equal(hear(heard), 's');
    assert_int_equal(hear(heard), '\0');
    close(heard);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void work_for_long(int said)
{
    struct process_guard *guard = NULL;
    target_process_guard_begin(&guard);
    for (int i = 0; i < 60; i++) { /* longer than one may be stuck */
        usleep(100000);
        target_process_guard_is_alive(guard);
    }
    target_process_guard_end(guard);
    target_process_guard_free(guard);
    say(said, 'e');
}

static void rest_for_long(int said)
{
    struct process_guard *guard = NULL;
    target_process_guard_begin(&guard);
    target_process_guard_rests(guard);
    sleep(6);
    target_process_guard_end(guard);
    target_process_guard_free(guard);
    say(said, 'e');
}

static void test_who_goes_on_is_not(void **state)
{
    (void)state;
    int heard[2], status;
    pid_t children[] = {start(work_for_long, &heard[0]), start(rest_for_long, &heard[1])};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hear(heard[i]), 'e');
        close(heard[i]);
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stop_waits_until_threads_are_let_go),
        cmocka_unit_test(test_who_is_stuck_is_ended),
        cmocka_unit_test(test_who_goes_on_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
