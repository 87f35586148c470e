"""What people use now, where it can be had; who is missing is told, and not compared.

The Docker CLI and Compose are those of this machine; Compose 2 can also be taken from Debian
13. The others come from PyPI into a folder of the bench's own under ~/.cache/occ-bench.
"""

import glob
import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

from setup import ROOT, Failure, need, say

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "occ-bench"
# The last versions that the Python of Debian 12 can run.
PYTHON = ["docker==7.1.0", "requests<3", "ansible-core>=2.17,<2.20"]
COLLECTIONS = "ansible>=10,<13"
INSIDE = ("ansible_collections/community/docker/", "ansible_collections/community/library_inventory_filtering_v1/")


class Peers:
    """Their commands. `None` is one that is not here."""

    def __init__(self, bench):
        self.bench = bench
        self.versions = []
        self.docker = shutil.which("docker")
        if not self.docker:
            raise Failure("the Docker CLI is not installed, and occ is compared with it", "apt-get install docker.io")
        self.note("Docker CLI", [self.docker, "--version"])
        self.compose = self.optional("Compose 2", compose)
        if self.compose:
            self.note("Compose", [self.compose, "version", "--short"])
        self.python = self.optional("the Docker SDK for Python and Ansible", python)
        if self.python:
            for name, package in (("Docker SDK", "docker"), ("Ansible", "ansible-core")):
                ask = f"import importlib.metadata as m; print(m.version('{package}'))"
                self.note(name, [self.python, "-c", ask])

    def note(self, name, argv):
        said = subprocess.run(argv, capture_output=True, text=True).stdout.strip().splitlines()
        found = re.search(r"\d[\w.+]*", said[0] if said else "")
        self.versions.append(f"{name} {found[0] if found else 'unknown'}")

    def optional(self, name, get):
        try:
            return get()
        except (Failure, OSError, subprocess.CalledProcessError) as error:
            say(f"{name}: not here ({error}), so occ is not compared with it")
            return None

    def builder(self):
        """The Docker CLI that builds with BuildKit: newer ones need a plugin for it."""
        tiny = self.bench.work / "tiny"
        tiny.mkdir(exist_ok=True)
        (tiny / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
        for directory in os.environ["PATH"].split(os.pathsep):
            cli = Path(directory) / "docker"
            if not os.access(cli, os.X_OK):
                continue
            environment = {**self.bench.environment, "DOCKER_BUILDKIT": "1"}
            built = subprocess.run([cli, "build", "-q", tiny], env=environment, capture_output=True)
            if built.returncode == 0:
                self.note("the CLI that builds", [cli, "--version"])
                return str(cli)
        raise Failure("no Docker CLI here builds with BuildKit", "apt-get install docker.io")

    def services(self, name, services):
        """Compose's arguments for a file of these services: images, or images and contexts."""
        lines = ["services:"]
        for number, (image, context) in enumerate(services):
            lines += [f"  s{number}:", f"    image: {image}"]
            if context:
                lines.append(f"    build: {json.dumps(str(context))}")
        file = self.bench.work / f"compose-{name}.yml"
        file.write_text("\n".join(lines) + "\n")
        return [self.compose, "-f", file]

    def sdk(self, what, *args):
        """What a team writes by hand with the SDK."""
        return [self.python, ROOT / "benches" / "by_sdk.py", what, *args]

    def playbook(self, name, images, source, more=""):
        """Ansible's module for images, one task an image."""
        file = self.bench.work / f"play-{name}.yml"
        lines = ["- hosts: localhost", "  connection: local", "  gather_facts: false"]
        lines += [f'  vars: {{ ansible_python_interpreter: "{self.python}" }}', "  tasks:"]
        for image in images:
            lines.append(
                f'  - community.docker.docker_image: {{ name: "{image}", source: {source}, state: present{more} }}'
            )
        file.write_text("\n".join(lines) + "\n")
        collections = f"ANSIBLE_COLLECTIONS_PATH={CACHE / 'collections'}"
        return [
            "env",
            collections,
            "ANSIBLE_LOCALHOST_WARNING=False",
            Path(self.python).parent / "ansible-playbook",
            "-i",
            "localhost,",
            file,
        ]


def is_second(program):
    said = subprocess.run([program, "version", "--short"], capture_output=True, text=True)
    return said.returncode == 0 and re.match(r"v?[2-9]", said.stdout)


def compose():
    """Compose 2, as a program of its own."""
    plugins = [
        Path(p) / "docker-compose" for p in ("/usr/libexec/docker/cli-plugins", "/usr/local/lib/docker/cli-plugins")
    ]
    mine = CACHE / "compose" / "usr/libexec/docker/cli-plugins/docker-compose"
    for program in [shutil.which("docker-compose"), *plugins, mine]:
        if program and os.access(program, os.X_OK) and is_second(program):
            return str(program)
    need("dpkg-deb", "dpkg")
    apt = CACHE / "apt"
    for directory in ("etc", "state/lists/partial", "cache/archives/partial"):
        (apt / directory).mkdir(parents=True, exist_ok=True)
    sources = "".join(
        Path(file).read_text() for file in glob.glob("/etc/apt/sources.list") + glob.glob("/etc/apt/sources.list.d/*")
    )
    mirror = re.search(r"^(?:URIs:|deb )[^#\n]*?(https?://\S*/debian)/?(?=\s)", sources, re.MULTILINE)
    if not mirror:
        raise Failure("no mirror of Debian is configured")
    key = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (apt / "etc" / "trixie.list").write_text(f"deb [signed-by={key}] {mirror[1]} trixie main\n")
    (apt / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{apt}/etc/trixie.list";\nDir::Etc::sourceparts "-";\nDir::State "{apt}/state";\n'
        f'Dir::State::status "/dev/null";\nDir::Cache "{apt}/cache";\nAPT::Sandbox::User "root";\n'
    )
    say("fetching Compose 2 of Debian 13")
    environment = {**os.environ, "APT_CONFIG": str(apt / "apt.conf")}
    for argv in (["apt-get", "update", "-qq"], ["apt-get", "download", "-qq", "docker-compose"]):
        subprocess.run(argv, cwd=apt, env=environment, check=True, capture_output=True)
    for package in apt.glob("docker-compose_2*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, CACHE / "compose"], check=True)
    if not is_second(mine):
        raise Failure("what Debian has is another one")
    return str(mine)


def python():
    """A Python with the SDK and Ansible; the collection is taken out of the whole of Ansible."""
    venv = CACHE / "python"
    interpreter = venv / "bin" / "python"
    if (CACHE / "collections" / INSIDE[0]).exists() and interpreter.exists():
        return str(interpreter)
    say("fetching the Docker SDK for Python, and Ansible")
    shutil.rmtree(venv, ignore_errors=True)
    subprocess.run(["python3", "-m", "venv", venv], check=True, capture_output=True)
    pip = [venv / "bin" / "pip", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", *PYTHON], check=True, capture_output=True)
    subprocess.run(
        [*pip, "download", "--no-deps", "-d", CACHE / "wheels", COLLECTIONS], check=True, capture_output=True
    )
    wheel = zipfile.ZipFile(sorted((CACHE / "wheels").glob("ansible-*.whl"))[-1])
    wheel.extractall(CACHE / "collections", [name for name in wheel.namelist() if name.startswith(INSIDE)])
    return str(interpreter)
