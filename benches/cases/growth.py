"""What ten times as much takes: images, files, bytes."""

import time

import fixtures
import race


def tables(bench):
    engine = bench.engine
    engine.empty()
    sizes = (10, 100, 1000)
    names = [f"g{number}" for number in range(10 * max(sizes))]
    fixtures.held(engine, [f"occ-bench/{name}:1" for name in names[: max(sizes)]])
    manifests = {
        size: fixtures.pulls(bench.work / f"grow-{size}.toml", names[:size], ["127.0.0.1:1"])
        for size in (*sizes, 10 * max(sizes))
    }
    yield race.series(
        bench,
        "Images",
        "images",
        [("occ sync, nothing to do", [(size, bench.sync(manifests[size])) for size in sizes])],
    )
    yield race.series(
        bench,
        "Images in a manifest",
        "images",
        [("occ check", [(size, [bench.occ, "--manifest", file, "check"]) for size, file in manifests.items()][1:])],
    )

    trees = {}
    for size, directories in ((1000, 10), (10_000, 100), (100_000, 1000)):
        top = bench.work / f"grow{size}"
        top.mkdir()
        fixtures.files(top, directories, 100, 10)
        (top / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
        trees[size] = fixtures.builds(bench.work / f"grow{size}.toml", f"grow{size}", top)
    time.sleep(3)
    for file in trees.values():
        bench.once([bench.occ, "--manifest", file, "plan"], "the files were not looked at")
    plan = lambda file, *more: [bench.occ, "--manifest", file, "plan", *more]
    yield race.series(
        bench,
        "Files of a context",
        "files",
        [
            ("occ plan, nothing changed", [(size, plan(file)) for size, file in trees.items()]),
            ("occ plan, the first look", [(size, plan(file, "--no-cache-inputs")) for size, file in trees.items()]),
        ],
    )

    bytes_of = {}
    for size in (5, 50, 500):
        top = bench.work / f"bytes{size}"
        top.mkdir()
        fixtures.files(top, 1, 50, size * 20_000)
        (top / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
        bytes_of[size] = fixtures.builds(bench.work / f"bytes{size}.toml", f"bytes{size}", top)
    time.sleep(3)
    yield race.series(
        bench,
        "Bytes of a context, in 50 files",
        "MB",
        [("occ plan, the first look", [(size, plan(file, "--no-cache-inputs")) for size, file in bytes_of.items()])],
    )
