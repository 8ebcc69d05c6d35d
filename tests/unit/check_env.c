/* SPDX-License-Identifier: BSD-3-Clause */
/* check_env.c - what of the host's environment comes in, what stays out, what is set. */
#include "config.h"

#include <string.h>

#include "launcher/view/env.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "tests/unit/unit.h"

/* One variable of the host, alone: does it come in as it is? */
static const struct {
	const char *pair;
	bool stays; /* false: it must not be inside */
} host[] = {
	{ "TERM=xterm", true },
	{ "PMI_RANK=1", true },
	{ "PMI_FD=7", true },
	{ "PMIX_SERVER_URI41=x", true },
	{ "SLURM_JOB_ID=1", true },
	{ "SLURMD_NODENAME=n1", true },
	{ "OMPI_MCA_btl=tcp", true },
	{ "CUDA_VISIBLE_DEVICES=0", true },
	{ "HOME=/home/ann", true }, /* spec->home is NULL here */
	{ "LDFLAGS=-g", true },
	{ "LD=ld", true },
	{ "EMPTY=", true },
	{ "BERTH=1", true },
	{ "MY_LD_PRELOAD=x", true },
	{ "GLIBC=1", true },
	{ "ENV=production", true },
	{ "LD_LIBRARY_PATH=/opt/lib", false },
	{ "LD_PRELOAD=libxalt.so", false },
	{ "LD_AUDIT=x", false },
	{ "LD_BIND_NOW=1", false },
	{ "LD_ANYTHING_NEW=1", false },
	{ "GLIBC_TUNABLES=x", false },
	{ "GCONV_PATH=/x", false },
	{ "GETCONF_DIR=/x", false },
	{ "LOCPATH=/x", false },
	{ "NLSPATH=/x", false },
	{ "BASH_ENV=/x", false },
	{ "BASH_FUNC_module%%=() { :; }", false },
	{ "BERTH_BIND=/x", false },
	{ "BERTH_", false },
	{ "APPTAINER_BIND=/x", false },
	{ "SINGULARITY_PWD=/x", false },
	{ "BERTHENV_X=1", false },
	{ "APPTAINERENV_X=1", false },
	{ "SINGULARITYENV_X=1", false },
	{ "PATH=/host/bin", false },
	{ "=odd", false },
	{ "noequals", false },
};

/* The same in a clean one, of what would come in otherwise. */
static const struct {
	const char *pair;
	bool stays;
} clean[] = {
	{ "TERM=xterm", true },
	{ "http_proxy=p:1", true },
	{ "HTTPS_PROXY=p:1", true },
	{ "no_proxy=x", true },
	{ "PMI_RANK=1", true },
	{ "PMIX_SERVER_URI41=x", true },
	{ "SLURM_JOB_ID=1", true },
	{ "SLURMD_NODENAME=n1", true },
	{ "OMPI_MCA_btl=tcp", true },
	{ "CUDA_VISIBLE_DEVICES=0", true },
	{ "USER=ann", false },
	{ "LANG=de_DE.UTF-8", false },
	{ "DISPLAY=:0", false },
	{ "SSH_AUTH_SOCK=/x", false },
	{ "AWS_SECRET_ACCESS_KEY=x", false },
	{ "TERMINFO=/x", false },
	{ "my_http_proxy=x", false },
	{ "http_proxy_x=x", false },
	{ "MY_SLURM_JOB_ID=1", false },
	{ "CUDA_VISIBLE_DEVICES_X=0", false },
	{ "MPI_LOCALNRANKS=2", false },
	{ "LD_PRELOAD=x", false },
	{ "BERTH_BIND=/x", false },
};

static void inside(const char *const *env, const struct room_spec *spec, struct strlist *out)
{
	cleanup(env_edits_done) struct env_edits edits = { 0 };
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert_int_eq(env_plan(env, spec, &edits, &err), 0);
	ck_assert_int_eq(env_apply(env, &edits, out, &err), 0);
	ck_assert_ptr_null(out->v[out->n]);
	/* No name twice. */
	for (size_t i = 0; i < out->n; i++)
		for (size_t k = 0; k < i; k++) {
			size_t n = strcspn(out->v[i], "=");

			ck_assert_msg(strncmp(out->v[i], out->v[k], n + 1) != 0, "%s twice", out->v[i]);
		}
}

static bool has(const struct strlist *l, const char *pair)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], pair) == 0)
			return true;
	return false;
}

static const char *value(const struct strlist *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++) {
		const char *rest = str_after(l->v[i], name);

		if (rest && rest[0] == '=')
			return rest + 1;
	}
	return NULL;
}

static struct room_spec plain(void)
{
	return (struct room_spec){ .image = (char *)(size_t)"/images/my.sif" };
}

