/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flat_priv.h - the flattening's parts. Private to libimage/layer/flat*.c.
 *
 * Layers are numbered from the top: 1 is the first that came. For each name that was ever spoken
 * of there is a mark: who decided it, and from which layer on nothing is added to it any more. With
 * these an entry of a lower layer is judged the moment it comes by.
 */
#ifndef BERTH_FLAT_PRIV_H
#define BERTH_FLAT_PRIV_H

#include <limits.h>

#include "libimage/layer/flat.h"
#include "libimage/squash/scan.h"

enum {
	FLAT_NAME_MAX = 255,	/* LIMIT: a component, as of all file systems */
	FLAT_LAYERS_MAX = 4096, /* LIMIT: runtimes take 127; a number of 16 bits here */
	FLAT_WANT_HEADS = 1024, /* lists of wants */
	FLAT_WANTS_MAX = 16384, /* LIMIT: links of one image whose target had not come when they did */
};

#define FLAT_UNCUT UINT16_MAX

/* LIMIT: steps of what is rare and not linear; 10^8 take a second or two */
#define FLAT_WORK_MAX UINT64_C(400000000)

struct mark {
	struct tree_node *node; /* its 'number' is this mark's index */
	uint32_t hash;
	uint32_t child, next;	/* the list of what is in it; 0: none, for 0 is the root */
	uint32_t side;		/* of a symbolic link: what is put below it; of a wanting link: its want */
	uint16_t layer;		/* that decided it; 0: none yet, a parent at most */
	uint16_t cut;		/* layers beyond this one have no say in this name */
	uint16_t cut_below;	/* nor in what lies below it */
	uint16_t implied;	/* not decided, but this layer has something below it: a directory */
	bool wanting;		/* a hard link whose target has not come yet */
	bool detached;		/* not to be found by its name: what upper layers have below a link */
	bool keep;		/* it is in the tree that is built */
};

/* A hard link whose target is not known yet. */
struct want {
	uint32_t link;		/* the mark; 0: nobody wants it any more */
	uint16_t layer;		/* the link's, or of the link that it led to */
	bool again;		/* it was passed over in the layer that is read now */
	bool gone;		/* that layer takes away what lower ones have there */
	uint16_t until;		/* lower layers than this one have something else there */
	uint32_t found;		/* the mark of a target that the layer that is read now has */
	uint32_t next;		/* 1 + the next with the same hash */
	uint64_t hash;
	char *path;		/* plain */
};

/* A name that was passed over in the layer that is read now. */
struct passed {
	uint64_t hash;
	char *link;    /* it is a hard link to this */
	uint32_t lead; /* the mark of a link that took its bytes; 0: they are gone */
};

/* A directory that is named by a symbolic link: what is in it goes where that leads. */
struct move {
	uint32_t dir, link;
};

struct flat {
	const struct flat_sink *sink;
	const struct flat_limits *limits;
	struct flat_counts counts;
	uint64_t key[2]; /* of the hash: names are an attacker's */
	struct mark *marks;
	uint32_t nmarks, marks_size;
	uint32_t *slots; /* open addressing; 0: free */
	uint32_t nslots, used;
	struct tree_node **orphans; /* files that lost their names */
	size_t norphans, orphans_size;
	struct want *wants;
	uint32_t nwants, wants_size, open_wants;
	uint32_t want_heads[FLAT_WANT_HEADS]; /* 1 + a want, by hash */
	uint64_t *want_dirs; /* hashes of the directories that wanted paths lead through */
	size_t nwant_dirs, want_dirs_size;
	struct passed *passed;
	size_t npassed, passed_size;
	struct move *moves;
	size_t nmoves, moves_size;
	uint64_t work;
	uint16_t layer;	   /* that is read now */
	bool adding;	   /* it is made up, entry by entry */
	bool second;	   /* it is read for the second time */
	bool done;
	struct tree_node *open; /* gets bytes */
	uint64_t left;
	uint64_t holes;	   /* zeros that no layer had bytes for */
	char last[PATH_MAX]; /* the directory of the entry before, */
	size_t last_n;
	uint32_t last_mark;  /* and its mark; 'last_n' is only worth something with it */
	bool last_known;
};

static inline struct mark *mark_of(const struct flat *f, const struct tree_node *node)
{
	return &f->marks[node->number];
}

/* Decided, and not taken away since. */
static inline bool mark_lives(const struct mark *m)
{
	return m->layer != 0;
}

static inline bool mark_is_dir(const struct mark *m)
{
	return S_ISDIR(m->node->st.st_mode);
}

