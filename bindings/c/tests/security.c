/* TLS and SASL, against an embedded server that has both. */

#include "expect.h"

/* The stores of certificates that all tests share, found from this file. */
static const char *store(char *path, size_t size, const char *name)
{
    const char *slash = strrchr(__FILE__, '/');
    int folder = slash == NULL ? 0 : (int)(slash + 1 - __FILE__);
    snprintf(path, size, "%.*s../../../core/proto/tests/stores/%s", folder, __FILE__, name);
    return path;
}

static int has_scheme(pinfold_client_t *client, const char *scheme)
{
    pinfold_reply_t *reply;
    int found = 0;
    EXPECT_OK(pinfold_client_who_am_i(client, SOON, &reply));
    for (size_t i = 0; i < pinfold_reply_identity_count(reply); i++)
        found |= strcmp(pinfold_reply_identity_scheme(reply, i), scheme) == 0;
    EXPECT_OK(pinfold_reply_free(reply));
    return found;
}

static char jaas[] = "/tmp/pinfold-jaas-XXXXXX";

static void start_secure(void)
{
    int fd = mkstemp(jaas);
    EXPECT(fd >= 0);
    FILE *file = fdopen(fd, "w");
    fputs("Server { org.apache.zookeeper.server.auth.DigestLoginModule required "
          "user_ann=\"secret\"; };",
          file);
    fclose(file);
    char path[512], keys[640], trust[640], users[640];
    snprintf(keys, sizeof keys, "ssl.keyStore.location=%s", store(path, sizeof path, "server.p12"));
    snprintf(trust, sizeof trust, "ssl.trustStore.location=%s",
             store(path, sizeof path, "trust.jks"));
    snprintf(users, sizeof users, "java.security.auth.login.config=%s", jaas);
    const char *properties[] = {
        "client.portUnification=true",
        "ssl.clientAuth=want",
        keys,
        "ssl.keyStore.password=pinfold",
        trust,
        "ssl.trustStore.password=pinfold",
        users,
    };
    pinfold_server_options_t options;
    EXPECT_OK(pinfold_server_options_init(&options, sizeof options));
    options.properties = properties;
    options.property_count = sizeof properties / sizeof *properties;
    EXPECT_OK(pinfold_server_start(&options, &test_server));
}

int main(void)
{
    alarm(120);
    start_secure();
    const char *hosts = pinfold_server_address(test_server);
    char ca[512], own[512];
    pinfold_client_t *client = connect_to(hosts);
    EXPECT(has_scheme(client, "ip") && !has_scheme(client, "sasl"));
    EXPECT_OK(pinfold_client_free(client));

    pinfold_client_options_t options = options_for(hosts);
    options.tls_ca_file = store(ca, sizeof ca, "ca.pem");
    options.tls_cert_file = store(own, sizeof own, "client.p12");
    options.tls_store_password = "pinfold";
    options.tls_verify = PINFOLD_TLS_VERIFY_FULL;
    options.tls_server_name = "localhost";
    options.sasl_user = "ann";
    options.sasl_password = "secret";
    EXPECT_OK(pinfold_client_connect(&options, &client));
    EXPECT(has_scheme(client, "x509") && has_scheme(client, "sasl"));
    EXPECT_OK(pinfold_client_free(client));

    options.sasl_password = "wrong";
    EXPECT_STATUS(PINFOLD_ERR_AUTH_FAILED, pinfold_client_connect(&options, &client));
    options.sasl_password = NULL;
    EXPECT_STATUS(PINFOLD_ERR_INVALID_ARGUMENT, pinfold_client_open(&options, &client));
    options.sasl_user = NULL;
    options.tls_verify = 9;
    EXPECT_STATUS(PINFOLD_ERR_INVALID_ARGUMENT, pinfold_client_open(&options, &client));

    /* The tests' own authority is not one of the system's. */
    pinfold_client_options_t stranger = options_for(hosts);
    stranger.connect_timeout_ms = 300;
    stranger.tls_verify = PINFOLD_TLS_VERIFY_FULL;
    EXPECT_STATUS(PINFOLD_ERR_NOT_CONNECTED, pinfold_client_connect(&stranger, &client));
    stranger.connect_timeout_ms = SOON;
    stranger.tls_verify = PINFOLD_TLS_VERIFY_NONE;
    EXPECT_OK(pinfold_client_connect(&stranger, &client));
    EXPECT_OK(pinfold_client_free(client));

    const char *half[] = {"tickTime"};
    pinfold_server_options_t server_options;
    EXPECT_OK(pinfold_server_options_init(&server_options, sizeof server_options));
    server_options.properties = half;
    server_options.property_count = 1;
    pinfold_server_t *server;
    EXPECT_STATUS(PINFOLD_ERR_INVALID_ARGUMENT, pinfold_server_start(&server_options, &server));
    EXPECT(unlink(jaas) == 0);
    stop_server();
    return 0;
}
