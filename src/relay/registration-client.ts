import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import type { Static } from 'typebox';
import { type Clock, systemClock } from '../clock.js';
import { TurnpikeError } from '../errors.js';
import type { RandomBytes } from '../random.js';
import { canonicalRecord } from '../registry/record.js';
import { REGISTRATION_LIMITS } from '../registry/registration-limits.js';
import type { RegistrationAnswer } from '../registry/schemas.js';
import type { RelayRecord } from '../registry/types.js';
import { RelayMembership } from '../trunk/relay-membership.js';
import { DirectoryLog } from './directory-log.js';
import { beatAnswer, type Problem, problemOf, registrationAnswer } from './registration-answers.js';
import type { RegistrationClientOptions } from './registration-options.js';
import { RegistryCopy } from './registry-copy.js';
import {
  DIRECTORY_BACKOFF_MS_MAX,
  DIRECTORY_BACKOFF_MS_MIN,
  DIRECTORY_REQUEST_MS,
  REFUSALS,
  type SignedAnswerResult,
  SignedRequests,
} from './signed-requests.js';
import { Throttle } from './throttle.js';

/** Minimum interval of a relay's beats; it is random, up to `REGISTRATION_LIMITS.beatMsMax`. */
export const BEAT_MS_MIN = 1_000;

/** Maximum time that a clean close waits for the directory, ms. */
const DEREGISTER_MS = 1_000;
/** Minimum delay of a beat that confirms a registry, ms; random up to twice as much. */
const CONFIRM_MS = 75;
/**
 * Number of first beats with that short delay: none of a new cluster's relays can be chosen until
 * all know it.
 */
const EAGER_BEATS = 8;
/** Minimum interval of beats by `beatSoon`, ms. */
const BEAT_PACE_MS = 500;
/** Maximum entries of each kind in a report to a directory that may not read it. */
const UNREAD_REPORT_MAX = 32;

/** What a relay says of how it takes the registry, in each registration and beat. */
const TAKES = { fetchesRegistry: true, takesChanges: true };

/** State of a relay's registration. */
export type RegistrationState =
  /** Not registered, or no longer; attempts continue. */
  'registering' | 'registered' | 'superseded' | 'stopped';

/** What each answer asks of a relay. */
type Duties = Pick<
  Static<typeof RegistrationAnswer>,
  'check' | 'challenge' | 'sequence' | 'beatSeconds'
>;

/** The next step: a beat after 1 to 2 s, soon, after a growing back-off, or none. */
type Next = 'beat' | 'soon' | 'retry' | 'end';

/**
 * Keeps a relay registered with a directory (docs/registration.md): registers, beats, takes the
 * registry, registers again if forgotten, and retries while the directory is away. No method
 * throws: a relay forwards with or without a directory.
 */
