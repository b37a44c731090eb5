/* Dicts and the attributes of instances: Objects/dictobject.c, Include/internal/pycore_dict.h, Objects/dict-common.h (3.9, 3.10). */
#ifndef SPPROF_OBJECT_DICT_H
#define SPPROF_OBJECT_DICT_H

#include "object/reader.h"

/* A dict laid open: entries in the order of insertion, holes among them. */
struct dict_view {
    const struct reader *reader;
    uint64_t entries;      /* address of the first entry */
    size_t entry_size;     /* bytes */
    size_t key_offset;     /* in an entry */
    size_t count;          /* entries in use, holes included */
    uint64_t split_values; /* address of the values of a split table; 0: they stand in the entries */
    uint64_t order;        /* address of the bytes that tell the order of split values; 0: that of the entries */
    size_t order_count;
    bool order_backwards; /* they go down from there */
};

enum { DICT_ENTRIES_MAX = 1 << 24 };

enum read_cache_status object_dict_open(struct reader *reader, uint64_t dict, const char *what, struct dict_view *view);

/* Key and value of one entry; both 0 for a hole. All entries come in one read. */
enum read_cache_status object_dict_entry(struct reader *reader, const struct dict_view *view, size_t index, uint64_t *key, uint64_t *value);

/*
 * Key and value of the one at a place in the order of insertion, 0 <= place < object_dict_places(view); both 0 where it is a hole. Only the
 * entries around it are read: for dicts of any size.
 */
size_t object_dict_places(const struct dict_view *view);
enum read_cache_status object_dict_at(struct reader *reader, const struct dict_view *view, size_t place, uint64_t *key, uint64_t *value);

/* The value of an ASCII key; 0 where the dict does not have it. */
enum read_cache_status object_dict_find(struct reader *reader, uint64_t dict, const char *what, const char *key, uint64_t *value);

/* The same, for a key that is mostly the first: the others are asked for only where it is not. */
enum read_cache_status object_dict_find_first(struct reader *reader, uint64_t dict, const char *what, const char *key, uint64_t *value);

/* The attributes of an instance that do not stand in slots; *has is false where it has none. */
enum read_cache_status object_instance_open(struct reader *reader, uint64_t object, const char *what, struct dict_view *view, bool *has);

/* The value of an instance's attribute, wherever its class keeps it but in slots; 0 where it has none. */
enum read_cache_status object_instance_find(struct reader *reader, uint64_t object, const char *what, const char *name, uint64_t *value);

#endif
