import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { TurnpikeError } from '../../errors.js';
import { readSmallFile } from '../../files/small-file.js';
import { WatchedFile } from './watched-file.js';

/** An expiring certificate is warned of from this long before. */
export const CERTIFICATE_WARNING_MS = 14 * 86_400_000;

/** A certificate and a key that do not fit together for this long are reported. */
export const TLS_SETTLE_MS = 10_000;

/** Where certificate and key are. */
export interface TlsPaths {
  readonly cert: string;
  readonly key: string;
}

/** Certificate and key that fit together, in PEM, and when they are valid. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
  readonly validFromMs: number;
  readonly validToMs: number;
}

export interface TlsFilesOptions {
  /** Puts a pair to use; throws when it cannot. */
  readonly take: (pair: TlsPair) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

const DAY_MS = 86_400_000;

/**
 * The certificate and key of a server, which are renewed under it. A pair is taken only whole:
 * readable, fitting together, and not worse than the one in use.
 */
export class TlsFiles {
  readonly #file: WatchedFile<TlsPaths, TlsPair>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #inUse: TlsPair;
  #expirySaidAtMs = Number.NEGATIVE_INFINITY;

  /** @param pair - what `readTlsPair` has read from `paths` */
  constructor(paths: TlsPaths, pair: TlsPair, { take, clock, logger }: TlsFilesOptions) {
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
      // Certificate and key change one after the other: what lies between is no fault.
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

  /** One that serves nobody is not taken in place of one that serves. */
  #refuseWorse({ validFromMs, validToMs }: TlsPair): void {
    const now = this.#clock.now();
    if (this.#inUse.validToMs <= now) return;
    if (validToMs <= now) throw unusable('the certificate', 'it has expired');
    if (validFromMs > now) {
      throw unusable('the certificate', `it is not valid before ${dateOf(validFromMs)}`);
    }
  }

  /** Once a day from two weeks before. */
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

/**
 * Reads certificate and key.
 * @param again - they were read before (`SmallFile`)
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG naming the file and what is wrong with it
 */
export async function readTlsPair(paths: TlsPaths, again = false): Promise<TlsPair> {
  const { cert: certPath, key: keyPath } = paths;
  const cert = await readPem(certPath, again);
  const key = await readPem(keyPath, again);
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(cert);
  } catch (cause) {
    throw unusable(certPath, 'no certificate', cause);
  }
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw unusable(keyPath, `not the key of ${certPath} (${code ?? message})`, cause);
  }
  const { validFrom, validTo } = certificate;
  return { cert, key, validFromMs: Date.parse(validFrom), validToMs: Date.parse(validTo) };
}

/** That an empty file holds no PEM is said as of any other. */
const TLS_FILE = { code: 'ERR_TURNPIKE_CONFIG', mayBeEmpty: true } as const;

async function readPem(path: string, again: boolean): Promise<string> {
  const text = await readSmallFile({ path, source: 'TLS file', again, ...TLS_FILE });
  if (!text.includes('-----BEGIN ')) throw unusable(path, 'no PEM text');
  return text;
}

function unusable(path: string, what: string, cause?: unknown): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_CONFIG', `${path}: ${what}`, { cause });
}

function dateOf(unixMs: number): string {
  return new Date(unixMs).toISOString().slice(0, 16).replace('T', ' ').concat(' UTC');
}
