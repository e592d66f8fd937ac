#!/usr/bin/env python3
"""The retail example, from a raw sales log to a live prediction, by commands that a user could type.

    demo.py          starts a server on the next free port, and runs every step that is not done yet
    demo.py --stop   ends that server

Everything lies in build/demo (AIMASS_DEMO_DATA overrides it), so a second run reuses it. The same, declaratively:
`aimass solutions apply retail --files FOLDER`.
"""

import argparse
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
AIMASS = pathlib.Path(os.environ.get("AIMASS_BINARY") or ROOT / "build" / "aimass")
DATA = pathlib.Path(os.environ.get("AIMASS_DEMO_DATA") or ROOT / "build" / "demo")
SOLUTION = "solutions/retail"
FIRST_PORT = 8080
READY_S = 30

# Ranks the customers of the last month-end by recency alone and gives that ranking's AUC: the share of
# (buyer, non-buyer) pairs in which the buyer bought more recently; ties count half.
RECENCY_AUC = """
WITH test AS (SELECT recency_days, buys_again = 'yes' AS bought FROM retail_customers
              WHERE cutoff = (SELECT max(cutoff) FROM retail_customers)),
ranked AS (SELECT bought, rank() OVER (ORDER BY recency_days DESC)
                          + (count(*) OVER (PARTITION BY recency_days) - 1) / 2.0 AS place FROM test),
sums AS (SELECT sum(place) FILTER (bought) AS places, count(*) FILTER (bought) AS yes,
                count(*) FILTER (NOT bought) AS no FROM ranked)
SELECT (places - yes * (yes + 1) / 2.0) / (CAST(yes AS DOUBLE) * no) AS auc FROM sums
"""

UNUSED_LINES = """
SELECT count(*) FILTER (Quantity <= 0 OR Invoice LIKE 'C%') AS returned,
       count(*) FILTER (Quantity > 0 AND Invoice NOT LIKE 'C%' AND "Customer ID" IS NULL) AS no_customer,
       count(*) FILTER (Quantity > 0 AND Invoice NOT LIKE 'C%' AND "Customer ID" IS NOT NULL AND Price <= 0)
         AS zero_price
FROM retail_sales
"""

# One customer of the last month-end, picked by name so that every run shows the same one.
ONE_CUSTOMER = """
SELECT * EXCLUDE (buys_again) FROM retail_customers
WHERE cutoff = (SELECT max(cutoff) FROM retail_customers) AND orders_all >= 5
ORDER BY customer LIMIT 1
"""


def say(text: str = "") -> None:
    print(text, flush=True)


def run(*arguments: str) -> None:
    """Shows a command as a user would type it, runs it, and lets it print."""
    say("\n$ " + shlex.join(["aimass", *arguments]))
    done = subprocess.run([AIMASS, *arguments], cwd=ROOT, env=environment())
    if done.returncode != 0:
        sys.exit(f"demo: that command failed (exit code {done.returncode})")


