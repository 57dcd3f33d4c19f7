import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { TurnpikeError } from '../../errors.js';
import type { LabProcess } from '../../lab/index.js';

/** pino's level of a line that tells why a process ends. */
const FATAL = 60;

/** A line of a process's log, as pino writes it. */
export interface LogLine {
  readonly level?: number;
  readonly msg?: string;
  readonly code?: string;
  readonly event?: string;
  readonly [member: string]: unknown;
}

/** A Turnpike process whose log its parent reads. */
export class LoggedProcess {
  /** Resolves with the log line that says that it listens. */
  readonly listening: Promise<LogLine>;
  /** Rejects when the process ends, with the reason that it gave; never resolves. */
  readonly ended: Promise<never>;

  /**
   * @param name - for messages
   * @param labProcess - with stderr piped
   */
  constructor(name: string, { child, ended }: LabProcess) {
    let fatal: LogLine | undefined;
    let lastWords = '';
    this.listening = new Promise((resolve) => {
      readLines(child.stderr, (line) => {
        const entry = parseObject(line);
        if (entry === undefined) lastWords = line;
        else if (entry.event === 'listening') resolve(entry);
        else if ((entry.level ?? 0) >= FATAL) fatal = entry;
      });
    });
    this.ended = ended.then(({ code, signal }) => {
      const why = fatal?.msg ?? (lastWords || `ended with ${signal ?? `status ${code}`}`);
      throw new TurnpikeError('ERR_TURNPIKE_CLOSED', `${name}: ${why}`, { cause: fatal });
    });
    // Whoever waits for `listening` races the two; nobody else has to.
    this.ended.catch(() => {});
  }
}

/**
 * Calls back for each line of a stream.
 * @param stream - null counts as empty
 */
export function readLines(stream: Readable | null, onLine: (line: string) => void): void {
  if (stream !== null) createInterface({ input: stream }).on('line', onLine);
}

/** @returns the JSON object on the line, if that is what is on it */
export function parseObject(line: string): LogLine | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return undefined;
  }
}
