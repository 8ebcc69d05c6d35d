/* SPDX-License-Identifier: BSD-3-Clause */
/* check_spec.c - a room request as bytes and back: nothing else than what was packed. */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "launcher/view/spec.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "tests/unit/unit.h"

#define M "berth-spec-1\0"
#define IDS "uid=5\0gid=6\0"
#define MIN M "image=/i\0" IDS

static void fill(struct room_spec *s)
{
	struct berth_err err = BERTH_ERR_INIT;

	s->image = strdup("/images/a b.sif");
	s->pin.kind = IMAGE_SIF;
	s->pin.size = 123456789012;
	for (size_t i = 0; i < sizeof(s->pin.sum); i++)
		s->pin.sum[i] = (uint8_t)i;
	s->uid = 4294967294u;
	s->gid = 0;
	s->user = strdup("ann");
	s->group = strdup("staff");
	s->home = strdup("/home/ann");
	s->cwd = strdup("/scratch/with\nnewline");
	s->pwd = strdup("/opt");
	s->verbose = true;
	s->quiet = true;
	ck_assert_int_eq(bind_parse_list("/a,/b:/c:ro,/d\\:e:/f\\,g", &s->binds, &err), 0);
	strlist_add(&s->env, "A=1");
	strlist_add(&s->env, "B=");
	strlist_add(&s->env, "C=x=y\nz");
}

static void pack(const struct room_spec *s, struct strbuf *out)
{
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(room_spec_pack(s, out, &err) == 0, "%s", err.text);
}

START_TEST(round_trip)
{
	cleanup(room_spec_done) struct room_spec a = ROOM_SPEC_INIT, b = ROOM_SPEC_INIT;
	cleanup(strbuf_done) struct strbuf one = STRBUF_INIT, two = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	fill(&a);
	pack(&a, &one);
	ck_assert_msg(room_spec_unpack(one.text, one.len, &b, &err) == 0, "%s", err.text);
	ck_assert_str_eq(b.image, a.image);
	ck_assert_int_eq(b.pin.kind, IMAGE_SIF);
	ck_assert_uint_eq(b.pin.size, a.pin.size);
	ck_assert_mem_eq(b.pin.sum, a.pin.sum, sizeof(a.pin.sum));
	ck_assert_uint_eq(b.uid, a.uid);
	ck_assert_uint_eq(b.gid, a.gid);
	ck_assert_str_eq(b.user, a.user);
	ck_assert_str_eq(b.group, a.group);
	ck_assert_str_eq(b.home, a.home);
	ck_assert_str_eq(b.cwd, a.cwd);
	ck_assert_str_eq(b.pwd, a.pwd);
	ck_assert(b.verbose && b.quiet);
	ck_assert_uint_eq(b.binds.n, 3);
	ck_assert_str_eq(b.binds.v[1].source, "/b");
	ck_assert_str_eq(b.binds.v[1].target, "/c");
	ck_assert(!b.binds.v[0].readonly && b.binds.v[1].readonly);
	ck_assert_str_eq(b.binds.v[2].source, "/d:e");
	ck_assert_str_eq(b.binds.v[2].target, "/f,g");
	ck_assert_uint_eq(b.env.n, 3);
	ck_assert_str_eq(b.env.v[2], "C=x=y\nz");
	pack(&b, &two);
	ck_assert_uint_eq(one.len, two.len);
	ck_assert_mem_eq(one.text, two.text, one.len);
}
END_TEST

