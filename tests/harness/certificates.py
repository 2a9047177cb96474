"""Certificates of any time, put where a listener has them, and what its clients are presented."""

import contextlib
import datetime
import itertools
import os
import shutil
import ssl
import subprocess
import tempfile

import tls
from echod import listener, run

BUILT = " +openssl" in run("-V").stdout and shutil.which("openssl") is not None
DAY = datetime.timedelta(days=1)
numbers = itertools.count()

# What openssl-ca(1) needs to sign for any time.
_CA = """[ca]
default_ca = it
[it]
database = {0}/index
new_certs_dir = {0}
serial = {0}/serial
default_md = sha256
policy = any
[any]
commonName = supplied
"""


def of_time(begin, end, subject="echod"):
    """A certificate that signed itself, valid from so many days from now to so many."""
    made = tls.Pair(*(f"{tls.folder().name}/of-{next(numbers)}.{kind}" for kind in ("pem", "key")))
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", made.key)
    now = datetime.datetime.now(datetime.timezone.utc)
    # Half an hour behind, so that whole days are left for a while.
    times = ((now + day * DAY + DAY / 48).strftime("%Y%m%d%H%M%SZ") for day in (begin, end))
    with tempfile.TemporaryDirectory() as folder:
        for name, text in ("config", _CA.format(folder)), ("index", ""), ("serial", "01\n"):
            with open(f"{folder}/{name}", "w", encoding="ascii") as file:
                file.write(text)
        request = f"{folder}/request"
        tls.openssl("req", *key, "-subj", f"/CN={subject}", "-out", request)
        signing = ("-batch", "-notext", "-selfsign", "-in", request, "-keyfile", made.key)
        options = zip(("-startdate", "-enddate"), times)
        tls.openssl("ca", "-config", f"{folder}/config", *signing, *itertools.chain(*options),
                    "-out", made.certificate)  # fmt: skip
    return made


def end_of(pair):
    """As `date +%s` has it."""
    shown = subprocess.run(
        ("openssl", "x509", "-noout", "-enddate", "-in", pair.certificate),
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return int(ssl.cert_time_to_seconds(shown.strip().removeprefix("notAfter=")))


def put(pair, folder, mode=0o600):
    """Copies both into `folder`, each at once, as who renews them does; returns their paths."""
    there = tls.Pair(f"{folder}/certificate.pem", f"{folder}/key.pem")
    for source, target in zip(pair, there):
        shutil.copy(source, f"{target}.new")
        os.chmod(f"{target}.new", mode)
        os.replace(f"{target}.new", target)
    return there


def secure(pair, name="echo-tls", **options):
    """A TLS listener that presents it."""
    options = {"certificate": [pair.certificate], "key": [pair.key], **options}
    return listener(name, protocol="tls", **options)


def client(verified_by=None, **settings):
    """The context of a client that takes any certificate, or those that `verified_by` signed."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED if verified_by else ssl.CERT_NONE
    if verified_by:
        made.load_verify_locations(verified_by)
    for name, value in settings.items():
        setattr(made, name, value)
    return made


@contextlib.contextmanager
def secured(daemon, name="echo-tls", context=None, **wrapping):
    """A connection over TLS to a listener of `daemon`."""
    with (context or client()).wrap_socket(daemon.connect(name), **wrapping) as peer:
        yield peer


def is_presented(daemon, pair, name="echo-tls", **wrapping):
    """Whether a new connection has this certificate, and is served."""
    with secured(daemon, name, **wrapping) as peer:
        peer.sendall(b"who are you?")
        assert peer.recv(64) == b"who are you?"
        return ssl.DER_cert_to_PEM_cert(peer.getpeercert(True)) == tls.read(pair.certificate)


def one():
    """What a test presents that is not about it."""
    return tls.pair("localhost", days=60)


VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def of(version, **settings):
    """A client that speaks this version alone."""
    return client(
        minimum_version=VERSIONS[version], maximum_version=VERSIONS[version], **settings
    )


def offering(*protocols, **settings):
    """A client that offers these protocols."""
    made = client(**settings)
    made.set_alpn_protocols(protocols)
    return made


def with_certificate(pair):
    """A client that shows this one."""
    made = client()
    made.load_cert_chain(*pair)
    return made


def demanding(demand):
    """The options of a listener that asks for certificates of clients."""
    if demand == "none":
        return {}
    return {"client_ca": tls.authority().certificate, "client_certificate": demand}
