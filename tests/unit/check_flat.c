/* SPDX-License-Identifier: BSD-3-Clause */
/* check_flat.c - what layers come to (libimage/layer/flat.h), as tables. */
#include "config.h"

#include "libimage/base/cleanup.h"
#include "tests/unit/flat_make.h"
#include "tests/unit/unit.h"

/*
 * Layers, the topmost first, with "|" between them; entries with ";": a letter, a name, and bytes or a target.
 * f file, d directory, l symbolic link, h hard link, c b p devices and fifos. A layer that starts with "+" is
 * made up by flat_add(). What comes out is one line: "d/ d/file=bytes link->target hard==first fifo*p". It
 * starts with "!" if it is refused, with that text.
 */
struct row {
	const char *layers, *want;
	unsigned int dropped;
};

static const struct row rows[] = {
	/* ---- nothing special ---- */
	{ "", "", 0 },
	{ "f a 1", "a=1", 0 },
	{ "d d;f d/a 1;l d/l a;p d/p", "d/ d/a=1 d/l->a d/p*p", 0 },
	{ "f b/c/d 1", "b/ b/c/ b/c/d=1", 0 },
	{ "f b 1;f a 2;f B 3", "B=3 a=2 b=1", 0 },
	{ "f a-b 1;d a;f a/x 2;f a.b 3", "a/ a/x=2 a-b=1 a.b=3", 0 },
	{ "c tty;b sda;f a 1", "a=1", 0 },
	/* ---- layers ---- */
	{ "f a 1|f a 2", "a=1", 0 },
	{ "f a 1|f b 2", "a=1 b=2", 0 },
	{ "d d;f d/a 1|d d;f d/b 2", "d/ d/a=1 d/b=2", 0 },
	{ "f d/a 1|f d/b 2|f d/a 3", "d/ d/a=1 d/b=2", 0 },
	{ "|f a 1||f a 2|", "a=1", 0 },
	/* ---- whiteouts ---- */
	{ "f .wh.a|f a 1;f b 2", "b=2", 0 },
	{ "f .wh.d|d d;f d/a 1", "", 0 },
	{ "f d/.wh.a|d d;f d/a 1", "d/", 0 },
	{ "f d/.wh.a|d d;d d/a;f d/a/b 1;f d/c 2", "d/ d/c=2", 0 },
	{ "|f .wh.a|f a 1", "", 0 },
	{ "f a 1|f .wh.a|f a 2", "a=1", 0 },
	{ "d a|f .wh.a|d a;f a/b 2", "a/", 0 },
	{ "f a/c 1|f .wh.a|d a;f a/b 2", "a/ a/c=1", 0 },
	{ "f .wh.a|f a/c 1|d a;f a/b 2", "", 0 },
	{ "f .wh.nothing", "", 0 },
	{ "f no/.wh.thing", "", 0 },
	{ "f g/.wh.h|f g/h 1", "g/", 0 },
	{ "f .wh.g|f g/h 1", "", 0 },
	{ "f g/.wh.h|f g/h 1|f g 2", "g/", 0 },
	{ "f g/.wh.h|f g/h 1;f g 2", "g=2", 0 },
	{ "f g/.wh.h|f g/h/i 1|l g x", "g->x", 0 },
	/* the same layer gives and takes: it gives, whatever comes first */
	{ "f a 1;f .wh.a|f a 2", "a=1", 0 },
	{ "f .wh.a;f a 1|f a 2", "a=1", 0 },
	{ "d d;f d/x 1;f .wh.d|d d;f d/y 2", "d/ d/x=1", 0 },
	{ "f .wh.d;d d;f d/x 1|d d;f d/y 2", "d/ d/x=1", 0 },
	{ "f .wh.d;f d/x 1|d d;f d/y 2", "d/ d/x=1", 0 },
	/* a whiteout is not about names that only look like it */
	{ "f .wh.a|f ab 1;f .wha 2;f wh.a 3", ".wha=2 ab=1 wh.a=3", 0 },
	{ "d .wh.a|f a 1", "", 0 },
	{ "l .wh.a x|f a 1", "", 0 },
	/* ---- opaque directories ---- */
	{ "d d;f d/.wh..wh..opq|d d;f d/a 1", "d/", 0 },
	{ "d d;f d/.wh..wh..opq;f d/b 2|d d;f d/a 1", "d/ d/b=2", 0 },
	{ "d d;f d/b 2;f d/.wh..wh..opq|d d;f d/a 1", "d/ d/b=2", 0 },
	{ "f d/c 3|f d/.wh..wh..opq;f d/b 2|f d/a 1", "d/ d/b=2 d/c=3", 0 },
	{ "f d/.wh..wh..opq|d d;d d/e;f d/e/a 1", "d/", 0 },
	{ "d d;d d/e;f d/.wh..wh..opq|d d;d d/e;f d/e/a 1", "d/ d/e/", 0 },
	{ "f .wh..wh..opq;f b 2|f a 1", "b=2", 0 },
	{ "d a;f a/.wh..wh..opq|d a;f a/x 1;f b 2", "a/ b=2", 0 },
	/* ---- aufs has names of its own ---- */
	{ "f .wh..wh.aufs;d .wh..wh.plnk;f .wh..wh.plnk/1.2 x;d .wh..wh.orph|f a 1", "a=1", 0 },
	/* ---- a file in a directory's place, and the reverse ---- */
	{ "f a 1|d a;f a/b 2", "a=1", 0 },
	{ "d a|f a 1", "a/", 0 },
	{ "d a|f a 1|d a;f a/b 2", "a/", 0 },
	{ "d a;f a/c 3|f a 1|d a;f a/b 2", "a/ a/c=3", 0 },
	{ "f a/c 3|f a 1|d a;f a/b 2", "a/ a/c=3", 0 },
	{ "l a b|d a;f a/b 2;d b", "a->b b/", 0 },
	{ "p a|f a 1|d a;f a/b 2", "a*p", 0 },
	{ "d a|l a b|d a;f a/c 1;d b", "a/ b/", 0 },
	{ "c a|f a 1", "", 0 },
	/* ---- twice in one layer: the later counts ---- */
	{ "f a 1;f a 2", "a=2", 1 },
	{ "f a 1;f a 2;f a 3|f a 4", "a=3", 2 },
	{ "f a 1;l a b", "a->b", 1 },
	{ "l a b;f a 1", "a=1", 0 },
	{ "f a 1;d a;f a/b 2", "a/ a/b=2", 1 },
	{ "f a 1;d a|d a;f a/b 2", "a/", 1 },
	{ "d a;f a/b 1;f a 2", "a=2", 1 },
	{ "d a;f a/b 1;f a 2;d a;f a/c 3", "a/ a/c=3", 2 },
	{ "d a;d a/b;f a/b/c 1;l a x;f x 2", "a->x x=2", 1 },
	{ "d a;d a;f a/b 1;d a", "a/ a/b=1", 0 },
	{ "f a/b 1;f a 2|d a;f a/c 3", "a=2", 1 },
	/* ---- hard links ---- */
	{ "f a 1;h b a", "a=1 b==a", 0 },
	{ "f b 1;h a b", "a=1 b==a", 0 },
	{ "f b 1;h a b;h c a;h d c", "a=1 b==a c==a d==a", 0 },
	{ "h b a;f a 1", "a=1 b==a", 0 },
	{ "h c b;h b a;f a 1", "a=1 b==a c==a", 0 },
	{ "d z;f z/a 1;d b;h b/x z/a", "b/ b/x=1 z/ z/a==b/x", 0 },
	{ "l a t;h b a", "a->t b==a", 0 },
	{ "p a;h b a", "a*p b==a", 0 },
	{ "f a 1;h b ./a;h c /a;h d a", "a=1 b==a c==a d==a", 0 },
	{ "f a 1;h b a;h b a", "a=1 b==a", 0 },
	{ "f a 1;h a a", "a=1", 0 },
	{ "f a 1;h b a;f a 2", "a=2 b=1", 0 },
	{ "f a 1;h b a;f a 2;f b 3", "a=2 b=3", 1 },
	{ "f a 1;f b 2;h b a", "a=1 b==a", 1 },
	{ "c a;h b a;f x 1", "x=1", 0 },
	/* to a lower layer's */
	{ "h b a|f a 1", "a=1 b==a", 0 },
	{ "h b a||f a 1|f a 2", "a=1 b==a", 0 },
	{ "h c b;h b a|f a 1", "a=1 b==a c==a", 0 },
	{ "h b a;h c a|f a 1", "a=1 b==a c==a", 0 },
	{ "h c b|h b a|f a 1", "a=1 b==a c==a", 0 },
	{ "h c b|f a 1;h b a", "a=1 b==a c==a", 0 },
	{ "h c b|h b a;f a 1", "a=1 b==a c==a", 0 },
	{ "h b a|l a t", "a->t b==a", 0 },
	{ "h b a|f a 1;f a 2", "a=2 b==a", 1 },
	/* whose name a layer between or above has replaced or taken */
	{ "f a 9|h b a|f a 1", "a=9 b=1", 0 },
	{ "f .wh.a|h b a|f a 1", "b=1", 0 },
	{ "f a 9|h b a;h c a|f a 1", "a=9 b=1 c==b", 0 },
	{ "f a 9|h b a|f a 1;f a 2", "a=9 b=2", 1 },
	{ "f a 9|h b a|l a t", "a=9 b->t", 0 },
	{ "f a 9|h b a|l a t;l a u", "a=9 b->u", 0 },
	{ "h a/b a|f a 1;l a c|d c", "a->c c/ c/b==a", 1 },
	{ "f a 9|h b a|f a 1;f x 2;h a x", "a=9 b=2 x==b", 1 },
	{ "f a 9|h b a|f a 1;h a x|f x 2", "a=9 b=2 x==b", 1 },
	{ "f a 9|h b a|l a t;h a x|f x 2", "a=9 b=2 x==b", 0 },
	{ "f a 9|h c b|h b a|f a 1", "a=9 b=1 c==b", 0 },
	{ "f b 9|h c b|h b a|f a 1", "a=1 b=9 c==a", 0 },
	{ "f b 9;f a 8|h c b|h b a|f a 1", "a=8 b=9 c=1", 0 },
	{ "f b 9|h c b|f a 1;h b a", "a=1 b=9 c==a", 0 },
	{ "f a 9|h b a;f .wh.a|f a 1", "a=9 b=1", 0 },
	{ "h b a|f .wh.a;f a 2|f a 1", "a=2 b==a", 0 },
	{ "f d 9|h b d/a|d d;f d/a 1", "b=1 d=9", 0 },
	/* which was passed over before the link came: it is read again */
	{ "f a 9|f a 1;h b a", "a=9 b=1", 0 },
	{ "f .wh.a|f a 1;h b a;h c a", "b=1 c==b", 0 },
	{ "f .wh.a|f a 1;f x 2;h b a;h c b;f y 3", "b=1 c==b x=2 y=3", 0 },
	{ "f a 9;f b 8|f a 1;h b a;h c b", "a=9 b=8 c=1", 0 },
	{ "f a 9|l a t;h b a", "a=9 b->t", 0 },
	{ "f d/.wh..wh..opq|f d/a 1;h b d/a", "b=1", 0 },
	{ "f .wh.a|h c a|f a 1;h b a", "b=1 c==b", 0 },
	{ "f .wh.a|h c a|f a 1;h b a;h d b", "b=1 c==b d==b", 0 },
	{ "f .wh.a;f .wh.b|h c b|f a 1;h b a;h d a", "c=1 d==c", 0 },
	{ "h b a;f a 1|f a 2", "a=1 b=2", 0 },
	{ "h b a;f a 1|f .wh.a|f a 2", "!which is not there", 0 },
	{ "h c b|h b a;f .wh.a|f a 1", "b=1 c==b", 0 },
	{ "h z b|f a 9;f b 8|f a 1;h b a", "a=9 b=8 z==b", 0 },
	{ "f a 9;f b 8|h z b|f a 1;h b a", "a=9 b=8 z=1", 0 },
	/* ---- below what is a link in a lower layer ---- */
	{ "f lib/x 1|l lib usr/lib;d usr/lib;f usr/lib/y 2", "lib->usr/lib usr/ usr/lib/ usr/lib/x=1 usr/lib/y=2", 0 },
	{ "f lib/y 1|l lib usr/lib;f usr/lib/y 2", "lib->usr/lib usr/ usr/lib/ usr/lib/y=1", 1 },
	{ "f lib/y 1|f usr/lib/y 3|l lib usr/lib;f usr/lib/y 2", "lib->usr/lib usr/ usr/lib/ usr/lib/y=1", 1 },
	{ "f usr/lib/y 3|f lib/y 1|l lib usr/lib;f usr/lib/y 2", "lib->usr/lib usr/ usr/lib/ usr/lib/y=3", 1 },
	{ "f lib/.wh.y|l lib usr/lib;f usr/lib/y 2;f usr/lib/z 3", "lib->usr/lib usr/ usr/lib/ usr/lib/z=3", 1 },
	{ "f lib/.wh..wh..opq;f lib/x 1|l lib usr/lib;f usr/lib/y 2", "lib->usr/lib usr/ usr/lib/ usr/lib/x=1", 1 },
	{ "f lib/x 1|l lib /usr/lib", "lib->/usr/lib usr/ usr/lib/ usr/lib/x=1", 0 },
	{ "f a/lib/x 1|l a/lib ../usr/lib", "a/ a/lib->../usr/lib usr/ usr/lib/ usr/lib/x=1", 0 },
	{ "f a/x 1|l a ../../../b", "a->../../../b b/ b/x=1", 0 },
	{ "f a/x 1|l a /", "a->/ x=1", 0 },
	{ "f a/x 1|l a b;l b c;l c d", "a->b b->c c->d d/ d/x=1", 0 },
	{ "f a/d/x 1;f a/d/.wh.z|l a b;f b/d/y 2;f b/d/z 3", "a->b b/ b/d/ b/d/x=1 b/d/y=2", 1 },
	{ "f a/d/x 1|l a b;l b/d ../e;d e", "a->b b/ b/d->../e e/ e/x=1", 0 },
	{ "d lib;f lib/x 1|l lib usr/lib;f usr/lib/y 2", "lib/ lib/x=1 usr/ usr/lib/ usr/lib/y=2", 0 },
	{ "l lib usr/lib;f lib/x 1|f usr/lib/y 2", "lib->usr/lib usr/ usr/lib/ usr/lib/x=1 usr/lib/y=2", 0 },
	{ "f lib/x 1;l lib usr/lib|f lib/y 2", "lib->usr/lib", 1 },
	{ "f lib/x 1;l lib usr/lib;f lib/z 3|f lib/y 2", "lib->usr/lib usr/ usr/lib/ usr/lib/z=3", 1 },
	{ "h b lib/y|l lib usr/lib;f usr/lib/y 2", "b=2 lib->usr/lib usr/ usr/lib/ usr/lib/y==b", 0 },
	{ "f a/x 1|f a/y 2|l a b|f b/z 3", "a->b b/ b/x=1 b/y=2 b/z=3", 0 },
	{ "f a/x 1|f a 2|l a b|f b/z 3", "a/ a/x=1 b/ b/z=3", 0 },
	{ "f a/b/x 1|l a c|f c/b 2", "a->c c/ c/b/ c/b/x=1", 1 },
	{ "f a/x 1|f .wh.a|l a c|f c/x 2", "a/ a/x=1 c/ c/x=2", 0 },
	{ "f lib/.wh.y|l lib f;f f 2", "f=2 lib->f", 0 },
	{ "f lib/.wh.y|l lib nowhere", "lib->nowhere", 0 },
	{ "h b lib/y|l lib usr/lib|f lib/y 3;f usr/lib/y 2", "b=2 lib->usr/lib usr/ usr/lib/ usr/lib/y==b", 0 },
	{ "l a/l t|l a b;f b/l/x 1", "a->b b/ b/l->t", 1 },
	/* ---- made-up entries, above and below ---- */
	{ "+d e;f e/a 1|f e/a 2;f e/b 3", "e/ e/a=1 e/b=3", 0 },
	{ "f e/a 2|+d e;d dev;f e/a 1", "dev/ e/ e/a=2", 0 },
	{ "l dev x|+d dev", "dev->x", 0 },
	{ "f .wh.dev|+d dev", "", 0 },
	{ "+f .wh.a 1|f a 2", ".wh.a=1 a=2", 0 },
	{ "+f a 1;h b a|f b 2", "a=1 b==a", 0 },
	/* ---- names ---- */
	{ "f ./a 1;f /b 2;f c//d 3;d e/;f ././f 4;d .;d ./;d /", "a=1 b=2 c/ c/d=3 e/ f=4", 0 },
	{ "f a\tb\x01 1;f \xff\xfe 2", "a\tb\x01=1 \xff\xfe=2", 0 },
	{ "f ... 1;f ..a 2", "...=1 ..a=2", 0 },
	/* ---- refused ---- */
	{ "f ../a 1", "!leads upwards", 0 },
	{ "f a/../b 1", "!leads upwards", 0 },
	{ "f a/.. 1", "!leads upwards", 0 },
	{ "d ..", "!leads upwards", 0 },
	{ "h a ../b", "!the link target '../b' leads upwards", 0 },
	{ "h a /../b", "!leads upwards", 0 },
	{ "f .wh...", "!takes nothing away", 0 },
	{ "f .wh..", "!takes nothing away", 0 },
	{ "f .wh.", "!takes nothing away", 0 },
	{ "f a/../.wh.b", "!leads upwards", 0 },
	{ "f .wh.a/b 1", "!lies below a whiteout", 0 },
	{ "l . b", "!replaces the root directory", 0 },
	{ "f ./ 1;l / b", "!replaces the root directory", 0 },
	{ "p .", "!replaces the root directory", 0 },
	{ "h . b;f b 1", "!replaces the root directory", 0 },
	{ "h b .", "!is a hard link to the directory", 0 },
	{ "d a;h b a", "!'b' is a hard link to the directory 'a'", 0 },
	{ "h b a|d a", "!'./b' is a hard link to 'a', which is not there", 0 },
	{ "h b a;d a", "!'./b' is a hard link to 'a', which is not there", 0 },
	{ "h b a", "!'./b' is a hard link to 'a', which is not there", 0 },
	{ "h b a|f c 1", "!which is not there", 0 },
	{ "f a 1|h b a", "!which is not there", 0 },
	{ "f a 1|h b a|f .wh.a|f a 2", "!which is not there", 0 },
	{ "h b a|f .wh.a|f a 2", "!which is not there", 0 },
	{ "h b d/a|f d/.wh..wh..opq|f d/a 2", "!which is not there", 0 },
	{ "h b d/a|f d 1|f d/a 2", "!which is not there", 0 },
	{ "f .wh..wh..opq;f x 1|h b a|f .wh..wh..opq|f a 2", "x=1", 0 },
	{ "h b a|f .wh..wh..opq|f a 2", "!which is not there", 0 },
	{ "d a;l a/a x;h a a/a", "!'a' is a hard link to what lies below it", 0 },
	{ "h a a/b|d a;f a/b 1", "!'a' is a hard link to what lies below it", 0 },
	{ "h a a", "!is a hard link to itself", 0 },
	{ "h a ./a", "!is a hard link to itself", 0 },
	{ "h b a;h a b", "!is a hard link to itself", 0 },
	{ "f a 1|h a a|f a 2", "!is a hard link to itself", 0 },
	{ "h c b;h b a;h a c", "!is a hard link to itself", 0 },
	{ "f a 1;f a/b 2", "!lies below a file that is no directory", 0 },
	{ "p a;d a/b", "!lies below a file that is no directory", 0 },
	{ "l t x;h a t;f a/b 2", "!lies below a file that is no directory", 0 },
	{ "f a/x 1|l a a", "!leads in circles", 0 },
	{ "f a/x 1|l a b;l b a", "!leads in circles", 0 },
	{ "f a/x 1|l a a/b", "!leads in circles", 0 },
	{ "f a/x 1|l a b;f b 2", "!is no directory", 0 },
	{ "l a ", "!leads nowhere", 0 },
};

