#include "sample/evidence/callee_names.h"

#include <stdlib.h>

#include "object/string.h"
#include "frames/position.h"

enum {
    NAMES_MAX = 1 << 14,
    NAME_LENGTH_MAX = 1 << 10, /* code points; a longer one is not looked for: many that claim to be long would fill the memory */
    WANTED_MAX = 8,
    BYTECODE_MAX = 1 << 20,
};

/* Indices into co_names of the names that are looked for. */
struct wanted {
    uint32_t index[WANTED_MAX];
    size_t count;
};

static struct spprof_text part(const char *bytes, size_t size)
{
    return (struct spprof_text){(char *)(uintptr_t)bytes, size};
}

/* "Service" of "Service.__init__" and of "outer.<locals>.Service.__init__"; empty where the callee makes no instance. */
static struct spprof_text class_name(const struct spprof_code *callee)
{
    static const char suffix[] = ".__init__";
    const size_t length = sizeof suffix - 1;
    const struct spprof_text *name = &callee->qualified_name;
    if (name->bytes == NULL || name->size <= length || memcmp(name->bytes + name->size - length, suffix, length) != 0)
        return part("", 0);
    size_t end = name->size - length, start = end;
    while (start > 0 && name->bytes[start - 1] != '.')
        start--;
    return part(name->bytes + start, end - start);
}

static bool equal(const struct spprof_text *a, const struct spprof_text *b)
{
    return a->size == b->size && a->size > 0 && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* Private names are mangled where they are used: __run is _Service__run there. */
static bool is_mangled(const struct spprof_text *used, const struct spprof_text *name)
{
    if (name->size < 3 || memcmp(name->bytes, "__", 2) != 0 || used->size <= name->size || used->bytes[0] != '_')
        return false;
    return memcmp(used->bytes + used->size - name->size, name->bytes, name->size) == 0;
}

static bool is_wanted(const struct spprof_text *used, const struct spprof_code *callee)
{
    struct spprof_text class = class_name(callee);
    return equal(used, &callee->name) || is_mangled(used, &callee->name) || equal(used, &class);
}

/* Makes sure that a name is in the copy; one that is too long only as far as it is looked at. */
static enum read_cache_status want_name(struct reader *reader, uint64_t object, bool *too_long)
{
    const uint8_t *characters;
    size_t length;
    unsigned width;
    return object_string_peek(reader, object, "a name", NAME_LENGTH_MAX, &characters, &length, &width, too_long);
}

static enum read_cache_status want_names(struct reader *reader, const struct code_entry *caller, const struct spprof_code *callee,
                                         struct wanted *wanted)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    uint64_t tuple;
    size_t header = (size_t)LAYOUT(layout, tuple, items);
    STEP(object_reader_pointer(reader, caller->code->address + (uint64_t)LAYOUT(layout, code, names), "co_names", &tuple));
    STEP(object_reader_expect(reader, tuple, TYPE_FLAG_TUPLE, "co_names"));
    STEP(object_reader_struct(reader, tuple, header, "co_names", &data));
    uint64_t count = field_u64(data, LAYOUT(layout, variable_object, ob_size));
    if (count > NAMES_MAX)
        return object_reader_fail(reader, "co_names has too many items");
    STEP(object_reader_struct(reader, tuple, header + (size_t)count * 8, "co_names", &data));
    enum read_cache_status status = READ_CACHE_READY;
    bool too_long;
    for (uint64_t i = 0; i < count; i++)
        if (want_name(reader, field_u64(data, (int32_t)(header + i * 8)), &too_long) == READ_CACHE_PENDING)
            status = READ_CACHE_PENDING;
    STEP(status);
    wanted->count = 0;
    for (uint64_t i = 0; i < count && wanted->count < WANTED_MAX; i++) {
        struct spprof_text used = {NULL, 0};
        STEP(want_name(reader, field_u64(data, (int32_t)(header + i * 8)), &too_long));
        if (too_long)
            continue;
        STEP(object_string_read(reader, field_u64(data, (int32_t)(header + i * 8)), "a name", &used));
        if (is_wanted(&used, callee))
            wanted->index[wanted->count++] = (uint32_t)i;
        free(used.bytes);
    }
    return READ_CACHE_READY;
}

