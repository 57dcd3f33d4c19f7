import { createHash, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import { readSmallFile } from '../../auth/small-file.js';
import type { Clock } from '../../clock.js';
import { TurnpikeError } from '../../errors.js';
import { givesOnce, sayReload } from './say-reload.js';

/** An expiring certificate is warned of from this long before. */
export const CERTIFICATE_WARNING_MS = 14 * 86_400_000;

/** A certificate and a key that do not fit together for this long are reported. */
export const TLS_SETTLE_MS = 10_000;

/** Where certificate and key are. */
export interface TlsPaths {
  readonly cert: string;
  readonly key: string;
}

/** Certificate and key that fit together, in PEM. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

interface ReadPair extends TlsPair {
  readonly digest: string;
  readonly validFromMs: number;
  readonly validToMs: number;
}

const DAY_MS = 86_400_000;

/**
 * The certificate and key of a server, which are renewed under it: read again every few seconds by
 * their names, so that files renamed into place and links that point elsewhere are seen alike. A
 * pair is taken only whole: readable, fitting together, and not worse than the one in use.
 */
export class TlsFiles {
  readonly #logger: Logger;
  readonly #clock: Clock;
  #paths: TlsPaths;
  #inUse: ReadPair;
  /** The fault that is there now, since when, and whether it was said. */
  #fault: { readonly text: string; readonly sinceMs: number; said: boolean } | undefined;
  #expirySaidAtMs = Number.NEGATIVE_INFINITY;

  private constructor(paths: TlsPaths, inUse: ReadPair, clock: Clock, logger: Logger) {
    this.#paths = paths;
    this.#inUse = inUse;
    this.#clock = clock;
    this.#logger = logger;
  }

  /**
   * Reads the files for the first time.
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG naming the file and what is wrong with it
   */
  static async read(paths: TlsPaths, clock: Clock, logger: Logger): Promise<TlsFiles> {
    const files = new TlsFiles(paths, await readPair(paths, false), clock, logger);
    files.#sayExpiry();
    return files;
  }

  /** The pair in use. */
  get pair(): TlsPair {
    const { cert, key } = this.#inUse;
    return { cert, key };
  }

  /**
   * Looks whether the files have changed. Says so once something is to be said.
   * @param take - puts a pair to use; throws when it cannot
   * @param asked - by an operator, who is to be told in any case; `paths` may be others then
   */
  async check(take: (pair: TlsPair) => void, asked?: { readonly paths: TlsPaths }): Promise<void> {
    const paths = asked?.paths ?? this.#paths;
    try {
      const next = await readPair(paths, true);
      this.#paths = paths;
      if (next.digest === this.#inUse.digest) {
        this.#fault = undefined;
        const detail = `the certificate stays, valid to ${dateOf(next.validToMs)}`;
        if (asked !== undefined) sayReload(this.#logger, 'tls', 'unchanged', detail);
      } else {
        this.#refuseWorse(next);
        take({ cert: next.cert, key: next.key });
        this.#inUse = next;
        this.#fault = undefined;
        this.#expirySaidAtMs = Number.NEGATIVE_INFINITY;
        const detail = `a renewed certificate is in use, valid to ${dateOf(next.validToMs)}`;
        sayReload(this.#logger, 'tls', 'changed', detail);
      }
    } catch (error) {
      if (asked !== undefined || !givesOnce(error)) this.#note(error, asked !== undefined);
    }
    this.#sayExpiry();
  }

  /** One that serves nobody is not taken in place of one that serves. */
  #refuseWorse(next: ReadPair): void {
    const now = this.#clock.now();
    if (this.#inUse.validToMs <= now) return;
    if (next.validToMs <= now) throw unusable(this.#paths.cert, 'it has expired');
    if (next.validFromMs > now) {
      throw unusable(this.#paths.cert, `it is not valid before ${dateOf(next.validFromMs)}`);
    }
  }

  /**
   * Certificate and key change one after the other, and neither at once: what lies between is no
   * fault unless it lasts.
   */
  #note(error: unknown, asked: boolean): void {
    const text = error instanceof Error ? error.message : String(error);
    const now = this.#clock.monotonic();
    if (this.#fault?.text !== text) this.#fault = { text, sinceMs: now, said: false };
    const lasts = now - this.#fault.sinceMs >= TLS_SETTLE_MS;
    if (!asked && (this.#fault.said || !lasts)) return;
    this.#fault.said = true;
    const detail = `the certificate valid to ${dateOf(this.#inUse.validToMs)} stays`;
    sayReload(this.#logger, 'tls', 'kept', detail, text);
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

async function readPair(paths: TlsPaths, again: boolean): Promise<ReadPair> {
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
  const digest = createHash('sha256').update(`${cert}\0${key}`).digest('hex');
  const validFromMs = Date.parse(certificate.validFrom);
  return { cert, key, digest, validFromMs, validToMs: Date.parse(certificate.validTo) };
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