START_TEST(from_host)
{
	const char *env[] = { "A=1", host[_i].pair, "Z=2", NULL };
	cleanup(strlist_done) struct strlist out = STRLIST_INIT;
	struct room_spec spec = plain();

	inside(env, &spec, &out);
	ck_assert_msg(has(&out, host[_i].pair) == host[_i].stays, "%s", host[_i].pair);
	ck_assert(has(&out, "A=1") && has(&out, "Z=2"));
}
END_TEST

START_TEST(from_host_clean)
{
	const char *env[] = { "A=1", clean[_i].pair, "BERTHENV_B=2", "PATH=/p", NULL };
	cleanup(strlist_done) struct strlist out = STRLIST_INIT, opt = STRLIST_INIT;
	struct room_spec spec = plain();

	strlist_add(&opt, "C=3");
	spec.env = opt;
	spec.cleanenv = true;
	inside(env, &spec, &out);
	ck_assert_msg(has(&out, clean[_i].pair) == clean[_i].stays, "%s", clean[_i].pair);
	ck_assert(!has(&out, "A=1") && has(&out, "B=2") && has(&out, "C=3") && has(&out, "LANG=C"));
	ck_assert_str_eq(value(&out, "PATH"), ENV_DEFAULT_PATH);
	ck_assert_ptr_null(value(&out, "USER_PATH"));
	/* who wants another language says so */
	strlist_add(&opt, "LANG=en");
	spec.env = opt;
	strlist_done(&out);
	inside(env, &spec, &out);
	ck_assert_str_eq(value(&out, "LANG"), "en");
}
END_TEST

START_TEST(left_outside)
{
	const char *env[] = { "A=1", "AB=2", "B=3", "C=4", NULL };
	cleanup(strlist_done) struct strlist out = STRLIST_INIT, not = STRLIST_INIT, opt = STRLIST_INIT;
	struct room_spec spec = plain();

	strlist_add(&not, "A");
	strlist_add(&not, "C");
	strlist_add(&not, "none");
	strlist_add(&opt, "C=5"); /* what is set for inside is no caller's */
	spec.no_env = not;
	spec.env = opt;
	inside(env, &spec, &out);
	ck_assert(!has(&out, "A=1") && has(&out, "AB=2") && has(&out, "B=3") && has(&out, "C=5"));
}
END_TEST

START_TEST(always_set)
{
	const char *env[] = { "PATH=/host/bin", "HOME=/elsewhere", "BERTH_NAME=old", NULL };
	cleanup(strlist_done) struct strlist out = STRLIST_INIT;
	struct room_spec spec = plain();

	spec.home = (char *)(size_t)"/home/ann";
	inside(env, &spec, &out);
	ck_assert_str_eq(value(&out, "PATH"), ENV_DEFAULT_PATH);
	ck_assert_str_eq(value(&out, "USER_PATH"), "/host/bin");
	ck_assert_str_eq(value(&out, "HOME"), "/home/ann");
	ck_assert_str_eq(value(&out, "BERTH_CONTAINER"), "/images/my.sif");
	ck_assert_str_eq(value(&out, "APPTAINER_CONTAINER"), "/images/my.sif");
	ck_assert_str_eq(value(&out, "SINGULARITY_CONTAINER"), "/images/my.sif");
	ck_assert_str_eq(value(&out, "BERTH_NAME"), "my.sif");
	ck_assert_str_eq(value(&out, "APPTAINER_NAME"), "my.sif");
	ck_assert_str_eq(value(&out, "SINGULARITY_NAME"), "my.sif");
	ck_assert_uint_eq(out.n, 9);
}
END_TEST

