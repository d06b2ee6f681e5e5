/* Draws progress. What broker and specs name is printed with control characters replaced. */
#include "cli/progress.h"

#include <ctype.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/clock.h"

#define BAR_MAX 28
#define PLAIN_INTERVAL (5 * CLOCK_SECOND)

void progress_open(struct progress *progress, FILE *out)
{
    *progress = (struct progress){.out = out, .terminal = isatty(fileno(out)) == 1};
}

void progress_duration(double seconds, char *text, size_t size)
{
    long whole = (long)(seconds + 0.5);
    if (whole >= 3600)
        snprintf(text, size, "%ld h %02ld min", whole / 3600, whole / 60 % 60);
    else if (whole >= 60)
        snprintf(text, size, "%ld min %02ld s", whole / 60, whole % 60);
    else
        snprintf(text, size, "%ld s", whole);
}

static int terminal_width(FILE *out)
{
    struct winsize size;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

static void print_name(FILE *out, const char *name, int width)
{
    int column = 0;
    for (; *name && column < width; name++, column++)
        fputc(iscntrl((unsigned char)*name) ? '?' : *name, out);
    fprintf(out, "%*s", width - column, "");
}

static double share_done(const struct wire_stage_info *stage)
{
    return stage->total ? (double)stage->done / (double)stage->total : 0;
}

/* "1200/20000  410/s  46 s" and, where something went wrong, how often. */
static void describe(const struct wire_stage_info *stage, char *text, size_t size)
{
    char left[32], rate[96] = "", bad[96] = "";
    if (strcmp(stage->state, "running") == 0 && stage->rate > 0) {
        progress_duration((double)(stage->total - stage->done) / stage->rate, left, sizeof left);
        snprintf(rate, sizeof rate, "  %.*f/s  %s", stage->rate < 10 ? 1 : 0, stage->rate, left);
    }
    if (stage->poisoned || stage->failures)
        snprintf(bad, sizeof bad, "  %llu failed, %llu set aside",
                 (unsigned long long)stage->failures, (unsigned long long)stage->poisoned);
    snprintf(text, size, "%llu/%llu%s%s", (unsigned long long)stage->done,
             (unsigned long long)stage->total, rate, bad);
}

static void draw_bar(FILE *out, double share, int cells)
{
    static const char *const parts[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int eighths = (int)(share * cells * 8 + 0.5);
    for (int i = 0; i < cells; i++) {
        int here = eighths - i * 8;
        fputs(here >= 8 ? "█" : here <= 0 ? "·" : parts[here], out);
    }
}

static void draw_stage(FILE *out, const struct wire_stage_info *stage, int width)
{
    char text[256];
    describe(stage, text, sizeof text);
    int bar = width - 14 - 10 - 44;
    if (bar > BAR_MAX)
        bar = BAR_MAX;
    fputs("\r\033[K", out);
    print_name(out, stage->name, 14);
    if (bar >= 8) {
        draw_bar(out, share_done(stage), bar);
        fputc(' ', out);
    }
    fprintf(out, "%3.0f %%  ", 100 * share_done(stage));
    int room = width - 14 - 7 - (bar >= 8 ? bar + 1 : 0) - 11;
    print_name(out, stage->state, 10);
    fprintf(out, "%.*s\n", room > 0 ? room : 0, text);
}

static void draw(struct progress *progress, const struct wire_job_state *state)
{
    int width = terminal_width(progress->out);
    const struct wire_stage_info *stages = WIRE_ITEMS(state->stages, stage_info);
    if (progress->drawn)
        fprintf(progress->out, "\033[%zuA", progress->drawn);
    for (size_t i = 0; i < state->stages.count; i++)
        draw_stage(progress->out, &stages[i], width);
    progress->drawn = state->stages.count;
    fflush(progress->out);
}

/* The stages that something can be said of: those whose state is new, and running ones where it is
 * time. */
static void print_plain(struct progress *progress, const struct wire_job_state *state,
                        const char *states, bool due)
{
    const struct wire_stage_info *stages = WIRE_ITEMS(state->stages, stage_info);
    for (size_t i = 0; i < state->stages.count; i++) {
        bool changed = progress->last_states[i] != states[i] && strcmp(stages[i].state, "waiting");
        if (!changed && !(due && strcmp(stages[i].state, "running") == 0))
            continue;
        char text[256];
        describe(&stages[i], text, sizeof text);
        print_name(progress->out, stages[i].name, (int)strnlen(stages[i].name, LIMIT_NAME_BYTES));
        fprintf(progress->out, " %s %s\n", stages[i].state, text);
    }
    fflush(progress->out);
}

static void update_plain(struct progress *progress, const struct wire_job_state *state)
{
    const struct wire_stage_info *stages = WIRE_ITEMS(state->stages, stage_info);
    char states[LIMIT_STAGES + 1] = "";
    uint64_t done = 0;
    for (size_t i = 0; i < state->stages.count; i++) {
        states[i] = stages[i].state[0];
        done += stages[i].done;
    }
    bool changed = strcmp(states, progress->last_states) != 0;
    bool due = clock_now() - progress->last_printed >= PLAIN_INTERVAL;
    if (!changed && (done == progress->last_done || !due))
        return;
    print_plain(progress, state, states, due);
    progress->last_printed = clock_now();
    progress->last_done = done;
    memcpy(progress->last_states, states, sizeof states);
}

/* A line of its own when the broker is paused, and when it goes on. */
static void tell_notice(struct progress *progress, const char *notice)
{
    bool paused = notice[0] != '\0';
    if (paused == progress->paused)
        return;
    fputs(paused ? "the broker is " : "the broker goes on", progress->out);
    print_name(progress->out, notice, (int)strlen(notice));
    fputc('\n', progress->out);
    fflush(progress->out);
    progress->paused = paused;
    progress->drawn = 0; /* the block is drawn anew below it */
}

void progress_update(struct progress *progress, const struct wire_job_state *state)
{
    if (state->stages.count > LIMIT_STAGES)
        return;
    tell_notice(progress, state->notice);
    if (progress->terminal)
        draw(progress, state);
    else
        update_plain(progress, state);
}

void progress_end(struct progress *progress, const struct wire_job_state *state)
{
    progress_update(progress, state);
    if (state->job.count != 1)
        return;
    const struct wire_job_info *job = WIRE_ITEMS(state->job, job_info);
    const struct wire_stage_info *stages = WIRE_ITEMS(state->stages, stage_info);
    char took[32];
    progress_duration((double)(job->ended_ms - job->submitted_ms) / 1000, took, sizeof took);
    fprintf(progress->out, "job %llu (", (unsigned long long)job->job);
    print_name(progress->out, job->name, (int)strnlen(job->name, LIMIT_NAME_BYTES));
    fprintf(progress->out, ") %s after %s\n", job->state, took);
    for (size_t i = 0; i < state->stages.count; i++)
        if (stages[i].error[0]) {
            print_name(progress->out, stages[i].name,
                       (int)strnlen(stages[i].name, LIMIT_NAME_BYTES));
            fprintf(progress->out, ": %s\n", stages[i].error);
        }
    fflush(progress->out);
}
