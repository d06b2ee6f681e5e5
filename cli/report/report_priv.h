/* What the report's sections share. */
#ifndef CLI_REPORT_REPORT_PRIV_H
#define CLI_REPORT_REPORT_PRIV_H

#include "cli/report/html.h"
#include "cli/report/matrices.h"
#include "cli/report/report.h"
#include "common/limits.h"
#include "common/spec.h"

/* What the study reached; ours stand beside it and come from the database alone. */
#define STUDY_TEST_ACCURACY 0.791
#define STUDY_F1 0.336
#define STUDY_AGE_SHIFT 19.2
#define STUDY_AGE_BEFORE 23
#define STUDY_AGE_AFTER 42

/* How far the edited faces of a stage lie from the sampled ones, as distributions (common/distances.h). */
struct report_distance {
    char stage[LIMIT_NAME_BYTES + 1];
    char network[LIMIT_NAME_BYTES + 1]; /* whose features; "": the classifier's logits */
    size_t width, faces;
    bool projected;
    double frechet, unbiased, kernel, sliced;
};

struct report {
    struct database *db;
    const char *store, *output;
    int64_t job;
    FILE *talk;
    struct html html;
    struct report_headline headline;
    struct spec *spec; /* the job's, NULL where it cannot be read any more */
    int64_t evaluate;  /* the first evaluate stage's id, 0: none */
    bool has_sheets;
    int missing; /* pictures that the store lacks */
    struct matrices matrices;
    struct report_distance *distances;
    size_t distances_count;
};

/* A statement of report.sql with ?1 bound. */
MUST_CHECK int report_query(struct report *report, const char *name, int64_t id,
                            struct statement **statement, struct error *err);

/* The text of a statement of report.sql as one would type it, ?1 replaced by the job's number. */
MUST_CHECK int report_sql(const char *name, int64_t job, struct buffer *text, struct error *err);

/* A statement's column as a figure. */
struct figure report_figure(struct statement *statement, int column);
/* The figure with so many decimals, or a dash. A zero, rounded, has no sign. */
void report_print(struct html *html, struct figure figure, int decimals);
/* With its sign, "+19.2" or "−3.0". */
void report_signed(struct html *html, struct figure figure, int decimals);
/* A shift of age with its sign and one decimal, with two below a year: "+35.0", "−0.05". */
void report_years(struct html *html, double years);

/* "Wearing_Hat" as people read it: "Wearing hat". Into a buffer of `size`. */
void report_name(const char *attribute, char *text, size_t size);

/* Says in a sentence what the projected edit of the stage holds. Nothing where it has no
 * conditions. */
void report_conditions(struct report *report, const char *stage);

/* Opens and ends a section with a heading and, where not NULL, a sentence below it. */
void report_open(struct html *html, const char *id, const char *title, const char *lead);
void report_close(struct html *html);

/* pictures.c: an <img> with the PNG inside, `scale` times its size (0: as wide as its box); `copy`
 * (may be NULL) is a name below OUTPUT/sheets/ to copy it to. A picture that is not there is a note
 * in its place. */
MUST_CHECK int report_picture(struct report *report, const char *path, const char *alt, int scale,
                              const char *copy, struct error *err);

/* The PNGs of a tar in the store, in its order, until `most` pictures are shown. */
void report_tar(struct report *report, const char *path, int most, int *shown);

/* The sections, in the page's order. Each writes nothing where the job has nothing for it. */
MUST_CHECK int section_head(struct report *report, struct error *err);
MUST_CHECK int section_warnings(struct report *report, struct error *err);
MUST_CHECK int section_problems(struct report *report, struct error *err);
MUST_CHECK int section_samples(struct report *report, struct error *err);
MUST_CHECK int section_photos(struct report *report, struct error *err);
MUST_CHECK int section_classifier(struct report *report, struct error *err);
MUST_CHECK int section_ages(struct report *report, struct error *err);
MUST_CHECK int section_projection(struct report *report, struct error *err);
MUST_CHECK int section_identity(struct report *report, struct error *err);
MUST_CHECK int section_moved(struct report *report, struct error *err);
MUST_CHECK int section_ends(struct report *report, struct error *err);
MUST_CHECK int section_grids(struct report *report, struct error *err);
MUST_CHECK int section_effects(struct report *report, struct error *err);
MUST_CHECK int section_fit(struct report *report, struct error *err);
MUST_CHECK int section_curves(struct report *report, struct error *err);
MUST_CHECK int section_matrices(struct report *report, struct error *err);
MUST_CHECK int section_sheets(struct report *report, struct error *err);
MUST_CHECK int section_boundaries(struct report *report, struct error *err);
MUST_CHECK int section_distribution(struct report *report, struct error *err);
MUST_CHECK int section_run(struct report *report, struct error *err);
MUST_CHECK int section_sources(struct report *report, struct error *err);

/* Parts of section_ages: by whom and how evenly; the sweep, where the job has one (*there). */
MUST_CHECK int measures_parts(struct report *report, struct error *err);
MUST_CHECK int measures_sweep(struct report *report, bool *there, struct error *err);

/* Fills report->distances; their table, nothing where there are none. */
MUST_CHECK int report_make_distances(struct report *report, struct error *err);
void report_distances(struct report *report);

/* Writes OUTPUT/report.json. */
MUST_CHECK int report_json(struct report *report, struct error *err);

#endif
