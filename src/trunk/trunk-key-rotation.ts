import { sharedSecret, trunkDataKey, trunkEpoch } from '../auth/keys.js';
import type { UnixMs } from '../clock.js';
import type { TrunkKey, TrunkPeer } from '../native/types.js';
import type { Incarnation } from '../registry/incarnation.js';
import type { RelayRecord } from '../registry/types.js';
import { type ControlKeys, controlKeys } from './control-keys.js';
import type { LocalRelay } from './local-relay.js';

/**
 * When the data keys change: an epoch is a day of UTC (PROTOCOL.md section 4). At midnight the data
 * plane is given the keys of the new day.
 */
export class TrunkKeyRotation {
  #epoch: number;

  constructor(now: UnixMs) {
    this.#epoch = trunkEpoch(now);
  }

  /** Whether another day has begun since it was asked last, so that keys are to be renewed. */
  isDue(now: UnixMs): boolean {
    const epoch = trunkEpoch(now);
    if (epoch === this.#epoch) return false;
    this.#epoch = epoch;
    return true;
  }
}

/** The keys shared with another relay, all derived from the X25519 keys of the two. */
export class TrunkKeys {
  /** For control messages, 32 bytes each. */
  readonly control: ControlKeys;
  readonly #local: LocalRelay;
  readonly #remoteId: string;
  readonly #shared: Uint8Array;

  /**
   * @param remote - the other relay's id and public key, as it registered them
   * @throws TurnpikeError ERR_TURNPIKE_SECRET where that is no public key
   */
  constructor(local: LocalRelay, remote: Pick<RelayRecord, 'id' | 'publicKey'>) {
    this.#local = local;
    this.#remoteId = remote.id;
    this.#shared = sharedSecret(local.privateKey, Buffer.from(remote.publicKey, 'base64'));
    this.control = controlKeys(this.#shared, local.id, remote.id);
  }

  /**
   * Data keys for the data plane: those of today and tomorrow to send with, of yesterday to
   * tomorrow to receive with, as the clocks of two relays differ.
   * @param remote - the other relay's incarnation
   */
  dataKeys(now: UnixMs, remote: Incarnation): Pick<TrunkPeer, 'sendKeys' | 'receiveKeys'> {
    const today = trunkEpoch(now);
    return {
      sendKeys: [today, today + 1].map((epoch) => this.#sendDataKey(epoch, remote)),
      receiveKeys: [today - 1, today, today + 1]
        .filter((epoch) => epoch >= 0)
        .map((epoch) => this.receiveDataKey(epoch)),
    };
  }

  /** The key that the other relay authenticates data with on a day. */
  receiveDataKey(epoch: number): TrunkKey {
    const { id: receiverId, incarnation: receiverStart } = this.#local;
    return this.#dataKey({ epoch, senderId: this.#remoteId, receiverId, receiverStart });
  }

  #sendDataKey(epoch: number, receiverStart: Incarnation): TrunkKey {
    const senderId = this.#local.id;
    return this.#dataKey({ epoch, senderId, receiverId: this.#remoteId, receiverStart });
  }

  #dataKey(ends: Omit<Parameters<typeof trunkDataKey>[0], 'shared'>): TrunkKey {
    return { epoch: ends.epoch, key: trunkDataKey({ shared: this.#shared, ...ends }) };
  }
}
