import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { encodeStreamMessage } from '../../src/stream/message.js';
import { SealedChannel } from '../../src/stream/sealed-channel.js';
import { ROOT } from '../house/source-files.js';

/** Returns the vectors of docs/stream.md in their order. */
function vectors(): string[] {
  const page = readFileSync(join(ROOT, 'docs', 'stream.md'), 'utf8');
  return [...page.matchAll(/^\| .* \| ([0-9a-f]+) \|$/gm)].map(([, hex = '']) => hex);
}

function channel(role: 0 | 1) {
  const sent: Uint8Array[] = [];
  const opened = new SealedChannel({
    roomKey: new Uint8Array(32).fill(7),
    connectionId: '000102030405060708090a0b0c0d0e0f',
    role,
    streamId: new Uint8Array(16).fill(role + 1),
    clock: { now: () => 0, monotonic: () => 0 },
    random: (bytes) => new Uint8Array(bytes).fill(role === 0 ? 0xa0 : 0xb1),
    transmit: (datagram) => sent.push(datagram),
  });
  return { channel: opened, sent };
}

t.test('hellos, a segment and an ack match the vectors of docs/stream.md', async (t) => {
  const a = channel(0);
  const b = channel(1);
  a.channel.poll();
  const [hello = new Uint8Array()] = a.sent;
  b.channel.receive(hello);
  const [answer = new Uint8Array()] = b.sent;
  a.channel.receive(answer);
  const stamp = 0x01020304;
  const payload = Buffer.from('hello');
  const segment = encodeStreamMessage({
    ...{ type: 'segment', sequence: 0, final: true, stamp, payload },
  });
  a.channel.send(segment);
  const sealed = a.sent.at(-1) ?? new Uint8Array();
  const ranges = [{ first: 7, last: 9 }];
  const ack = encodeStreamMessage({
    ...{ type: 'ack', next: 5, window: 1_019, echo: stamp, complete: false, ranges },
  });
  const made = [hello, answer, segment, sealed, ack].map((bytes) =>
    Buffer.from(bytes).toString('hex'),
  );
  t.strictSame(made, vectors());
  t.match(b.channel.receive(a.sent[1] ?? new Uint8Array()), { type: 'keyed' });
  t.match(b.channel.receive(sealed), { type: 'plain', counter: 0, message: segment });
});
