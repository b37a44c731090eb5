#include "object/type.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash_table.h"
#include "object/dict.h"
#include "object/string.h"

enum {
    PAGE = 4096,
    SLOTS_MAX = 1 << 10,
    MRO_MAX = 256,
};

struct type_entry {
    struct type_info info;
    enum read_cache_status status;
    char reason[sizeof((struct reader *)0)->reason];
};

struct types {
    struct hash_table by_address; /* struct type_entry */
};

struct spprof_error *object_types_new(struct types **types)
{
    *types = calloc(1, sizeof **types);
    return *types == NULL ? spprof_error_no_memory() : NULL;
}

static void free_entry(struct type_entry *entry)
{
    free(entry->info.full_name.bytes);
    free(entry->info.qualified_name.bytes);
    free(entry->info.repr_class.bytes);
    free(entry);
}

void object_types_free(struct types *types)
{
    if (types == NULL)
        return;
    size_t cursor = 0;
    for (const struct hash_entry *entry; (entry = base_hash_table_each(&types->by_address, &cursor)) != NULL;)
        free_entry(entry->item);
    base_hash_table_free(&types->by_address);
    free(types);
}

/* Bytes of the UTF-8 sequence that begins here; 0: it is none. The string ends by NUL, which continues nothing. */
static size_t sequence_length(const unsigned char *at)
{
    static const struct {
        unsigned char first, last, lowest, highest; /* of the first byte; of the second */
        size_t length;
    } kinds[] = {{0x01, 0x7f, 0, 0xff, 1},    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xef, 0x80, 0xbf, 3},
                 {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (at[0] < kinds[i].first || at[0] > kinds[i].last)
            continue;
        bool whole = at[1] >= kinds[i].lowest && at[1] <= kinds[i].highest;
        for (size_t j = 2; whole && j < kinds[i].length; j++)
            whole = at[j] >> 6 == 2;
        return whole ? kinds[i].length : 0;
    }
    return 0;
}

/* What was damaged, or cut within a character, is shown as a question mark: all texts are UTF-8. */
static void replace_broken(char *string)
{
    unsigned char *at = (unsigned char *)string;
    for (size_t length; *at != '\0'; at += length) {
        length = sequence_length(at);
        if (length == 0) {
            *at = '?';
            length = 1;
        }
    }
}

/* Reads up to the end of the page first: what is mapped is mapped in pages. */
enum read_cache_status object_read_c_string(struct reader *reader, uint64_t address, const char *what, char *string, size_t size)
{
    size_t done = 0;
    string[0] = '\0';
    while (done + 1 < size) {
        uint64_t here = address + done;
        size_t piece = PAGE - (size_t)(here % PAGE);
        struct bytes data;
        if (piece > size - 1 - done)
            piece = size - 1 - done;
        STEP(object_reader_bytes(reader, here, piece, what, &data));
        const uint8_t *end = memchr(data.at, 0, piece);
        size_t length = end != NULL ? (size_t)(end - data.at) : piece;
        memcpy(string + done, data.at, length);
        done += length;
        string[done] = '\0';
        if (end != NULL)
            break;
    }
    replace_broken(string);
    return READ_CACHE_READY;
}

static enum read_cache_status read_pointers(struct reader *reader, struct type_info *info)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    uint64_t metatype, flags;
    STEP(object_reader_type(reader, info->address, "a type", &metatype, &flags));
    if ((flags & TYPE_FLAG_TYPE) == 0)
        return object_reader_fail(reader, "what should be a type at 0x%" PRIx64 " is none", info->address);
    STEP(object_reader_struct(reader, info->address, (size_t)LAYOUT(layout, type, size), "a type", &data));
    info->flags = object_reader_long(reader, data, LAYOUT(layout, type, flags));
    info->base = field_u64(data, LAYOUT(layout, type, base));
    info->dict = field_u64(data, LAYOUT(layout, type, dict));
    info->mro = field_u64(data, LAYOUT(layout, type, mro));
    info->basicsize = field_i64(data, LAYOUT(layout, type, basicsize));
    info->itemsize = field_i64(data, LAYOUT(layout, type, itemsize));
    info->dictoffset = field_i64(data, LAYOUT(layout, type, dictoffset));
    if ((info->flags & TYPE_FLAG_HEAP) == 0)
        return READ_CACHE_READY;
    uint64_t slots = field_u64(data, LAYOUT(layout, variable_object, ob_size));
    uint64_t basicsize;
    STEP(object_reader_pointer(reader, metatype + (uint64_t)LAYOUT(layout, type, basicsize), "a metatype", &basicsize));
    STEP(object_reader_pointer(reader, info->address + (uint64_t)LAYOUT(layout, type, cached_keys), "the keys of a type", &info->cached_keys));
    info->slots = (struct type_slots){info->address + basicsize, slots <= SLOTS_MAX ? slots : 0};
    return READ_CACHE_READY;
}

