#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "number.h"

/* An option without a letter has a value that no character has. */
enum { OPTION_JSON = 256, OPTION_LOCALS, OPTION_NO_SOURCE, OPTION_THREAD, OPTION_SYSROOT, OPTION_NO_STOP, OPTION_VALUE_LENGTH, OPTION_COLOR, OPTION_VERSION };

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
    {OPTION_NO_STOP, "no-stop", NULL, FOR_BT, "read a live process without stopping it"},
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

static bool is_accepted(const struct description *description, const struct verb *verb)
{
    return verb == NULL ? description->verbs == FOR_ALL : (description->verbs & verb->bit) != 0;
}

/* getopt's own form of the table. "+" ends at the first operand, ":" leaves the messages to us. */
static void make_tables(const struct verb *verb, char letters[2 * DESCRIPTION_COUNT + 3], struct option names[DESCRIPTION_COUNT + 1])
{
    size_t name_count = 0;
    if (verb == NULL)
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

static bool set_color(struct options *options, const char *text)
{
    static const char *const names[] = {[COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            options->color = (enum color)i;
            return true;
        }
    }
    complain_usage(options->verb, "--color takes auto, always or never, not '%s'", text);
    return false;
}

static bool set_thread(struct options *options, const char *text)
{
    if (number_parse(text, &options->thread) && options->thread > 0)
        return true;
    complain_usage(options->verb, "--thread takes the number of a thread, not '%s'", text);
    return false;
}

static bool set_value_length(struct options *options, const char *text)
{
    if (number_parse(text, &options->value_length) && options->value_length > 0)
        return true;
    complain_usage(options->verb, "--value-length takes a number of bytes, not '%s'", text);
    return false;
}

/* False when the argument is wrong, which has been said then. */
static bool set_option(struct options *options, int value, const char *argument)
{
    switch (value) {
    case OPTION_JSON: options->json = true; break;
    case OPTION_LOCALS: options->locals = true; break;
    case OPTION_NO_SOURCE: options->no_source = true; break;
    case OPTION_THREAD: return set_thread(options, argument);
    case OPTION_SYSROOT: options->sysroot = argument; break;
    case OPTION_NO_STOP: options->no_stop = true; break;
    case OPTION_VALUE_LENGTH: return set_value_length(options, argument);
    case OPTION_COLOR: return set_color(options, argument);
    case OPTION_VERSION: options->version = true; break;
    case 'v': options->verbose = true; break;
    case 'q': options->quiet = true; break;
    case 'h': options->help = true; break;
    }
    return true;
}

/* What getopt refused: a letter or one of our values is in optopt, else the word before optind is it. */
static void complain_unknown(const struct verb *verb, char **argv)
{
    for (size_t i = 0; i < DESCRIPTION_COUNT; i++) {
        if (optopt == descriptions[i].value) {
            complain_usage(verb, "option --%s takes no argument", descriptions[i].name);
            return;
        }
    }
    if (optopt != 0)
        complain_usage(verb, "unknown option '-%c'", optopt);
    else
        complain_usage(verb, "unknown or ambiguous option '%s'", argv[optind - 1]);
}

enum exit_status options_parse(struct options *options, int argc, char **argv)
{
    char letters[2 * DESCRIPTION_COUNT + 3];
    struct option names[DESCRIPTION_COUNT + 1];
    make_tables(options->verb, letters, names);
    optind = 0; /* starts getopt anew */
    opterr = 0;
    int value;
    while (!options->help && !options->version && (value = getopt_long(argc, argv, letters, names, NULL)) != -1) {
        if (value == '?') {
            complain_unknown(options->verb, argv);
            return STATUS_USAGE;
        }
        if (value == ':') {
            complain_usage(options->verb, "option '%s' needs an argument", argv[optind - 1]);
            return STATUS_USAGE;
        }
        if (!set_option(options, value, optarg))
            return STATUS_USAGE;
    }
    options->operands = argv + optind;
    options->operand_count = argc - optind;
    return STATUS_DONE;
}

void options_print(const struct verb *verb)
{
    for (size_t i = 0; i < DESCRIPTION_COUNT; i++) {
        const struct description *description = &descriptions[i];
        if (!is_accepted(description, verb))
            continue;
        char letter[] = "-x, ", left[32];
        letter[1] = (char)description->value;
        snprintf(left, sizeof left, "%s--%s%s%s", has_letter(description) ? letter : "    ", description->name,
                 description->argument != NULL ? " " : "", description->argument != NULL ? description->argument : "");
        printf("  %-20s  %s\n", left, description->help);
    }
}

bool options_want_color(const struct options *options)
{
    if (options->color != COLOR_AUTO)
        return options->color == COLOR_ALWAYS;
    const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
    bool is_plain = (no_color != NULL && no_color[0] != '\0') || terminal == NULL || strcmp(terminal, "dumb") == 0;
    return !is_plain && isatty(STDOUT_FILENO);
}
