#include "layout/probe.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "layout/cframe.h"
#include "target/target.h"

/* A probe looks at a few threads and frames: enough to meet one that runs Python code. */
enum { MAX_INTERPRETERS = 16, MAX_THREADS = 16, MAX_FRAMES = 16, MAX_CHUNKS = 64 };

struct prober {
    struct spprof_target *target;
    const struct layout *layout;
    struct probes *probes;
    enum probe probe;     /* the one that is made now */
    uint64_t interpreter; /* the first that can be read; 0: none */
};

#define OFFSET(prober, group, name) LAYOUT((prober)->layout, group, name)

/* What one object proves is not refuted by another, which may be damaged; of those that fail the first is told. */
__attribute__((format(printf, 3, 4))) static bool conclude(struct prober *prober, enum probe_outcome outcome, const char *format, ...)
{
    struct probe_result *result = &prober->probes->results[prober->probe];
    char text[sizeof result->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (outcome == PROBE_FAILED && result->failed++ == 0)
        memcpy(result->failure, text, sizeof text);
    if (outcome > result->outcome || (outcome == PROBE_NOT_MADE && result->outcome == PROBE_NOT_MADE)) {
        memcpy(result->text, text, sizeof text);
        result->outcome = outcome;
    }
    return false;
}

static bool has_passed(const struct prober *prober)
{
    return prober->probes->results[prober->probe].outcome == PROBE_PASSED;
}

/* A field to read: probes read many at once, since a read of a live process or through a debugger costs far more than its bytes. */
struct probed_field {
    uint64_t address;
    int32_t offset;
    void *buffer;
    size_t size;
    const char *what;
};

/* clang-format off */
#define POINTER(address, offset, value, what) {(address), (offset), (value), sizeof(uint64_t), (what)}
/* clang-format on */
#define READ(prober, pieces) read_pieces((prober), (pieces), sizeof(pieces) / sizeof *(pieces))
enum { MAX_PIECES = 8 };

/* False: concluded. What lies at an address that was never mapped shows that the address was wrong. */
static bool read_pieces(struct prober *prober, const struct probed_field *pieces, size_t count)
{
    struct spprof_range ranges[MAX_PIECES];
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].offset == LAYOUT_ABSENT)
            return conclude(prober, PROBE_NOT_MADE, "the place of %s is not known", pieces[i].what);
        ranges[i] =
            (struct spprof_range){.address = pieces[i].address + (uint64_t)pieces[i].offset, .size = pieces[i].size, .buffer = pieces[i].buffer};
    }
    target_read_many(prober->target, ranges, count);
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].status != SPPROF_READ_OK)
            return conclude(prober, ranges[i].status == SPPROF_READ_UNMAPPED ? PROBE_FAILED : PROBE_NOT_MADE, "%s at 0x%" PRIx64 " %s",
                            pieces[i].what, ranges[i].address, target_read_reason(ranges[i].status));
    }
    return true;
}

static bool read_pointer(struct prober *prober, uint64_t address, int32_t offset, uint64_t *value, const char *what)
{
    const struct probed_field piece[] = {POINTER(address, offset, value, what)};
    return READ(prober, piece);
}

static bool expect(struct prober *prober, uint64_t value, uint64_t expected, const char *what)
{
    return value == expected || conclude(prober, PROBE_FAILED, "%s is 0x%" PRIx64 ", not 0x%" PRIx64, what, value, expected);
}

/* One interpreter, and the next. False: it cannot be read. */
static bool probe_interpreter(struct prober *prober, uint64_t runtime, uint64_t interpreter, uint64_t *next)
{
    const char *what = "PyInterpreterState.runtime";
    uint64_t back;
    const struct probed_field pieces[] = {
        POINTER(interpreter, OFFSET(prober, interpreter, next), next, "PyInterpreterState.next"),
        POINTER(interpreter, OFFSET(prober, interpreter, runtime), &back, what),
    };
    if (OFFSET(prober, interpreter, runtime) == LAYOUT_ABSENT) { /* a version newer than every table: the other probes must do */
        conclude(prober, PROBE_NOT_MADE, "the place of %s is not known", what);
        return read_pieces(prober, pieces, 1);
    }
    if (!READ(prober, pieces))
        return false;
    if (expect(prober, back, runtime, what))
        conclude(prober, PROBE_PASSED, "the interpreter 0x%" PRIx64 " points back to _PyRuntime", interpreter);
    return true;
}

