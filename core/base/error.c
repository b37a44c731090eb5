#include "spprof/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

/* What is returned where an error itself cannot be allocated; spprof_error_free knows it. */
static char no_memory_text[] = "out of memory";
static struct spprof_error no_memory = {SPPROF_ERROR_NO_MEMORY, no_memory_text};

struct spprof_error *spprof_error_no_memory(void)
{
    return &no_memory;
}

/* Takes text over; NULL stands for a text that could not be made. */
static struct spprof_error *error_with(enum spprof_error_kind kind, char *text)
{
    struct spprof_error *error = text == NULL ? NULL : malloc(sizeof *error);
    if (error == NULL) {
        free(text);
        return &no_memory;
    }
    error->kind = kind;
    error->message = text;
    return error;
}

struct spprof_error *spprof_error_new(enum spprof_error_kind kind, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = base_text_formatted_list(format, arguments);
    va_end(arguments);
    return error_with(kind, text);
}

struct spprof_error *spprof_error_context(struct spprof_error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *context = base_text_formatted_list(format, arguments);
    va_end(arguments);

    char *text = context == NULL ? NULL : base_text_formatted("%s: %s", context, error->message);
    free(context);
    if (text == NULL)
        return error; /* the bare message is better than none */
    struct spprof_error *with_context = error_with(error->kind, text);
    spprof_error_free(error);
    return with_context;
}

void spprof_error_free(struct spprof_error *error)
{
    if (error == NULL || error == &no_memory)
        return;
    free(error->message);
    free(error);
}

static bool problems_contain(const struct spprof_problems *problems, const char *text)
{
    for (size_t i = 0; i < problems->count; i++)
        if (strcmp(problems->texts[i], text) == 0)
            return true;
    return false;
}

bool spprof_problems_add(struct spprof_problems *problems, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = base_text_formatted_list(format, arguments);
    va_end(arguments);
    if (text == NULL)
        return false;
    bool known = problems_contain(problems, text);
    if (known || !ARRAY_RESIZE(problems->texts, problems->count + 1)) {
        free(text);
        return known;
    }
    problems->texts[problems->count++] = text;
    return true;
}

void spprof_problems_free(struct spprof_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        free(problems->texts[i]);
    free(problems->texts);
    *problems = (struct spprof_problems){0};
}
