#!/usr/bin/env python3
"""What the image is made of, as SPDX 2.3: echod, the packages of Debian whose libraries it has, and
each file with its digest.

    sbom.py --root FOLDER --packages FILE --version VERSION --revision COMMIT

The file has the packages' names, one a line. SOURCE_DATE_EPOCH is when it was made; from the same
input comes the same output.
"""

import argparse
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import uuid

FIELDS = (
    "Package",
    "Version",
    "Architecture",
    "source:Package",
    "source:Version",
    "Maintainer",
    "Homepage",
)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    for name in "root", "packages", "version", "revision":
        parser.add_argument(f"--{name}", required=True)
    return parser.parse_args()


def identifier(kind, name):
    """Letters, digits, dots and hyphens are all that SPDX takes in one."""
    return f"SPDXRef-{kind}-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


def installed(name):
    """What dpkg knows of a package: {field: value}."""
    form = "\n".join(f"${{{field}}}" for field in FIELDS)
    found = subprocess.run(
        ["dpkg-query", "-W", "-f", form, name], check=True, text=True, capture_output=True
    )
    return dict(zip(FIELDS, found.stdout.split("\n")))


def debian_package(name):
    fields = installed(name)
    where = f"pkg:deb/debian/{fields['Package']}@{fields['Version']}?arch={fields['Architecture']}"
    return {
        "SPDXID": identifier("Package", fields["Package"]),
        "name": fields["Package"],
        "versionInfo": fields["Version"],
        "supplier": "Organization: Debian",
        "originator": "Person: " + fields["Maintainer"] if fields["Maintainer"] else "NOASSERTION",
        "sourceInfo": f"built from {fields['source:Package']} {fields['source:Version']}",
        "homepage": fields["Homepage"] or "NOASSERTION",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "licenseComments": f"/usr/share/doc/{fields['Package']}/copyright in the image",
        "copyrightText": "NOASSERTION",
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": where.replace("+", "%2B").replace("~", "%7E"),
            }
        ],
    }


def echod_package(version, revision):
    return {
        "SPDXID": "SPDXRef-Package-echod",
        "name": "echod",
        "versionInfo": version,
        "supplier": "NOASSERTION",
        "sourceInfo": f"built from the commit {revision}",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "ISC",
        "licenseDeclared": "ISC",
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "APPLICATION",
    }


def image_package(version):
    return {
        "SPDXID": "SPDXRef-Image",
        "name": "echod-image",
        "versionInfo": version,
        "supplier": "NOASSERTION",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "CONTAINER",
    }


def files_below(root):
    """Each regular file, in the order of its name, with its digests."""
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        name, data = str(path.relative_to(root)), path.read_bytes()
        yield {
            "SPDXID": identifier("File", name),
            "fileName": f"./{name}",
            "checksums": [
                {"algorithm": kind, "checksumValue": hashlib.new(kind.lower(), data).hexdigest()}
                for kind in ("SHA1", "SHA256")
            ],
            "licenseConcluded": "NOASSERTION",
            "copyrightText": "NOASSERTION",
        }


def relationships(packages, files):
    yield "SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Image"
    for part in packages[1:] + files:
        yield "SPDXRef-Image", "CONTAINS", part["SPDXID"]


def main():
    asked = arguments()
    names = pathlib.Path(asked.packages).read_text(encoding="utf-8").split()
    packages = [image_package(asked.version), echod_package(asked.version, asked.revision)]
    packages += map(debian_package, names)
    files = list(files_below(pathlib.Path(asked.root)))
    made = datetime.datetime.fromtimestamp(
        int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc
    )
    content = json.dumps([packages, files], sort_keys=True)
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"echod-image-{asked.version}",
        "documentNamespace": uuid.uuid5(uuid.NAMESPACE_URL, content).urn,
        "creationInfo": {
            "created": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: tools/image"],
        },
        "packages": packages,
        "files": files,
        "relationships": [
            {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
            for one, kind, other in relationships(packages, files)
        ],
    }
    print(json.dumps(document, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
