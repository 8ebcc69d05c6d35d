/* SPDX-License-Identifier: BSD-3-Clause */
/* check_tar.c - tar streams of all dialects, and damaged ones (libimage/layer/tar.h). */
#include "config.h"

#include <ctype.h>
#include <inttypes.h>
#include <sys/sysmacros.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/layer/tar.h"
#include "tests/unit/tar_make.h"
#include "tests/unit/unit.h"

/*
 * A stream, pieces with "|" between them:
 *   T NAME REST   a header of type T (also "\0" as "0" and then @156#00): REST is the link of 1 and 2, else bytes
 *   x KEY=VALUE&KEY=VALUE, g the same: PAX headers;  L NAME, K NAME: GNU's long names;  xraw TEXT: a PAX body
 *   @OFF=TEXT, @OFF#HEX   change the header before, with a new checksum;  !OFF=TEXT, without
 *   =TEXT         a block of TEXT, filled with zeros
 *   z, E          one block of zeros, two;  -N: cut N bytes off the end
 * What is read: "T name size=bytes" and what is not as usual: m mode, u uid, g gid, t time, d device.
 * It starts with "!" where reading fails, with that text.
 */
static const struct {
	const char *stream, *want;
} rows[] = {
	{ "E", "" },
	{ "", "" },
	{ "z", "" },
	{ "0 a 1|E", "f a 1=1" },
	{ "0 a 1", "f a 1=1" },
	{ "0 a 1|z", "f a 1=1" },
	{ "0 a 1|E|=rubbish", "f a 1=1" },
	{ "0 a 1|0 b 22|7 c 333|0 d |E", "f a 1=1 f b 2=22 f c 3=333 f d 0=" },
	{ "5 d/|2 l t|1 h d/x|6 p|E", "d d/ l l ->t h h =>d/x p p" },
	{ "3 c|@329=0000005|@337=0000011|4 b|@329=0000010|@337=0000001|E", "c c d5:9 b b d8:1" },
	/* old: no magic, no prefix; a directory is a file with a slash */
	{ "0 a 1|@257#0000000000000000|@345=nothing|E", "f a 1=1" },
	{ "0 d/|@156#00|@257#0000000000000000|E", "d d/" },
	{ "0 d/|E", "f d/ 0=" },
	{ "0 a 1|@156#00|E", "f a 1=1" },
	/* fields */
	{ "0 a|@100=0004751|@108=0001750|@116=0000144|@136=00000000012|E", "f a 0= m4751 u1000 g100 t10" },
	{ "0 a|@100=   644 |@108=  0|@136= 17777777777|E", "f a 0= t2147483647" },
	{ "0 a|@100#0000000000000000|E", "f a 0= m0" },
	{ "0 a|@108#80000000ffffffff|@116#8000000080000000|E", "f a 0= u4294967295 g2147483648" },
	{ "0 a|@136#ffffffffffffffffffffffff|E", "f a 0= t-1" },
	{ "0 a|@136#800000000000000200000000|E", "f a 0= t8589934592" },
	{ "0 nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnX|@345=p/q|E",
	  "f p/q/nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn 0=" },
	{ "0 a|@257=ustar  |@345=nothing|E", "f a 0=" },
	{ "0 a|@345=p|@508=tar|E", "f p/a 0=" },
	{ "0 a|@476=00000000001 00000000001 |@508=tar|E", "f a 0=" },
	/* entries that are no files have no bytes, whatever they say */
	{ "2 l t|@124=00000001000|0 a 1|E", "l l ->t f a 1=1" },
	{ "5 d|@124=00000001000|1 h a|@124=00000001000|0 a 1|E", "d d h h =>a f a 1=1" },
	/* PAX */
	{ "x path=n/m|0 a 1|0 b|E", "f n/m 1=1 f b 0=" },
	{ "x path=caf\xc3\xa9\xff|0 a|E", "f caf\xc3\xa9\xff 0=" },
	{ "x linkpath=t/u|2 a b|E", "l a ->t/u" },
	{ "x size=3|0 a 333|@124=00000000001|E", "f a 3=333" },
	{ "x mtime=5.5&uid=7&gid=4294967295|0 a|E", "f a 0= u7 g4294967295 t5.500000000" },
	{ "x mtime=-1.25|0 a|E", "f a 0= t-2.750000000" },
	{ "x mtime=1700000000.123456789999|0 a|E", "f a 0= t1700000000.123456789" },
	{ "x path=&mtime=&uid=&gid=&size=|0 a 1|E", "f a 1=1" },
	{ "x path=n&path=m|0 a|E", "f m 0=" },
	{ "x path=n&path=|0 a|E", "f a 0=" },
	{ "x path=n|x uid=3|0 a|E", "f a 0= u3" },
	{ "x comment=c&hdrcharset=BINARY&atime=1&VENDOR.x=y&uname=u|0 a|E", "f a 0=" },
	{ "xraw 12 path=n=m\n|0 a|E", "f n=m 0=" },
	{ "x SCHILY.xattr.user.b=2&SCHILY.xattr.user.a=1&SCHILY.xattr.user.b=3|0 a|0 b|E", "f a 0= [user.a=1][user.b=3] f b 0=" },
	/* global headers change nothing */
	{ "g path=n&uid=7&mtime=9|0 a 1|E", "f a 1=1" },
	{ "g uid=7|x gid=8|0 a|0 b|E", "f a 0= g8 f b 0=" },
	{ "V label|0 a|E", "f a 0=" },
	/* GNU's names */
	{ "L long/name|0 a 1|0 b|E", "f long/name 1=1 f b 0=" },
	{ "K long/target|2 a b|E", "l a ->long/target" },
	{ "K t|L n|1 a b|E", "h n =>t" },
	{ "L n|x path=m|0 a|E", "f m 0=" },
	{ "L n|L m|0 a|E", "f m 0=" },
	/* holes */
	{ "S a 12345|@386=00000000002|@398=00000000002|@410=00000000010|@422=00000000003|@483=00000000020|E",
	  "f a 16=<2>12<4>345<5>" },
	{ "S a|@483=00000000020|E", "f a 16=<16>" },
	{ "S a 12|@386=00000000000|@398=00000000001|@482=1|@483=00000000010|E", "!out of order" },
	{ "x GNU.sparse.map=1,2,5,1&GNU.sparse.size=8&GNU.sparse.name=n|0 a 123|E", "f n 8=<1>12<2>3<2>" },
	{ "x GNU.sparse.size=8&GNU.sparse.numblocks=2&GNU.sparse.offset=1&GNU.sparse.numbytes=2&GNU.sparse.offset=5&"
	  "GNU.sparse.numbytes=1|0 a 123|E", "f a 8=<1>12<2>3<2>" },
	{ "x GNU.sparse.major=0&GNU.sparse.minor=1&GNU.sparse.map=0,3&GNU.sparse.size=3|0 a 123|E", "f a 3=123" },
	{ "x GNU.sparse.major=1&GNU.sparse.minor=0&GNU.sparse.name=n&GNU.sparse.realsize=9|0 a|@124=00000001003|"
	  "=2\n1\n2\n6\n1\n|=abc|E", "f n 9=<1>ab<3>c<2>" },
	{ "x GNU.sparse.major=1&GNU.sparse.minor=0&GNU.sparse.realsize=4|0 a|@124=00000001000|=0\n|E", "f a 4=<4>" },
	/* ---- damaged ---- */
	{ "0 a 1|-1", "!ends in the middle of a file" },
	{ "0 a 1|-512", "!ends in the middle of a file" },
	{ "0 a|-1", "!ends in the middle of a header" },
	{ "0 a|z|0 b|E", "!one block of zeros in the middle" },
	{ "=rubbish|E", "!checksum is wrong" },
	{ "0 a|!0=b|E", "!checksum is wrong" },
	{ "0 a|!148=99999999|E", "!checksum is wrong" },
	{ "0 a|@100=999|E", "!wrong mode for 'a'" },
	{ "0 a|@100=6x4|E", "!wrong mode" },
	{ "0 a|@100#ffffffffffffffff|E", "!wrong mode" },
	{ "0 a|@108=8|E", "!wrong owner" },
	{ "0 a|@108#8000000100000000|E", "!wrong owner" },
	{ "0 a|@116#ffffffffffffffff|E", "!wrong owner" },
	{ "0 a|@136=x|E", "!wrong time" },
	{ "0 a|@136#810000000000000000000000|E", "!wrong time" },
	{ "0 a|@124=8|E", "!wrong size" },
	{ "0 a|@124#ffffffffffffffffffffffff|E", "!wrong size" },
	{ "0 a|@124#800000007fffffffffffffff|E", "!wrong size" },
	{ "0 a|@124#800000007fffffffffff0000|E", "!ends in the middle of a file" },
	{ "3 a|@329=x|E", "!wrong device number" },
	{ "3 a|@337#8000000100000000|E", "!wrong device number" },
	{ "X a|E", "!'a' is of the unknown type 'X'" },
	{ "M a|E", "!unknown type" },
	{ "0 a|@156#07|E", "!unknown type '?'" },
	{ "x path=n", "!ends after an extra header" },
	{ "L n|E", "!ends after an extra header" },
	{ "x path=n|-510", "!ends in the middle of an extra header" },
	{ "L n|-100", "!ends in the middle of a file" },
	{ "x a=b|@124=00004000001|E", "!more than 1 MiB" },
	{ "L n|@124=00004000001|E", "!more than 1 MiB" },
	{ "g a=b|@124=8|E", "!extra header of a wrong size" },
	{ "x a=b|@124#ffffffffffffffffffffffff|E", "!extra header of a wrong size" },
	{ "g a=b|@124=77777777777|E", "!ends in the middle of a file" },
	{ "xraw path=n\n|0 a|E", "!record of a wrong length" },
	{ "xraw 0 path=n\n|0 a|E", "!record of a wrong length" },
	{ "xraw 2 path=n\n|0 a|E", "!record of a wrong length" },
	{ "xraw 99 path=n\n|0 a|E", "!record of a wrong length" },
	{ "xraw 18446744073709551616 path=n\n|0 a|E", "!record of a wrong length" },
	{ "xraw -9 path=n\n|0 a|E", "!record of a wrong length" },
	/* a digit that is more than there are bytes */
	{ "xraw 9 p\n|0 a|E", "!record of a wrong length" },
	{ "xraw 7\n|0 a|E", "!record of a wrong length" },
	{ "xraw 8 path=n\n|0 a|E", "!record that does not end" },
	{ "xraw 10 path=nm|0 a|E", "!record that does not end" },
	{ "xraw 7 path\n|0 a|E", "!record without a name" },
	{ "xraw 5 =n\n|0 a|E", "!record without a name" },
	{ "xraw 3 \n|0 a|E", "!record" },
	{ "x uid=-1|0 a|E", "!wrong 'uid' in a PAX header" },
	{ "x uid=4294967296|0 a|E", "!wrong 'uid'" },
	{ "x gid=1.5|0 a|E", "!wrong 'gid'" },
	{ "x size=-1|0 a|E", "!wrong 'size'" },
	{ "x size=9223372036854775808|0 a|E", "!wrong 'size'" },
	{ "x size=9223372036854775807|0 a|E", "!wrong size" },
	{ "x mtime=1,5|0 a|E", "!wrong 'mtime'" },
	{ "x mtime=.5|0 a|E", "!wrong 'mtime'" },
	{ "x mtime=99999999999999999999|0 a|E", "!wrong 'mtime'" },
	{ "x SCHILY.xattr.=1|0 a|E", "!wrong 'SCHILY.xattr'" },
	{ "S a 12|@386=00000000000|@398=00000000003|@483=00000000010|E", "!and a wrong size" },
	{ "S a 12|@386=00000000007|@398=00000000002|@483=00000000010|E", "!out of order" },
	{ "S a 12|@386=00000000004|@398=00000000001|@410=00000000003|@422=00000000001|@483=00000000010|E", "!out of order" },
	{ "S a 12|@386=00000000000|@398=x|@483=00000000010|E", "!no numbers" },
	{ "S a 12|@386=00000000000|@398=00000000002|@483=x|E", "!wrong size" },
	{ "S a|@482=1|@483=00000000010", "!ends in the middle of a header" },
	{ "x GNU.sparse.map=1,2,5&GNU.sparse.size=8|0 a 123|E", "!wrong 'GNU.sparse.map'" },
	{ "x GNU.sparse.map=1;2&GNU.sparse.size=8|0 a 123|E", "!wrong 'GNU.sparse.map'" },
	{ "x GNU.sparse.map=5,2,1,1&GNU.sparse.size=8|0 a 123|E", "!out of order" },
	{ "x GNU.sparse.map=1,9223372036854775807&GNU.sparse.size=8|0 a 123|E", "!out of order" },
	{ "x GNU.sparse.numbytes=1&GNU.sparse.size=8|0 a 123|E", "!wrong 'GNU.sparse.numbytes'" },
	{ "x GNU.sparse.offset=1&GNU.sparse.offset=2|0 a 123|E", "!wrong 'GNU.sparse.offset'" },
	{ "x GNU.sparse.offset=1|0 a 123|E", "!wrong 'GNU.sparse.offset'" },
	{ "x GNU.sparse.major=2&GNU.sparse.minor=0|0 a|E", "!wrong 'GNU.sparse.major'" },
	{ "x GNU.sparse.major=1|0 a|E", "!wrong 'GNU.sparse.major'" },
	{ "x GNU.sparse.major=0&GNU.sparse.minor=0|0 a|E", "!wrong 'GNU.sparse.major'" },
	{ "x GNU.sparse.major=1&GNU.sparse.minor=0|0 a 12|E", "!ends in the middle of a map" },
	{ "x GNU.sparse.major=1&GNU.sparse.minor=0|0 a|@124=00000001000|=x\n|E", "!no numbers" },
	{ "x GNU.sparse.major=1&GNU.sparse.minor=0|0 a|@124=00000001000|=1\n-1\n1\n|E", "!no numbers" },
	{ "x GNU.sparse.major=1&GNU.sparse.minor=0|0 a|@124=00000001000|=99999999999999999999\n|E", "!no numbers" },
	{ "x GNU.sparse.major=1&GNU.sparse.minor=0|0 a|@124=00000001000|=9\n0\n0\n|E", "!" },
};

