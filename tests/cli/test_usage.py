"""The command line without any data: help, wrong usage, languages, completion."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from harness import BINARY, clean_environment, run_aimass

NOUNS = ["datasets", "sql", "train", "models", "predict", "endpoints", "jobs", "keys", "serve", "config", "doctor",
         "backup", "restore", "version", "completion"]


@pytest.fixture(autouse=True)
def built(binary):
    return binary


def verbs() -> list[list[str]]:
    """Every noun and verb, as the completion script knows them: it is drawn from the same tree."""
    script = subprocess.run([BINARY, "completion", "bash"], capture_output=True, text=True, check=True,
                            env=clean_environment()).stdout
    return [name.split() for name in re.findall(r'^    "([^"]*)"\)$', script, re.MULTILINE)]


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_is_in_the_first_help(noun):
    assert re.search(rf"^  {noun}  ", run_aimass("--help").out, re.MULTILINE)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_verb_explains_itself(language):
    found = verbs()
    assert len(found) > 40
    for words in found:
        run = run_aimass(*words, "--help", "--lang", language)
        assert run.err == ""
        usage = "Usage: " if language == "en" else "用法："
        assert usage + " ".join(["aimass", *words]) in run.out, words
        chinese = re.search(r"[\u4e00-\u9fff]", run.out.replace("上海", ""))  # a value in an example
        assert bool(chinese) == (language == "zh"), (words, chinese)


def test_shared_memory_of_a_dead_process_is_not_spoken_of():
    """libmongoc makes a block of shared memory named by the process id, and a killed process leaves it."""
    def leave_block():
        Path(f"/dev/shm/mongoc-{os.getpid()}").write_bytes(b"left by the process that had this id before")

    run = subprocess.run([BINARY, "version"], capture_output=True, text=True, env=clean_environment(),
                         preexec_fn=leave_block)
    assert (run.returncode, run.stderr) == (0, "")


def test_a_killed_server_leaves_no_shared_memory(server):
    assert Path(f"/proc/{server.process.pid}").exists()
    assert not Path(f"/dev/shm/mongoc-{server.process.pid}").exists()


def test_main_verbs_teach_by_examples():
    for words in (["datasets", "import"], ["sql"], ["train"], ["predict"], ["endpoints", "create"],
                  ["models", "report"], ["serve"], ["backup"]):
        run = run_aimass(*words, "--help")
        examples = run.out.split("Examples:")[1]
        assert "aimass " + " ".join(words) in examples, words


def test_help_has_three_ways():
    expected = run_aimass("models", "compare", "--help").out
    assert run_aimass("help", "models", "compare").out == expected
    assert run_aimass("models", "compare", "churn", "1", "2", "-h").out == expected


@pytest.mark.parametrize(("variables", "chinese"), [
    ({"LC_ALL": "zh_CN.UTF-8"}, True),
    ({"LC_ALL": "", "LC_MESSAGES": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"}, True),
    ({"LC_ALL": "", "LC_MESSAGES": "", "LANG": "zh_CN.UTF-8"}, True),
    ({"LC_ALL": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, False),
    ({"LC_ALL": "C.UTF-8"}, False),
])
def test_language_of_the_locale(variables, chinese):
    assert ("用法" in run_aimass("--help", env=variables).out) == chinese


def test_lang_overrules_the_locale():
    assert "用法" in run_aimass("--help", "--lang", "zh", env={"LC_ALL": "en_US.UTF-8"}).out
    assert "Usage" in run_aimass("--help", "--lang=en", env={"LC_ALL": "zh_CN.UTF-8"}).out


@pytest.mark.parametrize(("words", "says"), [
    (["dataset", "list"], "did you mean 'datasets'?"),
    (["datasets", "improt", "a", "b"], "did you mean 'import'?"),
    (["datasets", "import", "a", "b", "--fromat", "csv"], "did you mean '--format'?"),
    (["datasets", "export", "a", "b", "--format", "parqet"], "did you mean 'parquet'?"),
    (["train", "customers"], "--target"),
    (["train", "customers", "--target"], "option '--target' needs a value"),
    (["jobs", "list", "--limit", "many"], "--limit expects a whole number, found 'many'"),
    (["jobs", "show"], "ID"),
    (["version", "surplus"], "does not expect 'surplus'"),
    (["completion", "fish"], "bash, zsh"),
])
def test_wrong_usage(words, says):
    run = run_aimass(*words, check=False)
    assert run.status == 2
    assert run.out == ""
    assert says in run.err
    machine = run_aimass("--json", *words, check=False)
    assert machine.status == 2
    if machine.out:
        assert machine.json["error"]["code"] == "invalid_argument"
        assert says in machine.json["error"]["detail"] + machine.json["error"].get("hint", "")


def test_wrong_usage_in_chinese():
    run = run_aimass("datasets", "improt", "--lang", "zh", check=False)
    assert run.status == 2
    assert "您是不是想写“import”？" in run.err


def test_a_noun_alone_shows_its_verbs():
    run = run_aimass("datasets", check=False)
    assert run.status == 2
    assert "import" in run.err and run.out == ""
    nothing = run_aimass()
    assert "Examples:" in nothing.out


def test_no_colour_in_a_pipe():
    for words in (["--help"], ["nothing"]):
        run = run_aimass(*words, check=False)
        assert "\033" not in run.out + run.err


def test_version():
    text = run_aimass("version").out
    answer = run_aimass("version", "--json").json
    assert text.startswith("aimass " + answer["version"])
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", answer["version"])
    assert run_aimass("--version").out == text


def test_config_says_where_values_come_from(tmp_path):
    (tmp_path / "aimass.yaml").write_text("sql:\n  time_s: 12\nhttp.threads: 3\n")
    run = run_aimass("config", "--json", "--config", tmp_path / "aimass.yaml", "--jobs-threads", "5",
                     env={"AIMASS_SQL_MEMORY_MB": "77", "AIMASS_STORE_URL": "postgresql://u:geheim@127.0.0.1/x"})
    items = {item["name"]: item for item in run.json["items"]}
    assert (items["sql.time_s"]["value"], items["sql.time_s"]["source"]) == ("12", str(tmp_path / "aimass.yaml"))
    assert items["http.threads"]["value"] == "3"
    assert (items["sql.memory_mb"]["value"], items["sql.memory_mb"]["source"]) == ("77", "AIMASS_SQL_MEMORY_MB")
    assert (items["jobs.threads"]["value"], items["jobs.threads"]["source"]) == ("5", "--jobs-threads")
    assert items["jobs.max_running"]["source"] == "default"
    assert "geheim" not in run.out


def complete(line: str) -> list[str]:
    """What bash offers at the end of `line`."""
    words = line.split(" ")
    script = (f"source <({BINARY} completion bash)\n"
              f"COMP_WORDS=({' '.join(repr(word) for word in words)})\nCOMP_CWORD={len(words) - 1}\n"
              "_aimass\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n")
    done = subprocess.run(["bash", "-eu", "-c", script], capture_output=True, text=True, env=clean_environment())
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(("line", "has", "lacks"), [
    ("aimass ", {"datasets", "train", "completion"}, {"run-job", "import"}),
    ("aimass da", {"datasets"}, {"train"}),
    ("aimass datasets ", {"import", "derive", "rejected"}, {"train"}),
    ("aimass --json models bundle ", {"export", "import"}, {"list"}),
    ("aimass datasets import x --", {"--format", "--append", "--json", "--lang"}, {"--target"}),
    ("aimass jobs list --state ", {"queued", "failed"}, {"--limit"}),
    ("aimass datasets export a b --format p", {"parquet"}, {"csv"}),
])
def test_bash_completes(line, has, lacks):
    offered = set(complete(line))
    assert has <= offered and not lacks & offered


def test_completion_as_json():
    answer = run_aimass("completion", "zsh", "--json").json
    assert answer["shell"] == "zsh" and answer["script"].startswith("#compdef aimass")


def test_json_output_is_one_document():
    out = run_aimass("version", "--json").out
    assert json.loads(out) and out.endswith("}\n")
