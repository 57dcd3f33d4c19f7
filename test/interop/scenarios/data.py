"""What flows over a connection, and what does not."""

from __future__ import annotations

import hashlib
import os
import struct
from collections import Counter
from typing import List, Tuple

from peer.endpoint import Endpoint, run, settle
from peer.overlay import Leg, connect, connect_allocated
from peer.stun import channel_data

from .harness import World, equal, scenario, silent, success, true

MESSAGES = 1000
SIZE_MAX = 1424
OUTSTANDING_MAX = 32
"""Messages under way in one direction: less than any socket buffer holds."""


def messages(seed: str) -> List[bytes]:
    """Sizes 0 to SIZE_MAX, both ends among them; each size gives bytes of its own."""
    found = []
    for number in range(MESSAGES):
        size = (0, SIZE_MAX)[number] if number < 2 else number * 769 % (SIZE_MAX + 1)
        found.append(hashlib.shake_128(f'{seed} {number}'.encode()).digest(size))
    return found


def exchange(a: Leg, b: Leg, both: bool) -> None:
    """All messages from a to b, and all from b to a, at once or one direction after the other."""
    directions = [(a, b, messages('there')), (b, a, messages('back'))]
    for group in [directions] if both else [[one] for one in directions]:
        flow(group)
    for _, receiver, wanted in directions:
        found = receiver.received
        equal(len(found), len(wanted), 'messages')
        true(Counter(found) == Counter(wanted), 'every message came once, byte for byte')


def flow(group: List[Tuple[Leg, Leg, List[bytes]]]) -> None:
    sent = [0] * len(group)
    endpoints = [leg.endpoint for leg in group[0][:2]]

    def step() -> bool:
        for index, (sender, receiver, wanted) in enumerate(group):
            while sent[index] < len(wanted) and sent[index] - len(receiver.received) < (
                OUTSTANDING_MAX
            ):
                sender.send(wanted[sent[index]])
                sent[index] += 1
        return all(len(receiver.received) >= len(wanted) for _, receiver, wanted in group)

    run(endpoints, step, 20)


for what, choice in {
    'two relays': {},
    'one relay': {'regions': ('b', 'b')},
    'two relays, SHA-1 alone': {'schemes': ('md5', 'md5')},
    'two relays, SHA-256 alone': {'schemes': ('sha256', 'sha256')},
}.items():

    @scenario(f'1,000 messages each way at once over {what}')
    def at_once(world: World, choice=choice) -> None:
        a, b = world.legs(**choice)
        connect(a, b)
        exchange(a, b, both=True)


@scenario('1,000 messages one way and then 1,000 back')
def one_by_one(world: World) -> None:
    a, b = world.legs()
    connect(a, b)
    exchange(a, b, both=False)


@scenario('data before establishment is not forwarded')
def before(world: World) -> None:
    a, b = world.legs()
    for leg in (a, b):
        success(leg.allocate())
    waiting = a.begin_connect(b.mapped)
    settle([a.endpoint], 0.2)
    for channel in (0x4000, 0x4001, 0x4FFF):
        a.endpoint.send_data(channel, b'early')
        b.endpoint.send_data(channel, b'early')
    settle([a.endpoint, b.endpoint])
    a.endpoint.exchanges.remove(waiting)
    connect_allocated(a, b)
    settle([a.endpoint, b.endpoint])
    equal((a.endpoint.data, b.endpoint.data), ([], []))


@scenario('data on an unknown channel, or from another 5-tuple, is not forwarded')
def elsewhere(world: World) -> None:
    a, b = world.legs()
    connect(a, b)
    for channel in (a.channel ^ 1, 0x4000 + (a.channel - 0x4000 + 77) % 0x1000, 0x4FFF):
        if channel != a.channel:
            a.endpoint.send_data(channel, b'wrong channel')
    for ip in (a.endpoint.address[0], world.host()):
        stranger = Endpoint(a.grant.relay, ip)
        stranger.send_data(a.channel, b'wrong 5-tuple')
        settle([stranger], 0.1)
        silent(stranger)
    elsewhere = Endpoint(b.grant.relay, world.host())
    elsewhere.send_data(a.channel, b'wrong relay')
    a.send(b'right')
    run([b.endpoint], lambda: len(b.endpoint.data) > 0, 3)
    settle([a.endpoint, b.endpoint])
    equal((b.endpoint.data, a.endpoint.data), ([(b.channel, b'right')], []))


@scenario('ChannelData padded to four bytes loses the padding; a cut one is dropped')
def padding(world: World) -> None:
    a, b = world.legs()
    connect(a, b)
    for size in (1, 2, 3, 4, 5):
        payload = bytes(range(size))
        a.endpoint.send_raw(channel_data(a.channel, payload) + bytes(-size % 4))
    run([b.endpoint], lambda: len(b.received) >= 5, 3)
    settle([b.endpoint])
    equal(b.received, [bytes(range(size)) for size in (1, 2, 3, 4, 5)])
    b.endpoint.data.clear()
    whole = channel_data(a.channel, b'whole message')
    for cut in (3, 4, 10, len(whole) - 1):
        a.endpoint.send_raw(whole[:cut])
    a.endpoint.send_raw(struct.pack('!HH', a.channel, 0xFFFF) + bytes(1400))
    settle([a.endpoint, b.endpoint])
    silent(a.endpoint)
    silent(b.endpoint)


@scenario('payloads larger than any link still arrive, alone and in fragments')
def large(world: World) -> None:
    for regions in (('a', 'b'), ('a', 'a')):
        a, b = world.legs(regions=regions)
        connect(a, b)
        for size in (1425, 1453, 2049, 9000, 60_000):
            payload = os.urandom(size)
            a.send(payload)
            run([b.endpoint], lambda: len(b.received) > 0, 3)
            equal([len(one) for one in b.received], [size])
            true(b.received == [payload], f'{size} bytes as they were')
            b.endpoint.data.clear()
