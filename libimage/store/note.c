/* SPDX-License-Identifier: BSD-3-Clause */
/* note.c - what stands beside an image, KEY.json; see store_i.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/fd.h"
#include "libimage/base/str.h"
#include "libimage/oci/json.h"
#include "libimage/store/store_i.h"

void note_format(const struct store_meta *m, struct strbuf *text)
{
	struct json_out o = { .text = text, .indent = "\t" };

	json_open(&o, '{');
	json_member(&o, "source", m->source ? m->source : "");
	json_member(&o, "manifest", m->manifest.text);
	json_member(&o, "platform", m->platform ? m->platform : "");
	json_key(&o, "bytes");
	json_put_u64(&o, m->bytes);
	json_member(&o, "digest", m->sum.text);
	json_key(&o, "made");
	json_put_u64(&o, m->made > 0 ? (uint64_t)m->made : 0);
	json_close(&o, '}');
	strbuf_puts(text, "\n");
}

/* A digest, or "", which is none. */
static int get_digest(const struct json *doc, const char *key, struct digest *ret, struct berth_err *err)
{
	const char *text = NULL;

	if (json_get_string(doc, key, &text, err) < 0)
		return -1;
	return text && text[0] ? digest_parse(text, ret, err) : 0;
}

int note_parse(const void *bytes, size_t n, struct store_meta *m, struct json **ret_doc,
	       struct berth_err *err)
{
	cleanup(json_freep) struct json *doc = NULL;
	struct store_meta v = { 0 };
	uint64_t made = 0;

	if (json_parse(bytes, n, &doc, err) < 0)
		return -1;
	if (!json_is_object(doc))
		return berth_fail(err, BERTH_EIMAGE, 0, "a description is no object");
	if (json_get_string(doc, "source", &v.source, err) < 0 ||
	    json_get_string(doc, "platform", &v.platform, err) < 0 ||
	    get_digest(doc, "manifest", &v.manifest, err) < 0 || get_digest(doc, "digest", &v.sum, err) < 0 ||
	    json_get_u64(doc, "bytes", INT64_MAX, &v.bytes, err) < 0 ||
	    json_get_u64(doc, "made", INT64_MAX, &made, err) < 0)
		return -1;
	v.made = (int64_t)made;
	if (!v.source)
		return berth_fail(err, BERTH_EIMAGE, 0, "a description names no source");
	*m = v;
	*ret_doc = take_ptr(&doc);
	return 0;
}

int note_read(int dir_fd, const char *name, struct store_meta *m, struct json **ret_doc,
	      struct berth_err *err)
{
	cleanup_close int fd =
	    openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	cleanup_free char *buf = malloc(STORE_META_MAX);
	ssize_t n;

	if (!buf)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot read '%.100s'", name);
	n = fd < 0 ? -1 : fd_read_full(fd, buf, STORE_META_MAX);
	if (n < 0)
		return berth_fail(err, errno == ENOENT ? BERTH_ENOTFOUND : BERTH_ESYS, errno,
				  "cannot read '%.100s'", name);
	if (note_parse(buf, (size_t)n, m, ret_doc, err) < 0)
		return berth_context(err, "'%.100s'", name);
	return 0;
}
