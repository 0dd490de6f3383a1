/* Callbacks come on one thread that is not the caller's, in call order, and a watch's event
 * before the reply that shows the newer data. */

#include "expect.h"

#define COUNT 2000

static struct {
    pthread_t thread;
    uint64_t last_ticket;
    int replies;
    int events;
    int armed; /* a watch is armed and has not fired */
    sem_t done;
} seen;

static void same_thread(void)
{
    if (seen.replies + seen.events == 0)
        seen.thread = pthread_self();
    EXPECT(pthread_equal(seen.thread, pthread_self()));
}

static void on_event(void *user_data, const pinfold_watch_event_t *event)
{
    (void)user_data;
    same_thread();
    EXPECT(event->size >= sizeof *event);
    EXPECT(event->kind == PINFOLD_EVENT_DATA_CHANGED);
    EXPECT(strcmp(event->path, "/order") == 0);
    EXPECT(seen.armed == 1);
    seen.armed = 0;
    seen.events++;
}

static void on_reply(void *user_data, const pinfold_reply_t *reply)
{
    int is_get = user_data != NULL;
    same_thread();
    EXPECT_OK(pinfold_reply_status(reply));
    EXPECT(pinfold_reply_ticket(reply) > seen.last_ticket);
    seen.last_ticket = pinfold_reply_ticket(reply);
    pinfold_stat_t stat;
    EXPECT(pinfold_reply_stat(reply, &stat) == 1);
    EXPECT(stat.version == (seen.replies + 1) / 2);
    /* The set of a pair answers after the event of the watch that the get of the pair armed. */
    EXPECT(seen.armed == 0);
    seen.armed = is_get;
    if (++seen.replies == COUNT)
        sem_post(&seen.done);
}

int main(int argc, char **argv)
{
    pinfold_client_t *client = connect_to(start_server(argc, argv));
    make_node(client, "/order", "");
    sem_init(&seen.done, 0, 0);
    for (int i = 0; i < COUNT / 2; i++) {
        pinfold_watcher_t watcher = {on_event, NULL, count_release};
        EXPECT_OK(pinfold_client_get_async(client, "/order", &watcher, on_reply, client,
                                           count_release));
        EXPECT_OK(pinfold_client_set_async(client, "/order", "v", 1, -1, on_reply, NULL,
                                           count_release));
    }
    sem_wait(&seen.done);
    EXPECT(!pthread_equal(seen.thread, pthread_self()));
    EXPECT_OK(pinfold_client_free(client));
    EXPECT(seen.events == COUNT / 2);
    EXPECT(atomic_load(&released) == COUNT + COUNT / 2);
    stop_server();
    return 0;
}