/* ---- flat_mark.c: names and nodes ---- */
int flat_nomem(struct berth_err *err);
int flat_step(struct flat *f, struct berth_err *err); /* of the work that is limited */
struct tree_node *flat_node_new(struct tree_node *parent, const char *name, size_t n);
void flat_node_free(struct tree_node *node);
uint64_t flat_hash(const struct flat *f, const void *bytes, size_t n, uint64_t seed);
int flat_marks_init(struct flat *f, struct berth_err *err);
/* The mark of 'name' in 'dir': 0 there is none. */
uint32_t flat_lookup(const struct flat *f, uint32_t dir, const char *name, size_t n);
/* The same, made if it was not there; it fails with 0. */
uint32_t flat_get(struct flat *f, uint32_t dir, const char *name, size_t n, struct berth_err *err);
/* The name of 'm' is now that of another parent. */
int flat_rehang(struct flat *f, uint32_t m, uint32_t dir, struct berth_err *err);
/* A directory without a name: what is put below the link 'm'. 0 it fails. */
uint32_t flat_side(struct flat *f, uint32_t m, struct berth_err *err);
/*
 * A directory that only is one because of what is below it gives its name to a symbolic link: the mark
 * of the name, undecided; what is below goes where the link will lead. 0 it fails.
 */
uint32_t flat_detach(struct flat *f, uint32_t m, struct berth_err *err);
int flat_add_move(struct flat *f, uint32_t dir, uint32_t link, struct berth_err *err);
/* A file without a name, which it may yet get from a link. */
int flat_orphan(struct flat *f, struct tree_node *node, struct berth_err *err);
/* Take the file from the name 'm', which is nobody's then. */
int flat_release(struct flat *f, uint32_t m, struct berth_err *err);
/* All that layer 'from' and those below it have below 'm' goes; 'to' is the last of them. */
int flat_strip(struct flat *f, uint32_t m, uint16_t from, uint16_t to, struct berth_err *err);
/* Is there anything below 'm' that lives, or that a layer above 'cuts' hides something with? 1, 0, -1. */
int flat_holds(struct flat *f, uint32_t m, uint16_t cuts, struct berth_err *err);

/* ---- flat_path.c: paths of entries ---- */
/*
 * 'path' in its plain form, without slashes at both ends: "" is the root. At most PATH_MAX with NUL.
 * Fails: BERTH_EIMAGE "..", a component too long, a path too long or too deep.
 */
int flat_plain(const struct flat *f, const char *path, const char *what, char *out, struct berth_err *err);
/*
 * The mark of the plain 'path' for an entry of the layer that is read now; what is missing is made.
 * 'implies': it is a thing, and so what it lies in are directories. Returns 1 with *ret, 0 if it is
 * hidden, -1.
 */
int flat_walk(struct flat *f, const char *path, bool implies, uint32_t *ret, struct berth_err *err);
/* The mark of the plain 'path' if there is one, as flat_walk() goes: 0 there is none. */
uint32_t flat_find(const struct flat *f, const char *path);

/* ---- flat_link.c: hard links ---- */
int flat_link(struct flat *f, const char *path, const char *target, struct berth_err *err);
/* A non-directory 'path' came by: does a link want it? It stays under the mark 'm', or is hidden (0).
 * Returns 1 if so and it is hidden: the node of the mark *ret takes its bytes. */
int flat_wanted(struct flat *f, const char *path, uint32_t m, uint32_t *ret, struct berth_err *err);
/*
 * What lower layers have below 'path', or at it too, can no longer be wanted by links of upper ones. 'is_link':
 * where that leads is looked at in the end.
 */
int flat_unwant(struct flat *f, const char *path, bool below, bool is_link,
		struct berth_err *err);
/* It is hidden: remember until the layer's end. 'link': it is a hard link to that; 'lead' as in struct passed. */
int flat_pass(struct flat *f, const char *path, const char *link, uint32_t lead, struct berth_err *err);
/* The layer came to its end. Returns 1 if it must be read again. */
int flat_links_end(struct flat *f, struct berth_err *err);
/* Nobody else comes. */
int flat_links_finish(struct flat *f, struct berth_err *err);
void flat_links_free(struct flat *f);

/* ---- flat.c ---- */
/* One entry of a layer, whiteouts too. Returns as flat_add(). */
int flat_enter(struct flat *f, const struct flat_entry *e, struct berth_err *err);
/*
 * The name 'path' for something that is no directory, of the layer that is read now; what the layer had
 * there before is let go of. Returns 1 with the mark, 0 if it is hidden, -1.
 */
int flat_claim(struct flat *f, const char *path, bool is_link, uint32_t *ret, struct berth_err *err);
int flat_layer_end(struct flat *f, struct berth_err *err);
int flat_layer_begin(struct flat *f, struct berth_err *err);
int flat_fill(struct flat *f, struct tree_node *node, const struct flat_entry *e, struct berth_err *err);

/* ---- flat_move.c ---- */
int flat_moves(struct flat *f, struct berth_err *err);
enum flat_resolve {
	RESOLVE_NAME, /* a link at the end is what is meant */
	RESOLVE_DIR,  /* a directory, or nothing */
	RESOLVE_MAKE, /* a directory, made where there is nothing; or it fails */
};

/* What 'path' leads to, seen from the directory 'm', links and all. 1 with *ret, 0 nowhere, -1. */
int flat_resolve(struct flat *f, uint32_t m, const char *path, enum flat_resolve how, uint32_t *ret,
		 struct berth_err *err);

/* ---- flat_build.c ---- */
/* A node that has no name: what the sink has of it is dropped, unless another name took it over. */
void flat_bury(const struct flat *f, struct tree_node *node);
int flat_build(struct flat *f, struct tree *ret, struct berth_err *err);

#endif
