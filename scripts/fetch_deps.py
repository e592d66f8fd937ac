#!/usr/bin/env python3
"""Fetches the parts named in deps/lock.json and lays them out for a build tree.

    fetch_deps.py --into BUILD_DIR [--copy]     parts: BUILD_DIR/lib, BUILD_DIR/deps/include, BUILD_DIR/deps/licences
    fetch_deps.py --node                        prints the path of a node >= 20.19 (the system's, or the locked wheel's)
    fetch_deps.py --data NAME                   prints the folder of a data set, or of a server, that a demonstration or a
                                                test needs
    fetch_deps.py --program NAME                prints the path of a program of a Go module, a server for tests
    fetch_deps.py --server NAME                 prints the class path of a server in Java that tests start

A package is downloaded by its ordinary client (`pip download`, `npm pack`, `mvn dependency:copy`) into a cache that all build trees share
($AIMASS_CACHE, default ~/.cache/aimass), never built, checked against its SHA-256 on every run, and only the files
that the lock names are unpacked. A wrong hash ends the run. With everything cached a run takes about 0.3 s.

A program of a Go module is built once, by `go install`. Its SHA-256 is that of what the program says of itself: the
module and all that it needs, each with its checksum (`go version -m`).
"""

import argparse
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOCK = ROOT / "deps" / "lock.json"
OLDEST_NODE = (20, 19)
OLDEST_GO = (1, 25)
MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"


def cache_dir() -> pathlib.Path:
    base = os.environ.get("AIMASS_CACHE") or pathlib.Path.home() / ".cache" / "aimass"
    path = pathlib.Path(base) / "deps"
    path.mkdir(parents=True, exist_ok=True)
    return path


def sha256(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def python_with_pip() -> str:
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0:
            return python
    sys.exit("fetch_deps: no python3 with pip; run scripts/install.sh build")


def download(part: dict, folder: pathlib.Path, tools: dict) -> None:
    if part["kind"] == "pypi":
        command = [python_with_pip(), "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
                   "--disable-pip-version-check", "--python-version", "3.11", "--dest", str(folder)]
        for platform in ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64",
                         "manylinux2014_x86_64", "any"):
            command += ["--platform", platform]
        command.append(part["package"])
    elif part["kind"] == "npm":
        command = npm_command(tools) + ["pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder),
                                        part["package"]]
    elif part["kind"] == "maven":
        command = ["mvn", "--batch-mode", "--quiet", MAVEN_COPY, f"-Dartifact={part['package']}",
                   f"-DoutputDirectory={folder}"]
    else:
        sys.exit(f"fetch_deps: {part['name']}: kind must be pypi, npm or maven, found {part['kind']!r}")
    print(f"-- fetching {part['package']}", file=sys.stderr)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"fetch_deps: {part['package']} could not be fetched:\n{done.stdout}{done.stderr}")


def checked_archive(part: dict, tools: dict) -> pathlib.Path:
    archive = cache_dir() / part["file"]
    if not archive.exists():
        with tempfile.TemporaryDirectory(dir=cache_dir()) as scratch:
            download(part, pathlib.Path(scratch), tools)
            found = sorted(p.name for p in pathlib.Path(scratch).iterdir())
            if part["file"] not in found:
                sys.exit(f"fetch_deps: {part['package']}: expected {part['file']}, found {found}")
            os.replace(pathlib.Path(scratch) / part["file"], archive)
    found = sha256(archive)
    if found != part["sha256"]:
        archive.unlink()
        sys.exit(f"fetch_deps: {part['file']}: SHA-256 is wrong and the file was removed\n"
                 f"  expected {part['sha256']}\n  found    {found}")
    return archive


def class_path(server: dict, tools: dict) -> str:
    jars = ({**jar, "name": server["name"], "kind": "maven"} for jar in server["jars"])
    return os.pathsep.join(str(checked_archive(jar, tools)) for jar in jars)


def read_members(archive: pathlib.Path):
    """Yields (name, mode, open function) of every file in a wheel, a zip file or an npm tarball."""
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as wheel:
            for info in wheel.infolist():
                if not info.is_dir():
                    yield info.filename, info.external_attr >> 16, lambda info=info: wheel.open(info)
    else:
        with tarfile.open(archive) as tarball:
            for info in tarball:
                if info.isfile():
                    yield info.name, info.mode, lambda info=info: tarball.extractfile(info)


def unpacked(part: dict, tools: dict) -> pathlib.Path:
    """The cache folder with the part's unpacked files; its name changes with the archive and with what is unpacked."""
    archive = checked_archive(part, tools)
    recipe = hashlib.sha256((part["sha256"] + json.dumps(part["unpack"], sort_keys=True)).encode()).hexdigest()[:12]
    folder = cache_dir() / f"{part['name']}-{part['version']}-{recipe}"
    if folder.is_dir():
        return folder
    scratch = pathlib.Path(tempfile.mkdtemp(dir=cache_dir()))
    missing = set(part["unpack"])
    for name, mode, open_member in read_members(archive):
        for source, target in part["unpack"].items():
            if source.endswith("/") and name.startswith(source):
                path = scratch / (target + name[len(source):])
            elif name == source:
                path = scratch / target
            else:
                continue
            missing.discard(source)
            path.parent.mkdir(parents=True, exist_ok=True)
            with open_member() as source_file, path.open("wb") as target_file:
                shutil.copyfileobj(source_file, target_file, 1 << 20)
            path.chmod(0o755 if mode & 0o111 or "/bin/" in f"/{path.relative_to(scratch)}" else 0o644)
    if missing:
        shutil.rmtree(scratch)
        sys.exit(f"fetch_deps: {part['file']} lacks {sorted(missing)}")
    scratch.chmod(0o755)
    scratch.rename(folder)
    return folder


