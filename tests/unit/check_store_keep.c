/* SPDX-License-Identifier: BSD-3-Clause */
/* check_store_keep.c - images, site stores, and what housekeeping keeps and removes (libimage/store/store.h). */
#include "config.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/unit/store_make.h"

static char key_a[STORE_KEY_SIZE], key_b[STORE_KEY_SIZE];

static void keys(void)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct digest a = sum_of("a"), b = sum_of("b");

	ck_assert_int_eq(store_image_key(&a, "linux/amd64", "1", key_a, &err), 0);
	ck_assert_int_eq(store_image_key(&b, "linux/amd64", "1", key_b, &err), 0);
}

static const char *image_path(const char *key, const char *ending)
{
	static char path[2][512];
	static unsigned int i;

	i = !i;
	(void)snprintf(path[i], sizeof(path[i]), "%s/images/%s%s", store_dir, key, ending);
	return path[i];
}

static void make_image(struct store *s, const char *key, const char *text)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store_meta m = { .source = "docker://a:1", .platform = "linux/amd64", .manifest = sum_of("a") };
	struct store_image *i = NULL;

	ck_assert_msg(store_image_begin(s, key, &i, &err) == 0, "%s", err.text);
	ck_assert_int_eq(store_image_fd(i), -1);
	ck_assert(!is_there(image_path(key, ".sif")));
	ck_assert_int_eq(fd_write_full(store_image_output(i)->fd, text, strlen(text)), 0);
	ck_assert_msg(store_image_publish(i, &m, &err) == 0, "%s", err.text);
	ck_assert_str_eq(store_image_path(i), image_path(key, ".sif"));
	ck_assert_int_ge(store_image_fd(i), 0);
	ck_assert_int_eq(store_image_publish(i, &m, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EBUG);
	i = store_image_drop(i);
}

/* Say that 'path' was used 'age' seconds ago. */
static void age(const char *path, int64_t seconds)
{
	struct timespec t[2] = { { .tv_sec = time(NULL) - seconds }, { .tv_sec = time(NULL) - seconds } };

	ck_assert_msg(utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW) == 0, "%s", path);
}

/* ---- images -------------------------------------------------------------------------------- */

START_TEST(image_keys)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct digest a = sum_of("a"), none = { 0 };
	char key[8][STORE_KEY_SIZE];

	ck_assert_int_eq(store_image_key(&a, "linux/amd64", "1", key[0], &err), 0);
	ck_assert_int_eq(store_image_key(&a, "linux/amd64", "1", key[1], &err), 0);
	ck_assert_str_eq(key[0], key[1]);
	ck_assert_int_eq(store_image_key(&a, "linux/arm64", "1", key[2], &err), 0);
	ck_assert_int_eq(store_image_key(&a, "linux/amd64", "2", key[3], &err), 0);
	ck_assert_int_eq(store_image_key(&a, "linux/amd6", "41", key[4], &err), 0);
	for (int i = 2; i <= 4; i++)
		for (int k = 0; k < i; k++)
			ck_assert_str_ne(key[i], key[k]);
	ck_assert_int_eq(store_image_key(&none, "linux/amd64", "1", key[5], &err), -1);
}
END_TEST

static const char *const bad_keys[] = {
	"", "x", "../../../etc/passwd", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde",
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0",
	"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd/f",
};

START_TEST(bad_key)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store *s = open_store();
	struct store_image *i = NULL;
	char *path = NULL;
	int fd = -1;

	ck_assert_int_eq(store_image_begin(s, bad_keys[_i], &i, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EBUG);
	ck_assert_int_eq(store_image_find(s, bad_keys[_i], &fd, &path, &err), -1);
	s = store_close(s);
}
END_TEST

