/* Wrong arguments are answered by a status: NULL, garbage, bad UTF-8, after close, after free. */

#include "expect.h"

static void never(void *user_data, const pinfold_reply_t *reply)
{
    (void)user_data, (void)reply;
    EXPECT(!"a callback of a refused call");
}

static void never_event(void *user_data, const pinfold_watch_event_t *event)
{
    (void)user_data, (void)event;
    EXPECT(!"an event of a refused watch");
}

/* Every kind of call with a handle that is not a client's. */
static void refuse(pinfold_client_t *client, pinfold_status_t wanted)
{
    EXPECT_STATUS(wanted, pinfold_client_close(client));
    EXPECT_STATUS(wanted, pinfold_client_wait_connected(client));
    EXPECT_STATUS(wanted, pinfold_client_state(client));
    EXPECT(pinfold_client_session_id(client) == 0);
    EXPECT(pinfold_client_session_timeout_ms(client) == 0);
    pinfold_client_t *renewed = client;
    EXPECT_STATUS(wanted, pinfold_client_renew(client, &renewed));
    EXPECT(renewed == NULL);
    int fd;
    EXPECT_STATUS(wanted, pinfold_client_fd(client, &fd));
    EXPECT(fd == -1);
    EXPECT_STATUS(wanted, pinfold_client_poll(client, 0, NULL));

    pinfold_reply_t *reply;
    EXPECT_STATUS(wanted, pinfold_client_get(client, "/", NULL, SOON, &reply));
    EXPECT(pinfold_reply_status(reply) == wanted);
    EXPECT(strlen(pinfold_reply_message(reply)) > 0);
    EXPECT(pinfold_reply_outcome(reply) == PINFOLD_OUTCOME_NOT_APPLIED);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_STATUS(wanted, pinfold_worker_stop(client, 1, SOON, NULL));

    int before = atomic_load(&released);
    pinfold_watcher_t watcher = {never_event, NULL, count_release};
    EXPECT_STATUS(wanted, pinfold_client_get_async(client, "/", &watcher, never, NULL,
                                                   count_release));
    EXPECT(atomic_load(&released) == before + 2);
}

static void bad_handles(pinfold_client_t *client)
{
    refuse(NULL, PINFOLD_ERR_INVALID_HANDLE);
    int local;
    refuse((pinfold_client_t *)(void *)&local, PINFOLD_ERR_INVALID_HANDLE);
    refuse((pinfold_client_t *)(uintptr_t)0xfffffffffffffff1, PINFOLD_ERR_INVALID_HANDLE);
    pinfold_multi_t *multi = pinfold_multi_new();
    refuse((pinfold_client_t *)(void *)multi, PINFOLD_ERR_INVALID_HANDLE);
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE, pinfold_client_free((pinfold_client_t *)multi));
    EXPECT_OK(pinfold_multi_free(multi));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE, pinfold_multi_free(multi));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE, pinfold_multi_check(multi, "/", -1));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE,
                  pinfold_client_multi(client, multi, SOON, NULL));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE, pinfold_server_stop(NULL));
    EXPECT(strcmp(pinfold_server_address(NULL), "") == 0);
    EXPECT_OK(pinfold_client_free(NULL));
    EXPECT_OK(pinfold_reply_free(NULL));
    EXPECT_OK(pinfold_multi_free(NULL));
    EXPECT_OK(pinfold_server_free(NULL));
}

static void bad_replies(pinfold_client_t *client)
{
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_client_exists(client, "/", NULL, SOON, &reply));
    /* What the reply does not carry is empty. */
    size_t length = 7;
    EXPECT(pinfold_reply_data(reply, &length) == NULL && length == 0);
    EXPECT(pinfold_reply_path(reply) == NULL && pinfold_reply_task(reply) == NULL);
    EXPECT(pinfold_reply_child(reply, 0) == NULL && pinfold_reply_result_path(reply, 9) == NULL);
    EXPECT(pinfold_reply_acl(reply, 0, NULL) == 0 && pinfold_reply_counts(reply, NULL) == 0);
    EXPECT(pinfold_reply_stat(reply, NULL) == 1);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE, pinfold_reply_free(reply));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE, pinfold_reply_status(reply));
    EXPECT(pinfold_reply_stat(reply, NULL) == 0 && pinfold_reply_path(reply) == NULL);
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE, pinfold_reply_status(NULL));
}