struct feed {
	const struct strbuf *s;
	size_t at, step;
};

static ssize_t more(void *arg, const unsigned char **ret, struct berth_err *err)
{
	struct feed *f = arg;
	size_t n = f->s->len - f->at < f->step ? f->s->len - f->at : f->step;

	(void)err;
	*ret = (const unsigned char *)f->s->text + f->at;
	f->at += n;
	return (ssize_t)n;
}

static void change(unsigned char *h, const char *text)
{
	bool hex = strchr(text, '#') && (!strchr(text, '=') || strchr(text, '#') < strchr(text, '='));
	const char *value = strpbrk(text, "=#") + 1;
	size_t at = strtoul(text + 1, NULL, 10);

	if (!hex)
		memcpy(h + at, value, strlen(value));
	for (; hex && *value; value += 2) {
		unsigned int byte;

		ck_assert_int_eq(sscanf(value, "%2x", &byte), 1);
		h[at++] = (unsigned char)byte;
	}
	if (text[0] == '@')
		tar_sum(h);
}

static void put_piece(struct strbuf *out, char *text, size_t *header)
{
	char *name = strlen(text) > 1 ? text + 2 : text, *rest = strchr(name, ' ');
	size_t was = out->len;

	if (strncmp(text, "xraw ", 5) == 0) {
		tar_put(out, 'x', "raw", NULL, text + 5, strlen(text + 5));
	} else if (text[0] == 'x' || text[0] == 'g') {
		for (char *p = name; *p; p++)
			if (*p == '&')
				*p = '\n';
		tar_put_pax(out, text[0], name);
	} else if (text[0] == 'L' || text[0] == 'K') {
		tar_put(out, text[0], "././@LongLink", NULL, name, strlen(name) + 1);
	} else if (text[0] == '@' || text[0] == '!') {
		change((unsigned char *)out->text + *header, text);
		return;
	} else if (text[0] == '=') {
		tar_body(out, text + 1, strlen(text + 1));
		return;
	} else if (text[0] == '-') {
		out->len -= strtoul(text + 1, NULL, 10);
		return;
	} else if (text[0] == 'z' || text[0] == 'E') {
		tar_end(out);
		out->len -= text[0] == 'z' ? 512 : 0;
		return;
	} else {
		bool is_link = text[0] == '1' || text[0] == '2';

		if (rest)
			*rest++ = '\0';
		tar_put(out, text[0], name, is_link ? rest : NULL, rest ? rest : "", is_link || !rest ? 0 : strlen(rest));
	}
	*header = was;
}

