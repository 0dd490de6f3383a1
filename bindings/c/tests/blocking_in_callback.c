/* A blocking call may be made inside every kind of callback of its own client. */

#include "expect.h"

static sem_t done;

static void work(pinfold_client_t *client)
{
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_client_set(client, "/blocking", "b", 1, -1, SOON, &reply));
    pinfold_stat_t stat;
    EXPECT(pinfold_reply_stat(reply, &stat) == 1);
    EXPECT_OK(pinfold_reply_free(reply));
    sem_post(&done);
}

static void on_state(void *user_data, pinfold_client_t *client, int32_t state)
{
    (void)user_data;
    if (state == PINFOLD_SESSION_STATE_CONNECTED) {
        make_node(client, "/blocking", "a");
        work(client);
    }
}

static void on_event(void *user_data, const pinfold_watch_event_t *event)
{
    (void)event;
    work(user_data);
}

static void on_reply(void *user_data, const pinfold_reply_t *reply)
{
    EXPECT_OK(pinfold_reply_status(reply));
    work(user_data);
}

int main(int argc, char **argv)
{
    sem_init(&done, 0, 0);
    pinfold_client_options_t options = options_for(start_server(argc, argv));
    options.on_state = on_state;
    pinfold_client_t *client;
    EXPECT_OK(pinfold_client_open(&options, &client));
    EXPECT_OK(pinfold_client_wait_connected(client));
    sem_wait(&done);
    EXPECT(pinfold_client_state(client) == PINFOLD_SESSION_STATE_CONNECTED);

    pinfold_watcher_t watcher = {on_event, client, count_release};
    EXPECT_OK(pinfold_client_get_async(client, "/blocking", &watcher, on_reply, client,
                                       count_release));
    sem_wait(&done); /* the reply's own set fires the watch */
    sem_wait(&done);
    EXPECT_OK(pinfold_client_free(client));
    EXPECT(atomic_load(&released) == 2);
    stop_server();
    return 0;
}
