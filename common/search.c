/* The search as a state of a few numbers; see the header for the method. */
#include "common/search.h"

#include <math.h>

#define FIRST_STEP 16  /* of the limit */
#define NARROWEST 1e-7 /* of the limit: a bracket that holds a jump */

static void finish(struct search *s, enum move_end end)
{
    s->end = end;
    s->ended = true;
}

static void note(struct search *s, double alpha, double f)
{
    s->asked++;
    if (s->asked == 1 || fabs(f) < fabs(s->f_best)) {
        s->best = alpha;
        s->f_best = f;
    }
    if (fabs(f) <= s->tolerance)
        finish(s, MOVE_REACHED);
    else if (s->asked >= s->most)
        finish(s, MOVE_EVALUATIONS);
}

/* The next α on the side that is followed. */
static double step_from(const struct search *s)
{
    double from = fabs(s->edge[s->side]);
    double to = from > 0 ? fmin(2 * from, s->limit) : s->limit / FIRST_STEP;
    return s->side == 0 ? to : -to;
}

void search_begin(struct search *s, double start, int side)
{
    *s = (struct search){.limit = s->limit, .tolerance = s->tolerance, .most = s->most};
    note(s, 0, start);
    s->f_far = s->f_edge[0] = s->f_edge[1] = start;
    s->side = (start < 0) == (side > 0) ? 0 : 1;
    s->next = step_from(s);
}

bool search_next(const struct search *s, double *alpha)
{
    if (!s->ended)
        *alpha = s->next;
    return !s->ended;
}

/* Inside the bracket: where the line through its ends is 0, or its middle. */
static double inside(const struct search *s, bool halve)
{
    double middle = s->near + (s->far - s->near) / 2;
    double share = s->f_near / (s->f_near - s->f_far);
    double at = s->near + share * (s->far - s->near);
    double least = fmin(s->near, s->far), most = fmax(s->near, s->far);
    return halve || !(at > least && at < most) ? middle : at;
}

static void narrow(struct search *s)
{
    double width = fabs(s->far - s->near);
    bool halve = false;
    if (width < s->limit * NARROWEST) {
        finish(s, MOVE_NOWHERE);
        return;
    }
    if (++s->narrowed % 2 == 0) {
        halve = width > s->width / 2;
        s->width = width;
    }
    s->next = inside(s, halve);
}

/* The new point becomes `near`; `far` is the end on the other side of 0, worth half if it stays. */
static void shrink(struct search *s, double f)
{
    if ((f < 0) == (s->f_near < 0)) {
        s->f_far /= 2;
    } else {
        s->far = s->near;
        s->f_far = s->f_near;
    }
    s->near = s->next;
    s->f_near = f;
    narrow(s);
}

/* The side that the next step is made on: the other one if the first step on this led away, the
 * better one once both have theirs, and the other one again from the limit on. */
static int choose_side(const struct search *s, bool first)
{
    int here = s->side, there = 1 - here;
    if (first && s->edge[there] == 0)
        return fabs(s->f_edge[here]) > fabs(s->f_far) ? there : here;
    if (first && fabs(s->edge[there]) < s->limit && fabs(s->f_edge[there]) < fabs(s->f_edge[here]))
        return there;
    return fabs(s->edge[here]) >= s->limit ? there : here;
}

static void step_on(struct search *s, double f)
{
    bool first = s->edge[s->side] == 0;
    s->edge[s->side] = s->next;
    s->f_edge[s->side] = f;
    s->side = choose_side(s, first);
    if (fabs(s->edge[s->side]) >= s->limit)
        finish(s, MOVE_LIMIT);
    else
        s->next = step_from(s);
}

void search_take(struct search *s, double f)
{
    if (s->ended)
        return;
    note(s, s->next, f);
    if (s->ended)
        return;
    if (s->bracketed) {
        shrink(s, f);
        return;
    }
    if ((f < 0) == (s->f_far < 0)) {
        step_on(s, f);
        return;
    }
    s->bracketed = true;
    s->far = s->edge[s->side];
    s->f_far = s->f_edge[s->side];
    s->near = s->next;
    s->f_near = f;
    s->width = fabs(s->far - s->near);
    narrow(s);
}

enum move_end search_result(const struct search *s, double *alpha)
{
    *alpha = s->best;
    return s->end;
}
