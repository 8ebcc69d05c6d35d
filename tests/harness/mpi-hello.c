/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mpi-hello.c - one line a rank: which rank, on which node, under which operating system; and the
 * sum of all ranks' numbers, which no rank has before all have started.
 *
 * Runs in the test image and outside; the two lines differ in the system only. Compiled once
 * for MPICH (mpi-hello) and once for Open MPI (mpi-hello-ompi).
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* PRETTY_NAME of /etc/os-release without its quotes. */
static void os_name(char *out, size_t size)
{
	char line[256];
	FILE *f = fopen("/etc/os-release", "r");

	snprintf(out, size, "unknown system");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "PRETTY_NAME=\"", 13) != 0)
			continue;
		line[strcspn(line + 13, "\"") + 13] = '\0';
		snprintf(out, size, "%s", line + 13);
		break;
	}
	fclose(f);
}

int main(int argc, char **argv)
{
	char os[256], host[100] = "?";
	const char *node = getenv("SLURMD_NODENAME");
	int rank, size, sum = 0;

	if (MPI_Init(&argc, &argv) != MPI_SUCCESS)
		return 1;
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &size);
	gethostname(host, sizeof(host) - 1);
	os_name(os, sizeof(os));
	printf("rank %d of %d on %s: %s\n", rank, size, node ? node : host, os);
	fflush(stdout);
	if (MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD) != MPI_SUCCESS)
		return 1;
	if (rank == 0)
		printf("the sum is %d\n", sum);
	MPI_Finalize();
	return 0;
}
