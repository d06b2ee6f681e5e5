/* Two jobs laid side by side: two bundles, two discounts, two devices. */
#ifndef CLI_REPORT_COMPARE_H
#define CLI_REPORT_COMPARE_H

#include "db/database.h"

struct compare_job {
    struct database *db;
    const char *path; /* of the database, to be shown */
    int64_t id;
};

/* Writes OUTPUT/compare.html and OUTPUT/compare.json. */
MUST_CHECK int compare_write(const struct compare_job jobs[2], const char *output,
                             struct error *err);

#endif
