/* Recipes by their handles and events: election, queue, master and worker. */

#include "expect.h"

#define OURS PINFOLD_ELECTION_LAYOUT_PINFOLD
#define STRATEGY PINFOLD_ASSIGNMENT_STRATEGY_ROUND_ROBIN

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
    EXPECT_OK(pinfold_election_leader(client, "/c-election", OURS, SOON, &reply));
    EXPECT(pinfold_reply_token(reply) == 0);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_election_campaign(client, "/c-election", "me", 2, OURS, &listener, SOON,
                                        &reply));
    uint64_t recipe = pinfold_reply_recipe(reply);
    int64_t token = pinfold_reply_token(reply);
    EXPECT(recipe != 0 && token != 0);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_election_leader(client, "/c-election", OURS, SOON, &reply));
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
    EXPECT_OK(pinfold_queue_submit(client, root, payload, strlen(payload), NULL, SOON, &reply));
    char *task = strdup(pinfold_reply_task(reply));
    EXPECT_OK(pinfold_reply_free(reply));
    return task;
}

static uint64_t claim(pinfold_client_t *client, const char *wanted)
{
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_queue_claim(client, "/c-queue", "w", NULL, 0, NULL, SOON, &reply));
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
        EXPECT_OK(pinfold_claim_fail(client, claim(client, "bad"), "no good", 1, SOON, NULL));
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

static void on_loss(void *user_data, const pinfold_recipe_event_t *event)
{
    if (event->kind == PINFOLD_RECIPE_EVENT_REVOKED)
        sem_post(user_data);
}

/* Options of a task, many at once, progress, and the loss of a claim. */
static void options(pinfold_client_t *client)
{
    pinfold_submit_options_t options;
    EXPECT_STATUS(PINFOLD_ERR_INVALID_ARGUMENT, pinfold_submit_options_init(NULL, 8));
    EXPECT_OK(pinfold_submit_options_init(&options, sizeof options));
    EXPECT(options.initial_backoff_ms == 1000 && options.backoff_factor == 2.0);
    const char *needs[] = {"gpu"};
    options.needs = needs;
    options.need_count = 1;
    options.priority = 7;
    options.max_attempts = 1;
    pinfold_bytes_t payloads[] = {{"a", 1}, {"bc", 2}};
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_queue_submit_many(client, "/c-many", payloads, 2, &options, SOON, &reply));
    EXPECT(pinfold_reply_path_count(reply) == 2);
    char *first = strdup(pinfold_reply_path_at(reply, 0));
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_STATUS(PINFOLD_ERR_TIMEOUT,
                  pinfold_queue_claim(client, "/c-many", "w", NULL, 0, NULL, 1, NULL));

    sem_t lost;
    sem_init(&lost, 0, 0);
    pinfold_listener_t listener = {on_loss, &lost, count_release};
    EXPECT_OK(pinfold_queue_claim(client, "/c-many", "w", needs, 1, &listener, SOON, &reply));
    EXPECT(strcmp(pinfold_reply_task(reply), first) == 0);
    uint64_t held = pinfold_reply_recipe(reply);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_claim_progress(client, held, "half", 4, SOON, NULL));
    char path[256];
    snprintf(path, sizeof path, "/c-many/assign/w/%s", first);
    EXPECT_OK(pinfold_client_delete(client, path, -1, SOON, NULL));
    sem_wait(&lost);
    EXPECT_STATUS(PINFOLD_ERR_CLAIM_LOST,
                  pinfold_claim_complete(client, held, "", 0, SOON, NULL));

    EXPECT_OK(pinfold_queue_claim(client, "/c-many", "w", needs, 1, NULL, SOON, &reply));
    held = pinfold_reply_recipe(reply);
    char *second = strdup(pinfold_reply_task(reply));
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_claim_fail(client, held, "never", 0, SOON, NULL));

    EXPECT_OK(pinfold_queue_dead_letters(client, "/c-many", "", 10, SOON, &reply));
    const pinfold_reply_t *letter = pinfold_reply_item(reply, 0);
    EXPECT(pinfold_reply_item_count(reply) == 1);
    EXPECT(strcmp(pinfold_reply_task(letter), second) == 0);
    EXPECT(strcmp(pinfold_reply_cause(letter), "failed") == 0);
    EXPECT(strcmp(pinfold_reply_reason(letter), "never") == 0);
    EXPECT(pinfold_reply_figure(letter, "ended_ms") > 0);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_queue_replay(client, "/c-many", second, SOON, &reply));
    char *again = strdup(pinfold_reply_task(reply));
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_queue_cancel(client, "/c-many", again, "enough", SOON, &reply));
    EXPECT(pinfold_reply_number(reply) == 1);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_queue_pause(client, "/c-many", SOON, NULL));
    EXPECT_OK(pinfold_queue_metrics(client, "/c-many", SOON, &reply));
    EXPECT(pinfold_reply_figure(reply, "is_paused") == 1);
    EXPECT(pinfold_reply_figure(reply, "dead") == 1);
    EXPECT(pinfold_reply_figure(reply, "oldest_waiting_ms") == -1);
    EXPECT(pinfold_reply_figure(reply, "nothing") == -1);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_queue_resume(client, "/c-many", SOON, NULL));
    EXPECT_OK(pinfold_queue_drain(client, "/c-many", SOON, NULL));
    EXPECT_OK(pinfold_queue_forget(client, "/c-many", again, SOON, &reply));
    EXPECT(pinfold_reply_number(reply) == 1);
    EXPECT_OK(pinfold_reply_free(reply));
    free(second);
    free(again);
    options.backoff_factor = 0.5;
    EXPECT_STATUS(PINFOLD_ERR_INVALID_ARGUMENT,
                  pinfold_queue_submit(client, "/c-many", "", 0, &options, SOON, NULL));
    free(first);
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
                                          event->payload_length, event->token, SOON, NULL));
    else
        EXPECT_OK(pinfold_worker_fail(client, event->recipe, event->task, "unknown", event->token,
                                      1, SOON, NULL));
}

static void master_and_worker(pinfold_client_t *client)
{
    sem_init(&elected, 0, 0);
    sem_init(&ended, 0, 0);
    pinfold_listener_t master_listener = {on_master, NULL, count_release};
    pinfold_listener_t worker_listener = {on_worker, client, count_release};
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_master_start(client, "/c-app", "m", 1, STRATEGY, 0, 0, &master_listener, SOON,
                                   &reply));
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
    options(client);
    master_and_worker(client);
    EXPECT_OK(pinfold_client_free(client));
    EXPECT(atomic_load(&released) == 4);
    stop_server();
    return 0;
}
