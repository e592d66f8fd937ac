"""Modules include only what stands to their left.

The order is that of CMakeLists.txt. Wrappers of foreign libraries (native) are for the store and for plug-ins, that
is folders two levels below src/ and the folders of runtimes; EXCEPTIONS names who else uses them, and why.
"""

import re

from source import ROOT, cpp_files, read

EXCEPTIONS = {
    # folder or file prefix: reason
    "src/datasets/": "a dataset is read, imported and kept by native readers: DuckDB, libarchive, libcurl",
    "src/models/learners/leafwise": "what the learners over LightGBM share",
    "src/models/learners/library": "what the learners over XGBoost and LightGBM share",
}
NATIVE_USERS = ("src/native/", "src/store/", "src/runtimes/")


def order() -> list[str]:
    return re.findall(r"^aimass_module\((\w+)", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE)


def check():
    modules = order()
    for path in cpp_files():
        own = path.split("/")[1]
        if own not in modules:
            yield f"{path}:1: expected a module of CMakeLists.txt ({' '.join(modules)}), found {own}"
            continue
        for number, line in enumerate(read(path).splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+"(([a-z_]+)/[^"]*)"', line)
            if not match:
                continue
            included, module = match[1], match[2]
            if not (ROOT / "src" / included).exists():
                yield f"{path}:{number}: expected a path below src/, found \"{included}\""
            elif module in modules and modules.index(module) > modules.index(own):
                yield (f"{path}:{number}: {own} may include {' '.join(modules[:modules.index(own) + 1])}; "
                       f"found \"{included}\"")
            elif module == "native" and not may_use_native(path):
                yield (f"{path}:{number}: native is for the store and for plug-ins; found \"{included}\" "
                       f"(a reason can be given in scripts/check/rules/layers.py)")


def may_use_native(path: str) -> bool:
    plugin = path.count("/") >= 4  # src/module/kind/name/file.cc
    return plugin or path.startswith(NATIVE_USERS) or path.startswith(tuple(EXCEPTIONS) or "\0")


def note() -> list[str]:
    stale = [prefix for prefix in EXCEPTIONS
             if not any(p.startswith(prefix) and 'include "native/' in read(p) for p in cpp_files())]
    return [f"layers.py: exception {prefix} is not used" for prefix in stale]