/* 3.11 and later: behind the code object; before: a bytes object. */
static enum read_cache_status want_bytecode(struct reader *reader, const struct code_entry *caller, const uint8_t **bytecode, size_t *size)
{
    struct bytes data;
    uint64_t object;
    if (caller->bytecode != 0) {
        *size = (size_t)caller->bytecode_size;
        if (*size > BYTECODE_MAX)
            return READ_CACHE_FAILED;
        STEP(object_reader_bytes(reader, caller->bytecode, *size, "bytecode", &data));
        *bytecode = data.at;
        return READ_CACHE_READY;
    }
    STEP(object_reader_pointer(reader, caller->code->address + (uint64_t)LAYOUT(reader->layout, code, bytecode_object), "co_code", &object));
    return object_bytes_read(reader, object, "co_code", BYTECODE_MAX, bytecode, size);
}

static int32_t line_at(const struct reader *reader, const struct spprof_code *code, int64_t offset)
{
    return frames_position_find(reader->layout->rules->line_table, code->line_table, code->line_table_size, code->first_line, offset).line;
}

static bool holds(const struct wanted *wanted, uint32_t index)
{
    for (size_t i = 0; i < wanted->count; i++)
        if (wanted->index[i] == index)
            return true;
    return false;
}

/* Steps through the instructions of a function. */
struct instructions {
    const struct layout_rules *rules;
    const struct spprof_code *code;
    const uint8_t *bytecode;
    size_t size;
    struct position_range range; /* of the line table, that the instruction begins in */
    size_t at, next;             /* in bytes */
};

static struct instructions instructions_of(const struct reader *reader, const struct spprof_code *code, const uint8_t *bytecode, size_t size)
{
    const struct position_range nothing = {.line = code->first_line};
    return (struct instructions){.rules = reader->layout->rules, .code = code, .bytecode = bytecode, .size = size, .range = nothing};
}

static bool next_range(struct instructions *instructions)
{
    const struct spprof_code *code = instructions->code;
    return frames_position_next(instructions->rules->line_table, code->line_table, code->line_table_size, &instructions->range);
}

static enum instruction_kind kind_of(const struct instructions *instructions)
{
    return (enum instruction_kind)instructions->rules->bytecode->kinds[instructions->bytecode[instructions->at]];
}

/*
 * Behind an instruction that a monitoring tool has hidden: how much of a cache it has is not known, but its part of the line table has a
 * position of its own.
 */
static bool skip_hidden(struct instructions *instructions)
{
    const struct position hidden = instructions->range.position;
    do {
        if (!next_range(instructions))
            return false;
    } while (memcmp(&instructions->range.position, &hidden, sizeof hidden) == 0);
    instructions->next = (size_t)instructions->range.start;
    return true;
}

/* The next instruction; false: that was all. */
static bool next_instruction(struct instructions *instructions)
{
    bool hidden = instructions->next > instructions->at && kind_of(instructions) == INSTRUCTION_HIDDEN;
    if (hidden && !skip_hidden(instructions))
        return false;
    instructions->at = instructions->next;
    while (instructions->range.end <= (int64_t)instructions->at)
        if (!next_range(instructions))
            return false;
    if (instructions->at + CODE_UNIT > instructions->size)
        return false;
    uint8_t opcode = instructions->bytecode[instructions->at];
    instructions->next = instructions->at + CODE_UNIT * (1u + instructions->rules->bytecode->caches[opcode]);
    return true;
}

