/* Every operation of a session by its blocking form, with what its reply carries. */

#include "expect.h"

static pinfold_client_t *client;

static void null_and_empty(void)
{
    pinfold_reply_t *reply;
    size_t length;
    make_node(client, "/ops", "");
    EXPECT_OK(pinfold_client_get(client, "/ops", NULL, SOON, &reply));
    EXPECT(pinfold_reply_data(reply, &length) != NULL && length == 0);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_client_set(client, "/ops", NULL, 0, 0, SOON, &reply));
    pinfold_stat_t stat;
    EXPECT(pinfold_reply_stat(reply, &stat) == 1 && stat.version == 1 && stat.reserved == 0);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_client_get(client, "/ops", NULL, SOON, &reply));
    EXPECT(pinfold_reply_data(reply, &length) == NULL && length == 0);
    EXPECT_OK(pinfold_reply_free(reply));
    static const char BINARY[] = {0, 1, (char)0xff, 0};
    EXPECT_OK(pinfold_client_set(client, "/ops", BINARY, sizeof BINARY, -1, SOON, NULL));
    EXPECT_OK(pinfold_client_get(client, "/ops", NULL, SOON, &reply));
    const uint8_t *data = pinfold_reply_data(reply, &length);
    EXPECT(length == sizeof BINARY && memcmp(data, BINARY, length) == 0);
    EXPECT_OK(pinfold_reply_free(reply));
}

static void errors(void)
{
    pinfold_reply_t *reply;
    EXPECT_STATUS(PINFOLD_ERR_BAD_VERSION,
                  pinfold_client_set(client, "/ops", "", 0, 99, SOON, &reply));
    EXPECT(strcmp(pinfold_reply_error_path(reply), "/ops") == 0);
    EXPECT(pinfold_reply_outcome(reply) == PINFOLD_OUTCOME_NOT_APPLIED);
    EXPECT(pinfold_reply_op_index(reply) == -1);
    EXPECT(strcmp(pinfold_last_path(), "/ops") == 0);
    EXPECT(pinfold_last_outcome() == PINFOLD_OUTCOME_NOT_APPLIED);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_STATUS(PINFOLD_ERR_NODE_EXISTS,
                  pinfold_client_create(client, "/ops", "", 0, 0, NULL, 0, SOON, NULL));
    EXPECT_STATUS(PINFOLD_ERR_NO_NODE, pinfold_client_delete(client, "/none", -1, SOON, NULL));
    EXPECT_OK(pinfold_client_exists(client, "/none", NULL, SOON, &reply));
    EXPECT(pinfold_reply_stat(reply, NULL) == 0);
    EXPECT_OK(pinfold_reply_free(reply));
}

static void children(void)
{
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_client_create(client, "/ops/s-", "", 0,
                                    PINFOLD_CREATE_MODE_EPHEMERAL_SEQUENTIAL, NULL, 0, SOON,
                                    &reply));
    char path[64];
    snprintf(path, sizeof path, "%s", pinfold_reply_path(reply));
    EXPECT(strlen(path) == strlen("/ops/s-") + 10);
    pinfold_stat_t stat;
    EXPECT(pinfold_reply_stat(reply, &stat) == 1);
    EXPECT(stat.ephemeral_owner == pinfold_client_session_id(client));
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_client_get_children(client, "/ops", NULL, SOON, &reply));
    EXPECT(pinfold_reply_child_count(reply) == 1);
    EXPECT(strcmp(pinfold_reply_child(reply, 0), path + strlen("/ops/")) == 0);
    EXPECT(pinfold_reply_child(reply, 1) == NULL);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_STATUS(PINFOLD_ERR_NOT_EMPTY, pinfold_client_delete(client, "/ops", -1, SOON, NULL));
    EXPECT_OK(pinfold_client_delete(client, path, -1, SOON, NULL));
}

static void multi(void)
{
    pinfold_reply_t *reply;
    pinfold_multi_t *multi = pinfold_multi_new();
    EXPECT_OK(pinfold_multi_check(multi, "/ops", -1));
    EXPECT_OK(pinfold_multi_create(multi, "/ops/m", "1", 1, 0, NULL, 0));
    EXPECT_OK(pinfold_multi_set(multi, "/ops/m", "22", 2, 0));
    EXPECT_OK(pinfold_multi_delete(multi, "/ops/m", 1));
    EXPECT_OK(pinfold_client_multi(client, multi, SOON, &reply));
    EXPECT(pinfold_reply_result_count(reply) == 4);
    EXPECT(pinfold_reply_result_path(reply, 0) == NULL);
    EXPECT(strcmp(pinfold_reply_result_path(reply, 1), "/ops/m") == 0);
    pinfold_stat_t stat;
    EXPECT(pinfold_reply_result_stat(reply, 2, &stat) == 1 && stat.data_length == 2);
    EXPECT(pinfold_reply_result_stat(reply, 3, &stat) == 0);
    EXPECT_OK(pinfold_reply_free(reply));
    /* The same once more, with one operation that must fail. */
    EXPECT_OK(pinfold_multi_check(multi, "/none", -1));
    EXPECT_STATUS(PINFOLD_ERR_NO_NODE, pinfold_client_multi(client, multi, SOON, &reply));
    EXPECT(pinfold_reply_op_index(reply) == 4 && pinfold_reply_result_count(reply) == 0);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_multi_free(multi));
}

