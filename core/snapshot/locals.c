#include "snapshot/locals.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash_table.h"
#include "base/text.h"
#include "object/dict.h"
#include "object/string.h"
#include "target/target.h"
#include "frames/frame_at.h"
#include "frames/frame_check.h"
#include "frames/frame_operations.h"

enum {
    NAMES_MAX = 1 << 16,
    DICT_ITEMS_MAX = 1000,
    /* co_flags, Include/cpython/code.h */
    FLAG_OPTIMIZED = 1, /* variables stand in the frame; else, in classes and modules, in its dict of locals */
    FLAG_VARARGS = 4,
    FLAG_VARKEYWORDS = 8,
    /* co_localspluskinds, Include/internal/pycore_code.h */
    KIND_CELL = 0x40,
    KIND_FREE = 0x80,
    INTEGER_SHIFT = 2, /* of a tagged int: Py_TAGGED_SHIFT, Include/internal/pycore_stackref.h */
};

struct variable_slot {
    struct spprof_text name;
    enum spprof_variable_kind kind;
    uint32_t index; /* in localsplus */
    bool cell;
};

/* The variables of a code object. */
struct code_slots {
    uint64_t code;
    enum read_cache_status status;
    struct variable_slot *slots; /* in the order in which they are shown */
    size_t count;
    size_t places; /* of localsplus */
    bool in_dict;
};

struct item {
    struct spprof_variable variable;
    bool settled;
    bool bound;
};

/* The variables of a frame. */
struct frame_locals {
    const struct raw_frame *raw;
    bool settled;
    struct item *items;
    size_t count;
    size_t slot_count; /* those of the items that stand in slots, which come first */
    bool listed;       /* items are there, the names of dict items, too */
};

/* Those of a stack. */
struct stack_locals {
    uint64_t thread_state;
    struct frame_locals *frames; /* as many as the stack has */
    size_t count;
    size_t first_pending; /* frames before it are settled */
};

struct locals {
    struct values *values;
    struct code_table *codes;
    struct hash_table slots;  /* struct code_slots, by the address of their code object */
    struct hash_table stacks; /* struct stack_locals, by their thread state */
};

static enum read_cache_status place_of_frame(void *context, struct reader *reader, uint64_t address, uint64_t *code, int32_t *line)
{
    struct locals *locals = context;
    struct raw_frame frame;
    char reason[192];
    int64_t offset;
    *code = 0;
    enum read_cache_status status = frames_frame_at(reader, locals->codes, address, &frame);
    if (status != READ_CACHE_READY)
        return status == READ_CACHE_PENDING ? status : READ_CACHE_READY;
    if (frame.code->status == READ_CACHE_PENDING)
        return READ_CACHE_PENDING;
    if (!frames_frame_instruction(&frame, reader->layout->rules, &offset, reason, sizeof reason))
        return READ_CACHE_READY;
    STEP(frames_line_at(reader, frame.code, offset, line));
    *code = frame.code->code->address;
    return READ_CACHE_READY;
}

struct spprof_error *snapshot_locals_new(const struct spprof_value_limits *limits, struct code_table *codes, struct locals **result)
{
    struct locals *locals = calloc(1, sizeof *locals);
    if (locals == NULL)
        return spprof_error_no_memory();
    locals->codes = codes;
    struct spprof_error *error = repr_values_new(limits, place_of_frame, locals, &locals->values);
    if (error != NULL) {
        snapshot_locals_free(locals);
        return error;
    }
    *result = locals;
    return NULL;
}

static void free_slots(struct code_slots *slots)
{
    for (size_t i = 0; i < slots->count; i++)
        free(slots->slots[i].name.bytes);
    free(slots->slots);
    slots->slots = NULL;
    slots->count = 0;
}

static void free_items(struct frame_locals *frame)
{
    for (size_t i = 0; i < frame->count; i++) {
        free(frame->items[i].variable.name.bytes);
        free(frame->items[i].variable.value.bytes);
    }
    free(frame->items);
}

static void free_stack(struct stack_locals *stack)
{
    for (size_t i = 0; i < stack->count; i++)
        free_items(&stack->frames[i]);
    free(stack->frames);
    free(stack);
}

void snapshot_locals_free(struct locals *locals)
{
    if (locals == NULL)
        return;
    size_t slots = 0, stack = 0;
    for (const struct hash_entry *entry; (entry = base_hash_table_each(&locals->slots, &slots)) != NULL;) {
        free_slots(entry->item);
        free(entry->item);
    }
    for (const struct hash_entry *entry; (entry = base_hash_table_each(&locals->stacks, &stack)) != NULL;)
        free_stack(entry->item);
    base_hash_table_free(&locals->slots);
    base_hash_table_free(&locals->stacks);
    repr_values_free(locals->values);
    free(locals);
}