static enum read_cache_status read_name(struct reader *reader, struct type_info *info)
{
    uint64_t name;
    STEP(object_reader_pointer(reader, info->address + (uint64_t)LAYOUT(reader->layout, type, name), "a type", &name));
    /* A name in read-only memory may be missing from a core: the flags of the type still tell much. */
    enum read_cache_status status = object_read_c_string(reader, name, "the name of a type", info->name, sizeof info->name);
    const char *dot = strrchr(info->name, '.');
    info->short_name = dot != NULL ? dot + 1 : info->name;
    return status == READ_CACHE_PENDING ? status : READ_CACHE_READY;
}

static bool join_names(struct spprof_text *result, const char *module, size_t module_size, const char *name)
{
    free(result->bytes); /* of a reading that had to wait for the rest */
    bool builtin = module_size == 0 || (module_size == 8 && memcmp(module, "builtins", 8) == 0);
    int size = asprintf(&result->bytes, "%.*s%s%s", builtin ? 0 : (int)module_size, module, builtin ? "" : ".", name);
    if (size < 0)
        result->bytes = NULL;
    result->size = size < 0 ? 0 : (size_t)size;
    return size >= 0;
}

/* The str that a class has as __module__, which comes first in its dict. */
static enum read_cache_status read_module(struct reader *reader, uint64_t dict, struct spprof_text *module)
{
    uint64_t object;
    STEP(object_dict_find_first(reader, dict, "the dict of a class", "__module__", &object));
    if (object == 0)
        return READ_CACHE_READY;
    return object_string_read(reader, object, "__module__", module);
}

/*
 * type_module and type_qualname, Objects/typeobject.c: types made by C have both in tp_name (PyType_FromSpec puts them into the dict from
 * there). What cannot be read is left out of the name.
 */
static enum read_cache_status read_full_name(struct reader *reader, uint64_t type, uint64_t flags, const char *name, uint64_t dict,
                                             struct spprof_text *full, struct spprof_text *qualified)
{
    const char *dot = strrchr(name, '.');
    if ((flags & TYPE_FLAG_HEAP) == 0 || dot != NULL) {
        bool made = join_names(full, name, dot != NULL ? (size_t)(dot - name) : 0, dot != NULL ? dot + 1 : name);
        return made && object_reader_take(reader, full->size) ? READ_CACHE_READY : object_reader_no_memory(reader);
    }
    struct spprof_text module = {NULL, 0}, own = {NULL, 0};
    uint64_t object, before = reader->taken;
    enum read_cache_status status = object_reader_pointer(reader, type + (uint64_t)LAYOUT(reader->layout, type, qualname), "__qualname__", &object);
    if (status == READ_CACHE_READY)
        status = object_string_read(reader, object, "__qualname__", &own);
    enum read_cache_status other = read_module(reader, dict, &module);
    bool pending = status == READ_CACHE_PENDING || other == READ_CACHE_PENDING;
    bool made = pending || join_names(full, module.bytes != NULL ? module.bytes : "", module.size,
                                      own.bytes != NULL ? own.bytes
                                      : dot != NULL     ? dot + 1
                                                        : name);
    free(module.bytes);
    object_reader_give_back(reader, before);
    if (!pending && qualified != NULL && own.bytes != NULL)
        *qualified = own;
    else
        free(own.bytes);
    return pending                                                     ? READ_CACHE_PENDING
           : made && object_reader_take(reader, full->size + own.size) ? READ_CACHE_READY
                                                                       : object_reader_no_memory(reader);
}

