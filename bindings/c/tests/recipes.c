/* Recipes by their handles and events: election, queue, master and worker. */

#include "expect.h"

static void on_leadership(void *user_data, const pinfold_recipe_event_t *event)
{
    EXPECT(event->size >= sizeof *event && event->recipe != 0);
    EXPECT(event->task != NULL && event->worker != NULL && event->reason != NULL);
    if (event->kind == PINFOLD_RECIPE_EVENT_ENDED)
        sem_post(user_data);
}

static void election(pinfold_client_t *client)
{
    sem_t ended;
    sem_init(&ended, 0, 0);
    pinfold_listener_t listener = {on_leadership, &ended, count_release};
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_election_leader(client, "/c-election", SOON, &reply));
    EXPECT(pinfold_reply_token(reply) == 0);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_election_campaign(client, "/c-election", "me", 2, &listener, SOON, &reply));
    uint64_t recipe = pinfold_reply_recipe(reply);
    int64_t token = pinfold_reply_token(reply);
    EXPECT(recipe != 0 && token != 0);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_election_leader(client, "/c-election", SOON, &reply));
    size_t length;
    EXPECT(memcmp(pinfold_reply_data(reply, &length), "me", 2) == 0 && length == 2);
    EXPECT(pinfold_reply_token(reply) == token);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_election_resign(client, recipe, SOON, NULL));
    sem_wait(&ended);
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE,
                  pinfold_election_resign(client, recipe, SOON, NULL));
}

static char *submit(pinfold_client_t *client, const char *root, const char *payload)
{
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_queue_submit(client, root, payload, strlen(payload), SOON, &reply));
    char *task = strdup(pinfold_reply_task(reply));
    EXPECT_OK(pinfold_reply_free(reply));
    return task;
}

static uint64_t claim(pinfold_client_t *client, const char *wanted)
{
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_queue_claim(client, "/c-queue", "w", NULL, SOON, &reply));
    size_t length;
    const uint8_t *payload = pinfold_reply_data(reply, &length);
    EXPECT(length == strlen(wanted) && memcmp(payload, wanted, length) == 0);
    uint64_t recipe = pinfold_reply_recipe(reply);
    EXPECT(pinfold_reply_attempt(reply) >= 1);
    EXPECT_OK(pinfold_reply_free(reply));
    return recipe;
}

static void queue(pinfold_client_t *client)
{
    char *good = submit(client, "/c-queue", "good");
    EXPECT_OK(pinfold_claim_release(client, claim(client, "good"), SOON, NULL));
    uint64_t again = claim(client, "good");
    EXPECT_OK(pinfold_claim_complete(client, again, "done", 4, SOON, NULL));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE,
                  pinfold_claim_complete(client, again, "twice", 5, SOON, NULL));
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_queue_result(client, "/c-queue", good, SOON, &reply));
    size_t length;
    EXPECT(memcmp(pinfold_reply_data(reply, &length), "done", 4) == 0 && length == 4);
    EXPECT(strcmp(pinfold_reply_worker(reply), "w") == 0);
    EXPECT(strcmp(pinfold_reply_task(reply), good) == 0);
    EXPECT_OK(pinfold_reply_free(reply));

    char *bad = submit(client, "/c-queue", "bad");
    for (int attempt = 1; attempt <= 3; attempt++)
        EXPECT_OK(pinfold_claim_fail(client, claim(client, "bad"), "no good", SOON, NULL));
    EXPECT_STATUS(PINFOLD_ERR_TASK_FAILED,
                  pinfold_queue_result(client, "/c-queue", bad, SOON, &reply));
    EXPECT(strstr(pinfold_reply_message(reply), "no good") != NULL);
    EXPECT_OK(pinfold_reply_free(reply));

    EXPECT_OK(pinfold_queue_counts(client, "/c-queue", SOON, &reply));
    pinfold_counts_t counts;
    EXPECT(pinfold_reply_counts(reply, &counts) == 1);
    EXPECT(counts.waiting == 0 && counts.assigned == 0 && counts.has_master == 0);
    EXPECT(counts.done >= 1 && counts.dead >= 1);
    EXPECT_OK(pinfold_reply_free(reply));
    free(good);
    free(bad);
}

static sem_t elected, ended;

static void on_master(void *user_data, const pinfold_recipe_event_t *event)
{
    (void)user_data;
    if (event->kind == PINFOLD_RECIPE_EVENT_MASTER_ELECTED) {
        EXPECT(event->token != 0);
        sem_post(&elected);
    }
    if (event->kind == PINFOLD_RECIPE_EVENT_ENDED)
        sem_post(&ended);
}

static void on_worker(void *user_data, const pinfold_recipe_event_t *event)
{
    pinfold_client_t *client = user_data;
    if (event->kind == PINFOLD_RECIPE_EVENT_ENDED)
        sem_post(&ended);
    if (event->kind != PINFOLD_RECIPE_EVENT_ASSIGNED)
        return;
    EXPECT(event->attempt >= 1);
    /* A blocking commit inside the callback. */
    if (memcmp(event->payload, "sum", 3) == 0)
        EXPECT_OK(pinfold_worker_complete(client, event->recipe, event->task, event->payload,
                                          event->payload_length, SOON, NULL));
    else
        EXPECT_OK(pinfold_worker_fail(client, event->recipe, event->task, "unknown", SOON, NULL));
}

static void master_and_worker(pinfold_client_t *client)
{
    sem_init(&elected, 0, 0);
    sem_init(&ended, 0, 0);
    pinfold_listener_t master_listener = {on_master, NULL, count_release};
    pinfold_listener_t worker_listener = {on_worker, client, count_release};
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_master_start(client, "/c-app", "m", 1, &master_listener, SOON, &reply));
    uint64_t master = pinfold_reply_recipe(reply);
    EXPECT_OK(pinfold_reply_free(reply));
    sem_wait(&elected);
    const char *abilities[] = {"sums"};
    EXPECT_OK(pinfold_worker_start(client, "/c-app", "w", 4, abilities, 1, &worker_listener, SOON,
                                   &reply));
    uint64_t worker = pinfold_reply_recipe(reply);
    EXPECT_OK(pinfold_reply_free(reply));

    char *sum = submit(client, "/c-app", "sum 1 2");
    char *other = submit(client, "/c-app", "other");
    EXPECT_OK(pinfold_queue_result(client, "/c-app", sum, SOON, &reply));
    EXPECT(strcmp(pinfold_reply_worker(reply), "w") == 0);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_STATUS(PINFOLD_ERR_TASK_FAILED,
                  pinfold_queue_result(client, "/c-app", other, SOON, NULL));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE, pinfold_master_stop(client, worker, SOON, NULL));
    EXPECT_OK(pinfold_worker_stop(client, worker, SOON, NULL));
    sem_wait(&ended);
    EXPECT_OK(pinfold_master_stop(client, master, SOON, NULL));
    sem_wait(&ended);
    free(sum);
    free(other);
}

int main(int argc, char **argv)
{
    pinfold_client_t *client = connect_to(start_server(argc, argv));
    election(client);
    queue(client);
    master_and_worker(client);
    EXPECT_OK(pinfold_client_free(client));
    EXPECT(atomic_load(&released) == 3);
    stop_server();
    return 0;
}
