/* Just enough JSON for the driver: parses one line into a tree, and writes strings. */

#ifndef PINFOLD_DRIVER_JSON_H
#define PINFOLD_DRIVER_JSON_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_LIST, JSON_OBJECT };

struct json {
    enum json_kind kind;
    int64_t number;     /* of a number; 0 or 1 of a bool */
    char *text;         /* of a string, with a NUL added at the end */
    size_t length;      /* of the text; a string may have NULs of its own */
    char *key;          /* of a member of an object */
    struct json *first; /* of a list or an object */
    struct json *next;  /* in the list or object that it is in */
};

static struct json *json_new(enum json_kind kind)
{
    struct json *value = calloc(1, sizeof *value);
    if (value == NULL)
        abort();
    value->kind = kind;
    return value;
}

static void json_free(struct json *value)
{
    while (value != NULL) {
        struct json *next = value->next;
        json_free(value->first);
        free(value->text);
        free(value->key);
        free(value);
        value = next;
    }
}

static void json_space(const char **at)
{
    while (**at == ' ' || **at == '\t' || **at == '\n' || **at == '\r')
        ++*at;
}

static size_t json_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

static uint32_t json_hex(const char **at)
{
    char digits[5] = {0};
    for (int i = 0; i < 4 && **at != '\0'; i++)
        digits[i] = *(*at)++;
    return (uint32_t)strtoul(digits, NULL, 16);
}

static size_t json_escape(const char **at, char *out)
{
    char name = *(*at)++;
    switch (name) {
    case 'b': *out = '\b'; return 1;
    case 'f': *out = '\f'; return 1;
    case 'n': *out = '\n'; return 1;
    case 'r': *out = '\r'; return 1;
    case 't': *out = '\t'; return 1;
    case 'u': break;
    default: *out = name; return 1;
    }
    uint32_t code = json_hex(at);
    if (code >= 0xd800 && code < 0xdc00 && (*at)[0] == '\\' && (*at)[1] == 'u') {
        *at += 2;
        code = 0x10000 + ((code - 0xd800) << 10) + (json_hex(at) - 0xdc00);
    }
    return json_utf8(out, code);
}

static struct json *json_string(const char **at)
{
    struct json *value = json_new(JSON_STRING);
    /* An escape is never shorter than what it stands for. */
    value->text = malloc(strlen(*at) + 1);
    if (value->text == NULL)
        abort();
    ++*at;
    while (**at != '\0' && **at != '"') {
        if (**at == '\\') {
            ++*at;
            value->length += json_escape(at, value->text + value->length);
        } else {
            value->text[value->length++] = *(*at)++;
        }
    }
    if (**at == '"')
        ++*at;
    value->text[value->length] = '\0';
    return value;
}

static struct json *json_value(const char **at);

static struct json *json_members(const char **at, enum json_kind kind)
{
    struct json *value = json_new(kind);
    struct json **last = &value->first;
    char end = kind == JSON_LIST ? ']' : '}';
    ++*at;
    for (json_space(at); **at != '\0' && **at != end; json_space(at)) {
        char *key = NULL;
        if (kind == JSON_OBJECT) {
            struct json *name = json_string(at);
            key = name->text;
            name->text = NULL;
            json_free(name);
            json_space(at);
            if (**at == ':')
                ++*at;
        }
        *last = json_value(at);
        (*last)->key = key;
        last = &(*last)->next;
        json_space(at);
        if (**at == ',')
            ++*at;
    }
    if (**at == end)
        ++*at;
    return value;
}

static struct json *json_value(const char **at)
{
    json_space(at);
    switch (**at) {
    case '"': return json_string(at);
    case '[': return json_members(at, JSON_LIST);
    case '{': return json_members(at, JSON_OBJECT);
    default: break;
    }
    struct json *value = json_new(JSON_NULL);
    if (strncmp(*at, "true", 4) == 0 || strncmp(*at, "false", 5) == 0) {
        value->kind = JSON_BOOL;
        value->number = **at == 't';
    } else if (strncmp(*at, "null", 4) != 0) {
        value->kind = JSON_NUMBER;
        value->number = strtoll(*at, NULL, 10);
    }
    while (**at != '\0' && strchr(",]} \t\r\n", **at) == NULL)
        ++*at;
    return value;
}

/* Member of an object; NULL if it has none of this name. */
static struct json *json_get(const struct json *object, const char *key)
{
    struct json *member = object == NULL ? NULL : object->first;
    while (member != NULL && (member->key == NULL || strcmp(member->key, key) != 0))
        member = member->next;
    return member;
}

/* Text of a member; NULL if it is missing or no string. */
static const char *json_text(const struct json *object, const char *key)
{
    const struct json *member = json_get(object, key);
    return member != NULL && member->kind == JSON_STRING ? member->text : NULL;
}

static int64_t json_number(const struct json *object, const char *key, int64_t otherwise)
{
    const struct json *member = json_get(object, key);
    int known = member != NULL && (member->kind == JSON_NUMBER || member->kind == JSON_BOOL);
    return known ? member->number : otherwise;
}

static void json_write(FILE *out, const char *text, size_t length)
{
    fputc('"', out);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < 0x20)
            fprintf(out, "\\u%04x", byte);
        else
            fputc(byte, out);
    }
    fputc('"', out);
}

/* A NUL-terminated string, or null for NULL. */
static void json_write_text(FILE *out, const char *text)
{
    if (text == NULL)
        fputs("null", out);
    else
        json_write(out, text, strlen(text));
}

#endif
