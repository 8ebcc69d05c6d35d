/* SPDX-License-Identifier: BSD-3-Clause */
/* ring.c - unpacking ahead; see ring.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/err.h"
#include "libimage/layer/inflate.h"
#include "libimage/layer/ring.h"
#include "libimage/ref/digest.h"
#include "libimage/ref/hasher.h"

/*
 * 256 KiB are still in the processor's cache when they are hashed and read. Fewer buffers would make
 * one of both threads wait when a large file is followed by many small ones.
 */
enum { SLOT_BYTES = 256 * 1024, SLOTS = 8 };

struct ring {
	const struct flat_blob *blob;
	const struct flat_limits *limits;
	uint64_t have, bytes;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t filled, freed;
	/* Under the lock: slots [out, in) hold bytes, numbered on and on; the reader is at 'out'. */
	uint64_t in, out;
	bool ended, failed, stop;
	struct berth_err err;
	bool holding;		/* the reader's: it looks at slot 'out' */
	size_t n[SLOTS];
	unsigned char *slot;
};

/* ---- the thread ---- */

/* Wait for a free slot; false: nobody wants more. */
static bool room(struct ring *r)
{
	bool go;

	(void)pthread_mutex_lock(&r->lock);
	while (r->in - r->out == SLOTS && !r->stop)
		(void)pthread_cond_wait(&r->freed, &r->lock);
	go = !r->stop;
	(void)pthread_mutex_unlock(&r->lock);
	return go;
}

static void publish(struct ring *r)
{
	(void)pthread_mutex_lock(&r->lock);
	r->in++;
	(void)pthread_cond_signal(&r->filled);
	(void)pthread_mutex_unlock(&r->lock);
}

static int check_size(const struct ring *r, const struct inflate *z, struct berth_err *err)
{
	const struct flat_limits *l = r->limits;

	if (r->bytes > l->bytes - (r->have < l->bytes ? r->have : l->bytes)) {
		berth_fail(err, BERTH_EIMAGE, 0, "the layers hold more than %" PRIu64 " bytes", l->bytes);
		return berth_hint(err, "no image is that large; it may be made to fill your disk");
	}
	if (r->bytes > l->ratio_from && r->bytes / l->ratio > inflate_taken(z)) {
		berth_fail(err, BERTH_EIMAGE, 0, "the layer unpacks to more than %" PRIu64 " times its size", l->ratio);
		return berth_hint(err, "it may be made to fill your disk");
	}
	return 0;
}

static int compare(const struct ring *r, struct hasher *h, struct berth_err *err)
{
	const struct digest *want = r->blob->diff_id;
	struct digest is;

	if (!h)
		return 0;
	if (hasher_end(h, &is) < 0)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot hash a layer");
	if (digest_equal(&is, want))
		return 0;
	berth_fail(err, BERTH_EIMAGE, 0, "the layer is not what the image says: %s instead of %s", is.text, want->text);
	return berth_hint(err, "the image is damaged or was tampered with: pull it again, or tell who made it");
}

static int unpack(struct ring *r, struct inflate *z, struct hasher *h, struct berth_err *err)
{
	while (room(r)) {
		size_t at = (size_t)(r->in % SLOTS);
		unsigned char *buf = r->slot + at * SLOT_BYTES;
		ssize_t n = inflate_read(z, buf, SLOT_BYTES, err);

		if (n < 0)
			return -1;
		if (n == 0)
			return compare(r, h, err);
		if (h)
			hasher_add(h, buf, (size_t)n);
		r->bytes += (uint64_t)n;
		if (check_size(r, z, err) < 0)
			return -1;
		r->n[at] = (size_t)n;
		publish(r);
	}
	return 0;
}

static void *run(void *arg)
{
	struct ring *r = arg;
	const struct digest *want = r->blob->diff_id;
	struct berth_err err = BERTH_ERR_INIT;
	struct hasher *h = want ? hasher_new(want->text) : NULL;
	struct inflate *z = NULL;
	int rc = -1;

	if (want && !h)
		berth_fail(&err, BERTH_ESYS, ENOMEM, "cannot hash a layer");
	else if (inflate_new(&r->blob->source, r->blob->packing, &z, &err) == 0)
		rc = unpack(r, z, h, &err);
	inflate_free(z);
	hasher_free(h);
	(void)pthread_mutex_lock(&r->lock);
	r->ended = true;
	r->failed = rc < 0;
	r->err = err;
	(void)pthread_cond_signal(&r->filled);
	(void)pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* ---- the reader ---- */

int ring_new(const struct flat_blob *blob, const struct flat_limits *limits, uint64_t have, struct ring **ret,
	     struct berth_err *err)
{
	struct ring *r = calloc(1, sizeof(*r));
	sigset_t all, was;
	int rc;

	if (!r)
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot unpack a layer");
	r->blob = blob;
	r->limits = limits;
	r->have = have;
	(void)pthread_mutex_init(&r->lock, NULL);
	(void)pthread_cond_init(&r->filled, NULL);
	(void)pthread_cond_init(&r->freed, NULL);
	r->slot = malloc((size_t)SLOTS * SLOT_BYTES);
	if (!r->slot) {
		ring_free(r);
		return berth_fail(err, BERTH_ESYS, ENOMEM, "cannot unpack a layer");
	}
	/* Signals are for the thread that was there before. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &was);
	rc = pthread_create(&r->thread, NULL, run, r);
	(void)pthread_sigmask(SIG_SETMASK, &was, NULL);
	r->started = rc == 0;
	if (rc != 0) {
		ring_free(r);
		return berth_fail(err, BERTH_ESYS, rc, "cannot start a thread");
	}
	*ret = r;
	return 0;
}

ssize_t ring_next(void *ring, const unsigned char **ret, struct berth_err *err)
{
	struct ring *r = ring;
	size_t at;
	bool there;

	(void)pthread_mutex_lock(&r->lock);
	if (r->holding) {
		r->holding = false;
		r->out++;
		(void)pthread_cond_signal(&r->freed);
	}
	while (r->in == r->out && !r->ended)
		(void)pthread_cond_wait(&r->filled, &r->lock);
	there = r->in != r->out;
	if (!there && r->failed)
		*err = r->err;
	(void)pthread_mutex_unlock(&r->lock);
	if (!there)
		return r->failed ? -1 : 0;
	at = (size_t)(r->out % SLOTS);
	r->holding = true;
	*ret = r->slot + at * SLOT_BYTES;
	return (ssize_t)r->n[at];
}

uint64_t ring_bytes(const struct ring *r)
{
	return r->bytes;
}

struct ring *ring_free(struct ring *r)
{
	if (!r)
		return NULL;
	if (r->started) {
		(void)pthread_mutex_lock(&r->lock);
		r->stop = true;
		(void)pthread_cond_signal(&r->freed);
		(void)pthread_mutex_unlock(&r->lock);
		(void)pthread_join(r->thread, NULL);
	}
	(void)pthread_cond_destroy(&r->freed);
	(void)pthread_cond_destroy(&r->filled);
	(void)pthread_mutex_destroy(&r->lock);
	free(r->slot);
	free(r);
	return NULL;
}
