"""`tidegate trigger KIND create|update|delete|list`, the same for every kind."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.errors import CommandError, ExitCode
from tidegate.cli.flags import Document, DryRunFlags, ListOutputOption, WhereFlags, grouped
from tidegate.cli.output import Format, document, table, write
from tidegate.cli.triggers.delivery import DeliveryFlags
from tidegate.cli.triggers.kinds import Kind, with_defaults
from tidegate.cli.triggers.objects import Object, check_object, new_object

if TYPE_CHECKING:
    from tidegate.cli.place.place import Place

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the trigger.")]

_WRITTEN = ("name", "namespace", "labels", "annotations")


def kind_app(kind: Kind) -> typer.Typer:
    """Return the verbs of one kind."""
    summary = f"Make, change and list {kind.title} triggers."
    app = typer.Typer(no_args_is_help=True, help=summary)
    app.callback()(lambda: None)
    _add(app, "create", kind, f"Create the {kind.title} trigger NAME.")
    _add(app, "update", kind, f"Change what is named of the {kind.title} trigger NAME, no more.")
    app.command("delete", help=f"Delete the {kind.title} trigger NAME.")(grouped(_delete_of(kind)))
    listing = grouped(_list_of(kind))
    app.command("list", help=f"List {kind.title} triggers. Also: ls.")(listing)
    app.command("ls", hidden=True)(listing)
    return app


def _add(app: typer.Typer, verb: str, kind: Kind, summary: str) -> None:
    """Add a verb that takes the options of `kind`."""

    def change(
        name: NameArgument,
        spec: Any,
        delivery: DeliveryFlags,
        dry: DryRunFlags,
        where: WhereFlags,
    ) -> None:
        wanted = {**spec.spec(), **delivery.spec()}
        (_create if verb == "create" else _update)(kind, name, wanted, dry, where)

    change.__annotations__["spec"] = kind.flags
    required = kind.required if verb == "create" else ()
    app.command(verb, help=summary)(grouped(change, required))


def _create(
    kind: Kind, name: str, wanted: dict[str, Any], dry: DryRunFlags, where: WhereFlags
) -> None:
    if dry.dry_run:
        spec = with_defaults(kind, wanted)
        obj = new_object(kind.resource.kind, name, where.namespace, spec)
        check_object(obj)
        _print(obj, dry.form)
        return
    from tidegate.cli.place.open import run
    from tidegate.cli.triggers.changes import created

    target = where.target()
    made = run(target, lambda place: created(place, kind, name, wanted))
    _say(f"{kind.announced} trigger {name} created in namespace {_namespace(made)} successfully!")


def _update(
    kind: Kind, name: str, wanted: dict[str, Any], dry: DryRunFlags, where: WhereFlags
) -> None:
    if not wanted:
        raise CommandError("nothing to change is named; add an option", ExitCode.USAGE)
    from tidegate.cli.place.open import run
    from tidegate.cli.triggers.changes import updated

    target = where.target()
    after = run(target, lambda place: updated(place, kind, name, wanted, dry_run=dry.dry_run))
    if dry.dry_run:
        _print(_manifest(after), dry.form)
    else:
        namespace = _namespace(after)
        _say(f"{kind.announced} trigger {name} updated in namespace {namespace} successfully!")


def _delete_of(kind: Kind) -> Any:
    def delete(name: NameArgument, where: WhereFlags) -> None:
        from tidegate.cli.place.open import run
        from tidegate.cli.triggers.changes import deleted

        async def work(place: Place) -> str:
            await deleted(place, kind, name)
            return place.namespace

        namespace = run(where.target(), work)
        _say(f"{kind.announced} trigger {name} deleted from namespace {namespace} successfully!")

    return delete


def _list_of(kind: Kind) -> Any:
    def list_triggers(where: WhereFlags, output: ListOutputOption = Format.TABLE) -> None:
        from tidegate.cli.place.open import run
        from tidegate.kube.selection import Selection

        async def work(place: Place) -> list[Object]:
            page = await place.objects.list(Selection(kind.resource, place.namespace))
            return page.items

        items = run(where.target(), work)
        if output in (Format.JSON, Format.YAML):
            write(document([_shown(one) for one in items], output))
        else:
            wide = (("READY", "ready"), ("REASON", "reason")) if output is Format.WIDE else ()
            write(table([_row(kind, one) for one in items], [*kind.columns, *wide]))

    return list_triggers


def _row(kind: Kind, obj: Object) -> Object:
    metadata = obj["metadata"]
    names = {"name": metadata["name"], "namespace": metadata.get("namespace")}
    return {**names, **kind.row(obj.get("spec") or {}), **_readiness(obj)}


def _readiness(obj: Object) -> Object:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    for one in conditions:
        if one.get("type") == "Ready":
            said = one.get("message") if one.get("status") != "True" else ""
            return {"ready": one.get("status"), "reason": said}
    return {}


def _shown(obj: Object) -> Object:
    from tidegate.kube.objects import lean

    return lean(obj)


def _manifest(obj: Object) -> Object:
    """Return what a person would write of `obj`: nothing that only the API server fills in."""
    metadata = obj["metadata"]
    written = {name: metadata[name] for name in _WRITTEN if metadata.get(name)}
    own = {name: value for name, value in _shown(obj).items() if name != "status"}
    return {**own, "metadata": written}


def _print(obj: Object, form: Document) -> None:
    write(document(obj, Format.JSON if form is Document.JSON else Format.YAML))


def _namespace(obj: Object) -> str:
    return str(obj["metadata"].get("namespace", "default"))


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
