/*
 * The versions whose memory unit tests make: the one list of them, and of the groups that tests are made for. TEST(test, index, label) is one test of
 * cmocka; index is that of `versions`.
 */
#ifndef TESTS_UNIT_VERSIONS_H
#define TESTS_UNIT_VERSIONS_H

#include <stdbool.h>
#include <stdint.h>

struct version {
    uint32_t hex;
    bool free_threaded;
};

static const struct version versions[] = {
    {0x030912f0, false}, {0x030a0df0, false}, {0x030b07f0, false}, {0x030c01f0, false}, {0x030d0df0, false},
    {0x030d0df0, true},  {0x030e07f0, false}, {0x030e07f0, true},  {0x030f02f0, false}, {0x030f02f0, true},
};

#define VERSIONS_BEFORE_3_11(TEST, test) TEST(test, 0, "3.9"), TEST(test, 1, "3.10")
#define VERSIONS_SINCE_3_11(TEST, test) TEST(test, 2, "3.11"), VERSIONS_SINCE_3_12(TEST, test)
#define VERSIONS_SINCE_3_12(TEST, test) TEST(test, 3, "3.12"), VERSIONS_SINCE_3_13(TEST, test)
#define VERSIONS_SINCE_3_13(TEST, test) TEST(test, 4, "3.13"), TEST(test, 5, "3.13t"), VERSIONS_SINCE_3_14(TEST, test)
#define VERSIONS_SINCE_3_14(TEST, test) TEST(test, 6, "3.14"), TEST(test, 7, "3.14t"), TEST(test, 8, "3.15"), TEST(test, 9, "3.15t")
#define VERSIONS_FREE_THREADED(TEST, test) TEST(test, 5, "3.13t"), TEST(test, 7, "3.14t"), TEST(test, 9, "3.15t")
#define VERSIONS_EACH(TEST, test) VERSIONS_BEFORE_3_11(TEST, test), VERSIONS_SINCE_3_11(TEST, test)

#endif
