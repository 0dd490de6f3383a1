"""kazoo, the Python client that most people use, against the server named by its argument.

Prints what it sees; the same lines have to come from Pinfold and from Apache ZooKeeper.
"""

import sys
import threading

from kazoo.client import KazooClient
from kazoo.exceptions import (
    BadVersionError,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
)
from kazoo.security import make_digest_acl

PATIENCE = 30


def say(*words):
    print(*words, flush=True)


def started(hosts, **options):
    client = KazooClient(hosts=hosts, timeout=10, **options)
    client.start(timeout=PATIENCE)
    return client


def refused(error, call, *args, **kwargs):
    """Names the error that a call is refused with."""
    try:
        call(*args, **kwargs)
    except error as seen:
        return type(seen).__name__
    return "not refused"


def nodes(client):
    say("create", client.create("/kazoo", b"zero"))
    say("again", refused(NodeExistsError, client.create, "/kazoo"))
    data, stat = client.get("/kazoo")
    say("get", data, stat.version, stat.data_length)
    say("set", client.set("/kazoo", b"one").version)
    say("stale set", refused(BadVersionError, client.set, "/kazoo", b"x", version=0))
    say("missing", refused(NoNodeError, client.get, "/kazoo/none"), client.exists("/kazoo/none"))
    for _ in range(3):
        say("sequence", client.create("/kazoo/n-", sequence=True))
    path, stat = client.create("/kazoo/e", ephemeral=True, include_data=True)
    say("ephemeral", path, stat.ephemeralOwner == client.client_id[0])
    say("children", sorted(client.get_children("/kazoo")))
    children, stat = client.get_children("/kazoo", include_data=True)
    say("children stat", len(children), stat.cversion)
    say("not empty", refused(NotEmptyError, client.delete, "/kazoo"))
    client.ensure_path("/kazoo/a/b/c")
    client.delete("/kazoo", recursive=True)
    say("deleted", client.exists("/kazoo"))
    say("sync", client.sync("/"))


def watches(client, other):
    seen = threading.Semaphore(0)
    events = []

    def note(event):
        events.append((event.type, event.path))
        seen.release()

    def wait():
        if not seen.acquire(timeout=PATIENCE):
            raise SystemExit("an event did not come")
        say("event", *events.pop(0))

    say("watching", client.exists("/watched", watch=note))
    other.create("/watched", b"1")
    wait()
    client.get("/watched", watch=note)
    other.set("/watched", b"2")
    wait()
    client.get_children("/watched", watch=note)
    other.create("/watched/child")
    wait()
    values = []
    arrived = threading.Semaphore(0)

    @client.DataWatch("/watched")
    def changed(data, stat):
        values.append(data)
        arrived.release()
        return len(values) < 2

    other.set("/watched", b"3")
    for _ in range(2):
        if not arrived.acquire(timeout=PATIENCE):
            raise SystemExit("DataWatch did not see the change")
    say("data watch", values)
    other.delete("/watched", recursive=True)


def transactions(client):
    transaction = client.transaction()
    transaction.create("/tx", b"1")
    transaction.check("/tx", 0)
    transaction.set_data("/tx", b"22", version=0)
    transaction.create("/tx/child")
    results = transaction.commit()
    say("transaction", [getattr(result, "version", result) for result in results])
    transaction = client.transaction()
    transaction.delete("/tx/child")
    transaction.check("/tx", 7)
    transaction.create("/tx/other")
    say("rolled back", [type(result).__name__ for result in transaction.commit()])
    say("still there", client.exists("/tx/child") is not None, RolledBackError.__name__)
    client.delete("/tx", recursive=True)


def security(client, other):
    client.add_auth("digest", "ann:secret")
    client.create("/mine", b"x", acl=[make_digest_acl("ann", "secret", all=True)])
    say("not mine", refused(NoAuthError, other.get, "/mine"))
    say("mine", client.get("/mine")[0], client.get_acls("/mine")[0][0].id.scheme)
    client.delete("/mine")


def recipes(client, other):
    won = []
    first = client.Election("/election", "first")
    second = other.Election("/election", "second")
    thread = threading.Thread(target=second.run, args=(lambda: won.append("second"),))

    def lead():
        won.append("first")
        thread.start()

    first.run(lead)
    thread.join(PATIENCE)
    say("election", won)
    lock, rival = client.Lock("/lock", "a"), other.Lock("/lock", "b")
    with lock:
        say("lock", lock.is_acquired, rival.acquire(blocking=False), rival.contenders())
    say("rival", rival.acquire(timeout=PATIENCE))
    rival.release()
    queue = client.Queue("/queue")
    for value in (b"1", b"2", b"3"):
        queue.put(value)
    say("queue", [queue.get() for _ in range(4)], len(queue))
    locking = client.LockingQueue("/locking")
    locking.put_all([b"x", b"y"])
    say("locking", locking.get(timeout=PATIENCE), locking.holds_lock(), locking.consume())
    say("locking", locking.get(timeout=PATIENCE), locking.consume(), len(locking))
    counter = client.Counter("/counter")
    counter += 5
    counter -= 2
    say("counter", counter.value)


def main():
    hosts = sys.argv[1]
    client, other = started(hosts), started(hosts)
    nodes(client)
    watches(client, other)
    transactions(client)
    security(client, other)
    recipes(client, other)
    client.create("/goes", ephemeral=True)
    client.stop()
    client.close()
    other.sync("/")
    say("gone with its session", other.exists("/goes"))
    for path in ("/election", "/lock", "/queue", "/locking", "/counter"):
        other.delete(path, recursive=True)
    say("left", sorted(other.get_children("/")))
    other.stop()
    other.close()


if __name__ == "__main__":
    main()
