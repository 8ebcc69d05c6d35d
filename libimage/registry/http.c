/* SPDX-License-Identifier: BSD-3-Clause */
/* http.c - single requests with libcurl; see http.h. */
#include "config.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "libimage/base/cleanup.h"
#include "libimage/registry/http.h"

enum {
	CONNECT_MAX_MS = 20 * 1000,    /* LIMIT: as long as people wait for a host that does not answer */
	SILENCE_DEFAULT_S = 60,	       /* a loaded registry pauses; one that has died sends nothing */
	SILENCE_BYTES = 512,	       /* a second: with less no layer ever comes to its end */
	SMALL_MAX_MS = 120 * 1000,     /* LIMIT: a document of 4 MiB at 35 KiB/s */
	HEAD_MAX = 64 * 1024,	       /* LIMIT: bytes; tokens in links are a few KiB */
	ERROR_TEXT_MAX = 16 * 1024,    /* LIMIT: bytes; of an error's page only the start is of use */
	CONNECTIONS_MAX = 16,	       /* LIMIT: kept open; layers are fetched by fewer */
};

struct http {
	CURLM *multi;
	struct http_options opt;
	bool pipe_was_blocked;
};

static void head_done(struct http_head *h)
{
	free(h->type);
	free(h->location);
	free(h->digest);
	free(h->range);
	free(h->content_range);
	free(h->retry_after);
	free(h->etag);
	strbuf_done(&h->challenges);
	*h = (struct http_head){ 0 };
}

/* A header's value as a string of its own, without the blanks around. The first of a name counts. */
static void keep(char **to, const char *p, size_t n)
{
	if (!*to)
		*to = strndup(p, n);
}

static void keep_header(struct http_head *h, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n), *value;
	const struct {
		const char *name;
		char **to;
	} names[] = {
		{ "content-type", &h->type },	{ "location", &h->location },
		{ "range", &h->range },		{ "content-range", &h->content_range },
		{ "etag", &h->etag },		{ "docker-content-digest", &h->digest },
		{ "retry-after", &h->retry_after },
		{ "www-authenticate", NULL },
	};
	size_t len;

	if (!colon)
		return;
	len = (size_t)(colon - line);
	value = colon + 1;
	n -= len + 1;
	while (n > 0 && (value[0] == ' ' || value[0] == '\t')) {
		value++;
		n--;
	}
	while (n > 0 && strchr(" \t\r\n", value[n - 1]))
		n--;
	if (memchr(value, '\0', n))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strlen(names[i].name) != len || strncasecmp(names[i].name, line, len) != 0)
			continue;
		if (names[i].to) {
			keep(names[i].to, value, n);
		} else {
			if (h->challenges.len > 0)
				strbuf_puts(&h->challenges, ", ");
			strbuf_add(&h->challenges, value, n);
		}
	}
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct http_call *c = arg;

	(void)size; /* is 1 */
	if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) { /* after a "100 Continue" there is a second head */
		size_t bytes = c->head.bytes;

		head_done(&c->head);
		c->head.bytes = bytes;
	}
	c->head.bytes += n;
	if (c->head.bytes > HEAD_MAX) {
		berth_fail(&c->err, BERTH_ENET, 0, "the answer has more than %d KiB of headers", HEAD_MAX / 1024);
		return 0;
	}
	keep_header(&c->head, line, n);
	return n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct http_call *c = arg;
	curl_off_t length = -1;
	bool good;

	(void)size; /* is 1 */
	(void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &c->status);
	(void)curl_easy_getinfo(c->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	c->length = length;
	good = c->status >= 200 && c->status < 300;
	if (good && c->data && (c->status == 200 || c->status == 206))
		return c->data(c->arg, c, p, n, &c->err) < 0 ? 0 : n;
	if (!good && c->text.len + n > ERROR_TEXT_MAX)
		return 0; /* settle() knows */
	if (good && c->text.len + n > c->body_max) {
		berth_fail(&c->err, BERTH_ENET, 0, "the answer is larger than %zu bytes", c->body_max);
		return 0;
	}
	strbuf_add(&c->text, p, n);
	return strbuf_ok(&c->text) ? n : 0;
}

