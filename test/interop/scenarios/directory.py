"""PROTOCOL.md section 5: what the directory hands out, and what it refuses."""

from __future__ import annotations

import calendar
import http.client
import json
import time
from typing import Optional, Tuple
from urllib.parse import urlsplit

from peer.keys import mint, tenant_secret

from .harness import World, equal, scenario, true


def raw(
    world: World, method: str, path: str, body: bytes = b'', key: Optional[str] = None
) -> Tuple[int, str, bytes]:
    """Status, content type and body of an answer to a request that may be improper."""
    place = urlsplit(world.directory_url)
    link = http.client.HTTPConnection(place.hostname, place.port, timeout=10)
    headers = {'content-type': 'application/json'} if body else {}
    if key is not None:
        headers['authorization'] = f'Bearer {key}'
    try:
        link.request(method, path, body or None, headers)
        answer = link.getresponse()
        return answer.status, answer.getheader('content-type') or '', answer.read()
    finally:
        link.close()


@scenario('the directory answers with two relays, an identifier and credentials')
def answer_form(world: World) -> None:
    before = int(time.time())
    status, answer = world.directory('acme').call(
        'POST', '/v1/connections', {'peers': [{'region': 'a'}, {'region': 'b'}], 'ttlSeconds': 90}
    )
    equal(status, 201)
    identifier = answer['connectionId']
    true(len(identifier) == 32 and bytes.fromhex(identifier).hex() == identifier, identifier)
    expires = calendar.timegm(time.strptime(answer['expiresAt'][:19], '%Y-%m-%dT%H:%M:%S'))
    true(before + 89 <= expires <= int(time.time()) + 91, 'expiresAt')
    secret = tenant_secret(world.cluster_secret, 'acme')
    for role, peer in enumerate(answer['peers']):
        equal(peer['role'], role)
        name = mint(secret, 'acme', identifier, role, int(peer['username'].split(':')[0]))
        equal((peer['username'], peer['password']), name)
        true(abs(int(peer['username'].split(':')[0]) - expires) <= 1, 'one expiry for all')
        equal(peer['relay']['region'], 'ab'[role])
        other = answer['peers'][1 - role]['relay']
        equal(peer['peerRelay'], {'address': other['address'], 'port': other['port']})


@scenario('without wishes a peer gets a relay, on IPv4 where it has that')
def no_wishes(world: World) -> None:
    for peers in ([{}, {}], [{'address': '203.0.113.7'}, {'address': '198.51.100.9'}]):
        for grant in world.directory().connection(peers):
            true(':' not in grant.relay[0], f'{grant.relay} is IPv4')


@scenario('the relay address is of the family that was asked for, else of the peer address')
def family(world: World) -> None:
    a, b = {'region': 'a'}, {'region': 'b'}
    for first, second, families in (
        ({**a, 'family': 6}, b, (6, 4)),
        ({**a, 'address': '2001:db8::1'}, {**b, 'address': '192.0.2.1'}, (6, 4)),
        ({**a, 'address': '2001:db8::1', 'family': 4}, {**b, 'family': 6}, (4, 6)),
    ):
        grants = world.directory().connection([first, second])
        for grant, place, wanted in zip(grants, ('a-1', 'b-1'), families):
            equal(grant.relay, world.service(place, wanted))


@scenario('the lower latencies decide where a region does not')
def latencies(world: World) -> None:
    near, far = {'a-1': 5, 'b-1': 200, 'c-1': 200, 'd-1': 200, 'e-1': 200, 'f-1': 200, 'g-1': 200}, {}
    far = {**near, 'a-1': 200, 'b-1': 5}
    grants = world.directory().connection([{'latencies': near}, {'latencies': far}])
    equal([grant.relay for grant in grants], [world.service('a-1'), world.service('b-1')])


@scenario('the directory refuses what it must, as problem+json')
def refusals(world: World) -> None:
    key = world.api_keys['default']
    proper = json.dumps({'peers': [{}, {}]}).encode()
    for what, status, arguments in (
        ('no key', 401, ('POST', '/v1/connections', proper)),
        ('a wrong key', 401, ('POST', '/v1/connections', proper, key + 'x')),
        ('an empty key', 401, ('POST', '/v1/connections', proper, '')),
        ('no JSON', 400, ('POST', '/v1/connections', b'{', key)),
        ('no peers', 400, ('POST', '/v1/connections', b'{}', key)),
        ('one peer', 400, ('POST', '/v1/connections', b'{"peers":[{}]}', key)),
        ('three peers', 400, ('POST', '/v1/connections', b'{"peers":[{},{},{}]}', key)),
        ('a long life', 400, life(86_401, key)),
        ('no life', 400, life(0, key)),
        ('a wrong address', 400, wish(b'{"address":"300.1.1.1"}', key)),
        ('a wrong family', 400, wish(b'{"family":5}', key)),
        ('no key for the list', 401, ('GET', '/v1/relays')),
        ('another path', 404, ('GET', '/v1/nothing', b'', key)),
    ):
        found, kind, body = raw(world, *arguments)
        equal((found, kind.split(';')[0]), (status, 'application/problem+json'), what)
        equal(json.loads(body).get('status', status), status, what)


def life(seconds: int, key: str) -> tuple:
    body = json.dumps({'peers': [{}, {}], 'ttlSeconds': seconds}).encode()
    return 'POST', '/v1/connections', body, key


def wish(peer: bytes, key: str) -> tuple:
    return 'POST', '/v1/connections', b'{"peers":[' + peer + b',{}]}', key


@scenario('the relays and health are there to read, but not what is measured')
def readable(world: World) -> None:
    status, listed = world.directory().call('GET', '/v1/relays')
    equal(status, 200)
    found = {relay['id']: relay for relay in listed['relays']}
    true({'a-1', 'b-1', 'd-1', 'e-1'} <= set(found), f'{sorted(found)}')
    places = {(one['address'], one['port']) for one in found['a-1']['addresses']}
    equal(places, set(world.relays['a-1']['service']))
    equal(found['a-1']['region'], 'a')
    equal(raw(world, 'GET', '/healthz')[0], 200)
    equal(raw(world, 'GET', '/metrics')[0], 404)