/* Goes through a list of interpreters until one passes; the first that can be read is the one to go on with. */
static void probe_list(struct prober *prober, uint64_t runtime, uint64_t interpreter)
{
    for (int i = 0; i < MAX_INTERPRETERS && interpreter != 0 && !has_passed(prober); i++) {
        uint64_t next;
        if (!probe_interpreter(prober, runtime, interpreter, &next))
            return;
        if (prober->interpreter == 0 || has_passed(prober))
            prober->interpreter = interpreter;
        interpreter = next;
    }
}

static void probe_interpreters(struct prober *prober, uint64_t runtime)
{
    uint64_t head, main;
    prober->probe = PROBE_INTERPRETERS;
    if (!read_pointer(prober, runtime, OFFSET(prober, runtime, interpreters_head), &head, "_PyRuntime.interpreters.head"))
        return;
    if (head == 0) {
        prober->probes->not_initialized = true;
        conclude(prober, PROBE_FAILED, "_PyRuntime at 0x%" PRIx64 " has no interpreter", runtime);
        return;
    }
    probe_list(prober, runtime, head);
    if (!has_passed(prober) && read_pointer(prober, runtime, OFFSET(prober, runtime, interpreters_main), &main, "_PyRuntime.interpreters.main") &&
        main != head)
        probe_list(prober, runtime, main);
}

/* What is done with each thread, and gives the next one. False: it is the last to be looked at. */
typedef bool thread_probe(struct prober *prober, uint64_t interpreter, uint64_t previous, uint64_t thread, uint64_t *next);

/* Looks at a few threads of a few interpreters, until one passes. */
static void probe_each_thread(struct prober *prober, thread_probe *look_at)
{
    uint64_t interpreter = prober->interpreter;
    for (int i = 0; i < MAX_INTERPRETERS && interpreter != 0; i++) {
        uint64_t thread, next_interpreter, previous = 0, next;
        const struct probed_field pieces[] = {
            POINTER(interpreter, OFFSET(prober, interpreter, threads_head), &thread, "PyInterpreterState.threads.head"),
            POINTER(interpreter, OFFSET(prober, interpreter, next), &next_interpreter, "PyInterpreterState.next"),
        };
        if (!READ(prober, pieces))
            return;
        for (int j = 0; j < MAX_THREADS && thread != 0; j++, previous = thread, thread = next) {
            bool goes_on = look_at(prober, interpreter, previous, thread, &next);
            if (has_passed(prober))
                return;
            if (!goes_on)
                break;
        }
        interpreter = next_interpreter;
    }
}

static bool probe_thread(struct prober *prober, uint64_t interpreter, uint64_t previous, uint64_t thread, uint64_t *next)
{
    uint64_t owner, before, back;
    const struct probed_field pieces[] = {
        POINTER(thread, OFFSET(prober, thread_state, interp), &owner, "PyThreadState.interp"),
        POINTER(thread, OFFSET(prober, thread_state, prev), &before, "PyThreadState.prev"),
        POINTER(thread, OFFSET(prober, thread_state, next), next, "PyThreadState.next"),
    };
    if (!READ(prober, pieces))
        return false;
    if (!expect(prober, owner, interpreter, "PyThreadState.interp"))
        return true;
    /* Its neighbours, of which one may be damaged. */
    const char *what = "PyThreadState.prev of the next thread";
    if (expect(prober, before, previous, "PyThreadState.prev") ||
        (*next != 0 && read_pointer(prober, *next, OFFSET(prober, thread_state, prev), &back, what) && expect(prober, back, thread, what)))
        conclude(prober, PROBE_PASSED, "the thread 0x%" PRIx64 " points back to its interpreter", thread);
    return true;
}

static void probe_threads(struct prober *prober)
{
    prober->probe = PROBE_THREADS;
    conclude(prober, PROBE_NOT_MADE, "no interpreter has a thread");
    probe_each_thread(prober, probe_thread);
}

/*
 * Whether what a frame runs is a code object: the type of its type is `type`, which is its own type, and its name and sizes are
 * those of PyCode_Type (Objects/codeobject.c: up to 3.10 a fixed size, later the size up to the bytecode, in units of 2).
 */
