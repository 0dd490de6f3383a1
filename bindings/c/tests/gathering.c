/* Barriers, counters, groups and caches by their handles and events. */

#include "expect.h"

/* Counts the events of the kinds that a test waits for. */
typedef struct {
    sem_t told;
    int32_t kind;
    char what[64];
} seen_t;

static void on_event(void *user_data, const pinfold_recipe_event_t *event)
{
    seen_t *seen = user_data;
    if (event->kind != seen->kind)
        return;
    const char *what = event->path[0] != '\0' ? event->path : event->worker;
    snprintf(seen->what, sizeof seen->what, "%s", what);
    sem_post(&seen->told);
}

static pinfold_listener_t listen_for(seen_t *seen, int32_t kind)
{
    sem_init(&seen->told, 0, 0);
    seen->kind = kind;
    return (pinfold_listener_t){on_event, seen, count_release};
}

static uint64_t recipe_of(pinfold_reply_t *reply)
{
    uint64_t recipe = pinfold_reply_recipe(reply);
    EXPECT(recipe != 0);
    EXPECT_OK(pinfold_reply_free(reply));
    return recipe;
}

static int64_t number_of(pinfold_reply_t *reply)
{
    int64_t number = pinfold_reply_number(reply);
    EXPECT_OK(pinfold_reply_free(reply));
    return number;
}

static void barrier(pinfold_client_t *client, pinfold_client_t *other)
{
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_barrier_set(client, "/c-barrier", SOON, NULL));
    EXPECT_OK(pinfold_barrier_is_set(other, "/c-barrier", SOON, &reply));
    EXPECT(number_of(reply) == 1);
    EXPECT_STATUS(PINFOLD_ERR_TIMEOUT, pinfold_barrier_wait(other, "/c-barrier", 1, NULL));
    EXPECT_OK(pinfold_barrier_remove(other, "/c-barrier", SOON, NULL));
    EXPECT_OK(pinfold_barrier_wait(client, "/c-barrier", SOON, NULL));

    EXPECT_OK(pinfold_double_barrier_enter(client, "/c-double", 1, NULL, SOON, &reply));
    uint64_t inside = recipe_of(reply);
    EXPECT_OK(pinfold_double_barrier_leave(client, inside, SOON, NULL));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE,
                  pinfold_double_barrier_leave(client, inside, SOON, NULL));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_ARGUMENT,
                  pinfold_double_barrier_enter(client, "/c-double", 0, NULL, SOON, NULL));
}

static void counter(pinfold_client_t *client, pinfold_client_t *other)
{
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_counter_set(client, "/c-counter", INT64_MIN, SOON, NULL));
    EXPECT_OK(pinfold_counter_add(other, "/c-counter", INT64_MAX, SOON, &reply));
    EXPECT(number_of(reply) == -1);
    EXPECT_OK(pinfold_counter_compare_and_set(client, "/c-counter", 5, 6, SOON, &reply));
    EXPECT(number_of(reply) == 0);
    EXPECT_OK(pinfold_counter_compare_and_set(client, "/c-counter", -1, INT64_MAX, SOON, &reply));
    EXPECT(number_of(reply) == 1);
    EXPECT_STATUS(PINFOLD_ERR_INVALID_ARGUMENT,
                  pinfold_counter_add(client, "/c-counter", 1, SOON, NULL));
    EXPECT_OK(pinfold_counter_get(client, "/c-counter", SOON, &reply));
    EXPECT(number_of(reply) == INT64_MAX);
}

static void group(pinfold_client_t *client, pinfold_client_t *other)
{
    seen_t left;
    pinfold_listener_t listener = listen_for(&left, PINFOLD_RECIPE_EVENT_MEMBER_LEFT);
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_group_watch(other, "/c-group", &listener, SOON, &reply));
    uint64_t watch = recipe_of(reply);
    EXPECT_OK(pinfold_group_join(client, "/c-group", "me", "one", 3, 7, NULL, SOON, &reply));
    int64_t token = pinfold_reply_token(reply);
    uint64_t member = recipe_of(reply);
    EXPECT_OK(pinfold_group_update(client, member, "two", 3, SOON, NULL));
    EXPECT_OK(pinfold_group_members(other, "/c-group", SOON, &reply));
    EXPECT(pinfold_reply_item_count(reply) == 1);
    const pinfold_reply_t *first = pinfold_reply_item(reply, 0);
    size_t length;
    EXPECT(memcmp(pinfold_reply_data(first, &length), "two", 3) == 0 && length == 3);
    EXPECT(strcmp(pinfold_reply_worker(first), "me") == 0 && pinfold_reply_number(first) == 7);
    EXPECT(token != 0 && pinfold_reply_token(first) == token);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_group_leave(client, member, SOON, NULL));
    sem_wait(&left.told);
    EXPECT(strcmp(left.what, "me") == 0);
    EXPECT_OK(pinfold_group_ignore(other, watch, SOON, NULL));
}

static void cache(pinfold_client_t *client, pinfold_client_t *other)
{
    make_node(client, "/c-tree", "root");
    seen_t added;
    pinfold_listener_t listener = listen_for(&added, PINFOLD_RECIPE_EVENT_NODE_ADDED);
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_cache_start(other, "/c-tree", -1, &listener, SOON, &reply));
    uint64_t copy = recipe_of(reply);
    sem_wait(&added.told);
    EXPECT(strcmp(added.what, "/c-tree") == 0);
    make_node(client, "/c-tree/leaf", "green");
    sem_wait(&added.told);
    EXPECT(strcmp(added.what, "/c-tree/leaf") == 0);
    EXPECT_OK(pinfold_cache_children(other, copy, "/c-tree", SOON, &reply));
    EXPECT(pinfold_reply_path_count(reply) == 1);
    EXPECT(strcmp(pinfold_reply_path_at(reply, 0), "leaf") == 0);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_cache_get(other, copy, "/c-tree/leaf", SOON, &reply));
    size_t length;
    EXPECT(memcmp(pinfold_reply_data(reply, &length), "green", 5) == 0 && length == 5);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_cache_get(other, copy, "/c-tree/none", SOON, &reply));
    EXPECT(pinfold_reply_data(reply, &length) == NULL);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_cache_stop(other, copy, SOON, NULL));
    EXPECT_OK(pinfold_client_delete(client, "/c-tree/leaf", -1, SOON, NULL));
}

int main(int argc, char **argv)
{
    const char *hosts = start_server(argc, argv);
    pinfold_client_t *client = connect_to(hosts);
    pinfold_client_t *other = connect_to(hosts);
    barrier(client, other);
    counter(client, other);
    group(client, other);
    cache(client, other);
    EXPECT_OK(pinfold_client_free(client));
    EXPECT_OK(pinfold_client_free(other));
    EXPECT(atomic_load(&released) == 2);
    stop_server();
    return 0;
}
