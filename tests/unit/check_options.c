/* SPDX-License-Identifier: BSD-3-Clause */
/* check_options.c - the table of settings: its shape, each row's meaning, the variables. */
#include "config.h"

#include <ctype.h>
#include <string.h>

#include "launcher/view/options.h"
#include "libimage/base/cleanup.h"
#include "libimage/base/err.h"
#include "tests/unit/unit.h"

START_TEST(shape)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *r = &option_rows[i];

		ck_assert(r->name && r->help && r->set && r->faces);
		ck_assert_msg(!(r->faces & FACE_ENV) || r->env, "%s: no variable", r->name);
		ck_assert_msg(!(r->faces & FACE_STEPS) || r->env, "%s: no way to the nodes", r->name);
		/* SLURM: an option of a plugin is "container-" and this, shown in 80 columns. */
		ck_assert_uint_lt(strlen(r->name), 24);
		for (const char *p = r->name; *p; p++)
			ck_assert(islower((unsigned char)*p) || *p == '-');
		ck_assert_ptr_eq(option_by_name(r->name), r); /* so no name is there twice */
		if (r->also)
			ck_assert_ptr_eq(option_by_name(r->also), r);
		if (r->letter)
			ck_assert_ptr_eq(option_by_letter(r->letter), r);
	}
	ck_assert_ptr_null(option_by_name("nosuch"));
	ck_assert_ptr_null(option_by_name("bin"));
	ck_assert_ptr_null(option_by_name(""));
	ck_assert_ptr_null(option_by_letter(0));
	ck_assert_ptr_null(option_by_letter('Z'));
	ck_assert_ptr_eq(option_by_name("cwd"), option_by_name("pwd"));
}
END_TEST

