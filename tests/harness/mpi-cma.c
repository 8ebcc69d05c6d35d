/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mpi-cma.c - every rank reads the memory of its right neighbour on the node, with process_vm_readv(2).
 *
 * The kernel allows that only between processes of one user namespace and, with Yama, to an
 * ancestor or to one that was named by prctl(PR_SET_PTRACER); MPI libraries rely on it for
 * messages within a node. Exit status 0: all could.
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
	int rank, size, world, head, bad = 0, all = 0, nodes = 0;
	struct iovec local = { &seen, sizeof(seen) }, remote;
	MPI_Comm node;
	ssize_t n;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &world);
	MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
	MPI_Comm_rank(node, &rank);
	MPI_Comm_size(node, &size);
	secret = 0x6265727468000000u + (unsigned int)world;
	(void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	mine[0] = (uint64_t)getpid();
	mine[1] = (uint64_t)(uintptr_t)&secret;
	mine[2] = secret;
	MPI_Sendrecv(mine, 3, MPI_UINT64_T, (rank + size - 1) % size, 1, theirs, 3, MPI_UINT64_T,
		     (rank + 1) % size, 1, node, MPI_STATUS_IGNORE);
	remote.iov_base = (void *)(uintptr_t)theirs[1];
	remote.iov_len = sizeof(seen);
	n = process_vm_readv((pid_t)theirs[0], &local, 1, &remote, 1, 0);
	if (n != (ssize_t)sizeof(seen) || seen != theirs[2]) {
		fprintf(stderr, "rank %d: process_vm_readv of pid %d: %s\n", world, (int)theirs[0],
			n < 0 ? strerror(errno) : "read something else");
		bad = 1;
	}
	MPI_Allreduce(&bad, &all, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
	head = rank == 0;
	MPI_Allreduce(&head, &nodes, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
	MPI_Comm_size(MPI_COMM_WORLD, &size);
	if (world == 0)
		printf("process_vm_readv between %d ranks %s on %d nodes\n", size, all ? "failed" : "works", nodes);
	MPI_Comm_free(&node);
	MPI_Finalize();
	return all;
}
