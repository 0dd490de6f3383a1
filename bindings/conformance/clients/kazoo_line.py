"""kazoo in one line with Pinfold: ADDRESS, what to wait for (lock or election), and how often.

Inside, it makes a znode that nobody else may have made, and adds its letter to the record by a
read and a write that would lose one if two were inside.
"""

import sys

from kazoo.client import KazooClient
from kazoo.recipe.election import Election
from kazoo.recipe.lock import Lock


def main() -> None:
    address, kind, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    client = KazooClient(hosts=address)
    client.start()

    def inside() -> None:
        client.create("/mixed/inside", ephemeral=True)
        record, _ = client.get("/mixed/record")
        client.set("/mixed/record", record + b"k")
        client.delete("/mixed/inside")

    for _ in range(rounds):
        if kind == "election":
            Election(client, "/mixed/line", "kazoo").run(inside)
        else:
            with Lock(client, "/mixed/line", "kazoo"):
                inside()
    client.stop()


main()
