"""HTTPTriggers behind a real ingress controller, and a real controller of the Gateway API."""

from __future__ import annotations

import base64
import hashlib
import http.client
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest
import trustme

from tests.e2e.callers import callers
from tests.e2e.cluster import Cluster, Object, eventually
from tests.e2e.objects import function, trigger
from tests.e2e.traefik import GATEWAY, HOME, NGINX, PORT, SECURE_PORT, TRAEFIK, traefik
from tests.fakes.installed import NotToBeHad

CODE = """\
def run(event, context):
    request = event["extensions"]["request"]
    return f"{request.method} {request.path}"
"""
ORIGIN = "https://shop.example.com"
ANY = ("*", ORIGIN)
ALLOWED = "access-control-allow-origin"

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of a call."""

    status: int
    text: str
    headers: Message


@dataclass(frozen=True, slots=True)
class Edge:
    """The ingress controller, at two ports of this machine."""

    port: int
    secure_port: int

    def ask(
        self, url: str, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> Answer:
        """Call once; `url` is a host and a path."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as plain:
            return _ask(plain, url, method, headers or {})

    def ask_safely(self, url: str, authority: trustme.CA) -> Answer:
        """Call by TLS, with trust in `authority` alone."""
        context = ssl.create_default_context()
        authority.configure_trust(context)
        host = url.partition("/")[0]
        with (
            socket.create_connection(("127.0.0.1", self.secure_port), timeout=30) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            return _ask(secure, url, "GET", {})


def _ask(connected: socket.socket, url: str, method: str, headers: Mapping[str, str]) -> Answer:
    host, _, path = url.partition("/")
    connection = http.client.HTTPConnection(host)
    connection.sock = connected
    connection.request(method, f"/{path}", headers=dict(headers))
    with connection.getresponse() as answer:
        return Answer(answer.status, answer.read().decode(), answer.headers)


@pytest.fixture(scope="module")
def edge(cluster: Cluster) -> Iterator[Edge]:
    """Traefik, and a function to lead to."""
    image = cluster.images.needed("traefik")
    with ExitStack() as stack:
        try:
            stack.enter_context(traefik(cluster, image))
        except NotToBeHad as error:
            pytest.skip(str(error))
        cluster.apply(function(cluster.images, "behind-edge", CODE))
        cluster.wait("function/behind-edge", "Ready")
        ports = [
            stack.enter_context(cluster.forwarded(HOME, "deployment/traefik", port))
            for port in (PORT, SECURE_PORT)
        ]
        yield Edge(*ports)


def _route(name: str, **spec: object) -> Object:
    """Return an HTTPTrigger of a host and a path of its own."""
    place = {"function_name": "behind-edge", "host_name": f"{name}.example.com", "path": "orders"}
    return trigger("HTTPTrigger", name, **{**place, **spec})


def _until(look: Callable[[], Answer], status: int) -> Answer:
    """Return the first answer of that status: proxies tell nobody when they have read a change."""
    answers: list[Answer] = []

    def is_so() -> bool:
        answers.append(look())
        return answers[-1].status == status

    eventually(is_so, f"no answer with {status}")
    return answers[-1]


@pytest.fixture(params=[TRAEFIK, NGINX])
def edge_class(request: pytest.FixtureRequest) -> str:
    """A class of Ingress: its name is the family, and what it is for."""
    name: str = request.param
    return name


@pytest.mark.parametrize("via", ["gateway", "function"])
def test_calls_of_its_host_and_path_reach_the_function(
    cluster: Cluster, edge: Edge, edge_class: str, via: str
) -> None:
    name = f"{edge_class}-{via}"
    cluster.apply(_route(name, gateway=edge_class, via=via))
    cluster.wait(f"httptrigger/{name}", "Ready")
    answer = _until(lambda: edge.ask(f"{name}.example.com/orders/7?size=2"), 200)
    # The gateway hands on what is below the trigger's path; past it, the whole is there.
    assert answer.text == {"gateway": "GET /7", "function": "GET /orders/7"}[via]
    if via == "gateway":
        # Traefik leads here what merely begins with the path, unless it is told to be strict.
        assert edge.ask(f"{name}.example.com/ordersheet").status == 404
    assert edge.ask(f"other-{name}.example.com/orders").status == 404
    cluster.kubectl("delete", "httptrigger", name)
    _until(lambda: edge.ask(f"{name}.example.com/orders"), 404)


def test_the_certificate_of_a_secret_is_shown(
    cluster: Cluster, edge: Edge, edge_class: str, tmp_path: Path
) -> None:
    name = f"{edge_class}-tls"
    authority = trustme.CA()
    pair = authority.issue_cert(f"{name}.example.com")
    pair.private_key_pem.write_to_path(str(tmp_path / "key"))
    pair.cert_chain_pems[0].write_to_path(str(tmp_path / "crt"))
    files = (f"--key={tmp_path / 'key'}", f"--cert={tmp_path / 'crt'}")
    cluster.kubectl("create", "secret", "tls", name, *files)
    cluster.apply(_route(name, gateway=edge_class, tls_secret=name))

    def is_shown() -> bool:
        try:
            return edge.ask_safely(f"{name}.example.com/orders", authority).status == 200
        except ssl.SSLCertVerificationError:
            return False

    eventually(is_shown, "the certificate is not shown")


def test_only_users_of_the_secret_are_let_in(cluster: Cluster, edge: Edge, edge_class: str) -> None:
    name = f"{edge_class}-users"
    users = f"auth=ada:{{SHA}}{base64.b64encode(hashlib.sha1(b'teapot').digest()).decode()}"
    cluster.kubectl("create", "secret", "generic", name, f"--from-literal={users}")
    cluster.apply(_route(name, gateway=edge_class, basic_auth_secret=name))
    url = f"{name}.example.com/orders"
    _until(lambda: edge.ask(url), 401)
    assert edge.ask(url, _login("ada", "kettle")).status == 401
    assert edge.ask(url, _login("ada", "teapot")).status == 200


def _login(user: str, password: str) -> dict[str, str]:
    words = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"authorization": f"Basic {words}"}


