/* SPDX-License-Identifier: BSD-3-Clause */
/* check_authfile.c - credentials in Docker's config.json (libimage/oci/authfile.h). */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "libimage/base/fd.h"
#include "libimage/oci/authfile.h"
#include "tests/unit/unit.h"

#define HUB "registry-1.docker.io"
#define ENTRY(key, user) "\"" key "\":{\"auth\":\"" user "\"}"
#define U_P   "dTpw"	   /* u:p */
#define V_Q   "djpx"	   /* v:q */
#define W_R_S "dzpyOnM="   /* w:r:s, a password with a colon */
#define X_PAD "eDp5AAAA"   /* x:y and NULs, as old Dockers wrote it */

static const struct {
	const char *file, *host, *repo;
	int rc;
	const char *user, *password, *identity, *registry, *helper, *helper_key;
} found[] = {
	{ "", "r.example", "a", .rc = 0 },
	{ "{}", "r.example", "a", .rc = 0 },
	{ "{\"auths\":null}", "r.example", "a", .rc = 0 },
	{ "{\"auths\":{\"r.example\":{}}}", "r.example", "a", .rc = 0 },
	{ "{\"auths\":{\"r.example\":null}}", "r.example", "a", .rc = 0 },
	{ "{\"auths\":{" ENTRY("r.example", U_P) "}}", "r.example", "a", 1, .user = "u", .password = "p" },
	{ "{\"auths\":{" ENTRY("r.example", W_R_S) "}}", "r.example", "a", 1,
	  .user = "w", .password = "r:s" },
	{ "{\"auths\":{" ENTRY("r.example", X_PAD) "}}", "r.example", "a", 1,
	  .user = "x", .password = "y" },
	{ "{\"auths\":{" ENTRY("r.example", "dTo=") "}}", "r.example", "a", 1, .user = "u" },
	{ "{\"auths\":{" ENTRY("https://r.example/v2/", U_P) "}}", "r.example", "a", 1,
	  .user = "u", .password = "p" },
	{ "{\"auths\":{" ENTRY("http://r.example", U_P) "}}", "r.example", "a", 1,
	  .user = "u", .password = "p" },
	{ "{\"auths\":{" ENTRY("r.example:5000", U_P) "}}", "r.example:5000", "a", 1,
	  .user = "u", .password = "p" },
	{ "{\"auths\":{" ENTRY("r.example/", U_P) "}}", "r.example", "a", 1, .user = "u", .password = "p" },
	/* another host is another host */
	{ "{\"auths\":{" ENTRY("r.example", U_P) "}}", "r.example:5000", "a", .rc = 0 },
	{ "{\"auths\":{" ENTRY("r.example", U_P) "}}", "evil.r.example", "a", .rc = 0 },
	{ "{\"auths\":{" ENTRY("r.example", U_P) "}}", "r.example.evil", "a", .rc = 0 },
	{ "{\"auths\":{" ENTRY("r.example", U_P) "}}", "r.exampl", "a", .rc = 0 },
	{ "{\"auths\":{" ENTRY("r.example/a", U_P) "}}", "r.example", "ab", .rc = 0 },
	{ "{\"auths\":{" ENTRY("r.example/a", U_P) "}}", "r.example", NULL, .rc = 0 },
	{ "{\"auths\":{" ENTRY("https://r.example/a", U_P) "}}", "r.example.x", "a", .rc = 0 },
	/* the name that says most */
	{ "{\"auths\":{" ENTRY("r.example", U_P) "," ENTRY("r.example/a", V_Q) "}}", "r.example", "a/b", 1,
	  .user = "v", .password = "q" },
	{ "{\"auths\":{" ENTRY("r.example/a/b", V_Q) "," ENTRY("r.example/a", U_P) "}}", "r.example", "a/b", 1,
	  .user = "v", .password = "q" },
	{ "{\"auths\":{" ENTRY("r.example", U_P) "," ENTRY("r.example/a", V_Q) "}}", "r.example", "b", 1,
	  .user = "u", .password = "p" },
	{ "{\"auths\":{" ENTRY("https://r.example", V_Q) "," ENTRY("r.example", U_P) "}}", "r.example", "b", 1,
	  .user = "u", .password = "p" },
	/* Docker Hub has four names */
	{ "{\"auths\":{" ENTRY("https://index.docker.io/v1/", U_P) "}}", HUB, "library/x", 1,
	  .user = "u", .password = "p" },
	{ "{\"auths\":{" ENTRY("docker.io", U_P) "}}", HUB, "library/x", 1, .user = "u", .password = "p" },
	{ "{\"auths\":{" ENTRY("docker.io/me", V_Q) "," ENTRY("docker.io", U_P) "}}", HUB, "me/x", 1,
	  .user = "v", .password = "q" },
	{ "{\"auths\":{" ENTRY("index.docker.io", U_P) "}}", HUB, "library/x", 1,
	  .user = "u", .password = "p" },
	{ "{\"auths\":{" ENTRY("hub.docker.io", U_P) "}}", HUB, "library/x", .rc = 0 },
	/* other kinds */
	{ "{\"auths\":{\"r.example\":{\"username\":\"u\",\"password\":\"p\"}}}", "r.example", "a", 1,
	  .user = "u", .password = "p" },
	{ "{\"auths\":{\"r.example\":{\"auth\":\"" U_P "\",\"identitytoken\":\"i\"}}}", "r.example", "a", 1,
	  .user = "u", .password = "p", .identity = "i" },
	{ "{\"auths\":{\"r.example\":{\"registrytoken\":\"t\"}}}", "r.example", "a", 1, .registry = "t" },
	/* helpers */
	{ "{\"credsStore\":\"pass\"}", "r.example", "a", 1, .helper = "pass", .helper_key = "r.example" },
	{ "{\"credsStore\":\"\"}", "r.example", "a", .rc = 0 },
	{ "{\"credsStore\":\"pass\"}", HUB, "a", 1,
	  .helper = "pass", .helper_key = "https://index.docker.io/v1/" },
	{ "{\"credHelpers\":{\"r.example\":\"ecr-login\"},\"credsStore\":\"pass\"}", "r.example", "a", 1,
	  .helper = "ecr-login", .helper_key = "r.example" },
	{ "{\"credHelpers\":{\"r.example\":\"ecr-login\"}}", "other.example", "a", .rc = 0 },
	/* podman: none for this one */
	{ "{\"credHelpers\":{\"r.example\":\"\"},\"credsStore\":\"pass\"}", "r.example", "a", .rc = 0 },
	{ "{\"auths\":{" ENTRY("r.example", U_P) "},\"credsStore\":\"pass\"}", "r.example", "a", 1,
	  .user = "u", .password = "p", .helper = "pass", .helper_key = "r.example" },
};

