"""Builds with BuildKit: cold, forced with a context that did not change, one file changed."""

import json
import os
import shutil
import subprocess

import fixtures
import race
from race import Command, Race
from setup import Failure

# The file that changes, and its bytes.
CHANGING = {
    "many": ("000/0000", 10_000),
    "large": ("000/0000", 10_000_000),
    "ignored": ("p0/src/000/0000", 10),
    "packages": ("node_modules/p0/0.js", 1000),
}


def tables(bench):
    engine, peers = bench.engine, bench.peers
    for title, (name, make, _) in fixtures.CONTEXTS.items():
        top = fixtures.context(bench, name, make)
        image = f"occ-bench/{name}"
        file = fixtures.builds(bench.work / f"build-{name}.toml", name, top, ', builder = "buildkit"')
        docker = ["env", "DOCKER_BUILDKIT=1", bench.builder, "build", "-q", "-t", f"{image}:docker", top]
        compose = peers.compose and [*peers.services(f"build-{name}", [(f"{image}:compose", top)]), "build", "-q"]
        part, size = CHANGING[name]

        def cold():
            # The engine's cache, and what either client remembers.
            engine.empty()
            shutil.rmtree(bench.work / "cache" / "occ", ignore_errors=True)
            for node in bench.work.rglob(".buildNodeID"):
                node.unlink()
            os.sync()

        def forced():
            for tag in ("1", "docker", "compose"):
                engine.remove(f"{image}:{tag}")

        def changed():
            (top / part).write_bytes(os.urandom(size))

        def against(goal, prepare, runs=1):
            yield Command("occ sync", bench.sync(file), prepare=prepare, runs=runs)
            yield Command("docker build, BuildKit", docker, goal, prepare, runs=runs, peer=True)
            if compose:
                yield Command("docker-compose build", compose, goal, prepare, runs=runs, peer=True)

        # All of it, unpacked by a builder that asks for nothing; what is ignored is known before.
        tar = f"tar -C {top} --exclude=./p?/build -c ."
        to = f"http://engine/build?version=2&t={image}:tar"
        send = f"curl -sS --fail --unix-socket {engine.socket} -T - -H Content-Type:application/x-tar -X POST '{to}'"
        floor = Command(
            "floor: tar into POST /build",
            ["sh", "-c", f"{tar} | {send}"],
            None,
            cold,
            lambda: engine.id(f"{image}:tar"),
        )
        yield race.run(bench, Race(f"Cold build, {title}", [*against(0.9, cold), floor], 3, 6, memory=24))
        yield race.run(
            bench, Race(f"Forced build, context unchanged, {title}", list(against(0.6, forced, 3)), 4, 12, memory=24)
        )
        one = Race(
            f"One file changed, {title}", list(against(0.9 if name == "many" else None, changed)), 4, 12, memory=24
        )
        if name == "large":
            changed()
            one.figures = sent(bench, file)
        yield race.run(bench, one)


def sent(bench, file):
    """What travels of 500 MB of which one file changed, and how long that takes."""
    argv = [*bench.sync(file), "--progress", "json"]
    done = subprocess.run(list(map(str, argv)), env=bench.environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure("the build failed", *done.stderr.splitlines()[-2:])
    events = [json.loads(line) for line in done.stderr.splitlines()]
    total = max(event["bytes"] for event in events if event["event"] == "sending")
    is_context = lambda event: event["event"] == "build_step" and event["text"] == "[internal] load build context"
    took = max(event.get("millis") or 0 for event in events if is_context(event))
    return [("sent", total / 1e6, "MB", 10.5), ("the context step", took / 1000, "s", 0.2)]
