/* The conformance driver in C: see DRIVERS.md. */

#include "json.h"
#include "report.h"

#include <inttypes.h>
#include <pinfold.h>
#include <pthread.h>
#include <stdbool.h>

/* Held for a whole line, so that lines of several clients do not mix. */
static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;

/* A call that arms a watch: the number that the runner knows it by, and ours. */
struct armed {
    int64_t id;
    uint64_t ticket;
    struct armed *next;
};

struct client {
    char *name;
    pinfold_client_t *handle;
    struct armed *armed;
    struct client *next;
};

static struct client *clients;

/* What a callback needs: whose call it is and which. */
struct call {
    const char *client;
    int64_t id;
    char op[32];
    /* Of a multi read: c for each read of children, d for each of data. */
    char reads[64];
};

static void begin(const char *client)
{
    pthread_mutex_lock(&output);
    fputs("{\"client\":", stdout);
    json_write_text(stdout, client);
}

static void end(void)
{
    fputs("}\n", stdout);
    fflush(stdout);
    pthread_mutex_unlock(&output);
}

static void on_reply(void *user_data, const pinfold_reply_t *reply)
{
    const struct call *call = user_data;
    pinfold_status_t status = pinfold_reply_status(reply);
    begin(call->client);
    printf(",\"id\":%" PRId64, call->id);
    if (status == PINFOLD_OK) {
        print_ok(call->op, call->reads, reply);
    } else {
        fputs(",", stdout);
        print_error(status, pinfold_reply_error_path(reply), pinfold_reply_outcome(reply),
                    pinfold_reply_op_index(reply));
    }
    end();
}

static void on_event(void *user_data, const pinfold_watch_event_t *event)
{
    static const char *const KINDS[] = {
        "unknown",
        "created",
        "deleted",
        "data_changed",
        "children_changed",
        "data_watch_removed",
        "child_watch_removed",
        "persistent_watch_removed",
    };
    const struct call *call = user_data;
    bool known = event->kind > 0 && event->kind <= PINFOLD_EVENT_PERSISTENT_WATCH_REMOVED;
    begin(call->client);
    printf(",\"watch\":%" PRId64 ",\"event\":{\"kind\":\"%s\",\"path\":", call->id,
           KINDS[known ? event->kind : 0]);
    json_write_text(stdout, event->path);
    fputs("}", stdout);
    end();
}

static void on_state(void *user_data, pinfold_client_t *client, int32_t state)
{
    static const char *const STATES[] = {
        "connecting", "connected", "read_only", "suspended", "expired", "auth_failed", "closed",
    };
    (void)client;
    begin(user_data);
    printf(",\"state\":\"%s\"", STATES[state]);
    end();
}

/* The state callback is the last thing of a client that is released. */
static void on_closed(void *user_data)
{
    begin(user_data);
    fputs(",\"closed\":true", stdout);
    end();
}

static int32_t mode_of(const char *name)
{
    static const char *const MODES[] = {
        "persistent",
        "ephemeral",
        "persistent_sequential",
        "ephemeral_sequential",
        "container",
        "persistent_with_ttl",
        "persistent_sequential_with_ttl",
    };
    if (name == NULL)
        return PINFOLD_CREATE_MODE_PERSISTENT;
    for (int32_t i = 0; i < 7; i++)
        if (strcmp(MODES[i], name) == 0)
            return i;
    return -1;
}

static int32_t type_of(const struct json *args)
{
    static const char *const TYPES[] = {
        "children", "data", "any", "persistent", "persistent_recursive",
    };
    const char *name = json_text(args, "watch_type");
    for (int32_t i = 0; name != NULL && i < 5; i++)
        if (strcmp(TYPES[i], name) == 0)
            return PINFOLD_WATCH_TYPE_CHILDREN + i;
    return PINFOLD_WATCH_TYPE_ANY;
}

/* The access control list of a call; NULL where none is given. */
static pinfold_acl_t *acl_of(const struct json *args, size_t *count)
{
    const struct json *list = json_get(args, "acl");
    *count = 0;
    if (list == NULL || list->kind != JSON_LIST)
        return NULL;
    for (const struct json *entry = list->first; entry != NULL; entry = entry->next)
        ++*count;
    pinfold_acl_t *acl = calloc(*count + 1, sizeof *acl);
    if (acl == NULL)
        abort();
    size_t i = 0;
    for (const struct json *entry = list->first; entry != NULL; entry = entry->next, i++) {
        acl[i].perms = (int32_t)json_number(entry, "perms", 0);
        acl[i].scheme = json_text(entry, "scheme");
        acl[i].id = json_text(entry, "id");
    }
    return acl;
}

