/*
 * fuzz_run SECONDS RECORDING...    inputs of the seeds 0, 1, 2 ... for each recording in turn, until the time is over
 * fuzz_run --seed SEED RECORDING   one input: what went wrong once
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

enum { RECORDINGS_MAX = 64 };

static struct recording recordings[RECORDINGS_MAX];
static const char *current;
static uint64_t current_seed;

static void tell_seed(void)
{
    char text[4096];
    int length = snprintf(text, sizeof text, "reproduce: fuzz_run --seed %llu %s\n", (unsigned long long)current_seed, current);
    if (write(STDERR_FILENO, text, (size_t)length) != length)
        _exit(2);
}

static void on_signal(int number)
{
    tell_seed();
    signal(number, SIG_DFL);
    raise(number);
}

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void prepare_to_die(void)
{
    static const int signals[] = {SIGABRT, SIGALRM, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(tell_seed);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (__sanitizer_set_death_callback == NULL || signals[i] == SIGALRM || signals[i] == SIGABRT)
            signal(signals[i], on_signal);
}

static void run(struct recording *recording, const char *path, uint64_t seed)
{
    uint8_t input[INPUT_MAX];
    current = path;
    current_seed = seed;
    fuzz_run(recording, input, fuzz_make(recording, seed, input));
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void load(char **paths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct spprof_error *error = recording_read(paths[i], &recordings[i]);
        if (error != NULL) {
            fprintf(stderr, "%s\n", error->message);
            exit(2);
        }
        current = paths[i];
        fuzz_run(&recordings[i], NULL, 0);
    }
}

int main(int count, char **arguments)
{
    bool one = count == 4 && strcmp(arguments[1], "--seed") == 0;
    if (count < 3 || count > RECORDINGS_MAX) {
        fprintf(stderr, "usage: fuzz_run SECONDS RECORDING..., or fuzz_run --seed SEED RECORDING\n");
        return 2;
    }
    prepare_to_die();
    char **paths = arguments + (one ? 3 : 2);
    size_t files = (size_t)count - (one ? 3 : 2);
    load(paths, files);
    if (one) {
        run(&recordings[0], paths[0], strtoull(arguments[2], NULL, 10));
        return 0;
    }
    uint64_t seed = 0;
    for (double end = seconds() + atof(arguments[1]); seconds() < end; seed++)
        for (size_t i = 0; i < files; i++)
            run(&recordings[i], paths[i], seed);
    printf("%llu inputs for each of %zu recordings\n", (unsigned long long)seed, files);
    return 0;
}
