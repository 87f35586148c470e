"""What is built, held, and declared: build contexts, images, manifests of each tool."""

import io
import json
import os
import random
import tarfile

from registry import Layer, config, digest

# Text that packs to a fifth, as programs and their sources do.
WORDS = [os.urandom(4).hex().encode() for _ in range(4000)]


def text(size):
    """So many bytes that can be packed well."""
    chance = random.Random(1)
    line = b" ".join(chance.choice(WORDS) for _ in range(200_000))
    return (line * (size // len(line) + 1))[:size]


def held(engine, names):
    """Tiny images with these names, in the engine, all of one layer."""
    layer = Layer("file", os.urandom(1000))
    out = io.BytesIO()
    entries = []
    with tarfile.open(fileobj=out, mode="w") as tar:

        def add(name, data):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))

        add("layer.tar", layer.tar)
        for name in names:
            made = config([layer], name)
            file = digest(made).split(":")[1] + ".json"
            add(file, made)
            entries.append({"Config": file, "RepoTags": [name], "Layers": ["layer.tar"]})
        add("manifest.json", json.dumps(entries).encode())
    engine.load(out.getvalue())


def files(top, directories, each, size):
    """Random files."""
    for directory in range(directories):
        path = top / f"{directory:03}"
        path.mkdir(parents=True, exist_ok=True)
        for file in range(each):
            (path / f"{file:04}").write_bytes(os.urandom(size))


def many(top):
    """10,000 files of 10 kB."""
    files(top, 100, 100, 10_000)


def large(top):
    """500 MB in 50 files."""
    files(top, 1, 50, 10_000_000)


def ignored(top):
    """100,000 files, of which nine in ten are ignored, as what a build leaves beside sources."""
    for package in range(10):
        files(top / f"p{package}" / "src", 1, 1000, 10)
        files(top / f"p{package}" / "build", 9, 1000, 10)
    (top / ".dockerignore").write_text("**/build\n")


def packages(top):
    """A tree as npm makes it: 27,000 small files, four directories deep."""
    chance = random.Random(1)
    for package in range(900):
        for below in ("", "lib", "dist/esm", "node_modules/dep/lib"):
            path = top / "node_modules" / f"p{package}" / below
            path.mkdir(parents=True, exist_ok=True)
            for file in range(chance.randint(4, 11)):
                (path / f"{file}.js").write_bytes(os.urandom(int(chance.lognormvariate(7.3, 1.2))))


# Where occ looks for something, and what it would have to look at without anything in its way.
CONTEXTS = {
    "10,000 files of 10 kB": ("many", many, ["."]),
    "50 files of 10 MB": ("large", large, ["."]),
    "100,000 files, 90 % ignored": ("ignored", ignored, [f"p{n}/src" for n in range(10)]),
    "27,000 files of a node_modules": ("packages", packages, ["."]),
}


def context(bench, name, make):
    """A build context, made once."""
    top = bench.work / name
    if not top.exists():
        top.mkdir()
        make(top)
        (top / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    return top


def pulls(file, names, registries, more=""):
    """A manifest of images under `occ-bench/NAME:1`."""
    lines = ["version = 1", "[defaults]", f"registries = {json.dumps(registries)}", more]
    for name in names:
        lines += [f"[images.{name}]", f'name = "occ-bench/{name}"', 'tag = "1"']
    file.write_text("\n".join(lines) + "\n")
    return file


def builds(file, name, context, more=""):
    """A manifest of one image that is built."""
    file.write_text(
        f'version = 1\n[images.{name}]\nname = "occ-bench/{name}"\ntag = "1"\n'
        f'build = {{ context = "{context.name}"{more} }}\n'
    )
    return file
