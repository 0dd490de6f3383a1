/* A session that ends while it is in use: by the client's own clock while no server is there, and
 * by the server's, which then takes its ephemeral znode away. */

#include "expect.h"

static sem_t states[PINFOLD_SESSION_STATE_CLOSED + 1];
static sem_t gone;
static sem_t lost;

static void on_state(void *user_data, pinfold_client_t *client, int32_t state)
{
    (void)user_data;
    (void)client;
    sem_post(&states[state]);
}

static void on_gone(void *user_data, const pinfold_watch_event_t *event)
{
    (void)user_data;
    EXPECT(event->kind == PINFOLD_EVENT_DELETED && strcmp(event->path, "/mine") == 0);
    sem_post(&gone);
}

static void on_lost(void *user_data, const pinfold_reply_t *reply)
{
    (void)user_data;
    EXPECT(pinfold_reply_status(reply) == PINFOLD_ERR_SESSION_EXPIRED);
    EXPECT(pinfold_reply_outcome(reply) == PINFOLD_OUTCOME_SESSION_OVER);
    EXPECT(strcmp(pinfold_reply_error_path(reply), "/never") == 0);
    sem_post(&lost);
}

int main(void)
{
    alarm(120);
    for (int i = 0; i <= PINFOLD_SESSION_STATE_CLOSED; i++)
        sem_init(&states[i], 0, 0);
    sem_init(&gone, 0, 0);
    sem_init(&lost, 0, 0);
    char folder[] = "/tmp/pinfold-c-XXXXXX";
    EXPECT(mkdtemp(folder) != NULL);
    char data[64], address[64], command[128];
    snprintf(data, sizeof data, "%s/data", folder);
    pinfold_server_options_t server_options;
    EXPECT_OK(pinfold_server_options_init(&server_options, sizeof server_options));
    server_options.data_dir = data;
    server_options.tick_time_ms = 250;
    pinfold_server_t *server;
    EXPECT_OK(pinfold_server_start(&server_options, &server));
    snprintf(address, sizeof address, "%s", pinfold_server_address(server));
    server_options.listen = address;

    pinfold_client_options_t options = options_for(address);
    options.session_timeout_ms = 500;
    options.on_state = on_state;
    pinfold_client_t *client;
    EXPECT_OK(pinfold_client_connect(&options, &client));
    EXPECT(pinfold_client_session_timeout_ms(client) == 500);
    EXPECT_OK(pinfold_client_create(client, "/mine", "", 0, PINFOLD_CREATE_MODE_EPHEMERAL, NULL, 0,
                                    SOON, NULL));
    EXPECT_OK(pinfold_server_free(server));
    sem_wait(&states[PINFOLD_SESSION_STATE_SUSPENDED]);
    EXPECT_OK(pinfold_client_create_async(client, "/never", "", 0, 0, NULL, 0, on_lost, NULL,
                                          NULL));
    sem_wait(&lost);
    sem_wait(&states[PINFOLD_SESSION_STATE_EXPIRED]);
    EXPECT(pinfold_client_state(client) == PINFOLD_SESSION_STATE_EXPIRED);
    EXPECT_STATUS(PINFOLD_ERR_SESSION_EXPIRED,
                  pinfold_client_get(client, "/", NULL, SOON, NULL));

    /* The server has the session on its disk, and nobody speaks for it any more. */
    EXPECT_OK(pinfold_server_start(&server_options, &server));
    pinfold_client_t *renewed;
    EXPECT_OK(pinfold_client_renew(client, &renewed));
    EXPECT_OK(pinfold_client_wait_connected(renewed));
    EXPECT(pinfold_client_session_id(renewed) != pinfold_client_session_id(client));
    pinfold_watcher_t watcher = {on_gone, NULL, NULL};
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_client_exists(renewed, "/mine", &watcher, SOON, &reply));
    if (pinfold_reply_stat(reply, NULL) == 1)
        sem_wait(&gone);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_client_exists(renewed, "/never", NULL, SOON, &reply));
    EXPECT(pinfold_reply_stat(reply, NULL) == 0);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_client_free(renewed));
    EXPECT_OK(pinfold_client_free(client));
    EXPECT_OK(pinfold_server_free(server));
    snprintf(command, sizeof command, "rm -r %s", folder);
    EXPECT(system(command) == 0);
    return 0;
}
