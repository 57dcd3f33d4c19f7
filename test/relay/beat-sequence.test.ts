import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { signAnswer } from '../../src/registry/signing.js';
import { RegistrationClient } from '../../src/relay/registration-client.js';
import { IDLE, keyOf, relayRecord } from '../directory/fixtures.js';

/** Beats of a relay whose directory gives these members with its answers, by their number. */
async function beatsOf(members: (answer: number) => object) {
  const beats: { after?: number }[] = [];
  let answers = 0;
  const registry = { version: 'one', relays: [relayRecord('fra-1', 1)] };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.method === 'POST') beats.push(JSON.parse(String(Buffer.concat(chunks))));
    answers += 1;
    const body = JSON.stringify({ registryVersion: 'one', registry, ...members(answers) });
    const nonce = String(request.headers['turnpike-nonce']);
    const { method = '', url: path = '' } = request;
    const covered = { method, path, status: 200, timeMs: Date.now(), nonce, body };
    response.writeHead(200, {
      'turnpike-time': String(covered.timeMs),
      'turnpike-nonce': nonce,
      'turnpike-signature': signAnswer(keyOf('fra-1'), covered),
    });
    response.end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new RegistrationClient({
    directoryUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    id: 'fra-1',
    registrationKey: keyOf('fra-1'),
    record: () => relayRecord('fra-1', 1),
    load: () => IDLE,
    draining: () => false,
    onRegistry: () => {},
    onStart: () => {},
    onSuperseded: () => {},
  });
  client.start();
  while (beats.length < 3) await new Promise((resolve) => setTimeout(resolve, 20));
  await client.stop();
  server.close();
  return beats.slice(0, 3).map(({ after }) => after);
}

t.test('a beat names the sequence of the newest answer', async (t) => {
  t.same(await beatsOf((answer) => ({ sequence: 10 * answer })), [10, 20, 30]);
});

t.test('it names none to a directory that gives none', async (t) => {
  t.same(await beatsOf(() => ({})), [undefined, undefined, undefined]);
});
