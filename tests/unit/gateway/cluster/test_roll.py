"""Who lives, by what was seen; the clock is the test's own."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.cluster.roll import LEAVING, Roll

LEASE, PATIENCE = 15.0, 7.5


class Seen:
    """A roll, its clock, and the Leases as others write them."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.roll = Roll("me", "me_1", PATIENCE, lambda: self.now)
        self.version = 0

    def renew(self, name: str, holder: str = "", **annotations: str) -> None:
        self.version += 1
        lease: dict[str, Any] = {
            "metadata": {
                "name": name,
                "resourceVersion": str(self.version),
                "annotations": annotations,
            },
            "spec": {"holderIdentity": holder or f"{name}_1", "leaseDurationSeconds": int(LEASE)},
        }
        self.roll.see(name, lease)

    def pass_time(self, seconds: float, *renewing: str) -> None:
        """Let time pass; `renewing` replicas renew every three seconds."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(self.now + 3, end)
            for name in renewing:
                self.renew(name)


@pytest.fixture
def seen() -> Seen:
    both = Seen()
    both.renew("me")
    both.renew("other")
    return both


def test_replicas_that_renew_share_the_work(seen: Seen) -> None:
    seen.pass_time(60, "me", "other")
    assert seen.roll.sharing() == {"me", "other"}
    assert seen.roll.alive("other_1")


def test_a_replica_that_is_silent_for_its_lease_is_dead(seen: Seen) -> None:
    seen.pass_time(12, "me")
    assert seen.roll.sharing() == {"me", "other"}
    seen.pass_time(3.5, "me")
    assert seen.roll.sharing() == {"me"}
    assert not seen.roll.alive("other_1")


def test_it_is_known_when_to_look_again(seen: Seen) -> None:
    seen.pass_time(6, "me")
    assert seen.roll.next_end() == pytest.approx(9.0)
    seen.pass_time(30, "me")
    assert seen.roll.next_end() is None


def test_who_hears_nothing_declares_nobody_dead(seen: Seen) -> None:
    seen.pass_time(600)
    assert seen.roll.sharing() == {"me", "other"}
    assert seen.roll.alive("other_1")


def test_after_deafness_the_others_get_a_whole_lease(seen: Seen) -> None:
    seen.pass_time(600)
    seen.renew("me")
    seen.pass_time(12, "me")
    assert seen.roll.sharing() == {"me", "other"}
    seen.pass_time(6, "me")
    assert seen.roll.sharing() == {"me"}


def test_who_leaves_takes_no_work_but_lives(seen: Seen) -> None:
    seen.renew("other", **{LEAVING: "true"})
    assert seen.roll.sharing() == {"me"}
    assert seen.roll.alive("other_1")
    seen.roll.forget("other")
    assert not seen.roll.alive("other_1")


def test_a_successor_of_the_same_name_ends_its_predecessor(seen: Seen) -> None:
    seen.renew("other", holder="other_2")
    assert seen.roll.alive("other_2")
    assert not seen.roll.alive("other_1")
    assert seen.roll.sharing() == {"me", "other"}


def test_the_lease_of_our_predecessor_is_no_sign_that_we_hear() -> None:
    seen = Seen()
    seen.renew("me", holder="me_0")
    seen.renew("other")
    seen.pass_time(60)
    assert seen.roll.sharing() == {"me", "other"}
    assert seen.roll.alive("me_0")


def test_a_dead_lease_is_kept_for_a_while_and_then_forgotten(seen: Seen) -> None:
    seen.pass_time(60, "me")
    assert seen.roll.long_dead() == []
    seen.pass_time(300, "me")
    assert [name for name, _ in seen.roll.long_dead()] == ["other"]
