import { createHmac } from 'node:crypto';
import t from 'tap';
import { registrationKey, relaySecret } from '../../src/auth/keys.js';
import {
  parseSigning,
  sameSignature,
  signAnswer,
  signRequest,
} from '../../src/registry/signing.js';
import { CLUSTER_SECRET } from '../directory/fixtures.js';

const key = registrationKey(relaySecret(CLUSTER_SECRET, 'fra-1'));
const request = {
  method: 'POST',
  path: '/v1/relays/fra-1/beat',
  timeMs: 1_795_334_400_123,
  nonce: '000102030405060708090a0b0c0d0e0f',
  body: '{"start":1}',
};

t.test('the signature of a request is that of docs/registration.md', async (t) => {
  const text =
    'turnpike registration request v1\nPOST\n/v1/relays/fra-1/beat\n1795334400123\n' +
    '000102030405060708090a0b0c0d0e0f\n{"start":1}';
  const expected = createHmac('sha256', key).update(text).digest('base64');
  t.equal(signRequest(key, request), expected);
  t.equal(signRequest(key, { ...request, body: Buffer.from(request.body) }), expected);
});

t.test('the signature of an answer is that of docs/registration.md', async (t) => {
  const text =
    'turnpike registration answer v1\nPOST\n/v1/relays/fra-1/beat\n409\n1795334400123\n' +
    '000102030405060708090a0b0c0d0e0f\n{"start":1}';
  const expected = createHmac('sha256', key).update(text).digest('base64');
  t.equal(signAnswer(key, { ...request, status: 409 }), expected);
});

t.test('a signature covers every part of a request', async (t) => {
  const whole = signRequest(key, request);
  const others = [
    { method: 'PUT' },
    { path: '/v1/relays/fra-1/beat?x' },
    { timeMs: request.timeMs + 1 },
    { nonce: '100102030405060708090a0b0c0d0e0f' },
    { body: '{"start":2}' },
  ];
  for (const other of others) t.not(signRequest(key, { ...request, ...other }), whole);
  t.not(signRequest(registrationKey(relaySecret(CLUSTER_SECRET, 'nyc-1')), request), whole);
  t.not(signAnswer(key, { ...request, status: 200 }), whole);
});

t.test('sameSignature compares the whole signature', async (t) => {
  const whole = signRequest(key, request);
  t.ok(sameSignature(whole, whole));
  t.notOk(sameSignature(whole, whole.slice(1)));
  t.notOk(sameSignature(whole, ''));
  t.notOk(sameSignature(whole, `é${whole.slice(1)}`));
});

t.test('parseSigning returns undefined for missing, repeated or malformed headers', async (t) => {
  const good: Record<string, unknown> = {
    'turnpike-time': '1795334400123',
    'turnpike-nonce': request.nonce,
    'turnpike-signature': 'x',
  };
  t.same(
    parseSigning((name) => good[name]),
    {
      timeMs: request.timeMs,
      nonce: request.nonce,
      signature: 'x',
    },
  );
  const bad = [
    { 'turnpike-time': undefined },
    { 'turnpike-time': '-1' },
    { 'turnpike-time': '1e3' },
    { 'turnpike-time': '99999999999999999' },
    { 'turnpike-nonce': request.nonce.toUpperCase() },
    { 'turnpike-nonce': `${request.nonce}0` },
    { 'turnpike-nonce': [request.nonce] },
    { 'turnpike-signature': undefined },
  ];
  for (const change of bad) {
    const headers: Record<string, unknown> = { ...good, ...change };
    t.equal(
      parseSigning((name) => headers[name]),
      undefined,
      JSON.stringify(change),
    );
  }
});
