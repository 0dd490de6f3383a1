/* Leader election: two candidates, one leads, the other follows when it resigns. */

#include <pinfold.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

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

struct candidacy {
    sem_t won;
    int64_t token;
};

/* Runs on B's own thread when B leads. */
static void on_won(void *user_data, const pinfold_reply_t *reply)
{
    struct candidacy *candidacy = user_data;
    check(pinfold_reply_status(reply));
    candidacy->token = pinfold_reply_token(reply);
    sem_post(&candidacy->won);
}

int main(int argc, char **argv)
{
    pinfold_server_t *server = NULL;
    if (argc < 2)
        check(pinfold_server_start(NULL, &server));
    const char *hosts = argc < 2 ? pinfold_server_address(server) : argv[1];
    pinfold_client_t *a = connect_to(hosts);
    pinfold_client_t *b = connect_to(hosts);

    pinfold_reply_t *reply;
    check(pinfold_election_campaign(a, "/election", "A", 1, PINFOLD_ELECTION_LAYOUT_PINFOLD, NULL,
                                    PINFOLD_FOREVER, &reply));
    uint64_t leadership = pinfold_reply_recipe(reply);
    int64_t token = pinfold_reply_token(reply);
    pinfold_reply_free(reply);
    printf("A leads\n");

    struct candidacy candidacy = {.token = 0};
    sem_init(&candidacy.won, 0, 0);
    check(pinfold_election_campaign_async(b, "/election", "B", 1, PINFOLD_ELECTION_LAYOUT_PINFOLD,
                                          NULL, on_won, &candidacy, NULL));

    check(pinfold_election_leader(b, "/election", PINFOLD_ELECTION_LAYOUT_PINFOLD, PINFOLD_FOREVER,
                                  &reply));
    size_t length;
    const uint8_t *data = pinfold_reply_data(reply, &length);
    printf("leader is %.*s\n", (int)length, (const char *)data);
    pinfold_reply_free(reply);

    check(pinfold_election_resign(a, leadership, PINFOLD_FOREVER, NULL));
    printf("A resigned\n");
    sem_wait(&candidacy.won);
    printf("B leads\n");
    printf("token grew: %s\n", candidacy.token > token ? "true" : "false");
    printf("done\n");

    check(pinfold_client_free(b));
    check(pinfold_client_free(a));
    check(pinfold_server_free(server));
    return 0;
}