static void add_entry(struct flat *f, struct strbuf *tar, char *text, int *rc, struct berth_err *err)
{
	static const char types[] = "f0d5l2h1c3b4p6";
	static const mode_t modes[] = { S_IFREG, S_IFDIR, S_IFLNK, 0, S_IFCHR, S_IFBLK, S_IFIFO };
	const char *type = strchr(types, text[0]);
	char *name = text + 2, *rest = strchr(name, ' ');
	bool is_link = text[0] == 'l' || text[0] == 'h';
	struct flat_entry e;
	bool wanted;

	if (rest)
		*rest++ = '\0';
	else
		rest = name + strlen(name);
	ck_assert_ptr_nonnull(type);
	if (tar) {
		tar_put(tar, type[1], name, is_link ? rest : NULL, rest, is_link ? 0 : strlen(rest));
		return;
	}
	e = (struct flat_entry){ .path = name, .target = rest, .link = text[0] == 'h' ? rest : NULL };
	e.st.st_mode = modes[(type - types) / 2] | 0755;
	e.st.st_size = (off_t)strlen(rest);
	*rc = flat_add(f, &e, err);
	wanted = *rc == 1;
	if (wanted && strlen(rest) > 0)
		*rc = flat_data(f, rest, strlen(rest), err);
	if (*rc >= 0 && wanted)
		*rc = flat_end(f, err);
}

