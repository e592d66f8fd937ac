"""libFuzzer over what strangers may send: see the targets, *.cc beside this file.

`make test` replays every seed and every input that once broke something, then lets each target look for new ones for
20 s; `make fuzz` and `make soak` for 10 minutes. A finding is kept below build-fuzz/found, and the failure says how to
replay it; once mended, it belongs into tests/fuzz/crashes/TARGET.
"""

import concurrent.futures
import os
import pathlib
import re
import shlex
import subprocess

import pytest

from harness import ROOT

HERE = pathlib.Path(__file__).resolve().parent
BUILD = ROOT / "build-fuzz"
TARGETS = sorted(path.stem for path in HERE.glob("*.cc"))
# One input may take this long on a slow machine, with sanitizers; a hang takes for ever.
INPUT_S = 60
LIMITS = [f"-timeout={INPUT_S}", "-rss_limit_mb=3000", "-malloc_limit_mb=1000"]
ENVIRONMENT = os.environ | {
    # libFuzzer asks for leaks after each input; at the end DuckDB's own objects of the thread are gone already.
    "ASAN_OPTIONS": "quarantine_size_mb=64:leak_check_at_exit=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "LSAN_OPTIONS": f"suppressions={ROOT / 'tests' / 'lsan.supp'}:print_suppressions=0",
}


def program(target: str) -> pathlib.Path:
    path = BUILD / f"fuzz_{target}"
    if not path.exists():
        pytest.fail(f"{path} is missing; scripts/test.sh fuzz builds it")
    return path


def inputs(target: str, *kinds: str) -> list[pathlib.Path]:
    return [path for kind in kinds for path in sorted((HERE / kind / target).glob("*"))]


def run(command: list, timeout_s: float) -> tuple[int, str]:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, errors="replace",
                          env=ENVIRONMENT, cwd=BUILD, timeout=timeout_s)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_and_past_crashes(target):
    seeds = inputs(target, "seeds")
    assert seeds, f"{target} has no seeds"
    command = [program(target), *LIMITS, *seeds, *inputs(target, "crashes")]
    status, output = run(command, 280)
    assert status == 0, f"{output[-6000:]}\nreplay: {shlex.join(str(part) for part in command)}"
    assert output.count("Executed ") == len(command) - 1 - len(LIMITS)


def look(target: str, seconds: int) -> str | None:
    """Lets `target` look for inputs that break something; what it found, in words."""
    corpus = BUILD / "corpus" / target
    found = BUILD / "found" / target
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    dictionary = HERE / "dictionaries" / f"{target}.dict"
    status, output = run(
        [program(target), f"-max_total_time={seconds}", *LIMITS, "-max_len=4096", "-print_final_stats=1",
         f"-dict={dictionary}", f"-artifact_prefix={found}/", corpus, *[HERE / kind / target for kind in
         ("seeds", "crashes") if (HERE / kind / target).is_dir()]], seconds + 10 * INPUT_S)
    if status == 0:
        ran = re.search(r"stat::number_of_executed_units: (\d+)", output)
        if ran and int(ran[1]) >= len(inputs(target, "seeds")):
            return None
        return f"{target}: it ran too few inputs\n{output[-4000:]}"
    kept = re.search(r"Test unit written to (\S+)", output)
    where = kept[1] if kept else "(no input was kept)"
    return (f"{target}: exit status {status}\n{output[-6000:]}\ninput: {where}\nreplay: {program(target)} {where}\n"
            f"once mended: cp {where} {HERE / 'crashes' / target}/")


def look_everywhere(seconds: int) -> None:
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        findings = [text for text in pool.map(lambda target: look(target, seconds), TARGETS) if text]
    assert not findings, "\n\n".join(findings)


@pytest.mark.timeout(1800)
def test_short():
    look_everywhere(20)


@pytest.mark.fuzz
@pytest.mark.soak
@pytest.mark.timeout(8 * 3600)
def test_long():
    look_everywhere(600)
