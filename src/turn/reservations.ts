import type { Timed } from '../collections/timing-wheel.js';
import { type Holder, shareOf } from './holder-counts.js';
import type { HeldPort } from './relayed-addresses.js';

/** Length of RESERVATION-TOKEN (RFC 8656 section 18.10). */
export const RESERVATION_TOKEN_BYTES = 8;

/** A port that is kept for the holder of a token (RFC 8656 section 7.2). */
export class Reservation implements Timed, HeldPort, Holder {
  readonly kind = 'reservation';
  readonly token: Uint8Array;
  /** The user who may use the token, and for whom it counts. */
  readonly user: string;
  readonly tenant: string | undefined;
  readonly ports: HeldPort['ports'];
  readonly port: number;
  wheelBucket?: number | undefined;

  constructor(token: Uint8Array, { user, tenant }: Holder, { ports, port }: HeldPort) {
    this.token = token;
    this.user = user;
    this.tenant = tenant;
    this.ports = ports;
    this.port = port;
  }

  get share(): string {
    return shareOf(this);
  }
}

/** The reserved ports, by their tokens. */
export class Reservations {
  readonly #byToken = new Map<string, Reservation>();

  /** Number of reserved ports. */
  get size(): number {
    return this.#byToken.size;
  }

  /** Adds a reservation. */
  put(reservation: Reservation): void {
    this.#byToken.set(keyOf(reservation.token), reservation);
  }

  /** Returns the reservation of a token; undefined unless it is the user's own. */
  find(token: Uint8Array, user: string): Reservation | undefined {
    const found = this.#byToken.get(keyOf(token));
    return found?.user === user ? found : undefined;
  }

  /** Removes a reservation. */
  delete({ token }: Reservation): void {
    this.#byToken.delete(keyOf(token));
  }
}

function keyOf(token: Uint8Array): string {
  return Buffer.from(token.buffer, token.byteOffset, token.length).toString('latin1');
}
