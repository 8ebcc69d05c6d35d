/* SPDX-License-Identifier: BSD-3-Clause */
/* check_store.c - opening a store, and its blobs (libimage/store/store.h). */
#include "config.h"

#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/store_make.h"

static const char hello[] = "hello, blob", other[] = "another one";

/* ---- where it is --------------------------------------------------------------------------- */

static const struct {
	const char *berth, *apptainer, *singularity, *home, *want; /* want NULL: refused */
} places[] = {
	{ NULL, NULL, NULL, "/home/u", "/home/u/.berth/cache" },
	{ "/b", "/a", "/s", "/home/u", "/b/cache" },
	{ NULL, "/a", "/s", "/home/u", "/a/cache" },
	{ NULL, NULL, "/s", "/home/u", "/s/cache" },
	{ "", "", "", "/home/u", "/home/u/.berth/cache" },
	{ "b", "/a", NULL, "/home/u", NULL },
	{ NULL, "./a", NULL, "/home/u", NULL },
	{ NULL, NULL, NULL, "home", NULL },
	{ NULL, NULL, NULL, "", NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};

static void set(const char *name, const char *value)
{
	ck_assert_int_eq(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

START_TEST(default_dirs)
{
	struct berth_err err = BERTH_ERR_INIT;
	cleanup_free char *dir = NULL;
	int rc;

	set("BERTH_CACHEDIR", places[_i].berth);
	set("APPTAINER_CACHEDIR", places[_i].apptainer);
	set("SINGULARITY_CACHEDIR", places[_i].singularity);
	set("HOME", places[_i].home);
	rc = store_default_dir(&dir, &err);
	ck_assert_int_eq(rc, places[_i].want ? 0 : -1);
	if (places[_i].want)
		ck_assert_str_eq(dir, places[_i].want);
	else
		ck_assert_int_ne(err.code, BERTH_OK);
}
END_TEST

START_TEST(not_there)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct digest d = sum_of(hello);
	struct store *s = open_with((struct store_options){ 0 });
	int fd = -1;

	ck_assert(!store_exists(s));
	ck_assert_str_eq(store_path(s), store_dir);
	ck_assert_int_eq(store_blob_find(s, &d, 11, &fd, &err), 0);
	s = store_close(s);
	ck_assert(!is_there(below("a")));
	s = store_close(s);
}
END_TEST

/* T42: whatever the umask. */
START_TEST(nobody_elses)
{
	char command[400];
	struct store *s;

	(void)umask(0);
	s = open_store();
	get_blob(s, hello);
	ck_assert(store_has_locks(s));
	s = store_close(s);
	(void)snprintf(command, sizeof(command),
		       "test -z \"$(find '%s/a' \\( -type d ! -perm 0700 \\) -o \\( -type f ! -perm 0600 \\))\"", scratch);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

static const mode_t open_modes[] = { 0750, 0705, 0770, 0701, 0710, 0777, 01777, 02750 };

START_TEST(open_to_others)
{
	struct store *s = open_store();

	s = store_close(s);
	ck_assert_int_eq(chmod(store_dir, open_modes[_i]), 0);
	refuses((struct store_options){ .create = true }, BERTH_EDENIED, "store");
	refuses((struct store_options){ 0 }, BERTH_EDENIED, "store");
}
END_TEST

START_TEST(ways)
{
	struct store *s;

	ck_assert_int_eq(mkdir(below("a"), 0755), 0);
	ck_assert_int_eq(symlink("loop", below("loop")), 0);
	ck_assert_int_eq(symlink("a/../a/./", below("link")), 0);
	ck_assert_int_eq(symlink(below("a"), below("absolute")), 0);
	put_file(below("file"), "", 0644);
	refuses((struct store_options){ .dir = below("loop/x"), .create = true }, BERTH_EDENIED, "levels");
	refuses((struct store_options){ .dir = below("file/x"), .create = true }, BERTH_EDENIED, "Not a directory");
	refuses((struct store_options){ .dir = below("file"), .create = true }, BERTH_EDENIED, "Not a directory");
	s = open_with((struct store_options){ .dir = below("link//x/"), .create = true });
	s = store_close(s);
	s = open_with((struct store_options){ .dir = below("absolute/x") });
	ck_assert(store_exists(s));
	s = store_close(s);
	ck_assert(is_there(below("a/x")));
	/* Anybody could put another directory there. */
	ck_assert_int_eq(chmod(below("a"), 0777), 0);
	refuses((struct store_options){ .dir = below("a/x"), .create = true }, BERTH_EDENIED, "everybody may write");
	refuses((struct store_options){ .dir = below("link/x"), .create = true }, BERTH_EDENIED, "everybody may write");
	ck_assert_int_eq(chmod(below("a"), 01777), 0);
	s = open_with((struct store_options){ .dir = below("a/x") });
	s = store_close(s);
}
END_TEST

START_TEST(of_another_user)
{
	struct store *s;

	if (geteuid() != 0)
		return; /* cannot be made */
	s = open_store();
	s = store_close(s);
	ck_assert_int_eq(chown(store_dir, 65534, 65534), 0);
	refuses((struct store_options){ .create = true }, BERTH_EDENIED, "not yours");
	ck_assert_int_eq(chown(store_dir, 0, 0), 0);
	ck_assert_int_eq(symlink("a", below("theirs")), 0);
	ck_assert_int_eq(lchown(below("theirs"), 65534, 65534), 0);
	refuses((struct store_options){ .dir = below("theirs/cache") }, BERTH_EDENIED, "another user's");
}
END_TEST

/* ---- one blob ------------------------------------------------------------------------------ */

START_TEST(whole_blob)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store *s = open_store();
	struct digest d = sum_of(hello), no = sum_of(other);
	struct store_blob *b = NULL;
	char buf[32] = "";
	int fd = -1;

	get_blob(s, hello);
	ck_assert(is_there(blob_path(hello)));
	ck_assert_int_eq(files_in(""), 1);
	ck_assert_int_eq(store_blob_find(s, &no, 11, &fd, &err), 0);
	ck_assert_int_eq(store_blob_find(s, &d, 12, &fd, &err), 0);
	ck_assert_int_eq(store_blob_find(s, &d, STORE_SIZE_UNKNOWN, &fd, &err), 1);
	cleanup_close_fn(&fd);
	ck_assert_int_eq(store_blob_find(s, &d, 11, &fd, &err), 1);
	ck_assert_int_eq(read(fd, buf, sizeof(buf)), 11);
	ck_assert_str_eq(buf, hello);
	cleanup_close_fn(&fd);
	ck_assert_int_eq(store_blob_begin(s, &d, 11, &b, &err), 1);
	ck_assert(store_blob_is_whole(b));
	ck_assert_int_eq(store_blob_have(b), 11);
	ck_assert_int_eq(store_blob_add(b, "x", 1, &err), -1);
	ck_assert_int_eq(err.code, BERTH_EBUG);
	ck_assert_int_eq(store_blob_finish(b, &err), -1);
	b = store_blob_drop(b);
	s = store_close(s);
}
END_TEST

START_TEST(empty_and_unknown_sizes)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store *s = open_store();
	struct digest d = sum_of(hello);
	struct store_blob *b = NULL;

	get_blob(s, "");
	ck_assert_int_eq(store_blob_begin(s, &d, STORE_SIZE_UNKNOWN, &b, &err), 0);
	ck_assert_int_eq(store_blob_add(b, hello, 11, &err), 0);
	ck_assert_int_eq(store_blob_finish(b, &err), 0);
	b = store_blob_drop(b);
	ck_assert_int_eq(files_in("blobs"), 2);
	s = store_close(s);
}
END_TEST

static void begin_new(struct store *s, const char *text, uint64_t have, struct store_blob **b)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct digest d = sum_of(text);

	ck_assert_msg(store_blob_begin(s, &d, strlen(text), b, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(store_blob_have(*b), have);
}

static const struct {
	const char *bytes;
	enum berth_code add, finish;
	int kept; /* partial files */
} wrong[] = {
	{ "hello, blog", BERTH_OK, BERTH_EIMAGE, 0 },
	{ "hello, blob!", BERTH_EIMAGE, BERTH_EBUG, 0 },
	{ "hello, blob", BERTH_OK, BERTH_OK, 0 },
	{ "hello", BERTH_OK, BERTH_ENET, 1 },
	{ "", BERTH_OK, BERTH_ENET, 0 },
};

START_TEST(wrong_bytes)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store *s = open_store();
	struct store_blob *b = NULL;
	struct growth_reader r;
	struct source from;
	char buf[32];

	begin_new(s, hello, 0, &b);
	from = store_blob_source(b, &r);
	(void)store_blob_add(b, wrong[_i].bytes, strlen(wrong[_i].bytes), &err);
	ck_assert_int_eq(err.code, wrong[_i].add);
	err = (struct berth_err)BERTH_ERR_INIT;
	(void)store_blob_finish(b, &err);
	ck_assert_msg(err.code == wrong[_i].finish, "%d %s", err.code, err.text);
	if (wrong[_i].finish != BERTH_OK) {
		ck_assert_int_eq(source_read(&from, buf, sizeof(buf), &err), -1);
		ck_assert_int_eq(err.code, BERTH_ENET);
	}
	b = store_blob_drop(b);
	ck_assert_int_eq(files_in("blobs"), wrong[_i].finish == BERTH_OK);
	ck_assert_int_eq(files_in("partial"), wrong[_i].kept);
	ck_assert_int_eq(files_in("locks"), 0);
	/* What is kept is no obstacle: the right bytes come to the right end. */
	if (wrong[_i].finish != BERTH_OK) {
		uint64_t have = wrong[_i].kept ? strlen(wrong[_i].bytes) : 0;

		begin_new(s, hello, have, &b);
		ck_assert_int_eq(store_blob_add(b, hello + have, 11 - have, &err), 0);
		ck_assert_int_eq(store_blob_finish(b, &err), 0);
		b = store_blob_drop(b);
	}
	ck_assert(is_there(blob_path(hello)));
	ck_assert_int_eq(files_in("partial"), 0);
	s = store_close(s);
}
END_TEST

/* ---- resuming ------------------------------------------------------------------------------ */

/* Get the first 'n' bytes of 'hello', and no more. */
static void get_part(struct store *s, size_t n)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store_blob *b = NULL;

	begin_new(s, hello, 0, &b);
	ck_assert_int_eq(store_blob_add(b, hello, n, &err), 0);
	b = store_blob_drop(b);
	ck_assert_int_eq(files_in("partial"), 1);
}