struct values *snapshot_locals_values(struct locals *locals)
{
    return locals->values;
}

/* The strs of a tuple, appended as slots. */
static enum read_cache_status read_names(struct reader *reader, uint64_t tuple, struct code_slots *slots)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    size_t header = (size_t)LAYOUT(layout, tuple, items);
    STEP(object_reader_expect(reader, tuple, TYPE_FLAG_TUPLE, "the names of variables"));
    STEP(object_reader_struct(reader, tuple, header, "the names of variables", &data));
    uint64_t count = field_u64(data, LAYOUT(layout, variable_object, ob_size));
    if (count > NAMES_MAX)
        return object_reader_fail(reader, "a code object claims %" PRIu64 " variables", count);
    if (count == 0)
        return READ_CACHE_READY;
    STEP(object_reader_struct(reader, tuple, header + (size_t)count * 8, "the names of variables", &data));
    struct variable_slot *grown = object_reader_grow(reader, slots->slots, slots->count, slots->count + (size_t)count, sizeof *grown);
    if (grown == NULL)
        return READ_CACHE_FAILED;
    slots->slots = grown;
    enum read_cache_status all = READ_CACHE_READY;
    for (uint64_t i = 0; i < count; i++) {
        struct variable_slot slot = {.kind = SPPROF_VARIABLE_LOCAL, .index = (uint32_t)slots->count};
        enum read_cache_status status = object_string_read(reader, field_u64(data, (int32_t)(header + i * 8)), "the name of a variable", &slot.name);
        if (status == READ_CACHE_FAILED)
            return status;
        if (status == READ_CACHE_PENDING)
            all = status;
        slots->slots[slots->count++] = slot;
    }
    return all;
}

struct signature {
    uint32_t positional, keyword_only, flags;
};

/* Before 3.11 cells and free variables stand behind the locals; a cell that holds an argument leaves the argument's own place empty. */
static enum read_cache_status read_old_slots(struct reader *reader, struct bytes header, struct code_slots *slots)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    enum read_cache_status parts[3];
    parts[0] = read_names(reader, field_u64(header, LAYOUT(layout, code, varnames)), slots);
    size_t locals = slots->count;
    parts[1] = read_names(reader, field_u64(header, LAYOUT(layout, code, cellvars)), slots);
    size_t cells = slots->count - locals;
    parts[2] = read_names(reader, field_u64(header, LAYOUT(layout, code, freevars)), slots);
    for (int i = 0; i < 3; i++)
        STEP(parts[i]);
    for (size_t i = locals; i < slots->count; i++) {
        slots->slots[i].cell = true;
        slots->slots[i].kind = i < locals + cells ? SPPROF_VARIABLE_CELL : SPPROF_VARIABLE_FREE;
    }
    slots->places = slots->count;
    uint64_t map = field_u64(header, LAYOUT(layout, code, cell2arg));
    if (map == 0 || cells == 0)
        return READ_CACHE_READY;
    STEP(object_reader_struct(reader, map, cells * 8, "co_cell2arg", &data));
    for (size_t i = 0; i < cells; i++) {
        int64_t argument = field_i64(data, (int32_t)(i * 8));
        if (argument < 0 || (size_t)argument >= locals)
            continue;
        slots->slots[argument].index = (uint32_t)(locals + i);
        slots->slots[argument].cell = true;
        free(slots->slots[locals + i].name.bytes);
        slots->slots[locals + i].name.bytes = NULL; /* shown as the argument that it is */
    }
    return READ_CACHE_READY;
}

static enum read_cache_status read_new_slots(struct reader *reader, struct bytes header, struct code_slots *slots)
{
    const struct layout *layout = reader->layout;
    const uint8_t *kinds = NULL;
    size_t size = 0;
    enum read_cache_status names = read_names(reader, field_u64(header, LAYOUT(layout, code, localsplusnames)), slots);
    STEP(object_bytes_read(reader, field_u64(header, LAYOUT(layout, code, localspluskinds)), "co_localspluskinds", NAMES_MAX, &kinds, &size));
    STEP(names);
    for (size_t i = 0; i < slots->count && i < size; i++) {
        slots->slots[i].cell = (kinds[i] & (KIND_CELL | KIND_FREE)) != 0;
        if (slots->slots[i].cell)
            slots->slots[i].kind = (kinds[i] & KIND_FREE) != 0 ? SPPROF_VARIABLE_FREE : SPPROF_VARIABLE_CELL;
    }
    slots->places = slots->count;
    return READ_CACHE_READY;
}