static void make(struct strbuf *out, const char *stream)
{
	cleanup_free char *text = strdup(stream);
	size_t header = 0;
	char *end;

	for (char *at = text; at && *at; at = end) {
		end = strchr(at, '|');
		if (end)
			*end++ = '\0';
		put_piece(out, at, &header);
	}
	ck_assert(strbuf_ok(out));
}

static int show_data(struct tar *t, const struct flat_entry *e, struct strbuf *out, struct berth_err *err)
{
	const unsigned char *p;
	uint64_t zeros, sum = 0;
	size_t n;
	int rc;

	strbuf_printf(out, " %lld=", (long long)e->st.st_size);
	for (;;) {
		rc = tar_data(t, &p, &n, &zeros, err);
		if (rc <= 0)
			break;
		ck_assert((n > 0) != (zeros > 0));
		if (zeros > 0)
			strbuf_printf(out, "<%" PRIu64 ">", zeros);
		else
			strbuf_add(out, p, n);
		sum += zeros + n;
	}
	if (rc == 0)
		ck_assert_uint_eq(sum, (uint64_t)e->st.st_size);
	return rc;
}

static int show(struct tar *t, const struct flat_entry *e, struct strbuf *out, struct berth_err *err)
{
	static const char kinds[] = "?pc?d?b?f?l?s???";
	mode_t mode = e->st.st_mode;

	strbuf_printf(out, "%s%c %s", out->len ? " " : "", e->link ? 'h' : kinds[(mode & S_IFMT) >> 12], e->path);
	if (e->link)
		strbuf_printf(out, " =>%s", e->link);
	else if (e->target)
		strbuf_printf(out, " ->%s", e->target);
	else if (S_ISREG(mode) && show_data(t, e, out, err) < 0)
		return -1;
	if (S_ISCHR(mode) || S_ISBLK(mode))
		strbuf_printf(out, " d%u:%u", major(e->st.st_rdev), minor(e->st.st_rdev));
	if ((mode & 07777) != 0644)
		strbuf_printf(out, " m%o", mode & 07777);
	if (e->st.st_uid != 0)
		strbuf_printf(out, " u%u", e->st.st_uid);
	if (e->st.st_gid != 0)
		strbuf_printf(out, " g%u", e->st.st_gid);
	if (e->st.st_mtim.tv_nsec != 0)
		strbuf_printf(out, " t%lld.%09ld", (long long)e->st.st_mtim.tv_sec, e->st.st_mtim.tv_nsec);
	else if (e->st.st_mtim.tv_sec != 1)
		strbuf_printf(out, " t%lld", (long long)e->st.st_mtim.tv_sec);
	for (size_t i = 0; i < e->nxattrs; i++)
		strbuf_printf(out, "%s[%s=%.*s]", i ? "" : " ", e->xattrs[i].name, (int)e->xattrs[i].n,
			      (const char *)e->xattrs[i].value);
	return 0;
}

