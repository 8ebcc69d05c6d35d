/* SPDX-License-Identifier: BSD-3-Clause */
/* check_room.c - the decisions of room and priv that need no rights: cgroup paths, time stamps. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/priv/cgroup.h"
#include "launcher/room/room.h"
#include "libimage/base/cleanup.h"
#include "tests/unit/unit.h"

static const struct {
	const char *line;
	uint32_t job, step;
	const char *want; /* NULL: refused */
} dirs[] = {
	/* v1, as Slurm lays it out */
	{ "4:freezer:/slurm/uid_1/job_7", 7, 0, "/freezer/slurm/uid_1/job_7/step_0" },
	{ "3:devices:/slurm/uid_1/job_7/step_0", 7, 0, "/devices/slurm/uid_1/job_7/step_0" },
	{ "3:devices:/slurm/uid_1/job_7/step_0/task_3", 7, 0, "/devices/slurm/uid_1/job_7/step_0" },
	{ "9:cpu,cpuacct:/slurm_n1/uid_1/job_7/step_12", 7, 12, "/cpu,cpuacct/slurm_n1/uid_1/job_7/step_12" },
	{ "1:name=systemd:/slurm/job_7", 7, 0, "/systemd/slurm/job_7/step_0" },
	/* v2 */
	{ "0::/system.slice/slurmstepd.scope/job_7/step_0/slurm", 7, 0,
	  "/system.slice/slurmstepd.scope/job_7/step_0/user/task_special" },
	{ "0::/system.slice/n1_slurmstepd.scope/job_7/step_4294967290/user/task_0", 7, 4294967290U,
	  "/system.slice/n1_slurmstepd.scope/job_7/step_4294967290/user/task_special" },
	/* a Slurm within a job of another Slurm: the inner one is the step's */
	{ "4:freezer:/slurm/uid_1/job_77/step_0/slurm/uid_1/job_7/step_0", 7, 0,
	  "/freezer/slurm/uid_1/job_77/step_0/slurm/uid_1/job_7/step_0" },
	{ "0::/a.scope/job_7/step_1/user/task_0/b.scope/job_7/step_2/slurm", 7, 2,
	  "/a.scope/job_7/step_1/user/task_0/b.scope/job_7/step_2/user/task_special" },
	{ "4:freezer:/slurm/job_7/step_0/job_70", 7, 0, "/freezer/slurm/job_7/step_0" },
	/* not this job's, or no step's at all */
	{ "4:freezer:/slurm/uid_1/job_70/step_0", 7, 0, NULL },
	{ "4:freezer:/slurm/uid_1/job_17/step_0", 7, 0, NULL },
	{ "4:freezer:/slurm/uid_1/job_7x", 7, 0, NULL },
	{ "4:freezer:/slurm/uid_1/xjob_7", 7, 0, NULL },
	{ "4:freezer:/slurm/uid_1/job_8", 7, 0, NULL },
	{ "4:freezer:/", 7, 0, NULL },
	{ "0::/system.slice/slurmd.service", 7, 0, NULL },
	{ "0::/user.slice/user-1.slice/session-3.scope", 7, 0, NULL },
	/* ways out, and lines that the kernel does not write */
	{ "4:freezer:/../slurm/job_7", 7, 0, NULL },
	{ "4:freezer:/slurm/job_7/../../job_7", 7, 0, NULL },
	{ "0::/../job_7", 7, 0, NULL },
	{ "4:freezer:slurm/job_7", 7, 0, NULL },
	{ "4:freezer", 7, 0, NULL },
	{ "4", 7, 0, NULL },
	{ ":", 7, 0, NULL },
	{ "::", 7, 0, NULL },
	{ "", 7, 0, NULL },
};

START_TEST(step_dir)
{
	char out[256] = "untouched";
	int rc = cgroup_step_dir(dirs[_i].line, dirs[_i].job, dirs[_i].step, out, sizeof(out));

	if (dirs[_i].want) {
		ck_assert_int_eq(rc, 0);
		ck_assert_str_eq(out, dirs[_i].want);
	} else {
		ck_assert_int_eq(rc, -1);
	}
}
END_TEST

/* A path that does not fit is none: a cut one would be another cgroup. */
START_TEST(step_dir_no_room)
{
	static const char line[] = "4:freezer:/slurm/uid_1/job_7", want[] = "/freezer/slurm/uid_1/job_7/step_0";
	char out[sizeof(want)];

	ck_assert_int_eq(cgroup_step_dir(line, 7, 0, out, sizeof(out)), 0);
	ck_assert_str_eq(out, want);
	for (size_t size = 1; size < sizeof(want); size++)
		ck_assert_int_eq(cgroup_step_dir(line, 7, 0, out, size), -1);
}
END_TEST

/* A process that is not there, or in no step's cgroup, moves nobody. */
START_TEST(follow_nobody)
{
	const pid_t us[] = { getpid() };

	ck_assert_int_eq(cgroup_follow(0x7ffffff, 7, 0, us, 1), 0);
	ck_assert_int_eq(cgroup_follow(getpid(), 4000000000U, 0, us, 1), 0);
}
END_TEST

START_TEST(stamps)
{
	struct room_stamps s = { .ns = { [PHASE_START] = 1000000 } };
	char text[512], small[20];

	room_stamps_format(&s, text, sizeof(text));
	ck_assert_str_eq(text, "total 0.000 ms");
	s.ns[PHASE_NS] = 1250000;
	s.ns[PHASE_ROOT] = 3250000;
	s.ns[PHASE_PIVOT] = 3260000;
	room_stamps_format(&s, text, sizeof(text));
	/* phases that were not are left out, and cost their successor nothing */
	ck_assert_str_eq(text, "mount namespace 0.250 ms, root 2.000 ms, pivot 0.010 ms, total 2.260 ms");
	memset(small, 'x', sizeof(small));
	room_stamps_format(&s, small, sizeof(small) - 1);
	ck_assert_uint_lt(strlen(small), sizeof(small) - 1);
	ck_assert_int_eq(small[sizeof(small) - 1], 'x');
	/* the opener's stamps are the user's: absurd ones do no harm */
	memset(&s, 0xff, sizeof(s));
	room_stamps_format(&s, text, sizeof(text));
	s.ns[PHASE_START] = 0;
	room_stamps_format(&s, text, sizeof(text));
	ck_assert_uint_lt(strlen(text), sizeof(text));
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("room");

	tcase_add_loop_test(c, step_dir, 0, ARRAY_SIZE(dirs));
	tcase_add_test(c, step_dir_no_room);
	tcase_add_test(c, follow_nobody);
	tcase_add_test(c, stamps);
	return unit_run("room", c);
}
