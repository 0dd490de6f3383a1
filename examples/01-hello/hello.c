/* Hello: create, read, list and delete a znode, by blocking calls. */

#include <pinfold.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(pinfold_status_t status)
{
    if (status != PINFOLD_OK) {
        fprintf(stderr, "%s: %s\n", pinfold_status_name(status), pinfold_last_message());
        exit(1);
    }
}

int main(int argc, char **argv)
{
    pinfold_server_t *server = NULL;
    if (argc < 2)
        check(pinfold_server_start(NULL, &server)); /* a real server, in this process */

    // [readme
    pinfold_client_options_t options;
    check(pinfold_client_options_init(&options, sizeof options));
    options.hosts = argc < 2 ? pinfold_server_address(server) : argv[1];
    pinfold_client_t *client;
    check(pinfold_client_connect(&options, &client));

    pinfold_reply_t *reply;
    check(pinfold_client_create(client, "/hello", "world", 5, PINFOLD_CREATE_MODE_PERSISTENT,
                                NULL, 0, PINFOLD_FOREVER, &reply));
    printf("created %s\n", pinfold_reply_path(reply));
    pinfold_reply_free(reply);

    check(pinfold_client_get(client, "/hello", NULL, PINFOLD_FOREVER, &reply));
    size_t length;
    const uint8_t *data = pinfold_reply_data(reply, &length);
    pinfold_stat_t stat;
    pinfold_reply_stat(reply, &stat);
    printf("data: %.*s\nversion: %d\n", (int)length, (const char *)data, stat.version);
    pinfold_reply_free(reply);
    // readme]

    check(pinfold_client_get_children(client, "/", NULL, PINFOLD_FOREVER, &reply));
    printf("children:");
    for (size_t i = 0; i < pinfold_reply_child_count(reply); i++) {
        const char *name = pinfold_reply_child(reply, i);
        if (strcmp(name, "zookeeper") != 0) /* the server's own */
            printf(" %s", name);
    }
    printf("\n");
    pinfold_reply_free(reply);

    check(pinfold_client_delete(client, "/hello", stat.version, PINFOLD_FOREVER, NULL));
    printf("deleted /hello\n");

    check(pinfold_client_free(client));
    check(pinfold_server_free(server));
    return 0;
}
