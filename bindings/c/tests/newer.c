/* The operations that came to ZooKeeper with 3.5 and later, by their blocking forms. */

#include "expect.h"

static pinfold_client_t *client;
static sem_t removed;

static void times_to_live(void)
{
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_client_create_ttl(client, "/t", "1", 1,
                                        PINFOLD_CREATE_MODE_PERSISTENT_WITH_TTL, 3600000, NULL, 0,
                                        SOON, &reply));
    pinfold_stat_t stat;
    EXPECT(pinfold_reply_stat(reply, &stat) == 1 && stat.ephemeral_owner == 0);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_STATUS(PINFOLD_ERR_BAD_ARGUMENTS,
                  pinfold_client_create_ttl(client, "/x", "", 0,
                                            PINFOLD_CREATE_MODE_PERSISTENT_WITH_TTL, 0, NULL, 0,
                                            SOON, NULL));
    EXPECT_STATUS(PINFOLD_ERR_BAD_ARGUMENTS,
                  pinfold_client_create(client, "/x", "", 0,
                                        PINFOLD_CREATE_MODE_PERSISTENT_WITH_TTL, NULL, 0, SOON,
                                        NULL));
    pinfold_multi_t *multi = pinfold_multi_new();
    EXPECT_OK(pinfold_multi_create(multi, "/c", "", 0, PINFOLD_CREATE_MODE_CONTAINER, NULL, 0));
    EXPECT_OK(pinfold_multi_create_ttl(multi, "/c/s-", "", 0,
                                       PINFOLD_CREATE_MODE_PERSISTENT_SEQUENTIAL_WITH_TTL, 5000,
                                       NULL, 0));
    EXPECT_OK(pinfold_client_multi(client, multi, SOON, &reply));
    EXPECT(strcmp(pinfold_reply_result_path(reply, 1), "/c/s-0000000000") == 0);
    EXPECT(pinfold_reply_result_status(reply, 1) == PINFOLD_OK);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_multi_free(multi));
}

static void reads(void)
{
    pinfold_reply_t *reply;
    pinfold_multi_read_t *reads = pinfold_multi_read_new();
    EXPECT_OK(pinfold_multi_read_get(reads, "/t"));
    EXPECT_OK(pinfold_multi_read_get_children(reads, "/c"));
    EXPECT_OK(pinfold_multi_read_get(reads, "/none"));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_ARGUMENT, pinfold_multi_read_get(reads, NULL));
    EXPECT_OK(pinfold_client_multi_read(client, reads, SOON, &reply));
    EXPECT(pinfold_reply_result_count(reply) == 3);
    size_t length;
    const uint8_t *data = pinfold_reply_result_data(reply, 0, &length);
    EXPECT(length == 1 && data[0] == '1');
    pinfold_stat_t stat;
    EXPECT(pinfold_reply_result_stat(reply, 0, &stat) == 1 && stat.data_length == 1);
    EXPECT(pinfold_reply_result_error_path(reply, 0) == NULL);
    EXPECT(pinfold_reply_result_child_count(reply, 1) == 1);
    EXPECT(strcmp(pinfold_reply_result_child(reply, 1, 0), "s-0000000000") == 0);
    EXPECT(pinfold_reply_result_child(reply, 1, 1) == NULL);
    EXPECT(pinfold_reply_result_status(reply, 2) == PINFOLD_ERR_NO_NODE);
    EXPECT(strcmp(pinfold_reply_result_error_path(reply, 2), "/none") == 0);
    EXPECT(pinfold_reply_result_data(reply, 2, &length) == NULL && length == 0);
    EXPECT(pinfold_reply_result_status(reply, 3) == PINFOLD_ERR_INVALID_ARGUMENT);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_multi_read_free(reads));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE,
                  pinfold_client_multi_read(client, reads, SOON, NULL));
}

static void session(void)
{
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_client_create(client, "/e", "", 0, PINFOLD_CREATE_MODE_EPHEMERAL, NULL, 0,
                                    SOON, NULL));
    EXPECT_OK(pinfold_client_get_ephemerals(client, "/", SOON, &reply));
    EXPECT(pinfold_reply_path_count(reply) == 1);
    EXPECT(strcmp(pinfold_reply_path_at(reply, 0), "/e") == 0);
    EXPECT(pinfold_reply_path_at(reply, 1) == NULL);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_client_get_all_children_number(client, "/c", SOON, &reply));
    EXPECT(pinfold_reply_all_children_number(reply) == 1);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_STATUS(PINFOLD_ERR_NO_NODE,
                  pinfold_client_get_all_children_number(client, "/none", SOON, &reply));
    EXPECT(pinfold_reply_all_children_number(reply) == -1);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_client_who_am_i(client, SOON, &reply));
    EXPECT(pinfold_reply_identity_count(reply) == 1);
    EXPECT(strcmp(pinfold_reply_identity_scheme(reply, 0), "ip") == 0);
    EXPECT(strcmp(pinfold_reply_identity_user(reply, 0), "127.0.0.1") == 0);
    EXPECT(pinfold_reply_identity_user(reply, 1) == NULL);
    EXPECT_OK(pinfold_reply_free(reply));
}

static void on_removed(void *user_data, const pinfold_watch_event_t *event)
{
    (void)user_data;
    EXPECT(event->kind == PINFOLD_EVENT_PERSISTENT_WATCH_REMOVED);
    EXPECT(strcmp(event->path, "/t") == 0);
}

static void on_released(void *user_data)
{
    (void)user_data;
    sem_post(&removed);
}

static void watches(void)
{
    sem_init(&removed, 0, 0);
    pinfold_watcher_t watcher = {on_removed, NULL, on_released};
    EXPECT_STATUS(PINFOLD_ERR_NO_WATCHER,
                  pinfold_client_check_watches(client, "/t", PINFOLD_WATCH_TYPE_ANY, SOON, NULL));
    EXPECT_OK(pinfold_client_add_watch(client, "/t", PINFOLD_WATCH_MODE_PERSISTENT, &watcher, SOON,
                                       NULL));
    EXPECT_OK(pinfold_client_check_watches(client, "/t", PINFOLD_WATCH_TYPE_PERSISTENT, SOON,
                                           NULL));
    EXPECT_STATUS(PINFOLD_ERR_NO_WATCHER,
                  pinfold_client_remove_all_watches(client, "/t", PINFOLD_WATCH_TYPE_DATA, SOON,
                                                    NULL));
    EXPECT_OK(pinfold_client_remove_all_watches(client, "/t", PINFOLD_WATCH_TYPE_ANY, SOON, NULL));
    sem_wait(&removed);
    EXPECT_OK(pinfold_client_set(client, "/t", "2", 1, -1, SOON, NULL));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_ARGUMENT,
                  pinfold_client_check_watches(client, "/t", 9, SOON, NULL));
}

int main(void)
{
    alarm(120);
    const char *properties[] = {"extendedTypesEnabled=true"};
    pinfold_server_options_t options;
    EXPECT_OK(pinfold_server_options_init(&options, sizeof options));
    options.properties = properties;
    options.property_count = 1;
    EXPECT_OK(pinfold_server_start(&options, &test_server));
    client = connect_to(pinfold_server_address(test_server));
    times_to_live();
    reads();
    session();
    watches();
    EXPECT_OK(pinfold_client_free(client));
    stop_server();
    return 0;
}
