#include "frames/caller_check.h"

#include <inttypes.h>
#include <stdio.h>

#include "frames/frame_operations.h"
#include "frames/value_depth.h"
#include "layout/stack_effect.h"
#include "object/string.h"
#include "target/budget.h"

enum { BYTECODE_MAX = 1 << 16, SLOTS_MAX = 1 << 12, ARGUMENTS_MAX = 64, WORD = 8, KNOWN_CODES = 64 };

/* What a code object says of the frames that run it. */
struct shape {
    const struct code_entry *code;
    uint64_t locals, cells, frees, values, arguments; /* how many slots; arguments: that are passed by position */
    bool cell_arguments;                              /* some arguments are cells */
    struct bytes bytecode;                            /* valid until the next fetch */
};

/* A frame object as far as it matters here. */
struct frame {
    struct raw_frame *raw;
    struct shape shape;
    struct bytes data; /* all of it, with its slots */
};

/* What the bytecode of a code object tells: of the last ones, since functions that call one another take turns on a stack. */
struct known_code {
    const struct code_entry *code; /* NULL: of none */
    struct value_depth depth;
    uint64_t replaced; /* a bit for each of the first arguments that the function itself may replace */
};

struct caller_check {
    struct reader *reader;
    struct known_code known[KNOWN_CODES];
    char *words;
    size_t size;
};

/* Whether so many bytes may still be looked at only to doubt what was read. */
static bool may_look(const struct caller_check *check, uint64_t bytes)
{
    return target_budget_check(&target_read_cache_target(check->reader->cache)->budget, bytes);
}

/* What an instruction of a frame calls, by what lies on its value stack. */
enum call {
    CALL_NONE,            /* another function, or nothing that can be called; or it calls nothing */
    CALL_FITS,            /* the function that runs above it, with its arguments */
    CALL_OTHER_ARGUMENTS, /* that function with other arguments */
    CALL_OF_C,            /* something that is no function: it may call whatever it likes */
};

static enum read_cache_status tuple_size(struct reader *reader, uint64_t tuple, uint64_t *size)
{
    return object_reader_pointer(reader, tuple + (uint64_t)LAYOUT(reader->layout, variable_object, ob_size), "tuple", size);
}

static bool is_sane(const struct shape *shape)
{
    const uint64_t counts[] = {shape->locals, shape->cells, shape->frees, shape->values};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i] > SLOTS_MAX)
            return false;
    return shape->arguments <= shape->locals;
}

