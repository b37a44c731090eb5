#include "options/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "options/number.h"

/* An option without a letter has a value that no character has. */
enum {
    OPTION_JSON = 256,
    OPTION_LOCALS,
    OPTION_NO_SOURCE,
    OPTION_THREAD,
    OPTION_SYSROOT,
    OPTION_NO_STOP,
    OPTION_VALUE_LENGTH,
    OPTION_COLOR,
    OPTION_VERSION,
    OPTION_FORMAT,
    OPTION_STOP,
    OPTION_IDLE,
    OPTION_GIL,
    OPTION_THREADS,
    OPTION_STATS,
    OPTION_MEMORY
};

/* ", table, collapsed" and so on */
static const char format_help[] =
#define FORMAT(symbol, name, ...) ", " #name
#include "spprof/profile_formats.def"
#undef FORMAT
    " (by FILE's name)";

static const struct description {
    int value;
    const char *name;
    const char *argument; /* NULL: it takes none */
    unsigned verbs;
    const char *help;
} descriptions[] = {
    {OPTION_JSON, "json", NULL, FOR_BT, "print JSON for tools instead of text"},
    {OPTION_LOCALS, "locals", NULL, FOR_BT, "show the variables of every frame, and the exceptions in flight"},
    {OPTION_VALUE_LENGTH, "value-length", "N", FOR_BT, "with --locals: how many bytes of a value are shown (1000)"},
    {OPTION_NO_SOURCE, "no-source", NULL, FOR_BT, "leave out the source lines"},
    {OPTION_THREAD, "thread", "TID", FOR_BT, "show only the thread with this kernel thread id"},
    {OPTION_SYSROOT, "sysroot", "DIR", FOR_BT | FOR_DOCTOR, "look for the files that a core names below DIR"},
    {'d', "duration", "TIME", FOR_SAMPLE, "how long to sample: 10s, 500ms, 2m, or seconds (10s; a command: to its end)"},
    {'r', "rate", "HZ", FOR_SAMPLE, "looks a second (100)"},
    {'o', "output", "FILE", FOR_SAMPLE, "write the profile to FILE (-: standard output) instead of a table"},
    {OPTION_FORMAT, "format", "F", FOR_SAMPLE, format_help + 2},
    {OPTION_STOP, "stop", NULL, FOR_SAMPLE, "stop the process for each look"},
    {OPTION_NO_STOP, "no-stop", NULL, FOR_BT | FOR_SAMPLE, "read a live process without stopping it"},
    {OPTION_IDLE, "idle", NULL, FOR_SAMPLE, "count threads that wait, too"},
    {OPTION_GIL, "gil", NULL, FOR_SAMPLE, "count only the thread that holds the GIL"},
    {OPTION_THREADS, "threads", NULL, FOR_SAMPLE, "keep the threads apart"},
    {OPTION_STATS, "json-stats", "FILE", FOR_SAMPLE, "write what became of the samples to FILE (-: standard output)"},
    {OPTION_MEMORY, "memory", "SIZE", FOR_BT | FOR_DOCTOR | FOR_SAMPLE, "how much may be kept of what is read: 256M, 4G, bytes (1G)"},
    {OPTION_COLOR, "color", "WHEN", FOR_ALL, "auto (on a terminal, unless NO_COLOR is set), always, never"},
    {'v', "verbose", NULL, FOR_ALL, "tell on standard error what was done and what it cost"},
    {'q', "quiet", NULL, FOR_ALL, "print no notes on standard error, only errors"},
    {'h', "help", NULL, FOR_ALL, "explain and exit"},
    {OPTION_VERSION, "version", NULL, FOR_ALL, "print the version and exit"},
};

enum { DESCRIPTION_COUNT = sizeof descriptions / sizeof descriptions[0] };

static bool has_letter(const struct description *description)
{
    return description->value < 256;
}

static bool is_accepted(const struct description *description, enum verb_bit verb)
{
    return verb == FOR_ALL ? description->verbs == FOR_ALL : (description->verbs & verb) != 0;
}