static const char *partial_path(void)
{
	static char path[800];
	struct digest d = sum_of(hello);
	char host[256] = "";

	ck_assert_int_eq(gethostname(host, sizeof(host) - 1), 0);
	(void)snprintf(path, sizeof(path), "%s/partial/sha256-%s.%s", store_dir, digest_hex(&d), host);
	ck_assert(is_there(path));
	return path;
}

static const struct {
	const char *there; /* in the partial file */
	uint64_t have;	   /* of it is resumed; 99: it is whole at once */
	bool good;
} parts[] = {
	{ "hello", 5, true },	   { "jello", 5, false }, { "", 0, true },
	{ "hello, blob", 99, true }, { "jello, blob", 0, true }, /* known to be wrong at once */
	{ "hello, blob, and more", 0, true },
};

START_TEST(resumed)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store *s = open_store();
	struct digest d = sum_of(hello);
	struct store_blob *b = NULL;
	uint64_t have = parts[_i].have;

	get_part(s, 1);
	put_file(partial_path(), parts[_i].there, 0600);
	ck_assert_int_eq(store_blob_begin(s, &d, 11, &b, &err), have == 99);
	ck_assert_uint_eq(store_blob_have(b), have == 99 ? 11 : have);
	if (have != 99) {
		ck_assert_int_eq(store_blob_add(b, hello + have, 11 - have, &err), 0);
		ck_assert_int_eq(store_blob_finish(b, &err), parts[_i].good ? 0 : -1);
	}
	if (!parts[_i].good) {
		ck_assert_int_eq(err.code, BERTH_EIMAGE);
		ck_assert_ptr_nonnull(strstr(err.hint, "resumed"));
	}
	b = store_blob_drop(b);
	ck_assert_int_eq(is_there(blob_path(hello)), parts[_i].good);
	ck_assert_int_eq(files_in(""), parts[_i].good);
	s = store_close(s);
}
END_TEST