/* 'skip': the bytes are not asked for. */
static int read_all(const struct strbuf *s, size_t step, bool skip, struct strbuf *out, struct berth_err *err)
{
	struct feed feed = { .s = s, .step = step };
	const struct tar_input in = { .arg = &feed, .more = more };
	struct tar *t = tar_new(&in);
	struct flat_entry e;
	int rc;

	ck_assert_ptr_nonnull(t);
	for (;;) {
		rc = tar_next(t, &e, err);
		if (rc <= 0)
			break;
		if (!skip && show(t, &e, out, err) < 0) {
			rc = -1;
			break;
		}
	}
	tar_free(t);
	return rc;
}

START_TEST(streams)
{
	const char *want = rows[_i].want;
	struct strbuf s = STRBUF_INIT;

	make(&s, rows[_i].stream);
	for (size_t step = 1; step < 3000; step = step * 5 + 3) {
		struct berth_err err = BERTH_ERR_INIT;
		struct strbuf out = STRBUF_INIT;
		int rc = read_all(&s, step, false, &out, &err);

		if (want[0] == '!') {
			ck_assert_msg(rc < 0, "%s: was not refused: %s", rows[_i].stream, out.text);
			ck_assert_msg(strstr(err.text, want + 1) != NULL, "%s: %s", rows[_i].stream, err.text);
			ck_assert_int_eq(err.code, BERTH_EIMAGE);
		} else {
			ck_assert_msg(rc == 0, "%s: %s", rows[_i].stream, err.text);
			ck_assert_msg(strcmp(out.text ? out.text : "", want) == 0, "%s: '%s', not '%s'", rows[_i].stream,
				      out.text, want);
			ck_assert_int_eq(read_all(&s, step, true, &out, &err), 0);
		}
		strbuf_done(&out);
	}
	strbuf_done(&s);
}
END_TEST