/* Settings for inside; NULL ends a list. 'name' has 'is' afterwards; NULL: is not set. */
static const struct {
	const char *env[5], *opt[4];
	const char *name, *is;
} sets[] = {
	{ { "BERTHENV_X=1" }, { NULL }, "X", "1" },
	{ { "APPTAINERENV_X=1" }, { NULL }, "X", "1" },
	{ { "SINGULARITYENV_X=1" }, { NULL }, "X", "1" },
	{ { "X=0", "SINGULARITYENV_X=1" }, { NULL }, "X", "1" },
	{ { "SINGULARITYENV_X=3", "BERTHENV_X=1", "APPTAINERENV_X=2" }, { NULL }, "X", "1" },
	{ { "APPTAINERENV_X=2", "SINGULARITYENV_X=3" }, { NULL }, "X", "2" },
	{ { "BERTHENV_X=1" }, { "X=9" }, "X", "9" },
	{ { NULL }, { "X=1", "X=2" }, "X", "2" },
	{ { NULL }, { "X=a=b" }, "X", "a=b" },
	{ { "X=1" }, { "X=" }, "X", "" },
	{ { "LD_LIBRARY_PATH=/host" }, { "LD_LIBRARY_PATH=/img" }, "LD_LIBRARY_PATH", "/img" },
	{ { "LD_PRELOAD=/host", "BERTHENV_LD_PRELOAD=/img" }, { NULL }, "LD_PRELOAD", "/img" },
	{ { "LD_PRELOAD=/host" }, { NULL }, "LD_PRELOAD", NULL },
	{ { "BERTHENV_HOME=/x", "HOME=/host" }, { NULL }, "HOME", "/host" },
	{ { "BERTHENV_=1" }, { NULL }, "", NULL },
	{ { "BERTHENV_PATH=/p" }, { NULL }, "PATH", "/p" },
	{ { "BERTHENV_PATH=/p" }, { "PATH=/q" }, "PATH", "/q" },
	{ { "BERTHENV_PREPEND_PATH=/a" }, { NULL }, "PATH", "/a:" ENV_DEFAULT_PATH },
	{ { "APPTAINERENV_APPEND_PATH=/z" }, { NULL }, "PATH", ENV_DEFAULT_PATH ":/z" },
	{ { "BERTHENV_APPEND_PATH=/z" }, { "PATH=/m", "PREPEND_PATH=/a" }, "PATH", "/a:/m:/z" },
	{ { "BERTHENV_APPEND_PATH=" }, { NULL }, "PATH", ENV_DEFAULT_PATH },
	{ { "BERTHENV_PREPEND_PATH=/a" }, { NULL }, "PREPEND_PATH", NULL },
	{ { "BERTHENV_PREPEND_LD_LIBRARY_PATH=/a" }, { NULL }, "LD_LIBRARY_PATH", "/a" },
	{ { "BERTHENV_APPEND_LD_LIBRARY_PATH=/z" }, { "LD_LIBRARY_PATH=/m", "PREPEND_LD_LIBRARY_PATH=/a" },
	  "LD_LIBRARY_PATH", "/a:/m:/z" },
	{ { "LD_LIBRARY_PATH=/host", "BERTHENV_APPEND_LD_LIBRARY_PATH=/z" }, { NULL }, "LD_LIBRARY_PATH", "/z" },
	{ { "BERTHENV_APPEND_LD_LIBRARY_PATH=/z" }, { NULL }, "APPEND_LD_LIBRARY_PATH", NULL },
	{ { "A=1" }, { NULL }, "USER_PATH", NULL },
};

START_TEST(set_inside)
{
	cleanup(strlist_done) struct strlist out = STRLIST_INIT, opt = STRLIST_INIT;
	struct room_spec spec = plain();

	for (size_t i = 0; sets[_i].opt[i]; i++)
		strlist_add(&opt, sets[_i].opt[i]);
	spec.env = opt;
	inside(sets[_i].env, &spec, &out);
	if (!sets[_i].is) {
		ck_assert_ptr_null(value(&out, sets[_i].name));
		return;
	}
	ck_assert_ptr_nonnull(value(&out, sets[_i].name));
	ck_assert_str_eq(value(&out, sets[_i].name), sets[_i].is);
}
END_TEST

START_TEST(edits)
{
	static const char *const env[] = { "A=1", "B=2", "B=3", NULL };
	cleanup(env_edits_done) struct env_edits e = { 0 };
	cleanup(strlist_done) struct strlist out = STRLIST_INIT;
	struct berth_err err = BERTH_ERR_INIT;

	ck_assert(!env_edits_set_by(&e, "B"));
	ck_assert_int_eq(env_edits_add(&e, "B", NULL, &err), 0);
	ck_assert(!env_edits_set_by(&e, "B"));
	ck_assert_int_eq(env_edits_add(&e, "C", "4", &err), 0);
	ck_assert_int_eq(env_edits_add(&e, "C", "5", &err), 0);
	ck_assert(env_edits_set_by(&e, "C"));
	ck_assert_int_eq(env_apply(env, &e, &out, &err), 0);
	ck_assert_uint_eq(out.n, 2);
	ck_assert(has(&out, "A=1") && has(&out, "C=5"));
	/* Unset after set: not there. */
	ck_assert_int_eq(env_edits_add(&e, "C", NULL, &err), 0);
	ck_assert(!env_edits_set_by(&e, "C"));
	strlist_done(&out);
	ck_assert_int_eq(env_apply(env, &e, &out, &err), 0);
	ck_assert_uint_eq(out.n, 1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("env");

	tcase_add_loop_test(tc, from_host, 0, ARRAY_SIZE(host));
	tcase_add_loop_test(tc, from_host_clean, 0, ARRAY_SIZE(clean));
	tcase_add_test(tc, left_outside);
	tcase_add_test(tc, always_set);
	tcase_add_loop_test(tc, set_inside, 0, ARRAY_SIZE(sets));
	tcase_add_test(tc, edits);
	return unit_run("env", tc);
}
