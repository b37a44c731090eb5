#include "repr/writer.h"

enum copy_status repr_none(struct writer *writer, uint64_t object, const struct type_info *type)
{
    (void)object, (void)type;
    put(writer, "None");
    return COPY_READY;
}

enum copy_status repr_not_implemented(struct writer *writer, uint64_t object, const struct type_info *type)
{
    (void)object, (void)type;
    put(writer, "NotImplemented");
    return COPY_READY;
}

enum copy_status repr_ellipsis(struct writer *writer, uint64_t object, const struct type_info *type)
{
    (void)object, (void)type;
    put(writer, "Ellipsis");
    return COPY_READY;
}
