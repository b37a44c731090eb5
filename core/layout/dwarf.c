#include "layout/dwarf.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "layout/debug_file.h"

/* Debug information is a file like any other: types may lead in circles. */
enum { MAX_TYPE_DEPTH = 32, MAX_ALTERNATIVES = 4, MAX_OFFSET = 1 << 20 };

static const char *const field_members[LAYOUT_FIELD_COUNT] = {
#define FIELD(group, name, width, debug_offsets_word, members) members,
#include "layout/fields.def"
#undef FIELD
};

/* One alternative of one field, taken apart: "sizeof PyObject" and "struct _gil_runtime_state.locked". */
struct alternative_place {
    enum layout_field field;
    int alternative; /* a lower one is preferred */
    bool is_size, is_struct;
    const char *type;
    size_t type_size;
    const char *path, *path_end; /* "ceval.gil" */
};

/* A section that names are in: [start, end). */
struct section {
    const char *start, *end;
};

enum { SECTIONS_MAX = 16 };

struct dwarf_search {
    struct section sections[SECTIONS_MAX]; /* of the file, and of what dwz has moved out of it */
    size_t section_count;
    struct alternative_place places[LAYOUT_FIELD_COUNT * MAX_ALTERNATIVES];
    size_t place_count;
    uint64_t type_names[256];       /* by the first letter, a bit for each length: most types are none of ours */
    int chosen[LAYOUT_FIELD_COUNT]; /* the alternative that was found so far; MAX_ALTERNATIVES: none */
    const int32_t *wanted;
    struct dwarf_offsets *offsets;
};

static struct alternative_place take_apart(enum layout_field field, int alternative, const char *text, const char *end)
{
    static const char size_of[] = "sizeof ", structure[] = "struct ";
    struct alternative_place place = {.field = field, .alternative = alternative, .path_end = end};
    if (strncmp(text, size_of, sizeof size_of - 1) == 0) {
        place.is_size = true;
        text += sizeof size_of - 1;
    }
    if (strncmp(text, structure, sizeof structure - 1) == 0) {
        place.is_struct = true;
        text += sizeof structure - 1;
    }
    const char *dot = memchr(text, '.', (size_t)(end - text));
    place.type = text;
    place.type_size = (size_t)((dot != NULL ? dot : end) - text);
    place.path = dot != NULL ? dot + 1 : end;
    return place;
}

static bool may_be_ours(const struct dwarf_search *search, const char *name, size_t size)
{
    return search->type_names[(unsigned char)name[0]] >> size % 64 & 1;
}

static void list_places(struct dwarf_search *search)
{
    for (enum layout_field field = 0; field < LAYOUT_FIELD_COUNT; field++) {
        const char *text = field_members[field], *end = text;
        search->chosen[field] = MAX_ALTERNATIVES;
        search->offsets->offset[field] = LAYOUT_ABSENT;
        for (int alternative = 0; alternative < MAX_ALTERNATIVES && *text != '\0'; alternative++, text = *end == '|' ? end + 1 : end) {
            end = strchrnul(text, '|');
            struct alternative_place place = take_apart(field, alternative, text, end);
            search->places[search->place_count++] = place;
            search->type_names[(unsigned char)place.type[0]] |= UINT64_C(1) << place.type_size % 64;
        }
    }
}

/* ".debug_info", ".debug_str", ".debug_line_str", ".debug_types"; ".zdebug_" where they are compressed in the older way. */
static bool has_names(const char *section)
{
    static const char *const kinds[] = {"info", "str", "line_str", "types"};
    const char *kind = strncmp(section, ".debug_", 7) == 0 ? section + 7 : strncmp(section, ".zdebug_", 8) == 0 ? section + 8 : "";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i]) == 0)
            return true;
    return false;
}

static void list_sections(struct dwarf_search *search, Dwarf *dwarf)
{
    Elf *elf = dwarf_getelf(dwarf);
    size_t names;
    if (elf_getshdrstrndx(elf, &names) != 0)
        return;
    for (Elf_Scn *section = elf_nextscn(elf, NULL); section != NULL; section = elf_nextscn(elf, section)) {
        GElf_Shdr header;
        const char *name = gelf_getshdr(section, &header) != NULL ? elf_strptr(elf, names, header.sh_name) : NULL;
        const Elf_Data *data = name != NULL && has_names(name) ? elf_getdata(section, NULL) : NULL;
        if (data != NULL && data->d_buf != NULL && search->section_count < SECTIONS_MAX)
            search->sections[search->section_count++] = (struct section){data->d_buf, (const char *)data->d_buf + data->d_size};
    }
}

