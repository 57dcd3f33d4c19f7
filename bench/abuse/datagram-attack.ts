import type { DataPlaneBatch } from '../../src/native/types.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { decodeMessage } from '../../src/stun/message.js';
import { classOf } from '../../src/stun/methods.js';
import { type Datagram, ManySources } from '../setup/many-sources.js';
import type { Attack } from './flood.js';
import { paced } from './paced.js';

/**
 * Sends datagrams from many sources until it is ended.
 * @param perSecond - how often `make` is asked
 * @param make - what to send the nth time, from 1
 * @param onBatch - takes the answers
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

/** Nonces that relays have handed out. All relays of a cluster take a nonce of one of them. */
export class Nonces {
  readonly #nonces = new Map<string, string>();

  /** The nonce for an address that has asked. */
  of(ip: string): string | undefined {
    return this.#nonces.get(ip);
  }

  /** Takes the nonces from what came. */
  readonly learn = ({ datagrams }: DataPlaneBatch): void => {
    for (const { data, tuple } of datagrams) {
      if (classOf(Buffer.from(data).readUInt16BE(0)) !== 'error') continue;
      const decoded = decodeMessage(data);
      const nonce = decoded.ok ? decoded.message.text(AttributeType.Nonce) : undefined;
      if (nonce !== undefined && tuple.local !== undefined) this.#nonces.set(tuple.local, nonce);
    }
  };
}