static bool check_code(struct prober *prober, uint64_t code)
{
    uint64_t type, meta, root, name, basic_size, item_size;
    char text[sizeof "code"];
    if (!read_pointer(prober, code, OFFSET(prober, object, type), &type, "the type of the code object"))
        return false;
    const struct probed_field pieces[] = {
        POINTER(type, OFFSET(prober, object, type), &meta, "the type of the code object's type"),
        POINTER(type, OFFSET(prober, type, name), &name, "tp_name of the code object's type"),
        POINTER(type, OFFSET(prober, type, basicsize), &basic_size, "tp_basicsize of the code object's type"),
        POINTER(type, OFFSET(prober, type, itemsize), &item_size, "tp_itemsize of the code object's type"),
    };
    const char *what = "the type of `type`";
    if (!READ(prober, pieces) || !read_pointer(prober, meta, OFFSET(prober, object, type), &root, what) || !expect(prober, root, meta, what))
        return false;
    /* The name stands in read-only pages of the executable, which a core may lack; where the type stands may be known, too. */
    bool known = type == prober->layout->code_type, named = !known && target_try_read(prober->target, name, text, sizeof text) == SPPROF_READ_OK;
    if (named && memcmp(text, "code", sizeof text) != 0)
        return conclude(prober, PROBE_FAILED, "the type of what a frame runs, 0x%" PRIx64 ", is not called \"code\"", code);
    bool fixed = prober->layout->rules->frames == FRAME_OBJECTS;
    int32_t size = fixed ? OFFSET(prober, code, size) : OFFSET(prober, code, bytecode);
    if (size != LAYOUT_ABSENT && (basic_size != (uint64_t)size || item_size != (fixed ? 0 : 2)))
        return conclude(prober, PROBE_FAILED, "code objects have %" PRIu64 " bytes and items of %" PRIu64 ", not %" PRId32 " and %d", basic_size,
                        item_size, size, fixed ? 0 : 2);
    conclude(prober, PROBE_PASSED, "the code object 0x%" PRIx64 " is of a type %s, with %" PRIu64 " bytes and items of %" PRIu64, code,
             known   ? "that is PyCode_Type"
             : named ? "called \"code\""
                     : "whose name cannot be read",
             basic_size, item_size);
    return true;
}

/* What may be the newest frames of a thread; 0: none. */
enum { NEWEST_FRAMES = 2 };

static bool leads_to_root(struct prober *prober, uint64_t thread, uint64_t cframe)
{
    struct cframe_chain chain = layout_cframe_chain_of(thread, cframe);
    enum cframe_progress progress = CFRAME_MORE;
    while (progress == CFRAME_MORE) {
        uint64_t previous;
        enum spprof_read_status status = target_try_read(prober->target, chain.at + (uint64_t)OFFSET(prober, cframe, previous), &previous, 8);
        progress = status == SPPROF_READ_OK ? layout_cframe_chain_step(&chain, previous) : CFRAME_BROKEN;
    }
    return progress == CFRAME_SOUND;
}

/* 3.11 and 3.12: a C frame that is just being entered may name anything; then the one before it tells. One that tells neither is passed over. */
static bool newest_by_cframe(struct prober *prober, uint64_t thread, uint64_t cframe, uint64_t frames[NEWEST_FRAMES])
{
    uint64_t before;
    const struct probed_field pieces[] = {
        POINTER(cframe, OFFSET(prober, cframe, current_frame), &frames[0], "_PyCFrame.current_frame"),
        POINTER(cframe, OFFSET(prober, cframe, previous), &before, "_PyCFrame.previous"),
    };
    if (!READ(prober, pieces))
        return false;
    if (layout_cframe_is_root(thread, cframe))
        return true;
    if (!leads_to_root(prober, thread, cframe))
        frames[0] = 0;
    else if (!layout_cframe_is_root(thread, before))
        return read_pointer(prober, before, OFFSET(prober, cframe, current_frame), &frames[1], "_PyCFrame.current_frame");
    return true;
}

static bool newest_frames(struct prober *prober, uint64_t thread, uint64_t frames[NEWEST_FRAMES], uint64_t *next)
{
    bool indirect = prober->layout->rules->has_cframe;
    const struct probed_field pieces[] = {
        POINTER(thread, indirect ? OFFSET(prober, thread_state, cframe) : OFFSET(prober, thread_state, current_frame), &frames[0],
                "PyThreadState.current_frame"),
        POINTER(thread, OFFSET(prober, thread_state, next), next, "PyThreadState.next"),
    };
    if (!READ(prober, pieces))
        return false;
    return !indirect || newest_by_cframe(prober, thread, frames[0], frames);
}

