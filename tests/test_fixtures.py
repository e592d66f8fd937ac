"""The fixtures themselves."""

import psycopg


def test_postgres_is_private_and_answers(postgres):
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)


def test_node_has_the_tus_client(node, tmp_path):
    script = tmp_path / "probe.mjs"
    script.write_text('import { Upload } from "tus-js-client"; console.log(typeof Upload);')
    done = node(script)
    assert (done.returncode, done.stdout.strip()) == (0, "function"), done.stderr