/* The server ignored where we wanted to go on. */
START_TEST(restarted)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store *s = open_store();
	struct store_blob *b = NULL;
	struct growth_reader r;
	struct source from;
	char buf[32] = "";

	get_part(s, 7);
	begin_new(s, hello, 7, &b);
	from = store_blob_source(b, &r);
	ck_assert_int_eq(source_read(&from, buf, sizeof(buf), &err), 7);
	store_blob_restart(b);
	ck_assert_uint_eq(store_blob_have(b), 0);
	if (_i == 0) {
		for (size_t i = 0; i < 11; i++)
			ck_assert_int_eq(store_blob_add(b, &hello[i], 1, &err), 0);
		ck_assert_int_eq(store_blob_finish(b, &err), 0);
		ck_assert_int_eq(source_read(&from, buf, sizeof(buf), &err), 4);
		ck_assert_int_eq(source_read(&from, buf, sizeof(buf), &err), 0);
	} else if (_i == 1) {
		ck_assert_int_eq(store_blob_add(b, "hello; blob", 11, &err), -1);
		ck_assert_int_eq(err.code, BERTH_EIMAGE);
		ck_assert_int_eq(source_read(&from, buf, sizeof(buf), &err), -1);
	} else {
		ck_assert_int_eq(store_blob_add(b, hello, 6, &err), 0);
		ck_assert_int_eq(store_blob_finish(b, &err), -1);
		ck_assert_int_eq(err.code, BERTH_ENET);
	}
	b = store_blob_drop(b);
	ck_assert_int_eq(files_in("blobs"), _i == 0);
	ck_assert_int_eq(files_in("partial"), _i == 2);
	s = store_close(s);
}
END_TEST