/* getopt's own form of the table. "+" ends at the first operand, ":" leaves the messages to us. */
static void make_tables(enum verb_bit verb, char letters[2 * DESCRIPTION_COUNT + 3], struct option names[DESCRIPTION_COUNT + 1])
{
    size_t name_count = 0;
    if (verb == FOR_ALL)
        *letters++ = '+';
    *letters++ = ':';
    for (size_t i = 0; i < DESCRIPTION_COUNT; i++) {
        const struct description *description = &descriptions[i];
        if (!is_accepted(description, verb))
            continue;
        int has_argument = description->argument != NULL ? required_argument : no_argument;
        names[name_count++] = (struct option){description->name, has_argument, NULL, description->value};
        if (has_letter(description))
            *letters++ = (char)description->value;
        if (has_letter(description) && has_argument)
            *letters++ = ':';
    }
    *letters = '\0';
    names[name_count] = (struct option){0};
}

static struct spprof_error *set_color(struct options *options, const char *text)
{
    static const char *const names[] = {[COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            options->color = (enum color)i;
            return NULL;
        }
    }
    return spprof_error_new(SPPROF_ERROR_USAGE, "--color takes auto, always or never, not '%s'", text);
}

static struct spprof_error *set_number(int64_t *number, const char *text, const char *wanted)
{
    if (options_number_parse(text, number) && *number > 0)
        return NULL;
    return spprof_error_new(SPPROF_ERROR_USAGE, "%s, not '%s'", wanted, text);
}

/* "256M", "4G", "500000k", or bytes. */
static struct spprof_error *set_memory(struct options *options, const char *text)
{
    static const char units[] = "kMG";
    enum { LEAST = 1 << 20 };
    CLEANUP_FREE char *digits = strndup(text, strspn(text, "0123456789"));
    const char *unit = digits == NULL ? text : text + strlen(digits);
    const char *found = unit[0] != '\0' ? strchr(units, unit[0] == 'K' ? 'k' : unit[0]) : NULL;
    unsigned shift = found == NULL ? 0 : 10 * (unsigned)(found - units + 1);
    bool ends = unit[0] == '\0' || (found != NULL && unit[1] == '\0');
    int64_t number;
    if (digits != NULL && ends && options_number_parse(digits, &number) && number <= INT64_MAX >> shift && number << shift >= LEAST) {
        options->memory = (uint64_t)number << shift;
        return NULL;
    }
    return spprof_error_new(SPPROF_ERROR_USAGE, "--memory takes a size like 256M, 4G or a number of bytes, 1M at least, not '%s'", text);
}

bool options_duration(const char *text, double *seconds)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"m", 60}, {"h", 3600}};
    char *end;
    double value = strtod(text, &end);
    bool plain = text[0] >= '0' && text[0] <= '9'; /* no sign, no blank, no infinity */
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!plain || strcmp(end, units[i].unit) != 0)
            continue;
        *seconds = value * units[i].seconds;
        return *seconds > 0 && *seconds < 1e9;
    }
    return false;
}

static struct spprof_error *set_duration(struct options *options, const char *text)
{
    if (options_duration(text, &options->duration_s))
        return NULL;
    return spprof_error_new(SPPROF_ERROR_USAGE, "--duration takes a time like 10s, 500ms or 2m, not '%s'", text);
}

static struct spprof_error *set_rate(struct options *options, const char *text)
{
    char *end;
    options->rate_hz = strtod(text, &end);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && options->rate_hz >= 0.01 && options->rate_hz <= 1e6)
        return NULL;
    return spprof_error_new(SPPROF_ERROR_USAGE, "--rate takes a number of looks a second, from 0.01 to 1000000, not '%s'", text);
}

