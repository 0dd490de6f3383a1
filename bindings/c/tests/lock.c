/* Locks, semaphores and observers by their handles and events. */

#include "expect.h"

#define OURS PINFOLD_LOCK_LAYOUT_PINFOLD
#define FOR_EVER (-1)
#define NOT_AT_ALL 0

static void on_event(void *user_data, const pinfold_recipe_event_t *event)
{
    EXPECT(event->size >= sizeof *event && event->recipe != 0);
    if (event->kind == PINFOLD_RECIPE_EVENT_LOST)
        sem_post(user_data);
}

static uint64_t acquire(pinfold_client_t *client, const char *path, int64_t wait_ms,
                        const pinfold_listener_t *listener, char *znode, size_t room)
{
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_lock_acquire(client, path, "me", 2, OURS, wait_ms, listener, SOON, &reply));
    uint64_t recipe = pinfold_reply_recipe(reply);
    EXPECT((recipe != 0) == (pinfold_reply_token(reply) != 0));
    if (recipe != 0 && znode != NULL)
        snprintf(znode, room, "%s", pinfold_reply_path(reply));
    EXPECT_OK(pinfold_reply_free(reply));
    return recipe;
}

static void lock(pinfold_client_t *client, pinfold_client_t *other)
{
    sem_t lost;
    sem_init(&lost, 0, 0);
    pinfold_listener_t listener = {on_event, &lost, count_release};
    char znode[256];
    uint64_t held = acquire(client, "/c-lock", FOR_EVER, &listener, znode, sizeof znode);
    EXPECT(held != 0);
    EXPECT(acquire(other, "/c-lock", NOT_AT_ALL, NULL, NULL, 0) == 0);
    EXPECT(acquire(other, "/c-lock", 1, NULL, NULL, 0) == 0);

    /* A call that gives up leaves the line. */
    EXPECT_STATUS(PINFOLD_ERR_TIMEOUT, pinfold_lock_acquire(other, "/c-lock", NULL, 0, OURS,
                                                            FOR_EVER, NULL, 1, NULL));
    pinfold_reply_t *reply;
    size_t count;
    do {
        EXPECT_OK(pinfold_lock_participants(client, "/c-lock", OURS, SOON, &reply));
        count = pinfold_reply_item_count(reply);
        const pinfold_reply_t *first = pinfold_reply_item(reply, 0);
        size_t length;
        EXPECT(memcmp(pinfold_reply_data(first, &length), "me", 2) == 0 && length == 2);
        EXPECT(pinfold_reply_holds(first) == 1 && strcmp(pinfold_reply_path(first), znode) == 0);
        EXPECT(pinfold_reply_item(reply, count) == NULL);
        EXPECT_OK(pinfold_reply_free(reply));
    } while (count > 1);

    pinfold_multi_t *multi = pinfold_multi_new();
    EXPECT_OK(pinfold_multi_set(multi, "/", "mine", 4, -1));
    EXPECT_OK(pinfold_hold_write(client, held, multi, SOON, NULL));
    EXPECT_OK(pinfold_client_delete(other, znode, -1, SOON, NULL));
    sem_wait(&lost);
    EXPECT_STATUS(PINFOLD_ERR_CLAIM_LOST, pinfold_hold_write(client, held, multi, SOON, NULL));
    EXPECT_OK(pinfold_multi_free(multi));
    EXPECT(acquire(other, "/c-lock", FOR_EVER, NULL, NULL, 0) != 0);
}

static void on_reply(void *user_data, const pinfold_reply_t *reply)
{
    EXPECT(pinfold_reply_status(reply) == PINFOLD_ERR_CANCELLED);
    sem_post(user_data);
}

/* The line that `lock` left has a holder, so this one waits until it is cancelled. */
static void cancel(pinfold_client_t *client)
{
    sem_t cancelled;
    sem_init(&cancelled, 0, 0);
    EXPECT_OK(pinfold_lock_acquire_async(client, "/c-lock", NULL, 0, OURS, FOR_EVER, NULL,
                                         on_reply, &cancelled, NULL));
    uint64_t ticket = pinfold_last_ticket();
    EXPECT_OK(pinfold_client_cancel(client, ticket));
    sem_wait(&cancelled);
    EXPECT_STATUS(PINFOLD_ERR_INVALID_ARGUMENT, pinfold_client_cancel(client, ticket));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE, pinfold_client_cancel(NULL, ticket));
}

static void others(pinfold_client_t *client)
{
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_read_write_lock_acquire(client, "/c-rw", PINFOLD_LOCK_MODE_READ, NULL, 0,
                                              OURS, FOR_EVER, NULL, SOON, &reply));
    uint64_t reader = pinfold_reply_recipe(reply);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_read_write_lock_acquire(client, "/c-rw", PINFOLD_LOCK_MODE_WRITE, NULL, 0,
                                              OURS, NOT_AT_ALL, NULL, SOON, &reply));
    EXPECT(reader != 0 && pinfold_reply_recipe(reply) == 0);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_ARGUMENT,
                  pinfold_read_write_lock_acquire(client, "/c-rw", 9, NULL, 0, OURS, FOR_EVER, NULL,
                                                  SOON, NULL));
    EXPECT_OK(pinfold_semaphore_acquire(client, "/c-few", 1, NULL, 0, FOR_EVER, NULL, SOON, NULL));
    EXPECT_OK(pinfold_semaphore_acquire(client, "/c-few", 1, NULL, 0, NOT_AT_ALL, NULL, SOON,
                                        &reply));
    EXPECT(pinfold_reply_recipe(reply) == 0);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_hold_release(client, reader, SOON, NULL));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE, pinfold_hold_release(client, reader, SOON, NULL));
}

int main(int argc, char **argv)
{
    const char *hosts = start_server(argc, argv);
    pinfold_client_t *client = connect_to(hosts);
    pinfold_client_t *other = connect_to(hosts);
    lock(client, other);
    cancel(client);
    others(client);
    EXPECT_OK(pinfold_client_free(client));
    EXPECT_OK(pinfold_client_free(other));
    EXPECT(atomic_load(&released) == 1);
    stop_server();
    return 0;
}
