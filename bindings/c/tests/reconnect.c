/* A server that goes and comes back: the state callback tells, the session and its watches stay,
 * and a session that has expired can be renewed. */

#include "expect.h"

static sem_t states[PINFOLD_SESSION_STATE_CLOSED + 1];
static sem_t event_seen;

static void on_state(void *user_data, pinfold_client_t *client, int32_t state)
{
    EXPECT(client != NULL && user_data == (void *)states);
    EXPECT(state >= 0 && state <= PINFOLD_SESSION_STATE_CLOSED);
    sem_post(&states[state]);
}

static void on_event(void *user_data, const pinfold_watch_event_t *event)
{
    (void)user_data;
    EXPECT(event->kind == PINFOLD_EVENT_DATA_CHANGED);
    sem_post(&event_seen);
}

static void on_lost(void *user_data, const pinfold_reply_t *reply)
{
    EXPECT(pinfold_reply_status(reply) != PINFOLD_OK);
    EXPECT(strlen(pinfold_reply_message(reply)) > 0);
    sem_post(user_data);
}

int main(void)
{
    alarm(120);
    for (int i = 0; i <= PINFOLD_SESSION_STATE_CLOSED; i++)
        sem_init(&states[i], 0, 0);
    sem_init(&event_seen, 0, 0);
    char folder[] = "/tmp/pinfold-c-XXXXXX";
    EXPECT(mkdtemp(folder) != NULL);
    char data[64], address[64], command[128];
    snprintf(data, sizeof data, "%s/data", folder);

    pinfold_server_options_t server_options;
    EXPECT_OK(pinfold_server_options_init(&server_options, sizeof server_options));
    server_options.data_dir = data;
    server_options.tick_time_ms = 500;
    pinfold_server_t *server;
    EXPECT_OK(pinfold_server_start(&server_options, &server));
    snprintf(address, sizeof address, "%s", pinfold_server_address(server));
    server_options.listen = address;

    pinfold_client_options_t options = options_for(address);
    options.on_state = on_state;
    options.on_state_user_data = states;
    options.on_state_destroy = count_release;
    pinfold_client_t *client;
    EXPECT_OK(pinfold_client_connect(&options, &client));
    sem_wait(&states[PINFOLD_SESSION_STATE_CONNECTED]);
    int64_t session = pinfold_client_session_id(client);
    make_node(client, "/stays", "1");
    pinfold_watcher_t watcher = {on_event, NULL, count_release};
    EXPECT_OK(pinfold_client_get(client, "/stays", &watcher, SOON, NULL));

    EXPECT_OK(pinfold_server_free(server));
    sem_wait(&states[PINFOLD_SESSION_STATE_SUSPENDED]);
    EXPECT_OK(pinfold_server_start(&server_options, &server));
    sem_wait(&states[PINFOLD_SESSION_STATE_CONNECTED]);
    EXPECT(pinfold_client_session_id(client) == session);
    EXPECT_OK(pinfold_client_set(client, "/stays", "2", 1, 0, SOON, NULL));
    sem_wait(&event_seen);

    /* A new session shares the state callback; its user_data is released after both. */
    pinfold_client_t *renewed;
    EXPECT_OK(pinfold_client_renew(client, &renewed));
    sem_wait(&states[PINFOLD_SESSION_STATE_CONNECTED]);
    EXPECT(atomic_load(&released) == 1);
    EXPECT_OK(pinfold_client_free(client));
    EXPECT(atomic_load(&released) == 1);
    EXPECT_OK(pinfold_client_get(renewed, "/stays", NULL, SOON, NULL));

    /* Without a server, closing answers what was asked. */
    EXPECT_OK(pinfold_server_free(server));
    sem_wait(&states[PINFOLD_SESSION_STATE_SUSPENDED]);
    sem_t lost;
    sem_init(&lost, 0, 0);
    EXPECT_OK(pinfold_client_set_async(renewed, "/stays", "3", 1, -1, on_lost, &lost, NULL));
    EXPECT_OK(pinfold_client_free(renewed));
    EXPECT(sem_trywait(&lost) == 0);
    EXPECT(atomic_load(&released) == 2);
    snprintf(command, sizeof command, "rm -r %s", folder);
    EXPECT(system(command) == 0);
    return 0;
}
