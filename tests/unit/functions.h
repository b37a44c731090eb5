/* Functions of a program made by a test (memory.h): bytecode, names and lines as the compilers of all versions lay them out. */
#ifndef TESTS_UNIT_FUNCTIONS_H
#define TESTS_UNIT_FUNCTIONS_H

#include "memory.h"

enum operation {
    NO_OPERATION,
    EXTENDED_ARG,
    LOAD_NAME,
    LOAD_GLOBAL,
    LOAD_ATTR,
    LOAD_METHOD,
    LOAD_SUPER_ATTR,
    LOAD_CONST,
    CALL, /* CALL_FUNCTION before 3.11 */
    RETURN,
    FOR_ITER,
    OPERATIONS
};

/* As dis and the opcode module of an interpreter of the version tell them; number 0: the version has none. */
struct opcode {
    uint8_t number, caches;
    uint8_t shift; /* lower bits of the argument that say something else than the name */
};

/* clang-format off */
static const struct opcode opcodes[][OPERATIONS] = {
    {{9, 0, 0}, {144, 0, 0}, {101, 0, 0}, {116, 0, 0}, {106, 0, 0}, {160, 0, 0}, {0, 0, 0}, {100, 0, 0}, {131, 0, 0}, {83, 0, 0}, {93, 0, 0}}, /* 3.9 */
    {{9, 0, 0}, {144, 0, 0}, {101, 0, 0}, {116, 0, 0}, {106, 0, 0}, {160, 0, 0}, {0, 0, 0}, {100, 0, 0}, {131, 0, 0}, {83, 0, 0}, {93, 0, 0}}, /* 3.10 */
    {{9, 0, 0}, {144, 0, 0}, {101, 0, 0}, {116, 5, 1}, {106, 4, 0}, {160, 10, 0}, {0, 0, 0}, {100, 0, 0}, {171, 4, 0}, {83, 0, 0}, {93, 0, 0}}, /* 3.11 */
    {{9, 0, 0}, {144, 0, 0}, {101, 0, 0}, {116, 4, 1}, {106, 9, 1}, {0, 0, 0}, {141, 1, 2}, {100, 0, 0}, {171, 3, 0}, {83, 0, 0}, {93, 1, 0}}, /* 3.12 */
    {{30, 0, 0}, {71, 0, 0}, {92, 0, 0}, {91, 4, 1}, {82, 9, 1}, {0, 0, 0}, {93, 1, 2}, {83, 0, 0}, {53, 3, 0}, {36, 0, 0}, {72, 1, 0}}, /* 3.13 */
    {{27, 0, 0}, {69, 0, 0}, {93, 0, 0}, {92, 4, 1}, {80, 9, 1}, {0, 0, 0}, {96, 1, 2}, {82, 0, 0}, {52, 3, 0}, {35, 0, 0}, {70, 1, 0}}, /* 3.14 */
    {{25, 0, 0}, {67, 0, 0}, {92, 0, 0}, {91, 4, 1}, {79, 9, 1}, {0, 0, 0}, {95, 1, 2}, {81, 0, 0}, {50, 3, 0}, {33, 0, 0}, {68, 1, 0}}, /* 3.15 */
};
/* clang-format on */

static inline const struct opcode *opcode_of(const struct memory *memory, enum operation operation)
{
    return &opcodes[memory->layout.rules->minor - 0x0309][operation];
}

/* The bytecode of a function, unit by unit, and the line of each. */
enum { BODY_MAX = 1024 };
struct body {
    uint8_t bytes[BODY_MAX * 2];
    int32_t lines[BODY_MAX];
    size_t units;
};

static inline void emit_unit(struct body *body, uint8_t opcode, uint8_t argument, int32_t line)
{
    assert_true(body->units < BODY_MAX);
    body->bytes[body->units * 2] = opcode;
    body->bytes[body->units * 2 + 1] = argument;
    body->lines[body->units++] = line;
}

