/*
 * What chaos.c and torture.c share with libfacefarm_chaos.so, which they load (LD_PRELOAD) into the
 * farm's processes: a block in a file that both map. It is all zero at first, and then the shim
 * changes nothing. Counts go on over a process's end, as the file stays.
 */
#ifndef TESTS_CHAOS_SHIM_H
#define TESTS_CHAOS_SHIM_H

#include <stdint.h>

#define SHIM_FILE "FACEFARM_CHAOS" /* the variable that names the file */

struct shim {
    /* Added to the wall clock, milliseconds. The monotonic clock is left alone, as by the system.
     */
    _Atomic int64_t clock_offset_ms;
    /* What every write, sync and creation of a file fails with (an errno), 0: none does. Reading
     * goes on. */
    _Atomic int64_t write_error;
    _Atomic int64_t store_only; /* 1: of files with "store/" in their path only */
    _Atomic int64_t writes;     /* writes, syncs, truncations and renames of files so far */
    _Atomic int64_t fail_write; /* the number of the one that fails, with `write_error_once` */
    _Atomic int64_t write_error_once;
    _Atomic int64_t kill_write;      /* the number of the one that SIGKILL comes before */
    _Atomic int64_t allocations;     /* so far */
    _Atomic int64_t fail_allocation; /* the number of the one that fails */
    _Atomic int64_t session;         /* a worker's session number, 0: drawn as ever */
};

#endif
