"""A disk that is full, has no inodes left or is read-only, in the middle of an import: a clear error, nothing half there,
and the next import works as soon as there is room. On a small file system of its own, which only root can mount."""

import contextlib
import os
import random
import subprocess

import pytest

needs_mount = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")


@contextlib.contextmanager
def small_disk(place, options: str):
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no mounts here: {mounted.stderr.decode()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def noise(path, rows: int):
    """A CSV file that packs badly."""
    generator = random.Random(7)
    with path.open("w") as file:
        file.write("id,text\n")
        for i in range(rows):
            file.write(f"{i},{generator.getrandbits(800):x}\n")
    return path


@needs_mount
def test_disk_full_in_the_middle(tmp_path, start_server, new_datasets):
    big = noise(tmp_path / "big.csv", 400_000)  # 80 MB; 40 MB and more as Parquet
    small = tmp_path / "small.csv"
    small.write_text("a\n1\n")
    with small_disk(tmp_path / "disk", "size=24m") as disk:
        data = disk / "data"
        data.mkdir()
        server = start_server(data)
        with server.client() as client:
            here = new_datasets(client, data)
            error = here.fail("big", big)
            assert error["code"] == "storage_full" and "No space left on device" in error["detail"], error
            assert "free some space" in error["hint"], error
            assert client.get("/api/v1/datasets/big").status_code == 404
            assert not list(data.glob("workspaces/*/datasets/*/*.parquet")), "no part is left"
            assert client.get("/readyz").status_code == 200, "the server itself goes on"
            here.load("small", small)
            assert here.rows("small") == [[1]]
        server.stop()


@needs_mount
def test_no_inodes_left(tmp_path, start_server, new_datasets):
    source = tmp_path / "small.csv"
    source.write_text("a\n1\n")
    with small_disk(tmp_path / "disk", "size=64m,nr_inodes=200") as disk:
        data = disk / "data"
        data.mkdir()
        server = start_server(data)
        with server.client() as client:
            here = new_datasets(client, data)
            here.load("first", source)
            filler = disk / "filler"
            filler.mkdir()
            with contextlib.suppress(OSError):
                for i in range(200):
                    (filler / str(i)).touch()
            answer = here.post("second", source={"path": str(source)})
            if answer.status_code == 202:
                job = here.wait(answer)
                assert job["state"] == "failed" and job["error"]["code"] == "storage_full", job
            else:
                assert answer.status_code == 507, answer.text
                assert "No space left on device" in answer.json()["detail"]
                assert "inodes" in answer.json()["hint"]
            assert client.get("/api/v1/datasets/second").status_code == 404
            for file in filler.iterdir():
                file.unlink()
            here.load("second", source)
            assert here.rows("second") == here.rows("first") == [[1]]
        server.stop()


@needs_mount
def test_read_only_folder(tmp_path, start_server, new_datasets):
    source = tmp_path / "small.csv"
    source.write_text("a\n1\n")
    with small_disk(tmp_path / "disk", "size=64m") as disk:
        data = disk / "data"
        data.mkdir()
        server = start_server(data)
        with server.client() as client:
            here = new_datasets(client, data)
            here.load("first", source)
            tables = next(data.glob("workspaces/*/datasets"))
            subprocess.run(["mount", "--bind", str(tables), str(tables)], check=True)
            subprocess.run(["mount", "-o", "remount,bind,ro", str(tables)], check=True)
            try:
                error = here.fail("second", source)
                assert error["code"] == "permission_denied" and "Read-only file system" in error["detail"], error
                assert "may be written" in error["hint"], error
                assert client.get("/api/v1/datasets/second").status_code == 404
                assert here.rows("first") == [[1]], "what is there can be read"
            finally:
                subprocess.run(["umount", "-l", str(tables)], check=True)
            here.load("second", source)
        server.stop()
