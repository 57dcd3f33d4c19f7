"""Recorded requests, sent again by somebody else."""

from __future__ import annotations

from peer.endpoint import Endpoint, run, settle
from peer.overlay import connect
from peer.stun import Message, Method

from .connections import joined
from .harness import World, equal, scenario, success, true


def answers(endpoint: Endpoint, datagram: bytes) -> list:
    """Error codes of what comes back to a datagram; None for a success."""
    endpoint.strays.clear()
    endpoint.send_raw(datagram)
    run([endpoint], lambda: len(endpoint.strays) > 0, 2)
    settle([endpoint], 0.1)
    return [message.error() for message in endpoint.strays]


@scenario('a recorded request from another address or port joins nothing')
def elsewhere(world: World) -> None:
    a, b = world.legs(('sha256', 'md5'))
    allocate = a.allocate()
    success(allocate)
    success(b.allocate())
    connects = a.begin_connect(b.mapped), b.begin_connect(a.mapped)
    run([a.endpoint, b.endpoint], lambda: all(one.answer for one in connects), 10)
    a.channel, b.channel = (success(one).channel() for one in connects)
    recorded = [allocate.datagrams[-1], connects[0].datagrams[-1]]
    near = Endpoint(a.grant.relay, a.endpoint.address[0])
    far = Endpoint(a.grant.relay, world.host())
    for datagram in recorded:
        equal(answers(far, datagram), [438], 'from another address')
        equal(answers(near, datagram), [437], 'from another port')
    for thief in (near, far):
        thief.send_data(a.channel, b'stolen')
    joined(a, b)
    equal((near.data, far.data), ([], []), 'data that a thief gets')


@scenario('a recorded request from its own 5-tuple does no harm')
def same_tuple(world: World) -> None:
    a, b = world.legs()
    exchanges = [*connect(a, b)]
    for exchange, leg in zip(exchanges, (a, b)):
        answer = answers(leg.endpoint, exchange.datagrams[-1])
        equal(answer, [None])
        message = leg.endpoint.strays[-1]
        equal((message.channel(), message.method), (leg.channel, Method.CONNECT))
    joined(a, b)


@scenario('a recorded Refresh 0 from another address closes nothing')
def recorded_close(world: World) -> None:
    a, b = world.legs()
    connect(a, b)
    closing = a.refresh(0)
    success(closing)
    run([b.endpoint], lambda: len(b.endpoint.indications) > 0, 3)
    connect(a, b)
    far = Endpoint(a.grant.relay, world.host())
    equal(answers(far, closing.datagrams[-1]), [438])
    joined(a, b)


@scenario('a recorded answer sent to the relay is not answered')
def reflected(world: World) -> None:
    a, b = world.legs()
    connects = connect(a, b)
    near = Endpoint(a.grant.relay, a.endpoint.address[0])
    for exchange in connects:
        answer = exchange.answer
        assert isinstance(answer, Message)
        near.send_raw(answer.data)
        a.endpoint.send_raw(answer.data)
    settle([near, a.endpoint])
    true(not near.strays and not a.endpoint.unasked(), 'nothing came back')
    joined(a, b)
