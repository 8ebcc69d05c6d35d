/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mpi-cma.c - every rank reads its right neighbour's memory with process_vm_readv(2).
 *
 * The kernel allows that only between processes of one user namespace and, with Yama, to an
 * ancestor or to one that was named by prctl(PR_SET_PTRACER); MPI libraries rely on it for
 * messages within a node. Run it with all ranks on one node. Exit status 0: all could.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	uint64_t mine[3], theirs[3], seen = 0;
	static uint64_t secret;
	int rank, size, bad = 0, all = 0;
	struct iovec local = { &seen, sizeof(seen) }, remote;
	ssize_t n;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &size);
	secret = 0x6265727468000000u + (unsigned int)rank;
	(void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	mine[0] = (uint64_t)getpid();
	mine[1] = (uint64_t)(uintptr_t)&secret;
	mine[2] = secret;
	MPI_Sendrecv(mine, 3, MPI_UINT64_T, (rank + size - 1) % size, 1, theirs, 3, MPI_UINT64_T,
		     (rank + 1) % size, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
	remote.iov_base = (void *)(uintptr_t)theirs[1];
	remote.iov_len = sizeof(seen);
	n = process_vm_readv((pid_t)theirs[0], &local, 1, &remote, 1, 0);
	if (n != (ssize_t)sizeof(seen) || seen != theirs[2]) {
		fprintf(stderr, "rank %d: process_vm_readv of pid %d: %s\n", rank, (int)theirs[0],
			n < 0 ? strerror(errno) : "read something else");
		bad = 1;
	}
	MPI_Allreduce(&bad, &all, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
	if (rank == 0)
		printf("process_vm_readv between %d ranks %s\n", size, all ? "failed" : "works");
	MPI_Finalize();
	return all;
}