static int add_layer(struct flat *f, char *text, bool once, struct berth_err *err)
{
	struct strbuf tar = STRBUF_INIT;
	struct test_bytes bytes = { 0 };
	struct flat_blob blob = { .source = { .arg = &bytes, .read = test_read }, .again = once ? NULL : test_again };
	bool made_up = text[0] == '+';
	char *save = NULL;
	int rc = 0;

	for (char *e = strtok_r(text + made_up, ";", &save); e && rc >= 0; e = strtok_r(NULL, ";", &save))
		add_entry(f, made_up ? NULL : &tar, e, &rc, err);
	if (made_up)
		return rc;
	tar_end(&tar);
	bytes.p = tar.text;
	bytes.n = tar.len;
	rc = flat_layer(f, &blob, err);
	strbuf_done(&tar);
	return rc;
}

static int add_layers(struct flat *f, const char *layers, bool once, struct berth_err *err)
{
	cleanup_free char *text = strdup(layers);
	char *end;
	int rc = 0;

	for (char *at = text; at && rc >= 0; at = end) {
		end = strchr(at, '|');
		if (end)
			*end++ = '\0';
		rc = add_layer(f, at, once, err);
	}
	return rc;
}

static void run_row(const struct row *row, bool once)
{
	struct flat_test s = { 0 };
	const struct flat_sink sink = test_sink(&s);
	const struct flat_limits limits = FLAT_LIMITS_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	struct strbuf out = STRBUF_INIT;
	struct flat *f = NULL;
	struct tree t = { 0 };
	int rc;

	ck_assert_int_eq(flat_new(&sink, &limits, &f, &err), 0);
	rc = add_layers(f, row->layers, once, &err);
	if (rc >= 0)
		rc = flat_finish(f, &t, &err);
	if (row->want[0] == '!') {
		ck_assert_msg(rc < 0, "%s: was not refused", row->layers);
		ck_assert_msg(strstr(err.text, row->want + 1) != NULL, "%s: %s", row->layers, err.text);
		ck_assert_int_eq(err.code, BERTH_EIMAGE);
	} else {
		ck_assert_msg(rc == 0, "%s: %s", row->layers, err.text);
		test_show(&out, t.root);
		ck_assert_msg(strcmp(out.text ? out.text : "", row->want) == 0, "%s: %s, not %s", row->layers, out.text,
			      row->want);
		ck_assert_msg(s.dropped == row->dropped, "%s: %zu dropped", row->layers, s.dropped);
		ck_assert(s.settled);
	}
	flat_free(f);
	tree_done(&t, test_free);
	strbuf_done(&out);
	test_done(&s);
}

