"""What changed, told from before and after."""

from __future__ import annotations

from tidegate.kube.objects import Object, ObjectKey, key_of, lean, owner_reference
from tidegate.kube.store import Change, Delta, Store


def _object(name: str, version: int, uid: str = "u") -> Object:
    metadata = {"namespace": "a", "name": name, "uid": uid, "resourceVersion": str(version)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def _told(deltas: list[Delta]) -> list[tuple[Change, str]]:
    return [(delta.change, delta.key.name) for delta in deltas]


def test_the_same_version_is_no_change() -> None:
    store = Store()
    assert _told(store.put(_object("one", 1))) == [(Change.ADDED, "one")]
    assert store.put(_object("one", 1)) == []
    assert _told(store.put(_object("one", 2))) == [(Change.CHANGED, "one")]


def test_a_delta_has_what_was_and_what_is() -> None:
    store = Store()
    old, new = _object("one", 1), _object("one", 2)
    key = key_of(old)
    assert store.put(old) == [Delta(Change.ADDED, key, None, old)]
    assert store.put(new) == [Delta(Change.CHANGED, key, old, new)]
    assert store.remove(key) == [Delta(Change.DELETED, key, new, None)]
    assert store.remove(key) == []


def test_an_object_made_anew_is_deleted_and_added() -> None:
    store = Store()
    store.put(_object("one", 1, "first"))
    assert _told(store.put(_object("one", 5, "second"))) == [
        (Change.DELETED, "one"),
        (Change.ADDED, "one"),
    ]


def test_a_replacement_tells_the_difference_only() -> None:
    store = Store()
    for name in ("kept", "changed", "lost"):
        store.put(_object(name, 1))
    listed = [_object("kept", 1), _object("changed", 2), _object("found", 3)]
    deltas = store.replace({key_of(one): one for one in listed})
    assert _told(deltas) == [
        (Change.DELETED, "lost"),
        (Change.CHANGED, "changed"),
        (Change.ADDED, "found"),
    ]
    assert {key.name for key in store} == {"kept", "changed", "found"}


def test_what_is_known_is_not_kept_twice() -> None:
    store = Store()
    first = _object("one", 1)
    store.put(first)
    assert store.known(_object("one", 1)) is first
    newer = _object("one", 2)
    assert store.known(newer) is newer


def test_a_lean_object_has_no_bookkeeping_of_writers() -> None:
    obj = _object("one", 1)
    obj["metadata"] |= {
        "managedFields": [{}],
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    }
    assert lean(obj) == _object("one", 1)


def test_a_lean_object_keeps_other_annotations() -> None:
    obj = _object("one", 1)
    obj["metadata"]["annotations"] = {"a": "b"}
    assert lean(obj)["metadata"]["annotations"] == {"a": "b"}


def test_an_owner_takes_what_it_controls_with_it() -> None:
    reference = owner_reference(_object("one", 1, "uid-1"))
    assert reference["uid"] == "uid-1"
    assert reference["controller"] is reference["blockOwnerDeletion"] is True


def test_keys_read_as_kubectl_writes_them() -> None:
    assert str(ObjectKey("a", "one")) == "a/one"
    assert str(ObjectKey("", "one")) == "one"
