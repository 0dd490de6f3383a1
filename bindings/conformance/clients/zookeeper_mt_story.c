/* libzookeeper_mt, ZooKeeper's own C client, against the server named by its argument.
 *
 * Prints what it sees; the same lines have to come from Pinfold and from Apache ZooKeeper.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zookeeper/zookeeper.h>

enum { PATIENCE_SECONDS = 30 };

/* What the watcher saw, for the main thread to wait on. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int connected;
static int events;
static int completions;

static void watcher(zhandle_t *handle, int type, int state, const char *path, void *context) {
    (void)handle;
    (void)context;
    pthread_mutex_lock(&lock);
    if (type == ZOO_SESSION_EVENT) {
        connected = state == ZOO_CONNECTED_STATE;
    } else {
        printf("event %d %s\n", type, path);
        events++;
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void await(const int *value, int wanted) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_SECONDS;
    pthread_mutex_lock(&lock);
    while (*value < wanted) {
        if (pthread_cond_timedwait(&changed, &lock, &until) != 0) {
            printf("gave up waiting\n");
            exit(1);
        }
    }
    pthread_mutex_unlock(&lock);
}

static zhandle_t *open_handle(const char *hosts) {
    connected = 0;
    zhandle_t *handle = zookeeper_init(hosts, watcher, 10000, NULL, NULL, 0);
    if (handle == NULL) {
        printf("no handle\n");
        exit(1);
    }
    await(&connected, 1);
    return handle;
}

static void nodes(zhandle_t *handle) {
    char path[64];
    char data[64];
    int length = sizeof data;
    struct Stat stat;
    printf("create %d", zoo_create(handle, "/c", "zero", 4, &ZOO_OPEN_ACL_UNSAFE, 0, path, 64));
    printf(" %s\n", path);
    printf("again %d\n", zoo_create(handle, "/c", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, path, 64));
    int code = zoo_get(handle, "/c", 0, data, &length, &stat);
    printf("get %d %.*s version %d\n", code, length, data, stat.version);
    code = zoo_set2(handle, "/c", "one", 3, 0, &stat);
    printf("set %d version %d\n", code, stat.version);
    printf("stale %d\n", zoo_set(handle, "/c", "x", 1, 0));
    for (int i = 0; i < 2; i++) {
        code = zoo_create(handle, "/c/n-", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, path, 64);
        printf("sequence %d %s\n", code, path);
    }
    code = zoo_create2(handle, "/c/e", "", -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, path, 64,
                       &stat);
    printf("ephemeral %d %d\n", code, stat.ephemeralOwner == zoo_client_id(handle)->client_id);
    struct String_vector names;
    code = zoo_get_children(handle, "/c", 0, &names);
    printf("children %d %d\n", code, names.count);
    deallocate_String_vector(&names);
    printf("not empty %d\n", zoo_delete(handle, "/c", -1));
    printf("missing %d\n", zoo_exists(handle, "/none", 0, &stat));
    printf("bad path %d\n", zoo_exists(handle, "none", 0, &stat));
    struct ACL_vector acl;
    code = zoo_get_acl(handle, "/c", &acl, &stat);
    printf("acl %d %d %s\n", code, acl.count, acl.data[0].id.scheme);
    deallocate_ACL_vector(&acl);
}

static void watches(zhandle_t *handle, zhandle_t *other) {
    struct Stat stat;
    struct String_vector names;
    events = 0;
    zoo_exists(handle, "/w", 1, &stat);
    zoo_create(other, "/w", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    await(&events, 1);
    zoo_get_children(handle, "/w", 1, &names);
    deallocate_String_vector(&names);
    zoo_create(other, "/w/c", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    await(&events, 2);
    zoo_delete(other, "/w/c", -1);
    zoo_exists(handle, "/w", 1, &stat);
    zoo_delete(other, "/w", -1);
    await(&events, 3);
}

static void transaction(zhandle_t *handle) {
    zoo_op_t ops[3];
    zoo_op_result_t results[3];
    char path[64];
    zoo_create_op_init(&ops[0], "/t", "1", 1, &ZOO_OPEN_ACL_UNSAFE, 0, path, 64);
    zoo_set_op_init(&ops[1], "/t", "2", 1, 0, NULL);
    zoo_check_op_init(&ops[2], "/t", 1);
    int code = zoo_multi(handle, 3, ops, results);
    printf("multi %d: %d %d %d\n", code, results[0].err, results[1].err, results[2].err);
    zoo_delete_op_init(&ops[0], "/t", -1);
    zoo_check_op_init(&ops[1], "/t", 1);
    code = zoo_multi(handle, 2, ops, results);
    printf("multi %d: %d %d\n", code, results[0].err, results[1].err);
}

static void completed(int code, const struct Stat *stat, const void *data) {
    (void)data;
    pthread_mutex_lock(&lock);
    if (code != ZOK || stat->version != completions + 1) {
        printf("completion %d out of order: %d\n", completions, code);
    }
    completions++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void pipelined(zhandle_t *handle) {
    enum { COUNT = 2000 };
    for (int i = 0; i < COUNT; i++) {
        zoo_aset(handle, "/c", "p", 1, i + 1, completed, NULL);
    }
    await(&completions, COUNT + 1);
    printf("pipelined %d\n", COUNT);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    zhandle_t *handle = open_handle(argv[1]);
    zhandle_t *other = open_handle(argv[1]);
    nodes(handle);
    watches(handle, other);
    transaction(handle);
    completions = 1;
    pipelined(handle);
    printf("close %d\n", zookeeper_close(handle));
    struct Stat stat;
    printf("gone with its session %d\n", zoo_exists(other, "/c/e", 0, &stat));
    const char *left[] = {"/c/n-0000000000", "/c/n-0000000001", "/c", "/t"};
    for (int i = 0; i < 4; i++) {
        printf("delete %d\n", zoo_delete(other, left[i], -1));
    }
    printf("close %d\n", zookeeper_close(other));
    return 0;
}