START_TEST(slurm_face)
{
	static const char *const names[] = {
		"bind", "pwd", "env", "no-env", "no-eval", "keep-locale", "runscript-timeout",
	};
	size_t n = 0;

	for (size_t i = 0; i < option_count; i++)
		n += option_rows[i].faces & FACE_SLURM ? 1 : 0;
	ck_assert_uint_eq(n, ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert(option_by_name(names[i])->faces & FACE_SLURM);
}
END_TEST

static void show(const struct room_spec *s, struct strbuf *out)
{
	for (size_t i = 0; i < s->binds.n; i++)
		strbuf_printf(out, "bind %s>%s%s;", s->binds.v[i].source, s->binds.v[i].target,
			      s->binds.v[i].readonly ? "!" : "");
	if (s->home_source)
		strbuf_printf(out, "home %s>%s;", s->home_source, s->home);
	if (s->no_mount)
		strbuf_printf(out, "no %x;", s->no_mount);
	for (size_t i = 0; i < s->no_mount_paths.n; i++)
		strbuf_printf(out, "no %s;", s->no_mount_paths.v[i]);
	strbuf_puts(out, s->contain ? "contain;" : "");
	strbuf_puts(out, s->cleanenv ? "clean;" : "");
	if (s->workdir)
		strbuf_printf(out, "workdir %s;", s->workdir);
	for (size_t i = 0; i < s->scratch.n; i++)
		strbuf_printf(out, "scratch %s;", s->scratch.v[i]);
	if (s->pwd)
		strbuf_printf(out, "pwd %s;", s->pwd);
	for (size_t i = 0; i < s->env.n; i++)
		strbuf_printf(out, "env %s;", s->env.v[i]);
	for (size_t i = 0; i < s->overlays.n; i++)
		strbuf_printf(out, "overlay %s%s;", s->overlays.v[i].path, s->overlays.v[i].readonly ? "!" : "");
	if (s->tmpfs_bytes)
		strbuf_printf(out, "bytes %llu;", (unsigned long long)s->tmpfs_bytes);
	if (s->hostname)
		strbuf_printf(out, "hostname %s;", s->hostname);
	strbuf_printf(out, "%s%s%s%s%s%s%s%s%s", s->pid ? "pid;" : "", s->no_init ? "no-init;" : "",
		      s->ipc ? "ipc;" : "", s->uts ? "uts;" : "", s->net ? "net;" : "", s->userns ? "userns;" : "",
		      s->fakeroot ? "fakeroot;" : "", s->writable ? "writable;" : "",
		      s->writable_tmpfs ? "tmpfs;" : "");
	strbuf_puts(out, s->share == SHARE_ALWAYS ? "share;" : s->share == SHARE_NEVER ? "alone;" : "");
	for (size_t i = 0; i < s->env_files.n; i++)
		strbuf_printf(out, "file %s;", s->env_files.v[i]);
	if (s->app)
		strbuf_printf(out, "app %s;", s->app);
	if (s->eval_s > 0)
		strbuf_printf(out, "%u s;", s->eval_s);
	if (s->authfile)
		strbuf_printf(out, "logins %s;", s->authfile);
	strbuf_printf(out, "%s%s", s->no_https ? "http;" : "", s->disable_cache ? "no-cache;" : "");
	strbuf_puts(out, s->no_eval ? "no-eval;" : "");
	strbuf_puts(out, s->no_umask ? "no-umask;" : "");
	for (size_t i = 0; i < s->dns.n; i++)
		strbuf_printf(out, "dns %s;", s->dns.v[i]);
	for (size_t i = 0; i < s->no_env.n; i++)
		strbuf_printf(out, "without %s;", s->no_env.v[i]);
	strbuf_puts(out, s->verbose ? "verbose;" : "");
	strbuf_puts(out, s->quiet ? "quiet;" : "");
}

static const struct {
	const char *name, *arg, *out; /* out NULL: refused */
} rows[] = {
	{ "bind", "/a,/b:/c:ro", "bind /a>/a;bind /b>/c!;" },
	{ "bind", "a", NULL },
	{ "bind", "/a:/proc", NULL },
	{ "pwd", "/a//b/", "pwd /a/b;" },
	{ "pwd", "a", NULL },
	{ "pwd", "", NULL },
	{ "pwd", ".", NULL },
	{ "overlay", "/a//b/", "overlay /a/b;" },
	{ "overlay", "/a:ro,/b:rw,,/c", "overlay /a!;overlay /b;overlay /c;" },
	{ "overlay", "/a\\,b:ro", "overlay /a,b!;" },
	{ "overlay", "/a:b", "overlay /a:b;" },
	{ "overlay", "a", NULL }, /* without a directory that it is relative to */
	{ "overlay", ":ro", NULL },
	{ "overlay", "/1,/2,/3,/4,/5,/6,/7,/8,/9", NULL },
	{ "no-https", NULL, "http;" },
	{ "nohttps", NULL, "http;" },
	{ "disable-cache", NULL, "no-cache;" },
	{ "authfile", "a,b", "logins a,b;" },
	{ "authfile", "", NULL },
	{ "writable-tmpfs", NULL, "tmpfs;" },
	{ "writable-tmpfs-size", "4096", "bytes 4096;tmpfs;" },
	{ "writable-tmpfs-size", "512M", "bytes 536870912;tmpfs;" },
	{ "writable-tmpfs-size", "2g", "bytes 2147483648;tmpfs;" },
	{ "writable-tmpfs-size", "0", NULL },
	{ "writable-tmpfs-size", "", NULL },
	{ "writable-tmpfs-size", "M", NULL },
	{ "writable-tmpfs-size", "-1", NULL },
	{ "writable-tmpfs-size", "1MB", NULL },
	{ "writable-tmpfs-size", "1P", NULL },
	{ "writable-tmpfs-size", "99999999999T", NULL },
	{ "writable", NULL, "writable;" },
	{ "fakeroot", NULL, "fakeroot;" },
	{ "userns", NULL, "userns;" },
	{ "pid", NULL, "pid;" },
	{ "no-pid", NULL, "" },
	{ "noinit", NULL, "no-init;" },
	{ "ipc", NULL, "ipc;" },
	{ "uts", NULL, "uts;" },
	{ "net", NULL, "net;" },
	{ "network", "none", "net;" },
	{ "network", "bridge", NULL },
	{ "network", "", NULL },
	{ "hostname", "n1.site", "hostname n1.site;uts;" },
	{ "hostname", "", NULL },
	{ "hostname", "-n", NULL },
	{ "hostname", ".", NULL },
	{ "hostname", "a b", NULL },
	{ "hostname", "a/b", NULL },
	{ "hostname", "a\n", NULL },
	{ "hostname", "0123456789012345678901234567890123456789012345678901234567890123x", NULL },
	{ "env", "A=1", "env A=1;" },
	{ "env", "A=1,B=2", "env A=1;env B=2;" },
	{ "env", "A=1\\,2,B=", "env A=1,2;env B=;" },
	{ "env", "A=b=c", "env A=b=c;" },
	{ "env", "_a1=x\\y", "env _a1=x\\y;" },
	{ "env", "LD_PRELOAD=x", "env LD_PRELOAD=x;" },
	{ "env", "", NULL },
	{ "env", "A", NULL },
	{ "env", "=1", NULL },
	{ "env", "A=1,", NULL },
	{ "env", "A=1,2", NULL },
	{ "env", ",A=1", NULL },
	{ "env", "1A=1", NULL },
	{ "env", "A-B=1", NULL },
	{ "env", "A B=1", NULL },
	{ "env", "BASH_FUNC_x%%=1", NULL },
	{ "env", "HOME=/x", NULL },
	{ "env", "A=1,HOME=/x", NULL },
	{ "bind", "/a:/b:image-src=/x", NULL },
	{ "bind", "/a:/b:ro,id=3", NULL },
	{ "mount", "type=bind,source=/a,destination=/b", "bind /a>/b;" },
	{ "mount", "src=/a,dst=/b,ro", "bind /a>/b!;" },
	{ "mount", "target=/b//c/,readonly,src=/a/.", "bind /a>/b/c!;" },
	{ "mount", "src=/a,dst=/b,ro=true", "bind /a>/b!;" },
	{ "mount", "src=/a,dst=/b,readonly=1", "bind /a>/b!;" },
	{ "mount", "src=/a,dst=/b,readonly=false", "bind /a>/b;" },
	{ "mount", "src=/a:b=c,dst=/d", "bind /a:b=c>/d;" },
	{ "mount", "\"src=/a,b\",\"dst=/c\"", "bind /a,b>/c;" },
	{ "mount", "\"src=/a\"\"b\",dst=/c", "bind /a\"b>/c;" },
	{ "mount", "\"src=/a\nb\",dst=/c", "bind /a\nb>/c;" },
	{ "mount", "src=/a\\,dst=/b", "bind /a\\>/b;" }, /* a backslash is one */
	{ "mount", "src=/a,dst=/b\nsrc=/c,dst=/d", "bind /a>/b;bind /c>/d;" },
	{ "mount", "\r\nsrc=/a,dst=/b\r\n\nsrc=/c,dst=/d\n", "bind /a>/b;bind /c>/d;" },
	{ "mount", "", "" },
	{ "mount", "\n", "" },
	{ "mount", "/a:/b", NULL },
	{ "mount", "type=bind", NULL },
	{ "mount", "type=tmpfs,dst=/a", NULL },
	{ "mount", "type,src=/a,dst=/b", NULL },
	{ "mount", "src=/a", NULL },
	{ "mount", "dst=/a", NULL },
	{ "mount", "src,dst=/a", NULL },
	{ "mount", "src=,dst=/a", NULL },
	{ "mount", "src=/a,dst=", NULL },
	{ "mount", "src=a,dst=/b", NULL },
	{ "mount", "src=/a,dst=b", NULL },
	{ "mount", "src=/a,dst=/", NULL },
	{ "mount", "src=/a,dst=/sys/x", NULL },
	{ "mount", "src=/a,dst=/b/../c", NULL },
	{ "mount", "src=/a,src=/b,dst=/c", NULL },
	{ "mount", "src=/a,dst=/b,target=/c", NULL },
	{ "mount", "src=/a,dst=/b,", NULL },
	{ "mount", ",src=/a,dst=/b", NULL },
	{ "mount", "src=/a, dst=/b", NULL },
	{ "mount", "src=/a,dst=/b,ro=perhaps", NULL },
	{ "mount", "src=/a,dst=/b,RO", NULL },
	{ "mount", "src=/a,dst=/b,bind-propagation=shared", NULL },
	{ "mount", "src=/a,dst=/b,image-src=/x", NULL },
	{ "mount", "src=/a,dst=/b,id=1", NULL },
	{ "mount", "\"src=/a,dst=/b", NULL },
	{ "mount", "\"src=/a\"x,dst=/b", NULL },
	{ "mount", "src=\"/a\",dst=/b", NULL },
	{ "mount", "src=/a,dst=/b\nsrc=/c", NULL },
	{ "home", "/a", "home /a>/a;" },
	{ "home", "/a//:/b/.", "home /a>/b;" },
	{ "home", "/a:/b:rw", "home /a>/b;" },
	{ "home", "/a,b", "home /a,b>/a,b;" },
	{ "home", "", NULL },
	{ "home", "a", NULL }, /* where the caller stands is not known here */
	{ "home", "/a:b", NULL },
	{ "home", "/a:/", NULL },
	{ "home", "/a:/proc/x", NULL },
	{ "home", "/a:/dev/x", NULL },
	{ "home", "/dev/shm/x", NULL },
	{ "home", "/a:/b:ro", NULL },
	{ "home", "/a:/b:c", NULL },
	{ "home", "/a/../b", NULL },
	{ "contain", NULL, "contain;" },
	{ "cleanenv", NULL, "clean;" },
	{ "containall", NULL, "contain;clean;pid;ipc;" },
	{ "compat", NULL, "contain;clean;pid;no-init;ipc;tmpfs;no-eval;no-umask;" },
	{ "no-umask", NULL, "no-umask;" },
	{ "dns", "192.0.2.1", "dns 192.0.2.1;" },
	{ "dns", "192.0.2.1,,2001:db8::1", "dns 192.0.2.1;dns 2001:db8::1;" },
	{ "dns", "", "" },
	{ "dns", "192.0.2", NULL },
	{ "dns", "192.0.2.1 ", NULL },
	{ "dns", "192.0.2.1\noptions rotate", NULL },
	{ "dns", "192.0.2.1,ns.site", NULL },
	{ "dns", "fe80::1%eth0", NULL },
	{ "dns", "[2001:db8::1]", NULL },
	{ "no-env", "A,B_1,,_c", "without A;without B_1;without _c;" },
	{ "no-env", "", "" },
	{ "no-env", "A=1", NULL },
	{ "no-env", "1A", NULL },
	{ "no-env", "A,B-C", NULL },
	{ "no-env", "A B", NULL },
	{ "no-env", "PMI*", NULL },
	{ "workdir", "/a//b/", "workdir /a/b;" },
	{ "workdir", "/a/../b", "workdir /a/../b;" },
	{ "workdir", "a", NULL },
	{ "workdir", "", NULL },
	{ "scratch", "/a", "scratch /a;" },
	{ "scratch", "/a,,/b//c/", "scratch /a;scratch /b/c;" },
	{ "scratch", "", "" },
	{ "scratch", "a", NULL },
	{ "scratch", "/", NULL },
	{ "scratch", "/a,/b/../c", NULL },
	{ "scratch", "/dev/shm/x", NULL },
	{ "scratch", "/proc", NULL },
	{ "no-home", NULL, "no 10;" },
	{ "no-mount", "proc", "no 1;" },
	{ "no-mount", "home,tmp", "no 30;" },
	{ "no-mount", "proc,sys,dev,devpts,home,tmp,cwd,bind-paths,hostfs", "no ff;" },
	{ "no-mount", "/a//b/,cwd", "no 40;no /a/b;" },
	{ "no-mount", "", "" },
	{ "no-mount", "Proc", NULL },
	{ "no-mount", "proc sys", NULL },
	{ "no-mount", "/proc/..", NULL },
	{ "no-mount", "etc/hosts", NULL },
	{ "no-mount", "proc,x", NULL },
	{ "join", NULL, "share;" },
	{ "sharens", NULL, "share;" },
	{ "no-join", NULL, "alone;" },
	{ "env-file", "a,b c", "file a,b c;" },
	{ "env-file", "", NULL },
	{ "no-eval", NULL, "no-eval;" },
	{ "app", "foo-1.2_x", "app foo-1.2_x;" },
	{ "app", "", NULL },
	{ "app", ".", NULL },
	{ "app", "..", NULL },
	{ "app", ".x", NULL },
	{ "app", "a/b", NULL },
	{ "app", "a b", NULL },
	{ "app", "a$b", NULL },
	{ "app", "a\n", NULL },
	{ "runscript-timeout", "90", "90 s;" },
	{ "runscript-timeout", "90s", "90 s;" },
	{ "runscript-timeout", "2m", "120 s;" },
	{ "runscript-timeout", "1440m", "86400 s;" },
	{ "runscript-timeout", "1441m", NULL },
	{ "runscript-timeout", "86401", NULL },
	{ "runscript-timeout", "99999999999999999999", NULL },
	{ "runscript-timeout", "0", NULL },
	{ "runscript-timeout", "", NULL },
	{ "runscript-timeout", "m", NULL },
	{ "runscript-timeout", "1h", NULL },
	{ "runscript-timeout", "-1", NULL },
	{ "runscript-timeout", "1 s", NULL },
	{ "verbose", NULL, "verbose;" },
	{ "quiet", NULL, "quiet;" },
};

START_TEST(meaning)
{
	cleanup(room_spec_done) struct room_spec s = ROOM_SPEC_INIT;
	cleanup(strbuf_done) struct strbuf got = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	int rc = option_by_name(rows[_i].name)->set(&s, rows[_i].arg, &err);

	if (!rows[_i].out) {
		ck_assert_msg(rc == -1, "%s '%s' was taken", rows[_i].name, rows[_i].arg);
		ck_assert_int_eq(err.code, BERTH_EUSAGE);
		ck_assert_uint_eq(s.binds.n + s.scratch.n, 0); /* nor half of it */
		return;
	}
	ck_assert_msg(rc == 0, "%s", err.text);
	show(&s, &got);
	ck_assert_str_eq(got.text ? got.text : "", rows[_i].out);
}
END_TEST

/* 'out' after "!" is a word that the refusal must hold: the variable's name. */
static const struct {
	const char *env[4], *out;
} vars[] = {
	{ { NULL }, "" },
	{ { "BERTH_BIND=/a" }, "bind /a>/a;" },
	{ { "APPTAINER_BIND=/a" }, "bind /a>/a;" },
	{ { "SINGULARITY_BIND=/a" }, "bind /a>/a;" },
	{ { "SINGULARITY_BINDPATH=/a" }, "bind /a>/a;" },
	{ { "SINGULARITY_BIND=/c", "APPTAINER_BIND=/b", "BERTH_BIND=/a" }, "bind /a>/a;" },
	{ { "SINGULARITY_BIND=/c", "APPTAINER_BINDPATH=/b" }, "bind /b>/b;" },
	{ { "BERTH_BINDPATH=/b", "BERTH_BIND=/a" }, "bind /a>/a;" },
	{ { "BERTH_BIND=", "APPTAINER_BIND=/b" }, "bind /b>/b;" },
	{ { "BERTH_PWD=/x", "BERTH_ENV=A=1,B=2" }, "pwd /x;env A=1;env B=2;" },
	{ { "BERTH_MOUNT=src=/a,dst=/b\nsrc=/c,dst=/d", "BERTH_BIND=/e" }, "bind /e>/e;bind /a>/b;bind /c>/d;" },
	{ { "APPTAINER_MOUNT=src=/a" }, "!APPTAINER_MOUNT:" },
	{ { "BERTH_NO_MOUNT=proc,/x", "SINGULARITY_NO_HOME=1" }, "no 11;no /x;" },
	{ { "APPTAINER_HOME=/a:/b", "APPTAINER_NO_HOME=no" }, "home /a>/b;" },
	{ { "BERTH_NO_HOME=1", "SINGULARITY_HOME=/a" }, "home /a>/a;" }, /* who names one wants it */
	{ { "APPTAINER_CONTAIN=1", "SINGULARITY_WORKDIR=/w", "BERTH_SCRATCHDIR=/s,/t" },
	  "contain;workdir /w;scratch /s;scratch /t;" },
	{ { "BERTH_CLEANENV=on", "SINGULARITY_CONTAINALL=false" }, "clean;" },
	{ { "BERTH_SCRATCH=s" }, "!BERTH_SCRATCH:" },
	{ { "HOME=/root" }, "" },
	{ { "BERTH_HOME=a" }, "!BERTH_HOME:" },
	{ { "BERTH_NO_MOUNT=x" }, "!BERTH_NO_MOUNT:" },
	{ { "APPTAINER_ENV_FILE=/f", "SINGULARITY_APPNAME=a", "BERTH_NO_EVAL=1" }, "file /f;app a;no-eval;" },
	{ { "SINGULARITY_APPNAME=a", "APPTAINER_APP=b" }, "app b;" },
	{ { "BERTH_APP=a/b" }, "!BERTH_APP:" },
	{ { "BERTH_VERBOSE=1" }, "verbose;" },
	{ { "BERTH_VERBOSE=Yes" }, "verbose;" },
	{ { "BERTH_VERBOSE=0" }, "" },
	{ { "BERTH_QUIET=off", "BERTH_VERBOSE=" }, "" },
	{ { "BERTH_JOIN=1" }, "share;" },
	{ { "BERTH_JOIN=0" }, "alone;" },
	{ { "BERTH_NO_JOIN=1" }, "alone;" },
	{ { "BERTH_NO_JOIN=0" }, "" },
	{ { "APPTAINER_SHARENS=1" }, "share;" },
	{ { "BERTH_JOIN=", "SINGULARITY_SHARENS=no" }, "alone;" },
	{ { "BERTH_JOIN=perhaps" }, "!BERTH_JOIN:" },
	{ { "BIND=/a", "PWD=/home", "ENV=A=1", "VERBOSE=1" }, "" },
	{ { "BERTH_BINDX=/a", "XBERTH_BIND=/a", "BERTH_BIN=/a" }, "" },
	{ { "BERTH_CWD=/a", "BERTHENV_BIND=/a" }, "" },
	{ { "BERTH_BIND=a" }, "!BERTH_BIND:" },
	{ { "SINGULARITY_BINDPATH=a" }, "!SINGULARITY_BINDPATH:" },
	{ { "APPTAINER_ENV=A" }, "!APPTAINER_ENV:" },
	{ { "BERTH_PWD=x" }, "!BERTH_PWD:" },
	{ { "BERTH_VERBOSE=2" }, "!BERTH_VERBOSE:" },
	{ { "BERTH_QUIET=perhaps" }, "!BERTH_QUIET:" },
	{ { "BERTH_BIND=a", "APPTAINER_BIND=/b" }, "!BERTH_BIND:" }, /* no falling back from a wrong one */
};

START_TEST(from_env)
{
	cleanup(room_spec_done) struct room_spec s = ROOM_SPEC_INIT;
	cleanup(strbuf_done) struct strbuf got = STRBUF_INIT;
	struct berth_err err = BERTH_ERR_INIT;
	int rc = options_from_env(vars[_i].env, &s, &err);

	if (vars[_i].out[0] == '!') {
		ck_assert_int_eq(rc, -1);
		ck_assert_int_eq(err.code, BERTH_EUSAGE);
		ck_assert_msg(strstr(err.text, vars[_i].out + 1) != NULL, "%s", err.text);
		return;
	}
	ck_assert_msg(rc == 0, "%s", err.text);
	show(&s, &got);
	ck_assert_str_eq(got.text ? got.text : "", vars[_i].out);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("options");

	tcase_add_test(tc, shape);
	tcase_add_test(tc, slurm_face);
	tcase_add_loop_test(tc, meaning, 0, ARRAY_SIZE(rows));
	tcase_add_loop_test(tc, from_env, 0, ARRAY_SIZE(vars));
	return unit_run("options", tc);
}
