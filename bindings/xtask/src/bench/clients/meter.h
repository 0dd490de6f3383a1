/* How much a C client does: PROGRAM ADDRESS WINDOW BYTES WARM SECONDS.
 *
 * Every reply is looked at; one that is wrong or an error ends the program without a figure. A
 * window of 1 means blocking calls, one after another; otherwise every reply sends another request.
 */
#ifndef METER_H
#define METER_H

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define METER_PATH "/bench"

typedef struct {
    const char *address;
    int window;
    size_t bytes;
    double warm, seconds;
    double until, begun, spent;
    long counted;
    int counts;
    atomic_long operations;
    atomic_int in_flight, over;
} meter_t;

static inline double meter_clock(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static inline void meter_fail(const char *what, long number)
{
    fprintf(stderr, "%s: %ld\n", what, number);
    exit(1);
}

static inline void meter_init(meter_t *meter, int argc, char **argv)
{
    if (argc != 6)
        meter_fail("arguments", argc);
    *meter = (meter_t){.address = argv[1], .window = atoi(argv[2])};
    meter->bytes = (size_t)atol(argv[3]);
    meter->in_flight = meter->window;
    meter->warm = atof(argv[4]);
    meter->seconds = atof(argv[5]);
    meter->until = meter_clock(CLOCK_MONOTONIC) + meter->warm;
}

/* A reply has come. Any thread. */
static inline void meter_count(meter_t *meter, size_t bytes)
{
    if (bytes != meter->bytes)
        meter_fail("bytes", (long)bytes);
    atomic_fetch_add_explicit(&meter->operations, 1, memory_order_relaxed);
}

/* Whether more is due. Prints the figures when nothing is. One thread. */
static inline int meter_goes_on(meter_t *meter)
{
    double now = meter_clock(CLOCK_MONOTONIC);
    if (now < meter->until)
        return 1;
    double spent = meter_clock(CLOCK_PROCESS_CPUTIME_ID);
    long operations = atomic_load(&meter->operations);
    if (!meter->counts) {
        meter->counts = 1;
        meter->begun = now;
        meter->spent = spent;
        meter->counted = operations;
        meter->until = now + meter->seconds;
        return 1;
    }
    printf("{\"operations\":%ld,\"seconds\":%f,\"processor\":%f}\n", operations - meter->counted,
           now - meter->begun, spent - meter->spent);
    return 0;
}

/* In a callback: whether another request is to take the place of the one that was answered. */
static inline int meter_next(meter_t *meter)
{
    if (!atomic_load_explicit(&meter->over, memory_order_relaxed))
        return 1;
    atomic_fetch_sub(&meter->in_flight, 1);
    return 0;
}

/* Waits while other threads work, until nothing more is due and everything is answered. */
static inline void meter_wait(meter_t *meter)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    while (meter_goes_on(meter))
        nanosleep(&pause, NULL);
    atomic_store(&meter->over, 1);
    while (atomic_load(&meter->in_flight) > 0)
        nanosleep(&pause, NULL);
}

#endif