static bool read_frame_object(struct prober *prober, uint64_t frame, uint64_t *code, uint64_t *previous)
{
    const struct probed_field pieces[] = {
        POINTER(frame, OFFSET(prober, frame_object, code), code, "PyFrameObject.f_code"),
        POINTER(frame, OFFSET(prober, frame_object, back), previous, "PyFrameObject.f_back"),
    };
    return READ(prober, pieces);
}

/* What a frame runs, 0 for one that the interpreter pushed for itself, and the frame before it. */
static bool read_frame(struct prober *prober, uint64_t frame, uint64_t *code, uint64_t *previous)
{
    const struct layout_rules *rules = prober->layout->rules;
    if (rules->frames == FRAME_OBJECTS)
        return read_frame_object(prober, frame, code, previous);
    uint8_t owner;
    const struct probed_field pieces[] = {
        {frame, OFFSET(prober, frame, owner), &owner, sizeof owner, "_PyInterpreterFrame.owner"},
        POINTER(frame, OFFSET(prober, frame, executable), code, "_PyInterpreterFrame.f_executable"),
        POINTER(frame, OFFSET(prober, frame, previous), previous, "_PyInterpreterFrame.previous"),
    };
    if (!READ(prober, pieces))
        return false;
    if (owner >= sizeof rules->owners || rules->owners[owner] == FRAME_OWNER_INVALID)
        return conclude(prober, PROBE_FAILED, "the frame 0x%" PRIx64 " has the owner %d, which does not exist", frame, owner);
    *code = rules->owners[owner] == FRAME_OWNER_INTERPRETER ? 0 : *code & ~rules->reference_tag_mask;
    return true;
}

/* Looks for a code object from a frame on. */
static void probe_frames(struct prober *prober, uint64_t frame)
{
    uint64_t code;
    for (int i = 0; i < MAX_FRAMES && frame != 0; i++) {
        if (!read_frame(prober, frame, &code, &frame))
            return;
        if (code != 0) {
            check_code(prober, code);
            return;
        }
    }
}

/* The oldest frame of a thread begins its oldest chunk, behind a place that is left out: push_chunk, Python/pystate.c, 3.11 and later. */
static void probe_oldest_frame(struct prober *prober, uint64_t thread)
{
    struct probe_result before = prober->probes->results[PROBE_CODE];
    uint64_t chunk = 0, older;
    if (OFFSET(prober, thread_state, datastack_chunk) != LAYOUT_ABSENT)
        read_pointer(prober, thread, OFFSET(prober, thread_state, datastack_chunk), &chunk, "the data stack");
    for (int i = 0; i < MAX_CHUNKS && chunk != 0; i++, chunk = older) {
        if (!read_pointer(prober, chunk, OFFSET(prober, stack_chunk, previous), &older, "the data stack"))
            break;
        if (older == 0)
            probe_frames(prober, chunk + (uint64_t)OFFSET(prober, stack_chunk, data) + 8);
    }
    if (!has_passed(prober)) /* it may be gone: that says nothing */
        prober->probes->results[PROBE_CODE] = before;
}

static bool probe_stack(struct prober *prober, uint64_t interpreter, uint64_t previous, uint64_t thread, uint64_t *next)
{
    uint64_t frames[NEWEST_FRAMES] = {0, 0};
    (void)interpreter;
    (void)previous;
    *next = 0;
    if (newest_frames(prober, thread, frames, next))
        for (int i = 0; i < NEWEST_FRAMES && !has_passed(prober); i++)
            probe_frames(prober, frames[i]);
    if (!has_passed(prober))
        probe_oldest_frame(prober, thread);
    return true;
}

static void probe_code(struct prober *prober)
{
    prober->probe = PROBE_CODE;
    conclude(prober, PROBE_NOT_MADE, "no thread runs Python code");
    probe_each_thread(prober, probe_stack);
}

/*
 * The least of a dict reader that finds strings among the keys of sys.__dict__. It stands here and not in object/, which needs a
 * layout that was found already.
 */
enum { MAX_ENTRIES = 4096, LONGEST_KEY = 16, MAX_ASCII_SIZE = 128 };

struct entries {
    uint64_t address;
    uint64_t count;
    size_t size, key; /* of one entry; offset of the key in it, behind which the value stands */
};

