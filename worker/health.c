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

static bool read_line(const char *root, const char *device, const char *file, char *line,
                      size_t size)
{
    char path[600];
    if ((size_t)snprintf(path, sizeof path, "%s/%s/%s", root, device, file) >= sizeof path)
        return false;
    FILE *in = fopen(path, "re");
    bool read = in && fgets(line, (int)size, in) != NULL;
    if (in)
        fclose(in);
    return read;
}

static bool is_driver(const char *const *drivers, const char *root, const char *device)
{
    char name[64];
    if (!read_line(root, device, "name", name, sizeof name))
        return false;
    name[strcspn(name, "\n")] = '\0';
    for (; *drivers; drivers++)
        if (strcmp(*drivers, name) == 0)
            return true;
    return false;
}

uint64_t health_millikelvin(const char *root, enum device_kind kind)
{
    const char *const *drivers = kind == DEVICE_GPU ? gpu_drivers : cpu_drivers;
    char line[32];
    long found = 0, count = 0;
    DIR *folder = kind == DEVICE_OTHER ? NULL : opendir(root);
    if (!folder)
        return 0;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.' && is_driver(drivers, root, entry->d_name) &&
            read_line(root, entry->d_name, "temp1_input", line, sizeof line) &&
            sscanf(line, "%ld", &found) == 1) /* thousandths of a degree Celsius */
            count++;
    closedir(folder);
    return count == 1 && found > -273150 && found < 1000000 ? (uint64_t)(found + 273150) : 0;
}