START_TEST(least)
{
	cleanup(room_spec_done) struct room_spec s = ROOM_SPEC_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	static const char bytes[] = MIN;

	ck_assert_msg(room_spec_unpack(bytes, sizeof(bytes) - 1, &s, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(s.uid, 5);
	ck_assert_uint_eq(s.gid, 6);
	ck_assert(!s.user && !s.group && !s.home && !s.cwd && !s.pwd && !s.verbose && !s.quiet);
	ck_assert_int_eq(s.pin.kind, IMAGE_UNKNOWN);
}
END_TEST

#define B(text) { text, sizeof(text) - 1 }
static const struct {
	const char *bytes;
	size_t n;
} bad[] = {
	B(""),
	B("\0"),
	B("x"),
	B(M),
	B("berth-spec-0\0image=/i\0" IDS),
	B("berth-spec-1"),			       /* no final NUL */
	B(M "image=/i\0uid=5\0gid=6"),
	B(M IDS),				       /* no image */
	B(M "image=\0" IDS),
	B(M "image=i\0" IDS),
	B(M "image=/i\0gid=6\0"),		       /* no uid */
	B(M "image=/i\0gid=6\0uid=5\0"),	       /* order */
	B(M IDS "image=/i\0"),
	B(M "image=/i\0image=/j\0" IDS),	       /* repeated */
	B(M "image=/i\0uid=5\0uid=5\0gid=6\0"),
	B(M "image=/i\0uid=05\0gid=6\0"),
	B(M "image=/i\0uid=-1\0gid=6\0"),
	B(M "image=/i\0uid=+5\0gid=6\0"),
	B(M "image=/i\0uid= 5\0gid=6\0"),
	B(M "image=/i\0uid=\0gid=6\0"),
	B(M "image=/i\0uid=0x5\0gid=6\0"),
	B(M "image=/i\0uid=ann\0gid=6\0"),
	B(M "image=/i\0uid=4294967295\0gid=6\0"),      /* (uid_t)-1 */
	B(M "image=/i\0uid=4294967296\0gid=6\0"),      /* would wrap to root */
	B(M "image=/i\0uid=5\0gid=4294967295\0"),
	B(M "image=/i\0uid=5\0gid=18446744073709551616\0"),
	B(MIN "\0"),
	B(MIN "colour=red\0"),
	B(MIN "Home=/h\0"),
	B(MIN "user=\0"),
	B(MIN "user=a:b\0"),			       /* a second field in passwd */
	B(MIN "user=a\nroot\0"),		       /* a second line */
	B(MIN "user=a\0user=b\0"),
	B(MIN "group=g:x\0"),
	B(MIN "group=g\0user=u\0"),		       /* order */
	B(MIN "home=h\0"),
	B(MIN "home=\0"),
	B(MIN "cwd=.\0"),
	B(MIN "pwd=../x\0"),
	B(MIN "bind=ro\0"),
	B(MIN "bind=ro\0/a\0"),
	B(MIN "bind=xx\0/a\0/b\0"),
	B(MIN "bind=\0/a\0/b\0"),
	B(MIN "bind=ro\0a\0/b\0"),
	B(MIN "bind=ro\0/a\0b\0"),
	B(MIN "bind=ro\0/a\0/\0"),
	B(MIN "bind=ro\0/a\0/b/../c\0"),
	B(MIN "bind=ro\0/a\0\0"),
	B(MIN "env=A\0"),
	B(MIN "env==1\0"),
	B(MIN "env=\0"),
	B(MIN "env=A=1\0bind=ro\0/a\0/b\0"),	       /* order */
	B(MIN "verbose=0\0"),
	B(MIN "verbose=1\0verbose=1\0"),
	B(MIN "quiet=1\0verbose=1\0"),
	B(MIN "pin=dir\0"),			       /* order */
	B(M "image=/i\0pin=\0" IDS),
	B(M "image=/i\0pin=sif:1:00\0" IDS),
	B(M "image=/i\0pin=iso:1:00\0" IDS),
};

START_TEST(refused)
{
	struct room_spec s = { .uid = 77 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(room_spec_unpack(bad[_i].bytes, bad[_i].n, &s, &err) == -1, "row %d was taken", _i);
	ck_assert_int_eq(err.code, BERTH_EBUG);
	ck_assert_uint_eq(s.uid, 77); /* untouched */
	ck_assert_ptr_null(s.image);
}
END_TEST

/* Every byte of a full request changed, removed or doubled: refused, or read as another request
 * that packs to just those bytes. Never a crash, never a silent repair. */
START_TEST(mutated)
{
	cleanup(room_spec_done) struct room_spec s = ROOM_SPEC_INIT;
	cleanup(strbuf_done) struct strbuf good = STRBUF_INIT;
	static const char other[] = { '\0', '=', '/', ':', '1', 'a', '\n', '\xff' };
	unsigned int taken = 0, not_taken = 0;

	fill(&s);
	pack(&s, &good);
	for (size_t at = 0; at < good.len; at++) {
		for (size_t k = 0; k < ARRAY_SIZE(other) + 2; k++) {
			cleanup(room_spec_done) struct room_spec got = ROOM_SPEC_INIT;
			cleanup(strbuf_done) struct strbuf bytes = STRBUF_INIT, again = STRBUF_INIT;
			struct berth_err err = BERTH_ERR_INIT;
			size_t rest = k <= ARRAY_SIZE(other) ? at + 1 : at;

			strbuf_add(&bytes, good.text, at);
			if (k < ARRAY_SIZE(other))
				strbuf_add(&bytes, &other[k], 1); /* changed; the next k: left out */
			if (k > ARRAY_SIZE(other))
				strbuf_add(&bytes, good.text + at, 1); /* doubled */
			strbuf_add(&bytes, good.text + rest, good.len - rest);
			if (room_spec_unpack(bytes.text, bytes.len, &got, &err) < 0) {
				ck_assert_int_eq(err.code, BERTH_EBUG);
				not_taken++;
				continue;
			}
			taken++;
			pack(&got, &again);
			ck_assert_uint_eq(again.len, bytes.len);
			ck_assert_mem_eq(again.text, bytes.text, bytes.len);
		}
	}
	ck_assert_uint_gt(taken, 100);
	ck_assert_uint_gt(not_taken, 1000);
}
END_TEST

START_TEST(pack_refuses)
{
	struct room_spec s = { .image = (char *)(size_t)"/i" };
	struct berth_err err = BERTH_ERR_INIT;
	cleanup(strbuf_done) struct strbuf out = STRBUF_INIT;
	struct room_spec t = s;

	t.image = NULL;
	ck_assert_int_eq(room_spec_pack(&t, &out, &err), -1);
	t = s;
	t.uid = (uid_t)-1;
	ck_assert_int_eq(room_spec_pack(&t, &out, &err), -1);
	t = s;
	t.user = (char *)(size_t)"a\nb";
	ck_assert_int_eq(room_spec_pack(&t, &out, &err), -1);
	t = s;
	t.home = (char *)(size_t)"relative";
	ck_assert_int_eq(room_spec_pack(&t, &out, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EBUG);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("spec");

	tcase_add_test(tc, round_trip);
	tcase_add_test(tc, least);
	tcase_add_loop_test(tc, refused, 0, ARRAY_SIZE(bad));
	tcase_add_test(tc, mutated);
	tcase_add_test(tc, pack_refuses);
	return unit_run("spec", tc);
}