/*
 * The type whose tp_repr this type has: subtypes take the slot over from it. Where that is a class of Python's, tp_repr is slot_tp_repr,
 * which all such classes share (Objects/typeobject.c).
 */
static enum read_cache_status find_repr(struct reader *reader, struct type_info *info)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    uint64_t type = info->address, provider = type, wanted = 0, name = 0, flags = info->flags;
    for (int i = 0; type != 0 && i < TYPE_CHAIN_MAX; i++) {
        STEP(object_reader_struct(reader, type, (size_t)LAYOUT(layout, type, size), "a type", &data));
        uint64_t repr = field_u64(data, LAYOUT(layout, type, repr));
        if (wanted == 0)
            wanted = repr;
        if (repr != wanted)
            break;
        provider = type;
        name = field_u64(data, LAYOUT(layout, type, name));
        flags = object_reader_long(reader, data, LAYOUT(layout, type, flags));
        type = field_u64(data, LAYOUT(layout, type, base));
    }
    if (object_read_c_string(reader, name, "the name of a type", info->repr_name, sizeof info->repr_name) == READ_CACHE_PENDING)
        return READ_CACHE_PENDING;
    /* Heap types made by C have the name of their module in tp_name, those made by a class statement do not. */
    info->python_repr = provider != 0 && (flags & TYPE_FLAG_HEAP) != 0 && strchr(info->repr_name, '.') == NULL;
    return READ_CACHE_READY;
}

static enum read_cache_status look_for_enum(struct reader *reader, struct type_info *info)
{
    uint64_t type, flags, name;
    char text[16];
    STEP(object_reader_type(reader, info->address, "a type", &type, &flags));
    for (int i = 0; type != 0 && i < TYPE_CHAIN_MAX && !info->is_enum; i++) {
        STEP(object_reader_pointer(reader, type + (uint64_t)LAYOUT(reader->layout, type, name), "a metatype", &name));
        if (object_read_c_string(reader, name, "the name of a type", text, sizeof text) == READ_CACHE_PENDING)
            return READ_CACHE_PENDING;
        info->is_enum = strcmp(text, "EnumMeta") == 0 || strcmp(text, "EnumType") == 0; /* EnumType since 3.11 */
        STEP(object_reader_pointer(reader, type + (uint64_t)LAYOUT(reader->layout, type, base), "a metatype", &type));
    }
    return READ_CACHE_READY;
}

/*
 * Whether a method is the __repr__ that Lib/dataclasses.py makes, which is the function "wrapper" of its _recursive_repr (of reprlib's since
 * 3.15).
 */
static enum read_cache_status is_recursive_repr(struct reader *reader, uint64_t function, bool *is)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    uint64_t type, flags, name, code;
    char text[sizeof "function"];
    *is = false;
    STEP(object_reader_type(reader, function, "__repr__", &type, &flags));
    STEP(object_reader_pointer(reader, type + (uint64_t)LAYOUT(layout, type, name), "the type of __repr__", &name));
    if (object_read_c_string(reader, name, "the type of __repr__", text, sizeof text) == READ_CACHE_PENDING)
        return READ_CACHE_PENDING;
    if (strcmp(text, "function") != 0)
        return READ_CACHE_READY;
    STEP(object_reader_struct(reader, function, (size_t)LAYOUT(layout, function, code) + 8, "__repr__", &data));
    code = field_u64(data, LAYOUT(layout, function, code));
    STEP(object_reader_pointer(reader, code + (uint64_t)LAYOUT(layout, code, name), "the code of __repr__", &name));
    return object_string_equals(reader, name, "wrapper", is);
}

