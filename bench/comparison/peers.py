# SPDX-License-Identifier: Apache-2.0
"""The peers: how their programs are compiled, and how they are started so that they are at their
best."""
import os
import shutil

from comparison.running import BENCH, Failed, fail, run

SOURCES = os.path.join(BENCH, "peers")
# As the profiles of ours say it.
OPTIMISED = ["-std=c++20", "-O3", "-fcx-limited-range", "-march=native"]

# The C++ bindings of old, which the headers of both pull in otherwise.
WITHOUT_BINDINGS = ["-DOMPI_SKIP_MPICXX", "-DMPICH_SKIP_MPICXX"]


class Mpi:
    """One MPI with one set of options."""

    def __init__(self, name, family, options=(), environment=None):
        self.name = name
        self.family = family  # openmpi or mpich
        self._options = list(options)
        self.environment = environment or {}

    @property
    def compiler(self):
        return f"mpicxx.{self.family}"

    def launch(self, tasks, program, *arguments, hosts=None):
        """The command that starts `program`. More tasks than cores yield while they wait. `hosts` is
        a `Hosts` to start a task each on."""
        if self.family == "openmpi":
            words = ["mpirun.openmpi", "--bind-to", "none", *self._options]
            if os.geteuid() == 0:
                words.append("--allow-run-as-root")
            if hosts:
                words += hosts.openmpi_options()
            elif tasks > os.cpu_count():
                words.append("--oversubscribe")
        else:
            words = ["mpirun.mpich", "-bind-to", "none", *self._options]
            if hosts:
                words += hosts.mpich_options()
        return [*words, "-n", str(tasks), program, *map(str, arguments)]


OPEN_MPI = Mpi("Open MPI", "openmpi", ["--mca", "btl_vader_single_copy_mechanism", "none"])
MPICH = Mpi("MPICH", "mpich", environment={"UCX_TLS": "posix,self"})
OPEN_MPI_DEFAULT = Mpi("Open MPI, default", "openmpi")
MPICH_DEFAULT = Mpi("MPICH, default", "mpich")
TUNED = (OPEN_MPI, MPICH)
DEFAULT = (OPEN_MPI_DEFAULT, MPICH_DEFAULT)


class Programs:
    """The peers' programs, compiled once each into `folder`."""

    def __init__(self, folder):
        self._folder = folder
        self._made = set()

    def _compile(self, compiler, source, name, options=(), libraries=()):
        program = os.path.join(self._folder, os.path.basename(name))
        if program not in self._made:
            if not shutil.which(compiler):
                fail(f"{compiler} is not installed; run scripts/setup")
            try:
                run([compiler, *OPTIMISED, *options, os.path.join(SOURCES, source), *libraries,
                     "-o", program], 300)
            except Failed as reason:
                fail(reason)
            self._made.add(program)
        return program

    def mpi(self, mpi, source):
        """The program for an MPI."""
        stem = os.path.splitext(source)[0]
        return self._compile(mpi.compiler, source, f"{stem}.{mpi.family}", WITHOUT_BINDINGS)

    def plain(self, source, *options, libraries=()):
        """A program that needs no MPI."""
        return self._compile("g++", source, os.path.splitext(source)[0], ["-pthread", *options], libraries)

    def floor(self, source):
        """A program that does the least that anybody must do."""
        return self.plain(os.path.join("..", "floors", source))
