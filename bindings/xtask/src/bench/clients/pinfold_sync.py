"""Pinfold without asyncio: one get after another."""

from meter import PATH, Meter
from pinfold import Client

meter = Meter()
with Client(meter.address) as client:
    while meter.goes_on():
        data, _ = client.get(PATH)
        meter.count(data)
