import { sharedSecret, trunkDataKey, utcDay } from '../auth/keys.js';
import type { UnixMs } from '../clock.js';
import { isTurnpikeError } from '../errors.js';
import type { RemoteRelayEntry, TrunkKey } from '../native/types.js';
import type { Incarnation } from '../registry/incarnation.js';
import type { RelayRecord } from '../registry/types.js';
import { type ControlKeys, controlKeys } from './control-keys.js';
import type { LocalRelay } from './local-relay.js';

/**
 * Decides when the data keys change: an epoch is a day of UTC (PROTOCOL.md section 4), so the data
 * plane gets new keys at midnight.
 */
export class TrunkKeyRotation {
  #epoch: number;

  constructor(now: UnixMs) {
    this.#epoch = utcDay(now);
  }

  /** Returns whether the day has changed since the last call. */
  isDue(now: UnixMs): boolean {
    const epoch = utcDay(now);
    if (epoch === this.#epoch) return false;
    this.#epoch = epoch;
    return true;
  }
}

/** The keys shared with another relay, derived from both X25519 keys. */
export class TrunkKeys {
  /** Keys of control messages, 32 bytes each. */
  readonly control: ControlKeys;
  readonly #local: LocalRelay;
  readonly #remoteId: string;
  readonly #shared: Uint8Array;

  /**
   * @param remote - the other relay's registered id and public key
   * @throws TurnpikeError ERR_TURNPIKE_SECRET if the public key is not usable
   */
  constructor(local: LocalRelay, remote: Pick<RelayRecord, 'id' | 'publicKey'>) {
    this.#local = local;
    this.#remoteId = remote.id;
    this.#shared = sharedSecret(local.privateKey, Buffer.from(remote.publicKey, 'base64'));
    this.control = controlKeys(this.#shared, local.id, remote.id);
  }

  /** Returns the keys; undefined if the public key is not usable. */
  static usable(
    local: LocalRelay,
    remote: Pick<RelayRecord, 'id' | 'publicKey'>,
  ): TrunkKeys | undefined {
    try {
      return new TrunkKeys(local, remote);
    } catch (error) {
      if (isTurnpikeError(error, 'ERR_TURNPIKE_SECRET')) return undefined;
      throw error;
    }
  }

  /**
   * Returns the data plane's keys: to send, those of today and tomorrow; to receive, those of
   * yesterday, today and tomorrow, because relays' clocks differ.
   * @param now - Unix ms
   * @param remote - the other relay's incarnation
   */
  dataKeys(now: UnixMs, remote: Incarnation): Pick<RemoteRelayEntry, 'sendKeys' | 'receiveKeys'> {
    const today = utcDay(now);
    return {
      sendKeys: [today, today + 1].map((epoch) => this.#sendDataKey(epoch, remote)),
      receiveKeys: [today - 1, today, today + 1]
        .filter((epoch) => epoch >= 0)
        .map((epoch) => this.receiveDataKey(epoch)),
    };
  }

  /**
   * Returns the key that authenticates the other relay's data of a day.
   * @param epoch - whole days since 2026-01-01 UTC
   */
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