/* Whether an instruction of the line loads one of the names; SPPROF_NO_POSITION: of any line. */
static bool line_loads(const struct reader *reader, const struct spprof_code *code, const uint8_t *bytecode, size_t size, int32_t line,
                       const struct wanted *wanted)
{
    const struct layout_bytecode *rules = reader->layout->rules->bytecode;
    struct instructions each = instructions_of(reader, code, bytecode, size);
    uint32_t argument = 0;
    while (next_instruction(&each)) {
        uint8_t opcode = bytecode[each.at], shift = rules->name_shift[opcode];
        argument = argument << 8 | bytecode[each.at + 1];
        if (shift > 0 && (line == SPPROF_NO_POSITION || each.range.position.line == line) && holds(wanted, argument >> (shift - 1)))
            return true;
        if (opcode != rules->extended_arg)
            argument = 0;
    }
    return false;
}

static bool stands_in_line(const struct spprof_code *caller, const struct spprof_code *callee, int32_t line)
{
    bool nameless = callee->name.size > 0 && callee->name.bytes[0] == '<';
    return nameless && callee->first_line == line && equal(&caller->file, &callee->file);
}

static bool loads(struct reader *reader, const struct code_entry *caller, int32_t line, const struct code_entry *callee)
{
    if (LAYOUT(reader->layout, code, names) == LAYOUT_ABSENT || reader->layout->rules->bytecode == NULL)
        return false;
    struct wanted wanted = {.count = 0};
    const uint8_t *bytecode = NULL;
    size_t size = 0;
    enum read_cache_status status;
    do {
        enum read_cache_status names = want_names(reader, caller, callee->code, &wanted);
        status = want_bytecode(reader, caller, &bytecode, &size);
        status = names == READ_CACHE_READY ? status : names;
    } while (status == READ_CACHE_PENDING && target_read_cache_fetch(reader->cache));
    return status == READ_CACHE_READY && wanted.count > 0 && line_loads(reader, caller->code, bytecode, size, line, &wanted);
}

bool sample_line_mentions(struct reader *reader, const struct code_entry *caller, int64_t offset, const struct code_entry *callee)
{
    int32_t line = line_at(reader, caller->code, offset);
    if (line == SPPROF_NO_POSITION || callee->code->name.bytes == NULL)
        return false;
    return stands_in_line(caller->code, callee->code, line) || loads(reader, caller, line, callee);
}

/* As a function of that name would be mentioned. */
static bool loads_name(struct reader *reader, const struct code_entry *caller, int32_t line, const char *name)
{
    struct spprof_code code = {.name = part(name, strlen(name))};
    const struct code_entry callee = {.code = &code};
    return loads(reader, caller, line, &callee);
}

bool sample_line_mentions_name(struct reader *reader, const struct code_entry *caller, int64_t offset, const char *name)
{
    int32_t line = line_at(reader, caller->code, offset);
    return line != SPPROF_NO_POSITION && loads_name(reader, caller, line, name);
}

bool sample_function_mentions_name(struct reader *reader, const struct code_entry *caller, const char *name)
{
    return loads_name(reader, caller, SPPROF_NO_POSITION, name);
}

bool sample_function_mentions(struct reader *reader, const struct code_entry *caller, const struct code_entry *callee)
{
    return callee->code->name.bytes != NULL && loads(reader, caller, SPPROF_NO_POSITION, callee);
}

enum instruction_kind sample_instruction_kind(struct reader *reader, const struct code_entry *code, int64_t offset)
{
    const uint8_t *bytecode = NULL;
    size_t size = 0;
    enum read_cache_status status;
    if (reader->layout->rules->bytecode == NULL || offset < 0)
        return INSTRUCTION_OTHER;
    do {
        status = want_bytecode(reader, code, &bytecode, &size);
    } while (status == READ_CACHE_PENDING && target_read_cache_fetch(reader->cache));
    if (status != READ_CACHE_READY)
        return INSTRUCTION_OTHER;
    struct instructions each = instructions_of(reader, code->code, bytecode, size);
    while (next_instruction(&each) && each.at <= (uint64_t)offset)
        if ((uint64_t)offset < each.next) /* 3.11 and 3.12 name the last unit of the cache of an instruction that calls */
            return kind_of(&each);
    return INSTRUCTION_OTHER;
}