static void same(const char *got, const char *want)
{
	ck_assert_pstr_eq(got, want);
}

START_TEST(find)
{
	cleanup(authfile_freep) struct authfile *a = NULL;
	cleanup(credential_done) struct credential c = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_msg(authfile_parse("f", found[_i].file, strlen(found[_i].file), &a, &err) == 0, "%s", err.text);
	ck_assert_int_eq(authfile_find(a, found[_i].host, found[_i].repo, &c, &err), found[_i].rc);
	same(c.user, found[_i].user);
	same(c.password, found[_i].password);
	same(c.identity_token, found[_i].identity);
	same(c.registry_token, found[_i].registry);
	ck_assert_str_eq(c.helper, found[_i].helper ? found[_i].helper : "");
	ck_assert_str_eq(c.helper_key, found[_i].helper_key ? found[_i].helper_key : "");
}
END_TEST

/* Refused, the file or what it has for r.example. */
static const char *const bad[] = {
	"[]",
	"x",
	"{\"auths\":[]}",
	"{\"auths\":\"x\"}",
	"{\"auths\":{},\"auths\":{}}",
	"{\"auths\":{\"r.example\":{\"auth\":7}}}",
	"{\"auths\":{" ENTRY("r.example", "x") "}}",
	"{\"auths\":{" ENTRY("r.example", "secret!") "}}",
	"{\"auths\":{" ENTRY("r.example", "dXA=") "}}",		/* up, no colon */
	"{\"auths\":{" ENTRY("r.example", "dTpwCg==") "}}",	/* u:p and a newline */
	"{\"auths\":{" ENTRY("r.example", "dTpwAHE=") "}}",	/* u:p, NUL, q */
	"{\"auths\":{\"r.example\":{\"username\":\"u\\r\\nHost: x\",\"password\":\"p\"}}}",
	"{\"auths\":{\"r.example\":{\"identitytoken\":\"a\\nb\"}}}",
	"{\"auths\":{\"r.example\":{\"registrytoken\":[]}}}",
	"{\"credsStore\":\"../../tmp/x\"}",
	"{\"credsStore\":\"/tmp/x\"}",
	"{\"credsStore\":\"a b\"}",
	"{\"credsStore\":\"a;b\"}",
	"{\"credsStore\":\"..\"}",
	"{\"credsStore\":\"-x\"}",
	"{\"credsStore\":\"x\\n\"}",
	"{\"credsStore\":7}",
	"{\"credsStore\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
	"{\"credHelpers\":\"x\"}",
	"{\"credHelpers\":{\"r.example\":7}}",
	"{\"credHelpers\":{\"r.example\":\"../x\"}}",
};

