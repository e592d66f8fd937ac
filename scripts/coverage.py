#!/usr/bin/env python3
"""Lines and branches that the unit tests reach: scripts/coverage.py [MODULE…], into bench/results/coverage.md.

Builds the tests of the modules (without any named: of all) in build-coverage with gcc --coverage, runs them, and asks
gcov. All these tests together measure each module, so that what is only reached from above counts as well. Left out are
tests, what only tests use, and branches that an exception alone takes, of which gcc makes one for every call. JOBS
limits parallel compilers.
"""

import collections
import dataclasses
import datetime
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build-coverage"
RESULT = ROOT / "bench/results/coverage.md"
JOBS = os.environ.get("JOBS", str(os.cpu_count()))
LEAST = 15  # of the files and functions, named
MIN_LINES = 8  # a shorter function is not named


@dataclasses.dataclass
class File:
    lines: dict[int, int] = dataclasses.field(default_factory=lambda: collections.defaultdict(int))  # line → times
    branches: dict[tuple[int, int], int] = dataclasses.field(default_factory=lambda: collections.defaultdict(int))
    functions: dict[int, tuple[str, int]] = dataclasses.field(default_factory=dict)  # first line → name, last line


def run(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"coverage: {' '.join(map(str, command))} failed:\n{done.stdout[-8000:]}{done.stderr[-4000:]}")
    return done.stdout


def measured(path: str) -> str | None:
    """Where below src/ the file lies, if it counts."""
    full = pathlib.Path(BUILD, path).resolve()
    if not full.is_relative_to(ROOT / "src") or full.name.endswith("_test.cc") or full.parent.name == "testing":
        return None
    return str(full.relative_to(ROOT / "src"))


def collect() -> dict[str, File]:
    """What gcov says of every object file, run or not; instances of a template are added up."""
    files: dict[str, File] = collections.defaultdict(File)
    for notes in BUILD.rglob("*.gcno"):
        answer = run("gcov", "--json-format", "--stdout", "--branch-probabilities", "--demangled-names", notes)
        for found in json.loads(answer)["files"]:
            if name := measured(found["file"]):
                add(found, files[name])
    return files


def add(found: dict, file: File) -> None:
    for function in found["functions"]:
        file.functions[function["start_line"]] = (function["demangled_name"], function["end_line"])
    for line in found["lines"]:
        number = line["line_number"]
        file.lines[number] += line["count"]
        for index, branch in enumerate(b for b in line["branches"] if not b["throw"]):
            file.branches[number, index] += branch["count"]


def total(files: list[File]) -> tuple[str, str]:
    """Cells of a table: lines and branches."""
    cells = []
    for counts in ([n for f in files for n in f.lines.values()], [n for f in files for n in f.branches.values()]):
        reached = sum(n > 0 for n in counts)
        cells.append(f"{100 * reached / len(counts):.1f} % of {len(counts):,}" if counts else "none")
    return cells[0], cells[1]


def least_functions(files: dict[str, File]) -> list[tuple[int, int, str, str]]:
    """Lines not reached, lines, name, place; most first."""
    found = []
    for path, file in files.items():
        for first, (name, last) in file.functions.items():
            counts = [n for line, n in file.lines.items() if first <= line <= last]
            missed = sum(n == 0 for n in counts)
            if missed and len(counts) >= MIN_LINES:
                found.append((missed, len(counts), name, f"{path}:{first}"))
    return sorted(found, reverse=True)


def report(files: dict[str, File], modules: list[str]) -> str:
    by_module = {module: {p: f for p, f in files.items() if p.startswith(module + "/")} for module in modules}
    shown = {path: file for module in by_module.values() for path, file in module.items()}
    missed = {path: sum(n == 0 for n in file.lines.values()) for path, file in shown.items()}
    lines = ["# coverage: lines and branches that the unit tests reach", "",
             "```", f"scripts/coverage.py {' '.join(modules)}", "```", "",
             "gcc's counters, without its optimiser. Tests, what only tests use, and branches that an exception alone takes",
             "are left out. Black-box tests are not in it: what only they reach stands here as not reached.", "",
             "| module | lines | branches |", "|---|---|---|"]
    lines += [f"| `{module}` | {' | '.join(total(list(found.values())))} |" for module, found in by_module.items()]
    lines += [f"| together | {' | '.join(total(list(shown.values())))} |", "",
              "## Files with most lines that no unit test reaches", "", "| file | not reached | lines | branches |",
              "|---|---|---|---|"]
    for path in sorted(missed, key=lambda p: -missed[p])[:LEAST]:
        lines.append(f"| `src/{path}` | {missed[path]} | {' | '.join(total([shown[path]]))} |")
    lines += ["", "## Functions with most lines that no unit test reaches", "", "| function | at | not reached |",
              "|---|---|---|"]
    for count, of, name, place in least_functions(shown)[:LEAST]:
        short = name.replace("aimass::", "").replace("(anonymous namespace)::", "").split("(")[0].replace("|", "\\|")
        lines.append(f"| `{short}` | `src/{place}` | {count} of {of} lines |")
    compiler = run("gcc", "-dumpfullversion").strip()
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    commit = run("git", "rev-parse", "--short=12", "HEAD").strip()
    return "\n".join([*lines, "", f"gcc {compiler}, aimass {commit}, {now}.", ""])


def main() -> None:
    run("scripts/install.sh", "test")
    BUILD.mkdir(exist_ok=True)
    run("cmake", "--preset", "coverage")
    with_tests = [folder.name for folder in sorted((ROOT / "src").iterdir()) if any(folder.rglob("*_test.cc"))]
    modules = sys.argv[1:] or with_tests
    if unknown := set(modules) - set(with_tests):
        sys.exit(f"coverage: expected modules with unit tests, of {' '.join(with_tests)}; found {' '.join(unknown)}")
    run("cmake", "--build", BUILD, "-j", JOBS, "--target", *(f"{module}_test" for module in modules))
    for old in BUILD.rglob("*.gcda"):
        old.unlink()
    run("scripts/with_postgres.sh", "ctest", "--test-dir", BUILD, "-L", f"^({'|'.join(modules)})$", "-j", JOBS,
        "--output-on-failure", "--no-tests=error")
    RESULT.write_text(report(collect(), modules))
    print(f"-- {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
