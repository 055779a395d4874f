import pytest

from gateway.http.errors import RouteConflict
from gateway.http.routes import Match, MethodNotAllowed, NotFound, Route, RouteTable


def table(*routes: Route) -> RouteTable:
    made = RouteTable()
    for route in routes:
        made.add(route)
    return made


def test_the_longest_prefix_wins_and_gives_the_rest() -> None:
    routes = table(Route("root"), Route("a", "/a"), Route("ab", "/a/b/"))
    assert routes.match("h", "/a/b/c/d", "GET") == Match("ab", "/c/d")
    assert routes.match("h", "/a/b", "GET") == Match("ab", "")
    assert routes.match("h", "/a/b/", "GET") == Match("ab", "/")
    assert routes.match("h", "/a/x", "GET") == Match("a", "/x")
    assert routes.match("h", "/", "GET") == Match("root", "/")


def test_a_prefix_ends_at_a_segment() -> None:
    assert table(Route("a", "/a")).match("h", "/ab", "GET") == NotFound()


@pytest.mark.parametrize("written", ["/größe", "/gr%C3%B6%C3%9Fe", "/gr%c3%b6%c3%9fe/"])
@pytest.mark.parametrize("sent", ["/gr%C3%B6%C3%9Fe", "/gr%c3%b6%c3%9fe"])
def test_a_path_in_another_script_is_found_as_it_is_sent(written: str, sent: str) -> None:
    assert table(Route("size", written)).match("h", f"{sent}/%5b", "GET") == Match("size", "/%5b")


def test_an_exact_host_comes_before_any_host_whatever_its_case_and_port() -> None:
    routes = table(Route("any", "/a/b"), Route("shop", "/a", "Shop.example"))
    for host in ("shop.example", "SHOP.example:8080", "shop.example.", "shop.example:"):
        assert routes.match(host, "/a/b", "GET") == Match("shop", "/b")
    assert routes.match("other:80", "/a/b", "GET") == Match("any", "")


def test_a_host_without_the_path_falls_back_to_any_host() -> None:
    routes = table(Route("any", "/x"), Route("shop", "/a", "shop"))
    assert routes.match("shop", "/x", "GET") == Match("any", "")


def test_an_ipv6_host_keeps_its_brackets() -> None:
    routes = table(Route("six", "/", "[::1]"))
    assert routes.match("[::1]:80", "/", "GET") == Match("six", "/")
    assert routes.match("[::1]", "/", "GET") == Match("six", "/")


def test_methods_of_one_path_may_have_different_owners() -> None:
    routes = table(
        Route("get", "/a", methods=frozenset(("GET",))),
        Route("post", "/a", methods=frozenset(("POST", "PUT"))),
    )
    assert routes.match("h", "/a", "GET") == Match("get", "")
    assert routes.match("h", "/a", "HEAD") == Match("get", "")
    assert routes.match("h", "/a", "PUT") == Match("post", "")
    assert routes.match("h", "/a", "DELETE") == MethodNotAllowed(("GET", "POST", "PUT"))


@pytest.mark.parametrize("methods", [frozenset(("GET", "POST")), frozenset(("*",))])
def test_a_claim_that_is_taken_is_refused_whole_and_names_both(methods: frozenset[str]) -> None:
    routes = table(Route("team-a/shop", "/a/", methods=frozenset(("POST",))))
    with pytest.raises(RouteConflict, match=r"team-b/cart.*/a.*team-a/shop"):
        routes.add(Route("team-b/cart", "/a", methods=methods))
    assert routes.match("h", "/a", "GET") == MethodNotAllowed(("POST",))


def test_any_method_conflicts_with_a_later_one() -> None:
    with pytest.raises(RouteConflict):
        table(Route("a", "/a"), Route("b", "/a", methods=frozenset(("GET",))))


def test_a_removed_route_is_gone_and_others_stay() -> None:
    get = Route("get", "/a", methods=frozenset(("GET",)))
    post = Route("post", "/a", methods=frozenset(("POST",)))
    routes = table(get, post)
    routes.remove(get)
    assert routes.match("h", "/a", "GET") == MethodNotAllowed(("POST",))
    routes.remove(post)
    routes.remove(post)
    assert routes.match("h", "/a", "POST") == NotFound()
    routes.add(get)
    assert routes.match("h", "/a", "GET") == Match("get", "")


def test_a_path_of_many_segments_costs_no_more_look_ups_than_the_deepest_prefix() -> None:
    routes = table(Route("a", "/a"))
    assert routes.match("h", "/a" + "/x" * 10_000, "GET") == Match("a", "/x" * 10_000)
    assert routes.match("h", "/b" * 10_000, "GET") == NotFound()