/* ---- several ------------------------------------------------------------------------------- */

START_TEST(the_same_twice)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store *s = open_store();
	struct store_want want[] = { { sum_of(hello), 11 }, { sum_of(other), 11 }, { sum_of(hello), 11 } };
	struct store_blob *b[ARRAY_SIZE(want)] = { NULL };

	get_blob(s, other);
	ck_assert_int_eq(store_blobs_begin(s, want, ARRAY_SIZE(want), b, &err), 0);
	ck_assert_ptr_eq(b[0], b[2]);
	ck_assert(!store_blob_is_whole(b[0]));
	ck_assert(store_blob_is_whole(b[1]));
	b[0] = store_blob_drop(b[0]);
	ck_assert_int_eq(store_blob_add(b[2], hello, 11, &err), 0);
	ck_assert_int_eq(store_blob_finish(b[2], &err), 0);
	b[1] = store_blob_drop(b[1]);
	b[2] = store_blob_drop(b[2]);
	ck_assert_int_eq(store_blobs_begin(s, want, 0, b, &err), 0);
	s = store_close(s);
}
END_TEST

/* Two that want the same blobs in opposite orders: neither waits for the other for ever. */
START_TEST(opposite_orders)
{
	enum { ROUNDS = 100, BLOBS = 4 };
	struct store_want want[BLOBS];
	int status;
	pid_t pid = fork();

	for (int round = 0; round < ROUNDS; round++) {
		struct berth_err err = BERTH_ERR_INIT;
		struct store *s = open_store();
		struct store_blob *b[BLOBS] = { NULL };
		char text[BLOBS][32];

		for (int i = 0; i < BLOBS; i++) {
			int k = pid == 0 ? BLOBS - 1 - i : i;

			(void)snprintf(text[i], sizeof(text[i]), "%d of round %d", k, round);
			want[i] = (struct store_want){ sum_of(text[i]), strlen(text[i]) };
		}
		ck_assert_msg(store_blobs_begin(s, want, BLOBS, b, &err) == 0, "%s", err.text);
		for (int i = 0; i < BLOBS; i++) {
			if (!store_blob_is_whole(b[i])) {
				ck_assert_int_eq(store_blob_add(b[i], text[i], strlen(text[i]), &err), 0);
				ck_assert_int_eq(store_blob_finish(b[i], &err), 0);
			}
			b[i] = store_blob_drop(b[i]);
		}
		s = store_close(s);
	}
	if (pid == 0)
		_exit(0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(files_in("blobs"), ROUNDS * BLOBS);
}
END_TEST

static void note_waiting(void *arg, const char *who)
{
	(void)snprintf(arg, 64, "%s", who);
}

/* Another process has begun: one that finishes, is killed after some bytes, or gives up. */
START_TEST(waits)
{
	struct berth_err err = BERTH_ERR_INIT;
	char who[64] = "", want[64], c;
	struct store *s = open_with((struct store_options){ .create = true, .waiting = note_waiting, .arg = who });
	struct digest d = sum_of(hello);
	struct store_blob *b = NULL;
	int up[2], status, rc;
	pid_t pid;

	ck_assert_int_eq(pipe(up), 0);
	pid = fork();
	if (pid == 0) {
		struct store *mine = open_store();

		begin_new(mine, hello, 0, &b);
		if (write(up[1], "x", 1) != 1)
			_exit(1);
		(void)usleep(200000); /* most of the time the other waits by then, but need not */
		(void)store_blob_add(b, hello, 5, &err);
		if (_i == 1)
			(void)raise(SIGKILL);
		if (_i == 0 && (store_blob_add(b, hello + 5, 6, &err) < 0 || store_blob_finish(b, &err) < 0))
			_exit(1);
		b = store_blob_drop(b);
		_exit(0);
	}
	ck_assert_int_eq(read(up[0], &c, 1), 1);
	rc = store_blob_begin(s, &d, 11, &b, &err);
	ck_assert_int_eq(rc, _i == 0);
	ck_assert_uint_eq(store_blob_have(b), _i == 0 ? 11 : 5);
	(void)snprintf(want, sizeof(want), "process %d", (int)pid);
	if (who[0])
		ck_assert_str_eq(who, want);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	b = store_blob_drop(b);
	s = store_close(s);
	(void)close(up[0]);
	(void)close(up[1]);
}
END_TEST

/* Who follows a blob cannot write to it, wherever it comes to lie: of an anonymous store, or resumed. */
START_TEST(readers_only_read)
{
	static const struct { const char *text; bool anonymous; size_t have; } rows[] = {
		{ "one", false, 0 }, { "three", false, 2 }, { "one", true, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct berth_err err = BERTH_ERR_INIT;
		struct store *s = open_with((struct store_options){ .create = true, .anonymous = rows[i].anonymous });
		struct store_blob *b = NULL;
		struct growth_reader r;
		const char *text = rows[i].text;

		if (rows[i].have > 0) {
			begin_new(s, text, 0, &b);
			ck_assert_int_eq(store_blob_add(b, text, rows[i].have, &err), 0);
			b = store_blob_drop(b);
		}
		begin_new(s, text, rows[i].have, &b);
		(void)store_blob_source(b, &r);
		ck_assert_int_eq(store_blob_add(b, text + rows[i].have, strlen(text) - rows[i].have, &err), 0);
		ck_assert_int_eq(fcntl(r.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
		ck_assert_int_eq((int)pwrite(r.fd, "J", 1, 0), -1);
		ck_assert_int_eq(ftruncate(r.fd, 1), -1);
		ck_assert_int_eq(store_blob_finish(b, &err), 0);
		(void)store_blob_source(b, &r);
		ck_assert_int_eq(fcntl(r.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
		b = store_blob_drop(b);
		s = store_close(s);
	}
}
END_TEST

/* A reader in another process, which sees each byte and then the end. */
START_TEST(followed)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store *s = open_store();
	struct store_blob *b = NULL;
	pid_t pid;
	int status;

	begin_new(s, hello, 0, &b);
	pid = fork();
	if (pid == 0) {
		char all[32] = "";
		struct growth_reader r;
		struct source from = store_blob_source(b, &r);
		size_t at = 0;
		ssize_t n;

		while ((n = source_read(&from, all + at, 3, &err)) > 0)
			at += (size_t)n;
		_exit(n == 0 && strcmp(all, hello) == 0 ? 0 : 1);
	}
	for (size_t i = 0; i < 11; i++)
		ck_assert_int_eq(store_blob_add(b, &hello[i], 1, &err), 0);
	ck_assert_int_eq(store_blob_finish(b, &err), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	b = store_blob_drop(b);
	s = store_close(s);
}
END_TEST

/* --disable-cache: nothing of it has a name at any time. */
START_TEST(anonymous)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct store_blob *b = NULL;
	struct store *s;

	ck_assert_int_eq(mkdir(below("tmp"), 0700), 0);
	ck_assert_int_eq(setenv("TMPDIR", below("tmp"), 1), 0);
	s = open_with((struct store_options){ .anonymous = true, .create = true });
	ck_assert_ptr_null(store_path(s));
	ck_assert(!store_exists(s));
	begin_new(s, hello, 0, &b);
	ck_assert_int_eq(store_blob_add(b, hello, 11, &err), 0);
	ck_assert_int_eq(rmdir(below("tmp")), 0); /* empty */
	ck_assert_int_eq(store_blob_finish(b, &err), 0);
	ck_assert(store_blob_is_whole(b));
	b = store_blob_drop(b);
	s = store_close(s);
	ck_assert(!is_there(store_dir));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("store");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, default_dirs, 0, ARRAY_SIZE(places));
	tcase_add_test(tc, not_there);
	tcase_add_test(tc, nobody_elses);
	tcase_add_loop_test(tc, open_to_others, 0, ARRAY_SIZE(open_modes));
	tcase_add_test(tc, ways);
	tcase_add_test(tc, of_another_user);
	tcase_add_test(tc, whole_blob);
	tcase_add_test(tc, empty_and_unknown_sizes);
	tcase_add_loop_test(tc, wrong_bytes, 0, ARRAY_SIZE(wrong));
	tcase_add_loop_test(tc, resumed, 0, ARRAY_SIZE(parts));
	tcase_add_loop_test(tc, restarted, 0, 3);
	tcase_add_test(tc, the_same_twice);
	tcase_add_test(tc, opposite_orders);
	tcase_add_loop_test(tc, waits, 0, 3);
	tcase_add_test(tc, followed);
	tcase_add_test(tc, readers_only_read);
	tcase_add_test(tc, anonymous);
	return unit_run("store", tc);
}
