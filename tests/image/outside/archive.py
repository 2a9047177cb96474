"""The image as it lies there: manifest, configuration and files, and what these are said to be."""

import contextlib
import gzip
import io
import json
import os
import pathlib
import tarfile

FOLDER = pathlib.Path(os.environ["IMAGE"])
ARCHIVE = FOLDER / "echod.oci.tar"
BILL = json.loads((FOLDER / "echod.spdx.json").read_text(encoding="utf-8"))


def _blobs():
    with tarfile.open(ARCHIVE) as archive:
        return {
            member.name.removeprefix("blobs/sha256/"): archive.extractfile(member).read()
            for member in archive
            if member.isfile()
        }


def _find(blobs, described):
    return blobs[described["digest"].removeprefix("sha256:")]


BLOBS = _blobs()
INDEX = json.loads(BLOBS["index.json"])
MANIFEST = json.loads(_find(BLOBS, INDEX["manifests"][0]))
CONFIGURATION = json.loads(_find(BLOBS, MANIFEST["config"]))
(LAYER,) = MANIFEST["layers"]


@contextlib.contextmanager
def opened():
    """The one layer, as a tar file."""
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(_find(BLOBS, LAYER)))) as layer:
        yield layer


def files():
    """{path: content} of what is no folder and no link."""
    with opened() as layer:
        return {
            member.name: layer.extractfile(member).read() for member in layer if member.isfile()
        }
