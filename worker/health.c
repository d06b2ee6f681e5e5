/* Two threads, three atomic numbers: the reader may see a task's end before its time is added,
 * which the next heartbeat mends. */
#include "worker/health.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

void health_begin(struct health *health)
{
    atomic_store(&health->since, clock_now());
}

void health_end(struct health *health, double operations)
{
    long long since = atomic_exchange(&health->since, 0);
    atomic_fetch_add(&health->busy, clock_now() - since);
    atomic_fetch_add(&health->mflop, (long long)(operations / 1e6));
}

uint64_t health_busy_us(const struct health *health)
{
    long long since = atomic_load(&health->since), busy = atomic_load(&health->busy);
    if (since)
        busy += clock_now() - since;
    return (uint64_t)busy / 1000;
}

/* ---- temperature ---- */

static const char *const cpu_drivers[] = {"coretemp", "k10temp", "zenpower", "cpu_thermal", NULL};
static const char *const gpu_drivers[] = {"amdgpu", "nouveau", "i915", "xe", "radeon", NULL};

/* "" where the path is too long. */
static void join(char *path, size_t size, const char *root, const char *device, const char *file)
{
    if ((size_t)snprintf(path, size, "%s/%s/%s", root, device, file) >= size)
        path[0] = '\0';
}

static bool read_line(const char *path, char *line, size_t size)
{
    FILE *in = path[0] ? fopen(path, "re") : NULL;
    bool read = in && fgets(line, (int)size, in) != NULL;
    if (in)
        fclose(in);
    return read;
}

static bool is_driver(const char *const *drivers, const char *root, const char *device)
{
    char name[64], path[600];
    join(path, sizeof path, root, device, "name");
    if (!read_line(path, name, sizeof name))
        return false;
    name[strcspn(name, "\n")] = '\0';
    for (; *drivers; drivers++)
        if (strcmp(*drivers, name) == 0)
            return true;
    return false;
}

/* Thousandths of a degree Celsius. */
static bool read_sensor(const char *path, long *value)
{
    char line[32];
    return read_line(path, line, sizeof line) && sscanf(line, "%ld", value) == 1;
}

static void look(struct health_sensor *sensor, const char *root, enum device_kind kind)
{
    const char *const *drivers = kind == DEVICE_GPU ? gpu_drivers : cpu_drivers;
    char path[600];
    long value, count = 0;
    *sensor = (struct health_sensor){.looked = true};
    DIR *folder = kind == DEVICE_OTHER ? NULL : opendir(root);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));) {
        join(path, sizeof path, root, entry->d_name, "temp1_input");
        if (entry->d_name[0] == '.' || !is_driver(drivers, root, entry->d_name) ||
            !read_sensor(path, &value))
            continue;
        memcpy(sensor->path, path, sizeof path);
        count++;
    }
    closedir(folder);
    if (count != 1)
        sensor->path[0] = '\0';
}

uint64_t health_millikelvin(struct health_sensor *sensor, const char *root, enum device_kind kind)
{
    long value = 0;
    if (!sensor->looked)
        look(sensor, root, kind);
    if (!sensor->path[0])
        return 0;
    if (!read_sensor(sensor->path, &value)) {
        sensor->looked = false; /* for the next time */
        return 0;
    }
    return value > -273150 && value < 1000000 ? (uint64_t)(value + 273150) : 0;
}