/* co_varnames has *args and **kwargs behind the keyword-only arguments; in the source *args stands before them. */
static void order_arguments(struct code_slots *slots, const struct signature *signature)
{
    size_t positional = signature->positional, only = signature->keyword_only, next = positional + only;
    bool args = (signature->flags & FLAG_VARARGS) != 0, keywords = (signature->flags & FLAG_VARKEYWORDS) != 0;
    if (next + args + keywords > slots->count)
        return;
    for (size_t i = 0; i < next; i++)
        slots->slots[i].kind = i < positional ? SPPROF_VARIABLE_ARGUMENT : SPPROF_VARIABLE_KEYWORD_ONLY;
    if (keywords)
        slots->slots[next + args].kind = SPPROF_VARIABLE_KEYWORDS;
    if (!args)
        return;
    struct variable_slot variadic = slots->slots[next];
    variadic.kind = SPPROF_VARIABLE_ARGUMENTS;
    memmove(slots->slots + positional + 1, slots->slots + positional, only * sizeof *slots->slots);
    slots->slots[positional] = variadic;
}

static enum read_cache_status read_slots(struct reader *reader, struct code_slots *slots)
{
    const struct layout *layout = reader->layout;
    struct bytes header;
    size_t size = (size_t)(LAYOUT(layout, code, bytecode) != LAYOUT_ABSENT ? LAYOUT(layout, code, bytecode) : LAYOUT(layout, code, size));
    free_slots(slots);
    STEP(object_reader_struct(reader, slots->code, size, "code object", &header));
    struct signature signature = {
        .positional = field_u32(header, LAYOUT(layout, code, argcount)),
        .keyword_only = field_u32(header, LAYOUT(layout, code, kwonlyargcount)),
        .flags = field_u32(header, LAYOUT(layout, code, flags)),
    };
    slots->in_dict = (signature.flags & FLAG_OPTIMIZED) == 0;
    if (LAYOUT(layout, code, localsplusnames) == LAYOUT_ABSENT)
        STEP(read_old_slots(reader, header, slots));
    else
        STEP(read_new_slots(reader, header, slots));
    if (signature.positional <= NAMES_MAX && signature.keyword_only <= NAMES_MAX)
        order_arguments(slots, &signature);
    return READ_CACHE_READY;
}

static struct code_slots *slots_of(struct locals *locals, struct reader *reader, uint64_t code)
{
    struct code_slots *slots = base_hash_table_item(&locals->slots, code);
    if (slots == NULL) {
        slots = object_reader_allocate_in(reader, &locals->slots, code, sizeof *slots);
        if (slots == NULL)
            return NULL;
        *slots = (struct code_slots){.code = code, .status = READ_CACHE_PENDING};
    }
    uint64_t before = reader->taken;
    if (slots->status == READ_CACHE_PENDING)
        slots->status = read_slots(reader, slots);
    if (slots->status == READ_CACHE_PENDING) { /* to be read anew */
        free_slots(slots);
        object_reader_give_back(reader, before);
    }
    return slots;
}

static void set_value(struct item *item, const char *words)
{
    struct text text = {0};
    base_text_add_string(&text, words);
    if (!base_text_take(&text, &item->variable.value))
        item->bound = false;
    item->settled = true;
}

/* The text of an object; of a cell that of what it holds. */
static enum read_cache_status write_item(struct locals *locals, struct reader *reader, uint64_t object, bool cell, struct item *item)
{
    if (cell)
        STEP(repr_value_see_through_cell(locals->values, reader, &object));
    item->bound = object != 0;
    if (item->bound)
        STEP(repr_value_text(locals->values, reader, object, &item->variable.value));
    item->settled = true;
    return READ_CACHE_READY;
}

static void settle(struct reader *reader, enum read_cache_status status, struct item *item)
{
    char words[sizeof reader->reason + 16];
    if (status != READ_CACHE_FAILED)
        return;
    snprintf(words, sizeof words, "<unreadable: %s>", reader->reason);
    item->bound = true;
    set_value(item, words);
}

static void write_slot(struct locals *locals, struct reader *reader, uint64_t reference, const struct variable_slot *slot, struct item *item)
{
    const struct layout_rules *rules = reader->layout->rules;
    char number[32];
    if (rules->integer_tag != 0 && (reference & 3) == rules->integer_tag) {
        snprintf(number, sizeof number, "%" PRId64, (int64_t)reference >> INTEGER_SHIFT);
        item->bound = true;
        set_value(item, number);
        return;
    }
    settle(reader, write_item(locals, reader, reference & ~rules->reference_tag_mask, slot->cell, item), item);
}

