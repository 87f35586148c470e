"""Nothing to do: images that are there under their names."""

import fixtures
import race
from race import Command, Race

# By the number of images: goals against the floor, `docker image inspect`, and Compose; of the
# runs in a round.
SIZES = {
    1: {"floor": 1.6, "docker": 0.2, "compose": 0.05, "runs": 20},
    20: {"floor": 2, "docker": 0.1, "compose": 0.1, "runs": 20},
    200: {"floor": None, "docker": None, "compose": None, "runs": 5},
}


def floors(bench, images, goal, runs):
    if len(images) == 1:
        return [Command("floor: a minimal program with bollard", [bench.floor, *images], goal, runs=runs)]
    return [
        Command("floor: inspects on one connection", [bench.floor, "--connections", "1", *images], goal, runs=runs),
        Command("floor: inspects on eight", [bench.floor, "--connections", "8", *images], runs=runs),
    ]


def tables(bench):
    engine, peers = bench.engine, bench.peers
    engine.empty()
    names = [f"n{number}" for number in range(max(SIZES))]
    fixtures.held(engine, [f"occ-bench/{name}:1" for name in names])
    for size, goals in SIZES.items():
        some = names[:size]
        images = [f"occ-bench/{name}:1" for name in some]
        file = fixtures.pulls(bench.work / f"noop-{size}.toml", some, ["127.0.0.1:1"])
        runs = goals["runs"]
        slow = {"runs": 1 if size > 1 else 3, "rounds": 3, "peer": True}
        commands = [
            Command("occ sync", bench.sync(file), runs=runs),
            *floors(bench, images, goals["floor"], runs),
            Command(
                "docker image inspect",
                [peers.docker, "image", "inspect", *images],
                goals["docker"],
                runs=runs // 2,
                peer=True,
            ),
        ]
        if size == 1:
            linked = [bench.linked, *bench.sync(file)[1:]]
            commands.append(Command("occ sync, as `cargo install` links it", linked, runs=runs))
        if peers.compose:
            up = [*peers.services(f"noop-{size}", [(image, None) for image in images]), "pull", "--policy", "missing"]
            commands.append(
                Command("docker-compose pull --policy missing", up, goals["compose"], runs=runs // 4, peer=True)
            )
        if peers.python and size < 200:
            commands.append(Command("Docker SDK for Python", peers.sdk("get", *images), **slow))
            play = peers.playbook(f"noop-{size}", images, "pull")
            commands.append(Command("Ansible docker_image", play, runs=1, rounds=2 if size == 1 else 1, peer=True))
        title = f"Nothing to do, {size} image{'s' if size > 1 else ''}"
        yield race.run(bench, Race(title, commands, least=8, most=32, memory=8))
