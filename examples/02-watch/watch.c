/* Watches: a one-shot watch that is armed by a read, and a lasting one on a whole subtree. */

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

static const char *kind_name(int32_t kind)
{
    switch (kind) {
    case PINFOLD_EVENT_CREATED: return "created";
    case PINFOLD_EVENT_DELETED: return "deleted";
    case PINFOLD_EVENT_DATA_CHANGED: return "data_changed";
    case PINFOLD_EVENT_CHILDREN_CHANGED: return "children_changed";
    default: return "unknown";
    }
}

/* Runs on the client's own thread, one event at a time. */
static void on_event(void *user_data, const pinfold_watch_event_t *event)
{
    printf("event: %s %s\n", kind_name(event->kind), event->path);
    sem_post(user_data);
}

static void create(pinfold_client_t *client, const char *path, const char *data, size_t length)
{
    check(pinfold_client_create(client, path, data, length, PINFOLD_CREATE_MODE_PERSISTENT, NULL,
                                0, PINFOLD_FOREVER, NULL));
}

static void set(pinfold_client_t *client, const char *path, const char *data, size_t length)
{
    check(pinfold_client_set(client, path, data, length, PINFOLD_ANY_VERSION, PINFOLD_FOREVER,
                             NULL));
}

static void show(pinfold_client_t *client, const char *what, const pinfold_watcher_t *watcher)
{
    pinfold_reply_t *reply;
    check(pinfold_client_get(client, "/config", watcher, PINFOLD_FOREVER, &reply));
    size_t length;
    const uint8_t *data = pinfold_reply_data(reply, &length);
    printf("%s /config = %.*s\n", what, (int)length, (const char *)data);
    pinfold_reply_free(reply);
}

int main(int argc, char **argv)
{
    pinfold_server_t *server = NULL;
    if (argc < 2)
        check(pinfold_server_start(NULL, &server));
    const char *hosts = argc < 2 ? pinfold_server_address(server) : argv[1];
    pinfold_client_t *client = connect_to(hosts);
    pinfold_client_t *other = connect_to(hosts);
    sem_t seen;
    sem_init(&seen, 0, 0);
    pinfold_watcher_t watcher = {on_event, &seen, NULL};

    create(client, "/config", "v1", 2);
    printf("created /config\n");
    show(client, "watching", &watcher);
    set(other, "/config", "v2", 2);
    sem_wait(&seen);
    show(client, "now", NULL);

    create(client, "/tree", NULL, 0);
    check(pinfold_client_add_watch(client, "/tree", PINFOLD_WATCH_MODE_PERSISTENT_RECURSIVE,
                                   &watcher, PINFOLD_FOREVER, NULL));
    create(other, "/tree/a", "1", 1);
    set(other, "/tree/a", "2", 1);
    check(pinfold_client_delete(other, "/tree/a", PINFOLD_ANY_VERSION, PINFOLD_FOREVER, NULL));
    for (int i = 0; i < 3; i++)
        sem_wait(&seen);
    printf("done\n");

    check(pinfold_client_free(other));
    check(pinfold_client_free(client));
    check(pinfold_server_free(server));
    return 0;
}
