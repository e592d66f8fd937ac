"""What every measurement uses: the machine's description, processes with their costs, tables, result files."""

import dataclasses
import importlib.metadata
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("AIMASS_BINARY", ROOT / "build" / "aimass"))
RESULTS = ROOT / "bench" / "results"
# Generated inputs and scratch folders; on the same disk as the build.
WORK = ROOT / "build" / "bench"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass
class Target:
    what: str
    found: float
    limit: float
    at_most: bool

    @property
    def met(self) -> bool:
        return self.found <= self.limit if self.at_most else self.found >= self.limit


@dataclasses.dataclass
class Cost:
    """What a process and the children that it waited for used."""
    wall_s: float
    cpu_s: float
    peak_mb: float  # of the largest of its processes
    out: str


def run(command, env: dict | None = None) -> Cost:
    """Runs `command` to its end. A status other than 0 ends the measurement with what it said."""
    with tempfile.TemporaryDirectory() as folder_of_cost:
        costs = pathlib.Path(folder_of_cost) / "cost.json"
        done = subprocess.run([sys.executable, "-S", "-E", pathlib.Path(__file__).with_name("cost.py"), costs,
                               *map(str, command)], capture_output=True, text=True, env=environment() | (env or {}))
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout[-2000:]}\n"
                     f"{done.stderr[-4000:]}")
        return Cost(**json.loads(costs.read_text()), out=done.stdout)


def environment() -> dict:
    """This process's environment without AIMASS_*; threads that wait do not spin, for anybody."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIMASS_")}
    return kept | {"LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "OMP_WAIT_POLICY": "passive"}


def cpu_seconds(pid: int) -> float:
    """User and system time of a living process so far, all its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ValueError(pid)


def median(values) -> float:
    return statistics.median(values)


def scratch(name: str) -> pathlib.Path:
    """An empty folder of this name."""
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def build(target: str) -> pathlib.Path:
    """Builds a program of bench/ in build/ and gives its path."""
    subprocess.run(["cmake", "--build", str(ROOT / "build"), "-j", str(os.cpu_count()), "--target", target], check=True,
                   stdout=subprocess.DEVNULL)
    return ROOT / "build" / target


def machine() -> dict:
    cpu = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.processor())
    memory = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) / 2**20
    system = next(line.split("=", 1)[1].strip('"') for line in pathlib.Path("/etc/os-release").read_text().splitlines()
                  if line.startswith("PRETTY_NAME="))
    return {"cpu": cpu, "cores": os.cpu_count(), "memory_gb": round(memory, 1), "system": system,
            "kernel": platform.release(), "load_at_start": [round(x, 1) for x in os.getloadavg()],
            "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()) + " UTC"}


def version_of(package: str) -> str:
    return importlib.metadata.version(package)


class Bench:
    """One measurement: rows of tables, targets, and in the end its two files."""

    def __init__(self, name: str, description: str, runs: int):
        self.name = name
        self.description = " ".join(description.split("\n\n")[0].split())
        self.details = "\n\n".join(description.strip().split("\n\n")[1:])
        self.runs = runs
        self.machine = machine()
        self.versions = {"aimass": run([BINARY, "--version"]).out.split()[-1], "python": platform.python_version()}
        self.tables: list[tuple[str, list[str], list[list]]] = []
        self.targets: list[Target] = []
        self.figures: dict = {}
        self.notes: list[str] = []
        WORK.mkdir(parents=True, exist_ok=True)

    def peers(self, *packages: str) -> None:
        self.versions |= {package: version_of(package) for package in packages}

    def table(self, title: str, head: list[str], rows: list[list]) -> None:
        self.tables.append((title, head, rows))
        print(f"   {title}")
        for row in [head, *rows]:
            print("   " + " | ".join(_cell(value) for value in row), flush=True)

    def at_most(self, what: str, found: float, limit: float) -> None:
        self.targets.append(Target(what, found, limit, True))

    def at_least(self, what: str, found: float, limit: float) -> None:
        self.targets.append(Target(what, found, limit, False))

    def note(self, text: str) -> None:
        self.notes.append(text)

    def write(self) -> None:
        RESULTS.mkdir(exist_ok=True)
        lines = [f"# {self.name}: {self.description}", ""]
        if self.details:
            lines += [self.details.strip(), ""]
        lines += ["```", f"bench/run.py {self.name} --runs {self.runs}", "```", ""]
        if self.targets:
            lines += ["| target | limit | found | |", "|---|---|---|---|"]
            for t in self.targets:
                lines.append(f"| {t.what} | {'≤' if t.at_most else '≥'} {_cell(t.limit)} | {_cell(t.found)} | "
                             f"{'met' if t.met else '**missed**'} |")
            lines.append("")
        for title, head, rows in self.tables:
            lines += [f"## {title}", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
            lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
            lines.append("")
        lines += [note + "\n" for note in self.notes]
        m = self.machine
        lines += ["## Machine and versions", "",
                  f"{m['cpu']}, {m['cores']} cores, {m['memory_gb']} GB, {m['system']}, kernel {m['kernel']}; "
                  f"load {' '.join(map(str, m['load_at_start']))} at the start; {m['date']}.", "",
                  ", ".join(f"{name} {version}" for name, version in self.versions.items()) + "."]
        (RESULTS / f"{self.name}.md").write_text("\n".join(lines) + "\n")
        (RESULTS / f"{self.name}.json").write_text(json.dumps(
            {"name": self.name, "machine": self.machine, "versions": self.versions, "runs": self.runs,
             "targets": [dataclasses.asdict(t) | {"met": t.met} for t in self.targets],
             "tables": [{"title": t, "head": h, "rows": r} for t, h, r in self.tables],
             "figures": self.figures}, indent=1, ensure_ascii=False) + "\n")


def _cell(value) -> str:
    if isinstance(value, float):
        if value == 0 or abs(value) >= 100:
            return f"{value:,.0f}"
        return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"
    return str(value)