static size_t on_upload(char *buf, size_t size, size_t n, void *arg)
{
	struct http_call *c = arg;
	ssize_t got = source_read(c->upload, buf, size * n, &c->err);

	return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

/*
 * A peer that goes away while OpenSSL writes to it is an error, not the end of the process: SIGPIPE is
 * blocked as long as there is a client, and what came of it is taken back before it is let in again.
 */
static void block_pipe(struct http *h)
{
	sigset_t set, was;

	(void)sigemptyset(&set);
	(void)sigemptyset(&was);
	(void)sigaddset(&set, SIGPIPE);
	(void)pthread_sigmask(SIG_BLOCK, &set, &was);
	h->pipe_was_blocked = sigismember(&was, SIGPIPE) == 1;
}

static void unblock_pipe(const struct http *h)
{
	static const struct timespec now = { 0 };
	sigset_t set;

	if (h->pipe_was_blocked)
		return;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGPIPE);
	while (sigtimedwait(&set, NULL, &now) == SIGPIPE)
		;
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int http_open(const struct http_options *opt, struct http **ret, struct berth_err *err)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(h);
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot start the HTTP client");
	}
	h->opt = *opt;
	h->multi = curl_multi_init();
	if (!h->multi) {
		free(h);
		curl_global_cleanup();
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot start the HTTP client");
	}
	block_pipe(h);
	(void)curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
	*ret = h;
	return 0;
}

struct http *http_close(struct http *h)
{
	if (h) {
		(void)curl_multi_cleanup(h->multi);
		curl_global_cleanup();
		unblock_pipe(h);
		free(h);
	}
	return NULL;
}

static int add_line(struct curl_slist **list, const char *name, const char *value)
{
	cleanup(strbuf_done) struct strbuf line = STRBUF_INIT;
	struct curl_slist *more;

	strbuf_printf(&line, "%s%s", name, value);
	more = strbuf_ok(&line) ? curl_slist_append(*list, line.text) : NULL;
	if (line.text)
		explicit_bzero(line.text, line.len);
	if (!more)
		return -1;
	*list = more;
	return 0;
}

static int make_lines(struct http_call *c)
{
	struct curl_slist *list = NULL;
	int rc;

	/* An upload begins at once: few registries answer "Expect: 100-continue", and curl waits a second. */
	rc = add_line(&list, "Expect:", "");
	if (rc == 0 && c->authorization)
		rc = add_line(&list, "Authorization: ", c->authorization);
	if (rc == 0 && c->accept)
		rc = add_line(&list, "Accept: ", c->accept);
	if (rc == 0 && (c->type || c->body || c->upload))
		rc = add_line(&list, c->type ? "Content-Type: " : "Content-Type:", c->type ? c->type : "");
	if (rc == 0 && c->range)
		rc = add_line(&list, "Content-Range: ", c->range);
	c->lines = list;
	return rc;
}

static void set_method(CURL *e, const struct http_call *c)
{
	if (strcmp(c->method, "HEAD") == 0) {
		(void)curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	} else if (c->upload) {
		(void)curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
		(void)curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)c->nupload);
		(void)curl_easy_setopt(e, CURLOPT_READFUNCTION, on_upload);
		(void)curl_easy_setopt(e, CURLOPT_READDATA, c);
	} else if (c->body || strcmp(c->method, "GET") != 0) {
		(void)curl_easy_setopt(e, CURLOPT_POSTFIELDS, c->body ? c->body : "");
		(void)curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(c->body ? c->nbody : 0));
	}
	if (strcmp(c->method, "HEAD") != 0)
		(void)curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, c->method);
}

static CURLcode set_security(CURL *e, const struct http *h, const struct http_call *c)
{
	CURLcode rc;

	(void)curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	(void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, c->insecure ? 0L : 1L);
	(void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, c->insecure ? 0L : 2L);
	(void)curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
#if LIBCURL_VERSION_NUM >= 0x075500
	rc = curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	rc = curl_easy_setopt(e, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	if (rc == CURLE_OK && h->opt.ca_file) {
		(void)curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
		rc = curl_easy_setopt(e, CURLOPT_CAINFO, h->opt.ca_file);
	}
	return rc;
}

int http_start(struct http *h, struct http_call *c, struct berth_err *err)
{
	unsigned int silence_s = h->opt.silence_s ? h->opt.silence_s : SILENCE_DEFAULT_S;
	CURL *e = curl_easy_init();
	char range[32];

	c->http = h;
	c->easy = e;
	if (!e || make_lines(c) < 0 || set_security(e, h, c) != CURLE_OK ||
	    curl_easy_setopt(e, CURLOPT_URL, c->url) != CURLE_OK) {
		http_drop(c);
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot ask a server");
	}
	set_method(e, c);
	(void)curl_easy_setopt(e, CURLOPT_PRIVATE, c);
	(void)curl_easy_setopt(e, CURLOPT_HTTPHEADER, c->lines);
	(void)curl_easy_setopt(e, CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
	(void)curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(e, CURLOPT_HEADERDATA, c);
	(void)curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
	(void)curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 256L * 1024);
	(void)curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->why);
	(void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MAX_MS);
	(void)curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, (long)SILENCE_BYTES);
	(void)curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)silence_s);
	if (c->small)
		(void)curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)SMALL_MAX_MS);
	/* Not curl's own way to resume, which makes an error of an answer that is not what was asked for. */
	if (c->from > 0) {
		(void)snprintf(range, sizeof(range), "%" PRIu64 "-", c->from);
		(void)curl_easy_setopt(e, CURLOPT_RANGE, range);
	}
	if (curl_multi_add_handle(h->multi, e) != CURLM_OK) {
		http_drop(c);
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot ask a server");
	}
	return 0;
}

