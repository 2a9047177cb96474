"""A real Prometheus with the configuration that we give as an example, and its promtool."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import urllib.parse
import urllib.request

import pytest

import kernel
import logs
from patience import PATIENCE, eventually

# Where tools/check has unpacked it; an installed one will do.
PROMETHEUS = os.environ.get("PROMETHEUS", "")
EXAMPLES = os.path.join(os.path.dirname(__file__), "../../etc/examples/prometheus")

# What the examples have for days is to pass in seconds here.
SCRAPES = "500ms"
RATES = "15s"


def program(name):
    """Its path; skips the test where it is not there."""
    path = shutil.which(name, path=f"{PROMETHEUS}/usr/bin{os.pathsep}{os.environ.get('PATH', '')}")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def promtool(*arguments, text=None):
    """Runs it among the examples; fails where it finds a fault."""
    result = subprocess.run(
        [program("promtool"), *arguments],
        cwd=EXAMPLES, input=text, capture_output=True, timeout=PATIENCE, check=False,
    )
    assert result.returncode == 0, (result.stdout + result.stderr).decode()
    return result.stdout.decode()


def example(name):
    with open(os.path.join(EXAMPLES, name), encoding="utf-8") as file:
        return file.read()


def expressions():
    """(the panel's title, expression) of all that the dashboard asks."""
    dashboard = json.loads(example("echod-dashboard.json"))
    asked = [
        (panel["title"], target["expr"])
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    ]
    asked += [(note["name"], note["expr"]) for note in dashboard["annotations"]["list"]]
    return asked


def filled_in(expression):
    """As Grafana would ask it, with its variables for all instances."""
    values = {"$job": "echod", "$instance": ".+", "$__rate_interval": RATES}
    return re.sub(r"\$\w+", lambda name: values[name.group()], expression)


class Prometheus:
    """One that scrapes `port` of this host and judges by the example's rules."""

    def __init__(self, workdir, port):
        self.folder = os.path.join(workdir, "prometheus")
        os.mkdir(self.folder)
        self.port = kernel.free_port()
        self.log = logs.Log()
        self._write("echod-rules.yml", example("echod-rules.yml"))
        text = example("prometheus.yml").replace("127.0.0.1:9007", f"127.0.0.1:{port}")
        text = re.sub(r"(_interval|scrape_timeout): \S+", rf"\1: {SCRAPES}", text)
        self._process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={self._write('prometheus.yml', text)}",
                f"--storage.tsdb.path={self.folder}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--query.lookback-delta=10s",
            ],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "GOMAXPROCS": "1"},
        )
        logs.follow_stderr(self.log, self._process.stderr)

    def _write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def wait_scraping(self):
        eventually(self._scrapes, "it scrapes")

    def _scrapes(self):
        assert self._process.poll() is None, "\n".join(self.log.lines)
        with contextlib.suppress(OSError):
            return self.number('up{job="echod"}') == 1
        return False

    def get(self, path, **parameters):
        """What it answers: its "data"."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            found = json.load(answer)
        assert found["status"] == "success"
        return found["data"]

    def query(self, expression):
        """[(labels, number)] of now."""
        data = self.get("query", query=expression)
        assert data["resultType"] == "vector", expression
        return [(each["metric"], float(each["value"][1])) for each in data["result"]]

    def number(self, expression):
        """The one number that there is, or None."""
        found = self.query(expression)
        assert len(found) <= 1, (expression, found)
        return found[0][1] if found else None

    def alerts(self):
        """{name: state}"""
        return {each["labels"]["alertname"]: each["state"] for each in self.get("alerts")["alerts"]}

    def stop(self):
        self._process.terminate()
        self._process.wait(PATIENCE)


@contextlib.contextmanager
def scraping(workdir, port):
    prometheus = Prometheus(workdir, port)
    try:
        prometheus.wait_scraping()
        yield prometheus
    finally:
        prometheus.stop()
