/* Types: what a value's text needs to know of its class. Include/cpython/object.h, Objects/typeobject.c, 3.9 to 3.15. */
#ifndef SPPROF_OBJECT_TYPE_H
#define SPPROF_OBJECT_TYPE_H

#include "object/reader.h"
#include "spprof/snapshot.h"

enum { TYPE_NAME_MAX = 256, TYPE_CHAIN_MAX = 64 };

/* Py_TPFLAGS_TYPE_SUBCLASS: instances of the type are types. */
#define TYPE_FLAG_TYPE (UINT64_C(1) << 31)

/*
 * A slot of __slots__: PyMemberDef, Include/descrobject.h (structmember.h before 3.12). A heap type keeps them behind itself
 * (PyHeapType_GET_MEMBERS, Include/internal/pycore_typeobject.h).
 */
struct type_slots {
    uint64_t members; /* address of the first PyMemberDef */
    uint64_t count;
};

struct writer;
struct type_info;
typedef enum read_cache_status value_rule(struct writer *writer, uint64_t object, const struct type_info *type); /* repr/writer.h */

struct type_info {
    uint64_t address, flags;
    uint64_t base, dict, mro, cached_keys;
    int64_t basicsize, itemsize, dictoffset;
    struct type_slots slots;
    char name[TYPE_NAME_MAX];     /* tp_name */
    const char *short_name;       /* the part of it behind the last dot, as _PyType_Name gives it */
    struct spprof_text full_name; /* module and qualified name, as repr of the class has them: no "builtins." */
    struct spprof_text qualified_name;
    char repr_name[TYPE_NAME_MAX]; /* tp_name of the type whose repr it has; "" could not be read */
    bool python_repr;              /* that is a method written in Python */
    bool is_enum;                  /* its metaclass is the enum module's */
    uint64_t dataclass_fields;     /* the dict __dataclass_fields__; 0: no dataclass, or it has no repr of its own making */
    uint64_t tuple_fields;         /* the tuple _fields of a named tuple */
    struct spprof_text repr_class; /* python_repr: module and qualified name of the class that defines it */
    value_rule *rule;              /* of repr/rule.c; NULL: not chosen yet */
};

struct types;

struct spprof_error *object_types_new(struct types **types);
void object_types_free(struct types *types); /* NULL is allowed */

/* The type at an address, read once. FAILED where that is no sane type. The info stays where it is until object_types_free. */
enum read_cache_status object_types_find(struct types *types, struct reader *reader, uint64_t address, struct type_info **info);

/* A string of C, cut at size - 1 bytes. */
enum read_cache_status object_read_c_string(struct reader *reader, uint64_t address, const char *what, char *string, size_t size);

#endif
