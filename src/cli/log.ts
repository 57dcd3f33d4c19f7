import { type DestinationStream, type Logger, pino } from 'pino';
import { LogDestination, type LostLines } from '../logging/log-destination.js';
import type { CommandIo } from './command.js';
import { Terminal } from './terminal.js';

/** The log of a running command. */
export interface Log {
  /** Its `level` may be set at any time. */
  readonly logger: Logger;
  /** Stderr's, when it is a terminal. */
  readonly terminal: Terminal | undefined;
  /** Waits, for a short time at most, until what was logged is written. */
  close(): Promise<void>;
}

/**
 * The log of a command: readable lines on a terminal, JSON lines otherwise, always on stderr,
 * because stdout belongs to what a command produces. Whatever stderr is, logging never blocks and
 * never fails; what could not be written is counted, and said when it can be.
 * @param level - a pino level
 * @param stderr - where to write
 */
export async function openLog(level: string, stderr: CommandIo['stderr']): Promise<Log> {
  let said: Logger | undefined;
  const output = openOutput(stderr, (lost) => said && sayLost(said, lost));
  const terminal = stderr.isTTY
    ? new Terminal(output, () => ({ columns: stderr.columns, rows: stderr.rows }))
    : undefined;
  const destination = terminal === undefined ? output : await readableLines(stderr, terminal);
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  said = logger;
  const giveBack = sayWarnings(logger, output);
  return {
    logger,
    terminal,
    close: async () => {
      await output.settle();
      giveBack();
    },
  };
}

/** What of a log's output the rest of the program uses. */
type Output = Pick<LogDestination, 'write' | 'behind' | 'settle' | 'flushAtExit'>;

function openOutput(stderr: CommandIo['stderr'], onLost: (lost: LostLines) => void): Output {
  if (stderr === process.stderr) return new LogDestination(2, onLost);
  return {
    write: (text) => void stderr.write(text),
    behind: false,
    settle: async () => {},
    flushAtExit: () => {},
  };
}

function sayLost(logger: Logger, { lines, reason }: LostLines): void {
  const why = reason === 'EAGAIN' ? 'what reads it was too slow' : reason;
  const level = logger.isLevelEnabled('warn') ? 'warn' : 'fatal';
  logger[level](
    { event: 'log-lost', lines, reason },
    `${lines} lines are missing here, as the log could not be written: ${why}`,
  );
}

/** Logs Node's own warnings as lines: Node would write them to stderr itself, and block. */
function sayWarnings(logger: Logger, output: Output): () => void {
  const onExit = () => output.flushAtExit();
  process.on('exit', onExit);
  const nodes = process.listeners('warning');
  const onWarning = ({ name, message }: Error) => logger.warn({ warning: name }, message);
  process.removeAllListeners('warning').on('warning', onWarning);
  return () => {
    process.off('exit', onExit);
    process.off('warning', onWarning);
    for (const listener of nodes) process.on('warning', listener);
  };
}

async function readableLines(
  stderr: CommandIo['stderr'],
  terminal: Terminal,
): Promise<DestinationStream> {
  const { prettyFactory } = await import('pino-pretty');
  const options = {
    colorize: stderr.hasColors?.() ?? false,
    ignore: 'event',
    translateTime: 'SYS:HH:MM:ss',
    singleLine: true,
  };
  const pretty = prettyFactory(options);
  // Info lines show their text alone; the members matter to programs, and in warnings.
  const plain = prettyFactory({ ...options, hideObject: true });
  return {
    write: (line) => terminal.write(line.startsWith('{"level":30,') ? plain(line) : pretty(line)),
  };
}
