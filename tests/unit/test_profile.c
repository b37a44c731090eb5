/* The tree of a profile: what is one place, one thread, one call path, and how often it was seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spprof/profile.h"

static struct spprof_text text(char *bytes)
{
    return (struct spprof_text){.bytes = bytes, .size = bytes == NULL ? 0 : strlen(bytes)};
}

static struct spprof_profile *new_profile(void)
{
    struct spprof_profile *profile;
    assert_null(spprof_profile_new(&profile));
    return profile;
}

static uint32_t new_place(struct spprof_profile *profile, char *function, char *file, int32_t first_line, int32_t line)
{
    const struct spprof_place place = {.function = text(function), .file = text(file), .first_line = first_line, .line = line};
    return spprof_profile_place(profile, &place);
}

static uint32_t new_thread(struct spprof_profile *profile, int64_t tid, char *name)
{
    const struct spprof_text name_text = text(name);
    return spprof_profile_thread(profile, tid, &name_text, "python3", tid == 1);
}

static void places_are_told_apart_by_all_they_hold(void **state)
{
    (void)state;
    struct spprof_profile *profile = new_profile();
    char f[] = "f", g[] = "g", file[] = "a.py", other_file[] = "b.py", empty[] = "";
    uint32_t first = new_place(profile, f, file, 1, 2);
    f[0] = 'x'; /* it was copied */
    char again[] = "f";
    assert_int_equal(new_place(profile, again, file, 1, 2), first);
    assert_int_not_equal(new_place(profile, again, file, 1, 3), first);
    assert_int_not_equal(new_place(profile, again, file, 2, 2), first);
    assert_int_not_equal(new_place(profile, again, other_file, 1, 2), first);
    assert_int_not_equal(new_place(profile, g, file, 1, 2), first);
    assert_int_not_equal(new_place(profile, again, file, 1, SPPROF_NO_POSITION), first);
    assert_int_not_equal(new_place(profile, NULL, file, 1, 2), new_place(profile, empty, file, 1, 2));
    assert_int_equal(profile->place_count, 8);
    assert_string_equal(profile->places[first].function.bytes, "f");
    spprof_profile_free(profile);
}

static void text_may_hold_zeros(void **state)
{
    (void)state;
    struct spprof_profile *profile = new_profile();
    char left[] = "a\0b", right[] = "a\0c", file[] = "f";
    struct spprof_place place = {.function = {.bytes = left, .size = 3}, .file = text(file)};
    uint32_t first = spprof_profile_place(profile, &place);
    place.function.bytes = right;
    assert_int_not_equal(spprof_profile_place(profile, &place), first);
    assert_memory_equal(profile->places[first].function.bytes, "a\0b", 4);
    spprof_profile_free(profile);
}

static void a_thread_gets_its_name_late_and_loses_it_early(void **state)
{
    (void)state;
    struct spprof_profile *profile = new_profile();
    char worker[] = "worker", other[] = "other";
    uint32_t thread = new_thread(profile, 7, NULL);
    assert_null(profile->threads[thread].name.bytes);
    assert_int_equal(new_thread(profile, 7, worker), thread);
    assert_string_equal(profile->threads[thread].name.bytes, "worker");
    assert_int_equal(new_thread(profile, 7, NULL), thread);
    assert_int_equal(new_thread(profile, 7, worker), thread);

    uint32_t reused = new_thread(profile, 7, other); /* the kernel gave the id again */
    assert_int_not_equal(reused, thread);
    assert_int_equal(new_thread(profile, 7, NULL), reused);
    assert_int_equal(new_thread(profile, 7, worker), thread);
    assert_int_not_equal(new_thread(profile, 8, worker), thread);
    assert_int_equal(profile->thread_count, 3);
    assert_string_equal(profile->threads[0].os_name, "python3");
    assert_int_not_equal(profile->threads[0].root, profile->threads[1].root);
    spprof_profile_free(profile);
}

/*
 *  root -+- a (2) -+- b (3)
 *        |         +- c (0) --- b (5)
 *        +- (1)
 */