/* PyDictKeyEntry is hash, key, value; PyDictUnicodeEntry, 3.11 and later, key, value (Include/internal/pycore_dict.h). */
static bool find_entries_log2(struct prober *prober, uint64_t keys, struct entries *entries)
{
    uint8_t log2_index_bytes, kind;
    const struct probed_field pieces[] = {
        {keys, OFFSET(prober, dict_keys, log2_index_bytes), &log2_index_bytes, 1, "dk_log2_index_bytes"},
        {keys, OFFSET(prober, dict_keys, kind), &kind, 1, "dk_kind"},
        POINTER(keys, OFFSET(prober, dict_keys, nentries), &entries->count, "dk_nentries"),
    };
    if (!READ(prober, pieces))
        return false;
    if (log2_index_bytes > 30 || kind > 1)
        return conclude(prober, PROBE_FAILED, "the keys of sys.__dict__ at 0x%" PRIx64 " are no dictionary keys", keys);
    entries->size = kind == 0 ? 24 : 16;
    entries->key = kind == 0 ? 8 : 0;
    entries->address = keys + (uint64_t)OFFSET(prober, dict_keys, indices) + (UINT64_C(1) << log2_index_bytes);
    return true;
}

/* DK_IXSIZE, Objects/dict-common.h of 3.9 and 3.10. */
static bool find_entries_lookup(struct prober *prober, uint64_t keys, struct entries *entries)
{
    uint64_t slots;
    const struct probed_field pieces[] = {
        POINTER(keys, OFFSET(prober, dict_keys, size), &slots, "dk_size"),
        POINTER(keys, OFFSET(prober, dict_keys, nentries), &entries->count, "dk_nentries"),
    };
    if (!READ(prober, pieces))
        return false;
    if (slots > UINT32_MAX)
        return conclude(prober, PROBE_FAILED, "the keys of sys.__dict__ at 0x%" PRIx64 " are no dictionary keys", keys);
    entries->size = 24;
    entries->key = 8;
    entries->address = keys + (uint64_t)OFFSET(prober, dict_keys, indices) + slots * (slots <= 0xff ? 1 : slots <= 0xffff ? 2 : 4);
    return true;
}

static bool find_entries(struct prober *prober, uint64_t dict, struct entries *entries)
{
    uint64_t keys, used;
    const struct probed_field pieces[] = {
        POINTER(dict, OFFSET(prober, dict, keys), &keys, "ma_keys of sys.__dict__"),
        POINTER(dict, OFFSET(prober, dict, used), &used, "ma_used of sys.__dict__"),
    };
    if (!READ(prober, pieces))
        return false;
    bool log2 = prober->layout->rules->dict_keys == DICT_KEYS_LOG2;
    if (!(log2 ? find_entries_log2(prober, keys, entries) : find_entries_lookup(prober, keys, entries)))
        return false;
    if (used > entries->count || entries->count > MAX_ENTRIES)
        return conclude(prober, PROBE_FAILED, "sys.__dict__ at 0x%" PRIx64 " has %" PRIu64 " entries, %" PRIu64 " of them used", dict, entries->count,
                        used);
    return true;
}

struct sys_values {
    uint64_t hexversion, abiflags; /* addresses of the objects; 0: not there */
    bool gettotalrefcount;
};

/* A key as it was read: a compact ASCII string whose text is short. */
static bool key_is(struct prober *prober, const uint8_t *key, const char *text)
{
    uint64_t length;
    uint32_t state;
    memcpy(&length, key + OFFSET(prober, unicode, length), sizeof length);
    memcpy(&state, key + OFFSET(prober, unicode, state), sizeof state);
    return length == strlen(text) && (state >> prober->layout->rules->unicode_ascii_shift & 1) != 0 &&
           memcmp(key + OFFSET(prober, unicode, ascii_size), text, length) == 0;
}

static void take_entry(struct prober *prober, const uint8_t *key, uint64_t value, struct sys_values *values)
{
    if (key_is(prober, key, "hexversion"))
        values->hexversion = value;
    else if (key_is(prober, key, "abiflags"))
        values->abiflags = value;
    else if (key_is(prober, key, "gettotalrefcount"))
        values->gettotalrefcount = true;
}

