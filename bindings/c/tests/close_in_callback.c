/* Close and free inside callbacks: every operation is still answered, every user_data is released
 * once, and nothing waits for ever. */

#include "expect.h"

#define COUNT 200

static pinfold_client_t *client;
static atomic_int answered, closed_answers;
static sem_t released_all;

static void on_released(void *user_data)
{
    (void)user_data;
    sem_post(&released_all);
}

static void on_reply(void *user_data, const pinfold_reply_t *reply)
{
    int *free_too = user_data;
    pinfold_status_t status = pinfold_reply_status(reply);
    if (status == PINFOLD_ERR_CLOSED || status == PINFOLD_ERR_CLOSING
        || status == PINFOLD_ERR_CONNECTION_LOSS)
        atomic_fetch_add(&closed_answers, 1);
    else
        EXPECT_OK(status);
    if (atomic_fetch_add(&answered, 1) == 0) {
        EXPECT_OK(pinfold_client_close(client));
        EXPECT_OK(pinfold_client_close(client));
        EXPECT_STATUS(PINFOLD_ERR_CLOSED, pinfold_client_sync(client, "/", SOON, NULL));
        if (*free_too) {
            EXPECT_OK(pinfold_client_free(client));
            EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE, pinfold_client_close(client));
        }
    }
}

static void on_state(void *user_data, pinfold_client_t *handle, int32_t state)
{
    (void)user_data, (void)handle, (void)state;
}

static void close_with(const char *hosts, int free_too)
{
    atomic_store(&answered, 0);
    pinfold_client_options_t options = options_for(hosts);
    options.on_state = on_state;
    options.on_state_destroy = on_released;
    EXPECT_OK(pinfold_client_connect(&options, &client));
    int submitted = 0;
    for (int i = 0; i < COUNT; i++)
        submitted += pinfold_client_sync_async(client, "/", on_reply, &free_too, on_released)
            == PINFOLD_OK;
    /* Refused calls release too; the state callback is the last. */
    for (int i = 0; i < COUNT + 1; i++)
        sem_wait(&released_all);
    EXPECT(atomic_load(&answered) == submitted);
    if (!free_too)
        EXPECT_OK(pinfold_client_free(client));
    EXPECT(sem_trywait(&released_all) == -1);
}

static void *wait_for_ever(void *user_data)
{
    pinfold_client_t *waiting = user_data;
    pinfold_reply_t *reply;
    EXPECT_STATUS(PINFOLD_ERR_CLOSED, pinfold_queue_claim(waiting, "/nothing", "w", NULL, 0, NULL,
                                                          PINFOLD_FOREVER, &reply));
    EXPECT_OK(pinfold_reply_free(reply));
    return NULL;
}

/* A blocking call on another thread ends when the client is freed, also in a callback of some
 * other client, which does not wait. */
static void free_other(void *user_data, const pinfold_reply_t *reply)
{
    EXPECT_OK(pinfold_reply_status(reply));
    EXPECT_OK(pinfold_client_free(user_data));
}

static void free_while_waiting(const char *hosts)
{
    pinfold_client_t *waiting = connect_to(hosts);
    pinfold_client_t *other = connect_to(hosts);
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, wait_for_ever, waiting) == 0);
    /* Once the root is there, the claim is under way. */
    pinfold_reply_t *reply;
    for (int there = 0; !there; pinfold_reply_free(reply)) {
        EXPECT_OK(pinfold_client_exists(other, "/nothing/tasks", NULL, SOON, &reply));
        there = pinfold_reply_stat(reply, NULL);
    }
    EXPECT_OK(pinfold_client_sync_async(other, "/", free_other, waiting, on_released));
    sem_wait(&released_all);
    EXPECT(pthread_join(thread, NULL) == 0);
    EXPECT_OK(pinfold_client_free(other));
}

int main(int argc, char **argv)
{
    const char *hosts = start_server(argc, argv);
    sem_init(&released_all, 0, 0);
    close_with(hosts, 0);
    close_with(hosts, 1);
    free_while_waiting(hosts);

    /* A client that never gets a connection closes as well. */
    pinfold_client_options_t options = options_for("127.0.0.1:1");
    options.connect_timeout_ms = 100;
    EXPECT_STATUS(PINFOLD_ERR_NOT_CONNECTED, pinfold_client_connect(&options, &client));
    EXPECT(client == NULL);
    EXPECT_OK(pinfold_client_open(&options, &client));
    EXPECT_OK(pinfold_client_get_async(client, "/", NULL, NULL, NULL, on_released));
    EXPECT_STATUS(PINFOLD_ERR_TIMEOUT, pinfold_client_get(client, "/", NULL, 50, NULL));
    EXPECT_OK(pinfold_client_free(client));
    EXPECT(sem_trywait(&released_all) == 0);
    stop_server();
    return 0;
}