static enum read_cache_status read_shape(struct reader *reader, const struct code_entry *code, struct shape *shape)
{
    const struct layout *layout = reader->layout;
    struct bytes header;
    STEP(object_reader_struct(reader, code->code->address, frames_code_header_size(layout), "code object", &header));
    *shape = (struct shape){.code = code};
    shape->locals = field_u32(header, LAYOUT(layout, code, nlocals));
    shape->values = field_u32(header, LAYOUT(layout, code, stacksize));
    shape->arguments = field_u32(header, LAYOUT(layout, code, argcount));
    shape->cell_arguments = field_u64(header, LAYOUT(layout, code, cell2arg)) != 0;
    enum read_cache_status parts[] = {
        tuple_size(reader, field_u64(header, LAYOUT(layout, code, cellvars)), &shape->cells),
        tuple_size(reader, field_u64(header, LAYOUT(layout, code, freevars)), &shape->frees),
        object_bytes_read(reader, field_u64(header, LAYOUT(layout, code, bytecode_object)), "co_code", BYTECODE_MAX, &shape->bytecode.at,
                          &shape->bytecode.size),
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        STEP(parts[i]);
    return is_sane(shape) ? READ_CACHE_READY : object_reader_fail(reader, "the code object has more variables than any function");
}

/* Where a frame's value stack begins, in bytes from its start: frame_alloc, Objects/frameobject.c. */
static int64_t values_start(const struct reader *reader, const struct shape *shape)
{
    return LAYOUT(reader->layout, frame_object, localsplus) + (int64_t)(shape->locals + shape->cells + shape->frees) * WORD;
}

static enum read_cache_status read_frame(struct caller_check *check, struct raw_frame *raw, struct frame *frame)
{
    frame->raw = raw;
    STEP(read_shape(check->reader, raw->code, &frame->shape));
    size_t size = (size_t)values_start(check->reader, &frame->shape) + (size_t)frame->shape.values * WORD;
    return object_reader_struct(check->reader, raw->address, size, "frame", &frame->data);
}

/* f_valuestack stands behind f_locals: Include/cpython/frameobject.h of 3.9 and 3.10. */
static bool fits_code(const struct caller_check *check, const struct frame *frame)
{
    uint64_t start = field_u64(frame->data, LAYOUT(check->reader->layout, frame_object, locals) + WORD);
    return start == frame->raw->address + (uint64_t)values_start(check->reader, &frame->shape);
}

/* f_trace stands before f_stackdepth in 3.10, and behind f_stacktop in 3.9. */
static bool is_traced(const struct caller_check *check, const struct frame *frame)
{
    int32_t depth = LAYOUT(check->reader->layout, frame_object, stackdepth), top = LAYOUT(check->reader->layout, frame_object, stacktop);
    return field_u64(frame->data, depth != LAYOUT_ABSENT ? depth - WORD : top + WORD) != 0;
}

static int64_t offset_of(const struct caller_check *check, const struct frame *frame)
{
    bool by_units = check->reader->layout->rules->position == POSITION_LASTI_UNITS;
    return (int64_t)frame->raw->instruction * (by_units ? CODE_UNIT : 1);
}

/* Marks the arguments that the function itself may replace. */
static uint64_t replaced_arguments(struct bytes bytecode)
{
    uint64_t replaced = 0;
    for (int64_t offset = 0; offset < (int64_t)bytecode.size;) {
        struct old_instruction instruction = frames_old_instruction_at(bytecode, offset);
        if ((instruction.opcode == OLD_STORE_FAST || instruction.opcode == OLD_DELETE_FAST) && instruction.argument < ARGUMENTS_MAX)
            replaced |= UINT64_C(1) << instruction.argument;
        offset = instruction.next;
    }
    return replaced;
}

/* What is known of a code object; where no more may be looked at, no depth is. */
static const struct known_code *know(struct caller_check *check, const struct shape *shape)
{
    struct known_code *known = &check->known[shape->code->code->address / 16 % KNOWN_CODES];
    if (known->code == shape->code)
        return known;
    frames_value_depth_free(&known->depth);
    known->code = shape->code;
    known->replaced = UINT64_MAX;
    if (!may_look(check, shape->bytecode.size * VALUE_DEPTH_ROUNDS))
        return known;
    known->replaced = replaced_arguments(shape->bytecode);
    (void)frames_value_depth_find(&known->depth, shape->bytecode, check->reader->layout->rules->position == POSITION_LASTI_UNITS);
    return known;
}

static int64_t depth_at(struct caller_check *check, const struct shape *shape, int64_t offset)
{
    return frames_value_depth_at(&know(check, shape)->depth, offset);
}

static uint64_t value_at(const struct caller_check *check, const struct frame *frame, int64_t index)
{
    bool exists = index >= 0 && (uint64_t)index < frame->shape.values;
    return exists ? field_u64(frame->data, values_start(check->reader, &frame->shape) + index * WORD) : 0;
}

/* A word of an object; 0 where there is none. PENDING is the only status but READY. */
static enum read_cache_status peek(struct reader *reader, uint64_t object, int32_t offset, uint64_t *word)
{
    *word = 0;
    if (object == 0 || object % WORD != 0 || offset < 0)
        return READ_CACHE_READY;
    enum read_cache_status status = object_reader_pointer(reader, object + (uint64_t)offset, "object", word);
    if (status == READ_CACHE_FAILED)
        *word = 0;
    return status == READ_CACHE_PENDING ? status : READ_CACHE_READY;
}

struct callable {
    uint64_t function; /* 0: it is no function of this code object, nor a method of one */
    uint64_t self;     /* of a bound method; 0: none */
};

/*
 * Whether an object is as large as a PyMethodObject, which has two words behind im_self (Include/classobject.h): a functools.partial and others
 * begin with a function, too.
 */
static enum read_cache_status is_method(struct reader *reader, uint64_t object, bool *is)
{
    const struct layout *layout = reader->layout;
    uint64_t type, size;
    STEP(peek(reader, object, LAYOUT(layout, object, type), &type));
    STEP(peek(reader, type, LAYOUT(layout, type, basicsize), &size));
    *is = size == (uint64_t)LAYOUT(layout, method, self) + 3 * WORD;
    return READ_CACHE_READY;
}

static enum read_cache_status look_at_callable(struct reader *reader, uint64_t object, const struct code_entry *code, struct callable *callable)
{
    const struct layout *layout = reader->layout;
    uint64_t of_object, function, of_function;
    bool is;
    *callable = (struct callable){0, 0};
    STEP(peek(reader, object, LAYOUT(layout, function, code), &of_object));
    if (of_object == code->code->address)
        callable->function = object;
    if (callable->function != 0 || object == 0)
        return READ_CACHE_READY;
    STEP(peek(reader, object, LAYOUT(layout, method, function), &function));
    STEP(peek(reader, function, LAYOUT(layout, function, code), &of_function));
    if (of_function != code->code->address)
        return READ_CACHE_READY;
    STEP(is_method(reader, object, &is));
    if (!is)
        return READ_CACHE_READY;
    callable->function = function;
    return peek(reader, object, LAYOUT(layout, method, self), &callable->self);
}

/* Where on the value stack a call has what it calls, and the arguments that it passes by position. */
struct caller_site {
    int64_t callable, arguments, count;
};

/* False: the instruction is no call, or it is not known how deep the stack is there. Python/ceval.c has the order. */
static enum read_cache_status find_site(struct caller_check *check, const struct frame *frame, int64_t offset, struct caller_site *site, bool *calls)
{
    struct old_instruction instruction = frames_old_instruction_at(frame->shape.bytecode, offset);
    int64_t top = depth_at(check, &frame->shape, offset), count = instruction.argument;
    uint64_t names = 0;
    *calls = false;
    if (top == VALUE_DEPTH_UNKNOWN)
        return READ_CACHE_READY;
    switch (instruction.opcode) {
    case OLD_CALL_FUNCTION: *site = (struct caller_site){top - count - 1, top - count, count}; break;
    case OLD_CALL_FUNCTION_KW:
        STEP(peek(check->reader, value_at(check, frame, top - 1), LAYOUT(check->reader->layout, variable_object, ob_size), &names));
        *site = (struct caller_site){top - count - 2, top - count - 1, (uint64_t)count >= names ? count - (int64_t)names : 0};
        break;
    case OLD_CALL_METHOD: { /* NULL and a callable, or a method and self */
        bool has_self = value_at(check, frame, top - count - 2) != 0;
        *site = (struct caller_site){top - count - (has_self ? 2 : 1), top - count - has_self, count + has_self};
        break;
    }
    case OLD_WITH_EXCEPT_START: *site = (struct caller_site){top - 7, 0, 0}; break; /* __exit__ or __aexit__, below two exceptions of three words */
    case OLD_CALL_FUNCTION_EX: *site = (struct caller_site){top - 2 - (count & 1), 0, 0}; break;
    default: return READ_CACHE_READY;
    }
    *calls = site->callable >= 0 && (uint64_t)site->callable < frame->shape.values;
    return READ_CACHE_READY;
}

/*
 * Whether the arguments of a call are still those of the frame. What was made a cell is elsewhere, and what a debugger has looked at
 * (f_locals) it may have replaced (PyFrame_LocalsToFast, Objects/frameobject.c).
 */
static bool arguments_fit(struct caller_check *check, const struct frame *caller, const struct caller_site *site, uint64_t self,
                          const struct frame *callee)
{
    const struct layout *layout = check->reader->layout;
    int64_t shift = self != 0, count = site->count + shift;
    if (callee->shape.cell_arguments || field_u64(callee->data, LAYOUT(layout, frame_object, locals)) != 0)
        return true;
    uint64_t replaced = know(check, &callee->shape)->replaced;
    for (int64_t i = 0; i < count && i < (int64_t)callee->shape.arguments && i < ARGUMENTS_MAX; i++) {
        uint64_t passed = i < shift ? self : value_at(check, caller, site->arguments + i - shift);
        uint64_t local = field_u64(callee->data, LAYOUT(layout, frame_object, localsplus) + i * WORD);
        if ((replaced >> i & 1) == 0 && passed != local)
            return false;
    }
    return true;
}

/* Whether an object is neither of the type of this function nor a method of one, and can be called. tp_call stands before tp_str. */
static enum read_cache_status is_other_callable(struct reader *reader, uint64_t object, uint64_t function, bool *is)
{
    const struct layout *layout = reader->layout;
    uint64_t function_type, type, inner, inner_type, call;
    bool method;
    STEP(peek(reader, function, LAYOUT(layout, object, type), &function_type));
    STEP(peek(reader, object, LAYOUT(layout, object, type), &type));
    STEP(peek(reader, object, LAYOUT(layout, method, function), &inner));
    STEP(peek(reader, inner, LAYOUT(layout, object, type), &inner_type));
    STEP(peek(reader, type, LAYOUT(layout, type, str) - WORD, &call));
    STEP(is_method(reader, object, &method));
    *is = type != function_type && !(method && inner_type == function_type) && call != 0;
    return READ_CACHE_READY;
}

/* function: one of the callee's code, which tells what functions are; 0: not known, then CALL_OF_C is never given. */
static enum read_cache_status look_at_call(struct caller_check *check, const struct frame *caller, int64_t offset, const struct frame *callee,
                                           uint64_t function, enum call *call)
{
    struct caller_site site;
    struct callable callable;
    bool calls = false, other = false;
    *call = CALL_NONE;
    STEP(find_site(check, caller, offset, &site, &calls));
    if (!calls)
        return READ_CACHE_READY;
    uint64_t object = value_at(check, caller, site.callable);
    STEP(look_at_callable(check->reader, object, callee->shape.code, &callable));
    if (callable.function != 0) {
        *call = arguments_fit(check, caller, &site, callable.self, callee) ? CALL_FITS : CALL_OTHER_ARGUMENTS;
        return READ_CACHE_READY;
    }
    if (function != 0)
        STEP(is_other_callable(check->reader, object, function, &other));
    if (other)
        *call = CALL_OF_C;
    return READ_CACHE_READY;
}

/* Any function of the callee's code on the caller's value stack, or one that a method on it is bound to; 0: there is none. */
static enum read_cache_status find_function(struct caller_check *check, const struct frame *caller, const struct frame *callee, uint64_t *function)
{
    enum read_cache_status all = READ_CACHE_READY;
    *function = 0;
    for (uint64_t i = 0; i < caller->shape.values && *function == 0; i++) {
        struct callable callable;
        if (look_at_callable(check->reader, value_at(check, caller, (int64_t)i), callee->shape.code, &callable) == READ_CACHE_PENDING)
            all = READ_CACHE_PENDING;
        else
            *function = callable.function;
    }
    return *function != 0 ? READ_CACHE_READY : all;
}

/* Compilers without computed goto leave f_lasti at the instruction before where the next one was predicted: PREDICT, Python/ceval.c. */
static bool is_predicted(const struct frame *caller, int64_t offset, int64_t call)
{
    struct old_instruction instruction = frames_old_instruction_at(caller->shape.bytecode, offset);
    return offset >= 0 && instruction.next == call && (instruction.opcode == OLD_GET_ITER || instruction.opcode == OLD_DICT_MERGE);
}

/*
 * Whether a frame makes the arguments of a call that is still to come: what lies on the stack already may be all of them by chance, and the
 * instruction calls the same function by itself, as in a.__add__(b + c).
 */
static bool makes_arguments(struct caller_check *check, const struct frame *caller, int64_t offset, int64_t call, int64_t callable)
{
    if (offset < 0 || offset >= call)
        return false;
    if (!may_look(check, (uint64_t)(call - offset)))
        return true;
    for (int64_t at = offset; at < call; at = frames_old_instruction_at(caller->shape.bytecode, at).next)
        if (depth_at(check, &caller->shape, at) <= callable)
            return false;
    return true;
}

/*
 * Whether the call that goes on is that of another instruction than the one that the frame says that it is at. A call that has come back has
 * put its result in the place of what was called, so that what lies there with all its arguments is being called.
 */
static enum read_cache_status calls_elsewhere(struct caller_check *check, const struct frame *caller, int64_t offset, const struct frame *callee,
                                              bool *elsewhere)
{
    enum { SLOT_COST = 64, INSTRUCTION_COST = 4 }; /* so many bytes are looked at for each slot, and for each byte of bytecode */
    enum call call;
    uint64_t function;
    *elsewhere = false;
    if (!may_look(check, caller->shape.values * SLOT_COST + caller->shape.bytecode.size * INSTRUCTION_COST))
        return READ_CACHE_READY;
    STEP(find_function(check, caller, callee, &function));
    if (function == 0)
        return READ_CACHE_READY;
    STEP(look_at_call(check, caller, offset, callee, function, &call));
    if (call == CALL_OF_C)
        return READ_CACHE_READY;
    bool other = false;
    for (int64_t at = 0; at < (int64_t)caller->shape.bytecode.size; at = frames_old_instruction_at(caller->shape.bytecode, at).next) {
        struct caller_site site;
        bool calls;
        STEP(look_at_call(check, caller, at, callee, 0, &call));
        if (call != CALL_FITS)
            continue;
        STEP(find_site(check, caller, at, &site, &calls));
        if (is_predicted(caller, offset, at) || makes_arguments(check, caller, offset, at, site.callable))
            return READ_CACHE_READY;
        other = true;
    }
    *elsewhere = other;
    return READ_CACHE_READY;
}

/*
 * Whether nothing can be called from where a frame is: not by the instruction, and not beside it. LOAD_FAST of a variable that has no value
 * raises an exception, and so does what throw() and close() give to a generator where it waits: then what is on the stack is freed, and
 * with it finalizers run. A trace function runs before any instruction.
 */
static bool is_inert(const struct caller_check *check, const struct frame *frame, int64_t offset)
{
    struct old_instruction instruction = frames_old_instruction_at(frame->shape.bytecode, offset);
    if (offset < 0 || !layout_stack_effect_is_inert(instruction.opcode) || is_traced(check, frame))
        return false;
    if (instruction.opcode == OLD_LOAD_FAST)
        return field_u64(frame->data, LAYOUT(check->reader->layout, frame_object, localsplus) + (int64_t)instruction.argument * WORD) != 0;
    return frames_old_instruction_at(frame->shape.bytecode, instruction.next).opcode != OLD_YIELD_FROM;
}

/* The first words count. */
static void tell(struct caller_check *check, const struct frame *frame, const char *words)
{
    if (check->words[0] == '\0')
        snprintf(check->words, check->size, "frame at 0x%" PRIx64 " %s", frame->raw->address, words);
}

static void misplace(struct caller_check *check, const struct frame *frame)
{
    frame->raw->misplaced = true;
    tell(check, frame, "says that it is where the frame above it cannot have been called");
}

/* A generator's frame is not called, but gone on with: by whatever instruction. */
static bool is_generator(const struct caller_check *check, const struct frame *frame)
{
    return field_u64(frame->data, LAYOUT(check->reader->layout, frame_object, generator)) != 0;
}

static enum read_cache_status check_link(struct caller_check *check, const struct frame *caller, const struct frame *callee)
{
    int64_t offset = offset_of(check, caller);
    enum call call;
    bool elsewhere;
    if (caller->raw->delegates || callee->raw->delegates)
        return READ_CACHE_READY;
    if (is_inert(check, caller, offset))
        misplace(check, caller);
    if (is_generator(check, callee))
        return READ_CACHE_READY;
    STEP(look_at_call(check, caller, offset, callee, 0, &call));
    if (call == CALL_OTHER_ARGUMENTS)
        tell(check, callee, "was called with other arguments than the frame below it passes");
    if (call != CALL_NONE)
        return READ_CACHE_READY;
    STEP(calls_elsewhere(check, caller, offset, callee, &elsewhere));
    if (elsewhere)
        misplace(check, caller);
    return READ_CACHE_READY;
}

/* Every frame is asked for before one is waited for: a stack may be deep. */
static enum read_cache_status check_frames(struct caller_check *check, struct stack *stack)
{
    enum read_cache_status all = READ_CACHE_READY;
    struct frame frame, callee;
    bool has_callee = false;
    for (size_t i = 0; i < stack->frame_count; i++) {
        if (stack->frames[i].code->status != READ_CACHE_READY)
            return all;
        enum read_cache_status status = read_frame(check, &stack->frames[i], &frame);
        if (status == READ_CACHE_READY && !fits_code(check, &frame))
            tell(check, &frame, "does not fit its code object");
        if (status == READ_CACHE_READY && has_callee && check_link(check, &frame, &callee) == READ_CACHE_PENDING)
            all = READ_CACHE_PENDING;
        if (status == READ_CACHE_PENDING)
            all = READ_CACHE_PENDING;
        has_callee = status == READ_CACHE_READY;
        callee = frame;
    }
    return all;
}

enum read_cache_status frames_caller_check(struct stack *stack, struct reader *reader, char *words, size_t size)
{
    struct caller_check check = {.reader = reader, .words = words, .size = size};
    words[0] = '\0';
    if (!frames_of(reader->layout->rules)->on_heap || target_read_cache_target(reader->cache)->kind != SPPROF_TARGET_CORE)
        return READ_CACHE_READY;
    enum read_cache_status status = check_frames(&check, stack);
    for (size_t i = 0; i < KNOWN_CODES; i++)
        frames_value_depth_free(&check.known[i].depth);
    return status;
}
