"""The 30 seconds of the protocol. They start first and wait beside all others."""

from __future__ import annotations

from peer.endpoint import run, settle
from peer.overlay import Leg, connect_allocated
from peer.stun import Method

from .connections import joined
from .harness import World, equal, refused, scenario, silent, success, true


@scenario('a Connect that nobody matches is answered 447, and may be tried again', slow=True)
def unmatched(world: World) -> None:
    a, b = world.legs(('sha256', 'md5'))
    for leg in (a, b):
        success(leg.allocate())
    waiting = a.begin_connect(b.mapped)
    # The other leg is kept as a waiting peer keeps it.
    for _ in range(3):
        true(not run([a.endpoint], lambda: waiting.answer is not None, 9), 'no answer yet')
        success(b.refresh(600))
    true(run([a.endpoint], lambda: waiting.answer is not None, 12), 'answered in the end')
    refused(waiting, 447)
    connect_allocated(a, b)
    joined(a, b)


@scenario('a leg without a Connect is dropped after 30 s, unless it is refreshed', slow=True)
def reserved(world: World) -> None:
    left, kept = world.legs(('md5', 'sha256'))
    for leg in (left, kept):
        success(leg.allocate())
    for seconds in (12, 12, 8):
        settle([left.endpoint], seconds)
        success(kept.refresh(600), 'a leg that is refreshed')
    refused(left.refresh(600), 437, 'a leg that is not')
    silent(left.endpoint)
    moved = Leg(left.grant, 'sha256', local_ip=world.host())
    success(moved.allocate(), 'its place is free for another 5-tuple')
    equal(moved.call(Method.ALLOCATE).authentic, True)