START_TEST(whole_image)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store *s = open_store();
	cleanup_free char *path = NULL;
	struct store_image *i = NULL;
	cleanup_close int fd = -1;
	char buf[16] = "";

	ck_assert_int_eq(store_image_find(s, key_a, &fd, &path, &err), 0);
	/* Begun and dropped: nothing. */
	ck_assert_int_eq(store_image_begin(s, key_a, &i, &err), 0);
	ck_assert_int_eq(fd_write_full(store_image_output(i)->fd, "half", 4), 0);
	i = store_image_drop(i);
	ck_assert_int_eq(files_in(""), 0);
	make_image(s, key_a, "an image");
	ck_assert_int_eq(files_in(""), 2);
	ck_assert_int_eq(store_image_find(s, key_a, &fd, &path, &err), 1);
	ck_assert_str_eq(path, image_path(key_a, ".sif"));
	ck_assert_int_eq(read(fd, buf, sizeof(buf)), 8);
	ck_assert_str_eq(buf, "an image");
	ck_assert_int_eq(fd_pwrite_full(fd, "x", 1, 0), -1); /* O_RDONLY */
	ck_assert_int_eq(store_image_begin(s, key_a, &i, &err), 1);
	ck_assert_str_eq(store_image_path(i), path);
	i = store_image_drop(i);
	cleanup_close_fn(&fd);
	s = store_close(s);
}
END_TEST

/* Using an image says so, and leaves the image's own times: the names of rooms have them in. */
START_TEST(time_of_use)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store *s = open_store();
	cleanup_free char *path = NULL;
	struct stat image, note;
	int fd = -1;

	make_image(s, key_a, "an image");
	age(image_path(key_a, ".sif"), 5000);
	age(image_path(key_a, ".json"), 5000);
	ck_assert_int_eq(store_image_find(s, key_a, &fd, &path, &err), 1);
	cleanup_close_fn(&fd);
	ck_assert_int_eq(stat(image_path(key_a, ".sif"), &image), 0);
	ck_assert_int_eq(stat(image_path(key_a, ".json"), &note), 0);
	ck_assert_int_lt(image.st_mtime, time(NULL) - 4000);
	ck_assert_int_gt(note.st_mtime, time(NULL) - 4000);
	s = store_close(s);
}
END_TEST

START_TEST(anonymous_image)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store_meta m = { .source = "docker://a" };
	struct store_image *i = NULL;
	struct store *s;

	ck_assert_int_eq(mkdir(below("tmp"), 0700), 0);
	ck_assert_int_eq(setenv("TMPDIR", below("tmp"), 1), 0);
	s = open_with((struct store_options){ .anonymous = true });
	ck_assert_int_eq(store_image_begin(s, key_a, &i, &err), 0);
	ck_assert_int_eq(rmdir(below("tmp")), 0);
	ck_assert_int_eq(fd_write_full(store_image_output(i)->fd, "x", 1), 0);
	ck_assert_int_eq(store_image_publish(i, &m, &err), 0);
	ck_assert_int_ge(store_image_fd(i), 0);
	ck_assert_ptr_null(store_image_path(i));
	i = store_image_drop(i);
	s = store_close(s);
}
END_TEST

/* ---- the site's ---------------------------------------------------------------------------- */

/* Make 'store_dir' a site store with a blob and an image, and take another one as the caller's. */
static void fill_site(void)
{
	const char *site[] = { store_dir };
	struct store *s = open_store();

	ck_assert_int_eq(chmod(store_dir, 0755), 0);
	s = store_close(s);
	s = open_with((struct store_options){ .create = true, .site = site, .nsite = 1, .site_owner = geteuid() });
	get_blob(s, "site's");
	make_image(s, key_a, "site's image");
	s = store_close(s);
}