/* An instruction, with what must come before and behind it. */
static inline void emit(const struct memory *memory, struct body *body, enum operation operation, uint32_t argument, int32_t line)
{
    const struct opcode *opcode = opcode_of(memory, operation);
    assert_true(opcode->number != 0);
    for (unsigned bits = 24; bits > 0; bits -= 8)
        if (argument >> bits != 0)
            emit_unit(body, opcode_of(memory, EXTENDED_ARG)->number, (uint8_t)(argument >> bits), line);
    emit_unit(body, opcode->number, (uint8_t)argument, line);
    for (unsigned i = 0; i < opcode->caches; i++)
        emit_unit(body, 0, 0, line);
}

/* One that loads the name of this index, which leaves its lower bits 0. */
static inline void emit_load(const struct memory *memory, struct body *body, enum operation operation, uint32_t index, int32_t line)
{
    emit(memory, body, operation, index << opcode_of(memory, operation)->shift, line);
}

static inline size_t put_signed_varint(uint8_t *table, int32_t value)
{
    uint32_t rest = value < 0 ? (uint32_t)-value << 1 | 1 : (uint32_t)value << 1;
    size_t size = 0;
    for (; rest > 63; rest >>= 6)
        table[size++] = (uint8_t)(64 | (rest & 63));
    table[size++] = (uint8_t)rest;
    return size;
}

/* Entries of at most eight units; lines that lie close together. Gives the size. */
static inline size_t make_line_table(const struct memory *memory, const struct body *body, int32_t line, uint8_t *table)
{
    enum line_table_style style = memory->layout.rules->line_table;
    size_t size = 0, length;
    uint8_t before = 0;
    for (size_t first = 0; first < body->units; first += length) {
        int32_t delta = body->lines[first] - line;
        for (length = 1; length < 8 && first + length < body->units && body->lines[first + length] == body->lines[first];)
            length++;
        if (style == LINE_TABLE_PEP657) {
            table[size++] = (uint8_t)(0x80 | 13 << 3 | (length - 1));
            size += put_signed_varint(table + size, delta);
        } else {
            assert_in_range(delta + 127, 0, 254);
            table[size++] = style == LINE_TABLE_LNOTAB ? before : (uint8_t)(length * 2);
            table[size++] = (uint8_t)(int8_t)delta;
        }
        before = (uint8_t)(length * 2);
        line = body->lines[first];
    }
    return size;
}

static inline uint64_t make_tuple(struct memory *memory, const uint64_t *items, size_t count)
{
    static const char name[] = "tuple";
    uint64_t header = (uint64_t)LAYOUT(&memory->layout, tuple, items);
    uint64_t tuple = make_object(memory, make_type(memory, name, TYPE_FLAG_TUPLE, header), header + count * 8);
    put_u64(memory, FIELD_AT(memory, tuple, variable_object, ob_size), count);
    put_bytes(memory, tuple + header, items, count * sizeof *items);
    return tuple;
}

static inline uint64_t bytecode_address(struct memory *memory, uint64_t code)
{
    uint64_t object;
    if (LAYOUT(&memory->layout, code, bytecode) != LAYOUT_ABSENT)
        return FIELD_AT(memory, code, code, bytecode);
    memcpy(&object, at(memory, FIELD_AT(memory, code, code, bytecode_object)), sizeof object);
    return FIELD_AT(memory, object, bytes, data);
}

/* A function whose co_names is a tuple of these; it is of the file "/app/NAME.py". */
static inline uint64_t make_function(struct memory *memory, const char *name, int32_t first_line, const struct body *body, const char *const *names,
                                     size_t name_count)
{
    uint8_t table[BODY_MAX * 8];
    uint64_t items[BODY_MAX];
    assert_true(name_count <= BODY_MAX);
    size_t size = make_line_table(memory, body, first_line, table);
    uint64_t code = make_code(memory, &(struct code){name, first_line, table, size, body->units});
    put_bytes(memory, bytecode_address(memory, code), body->bytes, body->units * 2);
    for (size_t i = 0; i < name_count; i++)
        items[i] = make_ascii(memory, names[i]);
    put_u64(memory, FIELD_AT(memory, code, code, names), make_tuple(memory, items, name_count));
    return code;
}

#endif
