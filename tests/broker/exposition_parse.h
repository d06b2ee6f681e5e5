/* A strict reader of Prometheus's text format: fails the test at whatever Prometheus would refuse,
 * or its conventions do not want. */
#ifndef TESTS_BROKER_EXPOSITION_PARSE_H
#define TESTS_BROKER_EXPOSITION_PARSE_H

/* Checks a whole page: every family has HELP and TYPE before its samples, once; names and labels
 * are well formed and escaped; no series stands there twice; counters end with _total and are not
 * negative; a histogram's buckets ascend to +Inf, which is its count. */
void exposition_check(const char *page);
/* The value of a series, written as in the page: name{label="value"}. Fails where there is none. */
double exposition_value(const char *page, const char *series);

#endif