static bool copy_name(struct reader *reader, struct item *item, const struct spprof_text *name)
{
    char *bytes = object_reader_allocate(reader, name->size + 1, 1);
    if (bytes == NULL)
        return false;
    memcpy(bytes, name->bytes, name->size + 1);
    item->variable.name = (struct spprof_text){bytes, name->size};
    return true;
}

static enum read_cache_status list_slots(struct reader *reader, struct frame_locals *frame, const struct code_slots *slots)
{
    frame->items = object_reader_allocate(reader, slots->count + DICT_ITEMS_MAX * slots->in_dict + 1, sizeof *frame->items);
    if (frame->items == NULL)
        return READ_CACHE_FAILED;
    for (size_t i = 0; i < slots->count; i++) {
        struct item *item = &frame->items[frame->count++];
        if (slots->slots[i].name.bytes == NULL || !copy_name(reader, item, &slots->slots[i].name))
            item->settled = true;
        item->variable.kind = slots->slots[i].kind;
    }
    frame->slot_count = frame->count;
    return READ_CACHE_READY;
}

/* The dict of locals of a class body, or of code that was given one; 0 where it is that of the globals, or there is none. */
static enum read_cache_status find_dict(struct reader *reader, const struct frame_locals *frame, uint64_t *dict)
{
    const struct layout *layout = reader->layout;
    const struct frame_operations *frames = frames_of(layout->rules);
    uint64_t globals, type, flags;
    STEP(frames_frame_reference(reader, frame->raw->address, frames->locals, "the locals of a frame", dict));
    STEP(frames_frame_reference(reader, frame->raw->address, frames->globals, "the globals of a frame", &globals));
    if (*dict == globals)
        *dict = 0;
    if (*dict == 0)
        return READ_CACHE_READY;
    STEP(object_reader_type(reader, *dict, "the locals of a frame", &type, &flags));
    if ((flags & TYPE_FLAG_DICT) == 0)
        *dict = 0;
    return READ_CACHE_READY;
}

/* Names come first, so that every value can be asked for at once. */
static enum read_cache_status write_dict_items(struct locals *locals, struct reader *reader, struct frame_locals *frame)
{
    struct dict_view view;
    uint64_t dict;
    STEP(find_dict(reader, frame, &dict));
    if (dict == 0)
        return READ_CACHE_READY;
    STEP(object_dict_open(reader, dict, "the locals of a frame", &view));
    enum read_cache_status all = READ_CACHE_READY;
    size_t index = frame->slot_count;
    for (size_t place = 0; place < object_dict_places(&view) && index < frame->slot_count + DICT_ITEMS_MAX; place++) {
        uint64_t key, value;
        STEP(object_dict_at(reader, &view, place, &key, &value));
        if (key == 0)
            continue;
        struct item *item = &frame->items[index++];
        if (frame->count < index)
            frame->count = index;
        item->variable.kind = SPPROF_VARIABLE_LOCAL;
        enum read_cache_status status =
            item->variable.name.bytes != NULL ? READ_CACHE_READY : object_string_read(reader, key, "the name of a variable", &item->variable.name);
        if (status == READ_CACHE_READY && !item->settled)
            settle(reader, write_item(locals, reader, value, false, item), item);
        if (status == READ_CACHE_FAILED)
            item->settled = true;
        if (!item->settled)
            all = READ_CACHE_PENDING;
    }
    return all;
}

/* Frames lie side by side on the data stack: a page of them is read at once, where the frame does not reach beyond it. */
static enum read_cache_status frame_bytes(struct reader *reader, const struct raw_frame *raw, size_t size, struct bytes *data)
{
    enum { PAGE = 4096 };
    size_t in_page = (size_t)(raw->address % PAGE);
    bool on_stack = !frames_of(reader->layout->rules)->on_heap && raw->owner == FRAME_OWNER_THREAD;
    if (on_stack && in_page % 8 == 0 && in_page + size <= PAGE) {
        enum read_cache_status status = object_reader_bytes(reader, raw->address - in_page, PAGE, "the variables of a frame", data);
        if (status == READ_CACHE_READY)
            *data = bytes_from(*data, in_page);
        if (status != READ_CACHE_FAILED)
            return status;
    }
    return object_reader_struct(reader, raw->address, size, "the variables of a frame", data);
}