/* The name of an entry; NULL: it has none. libdw does not see to it that a name in the entry itself, or one of DW_FORM_strx, ends in its section. */
static const char *name_of(const struct dwarf_search *search, Dwarf_Die *die)
{
    const char *name = dwarf_diename(die);
    for (size_t i = 0; name != NULL && i < search->section_count; i++) {
        const struct section *section = &search->sections[i];
        bool is_inside = (uintptr_t)name >= (uintptr_t)section->start && (uintptr_t)name < (uintptr_t)section->end;
        if (is_inside && memchr(name, '\0', (size_t)(section->end - name)) == NULL)
            return NULL;
    }
    return name;
}

static bool refers_to(Dwarf_Die *die, unsigned name, Dwarf_Die *to)
{
    Dwarf_Attribute attribute;
    return dwarf_attr_integrate(die, name, &attribute) != NULL && dwarf_formref_die(&attribute, to) != NULL;
}

/* The structure or union that a type is, without typedefs and qualifiers. False: it is none, or only declared here. */
static bool find_structure(Dwarf_Die type, Dwarf_Die *structure)
{
    for (int depth = 0; depth < MAX_TYPE_DEPTH; depth++) {
        int tag = dwarf_tag(&type);
        if (tag == DW_TAG_structure_type || tag == DW_TAG_union_type) {
            *structure = type;
            if (dwarf_hasattr(&type, DW_AT_signature) && !refers_to(&type, DW_AT_signature, structure))
                return false;
            return !dwarf_hasattr(structure, DW_AT_declaration);
        }
        if (!refers_to(&type, DW_AT_type, &type))
            return false;
    }
    return false;
}

/* A member's offset in its structure; 0 in a union, which has none. */
static bool member_offset(Dwarf_Die *member, int64_t *offset)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;
    if (dwarf_attr(member, DW_AT_data_bit_offset, &attribute) != NULL) {
        if (dwarf_formudata(&attribute, &value) != 0)
            return false;
        value /= 8;
    } else if (dwarf_attr(member, DW_AT_data_member_location, &attribute) != NULL && dwarf_formudata(&attribute, &value) != 0) {
        return false;
    }
    *offset = (int64_t)value;
    return value <= INT32_MAX;
}

/* Finds a member by its name, also one of an anonymous structure or union inside. */
static bool find_member(const struct dwarf_search *search, Dwarf_Die *structure, const char *name, size_t size, int depth, Dwarf_Die *found,
                        int64_t *offset)
{
    Dwarf_Die member, inside;
    if (depth == 0 || dwarf_child(structure, &member) != 0)
        return false;
    do {
        const char *member_name = name_of(search, &member);
        int64_t here, there;
        if (dwarf_tag(&member) != DW_TAG_member || !member_offset(&member, &here))
            continue;
        if (member_name != NULL && strlen(member_name) == size && memcmp(member_name, name, size) == 0) {
            *found = member;
            *offset = here;
            return true;
        }
        if (member_name == NULL && refers_to(&member, DW_AT_type, &inside) && find_structure(inside, &inside) &&
            find_member(search, &inside, name, size, depth - 1, found, &there)) {
            *offset = here + there;
            return true;
        }
    } while (dwarf_siblingof(&member, &member) == 0);
    return false;
}

/* Follows "ceval.gil" from a structure. */
static bool follow(const struct dwarf_search *search, Dwarf_Die structure, const char *path, const char *end, int64_t *offset)
{
    Dwarf_Die member, type;
    *offset = 0;
    for (;;) {
        int64_t here;
        const char *dot = memchr(path, '.', (size_t)(end - path));
        const char *name_end = dot != NULL ? dot : end;
        if (!find_member(search, &structure, path, (size_t)(name_end - path), 4, &member, &here))
            return false;
        *offset += here;
        if (dot == NULL)
            return *offset <= INT32_MAX;
        if (!refers_to(&member, DW_AT_type, &type) || !find_structure(type, &structure))
            return false;
        path = dot + 1;
    }
}

static bool is_of_type(const struct alternative_place *place, const char *name, size_t size, bool is_struct)
{
    return place->is_struct == is_struct && place->type_size == size && memcmp(place->type, name, size) == 0;
}

/* A name without CPython's prefix may be another structure's too, as the `block` of Python/pyarena.c: then it has none of the members. */
static bool is_the_one(const struct dwarf_search *search, Dwarf_Die structure, const char *name, size_t size, bool is_struct)
{
    if (strncmp(name, "Py", 2) == 0 || name[0] == '_')
        return true;
    for (const struct alternative_place *place = search->places; place < search->places + search->place_count; place++) {
        int64_t offset;
        if (is_of_type(place, name, size, is_struct) && !place->is_size && follow(search, structure, place->path, place->path_end, &offset))
            return true;
    }
    return false;
}

