/* SPDX-License-Identifier: BSD-3-Clause */
/* authfile.c - who the user is at which registry; see authfile.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/base/output.h"
#include "libimage/base/str.h"
#include "libimage/oci/authfile.h"
#include "libimage/oci/base64.h"
#include "libimage/oci/json.h"

struct authfile {
	char *path;
	struct json *root;
};

/* The names of Docker Hub; what Docker writes is the first. */
static const char hub_key[] = "https://index.docker.io/v1/";
static const char *const hub_names[] = { "registry-1.docker.io", "docker.io", "index.docker.io" };

struct secret {
	char *text;
	size_t n;
};

static void secret_wipe(struct secret *s)
{
	if (s->text)
		explicit_bzero(s->text, s->n);
	free(s->text);
	*s = (struct secret){ 0 };
}

static void wipe_text(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void credential_done(struct credential *c)
{
	wipe_text(&c->user);
	wipe_text(&c->password);
	wipe_text(&c->identity_token);
	wipe_text(&c->registry_token);
	*c = (struct credential){ 0 };
}

struct authfile *authfile_free(struct authfile *a)
{
	if (a) {
		json_wipe(a->root);
		free(a->path);
	}
	free(a);
	return NULL;
}

static int no_memory(struct berth_err *err)
{
	return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot keep credentials");
}

/* Whatever is wrong with the file is said of the file. */
static int in_file(const char *path, struct berth_err *err)
{
	if (err->code == BERTH_EIMAGE)
		err->code = BERTH_ECONFIG;
	return berth_context(err, "credentials in '%.150s'", path);
}

int authfile_parse(const char *path, const void *bytes, size_t n, struct authfile **ret,
		   struct berth_err *err)
{
	cleanup(authfile_freep) struct authfile *a = calloc(1, sizeof(*a));

	if (!a)
		return no_memory(err);
	a->path = strdup(path);
	/* What touch(1) leaves is an empty file. */
	if (n == 0)
		a->root = json_new_object();
	else if (json_parse(bytes, n, &a->root, err) < 0)
		return in_file(path, err);
	if (!a->path || !a->root)
		return no_memory(err);
	if (!json_is_object(a->root))
		return berth_fail(err, BERTH_ECONFIG, 0, "credentials in '%.150s': not an object", path);
	*ret = take_ptr(&a);
	return 0;
}

int authfile_load(const char *path, struct authfile **ret, struct berth_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	cleanup(secret_wipe) struct secret s = { 0 };
	struct stat st;
	ssize_t n;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return authfile_parse(path, "", 0, ret, err);
	if (fd < 0 || fstat(fd, &st) < 0)
		return berth_fail(err, errno == EACCES ? BERTH_EDENIED : BERTH_ESYS, errno,
				  "cannot read credentials in '%.150s'", path);
	if (!S_ISREG(st.st_mode) || st.st_size > AUTHFILE_BYTES_MAX)
		return berth_fail(err, BERTH_ECONFIG, 0, "credentials in '%.150s': %s", path,
				  S_ISREG(st.st_mode) ? "it is larger than 1 MiB" : "it is no file");
	s.n = (size_t)st.st_size;
	s.text = malloc(s.n + 1);
	if (!s.text)
		return no_memory(err);
	n = fd_read_full(fd, s.text, s.n);
	if (n < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot read credentials in '%.150s'", path);
	return authfile_parse(path, s.text, (size_t)n, ret, err);
}

static bool is_hub(const char *host)
{
	for (size_t i = 0; i < ARRAY_SIZE(hub_names); i++)
		if (strcmp(host, hub_names[i]) == 0)
			return true;
	return false;
}

/*
 * Does a key of the file mean 'where', "host" or "host/path"? Docker's keys may be URLs: scheme and
 * what follows the host do not count then ("https://index.docker.io/v1/"), as Docker has it.
 */
static bool key_means(const char *key, const char *where)
{
	const char *rest = str_after(key, "https://");
	char host[256]; /* no DNS name is longer */
	size_t n;

	if (!rest)
		rest = str_after(key, "http://");
	if (!rest) {
		n = strlen(key);
		if (n > 0 && key[n - 1] == '/')
			n--;
		rest = key;
	} else {
		n = strcspn(rest, "/");
	}
	if (n >= sizeof(host))
		return n == strlen(where) && memcmp(rest, where, n) == 0;
	memcpy(host, rest, n);
	host[n] = '\0';
	return strcmp(host, where) == 0 || (is_hub(host) && is_hub(where));
}

/* The member of 'obj' that means 'where'; NULL: none. */
static const struct json *lookup(const struct json *obj, const char *where, const char **ret_key)
{
	struct json_each e = JSON_EACH(obj);
	const struct json *found = NULL;

	while (json_next(&e)) {
		if (!e.value || !key_means(e.key, where))
			continue;
		if (strcmp(e.key, where) == 0 || !found) {
			found = e.value;
			*ret_key = e.key;
		}
	}
	return found;
}

static int damaged(const char *what, struct berth_err *err)
{
	berth_fail(err, BERTH_ECONFIG, 0, "%s", what);
	return berth_hint(err, "log in to the registry again");
}

/* A field of a name and a password, which become one line of a header. */
static bool is_clean(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static int keep(const char *text, char **ret, struct berth_err *err)
{
	if (!text || text[0] == '\0')
		return 0;
	if (!is_clean(text))
		return damaged("a credential has a control character", err);
	*ret = strdup(text);
	return *ret ? 0 : no_memory(err);
}

/* "auth": the name, a colon and the password, in base64. Docker pads with NULs. */
static int keep_auth(const char *auth, struct credential *c, struct berth_err *err)
{
	cleanup(secret_wipe) struct secret s = { .n = strlen(auth) + 1 };
	char *colon;
	size_t n;

	s.text = calloc(1, s.n);
	if (!s.text)
		return no_memory(err);
	if (base64_decode(auth, s.text, s.n - 1, &n) < 0)
		return damaged("an 'auth' is no base64", err);
	while (n > 0 && s.text[n - 1] == '\0')
		n--;
	colon = memchr(s.text, ':', n);
	if (!colon || memchr(s.text, '\0', n))
		return damaged("an 'auth' is no name and password", err);
	*colon = '\0';
	return keep(s.text, &c->user, err) < 0 || keep(colon + 1, &c->password, err) < 0 ? -1 : 0;
}

static int read_entry(const struct json *entry, struct credential *c, struct berth_err *err)
{
	const char *user, *password, *auth, *identity, *registry;

	if (json_get_string(entry, "auth", &auth, err) < 0 ||
	    json_get_string(entry, "username", &user, err) < 0 ||
	    json_get_string(entry, "password", &password, err) < 0 ||
	    json_get_string(entry, "identitytoken", &identity, err) < 0 ||
	    json_get_string(entry, "registrytoken", &registry, err) < 0)
		return -1;
	if (keep(identity, &c->identity_token, err) < 0 || keep(registry, &c->registry_token, err) < 0)
		return -1;
	if (auth && auth[0])
		return keep_auth(auth, c, err);
	return keep(user, &c->user, err) < 0 || keep(password, &c->password, err) < 0 ? -1 : 0;
}

static int keep_helper(const char *name, const char *key, struct credential *c, struct berth_err *err)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	if (n == 0 || name[n] != '\0' || n > AUTH_HELPER_MAX || name[0] == '.' || name[0] == '-') {
		berth_fail(err, BERTH_ECONFIG, 0, "the name of a credential helper is no word");
		return berth_hint(err, "a helper 'x' is the program docker-credential-x");
	}
	if (strlen(key) >= sizeof(c->helper_key) || !is_clean(key))
		return berth_fail(err, BERTH_ECONFIG, 0, "the name of a registry is too long or no name");
	memcpy(c->helper, name, n + 1);
	memcpy(c->helper_key, key, strlen(key) + 1);
	return 0;
}

/* "credHelpers" has one a host, "credsStore" is for all others. */
static int find_helper(const struct authfile *a, const char *host, struct credential *c,
		       struct berth_err *err)
{
	const char *key = is_hub(host) ? hub_key : host, *store;
	const struct json *helpers, *name = NULL;

	if (json_get_object(a->root, "credHelpers", &helpers, err) < 0 ||
	    json_get_string(a->root, "credsStore", &store, err) < 0)
		return -1;
	if (helpers)
		name = lookup(helpers, host, &key);
	if (name && !json_text(name))
		return berth_fail(err, BERTH_ECONFIG, 0, "the name of a credential helper is no word");
	if (name && json_text(name)[0])
		return keep_helper(json_text(name), key, c, err);
	return !name && store && store[0] ? keep_helper(store, key, c, err) : 0;
}

/* The entry of the longest name: "host/a/b", "host/a", "host". */
static int find_entry(const struct json *auths, const char *host, const char *repo, const struct json **ret,
		      struct berth_err *err)
{
	cleanup(strbuf_done) struct strbuf where = STRBUF_INIT;
	const char *key;
	char *slash;

	strbuf_printf(&where, "%s/%s", is_hub(host) ? "docker.io" : host, repo ? repo : "");
	if (!strbuf_ok(&where))
		return no_memory(err);
	for (slash = strrchr(where.text, '/'); slash; slash = strrchr(where.text, '/')) {
		*ret = slash[1] ? lookup(auths, where.text, &key) : NULL;
		if (*ret)
			return 0;
		*slash = '\0';
	}
	*ret = lookup(auths, where.text, &key);
	return 0;
}

static int find(const struct authfile *a, const char *host, const char *repo, struct credential *c,
		struct berth_err *err)
{
	const struct json *auths, *entry = NULL;

	if (json_get_object(a->root, "auths", &auths, err) < 0)
		return -1;
	if (auths && find_entry(auths, host, repo, &entry, err) < 0)
		return -1;
	if (entry && read_entry(entry, c, err) < 0)
		return -1;
	return find_helper(a, host, c, err);
}

int authfile_find(const struct authfile *a, const char *host, const char *repo, struct credential *ret,
		  struct berth_err *err)
{
	cleanup(credential_done) struct credential c = { 0 };

	if (find(a, host, repo, &c, err) < 0)
		return in_file(a->path, err);
	*ret = c;
	c = (struct credential){ 0 };
	return ret->user || ret->identity_token || ret->registry_token || ret->helper[0];
}

int authfile_set(struct authfile *a, const char *host, const char *user, const char *password,
		 struct berth_err *err)
{
	static const char *const others[] = { "identitytoken", "registrytoken", "username", "password" };
	cleanup(secret_wipe) struct secret both = { 0 }, coded = { 0 };
	struct json *auths = json_edit_object(a->root, "auths"), *entry = NULL;
	const char *key = is_hub(host) ? hub_key : host;

	if (user[0] == '\0' || strchr(user, ':') || !is_clean(user) || !is_clean(password)) {
		berth_fail(err, BERTH_EUSAGE, 0, "this name or password cannot be used for a registry");
		return berth_hint(err, "a name has at least one character and no colon; neither has control "
				       "characters");
	}
	both.n = strlen(user) + 1 + strlen(password);
	coded.n = BASE64_SIZE(both.n);
	both.text = malloc(both.n + 1);
	coded.text = malloc(coded.n);
	if (!both.text || !coded.text)
		return no_memory(err);
	(void)snprintf(both.text, both.n + 1, "%s:%s", user, password);
	base64_encode(both.text, both.n, coded.text);
	if (auths) {
		(void)lookup(auths, host, &key);
		entry = json_edit_object(auths, key);
	}
	if (!entry)
		return berth_fail(err, BERTH_ECONFIG, 0,
				  "credentials in '%.150s': 'auths' is not an object of objects", a->path);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		json_remove(entry, others[i]);
	return json_set_string(entry, "auth", coded.text) < 0 ? no_memory(err) : 0;
}

int authfile_remove(struct authfile *a, const char *host)
{
	struct json *auths = json_edit_object(a->root, "auths");
	const char *key;
	int removed = 0;

	while (auths && lookup(auths, host, &key)) {
		json_remove(auths, key);
		removed = 1;
	}
	return removed;
}

int authfile_save(const struct authfile *a, struct berth_err *err)
{
	cleanup(output_close) struct output o = OUTPUT_INIT;
	cleanup(secret_wipe) struct secret text = { 0 };
	/* Some keep such files elsewhere and a link here: what it leads to is replaced, not the link. */
	cleanup_free char *real = realpath(a->path, NULL);
	const char *path = real ? real : a->path;

	if (json_write(a->root, &text.text, &text.n, err) < 0 || output_open(&o, path, 0600, true, err) < 0)
		return -1;
	if (fd_write_full(o.fd, text.text, text.n) < 0)
		return berth_fail(err, BERTH_ESYS, errno, "cannot write credentials to '%.150s'", path);
	return output_publish(&o, true, err);
}

int credential_parse(const void *bytes, size_t n, struct credential *ret, struct berth_err *err)
{
	cleanup(json_wipep) struct json *root = NULL;
	cleanup(credential_done) struct credential c = { 0 };
	const char *user, *secret;

	if (json_parse(bytes, n, &root, err) < 0 || json_get_string(root, "Username", &user, err) < 0 ||
	    json_get_string(root, "Secret", &secret, err) < 0 ||
	    keep(secret, user && strcmp(user, "<token>") == 0 ? &c.identity_token : &c.password, err) < 0 ||
	    (!c.identity_token && keep(user, &c.user, err) < 0)) {
		err->code = err->code == BERTH_ESYS ? BERTH_ESYS : BERTH_EDENIED;
		return berth_context(err, "the answer of the credential helper");
	}
	if (!c.identity_token && (!c.user || !c.password))
		return berth_fail(err, BERTH_EDENIED, 0, "the credential helper gave no name and secret");
	*ret = c;
	c = (struct credential){ 0 };
	return 0;
}
