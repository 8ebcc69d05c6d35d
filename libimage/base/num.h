/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * num.h - strict numbers: digits only, the whole text, in range. "+0", " 0", "0x0", "" and
 * anything that wraps are refused; "01" is too, because people read it as octal.
 */
#ifndef BERTH_NUM_H
#define BERTH_NUM_H

#include <stdint.h>

/* Parse decimal 'text' into *ret, at most 'max'. Returns 0, or -1 with *ret untouched. */
int num_parse_u64(const char *text, uint64_t max, uint64_t *ret);

/* "512", "20G": bytes, or so many KiB, MiB, GiB, TiB (K, M, G, T; 1024 each). As num_parse_u64(). */
int num_parse_size(const char *text, uint64_t max, uint64_t *ret);

/* a + b and a * b without wrapping. Returns 0, or -1 with *ret untouched. */
int num_add_u64(uint64_t a, uint64_t b, uint64_t *ret);
int num_mul_u64(uint64_t a, uint64_t b, uint64_t *ret);

/* Little-endian fields of on-disk formats, at any alignment. */
uint16_t num_le16(const void *p);
uint32_t num_le32(const void *p);
uint64_t num_le64(const void *p);
void num_put_le32(void *p, uint32_t v);
void num_put_le64(void *p, uint64_t v);

#endif
