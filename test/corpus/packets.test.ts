import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parseAddress } from '../../src/address.js';
import type { Heard } from '../../src/native/types.js';
import { type CorpusRelay, parsePath, ReferenceForwarder } from './reference-forwarder.js';

const bytes = (hex = '') => Uint8Array.from(Buffer.from(hex === '-' ? '' : hex, 'hex'));

/** Returns the second at which the entry of a line expires; undefined for never. */
function untilOf(words: readonly string[]): number | undefined {
  return words.at(-2) === 'until' ? Number(words.at(-1)) : undefined;
}

/** Runs the lines of packets.txt, whose head describes their format. */
class Corpus {
  readonly forwarder = new ReferenceForwarder();
  #relay: CorpusRelay | undefined;

  /** Executes a line of set-up. */
  setUp(words: readonly string[]): void {
    const [kind, first, second, third, fourth, fifth, sixth] = words;
    const { forwarder } = this;
    const relay = this.#relay as CorpusRelay;
    switch (kind) {
      case 'today':
        forwarder.today = Number(first);
        break;
      case 'now':
        forwarder.nowNs = BigInt(first ?? '');
        break;
      case 'lane':
        forwarder.lane = Number(first);
        forwarder.nextSequence = BigInt(second ?? '');
        forwarder.nextPathSequence = forwarder.nextSequence;
        break;
      case 'relay':
        this.#relay = {
          path: parsePath(second, third),
          sources: [],
          sendKeys: new Map(),
          receiveKeys: new Map(),
          paths: [],
        };
        forwarder.relays.set(Number(first), this.#relay);
        break;
      case 'source':
        relay.sources.push(parseAddress(first ?? ''));
        break;
      case 'send':
        relay.sendKeys.set(Number(first), bytes(second));
        break;
      case 'receive':
        relay.receiveKeys.set(Number(first), bytes(second));
        break;
      case 'path':
        relay.paths.push({ path: parsePath(first, second), heard: third as Heard });
        break;
      case 'flow':
        this.#flow(words.slice(1));
        break;
      case 'session':
        forwarder.sessions.set(Number(first), {
          relayIndex: Number(second),
          path: parsePath(third, fourth),
          channel: Number(fifth),
          until: untilOf(words),
        });
        break;
      default:
        throw new Error(`no such line: ${kind} ${sixth}`);
    }
  }

  #flow(words: readonly string[]): void {
    const [socket, remote, channel, type, first, second, third] = words;
    this.forwarder.putFlow(
      parsePath(socket, remote),
      Number(channel),
      type === 'trunk'
        ? { type, relayIndex: Number(first), sessionIndex: Number(second) }
        : { type: 'client', path: parsePath(first, second), channel: Number(third) },
      untilOf(words),
    );
  }

  /** Forwards a packet. @returns its verdict and results, as in the corpus */
  run(side: 'client' | 'trunk', words: readonly string[]): string {
    const [, , socket, remote, hex] = words;
    const { verdict, results } = this.forwarder[side](parsePath(socket, remote), bytes(hex));
    return [verdict, ...results].join(' ');
  }
}

t.test('the TypeScript codecs give every packet its verdict', async (t) => {
  const corpus = new Corpus();
  const lines = readFileSync(join(import.meta.dirname, 'packets.txt'), 'utf8').split('\n');
  let packets = 0;
  for (const line of lines) {
    if (line === '' || line.startsWith('#')) continue;
    const words = line.split(' ');
    const [side, name = ''] = words;
    if (side === 'client' || side === 'trunk') {
      packets += 1;
      t.equal(corpus.run(side, words), words.slice(5).join(' '), `${side} ${name}`);
    } else {
      corpus.setUp(words);
    }
  }
  t.ok(packets > 50, `${packets} packets`);
});
