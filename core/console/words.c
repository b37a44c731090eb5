#include <stdlib.h>
#include <string.h>

#include "console/console.h"
#include "options/number.h"

enum { WORDS_MAX = 1000 };

static bool is_blank(char character)
{
    return character == ' ' || character == '\t' || character == '\n';
}

/* Moves one word to *to, without its quotes, and returns where the text goes on; NULL: a quote is not closed. */
static const char *take_word(const char *text, char **to)
{
    char quote = '\0';
    for (; *text != '\0' && (quote != '\0' || !is_blank(*text)); text++) {
        if (quote == '\0' && (*text == '"' || *text == '\''))
            quote = *text;
        else if (quote != '\0' && *text == quote)
            quote = '\0';
        else
            *(*to)++ = *text;
    }
    *(*to)++ = '\0';
    return quote == '\0' ? text : NULL;
}

struct spprof_error *console_words_split(const char *name, const char *text, struct words *words)
{
    /* All words stand in one piece of memory behind their array; they are never longer than the text. */
    *words = (struct words){.items = calloc(1, (WORDS_MAX + 2) * sizeof *words->items + strlen(name) + strlen(text) + WORDS_MAX + 3)};
    if (words->items == NULL)
        return spprof_error_no_memory();
    char *to = (char *)(words->items + WORDS_MAX + 2);
    words->items[words->count++] = to;
    to = stpcpy(to, name) + 1;
    while (true) {
        while (is_blank(*text))
            text++;
        if (*text == '\0')
            return NULL;
        if (words->count > WORDS_MAX)
            return spprof_error_new(SPPROF_ERROR_USAGE, "%s: more than %d words behind it", name, WORDS_MAX);
        words->items[words->count++] = to;
        text = take_word(text, &to);
        if (text == NULL)
            return spprof_error_new(SPPROF_ERROR_USAGE, "%s: a quote is not closed", name);
    }
}

void console_words_free(struct words *words)
{
    free(words->items);
    *words = (struct words){0};
}

struct spprof_error *console_words_number(const struct words *words, int64_t fallback, int64_t *number)
{
    *number = fallback;
    if (words->count == 1)
        return NULL;
    if (words->count == 2 && options_number_parse(words->items[1], number) && *number > 0)
        return NULL;
    return spprof_error_new(SPPROF_ERROR_USAGE, "%s takes one number from 1 on, not '%s'", words->items[0], words->items[words->count - 1]);
}

struct spprof_error *console_words_none(const struct words *words)
{
    if (words->count == 1)
        return NULL;
    return spprof_error_new(SPPROF_ERROR_USAGE, "%s takes no argument: '%s'", words->items[0], words->items[1]);
}
