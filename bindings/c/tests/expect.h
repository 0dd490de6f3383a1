/* What the test programs share: expectations that say where they failed, a server, a client.
 *
 * Each program starts an embedded server; with HOSTS as its argument it uses that server. */

#ifndef PINFOLD_TESTS_EXPECT_H
#define PINFOLD_TESTS_EXPECT_H

#include <pinfold.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPECT(condition)                                                                         \
    do {                                                                                          \
        if (!(condition)) {                                                                       \
            fprintf(stderr, "%s:%d: not so: %s (last: %s)\n", __FILE__, __LINE__, #condition,     \
                    pinfold_last_message());                                                      \
            exit(1);                                                                              \
        }                                                                                         \
    } while (0)

#define EXPECT_STATUS(wanted, call)                                                               \
    do {                                                                                          \
        pinfold_status_t status_ = (call);                                                        \
        if (status_ != (wanted)) {                                                                \
            fprintf(stderr, "%s:%d: %s answered %d %s (%s), not %s\n", __FILE__, __LINE__, #call, \
                    status_, pinfold_status_name(status_), pinfold_last_message(), #wanted);      \
            exit(1);                                                                              \
        }                                                                                         \
    } while (0)

#define EXPECT_OK(call) EXPECT_STATUS(PINFOLD_OK, call)

/* Nothing that a test waits for takes this long. */
#define SOON 30000

static pinfold_server_t *test_server;

__attribute__((unused)) static const char *start_server(int argc, char **argv)
{
    alarm(120); /* a test that hangs is a test that fails */
    if (argc > 1)
        return argv[1];
    EXPECT_OK(pinfold_server_start(NULL, &test_server));
    return pinfold_server_address(test_server);
}

__attribute__((unused)) static pinfold_client_options_t options_for(const char *hosts)
{
    pinfold_client_options_t options;
    EXPECT_OK(pinfold_client_options_init(&options, sizeof options));
    options.hosts = hosts;
    return options;
}

__attribute__((unused)) static pinfold_client_t *connect_to(const char *hosts)
{
    pinfold_client_options_t options = options_for(hosts);
    pinfold_client_t *client = NULL;
    EXPECT_OK(pinfold_client_connect(&options, &client));
    EXPECT(client != NULL);
    return client;
}

/* Creates a znode; one that is there already, from a run before, is emptied of meaning by
 * deleting it first. */
__attribute__((unused)) static void make_node(pinfold_client_t *client, const char *path,
                                              const char *data)
{
    pinfold_client_delete(client, path, PINFOLD_ANY_VERSION, SOON, NULL);
    EXPECT_OK(pinfold_client_create(client, path, data, strlen(data),
                                    PINFOLD_CREATE_MODE_PERSISTENT, NULL, 0, SOON, NULL));
}

/* Counts how often a user_data is released. */
static atomic_int released;

__attribute__((unused)) static void count_release(void *user_data)
{
    (void)user_data;
    atomic_fetch_add(&released, 1);
}

__attribute__((unused)) static void stop_server(void)
{
    EXPECT_OK(pinfold_server_free(test_server));
}

#endif
