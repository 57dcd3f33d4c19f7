"""IPv4 and IPv6, on every leg and between the relays."""

from __future__ import annotations

import ipaddress

from peer.endpoint import run, settle
from peer.overlay import answered, connect, take_channel
from peer.stun import encode_xor_address

from .closing import closed_with
from .connections import joined
from .data import exchange
from .harness import World, equal, refused, scenario, success

MIXES = {
    'IPv6 to IPv6 over two relays': {'families': (6, 6)},
    'IPv4 to IPv6 over two relays': {'families': (4, 6)},
    'IPv6 to IPv4 over two relays': {'families': (6, 4)},
    'IPv6 to IPv6 over one relay': {'families': (6, 6), 'regions': ('b', 'b')},
    'IPv4 to IPv6 over one relay': {'families': (4, 6), 'regions': ('a', 'a')},
    'IPv4 to IPv4 over an IPv6 trunk': {'regions': ('a', 'd')},
    'IPv6 to IPv4 over an IPv6 trunk': {'regions': ('b', 'd'), 'families': (6, 4)},
    'IPv6 to IPv4 over an IPv4 trunk': {'regions': ('a', 'e'), 'families': (6, 4)},
}

for what, choice in MIXES.items():

    @scenario(f'connected {what}')
    def mixed(world: World, choice=choice) -> None:
        a, b = world.legs(**choice)
        connect(a, b)
        for leg in (a, b):
            equal(leg.mapped, leg.endpoint.address)
        joined(a, b)
        success(a.refresh(0))
        run([b.endpoint], lambda: len(b.endpoint.indications) > 0, 3)
        settle([a.endpoint, b.endpoint])
        closed_with(b, 437)


@scenario('1,000 messages each way from IPv4 to IPv6 over an IPv6 trunk')
def volume(world: World) -> None:
    a, b = world.legs(regions=('d', 'a'), families=(4, 6))
    connect(a, b)
    exchange(a, b, both=True)


@scenario('IPv4-mapped IPv6 in a Connect is IPv4')
def mapped(world: World) -> None:
    a, b = world.legs()
    for leg in (a, b):
        success(leg.allocate())
    disguised = f'::ffff:{b.mapped[0]}', b.mapped[1]
    equal(len(encode_xor_address(disguised, bytes(12))), 20, 'coded as IPv6')
    exchanges = a.begin_connect(disguised), b.begin_connect(a.mapped)
    answered(*exchanges)
    take_channel(a, exchanges[0])
    take_channel(b, exchanges[1])
    joined(a, b)


@scenario('one port in two families is two addresses')
def families_differ(world: World) -> None:
    a, b = world.legs(families=(4, 6))
    for leg in (a, b):
        success(leg.allocate())
    compatible = str(ipaddress.IPv4Address(1)), b.mapped[1]
    exchanges = a.begin_connect(compatible), b.begin_connect(a.mapped)
    answered(*exchanges)
    for one in exchanges:
        refused(one, 403)
