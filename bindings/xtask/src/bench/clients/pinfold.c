/* Pinfold's C client. */

#include "meter.h"
#include <pinfold.h>

static meter_t meter;
static pinfold_client_t *client;

static void check(pinfold_status_t status)
{
    if (status != PINFOLD_OK)
        meter_fail(pinfold_status_name(status), status);
}

static void look(const pinfold_reply_t *reply)
{
    size_t length;
    check(pinfold_reply_status(reply));
    if (pinfold_reply_data(reply, &length) == NULL)
        meter_fail("no data", 0);
    meter_count(&meter, length);
}

static void answered(void *user_data, const pinfold_reply_t *reply)
{
    look(reply);
    if (meter_next(&meter))
        check(pinfold_client_get_async(client, METER_PATH, NULL, answered, user_data, NULL));
}

static void one_at_a_time(void)
{
    while (meter_goes_on(&meter)) {
        pinfold_reply_t *reply;
        check(pinfold_client_get(client, METER_PATH, NULL, PINFOLD_FOREVER, &reply));
        look(reply);
        pinfold_reply_free(reply);
    }
}

int main(int argc, char **argv)
{
    meter_init(&meter, argc, argv);
    pinfold_client_options_t options;
    check(pinfold_client_options_init(&options, sizeof options));
    options.hosts = meter.address;
    check(pinfold_client_connect(&options, &client));
    if (meter.window == 1) {
        one_at_a_time();
    } else {
        for (int sent = 0; sent < meter.window; sent++)
            check(pinfold_client_get_async(client, METER_PATH, NULL, answered, NULL, NULL));
        meter_wait(&meter);
    }
    check(pinfold_client_free(client));
    return 0;
}
