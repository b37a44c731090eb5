#include "frames/code_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/hash_table.h"
#include "object/intern.h"
#include "object/string.h"
#include "target/budget.h"

enum {
    LINE_TABLE_MAX = 1 << 26,
    THREAD_BYTECODE_MAX = 1 << 16,
    RANGES_MAX = 1 << 11, /* of one code object that are kept: each costs a shift of all behind it, and a count that was torn may be large */
};

/* Where bytecode lies; sorted by start, without overlaps. */
struct bytecode_range {
    uint64_t start, end;
    struct code_entry *entry;
};

struct code_table {
    struct hash_table by_address; /* of those that have not been retired */
    struct code_entry **entries;
    size_t count, capacity;
    size_t first_pending;   /* entries before it are settled */
    size_t first_undecoded; /* all entries before it are decoded, or never will be */
    uint64_t code_type;     /* once it was checked */
    size_t deaths;
    bool keeps_ranges;
    struct bytecode_range *ranges;
    size_t range_count, range_capacity;
    struct intern *texts;         /* names and line tables of all entries */
    struct spprof_budget *budget; /* NULL: none is drawn from */
    uint64_t taken;
};

struct spprof_error *frames_code_table_new(struct code_table **table)
{
    *table = calloc(1, sizeof **table);
    if (*table != NULL)
        (*table)->texts = object_intern_new();
    if (*table != NULL && (*table)->texts != NULL)
        return NULL;
    free(*table);
    return spprof_error_no_memory();
}

void frames_code_table_draw_from(struct code_table *table, struct spprof_budget *budget)
{
    table->budget = budget;
    object_intern_draw_from(table->texts, budget);
}

static bool take(struct code_table *table, uint64_t bytes)
{
    if (table->budget == NULL)
        return true;
    bool is_taken = target_budget_take(table->budget, bytes);
    table->taken += is_taken ? bytes : 0;
    return is_taken;
}

void frames_code_free(struct spprof_code *code)
{
    if (code == NULL)
        return;
    object_intern_release(code->name.bytes);
    object_intern_release(code->qualified_name.bytes);
    object_intern_release(code->file.bytes);
    object_intern_release(code->line_table);
    free(code);
}

void frames_code_table_free(struct code_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->count; i++) {
        frames_code_free(table->entries[i]->code);
        free(table->entries[i]->thread_bytecode);
        free(table->entries[i]);
    }
    free(table->entries);
    base_hash_table_free(&table->by_address);
    free(table->ranges);
    object_intern_free(table->texts);
    if (table->budget != NULL)
        target_budget_give(table->budget, table->taken);
    free(table);
}

size_t frames_code_table_count(const struct code_table *table)
{
    return table->count;
}

struct code_entry *frames_code_table_at(const struct code_table *table, size_t index)
{
    return table->entries[index];
}

static struct code_entry *new_entry(struct code_table *table, uint64_t address)
{
    struct code_entry *entry = take(table, sizeof *entry + sizeof *entry->code) ? calloc(1, sizeof *entry) : NULL;
    if (entry == NULL)
        return NULL;
    entry->code = calloc(1, sizeof *entry->code);
    if (entry->code == NULL) {
        free(entry);
        return NULL;
    }
    entry->code->address = address;
    entry->status = READ_CACHE_PENDING;
    return entry;
}

struct code_entry *frames_code_table_find(const struct code_table *table, uint64_t address)
{
    return base_hash_table_item(&table->by_address, address);
}

struct code_entry *frames_code_table_get(struct code_table *table, uint64_t address)
{
    struct code_entry *entry = frames_code_table_find(table, address);
    if (entry != NULL)
        return entry;
    if (!ARRAY_RESERVE(table->entries, table->capacity, table->count + 1) || !base_hash_table_reserve(&table->by_address))
        return NULL;
    entry = new_entry(table, address);
    if (entry == NULL)
        return NULL;
    base_hash_table_add(&table->by_address, address)->item = entry;
    table->entries[table->count++] = entry;
    return entry;
}

/* What tp_basicsize of the type of code objects must be: the whole struct, without the bytecode that ends it since 3.11. */
static uint64_t code_basicsize(const struct layout *layout)
{
    int32_t bytecode = LAYOUT(layout, code, bytecode);
    return (uint64_t)(bytecode != LAYOUT_ABSENT ? bytecode : LAYOUT(layout, code, size));
}

