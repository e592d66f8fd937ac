"""Servers of AI Mass for the measurements, with models in them."""

import pathlib

from harness import Server, wait_for_job


def import_model(client, name: str, path: pathlib.Path, deploy: bool = False) -> dict:
    """Registers a model file; with `deploy`, an endpoint of the same name routes to it."""
    answer = client.post("/api/v1/models/import", params={"name": name, "target": "y"}, content=path.read_bytes(),
                         headers={"Content-Type": "application/octet-stream"})
    answer.raise_for_status()
    job = wait_for_job(client, answer.json()["job"]["id"])
    if job["state"] != "succeeded":
        raise RuntimeError(f"import of {path}: {job}")
    if deploy:
        client.post("/api/v1/endpoints", json={"name": name, "routes": [{"model": name}]}).raise_for_status()
    return job["output"]


__all__ = ["Server", "import_model", "wait_for_job"]
