#include "layout/debug_offsets.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "target/target.h"

/* Every field is optional beyond the first variant; a variant has all words of the variants before it. */
enum since { SINCE_3_13, SINCE_3_14, SINCE_3_15_B1, SINCE_3_15_B4, VARIANT_COUNT };
static const char *const variant_names[VARIANT_COUNT] = {"3.13", "3.14", "3.15.0b1", "3.15"};

enum word_kind { KIND_SIZE, KIND_POINTER, KIND_SMALL, KIND_OTHER, KIND_THREADED };

enum word {
#define WORD(since, kind, group, name) WORD_##group##_##name,
#include "layout/debug_words.def"
#undef WORD
    WORD_COUNT
};

static const struct word_description {
    enum since since;
    enum word_kind kind;
    const char *group, *text; /* "pyobject", "pyobject.size" */
} descriptions[WORD_COUNT] = {
#define WORD(since, kind, group, name) {SINCE_##since, KIND_##kind, #group, #group "." #name},
#include "layout/debug_words.def"
#undef WORD
};

enum { HEADER_WORDS = 3, OFFSET_LIMIT = 1 << 20, SIZE_LIMIT = 1 << 24 };
_Static_assert((int)DEBUG_OFFSETS_MAX_WORDS == (int)WORD_COUNT + HEADER_WORDS, "the newest variant has every word");

/* The words of one variant by name; those that it does not have are -1. */
struct named_words {
    int64_t value[WORD_COUNT];
};

/* Gives every word its name, or returns false where one cannot be an offset at all. */
static bool name_words(enum since variant, const uint64_t *words, size_t count, struct named_words *named)
{
    size_t next = HEADER_WORDS;
    for (size_t i = 0; i < WORD_COUNT; i++) {
        named->value[i] = -1;
        if (descriptions[i].since > variant)
            continue;
        if (next == count || words[next] >= (descriptions[i].kind == KIND_SIZE ? SIZE_LIMIT : OFFSET_LIMIT))
            return false;
        named->value[i] = (int64_t)words[next++];
    }
    return true;
}

/* Whether a word is an offset in its group's structure; those that only free-threaded builds have are left out. */
static bool is_member(const struct named_words *named, size_t word)
{
    enum word_kind kind = descriptions[word].kind;
    return named->value[word] >= 0 && (kind == KIND_POINTER || kind == KIND_SMALL);
}

/* The offsets of one group lie inside its structure, aligned, and no two members lie at the same place. */
static bool group_is_sane(const struct named_words *named, size_t first, size_t end, bool free_threaded)
{
    int64_t size = descriptions[first].kind == KIND_SIZE ? named->value[first] : OFFSET_LIMIT;
    if (size >= 0 && (size < 8 || size % 8 != 0))
        return false;
    for (size_t i = first; i < end; i++) {
        int64_t value = named->value[i];
        if (descriptions[i].kind == KIND_THREADED && (free_threaded ? value >= size : value > 0))
            return false;
        if (is_member(named, i) && (value >= size || (descriptions[i].kind == KIND_POINTER && value % 8 != 0)))
            return false;
        for (size_t j = first; j < i; j++) {
            if (is_member(named, i) && is_member(named, j) && named->value[j] == value)
                return false;
        }
    }
    return true;
}

static bool groups_are_sane(const struct named_words *named, bool free_threaded)
{
    for (size_t first = 0, end = 0; first < WORD_COUNT; first = end) {
        while (end < WORD_COUNT && strcmp(descriptions[end].group, descriptions[first].group) == 0)
            end++;
        if (!group_is_sane(named, first, end, free_threaded))
            return false;
    }
    return true;
}

/*
 * What holds in every version from 3.13 to 3.15: the type pointer ends an object's head, the size of a variable object and the first
 * member of each simple object come right behind it (Include/object.h, Include/cpython/unicodeobject.h, floatobject.h,
 * Include/cpython/longintrepr.h), and a thread state begins with prev, next, interp (Include/cpython/pystate.h).
 */