def node_version(node: str) -> tuple:
    try:
        text = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
        return tuple(int(n) for n in text.strip().lstrip("v").split(".")[:2])
    except (OSError, ValueError):
        return (0, 0)


def find_node(tools: dict) -> str:
    system = shutil.which("node")
    if system and node_version(system) >= OLDEST_NODE:
        return system
    return str(unpacked(tools["node"], tools) / "bin" / "node")


def go_command(tools: dict) -> str:
    system = shutil.which("go")
    if system:
        text = subprocess.run([system, "env", "GOVERSION"], capture_output=True, text=True).stdout
        if tuple(int(n) for n in re.findall(r"\d+", text)[:2]) >= OLDEST_GO:
            return system
    return str(unpacked(tools["go"], tools) / "go" / "bin" / "go")


def built_program(part: dict, tools: dict) -> pathlib.Path:
    """The program of a Go module; its folder's name changes with what it is built from."""
    folder = cache_dir() / f"{part['name']}-{part['version']}-{part['sha256'][:12]}"
    if (folder / part["file"]).exists():
        return folder / part["file"]
    print(f"-- building {part['package']}", file=sys.stderr)
    go = go_command(tools)
    scratch = pathlib.Path(tempfile.mkdtemp(dir=cache_dir()))
    environment = {name: value for name, value in os.environ.items() if name not in ("GOFLAGS", "GOOS", "GOARCH")}
    environment |= {"GOBIN": str(scratch), "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    done = subprocess.run([go, "install", "-trimpath", part["package"]], cwd=scratch, env=environment,
                          capture_output=True, text=True)
    if done.returncode != 0:
        shutil.rmtree(scratch)
        sys.exit(f"fetch_deps: {part['package']} could not be built:\n{done.stdout}{done.stderr}")
    about = subprocess.run([go, "version", "-m", str(scratch / part["file"])], check=True, capture_output=True, text=True)
    modules = [line for line in about.stdout.splitlines() if line.split("\t")[1:2] in (["mod"], ["dep"], ["=>"])]
    found = hashlib.sha256("\n".join(modules).encode()).hexdigest()
    if found != part["sha256"]:
        shutil.rmtree(scratch)
        sys.exit(f"fetch_deps: {part['package']}: what it is built from has a wrong SHA-256\n"
                 f"  expected {part['sha256']}\n  found    {found}")
    scratch.chmod(0o755)
    scratch.rename(folder)
    return folder / part["file"]


def npm_command(tools: dict) -> list:
    if shutil.which("npm"):
        return ["npm"]
    folder = unpacked(tools["node"], tools)
    return [str(folder / "bin" / "node"), str(folder / "lib/node_modules/npm/bin/npm-cli.js")]


def place(source: pathlib.Path, target: pathlib.Path, copy: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if copy:
        same = (target.exists() and not target.is_symlink() and target.stat().st_size == source.stat().st_size
                and target.stat().st_mtime_ns == source.stat().st_mtime_ns)
        if same:
            return
        scratch = target.with_name(target.name + ".new")
        shutil.copy2(source, scratch)
    else:
        if target.is_symlink() and os.readlink(target) == str(source):
            return
        scratch = target.with_name(target.name + ".new")
        scratch.unlink(missing_ok=True)
        scratch.symlink_to(source)
    os.replace(scratch, target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=pathlib.Path, help="build tree")
    parser.add_argument("--copy", action="store_true", help="copy libraries instead of linking to the cache")
    parser.add_argument("--node", action="store_true", help="print the path of a node new enough for the console")
    parser.add_argument("--data", help="print the folder of this data set or server")
    parser.add_argument("--program", help="print the path of this program")
    parser.add_argument("--server", help="print the class path of this server")
    options = parser.parse_args()
    lock = json.loads(LOCK.read_text())
    if lock.get("format") != 1:
        sys.exit(f"fetch_deps: {LOCK} must have format 1, found {lock.get('format')!r}")
    tools = {tool["name"]: tool for tool in lock["tools"]}
    with open(cache_dir() / ".lock", "w") as guard:  # one fetch at a time over all build trees
        fcntl.flock(guard, fcntl.LOCK_EX)
        if options.node:
            print(find_node(tools))
        if options.data:
            sets = {part["name"]: part for part in lock["data"]}
            if options.data not in sets:
                sys.exit(f"fetch_deps: no data set {options.data!r}; the lock has {sorted(sets)}")
            print(unpacked(sets[options.data], tools))
        if options.program:
            programs = {name: tool for name, tool in tools.items() if tool["kind"] == "go"}
            if options.program not in programs:
                sys.exit(f"fetch_deps: no program {options.program!r}; the lock has {sorted(programs)}")
            print(built_program(programs[options.program], tools))
        if options.server:
            servers = {server["name"]: server for server in lock["servers"]}
            if options.server not in servers:
                sys.exit(f"fetch_deps: no server {options.server!r}; the lock has {sorted(servers)}")
            print(class_path(servers[options.server], tools))
        if options.into:
            for part in lock["parts"]:
                folder = unpacked(part, tools)
                for file in sorted(p for p in folder.rglob("*") if p.is_file()):
                    relative = file.relative_to(folder)
                    library = relative.parts[0] == "lib"
                    place(file, options.into / (relative if library else pathlib.Path("deps") / relative),
                          options.copy and library)


if __name__ == "__main__":
    main()
