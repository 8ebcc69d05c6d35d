/* SPDX-License-Identifier: BSD-3-Clause */
/* hasher.c - the digest of bytes that come one after another; see hasher.h. */
#include "config.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "libimage/base/cleanup.h"
#include "libimage/ref/digest.h"
#include "libimage/ref/hasher.h"

struct hasher {
	EVP_MD_CTX *ctx;
	const char *algorithm;
	bool failed;
};

static const struct {
	const char *name;
	const EVP_MD *(*md)(void);
} algorithms[] = {
	{ "sha256", EVP_sha256 },
	{ "sha512", EVP_sha512 },
};

struct hasher *hasher_new(const char *algorithm)
{
	size_t n = strcspn(algorithm, ":");

	/* Else the first sum would open openssl.cnf, which who has shut himself in cannot. */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
		cleanup(hasher_freep) struct hasher *h = NULL;

		if (n != strlen(algorithms[i].name) || memcmp(algorithm, algorithms[i].name, n) != 0)
			continue;
		h = calloc(1, sizeof(*h));
		if (!h)
			return NULL;
		h->algorithm = algorithms[i].name;
		h->ctx = EVP_MD_CTX_new();
		if (!h->ctx || EVP_DigestInit_ex(h->ctx, algorithms[i].md(), NULL) != 1)
			return NULL;
		return take_ptr(&h);
	}
	return NULL;
}

void hasher_add(struct hasher *h, const void *bytes, size_t n)
{
	if (EVP_DigestUpdate(h->ctx, bytes, n) != 1)
		h->failed = true;
}

int hasher_end(struct hasher *h, struct digest *ret)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	if (EVP_DigestFinal_ex(h->ctx, sum, &n) != 1)
		h->failed = true;
	return h->failed ? -1 : digest_from_sum(h->algorithm, sum, n, ret);
}

struct hasher *hasher_free(struct hasher *h)
{
	if (h)
		EVP_MD_CTX_free(h->ctx);
	free(h);
	return NULL;
}

int hasher_sum(const char *algorithm, const void *bytes, size_t n, struct digest *ret)
{
	cleanup(hasher_freep) struct hasher *h = hasher_new(algorithm);

	if (!h)
		return -1;
	hasher_add(h, bytes, n);
	return hasher_end(h, ret);
}
