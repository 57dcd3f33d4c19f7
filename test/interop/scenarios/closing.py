"""How connections end, and how they outlive their credentials."""

from __future__ import annotations

import time

from peer.endpoint import indication, run, settle
from peer.overlay import Leg, connect
from peer.stun import Attr, Method

from .connections import PLACES, joined
from .harness import World, closed_with, equal, refused, scenario, silent, success, true

TTL_SECONDS = 8


@scenario('Refresh 0 closes: the other peer gets Closed 437, signed')
def close(world: World) -> None:
    for schemes in (('md5', 'sha256'), ('sha256', 'md5')):
        for regions in PLACES.values():
            a, b = world.legs(schemes, regions=regions)
            connect(a, b)
            joined(a, b)
            success(a.refresh(0))
            run([b.endpoint], lambda: len(b.endpoint.indications) > 0, 3)
            settle([a.endpoint, b.endpoint])
            closed_with(b, 437)
            equal(a.endpoint.indications, [], 'the one who closed is told nothing')
            refused(a.refresh(0), 437, 'a repeat')
            refused(b.refresh(600), 437, "the other's Refresh")


@scenario('no data flows after the close')
def data_after(world: World) -> None:
    for regions in PLACES.values():
        a, b = world.legs(regions=regions)
        connect(a, b)
        success(b.refresh(0))
        run([a.endpoint], lambda: len(a.endpoint.indications) > 0, 3)
        a.send(b'late')
        b.send(b'late')
        settle([a.endpoint, b.endpoint])
        equal((a.received, b.received), ([], []))


@scenario('a lost answer to Refresh 0: the repeat is 437, which is success')
def lost_close(world: World) -> None:
    a, b = world.legs()
    connect(a, b)
    exchange = a.begin(Method.REFRESH, {Attr.LIFETIME: 0})
    exchange.ignore = 1
    run([a.endpoint], lambda: exchange.answer is not None, 5)
    refused(exchange, 437)


@scenario('a peer with a new address may close with its credential')
def close_from_elsewhere(world: World) -> None:
    a, b = world.legs()
    connect(a, b)
    moved = Leg(a.grant, 'sha256', local_ip=world.host())
    success(moved.refresh(0))
    run([b.endpoint, a.endpoint], lambda: len(b.endpoint.indications) > 0, 3)
    settle([a.endpoint, b.endpoint])
    closed_with(b, 437)


@scenario('a leg that was never established goes without a word')
def reserved(world: World) -> None:
    a, b = world.legs()
    success(a.allocate())
    success(b.allocate())
    success(a.refresh(0))
    settle([a.endpoint, b.endpoint])
    silent(b.endpoint)
    refused(a.refresh(600), 437)
    success(b.refresh(600))


@scenario('a close while connecting leaves the other side waiting, and able to try again')
def close_connecting(world: World) -> None:
    a, b = world.legs()
    success(a.allocate())
    success(b.allocate())
    waiting = a.begin_connect(b.mapped)
    settle([a.endpoint], 0.3)
    success(a.refresh(0))
    a.endpoint.exchanges.remove(waiting)
    # The identifier is as good as new until its credential expires.
    connect(a, b)
    joined(a, b)


@scenario('an identifier may be used again after its connection was closed')
def again(world: World) -> None:
    for regions in PLACES.values():
        a, b = world.legs(regions=regions)
        connect(a, b)
        success(a.refresh(0))
        run([b.endpoint], lambda: len(b.endpoint.indications) > 0, 3)
        connect(a, b)
        joined(a, b)


@scenario('Refresh keeps a connection, and a Binding indication disturbs nothing')
def refresh(world: World) -> None:
    a, b = world.legs(('sha256', 'sha256'))
    connect(a, b)
    equal(success(a.refresh()).number(Attr.LIFETIME), 600, 'without LIFETIME')
    a.endpoint.send_raw(indication())
    b.endpoint.send_raw(indication())
    settle([a.endpoint, b.endpoint])
    silent(a.endpoint)
    joined(a, b)


@scenario('a connection outlives its credential; a new one with it is 401', slow=True)
def outlive(world: World) -> None:
    a, b = world.legs(ttl_seconds=TTL_SECONDS)
    granted = time.time()
    connect(a, b)
    joined(a, b)
    expires = max(int(leg.grant.username.split(':')[0]) for leg in (a, b))
    true(expires - granted <= TTL_SECONDS + 1, f'expiry is in {expires - granted} s')
    time.sleep(max(0.0, expires + 1.1 - time.time()))
    joined(a, b)
    for leg in (a, b):
        success(leg.refresh(600), 'Refresh')
        success(leg.allocate(), 'Allocate of the leg it holds')
    repeated = a.begin_connect(b.mapped)
    run([a.endpoint], lambda: repeated.answer is not None, 5)
    success(repeated, 'Connect of the connection it holds')
    fresh = Leg(a.grant, 'sha256', local_ip=world.host())
    refused(fresh.allocate(), 401, 'from another 5-tuple', signed=False)
    joined(a, b)
    success(a.refresh(0), 'close')
    run([b.endpoint], lambda: len(b.endpoint.indications) > 0, 3)
    closed_with(b, 437)
    refused(a.allocate(), 401, 'once it is closed', signed=False)


@scenario("Closed is signed as the leg's last request was")
def closed_kind(world: World) -> None:
    a, b = world.legs(('md5', 'md5'))
    connect(a, b)
    # A request that is refused, from another 5-tuple, is not the leg's.
    refused(Leg(b.grant, 'sha256', local_ip=world.host()).refresh(600), 437)
    success(a.refresh(0))
    run([b.endpoint], lambda: len(b.endpoint.indications) > 0, 3)
    closed_with(b, 437)
    a, b = world.legs(('md5', 'md5'))
    connect(a, b)
    b.login.scheme = 'sha256'
    success(b.refresh(600))
    success(a.refresh(0))
    run([b.endpoint], lambda: len(b.endpoint.indications) > 0, 3)
    closed_with(b, 437)