START_TEST(layers)
{
	run_row(&rows[_i], false);
}
END_TEST

/* What is passed over in a pipe cannot be had. */
START_TEST(only_once)
{
	run_row(&(struct row){ "f a 9|f a 1;h b a", "!a hard link is to a file that was passed over", 0 }, true);
	run_row(&(struct row){ "f a 9|f a 1;f c 2;h b c", "a=9 b=2 c==b", 0 }, true);
	run_row(&(struct row){ "f a 9|+f a 1;h b a", "!a hard link is to a file that was passed over", 0 }, false);
}
END_TEST

static const struct {
	const char *layers, *want;
	struct flat_limits limits;
} limit_rows[] = {
	{ "f a;f b;f c", "", { 3, 1 << 20, 1000, 1 << 30, 400, true } },
	{ "f a;f b|f c", "more than 2 entries", { 2, 1 << 20, 1000, 1 << 30, 400, true } },
	{ "f a;f a;f a", "more than 2 entries", { 2, 1 << 20, 1000, 1 << 30, 400, true } },
	{ "f a;f .wh.b;f .wh.b", "more than 2 entries", { 2, 1 << 20, 1000, 1 << 30, 400, true } },
	{ "f a", "", { 100, 1536, 1000, 1 << 30, 400, true } },
	{ "f a", "more than 1535 bytes", { 100, 1535, 1000, 1 << 30, 400, true } },
	{ "f a|f b", "more than 2048 bytes", { 100, 2048, 1000, 1 << 30, 400, true } },
	{ "f a/b/c", "", { 100, 1 << 20, 1000, 1 << 30, 3, true } },
	{ "f a/b/c/d", "too many directories", { 100, 1 << 20, 1000, 1 << 30, 3, true } },
	{ "f a/b/c|l a x/y", "more than 3 deep", { 100, 1 << 20, 1000, 1 << 30, 3, true } },
};