/* Keys are read by the batch; one that cannot be read is not looked at. */
static bool look_up(struct prober *prober, const struct entries *entries, struct sys_values *values)
{
    enum { BATCH = 128, LARGEST_ENTRY = 24 };
    struct spprof_range ranges[BATCH];
    uint8_t bytes[BATCH * LARGEST_ENTRY], keys[BATCH][MAX_ASCII_SIZE + LONGEST_KEY];
    size_t key_size = (size_t)OFFSET(prober, unicode, ascii_size) + LONGEST_KEY;
    for (uint64_t first = 0; first < entries->count; first += BATCH) {
        size_t count = entries->count - first < BATCH ? (size_t)(entries->count - first) : BATCH;
        const struct probed_field piece[] = {{entries->address + first * entries->size, 0, bytes, count * entries->size, "sys.__dict__"}};
        if (!READ(prober, piece))
            return false;
        for (size_t i = 0; i < count; i++) {
            ranges[i] = (struct spprof_range){.size = key_size, .buffer = keys[i]};
            memcpy(&ranges[i].address, bytes + i * entries->size + entries->key, sizeof ranges[i].address);
        }
        target_read_many(prober->target, ranges, count);
        for (size_t i = 0; i < count; i++) {
            uint64_t value;
            memcpy(&value, bytes + i * entries->size + entries->key + 8, sizeof value);
            if (value != 0 && ranges[i].status == SPPROF_READ_OK)
                take_entry(prober, keys[i], value, values);
        }
    }
    return true;
}

/* An int of one digit: from 3.12 on the count of digits stands above the three low bits of lv_tag (Include/cpython/longintrepr.h). */
static bool read_small_int(struct prober *prober, uint64_t object, uint32_t *value)
{
    bool tagged = OFFSET(prober, integer, tag) != LAYOUT_ABSENT;
    uint64_t size;
    const struct probed_field pieces[] = {
        POINTER(object, tagged ? OFFSET(prober, integer, tag) : OFFSET(prober, variable_object, ob_size), &size, "sys.hexversion"),
        {object, OFFSET(prober, integer, digits), value, sizeof *value, "sys.hexversion"},
    };
    if (!READ(prober, pieces))
        return false;
    if ((tagged ? size >> 3 : size) != 1)
        return conclude(prober, PROBE_FAILED, "sys.hexversion at 0x%" PRIx64 " is not a small int", object);
    return true;
}

/* Whether sys.abiflags ("", "d", "t", "td") has the flag. */
static bool has_flag(struct prober *prober, uint64_t object, char flag)
{
    uint64_t length;
    char text[8];
    uint64_t at = object + (uint64_t)OFFSET(prober, unicode, ascii_size);
    return object != 0 &&
           target_try_read(prober->target, object + (uint64_t)OFFSET(prober, unicode, length), &length, sizeof length) == SPPROF_READ_OK &&
           length <= sizeof text && target_try_read(prober->target, at, text, length) == SPPROF_READ_OK && memchr(text, flag, length) != NULL;
}

/* key_is looks for the fields in a buffer of fixed size. */
static bool string_head_is_sane(struct prober *prober)
{
    int32_t size = OFFSET(prober, unicode, ascii_size), length = OFFSET(prober, unicode, length), state = OFFSET(prober, unicode, state);
    if (size <= MAX_ASCII_SIZE && 0 <= length && length <= size - 8 && 0 <= state && state <= size - 4)
        return true;
    return conclude(prober, PROBE_FAILED, "a string's head cannot be %" PRId32 " bytes, with length at %" PRId32 " and state at %" PRId32, size,
                    length, state);
}

/* Finds sys.hexversion and its neighbours. False: concluded. */
static bool find_sys(struct prober *prober, uint64_t interpreter, struct sys_values *values)
{
    uint64_t dict;
    struct entries entries = {0};
    if (!read_pointer(prober, interpreter, OFFSET(prober, interpreter, sysdict), &dict, "PyInterpreterState.sysdict"))
        return false;
    if (dict == 0)
        return conclude(prober, PROBE_NOT_MADE, "the interpreter has no sys module yet, or no more");
    if (!string_head_is_sane(prober) || !find_entries(prober, dict, &entries) || !look_up(prober, &entries, values))
        return false;
    if (values->hexversion == 0)
        return conclude(prober, PROBE_NOT_MADE, "sys.hexversion is not among the %" PRIu64 " names of sys that can be read", entries.count);
    return true;
}

