/* What an operation answered, as the lines of DRIVERS.md. */

#ifndef REPORT_H
#define REPORT_H

#include "json.h"

#include <inttypes.h>
#include <pinfold.h>
#include <stdbool.h>

static void print_stat(const pinfold_stat_t *stat)
{
    printf("{\"czxid\":\"%" PRId64 "\",\"mzxid\":\"%" PRId64 "\",\"ctime\":\"%" PRId64
           "\",\"mtime\":\"%" PRId64 "\",\"version\":%d,\"cversion\":%d,\"aversion\":%d,"
           "\"ephemeral_owner\":\"%" PRId64 "\",\"data_length\":%d,\"num_children\":%d,"
           "\"pzxid\":\"%" PRId64 "\"}",
           stat->czxid, stat->mzxid, stat->ctime, stat->mtime, stat->version, stat->cversion,
           stat->aversion, stat->ephemeral_owner, stat->data_length, stat->num_children,
           stat->pzxid);
}

static void print_error(pinfold_status_t code, const char *path, int32_t outcome, int32_t op_index)
{
    static const char *const OUTCOMES[] = {"not_applied", "maybe_applied", "session_over"};
    printf("\"error\":{\"code\":%d,\"name\":", code);
    json_write_text(stdout, pinfold_status_name(code));
    fputs(",\"path\":", stdout);
    json_write_text(stdout, path);
    printf(",\"outcome\":\"%s\",\"op_index\":", OUTCOMES[outcome]);
    if (op_index < 0)
        fputs("null}", stdout);
    else
        printf("%d}", op_index);
}

static int by_name(const void *one, const void *other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static void print_sorted(const char **names, size_t count)
{
    qsort(names, count, sizeof *names, by_name);
    fputs("\"names\":[", stdout);
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "" : ",", stdout);
        json_write_text(stdout, names[i]);
    }
    fputs("]", stdout);
}

static void print_children(const pinfold_reply_t *reply)
{
    size_t count = pinfold_reply_child_count(reply);
    const char **names = calloc(count + 1, sizeof *names);
    if (names == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        names[i] = pinfold_reply_child(reply, i);
    print_sorted(names, count);
    free(names);
}

static void print_acl(const pinfold_reply_t *reply)
{
    fputs("\"acl\":[", stdout);
    for (size_t i = 0; i < pinfold_reply_acl_count(reply); i++) {
        pinfold_acl_t acl;
        pinfold_reply_acl(reply, i, &acl);
        printf("%s{\"perms\":%d,\"scheme\":", i == 0 ? "" : ",", acl.perms);
        json_write_text(stdout, acl.scheme);
        fputs(",\"id\":", stdout);
        json_write_text(stdout, acl.id);
        fputs("}", stdout);
    }
    fputs("]", stdout);
}

static void print_results(const pinfold_reply_t *reply)
{
    fputs("\"results\":[", stdout);
    for (size_t i = 0; i < pinfold_reply_result_count(reply); i++) {
        const char *path = pinfold_reply_result_path(reply, i);
        pinfold_stat_t stat;
        bool has_stat = pinfold_reply_result_stat(reply, i, &stat);
        fputs(i == 0 ? "{" : ",{", stdout);
        if (path != NULL) {
            fputs("\"path\":", stdout);
            json_write_text(stdout, path);
        }
        if (has_stat) {
            fputs(path == NULL ? "\"stat\":" : ",\"stat\":", stdout);
            print_stat(&stat);
        }
        fputs("}", stdout);
    }
    fputs("]", stdout);
}

static void print_names(const pinfold_reply_t *reply, size_t result)
{
    size_t count = pinfold_reply_result_child_count(reply, result);
    const char **names = calloc(count + 1, sizeof *names);
    if (names == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        names[i] = pinfold_reply_result_child(reply, result, i);
    print_sorted(names, count);
    free(names);
}

/* The results of a multi read; what was asked tells a read of data from one of children. */
static void print_reads(const pinfold_reply_t *reply, const char *reads)
{
    fputs("\"results\":[", stdout);
    for (size_t i = 0; i < pinfold_reply_result_count(reply); i++) {
        pinfold_status_t status = pinfold_reply_result_status(reply, i);
        pinfold_stat_t stat;
        size_t length;
        const uint8_t *data = pinfold_reply_result_data(reply, i, &length);
        fputs(i == 0 ? "{" : ",{", stdout);
        if (status != PINFOLD_OK) {
            print_error(status, pinfold_reply_result_error_path(reply, i), 0, -1);
        } else if (reads[i] == 'c') {
            print_names(reply, i);
        } else {
            pinfold_reply_result_stat(reply, i, &stat);
            fputs("\"data\":", stdout);
            if (data == NULL)
                fputs("null", stdout);
            else
                json_write(stdout, (const char *)data, length);
            fputs(",\"stat\":", stdout);
            print_stat(&stat);
        }
        fputs("}", stdout);
    }
    fputs("]", stdout);
}

static void print_paths(const pinfold_reply_t *reply)
{
    fputs("\"paths\":[", stdout);
    for (size_t i = 0; i < pinfold_reply_path_count(reply); i++) {
        fputs(i == 0 ? "" : ",", stdout);
        json_write_text(stdout, pinfold_reply_path_at(reply, i));
    }
    fputs("]", stdout);
}

static void print_identities(const pinfold_reply_t *reply)
{
    fputs("\"identities\":[", stdout);
    for (size_t i = 0; i < pinfold_reply_identity_count(reply); i++) {
        fputs(i == 0 ? "{\"scheme\":" : ",{\"scheme\":", stdout);
        json_write_text(stdout, pinfold_reply_identity_scheme(reply, i));
        fputs(",\"user\":", stdout);
        json_write_text(stdout, pinfold_reply_identity_user(reply, i));
        fputs("}", stdout);
    }
    fputs("]", stdout);
}

static void print_data(const pinfold_reply_t *reply)
{
    size_t length;
    const uint8_t *data = pinfold_reply_data(reply, &length);
    fputs("\"data\":", stdout);
    if (data == NULL)
        fputs("null", stdout);
    else
        json_write(stdout, (const char *)data, length);
}

static void print_ok(const char *op, const char *reads, const pinfold_reply_t *reply)
{
    fputs(",\"ok\":{", stdout);
    bool more = true;
    if (strcmp(op, "create") == 0) {
        fputs("\"path\":", stdout);
        json_write_text(stdout, pinfold_reply_path(reply));
    } else if (strcmp(op, "get") == 0) {
        print_data(reply);
    } else if (strcmp(op, "get_children") == 0) {
        print_children(reply);
    } else if (strcmp(op, "get_acl") == 0) {
        print_acl(reply);
    } else if (strcmp(op, "multi") == 0) {
        print_results(reply);
    } else if (strcmp(op, "multi_read") == 0) {
        print_reads(reply, reads);
    } else if (strcmp(op, "get_ephemerals") == 0) {
        print_paths(reply);
    } else if (strcmp(op, "get_all_children_number") == 0) {
        printf("\"count\":%d", pinfold_reply_all_children_number(reply));
    } else if (strcmp(op, "who_am_i") == 0) {
        print_identities(reply);
    } else {
        more = false;
    }
    pinfold_stat_t stat;
    if (pinfold_reply_stat(reply, &stat)) {
        fputs(more ? ",\"stat\":" : "\"stat\":", stdout);
        print_stat(&stat);
    } else if (strcmp(op, "exists") == 0) {
        fputs("\"stat\":null", stdout);
    }
    fputs("}", stdout);
}

#endif
