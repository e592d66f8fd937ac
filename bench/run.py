#!/usr/bin/env python3
"""Measures AI Mass beside what a user would pick instead: `bench/run.py [NAME …] [--runs N] [--list]`.

Each folder with a bench.py is one measurement; its function `measure(bench)` fills a Bench (bench/shared/bench.py) and
leaves bench/results/NAME.md and NAME.json. `make bench` runs all of them, in the order of ORDER.
"""

import argparse
import importlib.util
import pathlib
import sys
import time

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER / "shared"), str(FOLDER.parent / "tests")]
ORDER = ("rest", "row", "csv", "batch", "train", "start", "growth", "sources", "changes")

import bench as shared  # noqa: E402


def names() -> list[str]:
    found = {path.parent.name for path in FOLDER.glob("*/bench.py")} - {"shared"}
    return [name for name in ORDER if name in found] + sorted(found - set(ORDER))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(names()))
    parser.add_argument("--runs", type=int, default=3, help="repetitions, taken in turns (default: 3)")
    parser.add_argument("--list", action="store_true", help="the names, one per line")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(names()))
        return 0
    unknown = set(arguments.names) - set(names())
    if unknown:
        parser.error(f"no measurement {' '.join(sorted(unknown))}; there are: {' '.join(names())}")
    missed = []
    for name in arguments.names or names():
        spec = importlib.util.spec_from_file_location(f"bench_{name}", FOLDER / name / "bench.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        started = time.monotonic()
        print(f"== {name}", flush=True)
        bench = shared.Bench(name, module.__doc__, arguments.runs)
        module.measure(bench)
        bench.write()
        missed += [f"{name}: {target.what}" for target in bench.targets if not target.met]
        print(f"-- {name}: {time.monotonic() - started:.0f} s", flush=True)
    for line in missed:
        print(f"missed  {line}")
    return 0  # a figure is no test: noise must not fail a build


if __name__ == "__main__":
    sys.exit(main())
