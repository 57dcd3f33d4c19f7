import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { signAnswer } from '../../src/registry/signing.js';
import { RegistrationClient } from '../../src/relay/registration-client.js';
import { IDLE, keyOf, relayRecord } from '../directory/fixtures.js';

/**
 * A directory of relay fra-1 alone, which answers every request with the registry.
 * @param members - returns further members of an answer, by its number from 1
 * @returns its URL, and the bodies of the beats that came
 */
export async function answeringDirectory(t: Test, members: (answer: number) => object) {
  const beats: Record<string, unknown>[] = [];
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
  t.teardown(() => server.close());
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, beats };
}

/** Makes the client of relay fra-1, idle, at a directory. */
export function clientOf(
  directoryUrl: string,
  options: Partial<ConstructorParameters<typeof RegistrationClient>[0]> = {},
): RegistrationClient {
  return new RegistrationClient({
    directoryUrl,
    id: 'fra-1',
    registrationKey: keyOf('fra-1'),
    record: () => relayRecord('fra-1', 1),
    load: () => IDLE,
    draining: () => false,
    onRegistry: () => {},
    onStart: () => {},
    onSuperseded: () => {},
    ...options,
  });
}
