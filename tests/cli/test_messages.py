"""What the command line says where something is wrong: in both languages, with the right exit code, and as JSON."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
from harness import BINARY, clean_environment, run_aimass

CHINESE = {"LANG": "zh_CN.UTF-8", "LC_ALL": "zh_CN.UTF-8"}


@pytest.fixture(scope="module")
def folder(binary, tmp_path_factory):
    """A data folder with one dataset, and files to name."""
    home = tmp_path_factory.mktemp("folder")
    (home / "a.csv").write_text("x,y\n1,2\n")
    (home / "twice.yaml").write_text("format: 1\nresources: []\nformat: 1\n")
    (home / "text.yaml").write_text("just words\n")
    run_aimass("datasets", "import", "one", home / "a.csv", "--data", home / "data")
    return home


# arguments; exit code; a part of the English message; a part of the 中文 one
WRONG = [
    (["datasets"], 2, "needs a verb: import, derive", "需要一个命令：import、derive"),
    (["datsets"], 2, "'datsets' is no verb", "“datsets”不是"),
    (["datasets", "list", "--limt", "3"], 2, "no option '--limt'", "没有选项“--limt”"),
    (["jobs", "list", "--state", "runing"], 2, "queued, running", "queued、running"),
    (["jobs", "list", "--limit", "x"], 2, "whole number", "整数"),
    (["datasets", "import", "x", "a.csv", "--append", "--replace"], 2, "exclude each other", "不能同时使用"),
    (["datasets", "import", "x", "a.csv", "--option", "nonsense"], 2, "NAME=VALUE", "NAME=VALUE"),
    (["datasets", "derive", "x"], 2, "--sql or --sql-file", "--sql 或 --sql-file"),
    (["datasets", "refresh", "one", "--no-wait"], 2, "a server that stays", "仍运行的服务器"),
    (["train", "one", "--target", "y", "--time", "soon"], 2, "--time expects a duration", "--time 需要时长"),
    (["train", "one", "--target", "y", "--test-fraction", "0.5", "--test-after", "3"], 2, "exclude each other",
     "不能同时使用"),
    (["predict", "m"], 2, "either a file or dataset, or --row", "或 --row"),
    (["predict", "m", "one", "--explain"], 2, "--explain goes with --row", "--explain 与 --row"),
    (["predict", "m", "--row", "{}", "--out", "o.csv"], 2, "--out goes with a file", "--out 用于文件"),
    (["predict", "m", "--row", "{}", "--into", "o"], 2, "--into goes with a file", "--into 用于文件"),
    (["predict", "m", "--row", "{}", "--format", "csv"], 2, "--format goes with a file", "--format 用于文件"),
    (["predict", "m", "--row", "{}", "--no-wait"], 2, "--no-wait goes with a file", "--no-wait 用于文件"),
    (["predict", "m", "one", "--into", "o", "--format", "csv"], 2, "--format goes with a file", "--format 用于文件"),
    (["predict", "m", "one", "--no-wait"], 2, "--no-wait needs a place", "--no-wait 需要"),
    (["predict", "m", "--row", "[1]"], 2, "JSON object, found a list", "JSON 对象，实际为列表"),
    (["predict", "m", "--row", '{"a":1,}'], 2, "in line 1, column 8: expected a name in double quotes, found }",
     "第 1 行第 8 列应为双引号中的名称，实际为“}”"),
    (["predict", "m", "--row", '{"a":1,"a":2}'], 2, "names 'a' twice", "“a”出现了两次"),
    (["endpoints", "create", "e", "--model", "m=much"], 2, "a weight is a number", "权重应为数字"),
    (["models", "alias", "m", "champion", "x"], 2, "VERSION expects a whole number", "VERSION 需要整数"),
    (["serve", "--listen", "nowhere"], 2, "HOST:PORT", "主机:端口"),
    (["serve", "--http-threads", "many"], 2, "must be an integer", "整数"),
    (["doctor", "--server", "http://127.0.0.1:1"], 2, "takes no --server", "不接受 --server"),
    (["datasets", "list", "--server", "http://127.0.0.1:1"], 2, "--server and --data exclude", "--server 与 --data"),
    (["sql"], 2, "expected a query", "需要查询语句"),
    (["sql", "SELECT 1", "--out", "o.parquet"], 2, "--out writes csv", "--out 可写 csv"),
    (["sql", "SELECT 1", "--out", "o.txt", "--format", "table"], 2, "found 'table'", "实际为“table”"),
    (["datasets", "show", "none"], 1, "no dataset 'none'", "没有数据集“none”"),
    (["apply", "missing.yaml"], 1, "No such file or directory", "无法打开“missing.yaml”：没有这样的文件或文件夹"),
    (["apply", "twice.yaml"], 1, "line 3: 'format' stands twice", "第 3 行：“format”出现了两次"),
    (["apply", "text.yaml"], 1, "`resources:`, found a text", "实际为文本"),
    (["backup", "no/such/folder.tar"], 1, "of the backup does not exist", "备份所在的文件夹"),
    (["endpoints", "create", "a/b", "--model", "m"], 1, "endpoint names have no control characters",
     "服务端点的名称不能含有"),
    (["solutions", "show", "none"], 1, "there are: retail", "可用的有：retail"),
]


@pytest.mark.parametrize(("words", "status", "english", "chinese"), WRONG, ids=lambda value: " ".join(value)
                         if isinstance(value, list) else "")
def test_wrong_usage_is_said(folder, words, status, english, chinese):
    for language, part in (({}, english), (CHINESE, chinese)):
        run = run_in(folder, words, language)
        assert run.returncode == status, run.stderr
        assert part in run.stderr
        assert "json.exception" not in run.stderr and "\x1e" not in run.stderr and "\x1f" not in run.stderr
    as_json = run_in(folder, [*words, "--json"], {})
    assert as_json.returncode == status
    if "--format" not in words or words[0] != "sql":  # which is refused with --json in other words
        error = json.loads(as_json.stdout)["error"]
        assert english in error["detail"] + error.get("hint", "") and error["code"]


def run_in(folder, words, language):
    return subprocess.run([BINARY, *words, "--data", folder / "data"], cwd=folder, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, env=clean_environment() | language, timeout=120)


def test_rows_in_a_file_are_named_as_json(folder, tmp_path):
    run = run_aimass("sql", "SELECT 7 AS seven", "--out", tmp_path / "o.csv", "--json", "--data", folder / "data")
    assert run.json == {"file": str(tmp_path / "o.csv")}
    assert (tmp_path / "o.csv").read_text() == "seven\n7\n"


def test_help_as_json(binary):
    assert "aimass datasets import" in run_aimass("datasets", "import", "--help", "--json").json["help"]
    assert "aimass" in run_aimass("--json").json["help"]


def test_every_verb_helps_in_both_languages(binary):
    """Every verb has a summary and a usage; 中文 help has no English sentence left in it."""
    def verbs(path):
        groups = run_aimass(*path, "--help").out.split("Examples:")[0].split("\n\n")
        return [line.split()[0] for group in groups for line in group.splitlines()
                if line.startswith("  ") and line[2] not in " -#" and line.split()[0].islower()]
    todo = [[]]
    seen = 0
    while todo:
        path = todo.pop()
        english = run_aimass(*path, "--help").out
        chinese = run_aimass(*path, "--help", env=CHINESE).out
        assert "Usage: aimass" in english and "用法：aimass" in chinese
        assert not any(word in chinese for word in (" the ", " of ", " with ")), chinese
        seen += 1
        if "VERB" in english.split("Usage:")[1].splitlines()[0]:
            todo += [[*path, verb] for verb in verbs(path)]
    assert seen > 45


def test_tables_are_in_the_readers_language(folder):
    data = folder / "data"
    assert "导入" in run_aimass("jobs", "list", "--data", data, env=CHINESE).out
    assert "成功" in run_aimass("jobs", "list", "--data", data, env=CHINESE).out
    assert "succeeded" in run_aimass("jobs", "list", "--data", data).out
    assert "1 row, 2 columns" in run_aimass("datasets", "show", "one", "--data", data).out


def test_a_solution_is_told_without_marks(binary):
    for language in ({}, CHINESE):
        told = run_aimass("solutions", "show", "retail", env=language).out
        assert "⏎" not in told and "90" in told


def test_apply_and_solutions_have_a_group_of_their_own(binary):
    text = run_aimass("--help").out
    assert "\nVerbs:" not in text
    assert text.index("Declared in files:") < text.index("  apply ") < text.index("Look after it:")


def test_two_keys_do_not_share_a_name(folder):
    data = folder / "data"
    run_aimass("keys", "create", "shop", "--data", data)
    again = run_aimass("keys", "create", "Shop", "--data", data, check=False)
    assert again.status == 1 and "a key 'shop' exists already" in again.err
    run_aimass("keys", "revoke", "shop", "--data", data)
    run_aimass("keys", "create", "shop", "--data", data)


def test_a_backup_makes_no_folder_silently(folder):
    run_aimass("backup", folder / "typo" / "monday.tar", "--data", folder / "data", check=False)
    assert not (folder / "typo").exists()


def at_a_terminal(*words, columns: int = 80, env=None, until: bytes = b"", timeout_s: float = 60) -> tuple[str, int]:
    """What the command writes at a terminal; stopped by SIGINT once `until` was read."""
    terminal, side = pty.openpty()  # the other side stays open here: what was written cannot get lost with its writer
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([str(BINARY), *map(str, words)], stdin=side, stdout=side, stderr=side,
                               env=clean_environment() | {"TERM": "xterm", "COLUMNS": str(columns)} | (env or {}))
    text, deadline = b"", time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        if select.select([terminal], [], [], 0 if ended else 0.2)[0]:
            text += os.read(terminal, 4096)
            if until and until in text:
                process.send_signal(signal.SIGINT)
                until = b""
        elif ended:
            break
    else:
        process.kill()
    status = process.wait()
    os.close(terminal)
    os.close(side)
    return text.decode(), status


def test_a_failed_start_is_a_sentence_at_a_terminal(tmp_path):
    (tmp_path / "file").write_text("no folder")
    text, status = at_a_terminal("serve", "--data", tmp_path / "file" / "data")
    assert status == 1 and "Error: " in text and '"event"' not in text
    log = run_aimass("serve", "--data", tmp_path / "file" / "data", check=False)
    assert log.status == 1 and json.loads(log.err)["event"] == "start_failed"


def test_a_start_tells_a_person_where_to_look(tmp_path):
    text, status = at_a_terminal("serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", until=b"/docs")
    assert status == 0 and "AI Mass serves" in text


def test_chinese_tables_fit_a_narrow_terminal(folder):
    data = folder / "data"
    (folder / "客户.csv").write_text("姓名,城市\n" + "欧阳" * 30 + ",上海\n李,北京\n", encoding="utf-8")
    run_aimass("datasets", "import", "客户", folder / "客户.csv", "--data", data)
    text, _ = at_a_terminal("datasets", "preview", "客户", "--data", data, columns=40, env=CHINESE)
    lines = [line for line in text.splitlines() if line.strip()]
    import unicodedata
    def width(line):
        return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)
    assert max(map(width, lines)) <= 40, text
    starts = {width(line[:line.index(city)]) for line in lines for city in ("上海", "北京", "城市") if city in line}
    assert len(starts) == 1, text