START_TEST(find_bad)
{
	cleanup(authfile_freep) struct authfile *a = NULL;
	cleanup(credential_done) struct credential c = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	if (authfile_parse("f", bad[_i], strlen(bad[_i]), &a, &err) == 0)
		ck_assert_int_eq(authfile_find(a, "r.example", "a", &c, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ECONFIG);
	ck_assert_ptr_nonnull(strstr(err.text, "'f'"));
	ck_assert_ptr_null(strstr(err.text, "secret"));
	ck_assert_ptr_null(c.user);
}
END_TEST

static const struct {
	const char *answer, *user, *password, *identity; /* all NULL: refused */
} answers[] = {
	{ "{\"ServerURL\":\"x\",\"Username\":\"u\",\"Secret\":\"p\"}\n", "u", "p", NULL },
	{ "{\"Username\":\"<token>\",\"Secret\":\"i\"}", NULL, NULL, "i" },
	{ "credentials not found in native keychain\n", NULL, NULL, NULL },
	{ "", NULL, NULL, NULL },
	{ "{}", NULL, NULL, NULL },
	{ "{\"Username\":\"u\"}", NULL, NULL, NULL },
	{ "{\"Secret\":\"p\"}", NULL, NULL, NULL },
	{ "{\"Username\":\"\",\"Secret\":\"\"}", NULL, NULL, NULL },
	{ "{\"Username\":\"<token>\"}", NULL, NULL, NULL },
	{ "{\"Username\":7,\"Secret\":\"p\"}", NULL, NULL, NULL },
	{ "{\"Username\":\"u\\n\",\"Secret\":\"p\"}", NULL, NULL, NULL },
	{ "{\"Username\":\"u\",\"Secret\":\"p\\r\\nX: y\"}", NULL, NULL, NULL },
	{ "[\"u\",\"p\"]", NULL, NULL, NULL },
};

START_TEST(helper_answer)
{
	cleanup(credential_done) struct credential c = { 0 };
	struct berth_err err = BERTH_ERR_INIT;
	int rc = credential_parse(answers[_i].answer, strlen(answers[_i].answer), &c, &err);

	ck_assert_int_eq(rc, answers[_i].user || answers[_i].identity ? 0 : -1);
	if (rc < 0)
		ck_assert_int_eq(err.code, BERTH_EDENIED);
	same(c.user, answers[_i].user);
	same(c.password, answers[_i].password);
	same(c.identity_token, answers[_i].identity);
}
END_TEST

static char dir[] = "/tmp/check_authfile.XXXXXX";
static char path[64], other[64];

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/config.json", dir);
	(void)snprintf(other, sizeof(other), "%s/other.json", dir);
}

static void teardown(void)
{
	(void)unlink(path);
	(void)unlink(other);
	(void)rmdir(path);
	(void)rmdir(dir);
}

static void put(const char *where, const char *text)
{
	cleanup_close int fd = open(where, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_full(fd, text, strlen(text)), 0);
}

static void expect(const char *where, const char *want)
{
	cleanup_close int fd = open(where, O_RDONLY | O_CLOEXEC);
	char text[1024] = "";

	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge((int)fd_read_full(fd, text, sizeof(text) - 1), 0);
	ck_assert_str_eq(text, want);
}