static bool known_facts_hold(const struct named_words *named)
{
#define VALUE(name) named->value[WORD_##name]
    int64_t head = VALUE(pyobject_size);
    bool links = VALUE(llist_node_next) < 0 || (VALUE(llist_node_next) == 0 && VALUE(llist_node_prev) == 8);
    return (head == 16 || head == 32) && VALUE(pyobject_ob_type) == head - 8 && VALUE(tuple_object_ob_size) == head &&
           VALUE(list_object_ob_size) == head && VALUE(bytes_object_ob_size) == head && VALUE(unicode_object_length) == head &&
           VALUE(float_object_ob_fval) == head && VALUE(long_object_lv_tag) == head && VALUE(long_object_ob_digit) == head + 8 &&
           VALUE(type_object_tp_name) == head + 8 && VALUE(unicode_object_asciiobject_size) <= VALUE(unicode_object_size) &&
           VALUE(unicode_object_compactunicodeobject_size) <= VALUE(unicode_object_size) && VALUE(thread_state_prev) == 0 &&
           VALUE(thread_state_next) == 8 && VALUE(thread_state_interp) == 16 &&
           VALUE(interpreter_state_gil_runtime_state_locked) > VALUE(interpreter_state_gil_runtime_state) &&
           VALUE(interpreter_state_gil_runtime_state_holder) > VALUE(interpreter_state_gil_runtime_state) &&
           VALUE(interpreter_state_gc) + VALUE(gc_size) <= VALUE(interpreter_state_size) && VALUE(err_stackitem_exc_value) <= 64 && links;
#undef VALUE
}

/* The value of "group.name", size bytes long; -1 where the variant does not have it. */
static int64_t word_value(const struct named_words *named, bool free_threaded, const char *text, size_t size)
{
    for (size_t i = 0; i < WORD_COUNT; i++) {
        if (strncmp(descriptions[i].text, text, size) == 0 && descriptions[i].text[size] == '\0')
            return descriptions[i].kind == KIND_THREADED && !free_threaded ? -1 : named->value[i];
    }
    return -1;
}

/* "word", "word + word" or "word - word"; "" is none. */
static int32_t evaluate(const struct named_words *named, bool free_threaded, const char *text)
{
    const char *space = strchrnul(text, ' ');
    int64_t value = *text != '\0' ? word_value(named, free_threaded, text, (size_t)(space - text)) : -1;
    if (*space != '\0' && value >= 0) {
        int64_t second = word_value(named, free_threaded, space + 3, strlen(space + 3));
        value = second < 0 ? -1 : space[1] == '+' ? value + second : value - second;
    }
    return value >= 0 && value < OFFSET_LIMIT ? (int32_t)value : LAYOUT_ABSENT;
}

static void name_fields(const struct named_words *named, struct debug_offsets *offsets)
{
    static const char *const words[LAYOUT_FIELD_COUNT] = {
#define FIELD(group, name, width, debug_offsets_word, members) debug_offsets_word,
#include "layout/fields.def"
#undef FIELD
    };
    for (size_t i = 0; i < LAYOUT_FIELD_COUNT; i++)
        offsets->offset[i] = evaluate(named, offsets->free_threaded, words[i]);
}

bool layout_debug_offsets_decode(const uint64_t *words, size_t count, struct debug_offsets *offsets)
{
    if (count < HEADER_WORDS || memcmp(words, "xdebugpy", 8) != 0 || words[1] < 0x030d0000 || words[1] >= 0x04000000 || words[2] > 1)
        return false;
    *offsets = (struct debug_offsets){.version = (uint32_t)words[1], .free_threaded = words[2] == 1};
    for (int variant = VARIANT_COUNT - 1; variant >= 0; variant--) {
        struct named_words named;
        if (!name_words((enum since)variant, words, count, &named) || !groups_are_sane(&named, offsets->free_threaded) || !known_facts_hold(&named))
            continue;
        offsets->variant = variant_names[variant];
        name_fields(&named, offsets);
        return true;
    }
    return false;
}

struct spprof_error *layout_debug_offsets_read(struct spprof_target *target, uint64_t address, struct debug_offsets *offsets)
{
    uint64_t words[DEBUG_OFFSETS_MAX_WORDS];
    /* Behind the shortest variant come hundreds of kilobytes of _PyRuntimeState, so the longest can be read everywhere. */
    struct spprof_error *error = target_read(target, address, words, sizeof words);
    if (error != NULL)
        return spprof_error_context(error, "reading _Py_DebugOffsets");
    if (!layout_debug_offsets_decode(words, DEBUG_OFFSETS_MAX_WORDS, offsets))
        return spprof_error_new(SPPROF_ERROR_UNSUPPORTED,
                                "The debug offsets of Python at 0x%" PRIx64 " make no sense as those of any version from 3.13 to 3.15: "
                                "this Python is either damaged in memory or changed by its builder.",
                                address);
    return NULL;
}
