"""An engine of the bench's own: nothing of the user's is in it, and nothing of it stays.

Where there is memory enough, it keeps its data there: what a disk takes to keep it safe is
the same for all clients, and more than all that they do. OCC_BENCH_DISK=1 measures that, too.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from setup import Failure, need, say

# Gigabytes of memory that it may fill, and that it needs on a disk.
MEMORY, DISK = 12, 16
# What must stay for everything else.
SPARE = 2
BRIDGE, ADDRESS = "occbench0", "172.31.97.1/24"


class Connection(http.client.HTTPConnection):
    """One to a Unix socket."""

    def __init__(self, path):
        super().__init__("engine", timeout=600)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Engine:
    """A dockerd, and its API."""

    def __init__(self, bench):
        if os.geteuid() != 0:
            raise Failure("the bench starts an engine of its own, which takes root", "sudo scripts/bench")
        need("dockerd", "docker.io")
        self.socket = str(bench.work / "engine.sock")
        self.data = bench.work / "engine"
        self.data.mkdir()
        bench.at_the_end.append(self.clear)
        available = next(
            int(line.split()[1]) / 1e6 for line in open("/proc/meminfo") if line.startswith("MemAvailable")
        )
        self.in_memory = not os.environ.get("OCC_BENCH_DISK") and available > MEMORY + SPARE
        if self.in_memory:
            self.must("mount", "-t", "tmpfs", "-o", f"size={MEMORY}G", "occ-bench", self.data)
            say("the engine keeps its data in memory")
        else:
            say("the engine keeps its data on the disk")
            if shutil.disk_usage(bench.work).free < DISK * 1e9:
                raise Failure(f"fewer than {DISK} GB are free in {bench.work}", "set TMPDIR to a larger disk")
        # A bridge of its own: two engines must not share one.
        self.must("ip", "link", "add", BRIDGE, "type", "bridge")
        self.must("ip", "addr", "add", ADDRESS, "dev", BRIDGE)
        self.must("ip", "link", "set", BRIDGE, "up")
        log = open(bench.work / "engine.log", "w")
        options = ["--data-root", self.data, "--exec-root", bench.work / "exec", "--pidfile", bench.work / "engine.pid"]
        options += ["-H", f"unix://{self.socket}", "--bridge", BRIDGE, "--iptables=false", "--ip6tables=false"]
        self.process = subprocess.Popen(["dockerd", *map(str, options)], stdout=log, stderr=log)
        bench.at_the_end.append(self.stop)
        bench.environment["DOCKER_HOST"] = f"unix://{self.socket}"
        for _ in range(300):
            try:
                self.call("GET", "/_ping")
                return
            except OSError:
                time.sleep(0.1)
        raise Failure("the engine of the bench did not start", *Path(log.name).read_text().splitlines()[-3:])

    def must(self, *argv):
        done = subprocess.run(list(map(str, argv)), capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"`{' '.join(map(str, argv))}` failed", done.stderr.strip())

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def clear(self):
        for argv in (["umount", self.data], ["ip", "link", "del", BRIDGE]):
            subprocess.run(list(map(str, argv)), capture_output=True)

    def call(self, method, path, body=None, headers=None, missing=False):
        """The body of an answer. What is not there is no failure where it may be missing."""
        connection = Connection(self.socket)
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 400 and not (missing and answer.status in (404, 409)):
            raise Failure(f"the engine answers {method} {path} with {answer.status}", text.decode(errors="replace"))
        # A stream says under a 200 what went wrong.
        if b'"errorDetail"' in text:
            raise Failure(f"{method} {path} failed", text.decode(errors="replace").splitlines()[-1])
        return text

    def id(self, name):
        return json.loads(self.call("GET", f"/images/{quote(name, safe='')}/json"))["Id"]

    def remove(self, name):
        self.call("DELETE", f"/images/{quote(name, safe='')}?force=1", missing=True)

    def empty(self):
        """Removes every image and what a builder remembers."""
        for image in json.loads(self.call("GET", "/images/json?all=1")):
            self.call("DELETE", f"/images/{image['Id']}?force=1", missing=True)
        self.call("POST", "/build/prune?all=1")

    def load(self, archive):
        self.call("POST", "/images/load?quiet=1", body=archive, headers={"Content-Type": "application/x-tar"})

    def at_once(self, method, paths):
        """The command that asks all of it at the same time, without anything around it."""
        outputs = [word for path in paths for word in ("-o", "/dev/null", f"http://engine{path}")]
        at_once = ["-Z", "--parallel-immediate", "--parallel-max", "200"]
        return ["curl", "-sS", "--fail", *at_once, "--unix-socket", self.socket, "-X", method, *outputs]
