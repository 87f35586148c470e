"""Places, programs, and what is done in the end: whatever a bench stands on."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Failure(Exception):
    """Ends the bench: what is wrong, and hints."""

    def __init__(self, what, *hints):
        super().__init__(what)
        self.hints = [hint for hint in hints if hint]


def say(words):
    """Tells who waits what is being done."""
    print(f"bench: {words}", file=sys.stderr, flush=True)


class Bench:
    """A run of the bench: its folder, the programs to measure, and their environment."""

    def __init__(self, occ, target):
        self.occ = occ
        # As cargo installs it, with the libraries of the system.
        self.linked = target / "release" / "occ"
        self.floor = target / "floor" / "release" / "floor"
        self.stopwatch = target / "floor" / "release" / "stopwatch"
        self.work = Path(tempfile.mkdtemp(prefix="occ-bench-"))
        self.at_the_end = [lambda: shutil.rmtree(self.work, ignore_errors=True)]
        self.peers = None
        self.engine = None
        self.registry = None
        # Nothing of the user's decides here: no settings of occ, no configuration of docker.
        keep = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("OCC_", "DOCKER_", "COMPOSE_", "XDG_"))
        }
        keep.pop("CI", None)
        keep.pop("GITHUB_ACTIONS", None)
        self.environment = {
            **keep,
            "HOME": str(self.work),
            "DOCKER_CONFIG": str(self.work / "docker"),
            "XDG_CACHE_HOME": str(self.work / "cache"),
            "XDG_STATE_HOME": str(self.work / "state"),
            "XDG_RUNTIME_DIR": str(self.work),
            # Only the case of the lock is about the lock.
            "OCC_NO_LOCK": "1",
        }
        (self.work / "docker").mkdir()

    def end(self):
        """Undoes everything, the last thing first."""
        while self.at_the_end:
            self.at_the_end.pop()()

    def sync(self, manifest, *more):
        """The command that brings a manifest's images into being."""
        return [self.occ, "--manifest", manifest, "sync", *more]

    def once(self, argv, what):
        """Runs a command that has to succeed, outside of every clock."""
        done = subprocess.run(list(map(str, argv)), env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(what, *(done.stdout + done.stderr).strip().splitlines()[-3:])
        return done.stdout


def need(program, *packages):
    """Makes sure that a program is there."""
    if shutil.which(program):
        return
    done = subprocess.run([ROOT / "scripts" / "engine", "install", *(packages or [program])])
    if done.returncode != 0:
        raise Failure(f"`{program}` is needed, and can't be installed")
