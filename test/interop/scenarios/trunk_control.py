"""PROTOCOL.md section 3, from the other relay's side."""

from __future__ import annotations

import os
import socket
import time

from peer.endpoint import run, settle
from peer.overlay import Leg
from peer.relay import accept, offer, refuse
from peer.stun import Attr, Kind, Message, Method, Outgoing

from .foreign import (
    FAR,
    HOME,
    Session,
    ask,
    counter_offer,
    establish,
    foreign,
    ignored,
    next_offer,
    offers,
    reserved,
    wait,
)
from .harness import LISTED_SECONDS, World, equal, refused, scenario, success

MINE = 0x0BADCAFE


@scenario('trunk: the offer has all of section 3 and is repeated until it is answered')
def offered(world: World) -> None:
    with foreign(world) as relay:
        leg = reserved(world, relay, tenant='acme')
        settle([leg.endpoint], 0.6)
        equal(offers(relay, leg), [], 'offers before the Connect')
        leg.begin_connect(FAR)
        wait(leg, lambda: len(offers(relay, leg)) >= 3, 'three offers')
        message = offers(relay, leg)[0]
        equal(message.text(Attr.TENANT), 'acme')
        equal(message.get(Attr.CONNECTION_ROLE), bytes([leg.grant.role, 0, 0, 0]))
        equal(message.address(Attr.XOR_MAPPED_ADDRESS), leg.mapped)
        equal(message.address(Attr.XOR_PEER_ADDRESS), FAR)
        equal(len(message.get(Attr.SESSION_INDEX) or b''), 4)
        equal(len({one.get(Attr.SESSION_INDEX) for one in offers(relay, leg)}), 1, 'indexes')


@scenario('trunk: a connection with a relay by another hand, our offer first')
def ours_first(world: World) -> None:
    with foreign(world) as relay:
        for scheme in ('md5', 'sha256'):
            session = establish(relay, reserved(world, relay, scheme))
            success(session.connecting)
            session.alive()


@scenario('trunk: an offer that came before the Connect is remembered')
def theirs_first(world: World) -> None:
    with foreign(world) as relay:
        leg = reserved(world, relay)
        early = counter_offer(leg, MINE)
        relay.say(HOME, early)
        time.sleep(0.5)
        equal(relay.messages(Kind.SUCCESS, Method.CONNECT), [], 'no success without a Connect')
        connecting = leg.begin_connect(FAR)
        request = next_offer(relay, leg)
        answer = ask(relay, counter_offer(leg, MINE))
        equal(answer.kind, Kind.SUCCESS)
        settle([leg.endpoint], 0.7)
        equal(connecting.answer, None, 'the peer waits until its own offer is answered')
        relay.say(HOME, accept(request, MINE))
        wait(leg, lambda: connecting.answer is not None, 'the peer was answered')
        leg.channel = success(connecting).channel()
        Session(relay, leg, connecting, MINE, answer.number(Attr.SESSION_INDEX)).alive()


@scenario('trunk: a repeated offer is answered alike')
def repeated(world: World) -> None:
    with foreign(world) as relay:
        session = establish(relay, reserved(world, relay), MINE)
        for _ in range(3):
            answer = ask(relay, counter_offer(session.leg, MINE))
            equal(answer.kind, Kind.SUCCESS)
            equal(answer.number(Attr.SESSION_INDEX), session.theirs)
        session.alive()


@scenario('trunk: 403 to the offer, and to the peer, when addresses do not match')
def mismatch(world: World) -> None:
    with foreign(world) as relay:
        leg = reserved(world, relay)
        connecting = leg.begin_connect(FAR)
        next_offer(relay, leg)
        answer = ask(relay, counter_offer(leg, MINE, claimed=('192.0.2.1', 1)))
        equal(answer.error(), 403, 'answer to an offer with a wrong claim')
        wait(leg, lambda: connecting.answer is not None, 'the peer was answered')
        refused(connecting, 403)
        # The other way: this relay finds that our peer's claim is wrong.
        relay.control.clear()
        connecting = leg.begin_connect(FAR)
        relay.say(HOME, refuse(next_offer(relay, leg), 403))
        wait(leg, lambda: connecting.answer is not None, 'the peer was answered')
        refused(connecting, 403)
        relay.control.clear()
        establish(relay, leg).alive()


