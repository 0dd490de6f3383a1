"""The conformance driver of the Python package; see bindings/conformance/DRIVERS.md.

It uses the asyncio client: its operations are those of the synchronous one, and its order is
what the cases look at. One line for each thing observed, when and as the event loop shows it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from typing import Any

import pinfold
from pinfold.asyncio import Client

WIDE = ("czxid", "mzxid", "ctime", "mtime", "ephemeral_owner", "pzxid")
NARROW = ("version", "cversion", "aversion", "data_length", "num_children")


def emit(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def data(args: dict[str, Any], key: str = "data") -> dict[str, Any]:
    """The argument as the package wants it, or nothing where the package has a default."""
    if key not in args:
        return {}
    return {key: None if args[key] is None else args[key].encode()}


def acl(args: dict[str, Any]) -> dict[str, Any]:
    if "acl" not in args:
        return {}
    entries = [pinfold.Acl(acl["perms"], acl["scheme"], acl["id"]) for acl in args["acl"]]
    return {"acl": entries}


def mode(args: dict[str, Any]) -> dict[str, Any]:
    return {"mode": pinfold.CreateMode(args["mode"])} if "mode" in args else {}


def version(args: dict[str, Any]) -> dict[str, Any]:
    return {"version": args["version"]} if "version" in args else {}


def step(op: dict[str, Any]) -> pinfold.MultiOp:
    """One step of a multi."""
    path = op["path"]
    match op["op"]:
        case "create":
            return pinfold.MultiOp.create(path, **data(op), **mode(op), **acl(op), **ttl(op))
        case "delete":
            return pinfold.MultiOp.delete(path, **version(op))
        case "set":
            return pinfold.MultiOp.set(path, **data(op), **version(op))
        case _:
            return pinfold.MultiOp.check(path, **version(op))


def ttl(args: dict[str, Any]) -> dict[str, Any]:
    return {"ttl_ms": args["ttl_ms"]} if "ttl_ms" in args else {}


def watch_type(args: dict[str, Any]) -> dict[str, Any]:
    return {"watch_type": pinfold.WatchType(args["watch_type"])} if "watch_type" in args else {}


def read(op: dict[str, Any]) -> pinfold.ReadOp:
    """One read of a multi read."""
    return getattr(pinfold.ReadOp, op["op"])(op["path"])


def stat_fields(stat: pinfold.Stat | None) -> dict[str, Any] | None:
    if stat is None:
        return None
    wide = {name: str(getattr(stat, name)) for name in WIDE}
    return wide | {name: getattr(stat, name) for name in NARROW}


def failure(error: pinfold.Error) -> dict[str, Any]:
    return {
        "code": error.code,
        "name": error.name,
        "path": error.path,
        "outcome": error.outcome,
        "op_index": error.op_index,
    }


def shape(op: str, value: Any) -> dict[str, Any]:
    """A result in the form of the cases."""
    match value:
        case pinfold.Created(path, stat):
            return {"path": path, "stat": stat_fields(stat)}
        case pinfold.Data(content, stat):
            text = None if content is None else content.decode()
            return {"data": text, "stat": stat_fields(stat)}
        case pinfold.Children(names, stat):
            return {"names": sorted(names), "stat": stat_fields(stat)}
        case pinfold.AclResult(entries, stat):
            listed = [entry._asdict() for entry in entries]
            return {"acl": listed, "stat": stat_fields(stat)}
        case list() if op == "get_ephemerals":
            return {"paths": value}
        case list() if op == "who_am_i":
            return {"identities": [identity._asdict() for identity in value]}
        case list() if op == "":
            return {"names": sorted(value)}
        case int():
            return {"count": value}
        case pinfold.Error():
            return {"error": failure(value)}
        case list():
            return {"results": [shape("", result) for result in value]}
        case pinfold.Stat():
            return {"stat": stat_fields(value)}
        case _:
            return {"stat": None} if op == "exists" else {}


class Session:
    """One client of a case."""

    def __init__(self, name: str, command: dict[str, Any]) -> None:
        self.name = name
        options: dict[str, Any] = {}
        if "session_timeout_ms" in command:
            options["session_timeout_ms"] = command["session_timeout_ms"]
        auth = [(scheme, secret.encode()) for scheme, secret in command.get("auth", [])]
        self.client = Client(command["hosts"], auth=auth, **options)
        self.client.on_state(lambda state: emit({"client": name, "state": state.value}))
        self.watches: dict[int, pinfold.asyncio.Watch] = {}
        self.closing: asyncio.Future[None] | None = None

    def call(self, number: int, op: str, args: dict[str, Any]) -> None:
        """Submits an operation, and reports what becomes of it."""

        def done(future: asyncio.Future[Any]) -> None:
            error = future.exception()
            if error is not None:
                self.failed(number, error)
                return
            value = future.result()
            if op == "add_watch":
                self.watches[number] = value
            emit({"client": self.name, "id": number, "ok": shape(op, value)})

        try:
            self.submit(number, op, args).add_done_callback(done)
        except pinfold.Error as error:
            self.failed(number, error)

    def failed(self, number: int, error: BaseException) -> None:
        if not isinstance(error, pinfold.Error):
            raise error
        emit({"client": self.name, "id": number, "error": failure(error)})

    def submit(self, number: int, op: str, args: dict[str, Any]) -> asyncio.Future[Any]:
        def event(event: pinfold.WatchEvent) -> None:
            seen = {"kind": event.kind.value, "path": event.path}
            emit({"client": self.name, "watch": number, "event": seen})

        client = self.client
        watch = {"watch": event} if args.get("watch") is True else {}
        match op:
            case "create":
                return client.create(
                    args["path"], **data(args), **mode(args), **acl(args), **ttl(args)
                )
            case "delete":
                return client.delete(args["path"], **version(args))
            case "exists":
                return client.exists(args["path"], **watch)
            case "get":
                return client.get(args["path"], **watch)
            case "set":
                return client.set(args["path"], **data(args), **version(args))
            case "get_children":
                return client.get_children(args["path"], **watch)
            case "get_acl":
                return client.get_acl(args["path"])
            case "set_acl":
                return client.set_acl(args["path"], **acl(args), **version(args))
            case "sync":
                return client.sync(args["path"])
            case "multi":
                return client.multi([step(op) for op in args["ops"]])
            case "multi_read":
                return client.multi_read([read(op) for op in args["ops"]])
            case "get_ephemerals":
                return client.get_ephemerals(args["prefix"])
            case "get_all_children_number":
                return client.get_all_children_number(args["path"])
            case "who_am_i":
                return client.who_am_i()
            case "remove_all_watches":
                return client.remove_all_watches(args["path"], **watch_type(args))
            case "check_watches":
                return client.check_watches(args["path"], **watch_type(args))
            case "add_auth":
                return client.add_auth(args["scheme"], args["auth"].encode())
            case "add_watch":
                kind = pinfold.WatchMode(args.get("mode", "persistent"))
                return client.add_watch(args["path"], kind, event)
            case "remove_watches":
                return client.remove_watches(self.watches[args["watch"]])
            case _:
                raise ValueError(f"unknown operation: {op}")

    def close(self) -> asyncio.Future[None]:
        if self.closing is None:
            self.closing = self.client.close()
            self.closing.add_done_callback(
                lambda _: emit({"client": self.name, "closed": True})
            )
        return self.closing


def numbered(value: Any, number: int) -> Any:
    """The arguments of a call of a burst, with its id in them."""
    if isinstance(value, str):
        return value.replace("$i", str(number))
    if isinstance(value, list):
        return [numbered(entry, number) for entry in value]
    if isinstance(value, dict):
        return {name: numbered(entry, number) for name, entry in value.items()}
    return value


def obey(sessions: dict[str, Session], command: dict[str, Any]) -> None:
    name = command.get("client", "")
    match command["do"]:
        case "open":
            sessions[name] = Session(name, command)
        case "call":
            sessions[name].call(command["id"], command["op"], command.get("args", {}))
        case "burst":
            ops = command["ops"]
            for turn in range(command["count"]):
                number = command["from_id"] + turn
                op = ops[turn % len(ops)]
                sessions[name].call(number, op["op"], numbered(op.get("args", {}), number))
        case "close":
            sessions[name].close()


async def main() -> None:
    loop = asyncio.get_running_loop()
    commands: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(commands.put_nowait, json.loads(line))
        loop.call_soon_threadsafe(commands.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    sessions: dict[str, Session] = {}
    while (command := await commands.get()) is not None and command["do"] != "exit":
        obey(sessions, command)
    for session in sessions.values():
        await session.close()


asyncio.run(main())
