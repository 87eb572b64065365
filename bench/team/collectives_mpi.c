/* SPDX-License-Identifier: Apache-2.0 */
/* The same operations as collectives.cpp, in the same way. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { kBatches = 9 };
static const double kBatchNs = 5e7;
static int rank, size;
static double *x, *y;
static int length;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}
static int ascending(const void* a, const void* b) {
  const double d = *(const double*)a - *(const double*)b;
  return (d > 0) - (d < 0);
}

static void barrier(void) {
  MPI_Barrier(MPI_COMM_WORLD);
}
static void all_reduce(void) {
  MPI_Allreduce(x, y, length, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
}
static void broadcast(void) {
  MPI_Bcast(x, length, MPI_DOUBLE, 0, MPI_COMM_WORLD);
}
static void reduce(void) {
  MPI_Reduce(x, y, length, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
}
static void scan(void) {
  MPI_Scan(x, y, length, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
}
static void all_gather(void) {
  MPI_Allgather(x, length, MPI_DOUBLE, y, length, MPI_DOUBLE, MPI_COMM_WORLD);
}
static void all_to_all(void) {
  MPI_Alltoall(x, length, MPI_DOUBLE, y, length, MPI_DOUBLE, MPI_COMM_WORLD);
}

static void measure(const char* name, int calls, void (*call)(void)) {
  double times[kBatches];
  int some = 1;
  for (int batch = 0; batch <= kBatches; ++batch) {
    MPI_Barrier(MPI_COMM_WORLD);
    const double begin = now();
    for (int i = 0; i < some; ++i) call();
    MPI_Barrier(MPI_COMM_WORLD);
    const double spent = now() - begin;
    if (batch > 0) {
      times[batch - 1] = spent / some;
    } else {
      const double fitting = kBatchNs / spent;
      some = fitting < 1 ? 1 : fitting < calls ? (int)fitting : calls;
      MPI_Bcast(&some, 1, MPI_INT, 0, MPI_COMM_WORLD);
    }
  }
  qsort(times, kBatches, sizeof times[0], ascending);
  if (rank == 0) {
    printf("%s %zu %.0f\n", name, call == barrier ? 0 : length * sizeof(double),
           times[kBatches / 2]);
  }
}

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  const int calls = atoi(argv[1]);
  const int lengths[] = {1, 1024, 131072};
  x = calloc(131072 + size, sizeof *x);
  y = calloc(131072 + size, sizeof *y);
  measure("barrier", calls, barrier);
  for (int i = 0; i < 3; ++i) {
    length = lengths[i];
    const int fewer = calls / 200 < 3 ? 3 : calls / 200;
    const int some = length > 100000 ? fewer : calls;
    measure("all_reduce", some, all_reduce);
    measure("broadcast", some, broadcast);
    if (length > 1) continue;
    measure("reduce", some, reduce);
    measure("scan", some, scan);
    measure("all_gather", some, all_gather);
    measure("all_to_all", some, all_to_all);
  }
  MPI_Finalize();
  return 0;
}