START_TEST(site_store)
{
	struct berth_err err = BERTH_ERR_INIT;
	const char *site[] = { below("nowhere"), store_dir };
	struct store_options o = {
		.dir = below("own"), .create = true, .site = site, .nsite = 2, .site_owner = geteuid(),
	};
	cleanup_free char *path = NULL;
	struct digest d = sum_of("site's");
	struct store_blob *b = NULL;
	struct store_pruned done;
	struct store *s;
	struct stat st;
	int fd = -1;

	fill_site();
	/* Its owner filled it so that all can read it. */
	ck_assert_int_eq(stat(blob_path("site's"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0644);
	ck_assert_int_eq(stat(image_path(key_a, ".json"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0644);
	age(image_path(key_a, ".json"), 5000);
	s = open_with(o);
	ck_assert_int_eq(store_blob_begin(s, &d, 6, &b, &err), 1);
	b = store_blob_drop(b);
	ck_assert_int_eq(store_image_find(s, key_a, &fd, &path, &err), 1);
	ck_assert_str_eq(path, image_path(key_a, ".sif"));
	cleanup_close_fn(&fd);
	ck_assert_int_eq(stat(image_path(key_a, ".json"), &st), 0);
	ck_assert_int_lt(st.st_mtime, time(NULL) - 4000);
	ck_assert_int_eq(store_prune(s, &(struct store_prune){ .kinds = STORE_ALL }, &done, &err), 0);
	ck_assert_uint_eq(done.files, 0);
	s = store_close(s);
	ck_assert(is_there(blob_path("site's")));
}
END_TEST

static const struct {
	const char *name; /* below the store; "": itself */
	mode_t mode;
	bool at_open;
} unsafe[] = {
	{ "", 0775, true }, { "", 0757, true }, { "", 01777, true }, { "images", 0775, false },
	{ "blobs", 0777, false }, { "blobs/sha256", 0775, false },
};

START_TEST(unsafe_site)
{
	struct berth_err err = BERTH_ERR_INIT;
	const char *site[] = { store_dir };
	struct store_options o = { .dir = below("own"), .site = site, .nsite = 1, .site_owner = geteuid() };
	struct digest d = sum_of("site's");
	char path[512], *image = NULL;
	struct store *s;
	int fd = -1;

	fill_site();
	(void)snprintf(path, sizeof(path), "%s/%s", store_dir, unsafe[_i].name);
	ck_assert_int_eq(chmod(path, unsafe[_i].mode), 0);
	if (unsafe[_i].at_open) {
		refuses(o, BERTH_ECONFIG, "others than its owner could have changed it");
		return;
	}
	s = open_with(o);
	ck_assert_int_eq(unsafe[_i].name[0] == 'i' ? store_image_find(s, key_a, &fd, &image, &err)
						   : store_blob_find(s, &d, 6, &fd, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ECONFIG);
	s = store_close(s);
}
END_TEST

START_TEST(site_of_a_stranger)
{
	const char *site[] = { store_dir };
	struct store_options o = { .dir = below("own"), .site = site, .nsite = 1 };
	struct store *s;

	if (geteuid() != 0)
		return; /* cannot be made */
	fill_site();
	ck_assert_int_eq(chown(store_dir, 65534, 65534), 0);
	refuses(o, BERTH_ECONFIG, "others than its owner");
	o.site_owner = 65534;
	s = open_with(o);
	s = store_close(s);
}
END_TEST

/* ---- housekeeping -------------------------------------------------------------------------- */

static struct store_pruned prune(struct store *s, struct store_prune p)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store_pruned done;

	ck_assert_msg(store_prune(s, &p, &done, &err) == 0, "%s", err.text);
	return done;
}

static struct store *filled(uint64_t limit)
{
	struct store *s = open_with((struct store_options){ .create = true, .limit = limit });

	get_blob(s, "blob one");
	get_blob(s, "blob two");
	age(blob_path("blob one"), 2000);
	age(blob_path("blob two"), 3000);
	make_image(s, key_a, "image one");
	age(image_path(key_a, ".json"), 9000);
	return s;
}

START_TEST(least_recently_used)
{
	struct store *s = filled(0);
	struct store_pruned done;

	done = prune(s, (struct store_prune){ .kinds = STORE_ALL, .keep_bytes = 17, .dry_run = true });
	ck_assert_uint_eq(done.files, 1);
	ck_assert_uint_eq(done.bytes, 8);
	ck_assert_int_eq(files_in(""), 4);
	done = prune(s, (struct store_prune){ .kinds = STORE_ALL, .keep_bytes = 17 });
	ck_assert_uint_eq(done.files, 1);
	ck_assert(!is_there(blob_path("blob two")));
	/* An image goes after the blobs, however long ago it was used. */
	done = prune(s, (struct store_prune){ .kinds = STORE_ALL, .keep_bytes = 16 });
	ck_assert(!is_there(blob_path("blob one")));
	ck_assert(is_there(image_path(key_a, ".sif")));
	done = prune(s, (struct store_prune){ .kinds = STORE_ALL, .keep_bytes = 9 });
	ck_assert_uint_eq(done.files, 0);
	done = prune(s, (struct store_prune){ .kinds = STORE_ALL, .keep_bytes = 8 });
	ck_assert_uint_eq(done.files, 1);
	ck_assert_int_eq(files_in(""), 0);
	s = store_close(s);
}
END_TEST

static bool only_two(void *arg, const struct store_entry *e)
{
	struct digest d = sum_of("blob two");

	(void)arg;
	return strcmp(e->name, d.text) == 0;
}

START_TEST(kinds_and_ages)
{
	struct store *s = filled(0);

	ck_assert_uint_eq(prune(s, (struct store_prune){ .kinds = STORE_BLOB, .idle_s = 4000 }).files, 0);
	ck_assert_uint_eq(prune(s, (struct store_prune){ .kinds = STORE_BLOB, .idle_s = 2500 }).files, 1);
	ck_assert(is_there(blob_path("blob one")));
	get_blob(s, "blob two");
	ck_assert_uint_eq(prune(s, (struct store_prune){ .kinds = STORE_ALL, .pick = only_two }).files, 1);
	ck_assert(is_there(blob_path("blob one")));
	ck_assert_uint_eq(prune(s, (struct store_prune){ .kinds = STORE_IMAGE }).files, 1);
	ck_assert(!is_there(image_path(key_a, ".json")));
	ck_assert_uint_eq(prune(s, (struct store_prune){ .kinds = STORE_ALL }).files, 1);
	s = store_close(s);
}
END_TEST

/* Open in this process, or in another that holds no more than the descriptor; and being downloaded. */
START_TEST(in_use)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store *s = filled(0);
	struct digest one = sum_of("blob one"), three = sum_of("blob three");
	cleanup_free char *path = NULL;
	struct store_blob *b = NULL;
	struct store_pruned done;
	int fd = -1, image = -1, status;
	pid_t pid;

	ck_assert_int_eq(store_blob_find(s, &one, 8, &fd, &err), 1);
	ck_assert_int_eq(store_image_find(s, key_a, &image, &path, &err), 1);
	pid = fork();
	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	cleanup_close_fn(&image);
	ck_assert_int_eq(store_blob_begin(s, &three, 10, &b, &err), 0);
	ck_assert_int_eq(store_blob_add(b, "blob", 4, &err), 0);
	done = prune(s, (struct store_prune){ .kinds = STORE_ALL });
	ck_assert_uint_eq(done.files, 1); /* blob two */
	ck_assert_uint_eq(done.in_use, 4); /* with the lock of the one that is downloaded */
	ck_assert_int_eq(store_blob_add(b, " three", 6, &err), 0);
	ck_assert_int_eq(store_blob_finish(b, &err), 0);
	ck_assert_uint_eq(prune(s, (struct store_prune){ .kinds = STORE_ALL }).files, 0);
	b = store_blob_drop(b);
	cleanup_close_fn(&fd);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	done = prune(s, (struct store_prune){ .kinds = STORE_ALL });
	ck_assert_uint_eq(done.files, 3);
	ck_assert_int_eq(files_in(""), 0);
	s = store_close(s);
}
END_TEST

START_TEST(rests)
{
	struct store *s = filled(0);
	struct berth_err err = BERTH_ERR_INIT;
	struct store_blob *b = NULL;
	struct digest d = sum_of("blob three");
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/locks", store_dir);
	ck_assert(is_there(path));
	put_file(below("a/cache/locks/sha256-stale"), "1 elsewhere\n", 0600);
	put_file(below("a/cache/images/.berth-0123456789abcdef"), "half", 0600);
	put_file(image_path(key_b, ".json"), "{", 0600);
	put_file(below("a/cache/blobs/sha256/odd"), "", 0600);
	ck_assert_int_eq(store_blob_begin(s, &d, 10, &b, &err), 0);
	ck_assert_int_eq(store_blob_add(b, "blob", 4, &err), 0);
	b = store_blob_drop(b);
	ck_assert_uint_eq(prune(s, (struct store_prune){ .kinds = STORE_REST }).files, 1); /* the lock */
	age(below("a/cache/images/.berth-0123456789abcdef"), 100000);
	age(image_path(key_b, ".json"), 100000);
	ck_assert_uint_eq(prune(s, (struct store_prune){ .kinds = STORE_REST }).files, 2);
	ck_assert_uint_eq(prune(s, (struct store_prune){ .kinds = STORE_PARTIAL }).files, 1);
	ck_assert_int_eq(files_in("locks"), 0);
	ck_assert_uint_eq(prune(s, (struct store_prune){ .kinds = STORE_ALL }).files, 3);
	s = store_close(s);
}
END_TEST

START_TEST(limits)
{
	struct store *s = filled(20);

	make_image(s, key_b, "image two"); /* 18 with the other, and 16 of blobs */
	ck_assert(is_there(image_path(key_a, ".sif")));
	ck_assert(is_there(image_path(key_b, ".sif")));
	ck_assert_int_eq(files_in("blobs"), 0);
	s = store_close(s);
	s = open_with((struct store_options){ .create = true, .limit = 5 });
	ck_assert_int_eq(unlink(image_path(key_b, ".sif")), 0);
	make_image(s, key_b, "image two"); /* too large alone, and in use when it is looked at */
	ck_assert(!is_there(image_path(key_a, ".sif")));
	ck_assert(is_there(image_path(key_b, ".sif")));
	s = store_close(s);
}
END_TEST

static void note_bad(void *arg, const struct store_entry *e, const char *why)
{
	char *text = arg;
	size_t n = strlen(text);

	(void)snprintf(text + n, 1000 - n, "%s %s;", e->kind == STORE_BLOB ? "blob" : "image", why);
}

static const struct {
	const char *ending, *text, *words; /* what is written over the image or its description; NULL: the blob */
} damages[] = {
	{ NULL, "blob onE", "blob its digest is sha256:" },
	{ ".sif", "image onE", "image its digest is sha256:" },
	{ ".sif", "image", "image it has 5 bytes and had 9" },
	{ ".json", "{}", "image it has no description" },
	{ ".json", "{\"source\":\"x\"}", "image it has no description" },
	{ ".json", "{\"source\":\"x\",\"digest\":\"md5:1\"}", "image it has no description" },
	{ ".json", "[]", "image it has no description" },
	{ ".json", "", "image it has no description" },
};

START_TEST(verified)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store *s = filled(0);
	char text[1000] = "";
	uint64_t n = 0;

	ck_assert_int_eq(store_verify(s, true, note_bad, text, &n, &err), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert_str_eq(text, "");
	put_file(damages[_i].ending ? image_path(key_a, damages[_i].ending) : blob_path("blob one"), damages[_i].text,
		 0600);
	ck_assert_int_eq(store_verify(s, false, note_bad, text, &n, &err), 0);
	ck_assert_msg(strncmp(text, damages[_i].words, strlen(damages[_i].words)) == 0, "%s", text);
	ck_assert_ptr_eq(strchr(text, ';') + 1, text + strlen(text)); /* one */
	ck_assert_int_eq(files_in(""), 4);
	ck_assert_int_eq(store_verify(s, true, note_bad, text, &n, &err), 0);
	ck_assert_int_eq(files_in(""), damages[_i].ending ? 2 : 3);
	text[0] = '\0';
	ck_assert_int_eq(store_verify(s, false, note_bad, text, &n, &err), 0);
	ck_assert_str_eq(text, "");
	s = store_close(s);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("store_keep");

	tcase_add_unchecked_fixture(tc, keys, NULL);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, image_keys);
	tcase_add_loop_test(tc, bad_key, 0, ARRAY_SIZE(bad_keys));
	tcase_add_test(tc, whole_image);
	tcase_add_test(tc, time_of_use);
	tcase_add_test(tc, anonymous_image);
	tcase_add_test(tc, site_store);
	tcase_add_loop_test(tc, unsafe_site, 0, ARRAY_SIZE(unsafe));
	tcase_add_test(tc, site_of_a_stranger);
	tcase_add_test(tc, least_recently_used);
	tcase_add_test(tc, kinds_and_ages);
	tcase_add_test(tc, in_use);
	tcase_add_test(tc, rests);
	tcase_add_test(tc, limits);
	tcase_add_loop_test(tc, verified, 0, ARRAY_SIZE(damages));
	return unit_run("store_keep", tc);
}
