"""kazoo: a batch of gets in flight, by its asynchronous calls."""

from kazoo.client import KazooClient
from meter import PATH, Meter

meter = Meter()
client = KazooClient(hosts=meter.address)
client.start()
while meter.goes_on():
    for answer in [client.get_async(PATH) for _ in range(meter.window)]:
        data, _ = answer.get()
        meter.count(data)
client.stop()
