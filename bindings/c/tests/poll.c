/* Poll mode: callbacks run inside pinfold_client_poll, on the caller's thread, and the descriptor
 * tells when. */

#include "expect.h"

#include <poll.h>

static pthread_t caller;
static int replies, events, states;

static void on_state(void *user_data, pinfold_client_t *client, int32_t state)
{
    (void)user_data, (void)client, (void)state;
    EXPECT(pthread_equal(caller, pthread_self()));
    states++;
}

static void on_event(void *user_data, const pinfold_watch_event_t *event)
{
    EXPECT(pthread_equal(caller, pthread_self()));
    EXPECT(event->kind == PINFOLD_EVENT_DATA_CHANGED);
    /* A poll inside a callback would change the order; a blocking call may be made. */
    EXPECT_STATUS(PINFOLD_ERR_WOULD_DEADLOCK, pinfold_client_poll(user_data, 0, NULL));
    EXPECT_OK(pinfold_client_get(user_data, "/poll", NULL, SOON, NULL));
    events++;
}

static void on_reply(void *user_data, const pinfold_reply_t *reply)
{
    (void)user_data;
    EXPECT(pthread_equal(caller, pthread_self()));
    EXPECT_OK(pinfold_reply_status(reply));
    replies++;
}

static void free_client(void *user_data, const pinfold_reply_t *reply)
{
    (void)reply;
    EXPECT_OK(pinfold_client_free(user_data));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE, pinfold_client_poll(user_data, 0, NULL));
}

static int readable(int fd, int timeout_ms)
{
    struct pollfd descriptor = {fd, POLLIN, 0};
    return poll(&descriptor, 1, timeout_ms);
}

static void poll_until(pinfold_client_t *client, int *counter, int wanted)
{
    int fd;
    EXPECT_OK(pinfold_client_fd(client, &fd));
    while (*counter < wanted) {
        EXPECT(readable(fd, SOON) == 1);
        EXPECT_OK(pinfold_client_poll(client, 0, NULL));
    }
}

int main(int argc, char **argv)
{
    caller = pthread_self();
    pinfold_client_options_t options = options_for(start_server(argc, argv));
    options.callbacks = PINFOLD_CALLBACKS_POLL;
    options.on_state = on_state;
    options.on_state_destroy = count_release;
    pinfold_client_t *client;
    EXPECT_OK(pinfold_client_connect(&options, &client));
    EXPECT(states == 0);
    make_node(client, "/poll", "");
    poll_until(client, &states, 1);

    pinfold_watcher_t watcher = {on_event, client, count_release};
    EXPECT_OK(pinfold_client_get_async(client, "/poll", &watcher, on_reply, NULL, count_release));
    EXPECT_OK(pinfold_client_set_async(client, "/poll", "v", 1, -1, on_reply, NULL,
                                       count_release));
    poll_until(client, &replies, 2);
    EXPECT(events == 1 && atomic_load(&released) == 3);

    /* At most as many as asked for. */
    for (int i = 0; i < 3; i++)
        EXPECT_OK(pinfold_client_sync_async(client, "/", on_reply, NULL, NULL));
    size_t count;
    int fd;
    EXPECT_OK(pinfold_client_fd(client, &fd));
    for (int i = 3; i <= 5; i++) {
        EXPECT(readable(fd, SOON) == 1);
        EXPECT_OK(pinfold_client_poll(client, 1, &count));
        EXPECT(count == 1 && replies == i);
    }
    EXPECT_OK(pinfold_client_poll(client, 0, &count));
    EXPECT(count == 0 && readable(fd, 0) == 0);

    /* Freed inside its own poll: what is left is delivered before the poll returns. */
    EXPECT_OK(pinfold_client_sync_async(client, "/", free_client, client, count_release));
    EXPECT_OK(pinfold_client_sync_async(client, "/", NULL, NULL, count_release));
    EXPECT(readable(fd, SOON) == 1);
    EXPECT_OK(pinfold_client_poll(client, 1, NULL));
    EXPECT(atomic_load(&released) == 6);

    /* Freed outside a poll: callbacks run inside the free. */
    EXPECT_OK(pinfold_client_connect(&options, &client));
    EXPECT_OK(pinfold_client_sync_async(client, "/", NULL, NULL, count_release));
    EXPECT_OK(pinfold_client_free(client));
    EXPECT(atomic_load(&released) == 8);
    stop_server();
    return 0;
}
