/* A task queue without a master: a worker claims each task, and commits its result once. */

#include <ctype.h>
#include <pinfold.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TASKS 3

static void check(pinfold_status_t status)
{
    if (status != PINFOLD_OK) {
        fprintf(stderr, "%s: %s\n", pinfold_status_name(status), pinfold_last_message());
        exit(1);
    }
}

static pinfold_client_t *connect_to(const char *hosts)
{
    pinfold_client_options_t options;
    check(pinfold_client_options_init(&options, sizeof options));
    options.hosts = hosts;
    pinfold_client_t *client;
    check(pinfold_client_connect(&options, &client));
    return client;
}

static void work(pinfold_client_t *client)
{
    pinfold_reply_t *reply;
    check(pinfold_queue_claim(client, "/queue", "worker", NULL, 0, NULL, PINFOLD_FOREVER, &reply));
    size_t length;
    const uint8_t *payload = pinfold_reply_data(reply, &length);
    printf("claimed %.*s\n", (int)length, (const char *)payload);
    char result[64];
    for (size_t i = 0; i < length && i < sizeof result; i++)
        result[i] = (char)toupper(payload[i]);
    uint64_t claim = pinfold_reply_recipe(reply);
    check(pinfold_claim_complete(client, claim, result, length, PINFOLD_FOREVER, NULL));
    pinfold_reply_free(reply);
}

int main(int argc, char **argv)
{
    static const char *const PAYLOADS[TASKS] = {"one", "two", "three"};
    pinfold_server_t *server = NULL;
    if (argc < 2)
        check(pinfold_server_start(NULL, &server));
    const char *hosts = argc < 2 ? pinfold_server_address(server) : argv[1];
    pinfold_client_t *client = connect_to(hosts);
    pinfold_client_t *worker = connect_to(hosts);

    pinfold_reply_t *submitted[TASKS];
    for (int i = 0; i < TASKS; i++)
        check(pinfold_queue_submit(client, "/queue", PAYLOADS[i], strlen(PAYLOADS[i]), NULL,
                                   PINFOLD_FOREVER, &submitted[i]));
    printf("submitted %d\n", TASKS);

    for (int i = 0; i < TASKS; i++)
        work(worker);

    for (int i = 0; i < TASKS; i++) {
        pinfold_reply_t *reply;
        check(pinfold_queue_result(client, "/queue", pinfold_reply_task(submitted[i]),
                                   PINFOLD_FOREVER, &reply));
        size_t length;
        const uint8_t *result = pinfold_reply_data(reply, &length);
        printf("result %s = %.*s\n", PAYLOADS[i], (int)length, (const char *)result);
        pinfold_reply_free(reply);
        pinfold_reply_free(submitted[i]);
    }

    pinfold_reply_t *reply;
    check(pinfold_queue_counts(client, "/queue", PINFOLD_FOREVER, &reply));
    pinfold_counts_t counts;
    pinfold_reply_counts(reply, &counts);
    printf("counts: waiting %u, assigned %u, done %u\n", counts.waiting, counts.assigned,
           counts.done);
    pinfold_reply_free(reply);
    printf("done\n");

    check(pinfold_client_free(worker));
    check(pinfold_client_free(client));
    check(pinfold_server_free(server));
    return 0;
}
