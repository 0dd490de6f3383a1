/* A forked child cannot use its parent's handles: each call answers FORKED, and the parent's
 * session goes on. A new client in the child works. */

#include "expect.h"

#include <sys/wait.h>

static int in_child(pinfold_client_t *client, pinfold_reply_t *reply, const char *hosts)
{
    EXPECT_STATUS(PINFOLD_ERR_FORKED, pinfold_client_get(client, "/", NULL, SOON, NULL));
    EXPECT_STATUS(PINFOLD_ERR_FORKED,
                  pinfold_client_get_async(client, "/", NULL, NULL, NULL, count_release));
    EXPECT(atomic_load(&released) == 1);
    EXPECT_STATUS(PINFOLD_ERR_FORKED, pinfold_client_close(client));
    EXPECT_STATUS(PINFOLD_ERR_FORKED, pinfold_client_free(client));
    EXPECT_STATUS(PINFOLD_ERR_FORKED, pinfold_reply_status(reply) == PINFOLD_OK
                                          ? PINFOLD_OK
                                          : pinfold_reply_free(reply));
    if (test_server != NULL)
        EXPECT_STATUS(PINFOLD_ERR_FORKED, pinfold_server_free(test_server));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE, pinfold_client_close(NULL));

    /* A client of its own works. */
    pinfold_client_t *own = connect_to(hosts);
    EXPECT(own != client);
    make_node(own, "/from-child", "");
    EXPECT_OK(pinfold_client_free(own));
    EXPECT_STATUS(PINFOLD_ERR_INVALID_HANDLE, pinfold_client_free(own));
    return 0;
}

int main(int argc, char **argv)
{
    const char *hosts = start_server(argc, argv);
    char address[64];
    snprintf(address, sizeof address, "%s", hosts);
    pinfold_client_t *client = connect_to(hosts);
    pinfold_reply_t *reply;
    EXPECT_OK(pinfold_client_get(client, "/", NULL, SOON, &reply));
    int64_t session = pinfold_client_session_id(client);

    pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0)
        _exit(in_child(client, reply, address));
    int status;
    EXPECT(waitpid(child, &status, 0) == child);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    EXPECT_OK(pinfold_reply_free(reply));
    EXPECT_OK(pinfold_client_get(client, "/from-child", NULL, SOON, NULL));
    EXPECT(pinfold_client_session_id(client) == session);
    EXPECT_OK(pinfold_client_free(client));
    stop_server();
    return 0;
}
