"""kazoo: one get after another."""

from kazoo.client import KazooClient
from meter import PATH, Meter

meter = Meter()
client = KazooClient(hosts=meter.address)
client.start()
while meter.goes_on():
    data, _ = client.get(PATH)
    meter.count(data)
client.stop()
