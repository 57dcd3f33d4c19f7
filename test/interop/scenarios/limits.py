"""A relay that is full, and one that goes: f-1 has room for eight legs."""

from __future__ import annotations

import ipaddress
import struct
import time

from peer.endpoint import run, settle
from peer.overlay import Leg, connect
from peer.stun import Attr, Method

from .connections import joined
from .harness import World, closed_with, equal, refused, scenario, success, true

LEGS_MAX = 8
BEAT_SECONDS = 10
"""Longer than the directory waits for any beat."""


def leg_at(world: World, tenant: str) -> Leg:
    grant = world.minted(world.service('f-1'), world.service('a-1'), tenant=tenant)
    return Leg(grant, 'sha256', local_ip=world.host())


@scenario("a full relay answers 508, a tenant over its half 486, a draining one 300")
def full_then_drained(world: World) -> None:
    # One scenario, because the three need the relay for themselves, one after the other.
    theirs = [leg_at(world, 'acme') for _ in range(LEGS_MAX // 2)]
    for leg in theirs:
        success(leg.allocate())
    refused(leg_at(world, 'acme').allocate(), 486, 'over the quota of a tenant')
    success(theirs[0].allocate(), 'a leg that is there')
    ours = [leg_at(world, 'default') for _ in range(LEGS_MAX // 2)]
    for leg in ours:
        success(leg.allocate())
    refused(leg_at(world, 'default').allocate(), 508, 'a full relay')
    for leg in theirs + ours:
        success(leg.refresh(0))
        leg.close()
    drained(world)


def alternate(message) -> tuple:
    """ALTERNATE-SERVER is coded as MAPPED-ADDRESS: plain (RFC 8489 section 14.15)."""
    value = message.get(Attr.ALTERNATE_SERVER)
    true(value is not None and len(value) in (8, 20), 'ALTERNATE-SERVER')
    return str(ipaddress.ip_address(value[4:])), struct.unpack('!H', value[2:4])[0]


def wait_for_room(world: World) -> None:
    """Until the directory has heard in a beat of f-1 that its legs are free again."""
    peers = [{'region': 'f'}, {'region': 'a'}]
    until = time.monotonic() + BEAT_SECONDS
    while world.directory().connection(peers)[0].relay != world.service('f-1'):
        true(time.monotonic() < until, 'f-1 has room again')
        time.sleep(0.2)


def drained(world: World) -> None:
    wait_for_room(world)
    f, a = world.legs(regions=('f', 'a'))
    connect(f, a)
    waiting = leg_at(world, 'default')
    success(waiting.allocate())
    world.control.ask('drain', 'f-1')
    answer = refused(leg_at(world, 'default').allocate(), 300, 'a new leg')
    others = [one for name in 'abcde' for one in world.relays[f'{name}-1']['service']]
    true(alternate(answer) in others, f'{alternate(answer)} is another relay')
    joined(f, a)
    success(f.refresh(600), 'a leg that is there')
    equal(a.endpoint.indications, [])
    world.control.ask('close', 'f-1')
    legs = (f, waiting, a)
    run([leg.endpoint for leg in legs], lambda: all(leg.closed() for leg in legs), 5)
    settle([leg.endpoint for leg in legs])
    closed_with(f, 300)
    closed_with(waiting, 300)
    closed_with(a, 437)
    refused(a.refresh(600), 437)


@scenario('an unknown method does not get far')
def unknown_method(world: World) -> None:
    grant = world.minted(world.service('a-1'), world.service('b-1'))
    leg = Leg(grant, 'sha256', local_ip=world.host())
    success(leg.allocate())
    for method in (0x006, 0x008, 0x009, 0x00B, 0x0F1, 0x0FF):
        exchange = leg.begin(method)
        run([leg.endpoint], lambda: exchange.answer is not None, 1)
        code = exchange.answer.error() if exchange.answer else None
        # Neither PROTOCOL.md nor RFC 8489 names the answer; a success it is not.
        true(exchange.answer is None or code is not None, f'{method:#x}: {exchange.answer}')
        leg.endpoint.exchanges.clear()
    success(leg.call(Method.REFRESH))
    equal(leg.endpoint.data, [])