static void probe_sys_of(struct prober *prober, uint64_t interpreter)
{
    uint32_t version, expected = prober->layout->version;
    struct sys_values values = {0};
    if (!find_sys(prober, interpreter, &values))
        return;
    prober->probes->debug = prober->probes->debug || values.gettotalrefcount;
    if (!read_small_int(prober, values.hexversion, &version))
        return;
    if (version >> 16 != expected >> 16 || ((expected & 0xffff) != 0 && version != expected)) {
        conclude(prober, PROBE_FAILED, "sys.hexversion is 0x%08" PRIx32 ", not 0x%08" PRIx32, version, expected);
        return;
    }
    prober->probes->version = version;
    prober->probes->free_threaded = has_flag(prober, values.abiflags, 't');
    conclude(prober, PROBE_PASSED, "sys.hexversion is 0x%08" PRIx32, version);
}

/* Interpreters have a sys of their own each, with one version; Python itself clears it when it ends, and a program may write to it. */
static void probe_sys(struct prober *prober)
{
    uint64_t interpreter = prober->interpreter, next;
    prober->probe = PROBE_SYS;
    for (int i = 0; i < MAX_INTERPRETERS && interpreter != 0 && !has_passed(prober); i++, interpreter = next) {
        probe_sys_of(prober, interpreter);
        if (has_passed(prober) ||
            target_try_read(prober->target, interpreter + (uint64_t)OFFSET(prober, interpreter, next), &next, 8) != SPPROF_READ_OK)
            break;
    }
    if (prober->probes->finalizing && !has_passed(prober)) {
        prober->probes->results[PROBE_SYS] = (struct probe_result){.outcome = PROBE_NOT_MADE};
        conclude(prober, PROBE_NOT_MADE, "sys has been cleared, or may have been: this Python is ending");
    }
}

void layout_probes_make(struct spprof_target *target, uint64_t runtime, const struct layout *layout, struct probes *probes)
{
    *probes = (struct probes){0};
    struct prober prober = {.target = target, .layout = layout, .probes = probes};
    for (enum probe probe = 0; probe < PROBE_COUNT; probe++) {
        prober.probe = probe;
        conclude(&prober, PROBE_NOT_MADE, "there is no interpreter that can be read");
    }
    probes->finalizing = layout_is_finalizing(target, runtime, layout);
    probe_interpreters(&prober, runtime);
    if (prober.interpreter == 0)
        return;
    probe_threads(&prober);
    probe_code(&prober);
    probe_sys(&prober);
}

/* A running program may be caught in the middle of a call many times in a row; what stands in sys does not change all the time. */
enum { PATIENCE = 300, PATIENCE_WITH_SYS = 5 };

static bool only_sys_failed(const struct probes *probes)
{
    return layout_probes_failed(probes) == PROBE_SYS;
}

void layout_probes_make_patiently(struct spprof_target *target, uint64_t runtime, const struct layout *layout, struct probes *probes)
{
    /* What cannot be stopped stands still: a core, or a process that a debugger holds. */
    int tries = target->ops->stop != NULL ? PATIENCE : 1, with_sys = PATIENCE_WITH_SYS;
    do {
        layout_probes_make(target, runtime, layout, probes);
        if (only_sys_failed(probes) && --with_sys == 0)
            break;
    } while (!layout_probes_accept(probes) && --tries > 0);
}

int layout_probes_weigh(const struct probes *probes)
{
    int weight = 0;
    for (enum probe probe = 0; probe < PROBE_COUNT; probe++)
        weight += (probes->results[probe].outcome == PROBE_PASSED) - (probes->results[probe].outcome == PROBE_FAILED);
    return weight;
}

bool layout_probes_accept(const struct probes *probes)
{
    return layout_probes_failed(probes) == PROBE_COUNT &&
           (probes->results[PROBE_INTERPRETERS].outcome == PROBE_PASSED || probes->results[PROBE_THREADS].outcome == PROBE_PASSED);
}

enum probe layout_probes_failed(const struct probes *probes)
{
    enum probe probe = 0;
    while (probe < PROBE_COUNT && probes->results[probe].outcome != PROBE_FAILED)
        probe++;
    return probe;
}

const char *layout_probe_name(enum probe probe)
{
    static const char *const names[PROBE_COUNT] = {"interpreters", "threads", "code objects", "sys.hexversion"};
    return names[probe];
}
