"""A private S3 server for tests, and the client that fills it: neither is ours.

    store = ObjectStore(home)          # versitygw over a folder; refuses a wrong signature
    store.start()
    store.client.put_object(Bucket="shop", Key="a.csv", Body=b"…")   # boto3, as the owner of everything
    store.add_user("reader", "word"); store.allow("shop", "reader", "s3:ListBucket", "s3:GetObject")
    store.log()                        # what was asked of it: (operation, bucket, key)
"""

import json
import pathlib
import re
import shutil
import socket
import subprocess
import time

import boto3
import botocore.config
import botocore.exceptions
import pytest

from harness import ROOT, START_TIMEOUT_S, clean_environment, free_port

OWNER, SECRET = "owner", "owner/secret+key="
REGION = "eu-test-1"


def s3_client(address: str, access_key: str = OWNER, secret_key: str = SECRET, region: str = REGION):
    return boto3.client("s3", endpoint_url=address, region_name=region, aws_access_key_id=access_key,
                        aws_secret_access_key=secret_key,
                        config=botocore.config.Config(s3={"addressing_style": "path"}, max_pool_connections=16))


class ObjectStore:
    """versitygw on 127.0.0.1, in `home`; `arguments` are its further ones."""

    def __init__(self, home: pathlib.Path, *arguments: str, scheme: str = "http"):
        self.home = home
        self.arguments = arguments
        self.port = free_port()
        self.address = f"{scheme}://127.0.0.1:{self.port}"
        self.process: subprocess.Popen | None = None
        for folder in ("objects", "metadata", "users"):
            (home / folder).mkdir()
        self.program = subprocess.run([ROOT / "scripts" / "fetch_deps.py", "--program", "versitygw"], check=True,
                                      capture_output=True, text=True).stdout.strip()
        self.client = s3_client(self.address)

    def start(self) -> None:
        environment = clean_environment() | {"ROOT_ACCESS_KEY": OWNER, "ROOT_SECRET_KEY": SECRET}
        with open(self.home / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "--port", f"127.0.0.1:{self.port}", "--region", REGION, "--keep-alive", "--quiet",
                 "--iam-dir", self.home / "users", "--access-log", self.home / "access.log", *self.arguments,
                 "posix", "--sidecar", self.home / "metadata", self.home / "objects"],
                stdout=log, stderr=log, env=environment, cwd="/")
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    pytest.fail("the private S3 server did not start:\n" + (self.home / "server.log").read_text()[-3000:])
                time.sleep(0.05)

    def settings(self, bucket: str, access_key: str = OWNER, secret_key: str = SECRET) -> dict:
        return {"endpoint": self.address, "region": REGION, "bucket": bucket, "access_key": access_key,
                "secret_key": secret_key}

    def make_bucket(self, name: str) -> None:
        self.client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})

    def add_user(self, access_key: str, secret_key: str) -> None:
        subprocess.run([self.program, "admin", "--access", OWNER, "--secret", SECRET, "--region", REGION,
                        "--endpoint-url", self.address, "create-user", "--access", access_key, "--secret", secret_key,
                        "--role", "user"], check=True, capture_output=True, env=clean_environment(), cwd="/")

    def allow(self, bucket: str, who: str, *actions: str) -> None:
        """Lets `who` ("*": everybody) do these actions and nothing else."""
        places = {"s3:ListBucket": f"arn:aws:s3:::{bucket}", "s3:GetObject": f"arn:aws:s3:::{bucket}/*"}
        policy = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": who, "Action": action, "Resource": places[action]} for action in actions]}
        self.client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    def keys(self, bucket: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def read(self, bucket: str, key: str) -> bytes:
        return self.client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def log(self) -> list[tuple[str, str, str]]:
        """(operation, bucket, key) of each request, by the server's own log."""
        text = (self.home / "access.log").read_text(errors="replace")
        line = re.compile(r"^\S+ (\S+) \[[^]]*\] .*? s3_(\w+) (.*?) /", re.MULTILINE)
        return [(operation, bucket, key) for bucket, operation, key in line.findall(text)]

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)


class Moto:
    """A second dialect: moto's server on 127.0.0.1. It encodes keys where it is asked to, knows archives, and checks no
    signature. `home` gets its log."""

    def __init__(self, home: pathlib.Path, python: str):
        self.home = home
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.client = s3_client(self.address, region="us-east-1")
        self.python = python
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        with open(self.home / "moto.log", "ab") as log:
            self.process = subprocess.Popen([self.python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                                            stdout=log, stderr=log, env=clean_environment(), cwd=self.home)
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self.client.list_buckets()
                return
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                if time.monotonic() > deadline or self.process.poll() is not None:
                    pytest.fail("moto's server did not start:\n" + (self.home / "moto.log").read_text()[-3000:])
                time.sleep(0.1)

    def settings(self, bucket: str) -> dict:
        return {"endpoint": self.address, "bucket": bucket, "access_key": OWNER, "secret_key": SECRET}

    def remove(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)
