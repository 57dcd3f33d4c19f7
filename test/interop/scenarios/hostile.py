"""What no peer sends, to every port; afterwards the relay serves as before."""

from __future__ import annotations

import os
import random
import struct
from typing import Iterator, List

from peer.endpoint import Endpoint, run, settle
from peer.overlay import Leg, connect
from peer.stun import MAGIC_COOKIE, Address, Attr, Kind, Method, Outgoing

from .connections import joined
from .harness import World, equal, scenario, silent, success, unanswered

DATAGRAMS = 1500
BURST = 50
ASKED_MAX = 20_000
ANSWERED_SECONDS = 3


def noise(chance: random.Random) -> Iterator[bytes]:
    """Random bytes, half of them behind a first byte that is a class of its own."""
    while True:
        datagram = chance.randbytes(chance.choice((0, 1, 3, 4, 12, 19, 20, 28, 60, 1400, 9000)))
        first = chance.choice((None, 0x00, 0x01, 0x40, 0x4F, 0x10, 0x11, 0x12, 0x13, 0x80, 0xFF))
        yield datagram if first is None or not datagram else bytes([first]) + datagram[1:]


def nearly_stun(chance: random.Random) -> Iterator[bytes]:
    """Messages with a right header, and attributes whose lengths lie."""
    while True:
        body = b''
        for _ in range(chance.randrange(6)):
            attribute = chance.choice((*Attr, chance.randrange(65536)))
            length = chance.choice((0, 1, 4, 8, 20, 32, 763, 65535))
            actual = chance.randbytes(min(length, chance.randrange(64)))
            body += struct.pack('!HH', attribute, length) + actual
        kind = chance.choice((0x0001, 0x0003, 0x0004, 0x000A, 0x0101, 0x0111, 0x00F1))
        told = chance.choice((len(body), len(body) & ~3, 0, 65532, 7))
        yield struct.pack('!HHI', kind, told, MAGIC_COOKIE) + chance.randbytes(12) + body


def flood(endpoint: Endpoint, to: Address, source: Iterator[bytes]) -> None:
    for number in range(DATAGRAMS):
        try:
            endpoint.send_raw(next(source), to)
        except OSError:
            # More than a datagram may hold on this path: then it never reaches the relay.
            continue
        if number % BURST == 0:
            settle([endpoint], 0.005)


for port in ('service', 'trunk'):
    for family in (4, 6):

        @scenario(f'noise on the {port} port over IPv{family} disturbs no connection')
        def noisy(world: World, port=port, family=family) -> None:
            a, b = world.legs(families=(family, family))
            connect(a, b)
            seed = os.urandom(4).hex()
            chance = random.Random(seed)
            target = getattr(world, port)('a-1', family)
            attacker = Endpoint(target, world.host() if family == 4 else None)
            try:
                flood(attacker, target, noise(chance))
                flood(attacker, target, nearly_stun(chance))
                joined(a, b)
                success(a.refresh(600))
                connect(*world.legs(families=(family, 4)))
                equal(attacker.strangers, [], 'answers from elsewhere')
            except AssertionError as error:
                raise AssertionError(f'{error} (seed {seed})') from error


@scenario('the trunk port answers nobody that is not a registered relay')
def trunk_stranger(world: World) -> None:
    for relay, family in (('a-1', 4), ('b-1', 6), ('e-1', 4), ('d-1', 6)):
        endpoint = Endpoint(
            world.trunk(relay, family), world.host() if family == 4 else None
        )
        offers: List[bytes] = []
        for name in ('b-1', 'nobody', 'a-1', relay):
            offer = Outgoing(Kind.REQUEST, Method.CONNECT).text(Attr.USERNAME, name)
            offer.add(Attr.RELAY_START, bytes(8)).integrity('sha256', bytes(32))
            offers.append(offer.pack())
        binding = Outgoing(Kind.REQUEST, Method.BINDING).pack()
        probe = struct.pack('!BBHQ', 0x12, 0, 325, 1) + bytes(8) + bytes(12)
        unanswered(endpoint, *offers, binding, probe)


@scenario('a message cut anywhere is no message')
def cut(world: World) -> None:
    grant = world.minted(world.service('a-1'), world.service('b-1'))
    leg = Leg(grant, 'sha256', local_ip=world.host())
    whole = leg.allocate().datagrams[-1]
    leg.endpoint.exchanges.clear()
    silent(leg.endpoint)
    unanswered(leg.endpoint, *(whole[:length] for length in range(0, len(whole), 3)))
    unanswered(leg.endpoint, whole + bytes(4))


@scenario('a source over its budget meets silence, and others are served')
def budget(world: World) -> None:
    endpoint = Endpoint(world.service('b-1'), world.host())
    request = Outgoing(Kind.REQUEST, Method.BINDING).pack()
    asked = answers = 0
    # A burst that is answered before the next one comes overflows no receive buffer.
    while answers == asked and asked < ASKED_MAX:
        for _ in range(BURST):
            endpoint.send_raw(request)
        asked += BURST
        run([endpoint], lambda: len(endpoint.strays) >= asked, ANSWERED_SECONDS)
        answers = len(endpoint.strays)
    assert 1000 < answers < asked, f'{answers} of {asked} were answered'
    connect(*world.legs(regions=('b', 'b')))
