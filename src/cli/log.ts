import { type DestinationStream, type Logger, pino } from 'pino';
import type { CommandIo } from './command.js';
import type { Terminal } from './terminal.js';

/**
 * The log of a command: readable lines on a terminal, JSON lines otherwise, always on stderr,
 * because stdout belongs to what a command produces. Writes to the process's stderr are
 * synchronous, so that the last line before an exit is never lost.
 * @param level - a pino level
 * @param stderr - where to write
 * @param terminal - stderr's, if it is one
 */
export async function openLog(
  level: string,
  stderr: CommandIo['stderr'],
  terminal: Terminal | undefined,
): Promise<Logger> {
  const destination =
    terminal === undefined ? jsonLines(stderr) : await readableLines(stderr, terminal);
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

function jsonLines(stderr: CommandIo['stderr']): DestinationStream {
  return stderr === process.stderr
    ? pino.destination({ dest: 2, sync: true })
    : { write: (line) => void stderr.write(line) };
}

async function readableLines(
  stderr: CommandIo['stderr'],
  terminal: Terminal,
): Promise<DestinationStream> {
  const { prettyFactory } = await import('pino-pretty');
  const pretty = prettyFactory({
    colorize: stderr.hasColors?.() ?? false,
    ignore: 'event',
    translateTime: 'SYS:HH:MM:ss',
    singleLine: true,
  });
  return { write: (line) => terminal.write(pretty(line)) };
}