static void bad_arguments(pinfold_client_t *client)
{
    static const char BAD[] = "/bad\xff\xfe";
    pinfold_status_t wrong = PINFOLD_ERR_INVALID_ARGUMENT;
    EXPECT_STATUS(wrong, pinfold_client_get(client, NULL, NULL, SOON, NULL));
    EXPECT_STATUS(wrong, pinfold_client_get(client, BAD, NULL, SOON, NULL));
    EXPECT(strstr(pinfold_last_message(), "offset 4") != NULL);
    EXPECT_STATUS(wrong, pinfold_client_set(client, "/x", NULL, 3, -1, SOON, NULL));
    EXPECT_STATUS(wrong, pinfold_client_set(client, "/x", "x", SIZE_MAX, -1, SOON, NULL));
    EXPECT_STATUS(wrong, pinfold_client_create(client, "/x", "", 0, 99, NULL, 0, SOON, NULL));
    EXPECT_STATUS(wrong, pinfold_client_create(client, "/x", "", 0, 0, NULL, 2, SOON, NULL));
    pinfold_acl_t acl = {PINFOLD_PERM_ALL, NULL, "anyone"};
    EXPECT_STATUS(wrong, pinfold_client_create(client, "/x", "", 0, 0, &acl, 1, SOON, NULL));
    EXPECT_STATUS(wrong, pinfold_client_create(client, "/x", "", 0, 0, &acl, SIZE_MAX / 2, SOON,
                                               NULL));
    EXPECT_STATUS(wrong, pinfold_client_add_watch(client, "/x", 0, NULL, SOON, NULL));
    pinfold_watcher_t watcher = {NULL, NULL, count_release};
    int before = atomic_load(&released);
    EXPECT_STATUS(wrong, pinfold_client_get(client, "/", &watcher, SOON, NULL));
    EXPECT_STATUS(wrong, pinfold_client_add_watch(client, "/", 0, &watcher, SOON, NULL));
    EXPECT(atomic_load(&released) == before + 2);
    const char *abilities[] = {"sums", NULL};
    EXPECT_STATUS(wrong, pinfold_worker_start(client, "/app", "w", 1, abilities, 2, NULL, SOON,
                                              NULL));
    EXPECT_STATUS(wrong, pinfold_queue_submit(client, NULL, "", 0, NULL, SOON, NULL));
    EXPECT_STATUS(wrong, pinfold_client_poll(client, 0, NULL));
    EXPECT_STATUS(PINFOLD_ERR_BAD_ARGUMENTS, pinfold_client_get(client, "x", NULL, SOON, NULL));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE, pinfold_claim_release(client, 4711, SOON, NULL));
    EXPECT_STATUS(PINFOLD_ERR_NO_WATCHER, pinfold_client_remove_watches(client, 4711, SOON, NULL));
}

