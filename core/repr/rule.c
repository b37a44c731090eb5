#include <string.h>

#include "repr/writer.h"

struct named_rule {
    const char *type;
    value_rule *rule;
};

static const struct named_rule built_in[] = {
#define BUILT_IN(type, rule) {type, rule},
#include "repr/types.def"
};

static const struct named_rule python[] = {
#define PYTHON(class, rule) {class, rule},
#include "repr/types.def"
};

static const struct {
    uint64_t flag;
    value_rule *rule;
} flagged[] = {
#define FLAGGED(flag, rule) {flag, rule},
#include "repr/types.def"
};

static value_rule *find_rule(const struct named_rule *rules, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rules[i].type, name) == 0)
            return rules[i].rule;
    return NULL;
}

static value_rule *rule_by_flags(uint64_t flags)
{
    for (size_t i = 0; i < sizeof flagged / sizeof *flagged; i++)
        if ((flags & flagged[i].flag) != 0)
            return flagged[i].rule;
    return repr_instance;
}

value_rule *repr_rule(const struct type_info *type)
{
    value_rule *rule = NULL;
    if (type->repr_name[0] == '\0')
        return rule_by_flags(type->flags);
    if (!type->python_repr)
        rule = find_rule(built_in, sizeof built_in / sizeof *built_in, type->repr_name);
    else if (type->repr_class.bytes != NULL)
        rule = find_rule(python, sizeof python / sizeof *python, type->repr_class.bytes);
    if (rule == NULL && strncmp(type->name, "numpy.", 6) == 0)
        rule = repr_numpy_scalar;
    if (rule != NULL)
        return rule;
    if ((type->flags & TYPE_FLAG_TYPE) != 0)
        return repr_class;
    if (type->python_repr && type->is_enum)
        return repr_enum_member;
    if (type->python_repr && type->tuple_fields != 0)
        return repr_named_tuple;
    if (type->python_repr && type->dataclass_fields != 0)
        return repr_dataclass;
    return repr_instance;
}
