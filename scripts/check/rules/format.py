"""C++ is formatted by clang-format-19 with .clang-format (`make fmt` does it).
"""

import re
import shutil
import subprocess

from source import ROOT, cpp_files

FINDING = re.compile(r"^([^:\n]+:\d+):\d+: (?:error|warning): code should be clang-formatted", re.MULTILINE)


def check():
    program = shutil.which("clang-format-19")
    if program is None:
        yield "scripts/install.sh:1: expected clang-format-19 to be installed, found none"
        return
    files = cpp_files()
    for start in range(0, len(files), 50):
        done = subprocess.run([program, "--dry-run", "-Werror", *files[start:start + 50]], cwd=ROOT,
                              capture_output=True, text=True)
        seen = set()
        for place in FINDING.findall(done.stderr):
            file = place.rsplit(":", 1)[0]
            if file not in seen:
                seen.add(file)
                yield f"{place}: expected clang-format's layout (make fmt), found another from here on"
