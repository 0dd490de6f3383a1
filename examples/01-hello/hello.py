"""Creates a node, reads it, and deletes it."""

import sys

import pinfold


# [readme
def hello(hosts: str) -> None:
    with pinfold.Client(hosts) as client:
        created = client.create("/hello", b"world")
        print("created", created.path)
        data, stat = client.get("/hello")
        print("data:", data.decode())
        print("version:", stat.version)
        names = client.get_children("/").names
        print("children:", *sorted(name for name in names if name != "zookeeper"))
        client.delete("/hello")
        print("deleted /hello")
# readme]


if len(sys.argv) > 1:
    hello(sys.argv[1])
else:
    with pinfold.Server() as server:
        hello(server.address)