/* Data of a call; not given, they are empty; null is null. */
static const char *data_of(const struct json *args, size_t *length)
{
    const struct json *data = json_get(args, "data");
    *length = 0;
    if (data == NULL)
        return "";
    if (data->kind != JSON_STRING)
        return NULL;
    *length = data->length;
    return data->text;
}

static pinfold_multi_t *multi_of(const struct json *args)
{
    pinfold_multi_t *multi = pinfold_multi_new();
    const struct json *ops = json_get(args, "ops");
    for (const struct json *op = ops == NULL ? NULL : ops->first; op != NULL; op = op->next) {
        const char *name = json_text(op, "op");
        const char *path = json_text(op, "path");
        int32_t version = (int32_t)json_number(op, "version", PINFOLD_ANY_VERSION);
        size_t length, acl_count;
        const char *data = data_of(op, &length);
        if (strcmp(name, "create") == 0) {
            pinfold_acl_t *acl = acl_of(op, &acl_count);
            int32_t mode = mode_of(json_text(op, "mode"));
            int64_t ttl_ms = json_number(op, "ttl_ms", 0);
            if (ttl_ms == 0)
                pinfold_multi_create(multi, path, data, length, mode, acl, acl_count);
            else
                pinfold_multi_create_ttl(multi, path, data, length, mode, ttl_ms, acl, acl_count);
            free(acl);
        } else if (strcmp(name, "delete") == 0) {
            pinfold_multi_delete(multi, path, version);
        } else if (strcmp(name, "set") == 0) {
            pinfold_multi_set(multi, path, data, length, version);
        } else {
            pinfold_multi_check(multi, path, version);
        }
    }
    return multi;
}

static struct call *new_call(const struct client *client, int64_t id, const char *op)
{
    struct call *call = calloc(1, sizeof *call);
    if (call == NULL)
        abort();
    call->client = client->name;
    call->id = id;
    snprintf(call->op, sizeof call->op, "%s", op);
    return call;
}

static uint64_t ticket_of(const struct client *client, int64_t id)
{
    const struct armed *armed = client->armed;
    while (armed != NULL && armed->id != id)
        armed = armed->next;
    return armed == NULL ? 0 : armed->ticket;
}

static pinfold_status_t submit_write(struct client *client, const char *op,
                                     const struct json *args, struct call *call)
{
    pinfold_client_t *handle = client->handle;
    const char *path = json_text(args, "path");
    int32_t version = (int32_t)json_number(args, "version", PINFOLD_ANY_VERSION);
    size_t length, acl_count;
    const char *data = data_of(args, &length);
    pinfold_acl_t *acl = acl_of(args, &acl_count);
    pinfold_status_t status;
    if (strcmp(op, "create") == 0) {
        int32_t mode = mode_of(json_text(args, "mode"));
        int64_t ttl_ms = json_number(args, "ttl_ms", 0);
        status = ttl_ms == 0
            ? pinfold_client_create_async(handle, path, data, length, mode, acl, acl_count,
                                          on_reply, call, free)
            : pinfold_client_create_ttl_async(handle, path, data, length, mode, ttl_ms, acl,
                                              acl_count, on_reply, call, free);
    } else if (strcmp(op, "delete") == 0) {
        status = pinfold_client_delete_async(handle, path, version, on_reply, call, free);
    } else if (strcmp(op, "set") == 0) {
        status = pinfold_client_set_async(handle, path, data, length, version, on_reply, call,
                                          free);
    } else if (strcmp(op, "set_acl") == 0) {
        status = pinfold_client_set_acl_async(handle, path, acl, acl_count, version, on_reply,
                                              call, free);
    } else {
        pinfold_multi_t *multi = multi_of(args);
        status = pinfold_client_multi_async(handle, multi, on_reply, call, free);
        pinfold_multi_free(multi);
    }
    free(acl);
    return status;
}