static void fill(struct dwarf_search *search, const struct alternative_place *place, Dwarf_Die *structure)
{
    int64_t value;
    if (place->is_size)
        value = dwarf_bytesize(structure);
    else if (!follow(search, *structure, place->path, place->path_end, &value))
        return;
    if (value < 0 || value >= MAX_OFFSET)
        return;
    if (search->chosen[place->field] == MAX_ALTERNATIVES)
        search->offsets->found++;
    search->chosen[place->field] = place->alternative;
    search->offsets->offset[place->field] = (int32_t)value;
}

/* If the type is one that some places are in, fills those. */
static void look_at_type(struct dwarf_search *search, Dwarf_Die *type, bool is_struct)
{
    const char *name = name_of(search, type);
    size_t size = name != NULL ? strlen(name) : 0;
    if (size == 0 || !may_be_ours(search, name, size))
        return;
    Dwarf_Die structure;
    bool resolved = false;
    for (const struct alternative_place *place = search->places; place < search->places + search->place_count; place++) {
        if (!is_of_type(place, name, size, is_struct) || search->chosen[place->field] <= place->alternative)
            continue;
        if (!resolved && (!find_structure(*type, &structure) || !is_the_one(search, structure, name, size, is_struct)))
            return;
        resolved = true;
        fill(search, place, &structure);
    }
}

/* Source files that between them know every structure, so that one need not look at all the others. */
static bool is_preferred(const struct dwarf_search *search, Dwarf_Die *unit)
{
    static const char *const files[] = {"pystate.c",    "ceval.c",        "frame.c",      "frameobject.c", "codeobject.c", "unicodeobject.c",
                                        "dictobject.c", "moduleobject.c", "longobject.c", "genobject.c",   "setobject.c",  "typeobject.c"};
    const char *name = name_of(search, unit);
    if (name == NULL)
        return false;
    const char *slash = strrchr(name, '/');
    const char *file = slash != NULL ? slash + 1 : name;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (strcmp(file, files[i]) == 0)
            return true;
    }
    return false;
}

static bool is_complete(const struct dwarf_search *search)
{
    for (enum layout_field field = 0; field < LAYOUT_FIELD_COUNT; field++) {
        bool wanted = search->wanted == NULL || search->wanted[field] != LAYOUT_ABSENT;
        if (wanted && search->chosen[field] == MAX_ALTERNATIVES)
            return false;
    }
    return true;
}

static void look_at_units(struct dwarf_search *search, Dwarf *dwarf, bool preferred)
{
    Dwarf_CU *unit = NULL;
    Dwarf_Die root, type;
    while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &root, NULL) == 0) {
        if (is_preferred(search, &root) != preferred || dwarf_child(&root, &type) != 0)
            continue;
        do {
            int tag = dwarf_tag(&type);
            if (tag == DW_TAG_typedef || tag == DW_TAG_structure_type)
                look_at_type(search, &type, tag == DW_TAG_structure_type);
        } while (dwarf_siblingof(&type, &type) == 0);
        if (is_complete(search))
            return;
    }
}

struct spprof_error *layout_dwarf_offsets_read(struct spprof_target *target, const struct spprof_module *module, const int32_t *wanted,
                                               struct dwarf_offsets *offsets)
{
    *offsets = (struct dwarf_offsets){0};
    CLEANUP_FREE struct dwarf_search *search = malloc(sizeof *search);
    if (search == NULL)
        return spprof_error_no_memory();
    CLEANUP(layout_debug_file_close) struct debug_file file;
    TRY(layout_debug_file_open(target, module, &file));
    *search = (struct dwarf_search){.wanted = wanted, .offsets = offsets};
    list_sections(search, file.dwarf);
    if (file.alternate != NULL)
        list_sections(search, file.alternate);
    list_places(search);
    look_at_units(search, file.dwarf, true);
    if (!is_complete(search))
        look_at_units(search, file.dwarf, false);
    if (!is_complete(search) && file.alternate != NULL)
        look_at_units(search, file.alternate, false);
    if (offsets->found == 0)
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "The debug information in %s says nothing of CPython.", file.path);
    offsets->file = file.path;
    file.path = NULL;
    return NULL;
}

void layout_dwarf_offsets_free(struct dwarf_offsets *offsets)
{
    free(offsets->file);
}
