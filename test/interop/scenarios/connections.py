"""How two legs become one connection, and what keeps them from it."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from peer.endpoint import RTO_SECONDS, Endpoint, run, settle
from peer.overlay import Leg, answered, connect, connect_allocated, take_channel
from peer.stun import Attr, Kind, Method

from .harness import World, equal, refused, scenario, silent, success, true

PLACES = {'two relays': ('a', 'b'), 'one relay': ('a', 'a')}


def joined(a: Leg, b: Leg) -> None:
    """A message each way proves that the two are connected to each other."""
    for sender, receiver in ((a, b), (b, a)):
        message = os.urandom(20)
        before = len(receiver.received)
        sender.send(message)
        settle([receiver.endpoint], 0.1)
        if len(receiver.received) == before:
            settle([receiver.endpoint], 2)
        equal(receiver.received[before:], [message])


def connect_corrected(a: Leg, b: Leg) -> None:
    """a corrects an address; b's Connect may overtake the correction, and is then 403."""
    correction = a.begin_connect(b.mapped)
    other = b.begin_connect(a.mapped)
    for _ in range(5):
        run([a.endpoint, b.endpoint], lambda: other.answer is not None, 5)
        if other.answer is None or other.answer.error() != 403:
            break
        other = b.begin_connect(a.mapped)
    answered(correction, other)
    take_channel(a, correction)
    take_channel(b, other)


for schemes in (('md5', 'md5'), ('sha256', 'sha256'), ('md5', 'sha256'), ('sha256', 'md5-named')):
    for place, regions in PLACES.items():

        @scenario(f'connected over {place}: {schemes[0]} and {schemes[1]}')
        def over(world: World, regions=regions, schemes=schemes) -> None:
            a, b = world.legs(schemes, regions=regions)
            for leg, exchange in zip((a, b), connect(a, b)):
                answer = success(exchange, 'Connect')
                true(0x4000 <= (answer.channel() or 0) <= 0x4FFF, f'channel {answer.channel()}')
                equal(len(answer.get(Attr.CHANNEL_NUMBER) or b''), 4)
                equal(answer.number(Attr.LIFETIME), 600)
            joined(a, b)


@scenario('Connect may come before the other side has allocated')
def early(world: World) -> None:
    for regions in PLACES.values():
        a, b = world.legs(regions=regions)
        success(a.allocate())
        # The other NAT address is known before that peer allocates here: it allocated elsewhere.
        waiting = a.begin_connect(b.endpoint.address)
        settle([a.endpoint], 1.2)
        equal(waiting.answer, None, 'no answer before the other side is there')
        true(waiting.sent >= 2, 'retransmitted meanwhile')
        success(b.allocate())
        other = b.begin_connect(a.mapped)
        answered(waiting, other)
        take_channel(a, waiting)
        take_channel(b, other)
        joined(a, b)


@scenario('addresses that do not match are 403 to both, and a new try succeeds')
def mismatch(world: World) -> None:
    for regions in PLACES.values():
        a, b = world.legs(('sha256', 'md5'), regions=regions)
        bystander = Endpoint(a.grant.relay, world.host())
        for leg in (a, b):
            success(leg.allocate())
        wrong, right = a.begin_connect(bystander.address), b.begin_connect(a.mapped)
        answered(wrong, right)
        refused(wrong, 403, 'the one who named a wrong address')
        refused(right, 403, 'the one who did not')
        connect_allocated(a, b)
        joined(a, b)
        settle([bystander])
        silent(bystander)
        equal(bystander.strangers, [], 'nothing is sent to a named address')


@scenario('a right address with a wrong port does not match')
def mismatch_port(world: World) -> None:
    a, b = world.legs()
    for leg in (a, b):
        success(leg.allocate())
    near = b.mapped[0], b.mapped[1] ^ 1
    exchanges = a.begin_connect(near), b.begin_connect(a.mapped)
    answered(*exchanges)
    for exchange in exchanges:
        refused(exchange, 403)


@scenario("the newest Connect's address counts")
def newest(world: World) -> None:
    for regions in PLACES.values():
        a, b = world.legs(regions=regions)
        for leg in (a, b):
            success(leg.allocate())
        first = a.begin_connect(('192.0.2.1', 4000))
        settle([a.endpoint], 0.2)
        a.endpoint.exchanges.remove(first)
        connect_corrected(a, b)
        joined(a, b)
        # b's Connect may also overtake the correction at a's own relay: 403 is the truth then.
        strays = [one for one in a.endpoint.strays if one.transaction_id == first.transaction_id]
        equal([one.error() for one in strays if one.error() != 403], [], 'wrong answers')


@scenario('lost answers: a repeated request is answered again, alike')
def lost_answers(world: World) -> None:
    for regions in PLACES.values():
        a, b = world.legs(('sha256', 'md5'), regions=regions)
        exchanges = [leg.begin(Method.ALLOCATE) for leg in (a, b)]
        for exchange in exchanges:
            # The challenge, and then the first success.
            exchange.ignore = 1
        answered(*exchanges)
        for leg, exchange in zip((a, b), exchanges):
            leg.mapped = success(exchange).address(Attr.XOR_MAPPED_ADDRESS)
        connects = [a.begin_connect(b.mapped), b.begin_connect(a.mapped)]
        for connecting in connects:
            connecting.ignore = 2
        answered(*connects)
        for leg, connecting in zip((a, b), connects):
            equal(success(connecting).kind, Kind.SUCCESS)
            true(connecting.sent >= 3, 'sent again after each loss')
            take_channel(leg, connecting)
        joined(a, b)


