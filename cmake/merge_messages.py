#!/usr/bin/env python3
"""Merges the zh.json of every module into one C++ table, sorted by English text.

    merge_messages.py [--lenient] --out messages_zh.cc zh.json...

Two files that give one English text two Chinese texts are an error. --lenient (development builds) reports an
unreadable file and goes on without it.
"""

import argparse
import json
import pathlib
import sys


def quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lenient", action="store_true")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    options = parser.parse_args()

    merged: dict[str, tuple[str, pathlib.Path]] = {}
    problems = []
    for path in sorted(options.files):
        try:
            texts = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            problems.append(f"{path}: must be a JSON object of texts, found: {error}")
            continue
        for english, chinese in texts.items():
            known = merged.setdefault(english, (chinese, path))
            if known[0] != chinese:
                problems.append(f"{path}: {english!r} is {chinese!r} here and {known[0]!r} in {known[1]}")
    for problem in problems:
        print(f"{'warning' if options.lenient else 'error'}: {problem}", file=sys.stderr)
    if problems and not options.lenient:
        sys.exit(1)

    rows = sorted(merged.items(), key=lambda item: item[0].encode())
    lines = ["// Written by cmake/merge_messages.py.", "#include <span>", "#include <string_view>", "#include <utility>",
             "", "namespace aimass {", "namespace {", "using Pair = std::pair<std::string_view, std::string_view>;"]
    if rows:
        lines.append("constexpr Pair kTexts[] = {")
        lines += [f"    {{{quote(english)}, {quote(chinese)}}}," for english, (chinese, _) in rows]
        lines.append("};")
    lines += ["}  // namespace", "", "std::span<const Pair> ChineseTexts();",
              f"std::span<const Pair> ChineseTexts() {{ return {'kTexts' if rows else '{}'}; }}", "}  // namespace aimass", ""]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
