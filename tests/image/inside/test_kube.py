"""The pod of container/kubernetes, played by podman."""

import re
import urllib.request

import podman
import pytest
from podman import Container, Stream

FILE = "/run/box/podman.yaml"
NAME = "echod-pod-0-echod"


@pytest.fixture
def pod():
    text = open(FILE, encoding="utf-8").read()
    podman.podman("tag", podman.IMAGE, re.search(r"image: (\S+)", text).group(1))
    podman.podman("kube", "play", FILE)
    running = Container(NAME)
    try:
        running.wait_log(" serving: ")
        yield running
    finally:
        running.wait_stopped()
        podman.podman("kube", "down", FILE, status=None)


def test_it_echoes_by_its_published_ports(pod):
    podman.assert_echoes()
    pod.probe()
    for path in "healthz", "readyz", "metrics":
        with urllib.request.urlopen(f"http://127.0.0.1:9007/{path}", timeout=10) as answer:
            assert answer.status == 200


def test_it_is_as_restricted_as_it_says(pod):
    fields = pod.fields()
    assert fields["Uid"] == ["65532"] * 4
    assert fields["CapBnd"] == fields["CapEff"] == ["0000000000000000"]
    assert fields["NoNewPrivs"] == ["1"]
    assert pod.root_options() >= {"ro"}


def test_nothing_is_lost_when_it_is_stopped(pod):
    streams = [Stream() for _ in range(20)]
    for stream in streams:
        stream.exchange()
    for stream in streams[:10]:
        stream.push()
    pod.stop(45)
    pod.wait_log("draining 20 connections")
    for stream in streams:
        stream.read_to_end()
    print(f"lost in the drain: 0 of {sum(stream.sent for stream in streams)} bytes")
    pod.wait_stopped()
    assert pod.status() == 0
