#include "repr/writer.h"

enum read_cache_status repr_none(struct writer *writer, uint64_t object, const struct type_info *type)
{
    (void)object, (void)type;
    repr_put(writer, "None");
    return READ_CACHE_READY;
}

enum read_cache_status repr_not_implemented(struct writer *writer, uint64_t object, const struct type_info *type)
{
    (void)object, (void)type;
    repr_put(writer, "NotImplemented");
    return READ_CACHE_READY;
}

enum read_cache_status repr_ellipsis(struct writer *writer, uint64_t object, const struct type_info *type)
{
    (void)object, (void)type;
    repr_put(writer, "Ellipsis");
    return READ_CACHE_READY;
}
