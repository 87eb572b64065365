# SPDX-License-Identifier: Apache-2.0
"""Two hosts on this one: network namespaces, joined by a virtual cable. Needs root and iproute2."""
import os
import shutil
import stat
import subprocess

from comparison.running import Failed, run

NETWORK = "10.213.77"  # of private use
COUNT = 2


def why_not():
    """None where hosts can be made."""
    if os.geteuid() != 0:
        return "needs root"
    if not shutil.which("ip"):
        return "needs ip (iproute2)"
    try:
        run(["ip", "netns", "list"], 10)
    except Failed as reason:
        return str(reason)
    return None


class Hosts:
    """Made on entry, gone on exit."""

    def __init__(self, folder):
        self._agent = os.path.join(folder, "agent")
        self._prefix = f"mvm-bench-{os.getpid()}-"
        self._cable = f"mvmb{os.getpid() % 10**7}x"

    def __enter__(self):
        try:
            self._make()
        except Failed:
            self._remove()
            raise
        return self

    def __exit__(self, *_):
        self._remove()

    @staticmethod
    def address(host):
        return f"{NETWORK}.{10 + host}"

    def inside(self, host):
        """Words to put before a command that is to run on a host."""
        return ["ip", "netns", "exec", f"{self._prefix}{host}"]

    def mvm_options(self):
        return ["--launch", " ".join(["ip netns exec", self._prefix + "{machine}"]),
                "--endpoint", f"tcp://{NETWORK}.1{{machine}}:7000",
                "--direct-endpoint", f"tcp://{NETWORK}.1{{machine}}:7001"]

    def openmpi_options(self):
        return ["--mca", "plm_rsh_agent", self._agent, "--mca", "btl", "tcp,self",
                "--mca", "btl_tcp_if_include", f"{NETWORK}.0/24",
                "--mca", "oob_tcp_if_include", f"{NETWORK}.0/24",
                "-H", ",".join(f"{self.address(host)}:1" for host in range(COUNT))]

    def mpich_options(self):
        return ["-launcher", "rsh", "-launcher-exec", self._agent, "-localhost", self.address(0),
                "-hosts", ",".join(self.address(host) for host in range(COUNT))]

    def mpich_environment(self):
        return {"UCX_TLS": "tcp,self", "UCX_NET_DEVICES": "eth0"}

    def _make(self):
        for host in range(COUNT):
            run(["ip", "netns", "add", f"{self._prefix}{host}"], 20)
        run(["ip", "link", "add", f"{self._cable}0", "type", "veth", "peer", "name", f"{self._cable}1"], 20)
        for host in range(COUNT):
            run(["ip", "link", "set", f"{self._cable}{host}", "netns", f"{self._prefix}{host}"], 20)
            for words in (["link", "set", f"{self._cable}{host}", "name", "eth0"],
                          ["address", "add", f"{self.address(host)}/24", "dev", "eth0"],
                          ["link", "set", "eth0", "up"], ["link", "set", "lo", "up"]):
                run([*self.inside(host), "ip", *words], 20)
        self._write_agent()

    def _write_agent(self):
        """What launchers call as they would call rsh: AGENT [OPTION…] HOST COMMAND…"""
        with open(self._agent, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n"
                       "while [ \"${1#-}\" != \"$1\" ]; do shift; done\n"
                       "host=${1##*.1}; shift\n"
                       f"exec ip netns exec {self._prefix}$host sh -c \"$*\"\n")
        os.chmod(self._agent, stat.S_IRWXU)

    def _remove(self):
        for host in range(COUNT):
            subprocess.run(["ip", "netns", "delete", f"{self._prefix}{host}"], capture_output=True, check=False)
        subprocess.run(["ip", "link", "delete", f"{self._cable}0"], capture_output=True, check=False)
