/* Busy time by a made-up clock, and temperatures of a made-up hwmon. */
#include "tests/common/check.h"

#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/health.h"

static int64_t now;

static int64_t told_time(void)
{
    return now;
}

static void busy_time_counts_the_present_task(void **state)
{
    struct health health = {0};
    (void)state;
    clock_replace(told_time);
    now = 10 * CLOCK_SECOND;
    assert_int_equal(health_busy_us(&health), 0);
    health_begin(&health);
    now += CLOCK_SECOND;
    assert_int_equal(health_busy_us(&health), 1000000);
    health_end(&health, 5e9);
    now += CLOCK_SECOND;
    assert_int_equal(health_busy_us(&health), 1000000);
    health_begin(&health);
    now += CLOCK_MILLISECOND;
    assert_int_equal(health_busy_us(&health), 1001000);
    assert_int_equal(atomic_load(&health.mflop), 5000);
    clock_replace(NULL);
}

static void write_text(const char *folder, const char *device, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, device);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/%s/%s", folder, device, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static uint64_t fresh(const char *root, enum device_kind kind)
{
    struct health_sensor sensor = {0};
    return health_millikelvin(&sensor, root, kind);
}

static void temperatures_are_of_one_device(void **state)
{
    char folder[] = "/tmp/facefarm-hwmon-XXXXXX", command[128];
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(fresh("/nowhere/at/all", DEVICE_CPU), 0);
    write_text(folder, "hwmon0", "name", "nvme\n");
    write_text(folder, "hwmon0", "temp1_input", "30000\n");
    assert_int_equal(fresh(folder, DEVICE_CPU), 0);
    write_text(folder, "hwmon1", "name", "k10temp\n");
    assert_int_equal(fresh(folder, DEVICE_CPU), 0);
    write_text(folder, "hwmon1", "temp1_input", "45125\n");
    assert_int_equal(fresh(folder, DEVICE_CPU), 318275);
    assert_int_equal(fresh(folder, DEVICE_GPU), 0);
    write_text(folder, "hwmon2", "name", "amdgpu\n");
    write_text(folder, "hwmon2", "temp1_input", "71000\n");
    assert_int_equal(fresh(folder, DEVICE_GPU), 344150);
    assert_int_equal(fresh(folder, DEVICE_OTHER), 0);
    write_text(folder, "hwmon3", "name", "amdgpu\n");
    write_text(folder, "hwmon3", "temp1_input", "72000\n");
    assert_int_equal(fresh(folder, DEVICE_GPU), 0); /* which of them? */
    write_text(folder, "hwmon1", "temp1_input", "hot\n");
    assert_int_equal(fresh(folder, DEVICE_CPU), 0);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* Every heartbeat asks. */
static void a_sensor_is_looked_for_once(void **state)
{
    char folder[] = "/tmp/facefarm-hwmon-XXXXXX", command[128], file[64];
    struct health_sensor sensor = {0};
    (void)state;
    assert_non_null(mkdtemp(folder));
    write_text(folder, "hwmon0", "name", "coretemp\n");
    write_text(folder, "hwmon0", "temp1_input", "40000\n");
    assert_int_equal(health_millikelvin(&sensor, folder, DEVICE_CPU), 313150);
    write_text(folder, "hwmon1", "name", "k10temp\n"); /* which a look would make two */
    write_text(folder, "hwmon1", "temp1_input", "50000\n");
    write_text(folder, "hwmon0", "temp1_input", "41000\n");
    assert_int_equal(health_millikelvin(&sensor, folder, DEVICE_CPU), 314150);
    snprintf(file, sizeof file, "%s/hwmon0/temp1_input", folder);
    assert_int_equal(remove(file), 0);
    assert_int_equal(health_millikelvin(&sensor, folder, DEVICE_CPU), 0);
    assert_int_equal(health_millikelvin(&sensor, folder, DEVICE_CPU), 323150);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(busy_time_counts_the_present_task),
        cmocka_unit_test(temperatures_are_of_one_device),
        cmocka_unit_test(a_sensor_is_looked_for_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
