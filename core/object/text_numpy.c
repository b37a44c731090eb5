#include "object/writer.h"

enum copy_status write_numpy_array(struct writer *writer, uint64_t object, const struct type_info *type)
{
    return write_instance(writer, object, type);
}

enum copy_status write_numpy_scalar(struct writer *writer, uint64_t object, const struct type_info *type)
{
    return write_instance(writer, object, type);
}

enum copy_status write_data_frame(struct writer *writer, uint64_t object, const struct type_info *type)
{
    return write_instance(writer, object, type);
}
