import { type DestinationStream, type Logger, pino } from 'pino';
import { LogDestination, type LostLines } from '../logging/log-destination.js';
import type { CommandIo } from './command.js';
import { Terminal } from './terminal.js';

/**
 * Lines that show only their text on a terminal: at level info the other members are for programs,
 * except where they are what the line is about.
 */
const TEXT_ONLY = /^\{"level":30,"time":"[^"]*",(?!"event":"(?:allocation|leg)-ended")/;

/** The log of a running command. */
export interface Log {
  /** The level may be set at any time. */
  readonly logger: Logger;
  /** Undefined if stderr is no terminal. */
  readonly terminal: Terminal | undefined;
  /** Waits until all lines are written, but only for a short time. */
  close(): Promise<void>;
}

/**
 * Opens the log of a command on stderr: readable lines on a terminal, JSON lines otherwise. Logging
 * never blocks and never fails. Lines that could not be written are counted, and the next line that
 * can be written says so.
 * @param level - a pino level
 */
export async function openLog(level: string, stderr: CommandIo['stderr']): Promise<Log> {
  let said: Logger | undefined;
  const output = openOutput(stderr, (lost) => said && sayLost(said, lost));
  const terminal = stderr.isTTY ? new Terminal(output, () => stderr) : undefined;
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

/** The part of a log's destination that is used here. */
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

/** Logs Node's warnings: Node itself writes them to stderr with a blocking call. */
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
  // `singleLine` puts members on the message's line, and a line without members has no end then.
  const plain = prettyFactory({ ...options, singleLine: false, hideObject: true });
  return { write: (line) => terminal.write(TEXT_ONLY.test(line) ? plain(line) : pretty(line)) };
}
