import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { type Clock, systemClock } from '../../src/clock.js';
import { signAnswer } from '../../src/registry/signing.js';
import {
  DIRECTORY_CONNECTION_MS,
  DIRECTORY_REQUEST_MS,
  REGISTRY_BYTES_MAX,
  SignedRequests,
} from '../../src/relay/signed-requests.js';
import { FakeClock, keyOf } from '../directory/fixtures.js';

const PATH = '/v1/relays/fra-1/beat';
const REQUEST = { method: 'POST', path: PATH, body: {}, timeoutMs: 5_000 } as const;

type Answerer = (request: IncomingMessage, response: ServerResponse) => void;

/** Starts an HTTP server in place of the directory, and makes a relay's client for it. */
async function impostor(
  test: Test,
  answer: Answerer,
  clock: Clock = systemClock,
): Promise<SignedRequests> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const requests = new SignedRequests({
    directoryUrl: `http://127.0.0.1:${port}/`,
    registrationKey: keyOf('fra-1'),
    clock,
    random: randomBytes,
  });
  test.teardown(() => requests.close());
  return requests;
}

/** Returns the signature headers of a directory's response. */
function signed(nonce: string, status: number, body: string, key = keyOf('fra-1')) {
  const timeMs = Date.now();
  const covered = { method: 'POST', path: PATH, status, timeMs, nonce, body };
  return {
    'turnpike-time': String(timeMs),
    'turnpike-nonce': nonce,
    'turnpike-signature': signAnswer(key, covered),
  };
}

const nonceOf = (request: IncomingMessage) => String(request.headers['turnpike-nonce']);

t.test('a signed response is accepted with any status', async (t) => {
  const requests = await impostor(t, (request, response) => {
    const body = '{"code":"superseded"}';
    response.writeHead(409, signed(nonceOf(request), 409, body)).end(body);
  });
  t.same(await requests.send(REQUEST), { ok: true, status: 409, body: { code: 'superseded' } });
});

t.test('a response that the directory has not signed for this request is rejected', async (t) => {
  let recorded = '';
  const cases: Record<string, Answerer> = {
    'no signature': (_request, response) => response.writeHead(409).end('{"code":"superseded"}'),
    'another relay’s key': (request, response) =>
      response.writeHead(200, signed(nonceOf(request), 200, '{}', keyOf('nyc-1'))).end('{}'),
    'another status': (request, response) =>
      response.writeHead(404, signed(nonceOf(request), 200, '{}')).end('{}'),
    'another body': (request, response) =>
      response.writeHead(200, signed(nonceOf(request), 200, '{}')).end('{ }'),
    'an answer to an earlier request': (request, response) => {
      recorded ||= nonceOf(request);
      response.writeHead(200, signed(recorded, 200, '{}')).end('{}');
    },
    'the request’s own signature': (request, response) => {
      const { 'turnpike-time': time, 'turnpike-signature': signature } = request.headers;
      response.setHeader('turnpike-time', time ?? '');
      response.setHeader('turnpike-nonce', nonceOf(request));
      response.setHeader('turnpike-signature', signature ?? '').end('{}');
    },
    'a redirect': (_request, response) => response.writeHead(307, { location: '/' }).end(),
    'an end in the middle': (_request, response) => {
      response.writeHead(200, { 'content-length': 10 }).write('{');
      setImmediate(() => response.destroy());
    },
    'an answer without end': (_request, response) => {
      response.writeHead(200);
      const chunk = Buffer.alloc(1 << 20, 32);
      const write = () => {
        if (!response.destroyed) response.write(chunk, () => setImmediate(write));
      };
      write();
    },
  };
  for (const [what, answer] of Object.entries(cases)) {
    const requests = await impostor(t, answer);
    if (what === 'an answer to an earlier request') await requests.send(REQUEST);
    const result = await requests.send(REQUEST);
    t.match(result, { ok: false, reason: String }, `${what}: ${JSON.stringify(result)}`);
  }
});