static void totals_are_those_of_the_paths_through(void **state)
{
    (void)state;
    struct spprof_profile *profile = new_profile();
    char file[] = "f.py", a_name[] = "a", b_name[] = "b", c_name[] = "c", name[] = "main";
    uint32_t thread = new_thread(profile, 1, name), root = profile->threads[thread].root;
    uint32_t a = new_place(profile, a_name, file, 1, 1), b = new_place(profile, b_name, file, 1, 1);
    uint32_t c = new_place(profile, c_name, file, 1, 1);
    uint32_t under_a = spprof_profile_child(profile, root, a);
    uint32_t under_c = spprof_profile_child(profile, spprof_profile_child(profile, under_a, c), b);
    uint32_t under_ab = spprof_profile_child(profile, under_a, b);
    assert_int_not_equal(under_c, under_ab);
    assert_int_equal(spprof_profile_child(profile, under_a, b), under_ab);
    spprof_profile_count(profile, thread, under_a, 2);
    spprof_profile_count(profile, thread, under_ab, 3);
    spprof_profile_count(profile, thread, under_c, 4);
    spprof_profile_count(profile, thread, root, 1);
    spprof_profile_finish(profile);
    spprof_profile_count(profile, thread, under_c, 1);
    spprof_profile_finish(profile);
    assert_int_equal(profile->nodes[root].total, 11);
    assert_int_equal(profile->nodes[root].self, 1);
    assert_int_equal(profile->nodes[under_a].total, 10);
    assert_int_equal(profile->nodes[under_a].self, 2);
    assert_int_equal(profile->nodes[under_c].total, 5);
    assert_int_equal(profile->nodes[under_ab].total, 3);
    assert_int_equal(profile->samples, 11);
    assert_int_equal(profile->threads[thread].samples, 11);

    uint32_t children = 0;
    for (uint32_t child = profile->nodes[under_a].first_child; child != SPPROF_NONE; child = profile->nodes[child].next_sibling)
        children += profile->nodes[child].parent == under_a;
    assert_int_equal(children, 2);
    spprof_profile_free(profile);
}

/* One node with 300,000 children, each found again: only an index makes that a matter of moments. */
static void many_children_cost_no_more_than_few(void **state)
{
    (void)state;
    enum { CHILDREN = 300000 };
    struct spprof_profile *profile = new_profile();
    char file[] = "f.py", f[] = "f";
    uint32_t thread = new_thread(profile, 1, NULL), root = profile->threads[thread].root;
    for (int round = 0; round < 3; round++)
        for (int32_t i = 0; i < CHILDREN; i++)
            spprof_profile_count(profile, thread, spprof_profile_child(profile, root, new_place(profile, f, file, 1, i)), 1);
    spprof_profile_finish(profile);
    assert_int_equal(profile->node_count, CHILDREN + 1);
    assert_int_equal(profile->place_count, CHILDREN);
    for (uint32_t i = 1; i < profile->node_count; i++)
        assert_int_equal(profile->nodes[i].total, 3);
    spprof_profile_free(profile);
}

static void memory_is_bounded_by_distinct_stacks(void **state)
{
    (void)state;
    struct spprof_profile *profile = new_profile();
    char file[] = "f.py", f[] = "f", name[] = "main";
    for (int sample = 0; sample < 100000; sample++) {
        uint32_t thread = new_thread(profile, 1, name), node = profile->threads[thread].root;
        for (int32_t depth = 0; depth < 5; depth++)
            node = spprof_profile_child(profile, node, new_place(profile, f, file, 1, sample % 7 + depth));
        spprof_profile_count(profile, thread, node, 1);
    }
    assert_int_equal(profile->node_count, 1 + 7 * 5);
    assert_int_equal(profile->place_count, 11);
    assert_int_equal(profile->samples, 100000);
    spprof_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_told_apart_by_all_they_hold),
        cmocka_unit_test(text_may_hold_zeros),
        cmocka_unit_test(a_thread_gets_its_name_late_and_loses_it_early),
        cmocka_unit_test(totals_are_those_of_the_paths_through),
        cmocka_unit_test(many_children_cost_no_more_than_few),
        cmocka_unit_test(memory_is_bounded_by_distinct_stacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
