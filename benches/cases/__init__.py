"""The cases of the bench, by name; each yields tables."""

from cases import build, dead, growth, inputs, lock, manifest, noop, pull

ALL = {
    "noop": noop.tables,
    "inputs": inputs.tables,
    "build": build.tables,
    "pull": pull.tables,
    "dead": dead.tables,
    "lock": lock.tables,
    "manifest": manifest.tables,
    "growth": growth.tables,
}