static void bad_options(void)
{
    pinfold_status_t wrong = PINFOLD_ERR_INVALID_ARGUMENT;
    pinfold_client_t *client = (pinfold_client_t *)(uintptr_t)1;
    pinfold_client_options_t options = options_for(NULL);
    options.on_state_user_data = &client;
    options.on_state_destroy = count_release;
    int before = atomic_load(&released);
    EXPECT_STATUS(wrong, pinfold_client_open(&options, &client));
    EXPECT(client == NULL);
    options.hosts = "\xff";
    EXPECT_STATUS(wrong, pinfold_client_open(&options, &client));
    options.hosts = "localhost:1";
    options.callbacks = 5;
    EXPECT_STATUS(wrong, pinfold_client_open(&options, &client));
    EXPECT(atomic_load(&released) == before + 3);
    EXPECT_STATUS(wrong, pinfold_client_open(NULL, &client));
    EXPECT_STATUS(wrong, pinfold_client_open(&options, NULL));
    options.size = 3;
    EXPECT_STATUS(wrong, pinfold_client_open(&options, &client));
    EXPECT_STATUS(wrong, pinfold_client_options_init(NULL, sizeof options));
    EXPECT_STATUS(wrong, pinfold_client_options_init(&options, 2));
    EXPECT_STATUS(wrong, pinfold_server_start(NULL, NULL));
    EXPECT(strcmp(pinfold_status_name(-101), "NO_NODE") == 0);
    EXPECT(strcmp(pinfold_status_name(0), "OK") == 0);
    EXPECT(strcmp(pinfold_status_name(4711), "UNKNOWN") == 0);
    EXPECT(strcmp(pinfold_version(), PINFOLD_VERSION) == 0);
    EXPECT(strstr(pinfold_api_json(), "get_children") != NULL);
}

/* A program that was built with an older or a newer header. */
static void other_headers(const char *hosts)
{
    struct {
        pinfold_client_options_t known;
        char later[64];
    } newer;
    memset(&newer, 0x55, sizeof newer);
    EXPECT_OK(pinfold_client_options_init(&newer.known, sizeof newer));
    EXPECT(newer.known.size == sizeof newer && newer.later[0] == 0 && newer.later[63] == 0);
    newer.known.hosts = hosts;
    pinfold_client_t *client;
    EXPECT_OK(pinfold_client_connect(&newer.known, &client));
    EXPECT_OK(pinfold_client_free(client));

    pinfold_client_options_t older;
    memset(&older, 0x55, sizeof older);
    size_t size = offsetof(pinfold_client_options_t, in_flight_limit);
    EXPECT_OK(pinfold_client_options_init(&older, size));
    EXPECT(older.in_flight_limit == 0x55555555);
    older.hosts = hosts;
    EXPECT_OK(pinfold_client_connect(&older, &client));
    EXPECT_OK(pinfold_client_free(client));
}

/* Without a server nothing is answered, so the window fills. */
static void full_window(void)
{
    pinfold_client_options_t options = options_for("127.0.0.1:1");
    options.in_flight_limit = 2;
    pinfold_client_t *client;
    EXPECT_OK(pinfold_client_open(&options, &client));
    int before = atomic_load(&released);
    for (int i = 0; i < 2; i++)
        EXPECT_OK(pinfold_client_sync_async(client, "/", NULL, NULL, count_release));
    EXPECT_STATUS(PINFOLD_ERR_IN_FLIGHT_FULL,
                  pinfold_client_sync_async(client, "/", never, NULL, count_release));
    EXPECT(atomic_load(&released) == before + 1);
    EXPECT_OK(pinfold_client_free(client));
    EXPECT(atomic_load(&released) == before + 3);
}

int main(int argc, char **argv)
{
    const char *hosts = start_server(argc, argv);
    pinfold_client_t *client = connect_to(hosts);
    bad_handles(client);
    bad_replies(client);
    bad_arguments(client);
    bad_options();
    other_headers(hosts);
    full_window();

    EXPECT_OK(pinfold_client_close(client));
    EXPECT_OK(pinfold_client_close(client));
    EXPECT_STATUS(PINFOLD_ERR_CLOSED, pinfold_client_get(client, "/", NULL, SOON, NULL));
    int before = atomic_load(&released);
    EXPECT_STATUS(PINFOLD_ERR_CLOSED, pinfold_client_get_async(client, "/", NULL, never, NULL,
                                                               count_release));
    EXPECT(atomic_load(&released) == before + 1);
    EXPECT_OK(pinfold_client_free(client));
    refuse(client, PINFOLD_ERR_INVALID_HANDLE);
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE, pinfold_client_free(client));
    stop_server();
    return 0;
}
