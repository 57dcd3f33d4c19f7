import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { TurnpikeError } from '../../errors.js';
import { readTlsPair, type TlsPair, type TlsPaths } from '../../files/tls-pair.js';
import { WatchedFile, type WatchedFileOptions } from './watched-file.js';

/** Warnings of a certificate's expiry begin this long before. */
export const CERTIFICATE_WARNING_MS = 14 * 86_400_000;

/** A certificate and a key that do not fit together are logged after this time. */
export const TLS_SETTLE_MS = 10_000;

export type WatchedTlsFilesOptions = Pick<
  WatchedFileOptions<TlsPaths, TlsPair>,
  'take' | 'clock' | 'logger'
>;

const DAY_MS = 86_400_000;

/**
 * The certificate and key of a server, which may be renewed while it runs. A new pair is taken if
 * it is readable, fits together, and is valid or the one in use has expired.
 */
export class WatchedTlsFiles {
  readonly #file: WatchedFile<TlsPaths, TlsPair>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #inUse: TlsPair;
  #expirySaidAtMs = Number.NEGATIVE_INFINITY;

  /** @param pair - the pair that `readTlsPair` has read from `paths` */
  constructor(paths: TlsPaths, pair: TlsPair, { take, clock, logger }: WatchedTlsFilesOptions) {
    this.#inUse = pair;
    this.#clock = clock;
    this.#logger = logger;
    const validTo = () => `valid to ${dateOf(this.#inUse.validToMs)}`;
    this.#file = new WatchedFile(paths, pair, {
      item: 'tls',
      read: (from) => readTlsPair(from, true),
      take: (next) => {
        this.#refuseWorse(next);
        take(next);
        this.#inUse = next;
        this.#expirySaidAtMs = Number.NEGATIVE_INFINITY;
      },
      stays: () => `the certificate ${validTo()} stays`,
      changed: () => `a renewed certificate is in use, ${validTo()}`,
      // Certificate and key change one after the other, and do not fit together meanwhile.
      settleMs: 0,
      faultMs: TLS_SETTLE_MS,
      clock,
      logger,
    });
    this.#sayExpiry();
  }

  /** The pair in use. */
  get pair(): TlsPair {
    return this.#inUse;
  }

  /** As `WatchedFile#check`. */
  async check(asked?: TlsPaths): Promise<void> {
    await this.#file.check(asked);
    this.#sayExpiry();
  }

  /** Refuses a certificate that is not valid now, unless that in use has expired. */
  #refuseWorse({ validFromMs, validToMs }: TlsPair): void {
    const now = this.#clock.now();
    if (this.#inUse.validToMs <= now) return;
    if (validToMs <= now) throw unusable('it has expired');
    if (validFromMs > now) throw unusable(`it is not valid before ${dateOf(validFromMs)}`);
  }

  /** Logs the expiry once a day, from `CERTIFICATE_WARNING_MS` before. */
  #sayExpiry(): void {
    const now = this.#clock.now();
    const left = this.#inUse.validToMs - now;
    if (left > CERTIFICATE_WARNING_MS || now - this.#expirySaidAtMs < DAY_MS) return;
    this.#expirySaidAtMs = now;
    const notAfter = dateOf(this.#inUse.validToMs);
    if (left > 0) {
      const days = Math.floor(left / DAY_MS);
      this.#logger.warn(
        { event: 'certificate-expires', notAfter, days },
        `the TLS certificate expires on ${notAfter}, in ${days === 1 ? 'a day' : `${days} days`}`,
      );
    } else {
      this.#logger.error(
        { event: 'certificate-expired', notAfter },
        `the TLS certificate expired on ${notAfter}: clients refuse this server`,
      );
    }
  }
}

function unusable(fault: string): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_CONFIG', `the certificate: ${fault}`);
}

function dateOf(unixMs: number): string {
  return new Date(unixMs).toISOString().slice(0, 16).replace('T', ' ').concat(' UTC');
}