/* What curl's error means for who asked. */
static void explain(struct http_call *c, CURLcode rc)
{
	const char *why = c->why[0] != '\0' ? c->why : curl_easy_strerror(rc);
	char shown[200];

	str_escape(why, shown, sizeof(shown));
	switch ((int)rc) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
		c->unreachable = true;
		break;
	case CURLE_SSL_CONNECT_ERROR:
		c->not_tls = true;
		berth_fail(&c->err, BERTH_ENET, 0, "%s", shown);
		berth_hint(&c->err, "there may be no TLS there: --no-https does without, as does what the site calls "
				    "an insecure registry, see berth.conf(5)");
		return;
	case CURLE_PEER_FAILED_VERIFICATION:
		berth_fail(&c->err, BERTH_ENET, 0, "%s", shown);
		berth_hint(&c->err, "the certificate is not of an authority that this host trusts; for one of "
				    "your site's, see 'registry ca' in berth.conf(5), or name it in SSL_CERT_FILE");
		return;
	case CURLE_SSL_CACERT_BADFILE:
		berth_fail(&c->err, BERTH_ECONFIG, 0, "%s", shown);
		return;
	case CURLE_OUT_OF_MEMORY:
		berth_fail(&c->err, BERTH_ESYS, ENOMEM, "cannot ask a server");
		return;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		berth_fail(&c->err, BERTH_ENET, 0, "what answers is no HTTP server: %s", shown);
		return;
	default:
		break;
	}
	c->lost = true;
	berth_fail(&c->err, BERTH_ENET, 0, "%s", shown);
}

/* A call has ended, for 'rc'. */
static void settle(struct http_call *c, CURLcode rc)
{
	c->done = true;
	(void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &c->status);
	if (!strbuf_ok(&c->text) || !strbuf_ok(&c->head.challenges)) {
		berth_fail(&c->err, BERTH_ESYS, ENOMEM, "cannot keep an answer");
		return;
	}
	if (c->err.code != BERTH_OK || rc == CURLE_OK)
		return;
	/* Of an error's page enough came; the status counts. */
	if (rc == CURLE_WRITE_ERROR && c->status >= 300)
		return;
	explain(c, rc);
}

int http_pump(struct http *h, int wait_ms, struct berth_err *err)
{
	struct curl_waitfd stop = { .fd = h->opt.cancel_fd, .events = CURL_WAIT_POLLIN };
	CURLMsg *msg;
	int running, left;

	if (curl_multi_perform(h->multi, &running) != CURLM_OK)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot talk to a server");
	msg = curl_multi_info_read(h->multi, &left);
	if (!msg) {
		if (curl_multi_poll(h->multi, &stop, stop.fd >= 0 ? 1 : 0, wait_ms, NULL) != CURLM_OK)
			return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot wait for a server");
		if (stop.fd >= 0 && stop.revents != 0)
			return berth_fail(err, BERTH_ESYS, EINTR, "stopped");
		return 0;
	}
	for (; msg; msg = curl_multi_info_read(h->multi, &left)) {
		struct http_call *c = NULL;

		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &c);
		if (msg->msg == CURLMSG_DONE && c)
			settle(c, msg->data.result);
	}
	return 0;
}

void http_drop(struct http_call *c)
{
	if (c->easy) {
		(void)curl_multi_remove_handle(c->http->multi, c->easy);
		curl_easy_cleanup(c->easy);
	}
	for (struct curl_slist *l = c->lines; l; l = l->next)
		explicit_bzero(l->data, strlen(l->data));
	curl_slist_free_all(c->lines);
	if (c->text.text)
		explicit_bzero(c->text.text, c->text.len);
	head_done(&c->head);
	strbuf_done(&c->text);
	c->easy = c->lines = NULL;
	c->done = c->lost = c->unreachable = c->not_tls = false;
	c->status = 0;
	c->why[0] = '\0';
	c->err = (struct berth_err)BERTH_ERR_INIT;
}
