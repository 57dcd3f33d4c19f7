import type { DataPlaneBatch } from '../../src/native/types.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { decodeMessage } from '../../src/stun/message.js';
import { classOf } from '../../src/stun/methods.js';
import { type Datagram, ManySources } from '../setup/many-sources.js';
import type { Attack } from './flood.js';
import { paced } from './paced.js';

/**
 * Sends datagrams from many sources until the attack is ended.
 * @param perSecond - calls of `make` per second
 * @param make - returns the datagrams of the call with this number, from 1
 * @param onBatch - called with the responses
 */
export function datagramAttack(
  perSecond: number,
  make: (number: number) => readonly Datagram[],
  onBatch?: (batch: DataPlaneBatch) => void,
): Attack {
  const sources = new ManySources(onBatch);
  let number = 0;
  const stop = paced(perSecond, (times) => {
    sources.send(Array.from({ length: times }, () => make(++number)).flat());
  });
  return {
    tally: () => sources.tally(),
    end: () => {
      stop();
      return sources.close();
    },
  };
}

/** Nonces of relays' challenges. Every relay of a cluster accepts the nonces of the others. */
export class Nonces {
  readonly #nonces = new Map<string, string>();

  /** Returns the nonce of a local address; undefined before a challenge to it. */
  of(ip: string): string | undefined {
    return this.#nonces.get(ip);
  }

  /** Adds the nonces in received error responses. */
  readonly learn = ({ datagrams }: DataPlaneBatch): void => {
    for (const { data, tuple } of datagrams) {
      if (classOf(Buffer.from(data).readUInt16BE(0)) !== 'error') continue;
      const decoded = decodeMessage(data);
      const nonce = decoded.ok ? decoded.message.text(AttributeType.Nonce) : undefined;
      if (nonce !== undefined && tuple.local !== undefined) this.#nonces.set(tuple.local, nonce);
    }
  };
}
