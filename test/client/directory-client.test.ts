import t from 'tap';
import { DIRECTORY_ANSWER_BYTES_MAX } from '../../src/client/http-json.js';
import { DirectoryClient, parseGrantPair } from '../../src/client/index.js';
import { ownLoopback } from '../setup/own-loopback.js';
import { API_KEY, httpServer, offerJson, type ScriptedAnswer } from './support/http-server.js';
import { rejectionOf } from './support/until.js';

const PEERS = [{ address: '203.0.113.7' }, { region: 'nyc' }] as const;

t.test('createConnection sends the API key and parses both grants', async (t) => {
  const { url, requests } = await httpServer(t, () => ({
    status: 201,
    body: JSON.stringify({ ...offerJson(), later: 'members are ignored' }),
  }));
  const client = new DirectoryClient({ directoryUrl: url, apiKey: API_KEY });
  const offer = await client.createConnection({ peers: PEERS, ttlSeconds: 60 });
  t.match(requests[0], {
    method: 'POST',
    url: '/v1/connections',
    headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
  });
  t.strictSame(JSON.parse(requests[0]?.body ?? ''), { peers: PEERS, ttlSeconds: 60 });
  t.equal(offer.connectionId, '5f'.repeat(16));
  const [first, second] = offer.grants;
  t.strictSame(first, {
    connectionId: '5f'.repeat(16),
    expiresAt: '2026-11-22T15:00:00Z',
    realm: 'turnpike',
    role: 0,
    relay: { id: 'fra-1', region: 'fra', address: '192.0.2.10', port: 3478 },
    peerRelay: { address: '192.0.2.20', port: 3478 },
    username: `1800000000:default/${'5f'.repeat(16)}/0`,
    password: 'c2VjcmV0',
  });
  t.match(second, { role: 1, relay: { id: 'nyc-1' } });
});

t.test('the directory URL may have a path', async (t) => {
  const { url, requests } = await httpServer(t, () => ({ status: 200, body: '{"relays":[]}' }));
  await new DirectoryClient({ directoryUrl: `${url}/turnpike`, apiKey: API_KEY }).listRelays();
  t.equal(requests[0]?.url, '/turnpike/v1/relays');
});

t.test('listRelays returns canonical addresses', async (t) => {
  const relay = { id: 'a', region: 'r', addresses: [{ address: '2001:DB8:0::1', port: 3478 }] };
  const { url } = await httpServer(t, () => ({
    status: 200,
    body: JSON.stringify({ relays: [relay] }),
  }));
  t.strictSame(await new DirectoryClient({ directoryUrl: url, apiKey: API_KEY }).listRelays(), [
    { id: 'a', region: 'r', addresses: [{ address: '2001:db8::1', port: 3478 }] },
  ]);
});

t.test('listRelays asks for all parts of a long list, and ends', async (t) => {
  const listed = (id: string, next?: string) =>
    JSON.stringify({ relays: [{ id, region: 'r', addresses: [] }], next });
  const parts = [listed('a', '0000000f'), listed('b', 'f0000000'), listed('c')];
  const { url, requests } = await httpServer(t, () => ({ status: 200, body: parts.shift() ?? '' }));
  const client = new DirectoryClient({ directoryUrl: url, apiKey: API_KEY });
  const relays = await client.listRelays();
  t.strictSame(
    relays.map(({ id }) => id),
    ['a', 'b', 'c'],
  );
  t.strictSame(
    requests.map((request) => request.url),
    ['/v1/relays', '/v1/relays?after=0000000f', '/v1/relays?after=f0000000'],
  );
  parts.push(listed('a', '0000000f'), listed('a', '0000000f'));
  t.match(await rejectionOf(client.listRelays()), { code: 'ERR_TURNPIKE_DIRECTORY' });
});

t.test('listRelays returns the reachability of a relay', async (t) => {
  const since = '2026-11-26T12:00:00.000Z';
  const by = [{ id: 'nyc-1', reason: 'no-answer', since }];
  const reachability = {
    verdict: 'unreachable',
    trunk: { verdict: 'unreachable', since, unreachedBy: 2, observers: 2, by },
    service: [{ verdict: 'partly-foggy', unreachedBy: 1, observers: 3, by, address: '[::1]:1' }],
    cutOff: true,
    unknownTo: 1,
  };
  const listed = (about: unknown) => ({
    relays: [{ id: 'a', region: 'r', addresses: [], reachability: about }],
  });
  const answers = [listed(reachability), listed({ verdict: 5 })];
  const { url } = await httpServer(t, () => ({
    status: 200,
    body: JSON.stringify(answers.shift()),
  }));
  const client = new DirectoryClient({ directoryUrl: url, apiKey: API_KEY });
  const [relay] = await client.listRelays();
  t.strictSame(relay?.reachability, reachability, 'also with an unknown verdict');
  t.match(await rejectionOf(client.listRelays()), { code: 'ERR_TURNPIKE_DIRECTORY' });
});

