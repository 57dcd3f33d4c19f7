import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { TurnpikeError } from '../errors.js';
import type { LabProcess } from './processes.js';

/** pino's level of the line with the reason for which a process ends. */
const FATAL = 60;

/** A line of a process's log, as pino writes it. */
export interface LogLine {
  readonly level?: number;
  readonly msg?: string;
  readonly code?: string;
  readonly event?: string;
  readonly [member: string]: unknown;
}

/** A Turnpike process whose log the parent process reads. */
export class LoggedProcess {
  /** Resolves with the log line of the event `listening`. */
  readonly listening: Promise<LogLine>;
  /** Rejects with ERR_TURNPIKE_CLOSED and the logged reason when the process ends. */
  readonly ended: Promise<never>;

  /**
   * @param name - for messages
   * @param labProcess - a process whose stderr is a pipe
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
    // Without a caller that awaits `ended` the rejection must not be unhandled.
    this.ended.catch(() => {});
  }
}

/**
 * Reads the lines of a stream.
 * @param stream - null counts as empty
 * @param onLine - called with each line
 */
export function readLines(stream: Readable | null, onLine: (line: string) => void): void {
  if (stream !== null) createInterface({ input: stream }).on('line', onLine);
}

/** Returns the JSON object of a line; undefined for any other line. */
export function parseObject(line: string): LogLine | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return undefined;
  }
}
