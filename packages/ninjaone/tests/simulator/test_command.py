import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from workflow_ninjaone.simulator.__main__ import parser

PREFIX = "ninjaone-simulator listening on "


@contextlib.contextmanager
def running(*arguments, **variables):
    """The command as a process; gives it and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "workflow_ninjaone.simulator", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )
    try:
        line = process.stdout.readline()
        assert line.startswith(PREFIX), process.stderr.read()
        yield process, line.removeprefix(PREFIX).strip()
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def post(url, data=b"", **headers):
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as response:
        return json.loads(response.read() or "null")


def get(url):
    with urllib.request.urlopen(url, timeout=10) as response:
        return json.loads(response.read())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_gracefully(number):
    """
    SIGTERM and SIGINT end it with code 0 and without a word.
    """
    with running() as (process, url):
        assert get(f"{url}/_simulator/health") == {"status": "ok"}
        process.send_signal(number)

        assert process.wait(10) == 0
        assert process.stderr.read() == ""


def test_restart(tmp_path):
    """
    With a state file, what has been done is still done after a restart; the secret may come from the environment.
    """
    state, journal = tmp_path / "state.json", tmp_path / "journal.jsonl"
    form = b"grant_type=client_credentials&client_id=me&client_secret=hush&scope=monitoring+management"
    arguments = ("--client-id", "me", "--state-file", str(state), "--journal-file", str(journal), "--fleet", "200")
    with running(*arguments, NINJAONE_SIMULATOR_CLIENT_SECRET="hush") as (process, url):
        token = post(f"{url}/ws/oauth/token", form)["access_token"]
        gone = get(f"{url}/_simulator/state")["alerts"][0]["uid"]
        post(f"{url}/v2/alert/{gone}/reset", Authorization=f"Bearer {token}")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0

    with running(*arguments) as (_, url):
        after = get(f"{url}/_simulator/state")

    assert gone not in [alert["uid"] for alert in after["alerts"]]
    assert after["fleet"]["size"] == 200
    assert [entry["uid"] for entry in after["journal"]] == [gone]
    assert "hush" not in state.read_text() + journal.read_text()


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "workflow_ninjaone.simulator", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_port_in_use():
    """
    A port in use is one line on standard error and code 1.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("--port", str(port))

    assert done.returncode == 1
    assert done.stderr == (f"ninjaone-simulator: port {port} on 127.0.0.1 is in use; choose another with --port\n")


@pytest.mark.parametrize("option", ["--seed-file", "--state-file"])
def test_bad_files(tmp_path, option):
    """
    A file that cannot be used is one line on standard error and code 1.
    """
    path = tmp_path / "bad.json"
    path.write_text("nonsense")
    done = run("--port", "0", option, str(path))

    assert done.returncode == 1
    assert done.stderr.startswith("ninjaone-simulator: cannot use the ")
    assert done.stderr.count("\n") == 1


def test_help():
    """
    The help names every option and shows no secret.
    """
    text = parser().format_help()

    for option in ("host", "port", "client-id", "client-secret", "scopes", "seed-file", "state-file", "redirect-uri"):
        assert f"--{option}" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("--fleet", "-1"),
        ("--consent", "maybe"),
        ("--port", "70000"),
        ("--port", "x"),
        ("--scopes", "all"),
        ("--scopes", ""),
        ("--token-seconds", "-1"),
    ],
)
def test_bad_options(arguments, capsys):
    """
    An option out of its range is refused by name.
    """
    with pytest.raises(SystemExit):
        parser().parse_args(arguments)

    assert arguments[0] in capsys.readouterr().err
