/* Interval sets against a plain array of flags. */
#include "tests/common/check.h"

#include "common/interval.h"
#include "common/latent.h"

#define SIDE 200

static struct error err;

static uint32_t draw(uint32_t number, uint32_t below)
{
    const uint32_t key[2] = {42, 0}, counter[4] = {number, 0, 0, 0};
    uint32_t out[4];
    latent_philox(key, counter, out);
    return out[0] % below;
}

static void check_equal(const struct interval_set *set, const bool *flags)
{
    uint64_t size = 0;
    for (uint64_t i = 0; i < SIDE; i++) {
        assert_int_equal(interval_set_contains(set, i, i + 1), flags[i]);
        assert_int_equal(interval_set_overlaps(set, i, i + 1), flags[i]);
        size += flags[i];
    }
    assert_int_equal(interval_set_size(set), size);
    for (size_t i = 0; i < set->count; i++) {
        assert_true(set->items[i].start < set->items[i].end);
        if (i)
            assert_true(set->items[i - 1].end < set->items[i].start);
    }
}

static void follows_an_array_of_flags(void **state)
{
    (void)state;
    struct interval_set set = {0};
    bool flags[SIDE] = {0};
    for (uint32_t round = 0; round < 3000; round++) {
        uint64_t start = draw(3 * round, SIDE), end = start + draw(3 * round + 1, 20);
        bool add = draw(3 * round + 2, 2);
        uint64_t added = 0, removed = 0, fresh = 0, gone = 0;
        end = end > SIDE ? SIDE : end;
        for (uint64_t i = start; i < end; i++) {
            fresh += add && !flags[i];
            gone += !add && flags[i];
            flags[i] = add;
        }
        if (add)
            assert_ok(interval_set_add(&set, start, end, &added, &err));
        else
            assert_ok(interval_set_remove(&set, start, end, &removed, &err));
        assert_int_equal(added, fresh);
        assert_int_equal(removed, gone);
        check_equal(&set, flags);
    }
    interval_set_free(&set);
}

static void gaps_cover_everything_once(void **state)
{
    (void)state;
    struct interval_set done = {0}, leased = {0};
    struct interval gap;
    assert_ok(interval_set_add(&done, 5, 17, NULL, &err));
    assert_ok(interval_set_add(&leased, 30, 31, NULL, &err));
    while (interval_first_gap(&done, &leased, 0, 100, 12, 4, &gap)) {
        assert_true(gap.start < gap.end && gap.end <= 100);
        assert_false(interval_set_overlaps(&done, gap.start, gap.end));
        assert_false(interval_set_overlaps(&leased, gap.start, gap.end));
        if (gap.end - gap.start > 4)
            assert_int_equal(gap.end % 4, 0);
        assert_ok(interval_set_add(&leased, gap.start, gap.end, NULL, &err));
    }
    assert_int_equal(interval_set_size(&done) + interval_set_size(&leased), 100);
    interval_set_free(&done);
    interval_set_free(&leased);
}

static void a_billion_is_one_interval(void **state)
{
    (void)state;
    struct interval_set set = {0};
    uint64_t size = 1000000000;
    for (uint64_t at = 0; at < size; at += size / 1000)
        assert_ok(interval_set_add(&set, at, at + size / 1000, NULL, &err));
    assert_int_equal(set.count, 1);
    assert_true(interval_set_contains(&set, 0, size));
    assert_error(interval_set_add(&set, 3, 2, NULL, &err), E_INVALID, "before it starts");
    interval_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_an_array_of_flags),
        cmocka_unit_test(gaps_cover_everything_once),
        cmocka_unit_test(a_billion_is_one_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
