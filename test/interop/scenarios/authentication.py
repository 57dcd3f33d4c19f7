"""Who is let in: challenges, credentials, bid-down."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Callable

from peer.endpoint import Endpoint, Exchange
from peer.login import MD5, SHA256, algorithm_value, security_features
from peer.overlay import Leg, answered
from peer.stun import Attr, Kind, Message, Method, Outgoing

from .harness import World, equal, refused, scenario, success, true, unanswered

CHALLENGE_BYTES_MAX = 124


def leg_of(world: World, scheme: str = 'md5', **changes) -> Leg:
    """A leg at a-1 with a minted credential, from an address of its own."""
    grant = world.minted(world.service('a-1'), world.service('b-1'))
    return Leg(replace(grant, **changes), scheme, local_ip=world.host())


def challenged(leg: Leg) -> Message:
    """The first answer to a request without credentials."""
    exchange = leg.begin(Method.ALLOCATE)
    exchange.renewals = 0
    answered(exchange)
    assert exchange.answer is not None
    leg.login.challenge(exchange.answer)
    return exchange.answer


def by_hand(leg: Leg, sign: Callable[[Outgoing], Outgoing]) -> Exchange:
    """An Allocate whose credentials are what `sign` writes."""
    exchange = leg.endpoint.begin(leg.login, lambda: leg.build(Method.ALLOCATE), sign)
    exchange.renewals = 0
    answered(exchange)
    return exchange


@scenario('a request without credentials gets a short challenge')
def challenge(world: World) -> None:
    leg = leg_of(world)
    answer = challenged(leg)
    equal(answer.error(), 401)
    equal(answer.text(Attr.REALM), 'turnpike')
    true(len(answer.data) <= CHALLENGE_BYTES_MAX, f'{len(answer.data)} bytes are at most {CHALLENGE_BYTES_MAX}')
    true(not answer.has_integrity('sha1') and not answer.has_integrity('sha256'), 'no integrity')
    features = security_features(answer.text(Attr.NONCE) or '')
    true(features is not None, 'the nonce begins with the nonce cookie')
    # The text of section 9.2 counts from the first bit, appendix B from the last.
    true(features[0] & 0x80 and features[2] & 0x01, f'password algorithms in {features.hex()}')
    equal(answer.get(Attr.PASSWORD_ALGORITHMS), algorithm_value(SHA256) + algorithm_value(MD5))


@scenario('the credentials that the directory hands out are accepted')
def from_directory(world: World) -> None:
    for scheme in ('md5', 'md5-named', 'sha256'):
        for grant in world.grants():
            leg = Leg(grant, scheme, local_ip=world.host())
            success(leg.allocate(), scheme)


@scenario("credentials that a tenant's own server made are accepted")
def minted(world: World) -> None:
    for tenant in ('default', 'acme', 'no-directory.knows-me'):
        for more in ('', '/weight=3', '/a=b/c=d'):
            grant = world.minted(
                world.service('a-1'), world.service('b-1'), tenant=tenant, more=more
            )
            success(Leg(grant, 'sha256', local_ip=world.host()).allocate(), tenant + more)


@scenario('a wrong password is answered 401')
def wrong_password(world: World) -> None:
    for scheme in ('md5', 'md5-named', 'sha256'):
        leg = leg_of(world, scheme, password='d3Jvbmc=')
        answer = refused(leg.allocate(), 401, scheme, signed=False)
        true(answer.text(Attr.NONCE) and answer.text(Attr.REALM), 'it is a challenge')
        true(len(answer.data) <= CHALLENGE_BYTES_MAX, 'and as short')


@scenario('a username that no directory makes is answered 401')
def strange_usernames(world: World) -> None:
    grant = world.minted(world.service('a-1'), world.service('b-1'))
    expiry, rest = grant.username.split(':')
    for name in ('', 'x', rest, f'{expiry}:', f'-1:{rest}', f'{expiry}:{rest}0', 'é' * 200):
        leg = Leg(replace(grant, username=name), local_ip=world.host())
        refused(leg.allocate(), 401, name, signed=False)


@scenario("another tenant's key does not make a credential")
def wrong_tenant(world: World) -> None:
    grant = world.minted(world.service('a-1'), world.service('b-1'), tenant='acme')
    stolen = replace(grant, username=grant.username.replace(':acme/', ':default/'))
    refused(Leg(stolen, local_ip=world.host()).allocate(), 401, signed=False)


@scenario('an expired credential is answered 401')
def expired(world: World) -> None:
    grant = world.minted(world.service('a-1'), world.service('b-1'), seconds=-1)
    for scheme in ('md5', 'sha256'):
        refused(Leg(grant, scheme, local_ip=world.host()).allocate(), 401, signed=False)


@scenario('another role or identifier than the credential names is answered 403')
def wrong_leg(world: World) -> None:
    for scheme in ('md5', 'sha256'):
        leg = leg_of(world, scheme)
        refused(leg.allocate({Attr.CONNECTION_ROLE: bytes([1, 0, 0, 0])}), 403, 'role')
        refused(leg.allocate({Attr.CONNECTION_IDENTIFIER: os.urandom(16)}), 403, 'identifier')
        success(leg.allocate(), 'its own')
        strange = {Attr.CONNECTION_IDENTIFIER: os.urandom(16)}
        refused(leg.call(Method.REFRESH, strange), 403, 'Refresh')
        connect = {**strange, Attr.XOR_PEER_ADDRESS: ('192.0.2.1', 9)}
        refused(leg.call(Method.CONNECT, connect), 403, 'Connect')


@scenario('a nonce that the relay did not make is answered 438')
def forged_nonce(world: World) -> None:
    for scheme in ('md5', 'sha256'):
        leg = leg_of(world, scheme)
        challenged(leg)
        genuine = leg.login.nonce or ''
        for forged in (genuine[:-1] + ('A' if genuine[-1] != 'A' else 'B'), 'x', genuine + 'A'):
            leg.login.nonce = forged
            answer = refused(by_hand(leg, leg.login.sign), 438, forged, signed=False)
            true(answer.text(Attr.NONCE) not in (None, forged), 'with a fresh nonce')
            true(len(answer.data) <= CHALLENGE_BYTES_MAX, 'and short')


@scenario('a nonce serves its address from any port and no other address')
def nonce_of_address(world: World) -> None:
    leg = leg_of(world)
    challenged(leg)
    for ip, code in ((leg.endpoint.address[0], None), (world.host(), 438)):
        other = Leg(leg.grant, local_ip=ip)
        other.login.nonce, other.login.realm = leg.login.nonce, leg.login.realm
        exchange = by_hand(other, other.login.sign)
        if code is None:
            success(exchange, 'same IP')
        else:
            refused(exchange, code, 'other IP', signed=False)


@scenario('a stale nonce is renewed without the peer noticing')
def renewal(world: World) -> None:
    leg = leg_of(world, 'sha256')
    success(leg.allocate())
    leg.login.nonce = 'stale'
    exchange = leg.refresh()
    success(exchange)
    equal(len(exchange.datagrams), 2, 'transactions')


@scenario('a bid-down is answered 400')
def bid_down(world: World) -> None:
    both = algorithm_value(SHA256) + algorithm_value(MD5)
    attempts = {
        'SHA-256 taken out of the list': (algorithm_value(MD5), algorithm_value(MD5), 'md5'),
        'the list turned round': (
            algorithm_value(MD5) + algorithm_value(SHA256),
            algorithm_value(MD5),
            'md5',
        ),
        'no list': (None, algorithm_value(SHA256), 'sha256'),
        'no choice': (both, None, 'md5'),
        'a choice outside the list': (both, algorithm_value(7), 'sha256'),
    }
    for what, (listed, chosen, scheme) in attempts.items():
        leg = leg_of(world, scheme)
        challenged(leg)

        def sign(out: Outgoing) -> Outgoing:
            login = leg.login
            out.text(Attr.USERNAME, login.username)
            out.text(Attr.REALM, login.realm or '').text(Attr.NONCE, login.nonce or '')
            if listed is not None:
                out.add(Attr.PASSWORD_ALGORITHMS, listed)
            if chosen is not None:
                out.add(Attr.PASSWORD_ALGORITHM, chosen)
            return out.integrity(login.integrity, login.key)

        refused(by_hand(leg, sign), 400, what, signed=False)


@scenario('a half-given set of credentials is answered 400')
def half_given(world: World) -> None:
    for missing in (Attr.USERNAME, Attr.REALM, Attr.NONCE):
        leg = leg_of(world)
        challenged(leg)
        login = leg.login
        values = {Attr.USERNAME: login.username, Attr.REALM: login.realm, Attr.NONCE: login.nonce}

        def sign(out: Outgoing) -> Outgoing:
            for attribute, value in values.items():
                if attribute != missing:
                    out.text(attribute, value or '')
            return out.integrity('sha1', login.key)

        refused(by_hand(leg, sign), 400, f'without {missing.name}', signed=False)


@scenario('a shortened MESSAGE-INTEGRITY-SHA256 counts for nothing')
def truncated(world: World) -> None:
    leg = leg_of(world, 'sha256')
    challenged(leg)

    def sign(out: Outgoing) -> Outgoing:
        return leg.login.credentials(out).integrity('sha256', leg.login.key, cut=16)

    answer = by_hand(leg, sign).answer
    true(answer is not None and answer.error() in (400, 401), f'answered {answer}')


@scenario('the server is reached by its own realm only')
def wrong_realm(world: World) -> None:
    leg = leg_of(world)
    challenged(leg)
    leg.login.realm = 'elsewhere'
    answer = by_hand(leg, leg.login.sign).answer
    true(answer is not None and answer.error() in (400, 401), f'answered {answer}')


@scenario('FINGERPRINT is accepted, and a wrong one is no message')
def fingerprint(world: World) -> None:
    leg = leg_of(world, 'sha256')
    challenged(leg)
    success(by_hand(leg, lambda out: leg.login.sign(out).fingerprint()))
    endpoint = Endpoint(world.service('a-1'), world.host())
    broken = bytearray(Outgoing(Kind.REQUEST, Method.BINDING).fingerprint().pack())
    broken[-1] ^= 1
    unanswered(endpoint, bytes(broken))


@scenario('attributes behind the integrity are not seen')
def behind_integrity(world: World) -> None:
    leg = leg_of(world)
    challenged(leg)

    def sign(out: Outgoing) -> Outgoing:
        return leg.login.sign(out).u32(Attr.LIFETIME, 3600).add(0x7FFF, b'unknown')

    answer = success(by_hand(leg, sign))
    equal(answer.number(Attr.LIFETIME), 600, 'LIFETIME')


@scenario('of two integrities the stronger decides')
def two_integrities(world: World) -> None:
    for sha1_right in (True, False):
        for sha256_right in (True, False):
            leg = leg_of(world, 'sha256')
            challenged(leg)

            def sign(out: Outgoing) -> Outgoing:
                key = leg.login.key
                leg.login.credentials(out).integrity('sha1', key if sha1_right else b'wrong')
                return out.integrity('sha256', key if sha256_right else b'wrong')

            exchange = by_hand(leg, sign)
            if sha256_right:
                success(exchange, f'SHA-1 {sha1_right}')
            else:
                refused(exchange, 401, f'SHA-1 {sha1_right}', signed=False)
