/*
 * Builds the profile that standard input describes and writes it in every format: make_profile FOLDER
 *   t TID MAIN NAME           a thread            p FUNCTION FILE FIRST-LINE LINE      a place
 *   s THREAD WEIGHT PLACE...  samples of a stack, root first
 * Threads and places are numbered from 0 as they come. Texts are bytes in hexadecimal behind an "x"; "-" is an unknown one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spprof/profile.h"

enum { NUMBERS_MAX = 1 << 20 };

/* What the profile calls the threads and places of the description: the same one described twice has one number. */
static uint32_t thread_numbers[NUMBERS_MAX], place_numbers[NUMBERS_MAX];
static size_t thread_count, place_count;

static void fail(const char *what)
{
    fprintf(stderr, "make_profile: %s\n", what);
    exit(1);
}

/* Decodes in place. */
static struct spprof_text text_of(char *word)
{
    if (word == NULL)
        fail("a text is missing");
    if (word[0] != 'x')
        return (struct spprof_text){0};
    size_t size = strlen(word + 1) / 2;
    for (size_t i = 0; i < size; i++) {
        char digits[3] = {word[1 + 2 * i], word[2 + 2 * i], '\0'};
        word[i] = (char)strtoul(digits, NULL, 16);
    }
    word[size] = '\0';
    return (struct spprof_text){.bytes = word, .size = size};
}

static char *next_word(char **rest)
{
    return strtok_r(NULL, " \n", rest);
}

static long long next_number(char **rest)
{
    const char *word = next_word(rest);
    if (word == NULL)
        fail("a number is missing");
    return strtoll(word, NULL, 10);
}

static uint32_t lookup(const uint32_t *numbers, size_t count, long long number)
{
    if (number < 0 || (size_t)number >= count)
        fail("no such thread or place");
    return numbers[number];
}

static void keep(uint32_t *numbers, size_t *count, uint32_t number)
{
    if (number == SPPROF_NONE || *count == NUMBERS_MAX)
        fail("no memory");
    numbers[(*count)++] = number;
}

static void read_thread(struct spprof_profile *profile, char **rest)
{
    int64_t tid = next_number(rest);
    bool main = next_number(rest) != 0;
    struct spprof_text name = text_of(next_word(rest));
    keep(thread_numbers, &thread_count, spprof_profile_thread(profile, tid, &name, "python3", main));
}

static void read_place(struct spprof_profile *profile, char **rest)
{
    struct spprof_place place = {.function = text_of(next_word(rest)), .file = text_of(next_word(rest))};
    place.first_line = (int32_t)next_number(rest);
    place.line = (int32_t)next_number(rest);
    keep(place_numbers, &place_count, spprof_profile_place(profile, &place));
}

static void read_stack(struct spprof_profile *profile, char **rest)
{
    uint32_t thread = lookup(thread_numbers, thread_count, next_number(rest));
    uint64_t weight = (uint64_t)next_number(rest);
    uint32_t node = profile->threads[thread].root;
    for (const char *word; (word = next_word(rest)) != NULL;) {
        node = spprof_profile_child(profile, node, lookup(place_numbers, place_count, strtoll(word, NULL, 10)));
        if (node == SPPROF_NONE)
            fail("no memory");
    }
    spprof_profile_count(profile, thread, node, weight);
}

static void read_profile(struct spprof_profile *profile)
{
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        char *rest, *kind = strtok_r(line, " \n", &rest);
        if (kind != NULL && kind[0] == 't')
            read_thread(profile, &rest);
        else if (kind != NULL && kind[0] == 'p')
            read_place(profile, &rest);
        else if (kind != NULL && kind[0] == 's')
            read_stack(profile, &rest);
    }
    free(line);
}

/* As if it had been sampled 100 times a second without a miss. */
static void make_counts(struct spprof_profile *profile)
{
    profile->pid = 4321;
    profile->started_at = INT64_C(1760000000123456789);
    profile->executable = strdup("/usr/bin/python3.14");
    profile->command = strdup("python3 -m shop.serve --name </script>\xff");
    profile->python = (struct spprof_python){.version = 0x030e02f0, .free_threaded = true};
    profile->counts = (struct spprof_sample_counts){
        .rate_hz = 100,
        .ticks = profile->samples,
        .duration_s = (double)profile->samples / 100,
        .overruns = 7,
        .captured = profile->samples,
        .recovered = profile->samples / 10,
        .cut_to_caller = profile->samples / 100,
        .retried = profile->samples / 20,
        .threads_seen = profile->thread_count,
    };
    profile->counts.dropped[SPPROF_DROP_CHANGED] = 3;
    profile->counts.dropped[SPPROF_DROP_CYCLE] = 1;
}

static void write_format(const struct spprof_profile *profile, const char *folder, enum spprof_profile_format format, bool threads)
{
    char *path;
    if (asprintf(&path, "%s/%s%s", folder, threads ? "threads" : "profile", spprof_profile_format_ending(format)) < 0)
        fail("no memory");
    const struct spprof_profile_report_options options = {.threads = threads, .width = 100};
    FILE *file = fopen(path, "w");
    if (file == NULL)
        fail(strerror(errno));
    struct spprof_error *error = spprof_report_profile(file, profile, format, &options);
    if (error != NULL)
        fail(error->message);
    if (ferror(file) || fclose(file) != 0)
        fail(strerror(errno));
    free(path);
}

int main(int count, char **arguments)
{
    struct spprof_profile *profile = NULL;
    if (count != 2 || spprof_profile_new(&profile) != NULL)
        fail("usage: make_profile FOLDER <DESCRIPTION");
    read_profile(profile);
    make_counts(profile);
    spprof_profile_finish(profile);
    for (unsigned format = 0; format < SPPROF_FORMATS; format++) {
        write_format(profile, arguments[1], (enum spprof_profile_format)format, false);
        write_format(profile, arguments[1], (enum spprof_profile_format)format, true);
    }
    spprof_profile_free(profile);
    return 0;
}
