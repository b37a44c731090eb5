#include "layout/bounds.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "layout/built_in.h"

enum { WHOLE = -1, REST = 0, LONG = 4, SLACK = 256 }; /* LONG: on Windows; elsewhere it has 8 */

static const struct bounded_field {
    int width; /* in bytes, or one of the above */
    const char *members;
} fields[LAYOUT_FIELD_COUNT] = {
#define FIELD(group, name, width, debug_offsets_word, members) {width, members},
#include "layout/fields.def"
#undef FIELD
};

static bool same_group(enum layout_field one, enum layout_field other)
{
    return strcmp(layout_field_group(one), layout_field_group(other)) == 0;
}

/* The type that the first of a field's alternatives, "Type.member" or "sizeof Type", is of. */
static const char *type_of(enum layout_field field, size_t *size)
{
    static const char size_of[] = "sizeof ";
    const char *type = fields[field].members;
    if (strncmp(type, size_of, sizeof size_of - 1) == 0)
        type += sizeof size_of - 1;
    *size = strcspn(type, ".|");
    return type;
}

/* Whether two fields belong to one structure; a group has those of its subclasses, too. */
static bool same_structure(enum layout_field one, enum layout_field other)
{
    size_t size, other_size;
    const char *type = type_of(one, &size), *other_type = type_of(other, &other_size);
    return size == other_size && strncmp(type, other_type, size) == 0;
}

static int32_t largest_known(enum layout_field field)
{
    size_t count;
    int32_t largest = 0;
    const struct built_in *tables = layout_built_in_tables(&count);
    for (size_t i = 0; i < count; i++)
        if (layout_built_in_offset(&tables[i], field) > largest)
            largest = layout_built_in_offset(&tables[i], field);
    return largest;
}

static bool refuse(enum layout_field field, const int32_t *offset, enum layout_field other, char *text, size_t size)
{
    snprintf(text, size, "%s.%s at %" PRId32 " does not go with %s.%s at %" PRId32, layout_field_group(field), layout_field_name(field),
             offset[field], layout_field_group(other), layout_field_name(other), offset[other]);
    return false;
}

/* Where the bytes of a field that are read end; the array that ends a structure may be empty. */
static int64_t end_of(enum layout_field field, const int32_t *offset)
{
    return (int64_t)offset[field] + (fields[field].width == WHOLE ? 0 : fields[field].width);
}

/* Whether two fields of one structure, of which neither is its size, can stand as they do. */
static bool stand_apart(enum layout_field field, enum layout_field other, const int32_t *offset)
{
    if (fields[other].width == REST)
        return end_of(field, offset) <= offset[other];
    if (fields[field].width == REST)
        return end_of(other, offset) <= offset[field];
    return end_of(field, offset) <= offset[other] || end_of(other, offset) <= offset[field];
}

static bool goes_with(enum layout_field field, enum layout_field other, const int32_t *offset)
{
    if (fields[other].width == WHOLE)
        return fields[field].width == WHOLE || end_of(field, offset) <= offset[other];
    return fields[field].width == WHOLE ? end_of(other, offset) <= offset[field] : stand_apart(field, other, offset);
}

static bool holds(enum layout_field field, const int32_t *offset, char *text, size_t size)
{
    int32_t largest = largest_known(field);
    if (offset[field] < 0 || offset[field] > 2 * largest + SLACK) {
        snprintf(text, size, "%s.%s at %" PRId32 " lies far behind its place in any version, which is at most %" PRId32, layout_field_group(field),
                 layout_field_name(field), offset[field], largest);
        return false;
    }
    for (enum layout_field other = field; other-- > 0 && same_group(field, other);)
        if (offset[other] != LAYOUT_ABSENT && same_structure(field, other) && !goes_with(field, other, offset))
            return refuse(field, offset, other, text, size);
    return true;
}

bool layout_bounds_hold(const int32_t offset[LAYOUT_FIELD_COUNT], char *text, size_t size)
{
    for (enum layout_field field = 0; field < LAYOUT_FIELD_COUNT; field++)
        if (offset[field] != LAYOUT_ABSENT && !holds(field, offset, text, size))
            return false;
    return true;
}
