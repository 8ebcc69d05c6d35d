/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mpi-pingpong.c - ranks 0 and 1 send a message to and fro, for a few sizes, and check it.
 *
 * Usage: mpi-pingpong [ROUNDS]. Prints "SIZE bytes: LATENCY us, BANDWIDTH MB/s" a size, where
 * latency is half a round. Other ranks only take part in start and end.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int wrong(const unsigned char *buf, int size, int round)
{
	for (int i = 0; i < size; i++)
		if (buf[i] != (unsigned char)(i + round))
			return 1;
	return 0;
}

static void fill(unsigned char *buf, int size, int round)
{
	for (int i = 0; i < size; i++)
		buf[i] = (unsigned char)(i + round);
}

static int exchange(int rank, unsigned char *buf, int size, int rounds)
{
	int bad = 0;
	double start;

	MPI_Barrier(MPI_COMM_WORLD);
	start = MPI_Wtime();
	for (int r = 0; r < rounds && rank < 2; r++) {
		if (rank == 0) {
			if (r == 0)
				fill(buf, size, r);
			MPI_Send(buf, size, MPI_BYTE, 1, 7, MPI_COMM_WORLD);
			memset(buf, 0, r == 0 ? (size_t)size : 0);
			MPI_Recv(buf, size, MPI_BYTE, 1, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
		} else {
			MPI_Recv(buf, size, MPI_BYTE, 0, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
			MPI_Send(buf, size, MPI_BYTE, 0, 7, MPI_COMM_WORLD);
		}
	}
	if (rank < 2)
		bad = wrong(buf, size, 0);
	if (rank == 0) {
		double us = (MPI_Wtime() - start) * 1e6 / rounds / 2;

		printf("%d bytes: %.2f us, %.1f MB/s\n", size, us, size / us);
	}
	return bad;
}

int main(int argc, char **argv)
{
	static const int sizes[] = { 1, 1024, 65536, 4 * 1024 * 1024 };
	int rank, size, bad = 0, all = 0, rounds;
	unsigned char *buf;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &size);
	rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 20;
	buf = calloc(1, 4 * 1024 * 1024);
	if (size < 2 || rounds < 1 || !buf) {
		fprintf(stderr, "mpi-pingpong: needs two ranks, one round and 4 MiB\n");
		MPI_Abort(MPI_COMM_WORLD, 2);
		return 2;
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		bad |= exchange(rank, buf, sizes[i], rounds);
	MPI_Allreduce(&bad, &all, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
	if (rank == 0)
		printf("%s\n", all ? "content differs" : "content ok");
	free(buf);
	MPI_Finalize();
	return all;
}
