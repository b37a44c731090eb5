#include <string.h>

#include "console/commands.h"
#include "output/escape.h"

/* Passes on the words that begin as the user has begun. */
struct filter {
    const char *begun;
    void (*add)(void *context, const char *word);
    void *context;
};

static void add_matching(void *context, const char *word)
{
    const struct filter *filter = context;
    if (strncmp(word, filter->begun, strlen(filter->begun)) == 0)
        filter->add(filter->context, word);
}

/* A debugger shows words as they are: only names that a terminal can be trusted with. */
static bool is_plain(const struct spprof_text *name)
{
    for (size_t i = 0; i < name->size;) {
        struct text_unit unit = output_text_unit_next(name->bytes + i, name->size - i, TEXT_GENERALISED);
        if (!output_text_unit_is_plain(unit))
            return false;
        i += unit.size;
    }
    return name->size > 0;
}

/* Names of the selected frame. */
static void add_variables(struct spprof_console *console, struct filter *filter)
{
    const struct spprof_snapshot *snapshot;
    const struct spprof_thread *thread;
    struct spprof_error *error = console_selection_update(console);
    if (error == NULL)
        error = console_values(console, console->selection.thread, &snapshot, &thread);
    if (error == NULL && console->selection.depth < thread->frame_count) {
        const struct spprof_frame *frame = &thread->frames[console->selection.depth];
        for (size_t i = 0; i < frame->variable_count; i++)
            if (is_plain(&frame->variables[i].name))
                add_matching(filter, frame->variables[i].name.bytes);
    }
    spprof_error_free(error);
}

void spprof_console_complete(struct spprof_console *console, const char *command, const char *text, const char *word,
                             void (*add)(void *context, const char *word), void *context)
{
    const struct command *found = console_command_find(command);
    struct filter filter = {.begun = word, .add = add, .context = context};
    (void)text; /* whatever stands before does not matter: options may stand anywhere */
    if (found == NULL)
        return;
    if (found->options != 0)
        options_list(found->options, add_matching, &filter);
    if (found->description->takes_expression)
        add_variables(console, &filter);
}