@scenario('a request that is sent again is answered once more, and no oftener')
def sent_twice(world: World) -> None:
    a, b = world.legs()
    for leg in (a, b):
        exchange = leg.begin(Method.ALLOCATE)
        # Both copies are under way before an answer is read.
        exchange.poll(time.monotonic())
        exchange.poll(time.monotonic() + RTO_SECONDS)
        answered(exchange)
        success(exchange)
        settle([leg.endpoint])
        equal(len(leg.endpoint.strays), 1, 'answers more')
        silent(leg.endpoint)
        leg.endpoint.send_raw(exchange.datagrams[0])
        run([leg.endpoint], lambda: len(leg.endpoint.strays) > 1, 3)
        equal(len(leg.endpoint.unasked()), 1, 'an answer that is to no request of the exchange')


@scenario('a lost answer to Allocate is no second allocation')
def lost_allocate(world: World) -> None:
    a, _ = world.legs()
    success(a.allocate())
    exchange = a.begin(Method.ALLOCATE)
    exchange.ignore = 2
    answered(exchange)
    success(exchange)
    true(exchange.sent >= 3, 'sent again after each loss')


@scenario('a 5-tuple may hold many connections, each with its own channel')
def many(world: World) -> None:
    a_side = Endpoint(world.service('a-1'), world.host())
    b_side = Endpoint(world.service('b-1'), world.host())
    pairs = []
    for _ in range(20):
        first, second = world.grants()
        pairs.append((Leg(first, 'sha256', a_side), Leg(second, 'md5', b_side)))
    for a, b in pairs:
        connect(a, b)
    for side in (0, 1):
        equal(len({pair[side].channel for pair in pairs}), len(pairs), 'channels')
    for number, (a, b) in enumerate(pairs):
        a.send(b'to %d' % number)
        b.send(b'from %d' % number)
    run([a_side, b_side], lambda: len(a_side.data) + len(b_side.data) >= 2 * len(pairs), 3)
    settle([a_side, b_side])
    for number, (a, b) in enumerate(pairs):
        equal((a.received, b.received), ([b'from %d' % number], [b'to %d' % number]))


@scenario("another tenant's connection of the same identifier is never joined")
def other_tenant(world: World) -> None:
    for second_relay in ('b-1', 'a-1'):
        identifier = os.urandom(16)
        places = world.service('a-1'), world.service(second_relay)
        mine = world.minted(*places, connection_id=identifier, role=0)
        theirs = world.minted(*places[::-1], tenant='acme', connection_id=identifier, role=1)
        a, b = (Leg(grant, 'sha256', local_ip=world.host()) for grant in (mine, theirs))
        for leg in (a, b):
            success(leg.allocate())
        connects = a.begin_connect(b.mapped), b.begin_connect(a.mapped)
        settle([a.endpoint, b.endpoint], 2)
        equal([one.answer for one in connects], [None, None], 'answers')
        # The other half of each tenant finds the one that waits.
        partner = world.minted(*places[::-1], connection_id=identifier, role=1)
        c = Leg(partner, 'md5', local_ip=world.host())
        success(c.allocate())
        a.endpoint.exchanges.clear()
        connect_corrected(a, c)
        joined(a, c)
        equal(connects[1].answer, None)
        silent(b.endpoint)


@scenario('two peers of one role are never joined')
def same_role(world: World) -> None:
    a, b = world.legs()
    twin_name = world.minted(
        b.grant.relay, b.grant.peer_relay, role=0, connection_id=a.grant.connection_id
    )
    twin = Leg(replace(b.grant, role=0, username=twin_name.username, password=twin_name.password))
    for leg in (a, twin):
        success(leg.allocate())
    connects = a.begin_connect(twin.mapped), twin.begin_connect(a.mapped)
    settle([a.endpoint, twin.endpoint], 1.5)
    equal([one.answer for one in connects], [None, None], 'answers')


@scenario('an offer counts only from the relay that Allocate named')
def other_relay(world: World) -> None:
    a, b = world.legs()
    a.grant = replace(a.grant, peer_relay=world.service('e-1'))
    for leg in (a, b):
        success(leg.allocate())
    connects = a.begin_connect(b.mapped), b.begin_connect(a.mapped)
    settle([a.endpoint, b.endpoint], 1.5)
    equal([one.answer for one in connects], [None, None], 'answers')


@scenario('a 5-tuple may hold both legs of a connection')
def with_oneself(world: World) -> None:
    first, second = world.grants(regions=('a', 'a'))
    endpoint = Endpoint(first.relay, world.host())
    a, b = Leg(first, 'sha256', endpoint), Leg(second, 'md5', endpoint)
    connect(a, b)
    true(a.channel != b.channel, 'two channels')
    a.send(b'to b')
    b.send(b'to a')
    run([endpoint], lambda: len(endpoint.data) >= 2, 3)
    settle([endpoint])
    equal((a.received, b.received), ([b'to a'], [b'to b']))


@scenario('the other relay may be named by any of its service addresses')
def any_address(world: World) -> None:
    a, b = world.legs()
    a.grant = replace(a.grant, peer_relay=world.service('b-1', 6))
    connect(a, b)
    joined(a, b)


@scenario('a channel that was freed is not given again at once')
def channel_rest(world: World) -> None:
    a_side = Endpoint(world.service('a-1'), world.host())
    used = []
    for _ in range(4):
        first, second = world.grants(regions=('a', 'b'))
        a, b = Leg(first, 'md5', a_side), Leg(second, 'md5', local_ip=world.host())
        connect(a, b)
        used.append(a.channel)
        success(a.refresh(0))
    equal(len(set(used)), len(used), f'different channels of {used}')