static pinfold_status_t submit_multi_read(struct client *client, const struct json *args,
                                          struct call *call)
{
    pinfold_multi_read_t *reads = pinfold_multi_read_new();
    const struct json *ops = json_get(args, "ops");
    size_t count = 0;
    for (const struct json *op = ops == NULL ? NULL : ops->first; op != NULL; op = op->next) {
        bool children = strcmp(json_text(op, "op"), "get_children") == 0;
        if (children)
            pinfold_multi_read_get_children(reads, json_text(op, "path"));
        else
            pinfold_multi_read_get(reads, json_text(op, "path"));
        if (count + 1 < sizeof call->reads)
            call->reads[count++] = children ? 'c' : 'd';
    }
    pinfold_status_t status =
        pinfold_client_multi_read_async(client->handle, reads, on_reply, call, free);
    pinfold_multi_read_free(reads);
    return status;
}

static pinfold_status_t submit_read(struct client *client, const char *op,
                                    const struct json *args, struct call *call,
                                    const pinfold_watcher_t *watcher)
{
    pinfold_client_t *handle = client->handle;
    const char *path = json_text(args, "path");
    if (strcmp(op, "exists") == 0)
        return pinfold_client_exists_async(handle, path, watcher, on_reply, call, free);
    if (strcmp(op, "get") == 0)
        return pinfold_client_get_async(handle, path, watcher, on_reply, call, free);
    if (strcmp(op, "get_children") == 0)
        return pinfold_client_get_children_async(handle, path, watcher, on_reply, call, free);
    if (strcmp(op, "get_acl") == 0)
        return pinfold_client_get_acl_async(handle, path, on_reply, call, free);
    if (strcmp(op, "sync") == 0)
        return pinfold_client_sync_async(handle, path, on_reply, call, free);
    if (strcmp(op, "add_watch") == 0) {
        const char *mode = json_text(args, "mode");
        bool recursive = mode != NULL && strcmp(mode, "persistent_recursive") == 0;
        return pinfold_client_add_watch_async(handle, path, recursive, watcher, on_reply, call,
                                              free);
    }
    if (strcmp(op, "remove_watches") == 0) {
        uint64_t ticket = ticket_of(client, json_number(args, "watch", 0));
        return pinfold_client_remove_watches_async(handle, ticket, on_reply, call, free);
    }
    if (strcmp(op, "remove_all_watches") == 0)
        return pinfold_client_remove_all_watches_async(handle, path, type_of(args), on_reply,
                                                       call, free);
    if (strcmp(op, "check_watches") == 0)
        return pinfold_client_check_watches_async(handle, path, type_of(args), on_reply, call,
                                                  free);
    if (strcmp(op, "multi_read") == 0)
        return submit_multi_read(client, args, call);
    if (strcmp(op, "get_ephemerals") == 0)
        return pinfold_client_get_ephemerals_async(handle, json_text(args, "prefix"), on_reply,
                                                   call, free);
    if (strcmp(op, "get_all_children_number") == 0)
        return pinfold_client_get_all_children_number_async(handle, path, on_reply, call, free);
    if (strcmp(op, "who_am_i") == 0)
        return pinfold_client_who_am_i_async(handle, on_reply, call, free);
    const struct json *auth = json_get(args, "auth");
    return pinfold_client_add_auth_async(handle, json_text(args, "scheme"),
                                         auth == NULL ? NULL : auth->text,
                                         auth == NULL ? 0 : auth->length, on_reply, call, free);
}

static bool is_write(const char *op)
{
    static const char *const WRITES[] = {"create", "delete", "set", "set_acl", "multi"};
    for (size_t i = 0; i < sizeof WRITES / sizeof *WRITES; i++)
        if (strcmp(op, WRITES[i]) == 0)
            return true;
    return false;
}

static void submit(struct client *client, int64_t id, const char *op, const struct json *args)
{
    bool watch = json_number(args, "watch", 0) != 0 || strcmp(op, "add_watch") == 0;
    watch = watch && strcmp(op, "remove_watches") != 0;
    pinfold_watcher_t watcher = {on_event, NULL, free};
    if (watch)
        watcher.user_data = new_call(client, id, op);
    struct call *call = new_call(client, id, op);
    pinfold_status_t status = is_write(op)
        ? submit_write(client, op, args, call)
        : submit_read(client, op, args, call, watch ? &watcher : NULL);
    if (status != PINFOLD_OK) {
        begin(client->name);
        printf(",\"id\":%" PRId64 ",", id);
        print_error(status, pinfold_last_path(), pinfold_last_outcome(), -1);
        end();
    } else if (watch) {
        struct armed *armed = calloc(1, sizeof *armed);
        if (armed == NULL)
            abort();
        *armed = (struct armed){id, pinfold_last_ticket(), client->armed};
        client->armed = armed;
    }
}

