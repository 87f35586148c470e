"""A manifest of 1,000 images: is it right, and what would a sync do?"""

import fixtures
import race
from race import Command, Race

SIZE = 1000


def tables(bench):
    engine, peers = bench.engine, bench.peers
    engine.empty()
    names = [f"m{number}" for number in range(SIZE)]
    images = [f"occ-bench/{name}:1" for name in names]
    fixtures.held(engine, images)
    file = fixtures.pulls(bench.work / "thousand.toml", names, ["127.0.0.1:1"])
    compose = peers.compose and peers.services("thousand", [(image, None) for image in images])

    commands = [Command("occ check", [bench.occ, "--manifest", file, "check"], runs=10)]
    if compose:
        commands.append(Command("docker-compose config -q", [*compose, "config", "-q"], runs=5, peer=True))
    yield race.run(bench, Race("occ check, 1,000 images", commands, memory=24))

    commands = [
        Command("occ plan", [bench.occ, "--manifest", file, "plan"], runs=3),
        Command("floor: inspects on one connection", [bench.floor, "--connections", "1", *images], runs=3),
        Command("docker image inspect", [peers.docker, "image", "inspect", *images], runs=2, peer=True),
    ]
    if compose:
        commands.append(
            Command(
                "docker-compose pull --policy missing", [*compose, "pull", "--policy", "missing"], rounds=3, peer=True
            )
        )
    yield race.run(bench, Race("occ plan, 1,000 images that are there", commands, memory=24))
