"""Private registries of packages in the cluster, behind a password, and a proxy to others."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from tests.e2e.cluster import Cluster, Object
from tests.e2e.objects import pod
from tests.fakes.package_proxy import COMPOSER, PASSWORD, USER, Pages

HOST = "packages"
URL = f"https://{HOST}:8443"
"""What is below it is shown to those who trust its authority and log in."""

PROXY = f"http://{HOST}:8080"
"""The only way to registries of other names."""

_UNPACK = """
import base64, io, sys, tarfile
with tarfile.open(fileobj=io.BytesIO(base64.b64decode(sys.stdin.read()))) as archive:
    archive.extractall("/tmp/pages")
"""

_SCRIPT = """
import base64, os, ssl, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urlsplit

USER, PASSWORD = os.environ["USER"], os.environ["PASSWORD"]
LOGIN = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
PAGES = Path("/tmp/pages")

class Registry(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Else head and body are two packets, of which the second waits for the first to be confirmed.
    wbufsize = -1

    def do_GET(self):
        # A proxy is asked for whole URLs.
        url = urlsplit(self.path)
        page = PAGES / quote((url.hostname or os.environ["HOST"]) + url.path, safe="")
        if self.headers["authorization"] not in ("Basic " + LOGIN, "Bearer " + PASSWORD):
            self.answer(401)
        elif page.is_file():
            self.answer(200, page.read_bytes())
        else:
            self.answer(404)

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("content-type", "text/html")
        if status == 401:
            self.send_header("www-authenticate", 'Basic realm="packages"')
        self.end_headers()
        self.wfile.write(body)

plain = ThreadingHTTPServer(("", 8080), Registry)
secure = ThreadingHTTPServer(("", 8443), Registry)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/certificate/tls.crt", "/certificate/tls.key")
secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
threading.Thread(target=plain.serve_forever).start()
secure.serve_forever()
"""


@contextmanager
def registries(
    cluster: Cluster, authority: trustme.CA, hosts: Mapping[str, Pages]
) -> Iterator[None]:
    """Show pages for the length of the block: those of `HOST` at `URL`, all others by `PROXY`."""
    secrets = (_certificate(authority), login(f"{HOST}-login", PASSWORD, authority))
    objects = [*secrets, *_server(cluster)]
    cluster.apply(*objects)
    try:
        cluster.wait(f"pod/{HOST}", "Ready")
        words = ("exec", "--stdin", HOST, "--", "python", "-c", _UNPACK)
        cluster.kubectl(*words, stdin=_packed(hosts))
        yield
    finally:
        names = (f"{one['kind']}/{one['metadata']['name']}" for one in objects)
        cluster.kubectl("delete", *names, "--grace-period=0", "--force")


def login(name: str, password: str, authority: trustme.CA) -> Object:
    """Return a Secret with a password, and what installers need beside it."""
    basic = {"username": USER, "password": password}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": {
            "user": USER,
            "password": password,
            "login": f"{USER}:{password}",
            "composer": json.dumps({"http-basic": {COMPOSER: basic}}),
            "ca.crt": authority.cert_pem.bytes().decode(),
            "settings.xml": _MAVEN_SETTINGS,
            "pip.conf": f"[global]\nindex-url = {logged_in(f'{USER}:{password}')}/simple/\n",
        },
        "data": {"trust.p12": base64.b64encode(_trust_store(authority)).decode()},
    }


def logged_in(login: str) -> str:
    """Return `URL` with a user and a password."""
    return URL.replace("//", f"//{login}@")


TRUST_STORE_PASSWORD = "changeit"
_MAVEN_SETTINGS = f"""\
<settings>
  <servers><server>
    <id>{HOST}</id>
    <username>${{env.REGISTRY_USER}}</username>
    <password>${{env.REGISTRY_PASSWORD}}</password>
  </server></servers>
  <mirrors><mirror><id>{HOST}</id><mirrorOf>*</mirrorOf><url>{URL}/m2</url></mirror></mirrors>
</settings>
"""


def _trust_store(authority: trustme.CA) -> bytes:
    """Return the authority in the form in which Java reads those that it trusts."""
    certificate = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    trusted = [pkcs12.PKCS12Certificate(certificate, HOST.encode())]
    encryption = BestAvailableEncryption(TRUST_STORE_PASSWORD.encode())
    return pkcs12.serialize_java_truststore(trusted, encryption)


def _certificate(authority: trustme.CA) -> Object:
    pair = authority.issue_cert(HOST)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{HOST}-certificate"},
        "type": "kubernetes.io/tls",
        "stringData": {
            "tls.crt": pair.cert_chain_pems[0].bytes().decode(),
            "tls.key": pair.private_key_pem.bytes().decode(),
        },
    }


def _server(cluster: Cluster) -> Iterator[Object]:
    made = pod(HOST, cluster.images.interpreter, ["python", "-c", _SCRIPT])
    labels = made["metadata"]["labels"] = {"app": HOST}
    container = made["spec"]["containers"][0]
    container["env"] = [
        {"name": "HOST", "value": HOST},
        *(
            {
                "name": key.upper(),
                "valueFrom": {"secretKeyRef": {"name": f"{HOST}-login", "key": key}},
            }
            for key in ("user", "password")
        ),
    ]
    container["readinessProbe"] = {"tcpSocket": {"port": 8443}, "periodSeconds": 1}
    container["volumeMounts"].append({"name": "certificate", "mountPath": "/certificate"})
    volume = {"name": "certificate", "secret": {"secretName": f"{HOST}-certificate"}}
    made["spec"]["volumes"].append(volume)
    ports = [{"name": name, "port": port} for name, port in (("plain", 8080), ("secure", 8443))]
    yield made
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": HOST},
        "spec": {"selector": labels, "ports": ports},
    }


def _packed(hosts: Mapping[str, Pages]) -> str:
    """Return the pages as an archive in base64, each in a file that is named as it is asked for."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for host, pages in hosts.items():
            for path, content in pages.items():
                member = tarfile.TarInfo(quote(host + path, safe=""))
                member.size, member.mode = len(content), 0o644
                archive.addfile(member, io.BytesIO(content))
    return base64.b64encode(made.getvalue()).decode()