/* A NUL in a name would make two programs see two names. */
START_TEST(nul_in_pax)
{
	static const char *const keys[] = { "path", "linkpath", "GNU.sparse.name" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct strbuf s = STRBUF_INIT, records = STRBUF_INIT, out = STRBUF_INIT;
		struct berth_err err = BERTH_ERR_INIT;

		tar_record(&records, keys[i], "a\0b", 3);
		tar_put(&s, 'x', "x", NULL, records.text, records.len);
		tar_put(&s, '0', "a", NULL, "", 0);
		ck_assert_int_eq(read_all(&s, 512, false, &out, &err), -1);
		ck_assert_int_eq(err.code, BERTH_EIMAGE);
		strbuf_done(&s);
		strbuf_done(&records);
		strbuf_done(&out);
	}
}
END_TEST

/* A map of holes that needs blocks of its own, in both of GNU's forms. */
START_TEST(many_holes)
{
	struct strbuf s = STRBUF_INIT, out = STRBUF_INIT, want = STRBUF_INIT, map = STRBUF_INIT;
	unsigned char h[512], more_map[512];
	struct berth_err err = BERTH_ERR_INIT;

	tar_header(h, 'S', "a", NULL, 46);
	memcpy(h + 483, "00000001000", 11);
	h[482] = 1;
	for (int i = 0; i < 4; i++)
		(void)snprintf((char *)h + 386 + i * 24, 24, "%011o%c%011o", i * 10, '\0', 1);
	tar_sum(h);
	strbuf_add(&s, h, sizeof(h));
	for (int block = 0; block < 2; block++) {
		memset(more_map, 0, sizeof(more_map));
		for (int i = 0; i < 21; i++)
			(void)snprintf((char *)more_map + i * 24, 24, "%011o%c%011o", (4 + block * 21 + i) * 10, '\0', 1);
		more_map[504] = block == 0;
		strbuf_add(&s, more_map, sizeof(more_map));
	}
	tar_body(&s, "0123456789012345678901234567890123456789012345", 46);
	strbuf_puts(&map, "46\n");
	for (int i = 0; i < 46; i++)
		strbuf_printf(&map, "%d\n1\n", i * 10);
	tar_put_pax(&s, 'x', "GNU.sparse.major=1\nGNU.sparse.minor=0\nGNU.sparse.realsize=512");
	tar_header(h, '0', "b", NULL, (map.len + 511) / 512 * 512 + 46);
	strbuf_add(&s, h, sizeof(h));
	tar_body(&s, map.text, map.len);
	tar_body(&s, "0123456789012345678901234567890123456789012345", 46);
	for (int file = 0; file < 2; file++) {
		strbuf_printf(&want, "%sf %c 512=", file ? " " : "", 'a' + file);
		for (int i = 0; i < 46; i++)
			strbuf_printf(&want, "%d<%d>", i % 10, i < 45 ? 9 : 61);
	}
	ck_assert_msg(read_all(&s, 700, false, &out, &err) == 0, "%s", err.text);
	ck_assert_str_eq(out.text, want.text);
	strbuf_done(&s);
	strbuf_done(&out);
	strbuf_done(&want);
	strbuf_done(&map);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("tar");

	tcase_add_loop_test(tc, streams, 0, ARRAY_SIZE(rows));
	tcase_add_test(tc, nul_in_pax);
	tcase_add_test(tc, many_holes);
	return unit_run("tar", tc);
}