t.test('a problem document gives the error its status, code and retryAfterSeconds', async (t) => {
  const { url } = await httpServer(t, () => ({
    status: 503,
    type: 'application/problem+json',
    body: '{"title":"Service Unavailable","code":"no-relay","detail":"none","retryAfterSeconds":2}',
  }));
  const client = new DirectoryClient({ directoryUrl: url, apiKey: API_KEY });
  t.match(await rejectionOf(client.createConnection({ peers: PEERS })), {
    code: 'ERR_TURNPIKE_DIRECTORY',
    status: 503,
    retryAfterSeconds: 2,
    message: 'the directory answered 503 no-relay: none',
  });
});

t.test('a malformed answer gives ERR_TURNPIKE_DIRECTORY', async (t) => {
  const offer = offerJson();
  const broken = (change: Record<string, unknown>) => JSON.stringify({ ...offer, ...change });
  const answers: ScriptedAnswer[] = [
    { status: 201, body: 'not json' },
    { status: 201, body: 'null' },
    { status: 201, body: broken({ connectionId: 'ABC' }) },
    { status: 201, body: broken({ expiresAt: 'soon' }) },
    { status: 201, body: broken({ peers: [offer.peers[0]] }) },
    { status: 201, body: broken({ peers: [offer.peers[0], offer.peers[0]] }) },
    { status: 201, body: broken({ peers: [{ ...offer.peers[0], role: 2 }, offer.peers[1]] }) },
    {
      status: 201,
      body: broken({
        peers: [{ ...offer.peers[0], peerRelay: { address: 'x.y', port: 1 } }, offer.peers[1]],
      }),
    },
    { status: 201, body: ' '.repeat(DIRECTORY_ANSWER_BYTES_MAX + 1) },
    { status: 302, body: '' },
    { status: 502, body: '<html>', type: 'text/html' },
  ];
  const { url } = await httpServer(t, () => answers.shift());
  const client = new DirectoryClient({ directoryUrl: url, apiKey: API_KEY });
  for (let left = answers.length; left > 0; left -= 1) {
    const error = await rejectionOf(client.createConnection({ peers: PEERS }));
    t.match(error, { code: 'ERR_TURNPIKE_DIRECTORY' });
  }
});

t.test('an answer that is not a directory’s has a message with the likely cause', async (t) => {
  const cases: readonly (readonly [ScriptedAnswer, RegExp])[] = [
    [{ status: 502, body: '<html>', type: 'text/html' }, /502 with a web page: a proxy in front/],
    [{ status: 302, body: '' }, /302 .*it points elsewhere: give the URL that it leads to/],
    [{ status: 404, body: 'no' }, /404 .*is the URL that of a directory/],
    [{ status: 401, body: '{"code":"api-key-unknown","detail":"d"}' }, /401 api-key-unknown: d$/],
  ];
  for (const [answer, message] of cases) {
    const { url } = await httpServer(t, () => answer);
    const client = new DirectoryClient({ directoryUrl: url, apiKey: API_KEY });
    const { status } = answer;
    t.match(await rejectionOf(client.listRelays()), { status, message });
  }
});

t.test('https:// to a server without TLS has a message that says so', async (t) => {
  const { url } = await httpServer(t, () => undefined);
  const secure = url.replace('http:', 'https:');
  const client = new DirectoryClient({ directoryUrl: secure, apiKey: API_KEY });
  t.match(await rejectionOf(client.listRelays()), {
    code: 'ERR_TURNPIKE_DIRECTORY_UNREACHABLE',
    message: /does not speak TLS; try http:\/\//,
  });
});

t.test('a refused connection gives ERR_TURNPIKE_DIRECTORY_UNREACHABLE', async (t) => {
  const address = `${ownLoopback()}:9`;
  const client = new DirectoryClient({ directoryUrl: `http://${address}`, apiKey: API_KEY });
  t.match(await rejectionOf(client.listRelays()), {
    code: 'ERR_TURNPIKE_DIRECTORY_UNREACHABLE',
    errno: 'ECONNREFUSED',
    address,
  });
});

t.test('a call can be aborted before and during the request', async (t) => {
  const controller = new AbortController();
  const { url } = await httpServer(t, () => {
    controller.abort('enough');
    return undefined;
  });
  const client = new DirectoryClient({ directoryUrl: url, apiKey: API_KEY });
  const { signal } = controller;
  t.match(await rejectionOf(client.listRelays({ signal })), {
    code: 'ERR_TURNPIKE_ABORTED',
    cause: 'enough',
  });
  t.match(await rejectionOf(client.listRelays({ signal })), { code: 'ERR_TURNPIKE_ABORTED' });
});

t.test('a directory URL that is not http: or https: throws', async (t) => {
  for (const url of ['ftp://host', 'host:8443', '']) {
    t.throws(() => new DirectoryClient({ directoryUrl: url, apiKey: API_KEY }), {
      code: 'ERR_TURNPIKE_CONFIG',
    });
  }
});

t.test('parseGrantPair takes the result of JSON.parse and throws if it is invalid', async (t) => {
  t.equal(parseGrantPair(offerJson()).grants.length, 2);
  t.throws(() => parseGrantPair(undefined), { code: 'ERR_TURNPIKE_DIRECTORY' });
});