size_t frames_code_header_size(const struct layout *layout)
{
    return (size_t)code_basicsize(layout);
}

bool frames_code_entry_matches(const struct code_entry *entry, const struct layout *layout, struct bytes header)
{
    return field_u64(header, LAYOUT(layout, code, name)) == entry->name && field_u64(header, LAYOUT(layout, code, filename)) == entry->file &&
           field_u64(header, LAYOUT(layout, code, linetable)) == entry->line_table &&
           field_i32(header, LAYOUT(layout, code, firstlineno)) == entry->code->first_line;
}

/* The type's name lies in read-only memory, which a core may lack; its size is in memory that cores have. */
static enum read_cache_status check_code_type(struct code_table *table, struct reader *reader, uint64_t type)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    if (type == table->code_type || (type == layout->code_type && type != 0))
        return READ_CACHE_READY;
    STEP(object_reader_struct(reader, type, (size_t)LAYOUT(layout, type, basicsize) + 8, "the type of a code object", &data));
    uint64_t name = field_u64(data, LAYOUT(layout, type, name));
    uint64_t basicsize = field_u64(data, LAYOUT(layout, type, basicsize));
    enum read_cache_status status = object_reader_bytes(reader, name, sizeof "code", "the name of a type", &data);
    if (status == READ_CACHE_PENDING)
        return status;
    bool right = status == READ_CACHE_READY ? memcmp(data.at, "code", sizeof "code") == 0 : basicsize == code_basicsize(layout);
    if (!right)
        return object_reader_fail(reader, "what should be a code object has another type");
    table->code_type = type;
    return READ_CACHE_READY;
}

/* 3.11 and later: the bytecode ends the object, ob_size counts its units. Before: a bytes object (co_code). */
static enum read_cache_status find_bytecode(struct code_entry *entry, struct reader *reader, struct bytes header)
{
    const struct layout *layout = reader->layout;
    if (LAYOUT(layout, code, bytecode) == LAYOUT_ABSENT)
        return object_bytes_size(reader, field_u64(header, LAYOUT(layout, code, bytecode_object)), "co_code", &entry->bytecode_size);
    uint64_t units = field_u64(header, LAYOUT(layout, variable_object, ob_size));
    if (units > INT32_MAX)
        return object_reader_fail(reader, "the code object at 0x%" PRIx64 " claims %" PRIu64 " instructions", entry->code->address, units);
    entry->bytecode = entry->code->address + (uint64_t)LAYOUT(layout, code, bytecode);
    entry->bytecode_size = units * CODE_UNIT;
    entry->first_traceable = field_i32(header, LAYOUT(layout, code, firsttraceable));
    if (LAYOUT(layout, code, framesize) != LAYOUT_ABSENT)
        entry->frame_bytes = (uint64_t)field_u32(header, LAYOUT(layout, code, framesize)) * 8;
    else /* 3.11: _PyEvalFramePushAndInit, Python/ceval.c */
        entry->frame_bytes = (uint64_t)LAYOUT(layout, frame, localsplus) + 8 * ((uint64_t)field_u32(header, LAYOUT(layout, code, nlocalsplus)) +
                                                                                field_u32(header, LAYOUT(layout, code, stacksize)));
    return READ_CACHE_READY;
}

/* _PyCodeArray {size, entries[]}: Include/cpython/code.h, 3.14. */
static enum read_cache_status read_thread_bytecode(struct code_table *table, struct code_entry *entry, struct reader *reader, struct bytes header)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    if (!layout->rules->has_thread_local_bytecode || entry->thread_bytecode != NULL)
        return READ_CACHE_READY;
    uint64_t array = field_u64(header, LAYOUT(layout, code, tlbc));
    if (array == 0)
        return READ_CACHE_READY;
    uint64_t count;
    STEP(object_reader_pointer(reader, array + (uint64_t)LAYOUT(layout, code_array, size), "co_tlbc", &count));
    if (count > THREAD_BYTECODE_MAX)
        return object_reader_fail(reader, "co_tlbc at 0x%" PRIx64 " claims %" PRIu64 " entries", array, count);
    if (count == 0)
        return READ_CACHE_READY;
    STEP(object_reader_struct(reader, array + (uint64_t)LAYOUT(layout, code_array, entries), (size_t)count * 8, "co_tlbc", &data));
    uint64_t *starts = take(table, count * sizeof *starts) ? malloc((size_t)count * sizeof *starts) : NULL;
    if (starts == NULL)
        return object_reader_no_memory(reader);
    memcpy(starts, data.at, (size_t)count * sizeof *starts);
    entry->thread_bytecode = starts;
    entry->thread_bytecode_count = (size_t)count;
    return READ_CACHE_READY;
}