/* Replaces $i by the number in every string below. */
static void fill(struct json *value, int64_t number)
{
    for (; value != NULL; value = value->next) {
        fill(value->first, number);
        char *mark = value->kind == JSON_STRING ? strstr(value->text, "$i") : NULL;
        if (mark == NULL)
            continue;
        size_t before = (size_t)(mark - value->text);
        char *text = malloc(value->length + 24);
        if (text == NULL)
            abort();
        memcpy(text, value->text, before);
        int length = sprintf(text + before, "%" PRId64 "%s", number, mark + 2);
        free(value->text);
        value->text = text;
        value->length = before + (size_t)length;
    }
}

static struct json *copy(const struct json *value)
{
    if (value == NULL)
        return NULL;
    struct json *made = json_new(value->kind);
    made->number = value->number;
    made->length = value->length;
    made->key = value->key == NULL ? NULL : strdup(value->key);
    if (value->text != NULL) {
        made->text = malloc(value->length + 1);
        if (made->text == NULL)
            abort();
        memcpy(made->text, value->text, value->length + 1);
    }
    made->first = copy(value->first);
    made->next = copy(value->next);
    return made;
}

static void burst(struct client *client, const struct json *command)
{
    int64_t from = json_number(command, "from_id", 0);
    int64_t count = json_number(command, "count", 0);
    const struct json *ops = json_get(command, "ops");
    const struct json *op = NULL;
    for (int64_t i = 0; i < count; i++) {
        op = op == NULL || op->next == NULL ? ops->first : op->next;
        struct json *args = copy(json_get(op, "args"));
        fill(args, from + i);
        submit(client, from + i, json_text(op, "op"), args);
        json_free(args);
    }
}

static void open_client(const struct json *command)
{
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL)
        abort();
    client->name = strdup(json_text(command, "client"));
    client->next = clients;
    clients = client;
    pinfold_client_options_t options;
    pinfold_client_options_init(&options, sizeof options);
    options.hosts = json_text(command, "hosts");
    options.session_timeout_ms = (uint32_t)json_number(command, "session_timeout_ms", 10000);
    options.on_state = on_state;
    options.on_state_user_data = client->name;
    options.on_state_destroy = on_closed;
    const struct json *auth = json_get(command, "auth");
    auth = auth == NULL ? NULL : auth->first;
    if (auth != NULL && auth->first != NULL && auth->first->next != NULL) {
        options.auth_scheme = auth->first->text;
        options.auth = auth->first->next->text;
        options.auth_length = auth->first->next->length;
    }
    if (pinfold_client_open(&options, &client->handle) != PINFOLD_OK)
        fprintf(stderr, "open: %s\n", pinfold_last_message());
    /* More than the options take. */
    for (auth = auth == NULL ? NULL : auth->next; auth != NULL; auth = auth->next)
        pinfold_client_add_auth_async(client->handle, auth->first->text, auth->first->next->text,
                                      auth->first->next->length, NULL, NULL, NULL);
}

static struct client *find(const struct json *command)
{
    const char *name = json_text(command, "client");
    struct client *client = clients;
    while (client != NULL && (name == NULL || strcmp(client->name, name) != 0))
        client = client->next;
    return client;
}

static void run(const struct json *command)
{
    const char *what = json_text(command, "do");
    if (what != NULL && strcmp(what, "open") == 0) {
        open_client(command);
        return;
    }
    struct client *client = find(command);
    if (what == NULL || client == NULL)
        return;
    if (strcmp(what, "call") == 0)
        submit(client, json_number(command, "id", 0), json_text(command, "op"),
               json_get(command, "args"));
    else if (strcmp(what, "burst") == 0)
        burst(client, command);
    else if (strcmp(what, "close") == 0)
        pinfold_client_close(client->handle);
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    bool ended = false;
    while (!ended && getline(&line, &size, stdin) > 0) {
        const char *at = line;
        struct json *command = json_value(&at);
        const char *what = json_text(command, "do");
        ended = what != NULL && strcmp(what, "exit") == 0;
        run(command);
        json_free(command);
    }
    free(line);
    while (clients != NULL) {
        struct client *client = clients;
        clients = client->next;
        pinfold_client_free(client->handle);
        while (client->armed != NULL) {
            struct armed *armed = client->armed;
            client->armed = armed->next;
            free(armed);
        }
        free(client->name);
        free(client);
    }
    return 0;
}