export class RegistrationClient {
  /** Resolves at the first registration; rejects if stopped or superseded before. */
  readonly registered: Promise<void>;
  readonly requestSeconds: SignedRequests['requestSeconds'];
  readonly #options: RegistrationClientOptions;
  readonly #requests: SignedRequests;
  readonly #copy: RegistryCopy;
  readonly #known: RelayMembership;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #notices: DirectoryLog;
  #settle: { resolve: () => void; reject: (error: Error) => void } | undefined;
  #state: RegistrationState = 'registering';
  #everRegistered = false;
  /** Sequence number of the newest answer; undefined before one, and from an old directory. */
  #sequence: number | undefined;
  #eagerBeats = 0;
  /** Longest interval of beats that the directory told, ms; undefined for the usual one. */
  #beatMs: number | undefined;
  /** Whether the directory appoints checks, and so reads reports. */
  #appointed = false;
  #failures = 0;
  #confirmedAtMs = Number.NEGATIVE_INFINITY;
  #wake: (() => void) | undefined;
  readonly #throttle: Throttle;
  #running: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  /** @throws TurnpikeError ERR_TURNPIKE_CONFIG if `directoryUrl` is not an HTTP URL */
  constructor(options: RegistrationClientOptions) {
    const { clock = systemClock, random = randomBytes } = options;
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    const { id, directoryUrl, logger = pino({ enabled: false }), answersAt } = options;
    this.#notices = new DirectoryLog(id, directoryUrl, logger);
    this.#requests = new SignedRequests({ ...options, clock, random });
    this.requestSeconds = this.#requests.requestSeconds;
    this.#copy = new RegistryCopy({
      fetch: (digest) => this.#fetch(digest),
      onIgnored: (relay, reason) => this.#notices.ignored(relay, reason),
    });
    this.#known = new RelayMembership({ clock, ...(answersAt && { answersAt }) });
    this.#throttle = new Throttle(BEAT_PACE_MS, clock, () => this.#wake?.());
    this.registered = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Without a handler, a rejection that nobody awaits would end the process.
    this.registered.catch(() => {});
  }

  get state(): RegistrationState {
    return this.#state;
  }

  /** Whether a directory has registered this relay since its start. */
  get everRegistered(): boolean {
    return this.#everRegistered;
  }

  /** The directory's present failure, in a few words; undefined while it answers. */
  get away(): string | undefined {
    return this.#notices.away;
  }

  /** Starts to register and beat. Repeated calls have no effect. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Beats at once, or `BEAT_PACE_MS` after the last such beat: the report has changed. */
  beatSoon(): void {
    this.#throttle.ask();
  }

  /** Ends the beats and deregisters within `DEREGISTER_MS`. May be called again. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const registered = this.#state === 'registered';
    if (this.#state !== 'superseded') this.#state = 'stopped';
    this.#throttle.end();
    this.#requests.abort();
    this.#wake?.();
    this.#settle?.reject(new TurnpikeError('ERR_TURNPIKE_CLOSED', 'the relay was closed'));
    await this.#running;
    if (registered) {
      await this.#requests.send({
        method: 'DELETE',
        path: `${this.#path('registration')}?start=${this.#options.record().start}`,
        timeoutMs: DEREGISTER_MS,
      });
    }
    this.#requests.close();
  }

  async #run(): Promise<void> {
    while (this.#trying()) {
      const next = await (this.#state === 'registered' ? this.#beat() : this.#register());
      if (next === 'end' || !this.#trying()) return;
      await this.#sleep(this.#waitMs(next));
    }
  }

  #trying(): boolean {
    return this.#state === 'registering' || this.#state === 'registered';
  }

  async #register(): Promise<Next> {
    const { record, site } = this.#options;
    const answer = await this.#send('PUT', 'registration', {
      record: record(),
      site,
      registryVersion: this.#copy.version,
      ...TAKES,
      ...this.#condition(),
    });
    if (!answer.ok) return 'retry';
    if (answer.status === 200 && registrationAnswer.Check(answer.body)) {
      this.#state = 'registered';
      this.#everRegistered = true;
      this.#eagerBeats = EAGER_BEATS;
      this.#settle?.resolve();
      this.#back();
      this.#notices.registered();
      this.#appoint(answer.body);
      return this.#heard(answer.body);
    }
    const problem = problemOf(answer.body);
    if (problem.code === 'start-too-low' && problem.lastStart !== undefined) {
      if (this.#everRegistered) return this.#superseded();
      this.#options.onStart(problem.lastStart + 1);
      return 'soon';
    }
    const { checkers, challenge } = problem;
    // A relay that waits for its own addresses may be a checker of another contest.
    this.#options.onClaimChallenges?.(challenge ?? []);
    this.#refused(answer.status, problem);
    if (checkers === undefined) return challenge === undefined ? 'retry' : 'beat';
    // Checkers ask now, and the next attempt may succeed.
    this.#options.onCheckers?.(this.#canonical(checkers));
    return 'beat';
  }

  async #beat(): Promise<Next> {
    this.#eagerBeats = Math.max(this.#eagerBeats - 1, 0);
    const { measurements } = this.#options;
    const answer = await this.#send('POST', 'beat', {
      start: this.#options.record().start,
      registryVersion: this.#copy.version,
      after: this.#sequence,
      ...TAKES,
      ...this.#condition(),
      ...(measurements && { measurements: measurements.report() }),
    });
    if (!answer.ok) return 'retry';
    if (answer.status === 200 && beatAnswer.Check(answer.body)) {
      this.#back();
      measurements?.answered(answer.body.measure);
      this.#appoint(answer.body);
      return this.#heard(answer.body);
    }
    const problem = problemOf(answer.body);
    if (problem.code === 'superseded') return this.#superseded();
    if (problem.code === 'unknown-relay') {
      this.#state = 'registering';
      return 'soon';
    }
    return this.#refused(answer.status, problem);
  }

  /** Returns the state that each registration and beat reports. */
  #condition() {
    const { load, draining, reachability, claims } = this.#options;
    const state = { load: load(), draining: draining(), ...(claims && { claims: claims() }) };
    if (reachability === undefined) return state;
    const report = reachability();
    // A directory that appoints no checks ignores the report, and may refuse a longer body.
    const most = this.#appointed ? REGISTRATION_LIMITS.reportEntriesMax : UNREAD_REPORT_MAX;
    return {
      ...state,
      reachability: {
        ...report,
        trunk: report.trunk.slice(0, most),
        service: report.service.slice(0, most),
      },
    };
  }

  #appoint({ check, challenge, sequence, beatSeconds }: Duties): void {
    this.#sequence = sequence;
    const { beatSecondsMax } = REGISTRATION_LIMITS;
    this.#beatMs = beatSeconds && 1_000 * Math.min(beatSeconds, beatSecondsMax);
    // A directory that spaces beats out has no time for early ones.
    if (beatSeconds !== undefined) this.#eagerBeats = 0;
    this.#appointed = check !== undefined;
    this.#options.onChecks?.(check ?? []);
    this.#options.onClaimChallenges?.(challenge ?? []);
  }

  /** Takes what a response says of the registry. */
  async #heard(news: Static<typeof RegistrationAnswer>): Promise<Next> {
    const taken = await this.#copy.take(news);
    if (taken.is === 'changed') return this.#use();
    if (taken.is === 'same') {
      if (this.#known.contact()) this.#announce();
      return this.#eagerBeats > 0 ? 'soon' : 'beat';
    }
    if (taken.is === 'unfetched' && this.#trying()) this.#notices.unfetched(taken.reason);
    return 'beat';
  }

  #fetch(digest: string): Promise<SignedAnswerResult> {
    const path = this.#path(`registry/${digest}`);
    return this.#requests.send({ method: 'GET', path, timeoutMs: DIRECTORY_REQUEST_MS, digest });
  }

  async #send(method: 'PUT' | 'POST', resource: string, body: unknown) {
    const answer = await this.#requests.send({
      method,
      path: this.#path(resource),
      body,
      timeoutMs: DIRECTORY_REQUEST_MS,
    });
    if (!answer.ok) this.#gone(answer);
    return answer;
  }

  /** Puts the registry to use; the next beat confirms it. */
  #use(): Next {
    this.#notices.fetched(this.#copy.version ?? '');
    if (this.#known.update(this.#copy.registry())) this.#announce();
    // Then at most one early beat per interval: versions change as fast as relays start.
    if (this.#eagerBeats > 0) return 'soon';
    const now = this.#clock.monotonic();
    if (this.#beatMs !== undefined || now - this.#confirmedAtMs < BEAT_MS_MIN) return 'beat';
    this.#confirmedAtMs = now;
    return 'soon';
  }

  #canonical(records: readonly RelayRecord[]): RelayRecord[] {
    const relays: RelayRecord[] = [];
    for (const given of records) {
      const canonical = canonicalRecord(given);
      if (canonical.ok) relays.push(canonical.record);
      else this.#notices.ignored(given.id, canonical.reason);
    }
    return relays;
  }

  #announce(): void {
    const version = this.#copy.version ?? '';
    this.#options.onRegistry({ version, relays: this.#known.relays() });
  }

  #superseded(): Next {
    this.#state = 'superseded';
    const { id, onSuperseded } = this.#options;
    const error = new TurnpikeError(
      'ERR_TURNPIKE_RELAY_ID_TAKEN',
      `a later process has registered as relay ${id}`,
    );
    this.#settle?.reject(error);
    onSuperseded();
    return 'end';
  }

  #refused(status: number, { code, detail }: Problem): Next {
    this.#notices.failed(`refused: ${status} ${code}`, detail);
    return 'retry';
  }

  #gone({ reason, refusal = '' }: Extract<SignedAnswerResult, { ok: false }>): void {
    if (this.#trying()) this.#notices.failed(REFUSALS.get(refusal) ?? 'unreachable', reason);
  }

  #back(): void {
    this.#failures = 0;
    this.#notices.back();
  }

  #waitMs(next: Exclude<Next, 'end'>): number {
    const share = Buffer.from(this.#random(4)).readUInt32BE() / 2 ** 32;
    if (next === 'soon') return CONFIRM_MS * (1 + share);
    if (next === 'beat') {
      const { beatMsMax } = REGISTRATION_LIMITS;
      return this.#beatMs === undefined
        ? BEAT_MS_MIN + share * (beatMsMax - BEAT_MS_MIN)
        : this.#beatMs * (0.5 + share / 2);
    }
    const wait = Math.min(DIRECTORY_BACKOFF_MS_MIN * 2 ** this.#failures, DIRECTORY_BACKOFF_MS_MAX);
    this.#failures += 1;
    return wait * (0.5 + share / 2);
  }

  /** Waits for a time, ms, or until `beatSoon` or `stop`. */
  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wake = done;
    });
  }

  #path(resource: string): string {
    return `/v1/relays/${this.#options.id}/${resource}`;
  }
}