static enum read_cache_status read_header(struct code_table *table, struct code_entry *entry, struct reader *reader)
{
    const struct layout *layout = reader->layout;
    struct bytes header;
    STEP(object_reader_struct(reader, entry->code->address, (size_t)code_basicsize(layout), "code object", &header));
    entry->code->first_line = field_i32(header, LAYOUT(layout, code, firstlineno));
    entry->name = field_u64(header, LAYOUT(layout, code, name));
    entry->file = field_u64(header, LAYOUT(layout, code, filename));
    entry->line_table = field_u64(header, LAYOUT(layout, code, linetable));
    if (layout->rules->has_qualified_names)
        entry->qualified_name = field_u64(header, LAYOUT(layout, code, qualname));
    STEP(check_code_type(table, reader, field_u64(header, LAYOUT(layout, object, type))));
    STEP(find_bytecode(entry, reader, header));
    return read_thread_bytecode(table, entry, reader, header);
}

static const char name_words[] = "co_name", qualified_name_words[] = "co_qualname", file_words[] = "co_filename", table_words[] = "the line table";

/* Asks for every part before it waits for one, so that all come in one batch. A name that cannot be read costs only that name. */
static enum read_cache_status gather(struct code_table *table, struct code_entry *entry, struct reader *reader)
{
    const uint8_t *data;
    size_t size;
    enum read_cache_status header = read_header(table, entry, reader);
    if (header == READ_CACHE_FAILED || entry->name == 0)
        return header;
    enum read_cache_status parts[] = {
        header,
        object_string_load(reader, entry->name, name_words),
        object_string_load(reader, entry->file, file_words),
        object_bytes_read(reader, entry->line_table, table_words, LINE_TABLE_MAX, &data, &size),
        entry->qualified_name != 0 ? object_string_load(reader, entry->qualified_name, qualified_name_words) : READ_CACHE_READY,
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i] == READ_CACHE_PENDING)
            return READ_CACHE_PENDING;
    return READ_CACHE_READY;
}

/* The first range that ends behind an address. */
static size_t range_at(const struct code_table *table, uint64_t address)
{
    size_t low = 0, high = table->range_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->ranges[middle].end > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* A range takes the place of those that it overlaps: they are of code objects that have died. */
static void add_range(struct code_table *table, struct code_entry *entry, uint64_t start)
{
    uint64_t end = start + entry->bytecode_size;
    if (start == 0 || entry->bytecode_size == 0)
        return;
    size_t first = range_at(table, start), last = first;
    while (last < table->range_count && table->ranges[last].start < end)
        last++;
    if (first == last && !ARRAY_RESERVE(table->ranges, table->range_capacity, table->range_count + 1))
        return;
    memmove(&table->ranges[first + 1], &table->ranges[last], (table->range_count - last) * sizeof *table->ranges);
    table->range_count = table->range_count - (last - first) + 1;
    table->ranges[first] = (struct bytecode_range){start, end, entry};
}

void frames_code_table_keep_ranges(struct code_table *table)
{
    table->keeps_ranges = true;
}

static void add_ranges(struct code_table *table, struct code_entry *entry)
{
    if (!table->keeps_ranges)
        return;
    add_range(table, entry, entry->bytecode);
    for (size_t i = 0; i < entry->thread_bytecode_count && i < RANGES_MAX; i++)
        add_range(table, entry, entry->thread_bytecode[i]);
}

static void remove_ranges(struct code_table *table, const struct code_entry *entry)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->range_count; i++)
        if (table->ranges[i].entry != entry)
            table->ranges[kept++] = table->ranges[i];
    table->range_count = kept;
}

struct code_entry *frames_code_table_by_instruction(const struct code_table *table, uint64_t instruction)
{
    size_t at = range_at(table, instruction);
    return at < table->range_count && table->ranges[at].start <= instruction ? table->ranges[at].entry : NULL;
}

