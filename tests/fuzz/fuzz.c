#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "check.h"
#include "sampling.h"
#include "sweep/judge.h"
#include "spprof/report.h"
#include "spprof/session.h"

enum {
    SECONDS_MAX = 60, /* for one input, with sanitizers, on a machine that does other things, too */
    THREADS_MAX = 1 << 18,
    FRAMES_MAX = 2 * 1000 * 1000,
    VALUE_MAX = 1 << 16,
};

/* splitmix64 */
uint64_t fuzz_random(uint64_t *state)
{
    uint64_t value = *state += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

static uint64_t below(uint64_t *state, uint64_t limit)
{
    return fuzz_random(state) % limit;
}

static uint64_t hot_size(const struct recording *recording)
{
    uint64_t size = 0;
    for (size_t i = 0; i < recording->hot_count; i++)
        size += recording->hot[i].size;
    return size;
}

/* A word of what _PyRuntime begins with: from 3.13 on that says where everything else is. */
static uint32_t runtime_position(const struct recording *recording, uint64_t *state)
{
    const struct spprof_image_symbol *symbol = recording->image.symbols;
    uint64_t position = 0;
    size_t i = 0;
    while (strcmp(symbol->name, "_PyRuntime") != 0)
        symbol++;
    while (recording->hot[i].address + recording->hot[i].size <= symbol->address)
        position += recording->hot[i++].size;
    return (uint32_t)(position + symbol->address - recording->hot[i].address + below(state, 128) * 8);
}

/* The words of a _PyInterpreterFrame that are judged: the first ones, without its instruction and owner, which another may replace unseen. */
enum { FRAME_WORDS = 6 };

/* A word of a frame that the snapshot of the unchanged memory has. False: there is none. */
static bool frame_position(const struct recording *recording, uint64_t *state, uint32_t *position)
{
    const struct spprof_snapshot *snapshot = recording->unchanged;
    if (snapshot == NULL || snapshot->interpreter_count == 0 || snapshot->interpreters[0].thread_count == 0)
        return false;
    const struct spprof_thread *thread = &snapshot->interpreters[0].threads[below(state, snapshot->interpreters[0].thread_count)];
    if (thread->frame_count == 0)
        return false;
    uint64_t address = thread->frames[below(state, thread->frame_count)].address + below(state, FRAME_WORDS) * 8, before = 0;
    for (size_t i = 0; i < recording->hot_count; before += recording->hot[i++].size) {
        const struct hot_range *hot = &recording->hot[i];
        if (address >= hot->address && address < hot->address + hot->size) {
            *position = (uint32_t)(before + address - hot->address);
            return true;
        }
    }
    return false;
}

/* A small struct is as likely as a long table. */
static uint32_t any_position(const struct recording *recording, uint64_t *state)
{
    if (below(state, 8) == 0)
        return runtime_position(recording, state);
    uint64_t chosen = below(state, recording->hot_count), position = 0;
    for (size_t i = 0; i < chosen; i++)
        position += recording->hot[i].size;
    uint64_t size = recording->hot[chosen].size;
    return (uint32_t)(position + below(state, size < 4096 ? size : 4096));
}

static uint64_t address_of(const struct recording *recording, uint64_t position)
{
    size_t i = 0;
    for (position %= hot_size(recording); position >= recording->hot[i].size; i++)
        position -= recording->hot[i].size;
    return recording->hot[i].address + position;
}

static uint64_t word_at(const struct recording *recording, uint64_t position)
{
    uint64_t word = 0;
    const uint8_t *bytes = recording_bytes(recording, address_of(recording, position), sizeof word);
    if (bytes != NULL)
        memcpy(&word, bytes, sizeof word);
    return word;
}

static uint64_t any_word(const struct recording *recording, uint64_t *state, uint64_t now)
{
    static const uint64_t steps[] = {1, 2, 4, 8, 16, 24, 64, 4096};
    uint64_t step = steps[below(state, sizeof steps / sizeof *steps)];
    switch (below(state, 9)) {
    case 0: return below(state, 64) * 8;
    case 1: return now + step;
    case 2: return now - step;
    case 3: return fuzz_random(state) >> below(state, 64);
    case 4: return (UINT64_C(1) << below(state, 64)) - below(state, 2);
    case 5: return address_of(recording, any_position(recording, state)) & ~UINT64_C(7);
    default: return word_at(recording, any_position(recording, state) & ~UINT64_C(7));
    }
}

static struct patch make_patch(const struct recording *recording, uint64_t *state)
{
    uint32_t position = any_position(recording, state);
    if (below(state, 4) == 0)
        (void)frame_position(recording, state, &position);
    struct patch patch = {.position = position, .size = 7};
    if (below(state, 4) == 0) {
        patch.size = 0;
        patch.bytes[0] = (uint8_t)(below(state, 2) ? 1u << below(state, 8) : below(state, 256));
        return patch;
    }
    uint32_t misaligned = address_of(recording, patch.position) % 8;
    patch.position -= misaligned <= patch.position ? misaligned : 0;
    uint64_t now = word_at(recording, patch.position), word = now ^ any_word(recording, state, now);
    memcpy(patch.bytes, &word, sizeof word);
    return patch;
}

size_t fuzz_make(const struct recording *recording, uint64_t seed, uint8_t *input)
{
    uint64_t state = seed, count = 1 + below(&state, below(&state, 4) == 0 ? 8 : 2);
    for (uint64_t i = 0; i < count; i++) {
        struct patch patch = make_patch(recording, &state);
        memcpy(input + i * sizeof patch, &patch, sizeof patch);
    }
    return count * sizeof(struct patch);
}

void fuzz_apply(struct recording *recording, const uint8_t *input, size_t size)
{
    for (struct patch patch; size >= sizeof patch; input += sizeof patch, size -= sizeof patch) {
        memcpy(&patch, input, sizeof patch);
        uint8_t *bytes = recording_bytes(recording, address_of(recording, patch.position), (patch.size & 7u) + 1);
        for (size_t i = 0; bytes != NULL && i <= (patch.size & 7u); i++)
            bytes[i] ^= patch.bytes[i];
    }
}

static void check_code(const struct recording *recording, const struct spprof_code *code)
{
    check_text(&code->name);
    check_text(&code->qualified_name);
    check_text(&code->file);
    REQUIRE(code->address % 8 == 0);
    REQUIRE(code->line_table == NULL || code->line_table_size <= 1 << 26);
    REQUIRE(code->name.bytes == NULL || recording_bytes(recording, code->address, 8) != NULL);
}

static bool has_code(const struct spprof_snapshot *snapshot, const struct spprof_code *code)
{
    for (size_t i = 0; i < snapshot->code_count; i++)
        if (snapshot->codes[i] == code)
            return true;
    return false;
}

static void check_frame(const struct recording *recording, const struct spprof_snapshot *snapshot, const struct spprof_frame *frame)
{
    REQUIRE(frame->code != NULL && has_code(snapshot, frame->code));
    REQUIRE(recording_bytes(recording, frame->code->address, 64) != NULL);
    REQUIRE(frame->address % 8 == 0 && recording_bytes(recording, frame->address, 8) != NULL);
    REQUIRE(frame->line >= SPPROF_NO_POSITION && frame->end_line >= SPPROF_NO_POSITION);
    REQUIRE(frame->column >= SPPROF_NO_POSITION && frame->end_column >= SPPROF_NO_POSITION);
    REQUIRE(frame->owner <= SPPROF_OWNER_FRAME_OBJECT);
    for (size_t i = 0; i < frame->variable_count; i++) {
        check_text(&frame->variables[i].name);
        check_text(&frame->variables[i].value);
        REQUIRE(frame->variables[i].value.size <= VALUE_MAX);
    }
}

static void check_exception(const struct spprof_exception *exception)
{
    if (exception == NULL)
        return;
    check_text(&exception->type);
    check_text(&exception->message);
    REQUIRE(exception->message.size <= VALUE_MAX);
    REQUIRE(exception->frame_count <= FRAMES_MAX);
    REQUIRE(exception->truncated == NULL || exception->truncated[0] != '\0');
}

static int by_address(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void check_distinct(uint64_t *addresses, size_t count)
{
    qsort(addresses, count, sizeof *addresses, by_address);
    for (size_t i = 1; i < count; i++)
        REQUIRE(addresses[i - 1] != addresses[i]);
}

static void check_thread(const struct recording *recording, const struct spprof_snapshot *snapshot, const struct spprof_thread *thread)
{
    CLEANUP_FREE uint64_t *addresses = calloc(thread->frame_count + 1, sizeof *addresses);
    REQUIRE(thread->frame_count <= FRAMES_MAX && addresses != NULL);
    check_text(&thread->name);
    REQUIRE(memchr(thread->os_name, '\0', sizeof thread->os_name) != NULL);
    REQUIRE(thread->gil <= SPPROF_GIL_WAITING);
    REQUIRE(thread->truncated == NULL || thread->truncated[0] != '\0');
    check_exception(thread->exception);
    for (size_t i = 0; i < thread->frame_count; i++) {
        check_frame(recording, snapshot, &thread->frames[i]);
        addresses[i] = thread->frames[i].address;
    }
    check_distinct(addresses, thread->frame_count);
}

static void check_interpreter(const struct recording *recording, const struct spprof_snapshot *snapshot, const struct spprof_interpreter *interpreter)
{
    CLEANUP_FREE uint64_t *addresses = calloc(interpreter->thread_count + 1, sizeof *addresses);
    REQUIRE(interpreter->thread_count <= THREADS_MAX && addresses != NULL);
    for (size_t i = 0; i < interpreter->thread_count; i++) {
        check_thread(recording, snapshot, &interpreter->threads[i]);
        addresses[i] = interpreter->threads[i].address;
    }
    check_distinct(addresses, interpreter->thread_count);
}

static void check_snapshot(const struct recording *recording, const struct spprof_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->code_count; i++)
        check_code(recording, snapshot->codes[i]);
    for (size_t i = 0; i < snapshot->interpreter_count; i++)
        check_interpreter(recording, snapshot, &snapshot->interpreters[i]);
}

static void print(const struct spprof_snapshot *snapshot)
{
    struct printed text, json;
    open_print(&text);
    spprof_report_text(text.stream, snapshot, &(struct spprof_report_options){.color = false});
    close_print(&text, true);
    open_print(&json);
    spprof_report_json(json.stream, snapshot, &(struct spprof_report_options){0});
    close_print(&json, true);
}

static void diagnose(struct spprof_target *target)
{
    struct spprof_diagnosis diagnosis;
    struct printed text;
    spprof_error_free(spprof_diagnose(target, &diagnosis));
    open_print(&text);
    spprof_report_diagnosis(text.stream, &diagnosis, &(struct spprof_report_options){.color = false});
    close_print(&text, true);
    spprof_diagnosis_free(&diagnosis);
}

/* Nothing was changed: nothing may be missing. */
static void check_unchanged(const struct spprof_snapshot *snapshot)
{
    REQUIRE(snapshot->interpreter_count > 0 && snapshot->problems.count == 0);
    for (size_t i = 0; i < snapshot->interpreter_count; i++) {
        for (size_t j = 0; j < snapshot->interpreters[i].thread_count; j++) {
            REQUIRE(snapshot->interpreters[i].threads[j].frame_count > 0);
            REQUIRE(snapshot->interpreters[i].threads[j].truncated == NULL);
        }
    }
}

/* The frame of a snapshot that all bytes of a patch lie in, by what is read of it; 0: none. Gives the thread's address. */
static uint64_t thread_hit(const struct spprof_snapshot *snapshot, size_t frame_size, uint64_t start, uint64_t end)
{
    for (size_t i = 0; i < snapshot->interpreter_count; i++)
        for (size_t j = 0; j < snapshot->interpreters[i].thread_count; j++) {
            const struct spprof_thread *thread = &snapshot->interpreters[i].threads[j];
            for (size_t k = 0; k < thread->frame_count; k++)
                if (start >= thread->frames[k].address && end <= thread->frames[k].address + frame_size)
                    return thread->address;
        }
    return 0;
}

/*
 * One word of one frame was changed: no other thread may change, and where frames are lost that must be told. Not so of several patches, each of
 * which may hide what the other would have contradicted; of a word that several objects share, as a code object; of a line or column,
 * as another instruction of the same function may be as true; of 3.9 and 3.10 (their frames' links are contradicted in part, see tests/sweep).
 */
static void judge(const struct recording *recording, const struct spprof_snapshot *snapshot, const struct patch *patch)
{
    enum { OLDEST_JUDGED = 0x030b0000 };
    uint64_t start = address_of(recording, patch->position), end = start + (patch->size & 7u) + 1;
    const struct spprof_snapshot *before = recording->unchanged;
    if (start / 8 != (end - 1) / 8 || before->python.version < OLDEST_JUDGED)
        return;
    uint64_t hit = thread_hit(before, FRAME_WORDS * sizeof(uint64_t), start, end);
    if (hit == 0)
        return;
    struct witness *witness = witness_new(before);
    struct verdict verdict = witness_judge(witness, snapshot, 0);
    witness_free(witness);
    REQUIRE(verdict.changed <= 1 && (verdict.changed == 0 || verdict.thread == hit));
    REQUIRE(verdict.told || verdict.worst <= CHANGE_POSITION);
}

/* Where nothing was changed the snapshot is kept. */
static void look(struct recording *recording, struct spprof_target *target, bool changed, const struct patch *only)
{
    struct spprof_session *session;
    struct spprof_snapshot *snapshot;
    struct spprof_error *error = spprof_session_open(target, &session);
    if (error == NULL) {
        error = spprof_snapshot_take(session, &(struct spprof_snapshot_options){.entries = true, .locals = true, .exceptions = true}, &snapshot);
        if (error == NULL) {
            check_snapshot(recording, snapshot);
            if (!changed)
                check_unchanged(snapshot);
            if (only != NULL)
                judge(recording, snapshot, only);
            print(snapshot);
            if (changed || recording->unchanged != NULL)
                spprof_snapshot_free(snapshot);
            else
                recording->unchanged = snapshot;
        }
        spprof_session_close(session);
    }
    REQUIRE(error == NULL || changed);
    if (error != NULL)
        check_message(error->message);
    spprof_error_free(error);
}

static void look_at_changed(struct recording *recording, const uint8_t *input, size_t size)
{
    struct spprof_target *target;
    struct patch only;
    bool is_only = size >= sizeof only && size < 2 * sizeof only;
    if (is_only)
        memcpy(&only, input, sizeof only);
    fuzz_apply(recording, input, size);
    REQUIRE(spprof_image_open(&recording->image, &target) == NULL);
    look(recording, target, size > 0, is_only ? &only : NULL);
    if (size > 0 && input[0] % 8 == 0) /* the doctor is slow, and reads the same things */
        diagnose(target);
    spprof_target_close(target);
    fuzz_apply(recording, input, size);
}

void fuzz_run(struct recording *recording, const uint8_t *input, size_t size)
{
    alarm(SECONDS_MAX);
    if (recording->unchanged == NULL)
        look_at_changed(recording, NULL, 0);
    look_at_changed(recording, input, size);
    sample_running(recording, input, size);
    alarm(0);
}
