/* Master and workers: a master hands tasks to workers, which count lines, words and bytes.
 *
 *     master_worker [HOSTS]                   the whole story
 *     master_worker master HOSTS ROOT ID      one master, until SIGINT or SIGTERM
 *     master_worker worker HOSTS ROOT ID      one worker, whose tasks are paths of files
 */

#include <errno.h>
#include <inttypes.h>
#include <pinfold.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TASKS 6
#define CAPACITY 2
#define MAX_ATTEMPTS 3

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
    options.connect_timeout_ms = 30000;
    pinfold_client_t *client;
    check(pinfold_client_connect(&options, &client));
    return client;
}

struct counts {
    uint64_t lines, words, bytes;
    int in_word;
};

/* Adds what is in `text`; words are maximal runs of bytes that are no white space. */
static void count(struct counts *counts, const uint8_t *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        int space = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');
        counts->lines += text[i] == '\n';
        counts->words += !space && !counts->in_word;
        counts->in_word = !space;
    }
    counts->bytes += length;
}

/* Counts a file; 0, or the error number. */
static int count_file(struct counts *counts, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return errno;
    static _Thread_local uint8_t block[1 << 16];
    size_t length;
    while ((length = fread(block, 1, sizeof block, file)) > 0)
        count(counts, block, length);
    int error = ferror(file) ? EIO : 0;
    fclose(file);
    return error;
}

struct worker {
    pinfold_client_t *client;
    const char *id;
    int reads_files; /* the tasks are paths, and events are told on stdout */
};

/* Runs on the client's thread. Commits are asynchronous: the next task need not wait for them. */
static void on_worker_event(void *user_data, const pinfold_recipe_event_t *event)
{
    struct worker *worker = user_data;
    if (event->kind == PINFOLD_RECIPE_EVENT_REVOKED && worker->reads_files)
        printf("worker %s lost %s\n", worker->id, event->task);
    if (event->kind != PINFOLD_RECIPE_EVENT_ASSIGNED)
        return;
    struct counts counts = {0};
    int error = 0;
    if (worker->reads_files) {
        printf("worker %s task %s\n", worker->id, event->task);
        char *path = strndup((const char *)event->payload, event->payload_length);
        error = path == NULL ? ENOMEM : count_file(&counts, path);
        free(path);
    } else {
        count(&counts, event->payload, event->payload_length);
    }
    if (error != 0) {
        pinfold_worker_fail_async(worker->client, event->recipe, event->task, strerror(error),
                                  event->token, 1, NULL, NULL, NULL);
        return;
    }
    char result[128];
    int length = snprintf(result, sizeof result,
                          "{\"lines\":%" PRIu64 ",\"words\":%" PRIu64 ",\"bytes\":%" PRIu64 "}",
                          counts.lines, counts.words, counts.bytes);
    /* Refused if the task was given to another meanwhile; then that one's result counts. */
    pinfold_worker_complete_async(worker->client, event->recipe, event->task, result,
                                  (size_t)length, event->token, NULL, NULL, NULL);
}

static void on_master_event(void *user_data, const pinfold_recipe_event_t *event)
{
    if (event->kind == PINFOLD_RECIPE_EVENT_MASTER_ELECTED)
        printf("master %s elected %" PRId64 "\n", (const char *)user_data, event->token);
}

static uint64_t start_worker(struct worker *worker, const char *root)
{
    pinfold_listener_t listener = {on_worker_event, worker, NULL};
    pinfold_reply_t *reply;
    check(pinfold_worker_start(worker->client, root, worker->id, CAPACITY, NULL, 0, &listener,
                               PINFOLD_FOREVER, &reply));
    uint64_t recipe = pinfold_reply_recipe(reply);
    pinfold_reply_free(reply);
    return recipe;
}

static uint64_t start_master(pinfold_client_t *client, const char *root, const char *id,
                             const pinfold_listener_t *listener)
{
    pinfold_reply_t *reply;
    check(pinfold_master_start(client, root, id, MAX_ATTEMPTS,
                               PINFOLD_ASSIGNMENT_STRATEGY_LEAST_LOADED, 0, 0, listener,
                               PINFOLD_FOREVER, &reply));
    uint64_t recipe = pinfold_reply_recipe(reply);
    pinfold_reply_free(reply);
    return recipe;
}

/* A role of its own process, until a signal comes. */
static int play_role(const char *role, const char *hosts, const char *root, const char *id)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    /* Before any thread is there, so that the signal waits for sigwait below. */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);

    pinfold_client_t *client = connect_to(hosts);
    struct worker worker = {client, id, 1};
    pinfold_listener_t listener = {on_master_event, (void *)(uintptr_t)id, NULL};
    int is_master = strcmp(role, "master") == 0;
    uint64_t recipe = is_master ? start_master(client, root, id, &listener)
                                : start_worker(&worker, root);
    if (!is_master)
        printf("worker %s ready\n", id);
    int number;
    sigwait(&signals, &number);
    if (is_master)
        pinfold_master_stop(client, recipe, 5000, NULL);
    else
        pinfold_worker_stop(client, recipe, 5000, NULL);
    check(pinfold_client_free(client));
    return 0;
}

static void print_result(pinfold_client_t *client, int number, pinfold_reply_t *submitted)
{
    pinfold_reply_t *reply;
    check(pinfold_queue_result(client, "/app", pinfold_reply_task(submitted), PINFOLD_FOREVER,
                               &reply));
    size_t length;
    const uint8_t *data = pinfold_reply_data(reply, &length);
    char text[128];
    snprintf(text, sizeof text, "%.*s", (int)length, (const char *)data);
    struct counts counts = {0};
    sscanf(text, "{\"lines\":%" SCNu64 ",\"words\":%" SCNu64 ",\"bytes\":%" SCNu64 "}",
           &counts.lines, &counts.words, &counts.bytes);
    printf("task %d: %" PRIu64 " lines, %" PRIu64 " words, %" PRIu64 " bytes\n", number,
           counts.lines, counts.words, counts.bytes);
    pinfold_reply_free(reply);
    pinfold_reply_free(submitted);
}

int main(int argc, char **argv)
{
    if (argc == 5)
        return play_role(argv[1], argv[2], argv[3], argv[4]);
    static const char *const TEXTS[TASKS] = {
        "one", "two words", "three words here", "", "a b c d", "tab\tand newline\n",
    };
    pinfold_server_t *server = NULL;
    if (argc < 2)
        check(pinfold_server_start(NULL, &server));
    const char *hosts = argc < 2 ? pinfold_server_address(server) : argv[1];

    pinfold_client_t *master = connect_to(hosts);
    start_master(master, "/app", "m1", NULL);
    struct worker w1 = {connect_to(hosts), "w1", 0};
    struct worker w2 = {connect_to(hosts), "w2", 0};
    start_worker(&w1, "/app");
    start_worker(&w2, "/app");

    pinfold_client_t *client = connect_to(hosts);
    pinfold_reply_t *submitted[TASKS];
    for (int i = 0; i < TASKS; i++)
        check(pinfold_queue_submit(client, "/app", TEXTS[i], strlen(TEXTS[i]), NULL,
                                   PINFOLD_FOREVER, &submitted[i]));
    for (int i = 0; i < TASKS; i++)
        print_result(client, i + 1, submitted[i]);
    printf("done: %d tasks, 2 workers, 1 master\n", TASKS);

    check(pinfold_client_free(client));
    check(pinfold_client_free(w2.client));
    check(pinfold_client_free(w1.client));
    check(pinfold_client_free(master));
    check(pinfold_server_free(server));
    return 0;
}