/* The head of a frame and the places of its variables; FAILED where another function runs in it by now. */
static enum read_cache_status read_frame(struct reader *reader, const struct frame_locals *frame, size_t places, struct bytes *variables)
{
    const struct layout *layout = reader->layout;
    const struct frame_operations *frames = frames_of(layout->rules);
    int32_t code = layout->offset[frames->code];
    size_t header = (size_t)layout->offset[frames->variables];
    STEP(frame_bytes(reader, frame->raw, header + places * 8, variables));
    if ((field_u64(*variables, code) & ~layout->rules->reference_tag_mask) != frame->raw->code->code->address)
        return object_reader_fail(reader, "the frame at 0x%" PRIx64 " has changed", frame->raw->address);
    *variables = bytes_from(*variables, header);
    return READ_CACHE_READY;
}

static enum read_cache_status write_slots(struct locals *locals, struct reader *reader, struct frame_locals *frame, const struct code_slots *slots)
{
    struct bytes data;
    enum read_cache_status all = READ_CACHE_READY;
    STEP(read_frame(reader, frame, slots->places, &data));
    for (size_t i = 0; i < slots->count; i++) {
        if (!frame->items[i].settled)
            write_slot(locals, reader, field_u64(data, (int32_t)(slots->slots[i].index * 8)), &slots->slots[i], &frame->items[i]);
        if (!frame->items[i].settled)
            all = READ_CACHE_PENDING;
    }
    return all;
}

static enum read_cache_status write_frame_locals(struct locals *locals, struct reader *reader, struct frame_locals *frame)
{
    const struct code_slots *slots = slots_of(locals, reader, frame->raw->code->code->address);
    if (slots == NULL || slots->status == READ_CACHE_FAILED)
        return READ_CACHE_FAILED;
    if (slots->status == READ_CACHE_PENDING)
        return READ_CACHE_PENDING;
    if (!frame->listed) {
        frame->listed = true;
        STEP(list_slots(reader, frame, slots));
    }
    if (frame->items == NULL)
        return READ_CACHE_FAILED;
    enum read_cache_status in_slots = write_slots(locals, reader, frame, slots);
    enum read_cache_status in_dict = slots->in_dict ? write_dict_items(locals, reader, frame) : READ_CACHE_READY;
    return in_slots == READ_CACHE_PENDING || in_dict == READ_CACHE_PENDING ? READ_CACHE_PENDING : READ_CACHE_READY;
}

static struct stack_locals *find_stack(const struct locals *locals, uint64_t thread_state)
{
    return base_hash_table_item(&locals->stacks, thread_state);
}

static struct stack_locals *add_stack(struct locals *locals, struct reader *reader, const struct stack *stack)
{
    struct frame_locals *frames = object_reader_allocate(reader, stack->frame_count + 1, sizeof *frames);
    struct stack_locals *added = frames == NULL ? NULL : object_reader_allocate_in(reader, &locals->stacks, stack->thread_state, sizeof *added);
    if (added == NULL) {
        free(frames);
        return NULL;
    }
    added->frames = frames;
    for (size_t i = 0; i < stack->frame_count; i++)
        added->frames[i].raw = &stack->frames[i];
    added->thread_state = stack->thread_state;
    added->count = stack->frame_count;
    return added;
}

bool snapshot_locals_step(struct locals *locals, struct reader *reader, const struct stack *stack)
{
    struct stack_locals *known = find_stack(locals, stack->thread_state);
    if (known == NULL)
        known = add_stack(locals, reader, stack);
    if (known == NULL)
        return true;
    for (size_t i = known->first_pending; i < known->count; i++) {
        struct frame_locals *frame = &known->frames[i];
        target_keep_time(target_read_cache_target(reader->cache));
        if (!frame->settled)
            frame->settled = frame->raw->code->status != READ_CACHE_READY || write_frame_locals(locals, reader, frame) != READ_CACHE_PENDING;
        if (frame->settled && i == known->first_pending)
            known->first_pending++;
    }
    return known->first_pending == known->count;
}

void snapshot_locals_take(struct locals *locals, const struct stack *stack, size_t index, struct spprof_variable **variables, size_t *count)
{
    struct stack_locals *known = find_stack(locals, stack->thread_state);
    *variables = NULL;
    *count = 0;
    if (known == NULL || index >= known->count || known->frames[index].count == 0)
        return;
    struct frame_locals *frame = &known->frames[index];
    *variables = calloc(frame->count, sizeof **variables);
    for (size_t i = 0; *variables != NULL && i < frame->count; i++) {
        struct spprof_variable *variable = &frame->items[i].variable;
        if (!frame->items[i].bound || variable->name.bytes == NULL || variable->value.bytes == NULL)
            continue;
        (*variables)[(*count)++] = *variable;
        variable->name.bytes = variable->value.bytes = NULL;
    }
}
