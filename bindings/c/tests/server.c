/* The embedded server: addresses, data directories, stopping. */

#include "expect.h"

int main(void)
{
    alarm(120);
    char folder[] = "/tmp/pinfold-c-XXXXXX";
    EXPECT(mkdtemp(folder) != NULL);
    char data[64];
    snprintf(data, sizeof data, "%s/data", folder);

    pinfold_server_options_t options;
    EXPECT_OK(pinfold_server_options_init(&options, sizeof options));
    options.data_dir = data;
    pinfold_server_t *server, *other;
    EXPECT_OK(pinfold_server_start(&options, &server));
    char address[64];
    snprintf(address, sizeof address, "%s", pinfold_server_address(server));
    pinfold_client_t *client = connect_to(address);
    make_node(client, "/kept", "yes");
    EXPECT_OK(pinfold_client_free(client));

    /* The address and the data directory are taken. */
    EXPECT_STATUS(PINFOLD_ERR_SERVER, pinfold_server_start(&options, &other));
    EXPECT(other == NULL && strstr(pinfold_last_message(), data) != NULL);
    options.data_dir = NULL;
    options.listen = address;
    EXPECT_STATUS(PINFOLD_ERR_SERVER, pinfold_server_start(&options, &other));
    EXPECT(strstr(pinfold_last_message(), address) != NULL);
    options.listen = "\xff";
    EXPECT_STATUS(PINFOLD_ERR_INVALID_ARGUMENT, pinfold_server_start(&options, &other));

    /* Stopped, it can be asked still; started again on the same data, it has them. */
    EXPECT_OK(pinfold_server_stop(server));
    EXPECT_OK(pinfold_server_stop(server));
    EXPECT(strcmp(pinfold_server_address(server), address) == 0);
    EXPECT_OK(pinfold_server_free(server));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE, pinfold_server_free(server));
    options.data_dir = data;
    options.listen = NULL;
    EXPECT_OK(pinfold_server_start(&options, &server));
    client = connect_to(pinfold_server_address(server));
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_client_get(client, "/kept", NULL, SOON, &reply));
    size_t length;
    EXPECT(memcmp(pinfold_reply_data(reply, &length), "yes", 3) == 0 && length == 3);
    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_client_free(client));
    EXPECT_OK(pinfold_server_free(server));
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    EXPECT(system(command) == 0);
    return 0;
}