def ask(*arguments: str):
    """Runs a command with --json and returns its answer; None where it failed."""
    done = subprocess.run([AIMASS, *arguments, "--json"], cwd=ROOT, env=environment(), capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def query(sql: str) -> dict:
    answer = ask("sql", sql)
    if answer is None or not answer["rows"]:
        sys.exit("demo: the server did not answer a question about the data; see build/demo/logs")
    return dict(zip([column["name"] for column in answer["columns"]], answer["rows"][0]))


def environment() -> dict:
    return os.environ | {"AIMASS_DATA": str(DATA)}


def running_server() -> dict | None:
    try:
        server = json.loads((DATA / "server.json").read_text())
        with urllib.request.urlopen(server["address"] + "/healthz", timeout=5):
            return server
    except (OSError, ValueError, KeyError, urllib.error.URLError):
        return None


def free_port() -> int:
    for port in range(FIRST_PORT, FIRST_PORT + 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    sys.exit(f"demo: no free port between {FIRST_PORT} and {FIRST_PORT + 199}")


def start_server() -> dict:
    server = running_server()
    if server:
        say(f"The server of an earlier run is up: {server['address']}")
        return server
    DATA.mkdir(parents=True, exist_ok=True)
    arguments = ["serve", "--data", str(DATA), "--listen", f"127.0.0.1:{free_port()}"]
    say("$ " + shlex.join(["aimass", *arguments]) + " &")
    with open(DATA.parent / "demo-server.log", "a") as log:
        process = subprocess.Popen([AIMASS, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   start_new_session=True)
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        server = running_server()
        if server:
            return server
        if process.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit(f"demo: the server did not start; see {log.name}")


def stop_server() -> None:
    server = running_server()
    if not server:
        say("No server of the demonstration is running.")
        return
    os.kill(server["pid"], signal.SIGTERM)
    for _ in range(200):
        if running_server() is None:
            say(f"Stopped the server at {server['address']}. Its data stays in {DATA}.")
            return
        time.sleep(0.1)
    sys.exit(f"demo: the server (process {server['pid']}) did not stop within 20 s")


def dataset_step(name: str, *arguments: str) -> None:
    if ask("datasets", "show", name):
        say(f"\nThe dataset {name} is there already.")
    else:
        run("datasets", *arguments)


def prepare_data() -> None:
    fetch = [sys.executable, str(ROOT / "scripts" / "fetch_deps.py"), "--data", "online-retail"]
    folder = subprocess.run(fetch, check=True, capture_output=True, text=True).stdout.strip()
    dataset_step("retail_sales", "import", "retail_sales", f"{folder}/online_retail.csv.xz")
    sales = ask("datasets", "show", "retail_sales")
    unused = query(UNUSED_LINES)
    say(f"\n{sales['rows']:,} sales lines in, {sales['rejected_rows']:,} unreadable. Not used for the model: "
        f"{unused['returned']:,} returned or cancelled, {unused['no_customer']:,} without a customer, "
        f"{unused['zero_price']:,} at no price.")
    for name in ("clean", "returns", "customers"):
        dataset_step(f"retail_{name}", "derive", f"retail_{name}", "--sql-file", f"{SOLUTION}/{name}.sql")


def train_and_deploy() -> None:
    if ask("endpoints", "show", "buys-again"):
        say("\nThe model is trained and deployed already.")
        return
    run("train", "retail_customers", "--target", "buys_again", "--time-column", "cutoff", "--drop", "customer", "--drop", "cutoff",
        "--time", "40s", "--name", "retail_buys_again", "--deploy", "buys-again")


def predict(server: dict) -> None:
    customer = query(ONE_CUSTOMER)
    row = json.dumps(customer, ensure_ascii=False)
    run("predict", "buys-again", "--row", row, "--explain")
    answer = ask("predict", "buys-again", "--row", row, "--explain")
    prediction = answer["predictions"][0]
    model = ask("models", "show", "retail_buys_again")
    auc = model["versions"][0]["metrics"]["auc"]
    recency = query(RECENCY_AUC)["auc"]
    contributions = [c for c in prediction["explanation"]["contributions"] if c["contribution"] != 0]
    strongest = sorted(contributions, key=lambda c: -abs(c["contribution"]))[:3]

    say("\n" + "=" * 78)
    say(f"Does a customer buy again within 90 days? On {customer['cutoff']}, a day the model never saw:")
    say(f"  AUC of the model {auc:.3f}; of ranking by the last purchase alone {recency:.3f}.")
    say(f"Customer {customer['customer']}: {prediction['probabilities']['yes']:.0%} likely to buy again, because of")
    for reason in strongest:
        direction = "speaks for it" if reason["contribution"] > 0 else "speaks against it"
        say(f"  {reason['column']} = {reason['value']}  ({direction}, {reason['contribution']:+.2f})")
    say(f"\nServer   {server['address']}    every call: {server['address']}/docs    report: aimass models report "
        "retail_buys_again --html report.html")
    body = json.dumps({"rows": [customer], "explain": True}, ensure_ascii=False)
    key = (DATA / "admin.key").as_posix()
    say("Ask it yourself:\n"
        f"  curl -s -H \"Authorization: Bearer $(cat {shlex.quote(key)})\" -H 'Content-Type: application/json' \\\n"
        f"    -d {shlex.quote(body)} \\\n    {server['address']}/api/v1/endpoints/buys-again/predict")
    say(f"Type `export AIMASS_DATA={shlex.quote(str(DATA))}` and go on with build/aimass; `make stop` ends the server.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stop", action="store_true", help="end the server")
    if parser.parse_args().stop:
        stop_server()
        return
    started = time.monotonic()
    server = start_server()
    prepare_data()
    train_and_deploy()
    predict(server)
    say(f"\nDone in {time.monotonic() - started:.0f} s.")


if __name__ == "__main__":
    main()