START_TEST(within_limits)
{
	struct flat_test s = { 0 };
	const struct flat_sink sink = test_sink(&s);
	struct berth_err err = BERTH_ERR_INIT;
	struct flat *f = NULL;
	struct tree t = { 0 };
	int rc;

	ck_assert_int_eq(flat_new(&sink, &limit_rows[_i].limits, &f, &err), 0);
	rc = add_layers(f, limit_rows[_i].layers, false, &err);
	if (rc >= 0)
		rc = flat_finish(f, &t, &err);
	ck_assert_msg((rc < 0) == (limit_rows[_i].want[0] != '\0'), "%s: %s", limit_rows[_i].layers, err.text);
	if (rc < 0)
		ck_assert_msg(strstr(err.text, limit_rows[_i].want) != NULL, "%s", err.text);
	flat_free(f);
	tree_done(&t, test_free);
	test_done(&s);
}
END_TEST

/* A few bytes that say of a file that it is a hole of the size of a disk, or that many files are. */
START_TEST(holes)
{
	struct flat_test s = { 0 };
	const struct flat_sink sink = test_sink(&s);
	const struct flat_limits limits = FLAT_LIMITS_INIT;
	struct flat_entry e = { .path = "a", .st = { .st_mode = S_IFREG | 0644, .st_size = INT64_MAX } };
	struct berth_err err = BERTH_ERR_INIT;
	struct flat *f = NULL;

	ck_assert_int_eq(flat_new(&sink, &limits, &f, &err), 0);
	ck_assert_int_eq(flat_add(f, &e, &err), 1);
	ck_assert_int_eq(flat_zeros(f, limits.bytes, &err), 0);
	ck_assert_int_eq(flat_zeros(f, 1, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EIMAGE);
	flat_free(f);
	test_done(&s);
}
END_TEST

/* What is not in the rows: numbers of links, modes, times, sizes, attributes, devices. */
START_TEST(metadata)
{
	struct flat_test s = { 0 };
	const struct flat_sink sink = test_sink(&s);
	const struct flat_limits limits = { .entries = 100, .bytes = 1 << 20, .ratio = 1000, .ratio_from = 1 << 30,
					    .depth = 10, .keep_devices = true };
	const struct flat_xattr attrs[] = { { "security.capability", "x", 1 }, { "user.", "x", 1 }, { "user.a", "1", 1 },
					    { "user.b", "two", 3 } };
	struct flat_entry e = { .path = "d/f", .xattrs = attrs, .nxattrs = 4 };
	struct berth_err err = BERTH_ERR_INIT;
	const struct tree_node *node;
	struct flat_counts counts;
	struct flat *f = NULL;
	struct tree t;

	ck_assert_int_eq(flat_new(&sink, &limits, &f, &err), 0);
	e.st.st_mode = S_IFREG | 04751;
	e.st.st_uid = UINT32_MAX;
	e.st.st_mtim.tv_sec = -5;
	e.st.st_size = 5;
	ck_assert_int_eq(flat_add(f, &e, &err), 1);
	ck_assert_int_eq(flat_end(f, &err), -1);
	ck_assert_int_eq(flat_data(f, "123456", 6, &err), -1);
	ck_assert_int_eq(flat_add(f, &e, &err), -1);
	ck_assert_int_eq(flat_data(f, "123", 3, &err), 0);
	ck_assert_int_eq(flat_zeros(f, 3, &err), -1);
	ck_assert_int_eq(flat_zeros(f, 2, &err), 0);
	ck_assert_int_eq(flat_end(f, &err), 0);
	ck_assert_int_eq(flat_end(f, &err), -1);
	e.path = "d/c";
	e.st.st_mode = S_IFCHR | 0600;
	e.st.st_rdev = 0x103;
	ck_assert_int_eq(flat_add(f, &e, &err), 0);
	ck_assert_int_eq(add_layers(f, "+h g d/f|d d;d d/e;d h|d d", false, &err), 0);
	ck_assert_int_eq(flat_finish(f, &t, &err), 0);
	flat_counts(f, &counts);
	ck_assert_uint_eq(counts.xattrs, 4);
	ck_assert_uint_eq(counts.hidden, 1);
	ck_assert_str_eq(s.log.text, "f: user.a=1 user.b=two;c: user.a=1 user.b=two;");
	ck_assert_uint_eq(t.root->links, 4);
	ck_assert_uint_eq(t.bytes, 5);
	ck_assert_int_eq(t.newest, 1);
	ck_assert_uint_eq(t.root->st.st_mode, S_IFDIR | 0755);
	node = tree_find(&t, NULL, "d");
	ck_assert_uint_eq(node->links, 3);
	ck_assert_uint_eq(node->st.st_mode, S_IFDIR | 0644);
	node = tree_find(&t, NULL, "d/f");
	ck_assert_uint_eq(node->links, 2);
	ck_assert_uint_eq(node->st.st_uid, UINT32_MAX);
	ck_assert_uint_eq(node->st.st_mode, S_IFREG | 04751);
	ck_assert_int_eq(node->st.st_mtim.tv_sec, -5);
	node = tree_find(&t, NULL, "d/c");
	ck_assert_uint_eq(node->st.st_rdev, 0x103);
	ck_assert_int_eq(node->st.st_size, 0);
	flat_free(f);
	tree_done(&t, test_free);
	test_done(&s);
}
END_TEST

/* Names and paths at and over the limits of a file system. */
START_TEST(long_names)
{
	static const struct { size_t name, times; bool want; } cases[] = {
		{ 255, 1, true }, { 256, 1, false }, { 250, 16, true }, { 254, 16, true }, { 255, 16, true }, { 255, 17, false }, { 1, 400, true },
		{ 1, 401, false }, { 10, 390, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flat_test s = { 0 };
		const struct flat_sink sink = test_sink(&s);
		const struct flat_limits limits = FLAT_LIMITS_INIT;
		struct strbuf path = STRBUF_INIT;
		struct flat_entry e = { .st = { .st_mode = S_IFDIR | 0755 } };
		struct berth_err err = BERTH_ERR_INIT;
		struct flat *f = NULL;
		struct tree t = { 0 };

		for (size_t k = 0; k < cases[i].times; k++) {
			strbuf_puts(&path, "/");
			for (size_t n = 0; n < cases[i].name; n++)
				strbuf_puts(&path, "x");
		}
		e.path = path.text;
		ck_assert_int_eq(flat_new(&sink, &limits, &f, &err), 0);
		ck_assert_msg((flat_add(f, &e, &err) == 0) == cases[i].want, "%zu: %s", i, err.text);
		if (cases[i].want)
			ck_assert_msg(flat_finish(f, &t, &err) == 0, "%zu: %s", i, err.text);
		tree_done(&t, test_free);
		flat_free(f);
		strbuf_done(&path);
		test_done(&s);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("flat");

	tcase_add_loop_test(tc, layers, 0, ARRAY_SIZE(rows));
	tcase_add_test(tc, only_once);
	tcase_add_loop_test(tc, within_limits, 0, ARRAY_SIZE(limit_rows));
	tcase_add_test(tc, holes);
	tcase_add_test(tc, metadata);
	tcase_add_test(tc, long_names);
	return unit_run("flat", tc);
}