static struct spprof_error *set_option(struct options *options, int value, const char *argument)
{
    switch (value) {
    case OPTION_JSON: options->json = true; break;
    case OPTION_LOCALS: options->locals = true; break;
    case OPTION_NO_SOURCE: options->no_source = true; break;
    case OPTION_THREAD: return set_number(&options->thread, argument, "--thread takes the number of a thread");
    case OPTION_SYSROOT: options->sysroot = argument; break;
    case OPTION_NO_STOP: options->no_stop = true; break;
    case OPTION_VALUE_LENGTH: return set_number(&options->value_length, argument, "--value-length takes a number of bytes");
    case 'd': return set_duration(options, argument);
    case 'r': return set_rate(options, argument);
    case 'o': options->output = argument; break;
    case OPTION_FORMAT: options->format = argument; break;
    case OPTION_STOP: options->stop = true; break;
    case OPTION_IDLE: options->idle = true; break;
    case OPTION_GIL: options->gil = true; break;
    case OPTION_THREADS: options->threads = true; break;
    case OPTION_STATS: options->stats = argument; break;
    case OPTION_MEMORY: return set_memory(options, argument);
    case OPTION_COLOR: return set_color(options, argument);
    case OPTION_VERSION: options->version = true; break;
    case 'v': options->verbose = true; break;
    case 'q': options->quiet = true; break;
    case 'h': options->help = true; break;
    }
    return NULL;
}

/* What getopt refused: a letter or one of our values is in optopt, else the word before optind is it. */
static struct spprof_error *unknown(char **argv)
{
    for (size_t i = 0; i < DESCRIPTION_COUNT; i++)
        if (optopt == descriptions[i].value)
            return spprof_error_new(SPPROF_ERROR_USAGE, "option --%s takes no argument", descriptions[i].name);
    if (optopt != 0)
        return spprof_error_new(SPPROF_ERROR_USAGE, "unknown option '-%c'", optopt);
    return spprof_error_new(SPPROF_ERROR_USAGE, "unknown or ambiguous option '%s'", argv[optind - 1]);
}

struct spprof_error *options_parse(struct options *options, int argc, char **argv)
{
    char letters[2 * DESCRIPTION_COUNT + 3];
    struct option names[DESCRIPTION_COUNT + 1];
    make_tables(options->verb, letters, names);
    optind = 0; /* starts getopt anew */
    opterr = 0;
    int value;
    while (!options->help && !options->version && (value = getopt_long(argc, argv, letters, names, NULL)) != -1) {
        if (value == '?')
            return unknown(argv);
        if (value == ':')
            return spprof_error_new(SPPROF_ERROR_USAGE, "option '%s' needs an argument", argv[optind - 1]);
        TRY(set_option(options, value, optarg));
    }
    options->command = options->verb != FOR_ALL && optind > 0 && strcmp(argv[optind - 1], "--") == 0;
    options->operands = argv + optind;
    options->operand_count = argc - optind;
    return NULL;
}

void options_print(FILE *stream, enum verb_bit verb)
{
    for (size_t i = 0; i < DESCRIPTION_COUNT; i++) {
        const struct description *description = &descriptions[i];
        if (!is_accepted(description, verb))
            continue;
        char letter[] = "-x, ", left[32];
        letter[1] = (char)description->value;
        snprintf(left, sizeof left, "%s--%s%s%s", has_letter(description) ? letter : "    ", description->name,
                 description->argument != NULL ? " " : "", description->argument != NULL ? description->argument : "");
        fprintf(stream, "  %-22s  %s\n", left, description->help);
    }
}

void options_list(enum verb_bit verb, void (*add)(void *context, const char *word), void *context)
{
    for (size_t i = 0; i < DESCRIPTION_COUNT; i++) {
        char word[32];
        snprintf(word, sizeof word, "--%s", descriptions[i].name);
        if (is_accepted(&descriptions[i], verb))
            add(context, word);
    }
}

/* Who wants more of a value wants it deeper and wider, too. */
static struct spprof_value_limits value_limits(const struct options *options)
{
    enum { DEFAULT_LENGTH = 1000, DEEP = 100 };
    struct spprof_value_limits limits = {.length = (size_t)options->value_length};
    if (limits.length > DEFAULT_LENGTH) {
        limits.depth = DEEP;
        limits.items = limits.objects = limits.length;
    }
    return limits;
}

struct spprof_snapshot_options options_snapshot(const struct options *options)
{
    return (struct spprof_snapshot_options){
        .no_stop = options->no_stop,
        .only_tid = options->thread,
        .locals = options->locals,
        .exceptions = options->locals,
        .limits = value_limits(options),
    };
}
