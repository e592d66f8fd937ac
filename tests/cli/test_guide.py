"""The guide is true: its commands run as they stand, in both languages."""

import os
import re
import subprocess

import pytest
from harness import BINARY, ROOT, clean_environment, free_port


@pytest.mark.parametrize(("language", "answers"), [
    ("en", ["Dataset customers, version 0: 2,000 rows", "Every row could be read.", "churn is one of two classes",
            "customers:2 100 %", "The data folder is in order.", "2,000 rows predicted by model customers, version 2",
            '"probabilities"', '"rows":[[2000]]']),
    ("zh", ["数据集 客户，版本 0：2,000 行", "每一行都可以读取。", "是否流失 属于两个类别之一", "客户:2 100 %",
            "数据文件夹一切正常。", "2,000 行已由模型 客户 的版本 2 预测", '"probabilities"', '"rows":[[2000]]']),
])
def test_the_guide_runs(binary, tmp_path, language, answers):
    page = (ROOT / "docs" / language / "guide.md").read_text(encoding="utf-8")
    port = free_port()
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", page, re.S | re.M)).replace(":8080", f":{port}")
    # The test's own locale is C; the page of one language is read in it.
    script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + blocks + "wait\n"
    environment = clean_environment() | {"PATH": f"{BINARY.parent}:{os.environ['PATH']}",
                                         "AIMASS_LISTEN": f"127.0.0.1:{port}", "LC_ALL": ""}
    done = subprocess.run(["bash", "-m", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True,
                          timeout=280)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for answer in answers:
        assert answer in done.stdout, done.stdout
