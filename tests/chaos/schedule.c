/* Draws and prints schedules. SplitMix64 is the source: a seed of 1 and one of 2 have nothing in
 * common. */
#include "schedule.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    int lasts, shim;
} kinds[] = {
#define SCHEDULE_KIND(name, text, lasts, shim) {text, lasts, shim},
    SCHEDULE_FAULTS(SCHEDULE_KIND)
#undef SCHEDULE_KIND
};

static uint64_t draw(uint64_t *state, uint64_t below)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % below;
}

static int compare(const void *a, const void *b)
{
    const struct schedule_event *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

static enum schedule_fault draw_fault(uint64_t *state, int shim)
{
    enum schedule_fault fault;
    do
        fault = (enum schedule_fault)draw(state, SCHEDULE_KINDS);
    while (kinds[fault].shim && !shim);
    return fault;
}

void schedule_draw(struct schedule *schedule, uint64_t seed, uint64_t tasks, int shim)
{
    uint64_t state = seed;
    *schedule = (struct schedule){.seed = seed};
    schedule->workers = 2 + (unsigned)draw(&state, SCHEDULE_WORKERS - 1);
    schedule->count = 3 + draw(&state, SCHEDULE_MOST - 2);
    for (size_t i = 0; i < schedule->count; i++)
        schedule->events[i] = (struct schedule_event){
            .fault = draw_fault(&state, shim),
            .at = draw(&state, tasks * 19 / 20),
            .worker = (unsigned)draw(&state, schedule->workers),
            .percent = 30 + (unsigned)draw(&state, 200),
        };
    qsort(schedule->events, schedule->count, sizeof *schedule->events, compare);
}

int schedule_lasts(enum schedule_fault fault)
{
    return kinds[fault].lasts;
}

void schedule_print_event(const struct schedule_event *event, FILE *out)
{
    fprintf(out, "after %llu tasks: %s", (unsigned long long)event->at, kinds[event->fault].text);
    const char *text = kinds[event->fault].text;
    if (strlen(text) > 6 && strcmp(text + strlen(text) - 6, "worker") == 0)
        fprintf(out, " %u", event->worker);
    if (kinds[event->fault].lasts)
        fprintf(out, " for %u %% of the silence", event->percent);
}