START_TEST(login_and_out)
{
	cleanup(authfile_freep) struct authfile *a = NULL;
	struct berth_err err = BERTH_ERR_INIT;
	struct stat st;

	ck_assert_int_eq(authfile_load(path, &a, &err), 0);
	ck_assert_int_eq(authfile_set(a, "r.example", "u", "p", &err), 0);
	ck_assert_int_eq(authfile_set(a, HUB, "w", "r:s", &err), 0);
	ck_assert_msg(authfile_save(a, &err) == 0, "%s", err.text);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	expect(path, "{\n\t\"auths\": {\n\t\t\"r.example\": {\n\t\t\t\"auth\": \"" U_P "\"\n\t\t},\n"
		     "\t\t\"https://index.docker.io/v1/\": {\n\t\t\t\"auth\": \"" W_R_S "\"\n\t\t}\n\t}\n}\n");
	ck_assert_int_eq(authfile_remove(a, "docker.io"), 1);
	ck_assert_int_eq(authfile_remove(a, "r.example"), 1);
	ck_assert_int_eq(authfile_remove(a, "r.example"), 0);
	ck_assert_int_eq(authfile_save(a, &err), 0);
	expect(path, "{\n\t\"auths\": {}\n}\n");
}
END_TEST

/* What we know nothing of stays; what the new login replaces does not. */
START_TEST(keeps_the_rest)
{
	cleanup(authfile_freep) struct authfile *a = NULL;
	struct berth_err err = BERTH_ERR_INIT;
	struct stat st;

	put(other, "{\"HttpHeaders\":{\"X\":\"y\"},\"auths\":{\"https://r.example/v2/\":{\"identitytoken\":\"old\","
		   "\"email\":\"e\"}},\"n\":1.50}");
	ck_assert_int_eq(symlink(other, path), 0);
	ck_assert_int_eq(authfile_load(path, &a, &err), 0);
	ck_assert_int_eq(authfile_set(a, "r.example", "u", "p", &err), 0);
	ck_assert_int_eq(authfile_save(a, &err), 0);
	expect(other, "{\n\t\"HttpHeaders\": {\n\t\t\"X\": \"y\"\n\t},\n\t\"auths\": {\n\t\t\"https://r.example/v2/\": "
		      "{\n\t\t\t\"email\": \"e\",\n\t\t\t\"auth\": \"" U_P "\"\n\t\t}\n\t},\n\t\"n\": 1.50\n}\n");
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
}
END_TEST

START_TEST(set_bad)
{
	static const struct {
		const char *user, *password;
	} rows[] = { { "", "p" }, { "a:b", "p" }, { "u\n", "p" }, { "u", "p\r\nX: y" }, { "u\x7f", "p" } };
	cleanup(authfile_freep) struct authfile *a = NULL;
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(authfile_load(path, &a, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ck_assert_int_eq(authfile_set(a, "r.example", rows[i].user, rows[i].password, &err), -1);
		ck_assert_int_eq(err.code, BERTH_EUSAGE);
	}
	a = authfile_free(a);
	ck_assert_int_eq(authfile_parse("f", "{\"auths\":[]}", 12, &a, &err), 0);
	ck_assert_int_eq(authfile_set(a, "r.example", "u", "p", &err), -1);
	ck_assert_int_eq(err.code, BERTH_ECONFIG);
}
END_TEST

START_TEST(load_bad)
{
	struct berth_err err = BERTH_ERR_INIT;
	struct authfile *a = NULL;

	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(authfile_load(path, &a, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ECONFIG);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(authfile_load(path, &a, &err), -1);
	ck_assert_int_eq(unlink(path), 0);
	put(path, "{");
	ck_assert_int_eq(authfile_load(path, &a, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ECONFIG);
	ck_assert_int_eq(truncate(path, AUTHFILE_BYTES_MAX + 1), 0);
	ck_assert_int_eq(authfile_load(path, &a, &err), -1);
	ck_assert_int_eq(err.code, BERTH_ECONFIG);
	ck_assert_ptr_null(a);
}
END_TEST

int main(void)
{
	TCase *text = tcase_create("text"), *file = tcase_create("file");

	tcase_add_loop_test(text, find, 0, (int)ARRAY_SIZE(found));
	tcase_add_loop_test(text, find_bad, 0, (int)ARRAY_SIZE(bad));
	tcase_add_loop_test(text, helper_answer, 0, (int)ARRAY_SIZE(answers));
	tcase_add_checked_fixture(file, setup, teardown);
	tcase_add_test(file, login_and_out);
	tcase_add_test(file, keeps_the_rest);
	tcase_add_test(file, set_bad);
	tcase_add_test(file, load_bad);
	return unit_run_two("authfile", text, file);
}
