#include "sample/evidence/instance.h"

#include "frames/frame_operations.h"
#include "object/dict.h"
#include "object/type.h"
#include "target/target.h"

enum { LOOKS = 8, CLASS_NAME_MAX = 256 };

static const char INIT[] = "__init__";

/* The first local variable of a frame; 0: it has none at this moment. */
static uint64_t first_local(struct spprof_target *target, const struct layout *layout, const struct code_entry *init, uint64_t frame)
{
    uint64_t code = 0, local = 0;
    struct spprof_range ranges[] = {
        {.address = frame + (uint64_t)LAYOUT(layout, frame_object, code), .size = 8, .buffer = &code},
        {.address = frame + (uint64_t)LAYOUT(layout, frame_object, localsplus), .size = 8, .buffer = &local},
    };
    target_read_many(target, ranges, 2);
    bool read = ranges[0].status == SPPROF_READ_OK && ranges[1].status == SPPROF_READ_OK;
    return read && code == init->code->address ? local : 0;
}

/* The code object of a class's own __init__; 0: it has none that is a function. */
static enum read_cache_status own_init(struct reader *reader, uint64_t class, uint64_t *code)
{
    uint64_t dict, function;
    *code = 0;
    STEP(object_reader_pointer(reader, class + (uint64_t)LAYOUT(reader->layout, type, dict), "the dict of a class", &dict));
    STEP(object_dict_find(reader, dict, "the dict of a class", INIT, &function));
    return function == 0 ? READ_CACHE_READY
                         : object_reader_pointer(reader, function + (uint64_t)LAYOUT(reader->layout, function, code), "an __init__", code);
}

/* The code object of the __init__ that instances of a class are made by; 0: that is not a function. */
static enum read_cache_status find_init(struct reader *reader, uint64_t class, uint64_t *code)
{
    const size_t header = (size_t)LAYOUT(reader->layout, tuple, items);
    struct bytes data;
    uint64_t bases;
    *code = 0;
    STEP(object_reader_expect(reader, class, (enum type_flag)TYPE_FLAG_TYPE, "a class"));
    STEP(object_reader_pointer(reader, class + (uint64_t)LAYOUT(reader->layout, type, mro), "the bases of a class", &bases));
    STEP(object_reader_expect(reader, bases, TYPE_FLAG_TUPLE, "the bases of a class"));
    STEP(object_reader_struct(reader, bases, header, "the bases of a class", &data));
    uint64_t count = field_u64(data, LAYOUT(reader->layout, variable_object, ob_size));
    for (uint64_t i = 0; i < count && i < TYPE_CHAIN_MAX && *code == 0; i++) {
        uint64_t base;
        STEP(object_reader_pointer(reader, bases + header + i * 8, "the bases of a class", &base));
        STEP(own_init(reader, base, code));
    }
    return READ_CACHE_READY;
}

static enum read_cache_status read_class(struct reader *reader, uint64_t instance, uint64_t code, char name[CLASS_NAME_MAX])
{
    uint64_t class, init, text;
    STEP(object_reader_pointer(reader, instance + (uint64_t)LAYOUT(reader->layout, object, type), "an instance", &class));
    STEP(find_init(reader, class, &init));
    if (init != code)
        return READ_CACHE_FAILED;
    STEP(object_reader_pointer(reader, class + (uint64_t)LAYOUT(reader->layout, type, name), "the name of a class", &text));
    return object_read_c_string(reader, text, "the name of a class", name, CLASS_NAME_MAX);
}

/* The name by which the class is called, most likely: tp_name, without a module. */
static bool name_class(struct capture_context *context, const struct code_entry *init, uint64_t frame, char name[CLASS_NAME_MAX])
{
    struct reader *reader = &context->reader;
    uint64_t instance = 0;
    for (int i = 0; i < LOOKS && instance == 0; i++)
        instance = first_local(target_read_cache_target(reader->cache), context->layout, init, frame);
    if (instance == 0)
        return false;
    enum read_cache_status status;
    do {
        status = read_class(reader, instance, init->code->address, name);
    } while (status == READ_CACHE_PENDING && target_read_cache_fetch(reader->cache));
    target_read_cache_clear(reader->cache);
    const char *dot = status == READ_CACHE_READY ? strrchr(name, '.') : NULL;
    if (dot != NULL)
        memmove(name, dot + 1, strlen(dot + 1) + 1);
    return status == READ_CACHE_READY && name[0] != '\0';
}

static bool is_init(const struct spprof_text *name)
{
    return name->size == sizeof INIT - 1 && memcmp(name->bytes, INIT, name->size) == 0;
}

bool sample_instance_prove(struct capture_context *context, const struct code_entry *caller, int64_t offset, const struct code_entry *init,
                           uint64_t frame)
{
    char name[CLASS_NAME_MAX];
    if (!frames_of(context->layout->rules)->on_heap || !is_init(&init->code->name))
        return false;
    return sample_call_sites_begin_lesson(context->sites, caller, offset, init) && name_class(context, init, frame, name) &&
           sample_call_sites_learn(context->sites, &context->mentions, caller, offset, init, name);
}