void frames_code_table_retire(struct code_table *table, struct code_entry *entry)
{
    if (!base_hash_table_remove(&table->by_address, entry->code->address, entry))
        return;
    entry->retired = true;
    table->deaths += entry->status == READ_CACHE_READY;
    remove_ranges(table, entry);
}

size_t frames_code_table_deaths(const struct code_table *table)
{
    return table->deaths;
}

void frames_code_table_step(struct code_table *table, struct reader *reader)
{
    bool settled = true;
    for (size_t i = table->first_pending; i < table->count; i++) {
        struct code_entry *entry = table->entries[i];
        if (entry->status == READ_CACHE_PENDING) {
            entry->status = gather(table, entry, reader);
            if (entry->status == READ_CACHE_READY)
                add_ranges(table, entry);
            if (entry->status == READ_CACHE_FAILED)
                snprintf(entry->reason, sizeof entry->reason, "%s", reader->reason);
        }
        settled = settled && entry->status != READ_CACHE_PENDING;
        if (settled)
            table->first_pending = i + 1;
    }
}

static void note_missing(struct code_entry *entry, const struct reader *reader)
{
    const struct spprof_budget *budget = &target_read_cache_target(reader->cache)->budget;
    entry->left_out = entry->left_out || budget->memory_refused || budget->out_of_memory;
    snprintf(entry->missing, sizeof entry->missing, "%s", reader->reason);
}

/* The text that stands for all equal ones; NULL: no memory. */
static const char *share(struct code_table *table, struct code_entry *entry, struct reader *reader, const void *bytes, size_t size)
{
    const char *shared =
        target_budget_search(&target_read_cache_target(reader->cache)->budget, size) ? object_intern_bytes(table->texts, bytes, size) : NULL;
    entry->left_out = entry->left_out || shared == NULL;
    return shared;
}

static void decode_text(struct code_table *table, struct code_entry *entry, struct reader *reader, uint64_t object, const char *what,
                        struct spprof_text *text)
{
    struct spprof_text own;
    uint64_t before = reader->taken;
    if (text->bytes != NULL || object == 0)
        return;
    if (object_string_read(reader, object, what, &own) != READ_CACHE_READY) {
        note_missing(entry, reader);
        return;
    }
    const char *shared = share(table, entry, reader, own.bytes, own.size);
    if (shared != NULL)
        *text = (struct spprof_text){(char *)(uintptr_t)shared, own.size};
    free(own.bytes);
    object_reader_give_back(reader, before);
}

static void decode_line_table(struct code_table *table, struct code_entry *entry, struct reader *reader)
{
    const uint8_t *data;
    size_t size;
    if (object_bytes_read(reader, entry->line_table, table_words, LINE_TABLE_MAX, &data, &size) != READ_CACHE_READY) {
        note_missing(entry, reader);
        return;
    }
    entry->code->line_table = (const uint8_t *)share(table, entry, reader, data, size);
    entry->code->line_table_size = entry->code->line_table != NULL ? size : 0;
}

void frames_code_table_decode(struct code_table *table, struct reader *reader)
{
    bool settled = true;
    for (size_t i = table->first_undecoded; i < table->count; i++) {
        struct code_entry *entry = table->entries[i];
        struct spprof_code *code = entry->code;
        if (entry->status == READ_CACHE_READY && code->line_table == NULL) {
            decode_text(table, entry, reader, entry->name, name_words, &code->name);
            decode_text(table, entry, reader, entry->qualified_name, qualified_name_words, &code->qualified_name);
            decode_text(table, entry, reader, entry->file, file_words, &code->file);
            decode_line_table(table, entry, reader);
        }
        settled = settled && (entry->status == READ_CACHE_FAILED || code->line_table != NULL);
        if (settled)
            table->first_undecoded = i + 1;
    }
}

struct position frames_code_position(const struct code_entry *entry, struct reader *reader, int64_t offset)
{
    enum { OUT = SPPROF_POSITION_LEFT_OUT };
    const struct spprof_code *code = entry->code;
    bool is_there =
        code->line_table != NULL ? target_budget_search(&target_read_cache_target(reader->cache)->budget, code->line_table_size) : !entry->left_out;
    if (!is_there)
        return (struct position){OUT, OUT, OUT, OUT};
    return frames_position_find(reader->layout->rules->line_table, code->line_table, code->line_table_size, code->first_line, offset);
}