def test_other_origins_may_ask_until_that_is_taken_back(
    cluster: Cluster, edge: Edge, edge_class: str
) -> None:
    name = f"{edge_class}-cors"
    url = f"{name}.example.com/orders"
    cluster.apply(_route(name, gateway=edge_class, cors_enable=True))
    asked = {"origin": ORIGIN, "access-control-request-method": "PUT"}
    _until(lambda: edge.ask(url, {"origin": ORIGIN}), 200)
    before = edge.ask(url, asked, "OPTIONS")
    assert before.headers[ALLOWED] in ANY
    assert "PUT" in before.headers["access-control-allow-methods"]
    assert edge.ask(url, {"origin": ORIGIN}).headers[ALLOWED] in ANY
    cluster.apply(_route(name, gateway=edge_class))
    eventually(
        lambda: edge.ask(url, {"origin": ORIGIN}).headers[ALLOWED] is None,
        "other origins are still let in",
    )


def test_callers_of_the_edge_do_not_notice_a_new_gateway(cluster: Cluster, edge: Edge) -> None:
    host = f"traefik.{HOME}.svc"
    cluster.apply(_route("lasting", gateway=TRAEFIK, host_name=host))
    _until(lambda: edge.ask(f"{host}/orders"), 200)
    with callers(cluster, host, "/orders") as calls:
        cluster.replace_gateway()
    assert (calls.failed, calls.closed, calls.sent > 100) == ([], 0, True)
    cluster.kubectl("delete", "httptrigger", "lasting")


def test_a_gateway_of_the_gateway_api_serves_a_route(cluster: Cluster, edge: Edge) -> None:
    url = "route.example.com/orders"
    spec = {"gatewayRef": {"name": GATEWAY}}
    cluster.apply(_route("route", **spec, methods=["PUT", "GET"]))
    # The controller may have looked for the API before it was there, and looks again in a minute.
    cluster.wait("httptrigger/route", "Published")
    answer = _until(lambda: edge.ask(f"{url}/7"), 200)
    assert answer.text == "GET /7"
    assert edge.ask(url, method="PUT").text.startswith("PUT /")
    assert edge.ask(url, method="POST").status == 404
    cluster.apply(_route("route", **spec, methods=["POST"], via="function"))
    _until(lambda: edge.ask(f"{url}/7", method="POST"), 200)
    assert edge.ask(f"{url}/7", method="POST").text == "POST /orders/7"
    assert edge.ask(url).status == 404
    cluster.kubectl("delete", "httptrigger", "route")
    _until(lambda: edge.ask(url, method="POST"), 404)


def test_a_route_of_a_gateway_that_is_not_there_says_so(cluster: Cluster, edge: Edge) -> None:
    cluster.apply(_route("nowhere", gatewayRef={"name": "no-such-gateway"}))
    eventually(
        lambda: cluster.condition("httptrigger", "nowhere", "Published").get("reason"),
        "the trigger says nothing of its Gateway",
    )
    told = cluster.condition("httptrigger", "nowhere", "Published")
    assert (told["status"], told["reason"]) == ("Unknown", "Pending")
