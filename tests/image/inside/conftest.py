"""The image is in podman's store before the first test."""

import pytest

import podman


@pytest.fixture(scope="session", autouse=True)
def store():
    podman.prepare()
