/* libzookeeper_mt, ZooKeeper's own C client. */

#include "meter.h"
#include <pthread.h>
#include <zookeeper/zookeeper.h>

static meter_t meter;
static zhandle_t *handle;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int connected;

static void watcher(zhandle_t *of, int type, int state, const char *path, void *context)
{
    (void)of, (void)path, (void)context;
    pthread_mutex_lock(&lock);
    connected = type == ZOO_SESSION_EVENT && state == ZOO_CONNECTED_STATE;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void answered(int code, const char *data, int length, const struct Stat *stat,
                     const void *context)
{
    (void)data, (void)stat;
    if (code != ZOK)
        meter_fail(zerror(code), code);
    meter_count(&meter, (size_t)length);
    if (meter_next(&meter)) {
        code = zoo_aget(handle, METER_PATH, 0, answered, context);
        if (code != ZOK)
            meter_fail(zerror(code), code);
    }
}

static void get(void)
{
    static char buffer[1 << 20];
    struct Stat stat;
    int length = sizeof buffer;
    int code = zoo_get(handle, METER_PATH, 0, buffer, &length, &stat);
    if (code != ZOK)
        meter_fail(zerror(code), code);
    meter_count(&meter, (size_t)length);
}

int main(int argc, char **argv)
{
    meter_init(&meter, argc, argv);
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    handle = zookeeper_init(meter.address, watcher, 10000, NULL, NULL, 0);
    if (handle == NULL)
        meter_fail("no handle", 0);
    pthread_mutex_lock(&lock);
    while (!connected)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    if (meter.window == 1) {
        while (meter_goes_on(&meter))
            get();
    } else {
        for (int sent = 0; sent < meter.window; sent++)
            if (zoo_aget(handle, METER_PATH, 0, answered, NULL) != ZOK)
                meter_fail("not sent", sent);
        meter_wait(&meter);
    }
    zookeeper_close(handle);
    return 0;
}