static void acl(void)
{
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_client_add_auth(client, "digest", "ann:secret", 10, SOON, NULL));
    pinfold_acl_t mine[] = {
        {PINFOLD_PERM_ALL, "auth", ""},
        {PINFOLD_PERM_READ, "world", "anyone"},
    };
    make_node(client, "/ops/acl", "");
    EXPECT_OK(pinfold_client_set_acl(client, "/ops/acl", mine, 2, -1, SOON, NULL));
    EXPECT_OK(pinfold_client_get_acl(client, "/ops/acl", SOON, &reply));
    EXPECT(pinfold_reply_acl_count(reply) == 2);
    pinfold_acl_t entry;
    EXPECT(pinfold_reply_acl(reply, 0, &entry) == 1);
    EXPECT(strcmp(entry.scheme, "digest") == 0 && strncmp(entry.id, "ann:", 4) == 0);
    EXPECT(pinfold_reply_acl(reply, 1, &entry) == 1 && entry.perms == PINFOLD_PERM_READ);
    EXPECT(pinfold_reply_acl(reply, 2, &entry) == 0);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_ACL,
                  pinfold_client_set_acl(client, "/ops/acl", mine, 0, -1, SOON, NULL));
    EXPECT_OK(pinfold_client_delete(client, "/ops/acl", -1, SOON, NULL));
}

static sem_t event_seen;
static pinfold_watch_event_t last;

static void on_event(void *user_data, const pinfold_watch_event_t *event)
{
    (void)user_data;
    last = *event;
    EXPECT(strcmp(event->path, "/ops/w") == 0);
    sem_post(&event_seen);
}

static void watches(void)
{
    sem_init(&event_seen, 0, 0);
    pinfold_watcher_t watcher = {on_event, NULL, count_release};
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_client_add_watch(client, "/ops", PINFOLD_WATCH_MODE_PERSISTENT_RECURSIVE,
                                       &watcher, SOON, &reply));
    uint64_t watch = pinfold_reply_ticket(reply);
    EXPECT(watch == pinfold_last_ticket());
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_client_create(client, "/ops/w", "", 0, 0, NULL, 0, SOON, NULL));
    sem_wait(&event_seen);
    EXPECT(last.kind == PINFOLD_EVENT_CREATED && last.watch == watch);
    EXPECT(atomic_load(&released) == 0);
    EXPECT_OK(pinfold_client_remove_watches(client, watch, SOON, NULL));
    EXPECT(atomic_load(&released) == 1);
    EXPECT_STATUS(PINFOLD_ERR_NO_WATCHER,
                  pinfold_client_remove_watches(client, watch, SOON, NULL));

    /* A failed read arms nothing; a watch of exists waits for the creation. */
    EXPECT_OK(pinfold_client_delete(client, "/ops/w", -1, SOON, NULL));
    EXPECT_STATUS(PINFOLD_ERR_NO_NODE, pinfold_client_get(client, "/ops/w", &watcher, SOON, NULL));
    EXPECT(atomic_load(&released) == 2);
    EXPECT_OK(pinfold_client_exists(client, "/ops/w", &watcher, SOON, NULL));
    EXPECT_OK(pinfold_client_create(client, "/ops/w", "", 0, 0, NULL, 0, SOON, NULL));
    sem_wait(&event_seen);
    EXPECT(last.kind == PINFOLD_EVENT_CREATED);
    EXPECT_OK(pinfold_client_get_children(client, "/ops/w", &watcher, SOON, NULL));
    EXPECT_OK(pinfold_client_delete(client, "/ops/w", 0, SOON, NULL));
    sem_wait(&event_seen);
    EXPECT(last.kind == PINFOLD_EVENT_DELETED && sem_trywait(&event_seen) == -1);
}

int main(int argc, char **argv)
{
    client = connect_to(start_server(argc, argv));
    EXPECT(pinfold_client_session_id(client) != 0);
    EXPECT(pinfold_client_session_timeout_ms(client) == 10000);
    null_and_empty();
    errors();
    children();
    multi();
    acl();
    watches();
    EXPECT_OK(pinfold_client_sync(client, "/", SOON, NULL));

    /* A new session beside the old one. */
    pinfold_client_t *renewed;
    EXPECT_OK(pinfold_client_renew(client, &renewed));
    EXPECT_OK(pinfold_client_wait_connected(renewed));
    EXPECT(pinfold_client_session_id(renewed) != pinfold_client_session_id(client));
    EXPECT_OK(pinfold_client_free(client));
    EXPECT_OK(pinfold_client_get(renewed, "/ops", NULL, SOON, NULL));
    EXPECT_OK(pinfold_client_free(renewed));
    EXPECT(atomic_load(&released) == 4);
    stop_server();
    return 0;
}