@scenario('trunk: control that is not proven to come from that relay is dropped')
def unproven(world: World) -> None:
    with foreign(world) as relay, foreign(world) as other:
        leg = reserved(world, relay)
        reserved(world, other)
        connecting = leg.begin_connect(FAR)
        ours = next_offer(relay, leg)
        trunk = relay.trunks[HOME]
        out = counter_offer(leg, MINE)
        whole = trunk.sign(out)
        broken = whole[:-1] + bytes([whole[-1] ^ 1])
        ignored(relay, broken, out.transaction_id)
        # In another relay's name, with one's own key; and one's own name from a wrong port.
        named = counter_offer(leg, MINE).text(Attr.USERNAME, other.id)
        named.add(Attr.RELAY_START, other.start.to_bytes(8, 'big'))
        ignored(relay, named.integrity('sha256', trunk.send_key).pack(), named.transaction_id)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind((world.host(), 0))
            stranger.settimeout(0.4)
            stranger.sendto(whole, world.trunk(HOME))
            try:
                raise AssertionError(f'a stranger was answered {stranger.recv(2048).hex()}')
            except socket.timeout:
                pass
        # Another relay, properly signed, for a leg that did not name it; and the mirror's trick.
        elsewhere = counter_offer(leg, MINE)
        ignored(other, other.trunks[HOME].sign(elsewhere), elsewhere.transaction_id)
        ignored(relay, ours.data, b'')
        relay.say(HOME, accept(Message(ours.data), MINE), relay.start - 1)
        settle([leg.endpoint], 0.5)
        equal(connecting.answer, None, 'the peer still waits')
        relay.control.clear()
        leg.endpoint.exchanges.clear()
        establish(relay, leg).alive()


@scenario('trunk: a malformed or unknown request is not answered with success')
def malformed(world: World) -> None:
    with foreign(world) as relay:
        leg = reserved(world, relay)
        leg.begin_connect(FAR)
        next_offer(relay, leg)
        whole = offer('default', leg.grant.connection_id, 1, FAR, leg.mapped, MINE)
        full = Message(whole.pack())
        for missing, _, _ in full.attributes:
            out = Outgoing(Kind.REQUEST, Method.CONNECT, whole.transaction_id)
            for attribute, value, _ in full.attributes:
                if attribute != missing:
                    out.add(attribute, value)
            relay.say(HOME, out)
        same_role = offer('default', leg.grant.connection_id, 0, FAR, leg.mapped, MINE)
        unknown = offer('default', os.urandom(16), 1, FAR, leg.mapped, MINE)
        for out in (same_role, unknown, Outgoing(Kind.REQUEST, Method.ALLOCATE)):
            relay.say(HOME, out)
        settle([leg.endpoint], 0.5)
        equal(relay.messages(Kind.SUCCESS, Method.CONNECT), [], 'successes')
        equal(relay.messages(Kind.SUCCESS, Method.ALLOCATE), [], 'successes')
        leg.endpoint.exchanges.clear()
        relay.control.clear()
        establish(relay, leg).alive()


@scenario('the directory hands out a relay by another hand', slow=True)
def listed(world: World) -> None:
    with foreign(world) as relay:
        wish = [{'region': 'a'}, {'region': relay.id}]
        until = time.monotonic() + LISTED_SECONDS
        wanted = world.service('a-1'), relay.service_address
        first, second = world.directory().connection(wish)
        while (first.relay, second.relay) != wanted and time.monotonic() < until:
            time.sleep(0.3)
            first, second = world.directory().connection(wish)
        equal((first.relay, second.relay), wanted)
        equal((second.peer_relay, first.peer_relay), wanted)
        leg = Leg(first, 'sha256', local_ip=world.host())
        success(leg.allocate())
        run([leg.endpoint], lambda: True, 0)
        establish(relay, leg).alive()