t.test('the code of an unsigned 401 is part of the reason, if it is a plain word', async (t) => {
  const skew = await impostor(t, (_request, response) => {
    response.writeHead(401).end('{"code":"clock-skew"}');
  });
  const told = await skew.send(REQUEST);
  t.match(told, { reason: 'answer 401 (clock-skew) is not signed', refusal: 'clock-skew' });
  const noise = await impostor(t, (_request, response) => {
    response.writeHead(401).end('{"code":"\\u001b[31m"}');
  });
  const nothing = await noise.send(REQUEST);
  t.match(nothing, { reason: /^answer 401 is not signed/, refusal: undefined });
});

t.test('a request without a response ends after its timeout or by abort', async (t) => {
  const requests = await impostor(t, () => {});
  t.match(await requests.send({ ...REQUEST, timeoutMs: 20 }), { reason: 'no answer in time' });
  const given = requests.send({ ...REQUEST, timeoutMs: DIRECTORY_REQUEST_MS });
  requests.abort();
  t.match(await given, { ok: false });
});

t.test('a refused connection gives ECONNREFUSED', async (t) => {
  const requests = new SignedRequests({
    directoryUrl: 'http://127.0.0.1:1',
    registrationKey: keyOf('fra-1'),
    clock: systemClock,
    random: randomBytes,
  });
  t.match(await requests.send(REQUEST), { ok: false, reason: 'ECONNREFUSED' });
});

t.test('a kept-alive connection is replaced after DIRECTORY_CONNECTION_MS', async (t) => {
  const clock = new FakeClock();
  const ports = new Set<number | undefined>();
  const answer: Answerer = (request, response) => {
    ports.add(request.socket.remotePort);
    const body = '{}';
    response.writeHead(200, signed(nonceOf(request), 200, body)).end(body);
  };
  const requests = await impostor(t, answer, clock);
  const send = async () => t.match(await requests.send(REQUEST), { ok: true });
  await send();
  clock.advance(DIRECTORY_CONNECTION_MS - 1);
  await send();
  t.equal(ports.size, 1, 'the same connection');
  // The directory's name may resolve to another address while the old one still answers.
  clock.advance(1);
  await send();
  t.equal(ports.size, 2);
  await send();
  t.equal(ports.size, 2);
});

t.test(
  'a response that was announced by its digest is accepted only with that digest',
  async (t) => {
    const body = Buffer.from('{"relays":[]}');
    const digest = createHash('sha256').update(body).digest('hex');
    const fetched = { method: 'GET', path: PATH, timeoutMs: 5_000, digest } as const;
    const gzip = { 'content-encoding': 'gzip' };
    const zeros = gzipSync(Buffer.alloc(REGISTRY_BYTES_MAX + 1));
    const cases: Record<string, [Answerer, object]> = {
      uncompressed: [(_, response) => response.end(body), { ok: true, body: { relays: [] } }],
      compressed: [
        (_, response) => response.writeHead(200, gzip).end(gzipSync(body)),
        { ok: true, body: { relays: [] } },
      ],
      'another body': [
        (_, response) => response.end('{"relays":[{}]}'),
        { ok: false, reason: 'the answer is not the one that was named' },
      ],
      'a body that is not gzip': [
        (_, response) => response.writeHead(200, gzip).end(body),
        { ok: false, reason: 'Z_DATA_ERROR' },
      ],
      'a body that ends early': [
        (_, response) => {
          response.writeHead(200, { ...gzip, 'content-length': 1_000 });
          response.write(gzipSync(body).subarray(0, 15), () => response.destroy());
        },
        { ok: false, reason: 'ECONNRESET' },
      ],
      'a body that unpacks to more than the maximum': [
        (_, response) => response.writeHead(200, gzip).end(zeros),
        { ok: false, reason: 'the answer is too large' },
      ],
      'an unsigned 404': [
        (_, response) => response.writeHead(404).end('{"code":"unknown-version"}'),
        { ok: false },
      ],
    };
    for (const [name, [answer, result]] of Object.entries(cases)) {
      const requests = await impostor(t, answer);
      t.match(await requests.send(fetched), result, name);
    }
  },
);