static enum read_cache_status look_into_class(struct reader *reader, struct type_info *info, uint64_t class, bool *found_repr)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    STEP(object_reader_struct(reader, class, (size_t)LAYOUT(layout, type, size), "a class", &data));
    uint64_t flags = object_reader_long(reader, data, LAYOUT(layout, type, flags)), dict = field_u64(data, LAYOUT(layout, type, dict));
    uint64_t name = field_u64(data, LAYOUT(layout, type, name)), repr = 0, fields = 0, tuple_fields = 0;
    char text[TYPE_NAME_MAX];
    if ((flags & TYPE_FLAG_HEAP) == 0 || *found_repr)
        return READ_CACHE_READY;
    enum read_cache_status parts[] = {
        object_dict_find(reader, dict, "the dict of a class", "__repr__", &repr),
        object_dict_find(reader, dict, "the dict of a class", "__dataclass_fields__", &fields),
        object_dict_find(reader, dict, "the dict of a class", "_fields", &tuple_fields),
        object_read_c_string(reader, name, "the name of a class", text, sizeof text),
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        STEP(parts[i]);
    if (info->dataclass_fields == 0)
        info->dataclass_fields = fields;
    if (repr == 0)
        return READ_CACHE_READY;
    if ((info->flags & TYPE_FLAG_TUPLE) != 0)
        info->tuple_fields = tuple_fields;
    bool made = false;
    if (fields != 0)
        STEP(is_recursive_repr(reader, repr, &made));
    if (!made)
        info->dataclass_fields = 0;
    STEP(read_full_name(reader, class, flags, text, dict, &info->repr_class, NULL));
    *found_repr = true;
    return READ_CACHE_READY;
}

/* What a repr written in Python says is not known: but what kind of class it belongs to often is. */
static enum read_cache_status look_for_shape(struct reader *reader, struct type_info *info)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    bool found = false;
    info->dataclass_fields = info->tuple_fields = 0;
    STEP(look_for_enum(reader, info));
    STEP(object_reader_expect(reader, info->mro, TYPE_FLAG_TUPLE, "the bases of a class"));
    STEP(object_reader_struct(reader, info->mro, (size_t)LAYOUT(layout, tuple, items), "the bases of a class", &data));
    uint64_t count = field_u64(data, LAYOUT(layout, variable_object, ob_size));
    if (count == 0 || count > MRO_MAX)
        return READ_CACHE_READY;
    size_t header = (size_t)LAYOUT(layout, tuple, items);
    STEP(object_reader_struct(reader, info->mro, header + (size_t)count * 8, "the bases of a class", &data));
    for (uint64_t i = 0; i < count && !found; i++) {
        STEP(object_reader_struct(reader, info->mro, header + (size_t)count * 8, "the bases of a class", &data));
        STEP(look_into_class(reader, info, field_u64(data, (int32_t)(header + i * 8)), &found));
    }
    return READ_CACHE_READY;
}

static enum read_cache_status gather(struct reader *reader, struct type_info *info)
{
    STEP(read_pointers(reader, info));
    enum read_cache_status name = read_name(reader, info), repr = find_repr(reader, info);
    STEP(name);
    STEP(repr);
    if (info->python_repr) {
        enum read_cache_status shape = look_for_shape(reader, info);
        if (shape == READ_CACHE_PENDING)
            return shape;
    }
    return read_full_name(reader, info->address, info->flags, info->name, info->dict, &info->full_name, &info->qualified_name);
}

static struct type_entry *get(struct types *types, struct reader *reader, uint64_t address)
{
    struct type_entry *entry = base_hash_table_item(&types->by_address, address);
    if (entry != NULL)
        return entry;
    entry = object_reader_allocate_in(reader, &types->by_address, address, sizeof *entry);
    if (entry == NULL)
        return NULL;
    entry->info.address = address;
    entry->status = READ_CACHE_PENDING;
    return entry;
}

enum read_cache_status object_types_find(struct types *types, struct reader *reader, uint64_t address, struct type_info **info)
{
    struct type_entry *entry = get(types, reader, address);
    if (entry == NULL)
        return READ_CACHE_FAILED;
    if (entry->status == READ_CACHE_PENDING) {
        entry->status = gather(reader, &entry->info);
        if (entry->status == READ_CACHE_FAILED)
            snprintf(entry->reason, sizeof entry->reason, "%s", reader->reason);
    }
    if (entry->status == READ_CACHE_FAILED)
        return object_reader_fail(reader, "%s", entry->reason);
    *info = &entry->info;
    return entry->status;
}
