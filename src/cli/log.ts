import { type DestinationStream, type Logger, pino } from 'pino';
import type { CommandIo } from './command.js';

/**
 * The log of a command: readable lines on a terminal, JSON lines otherwise, always on stderr,
 * because stdout belongs to what a command produces. Writes are synchronous so that the last line
 * before an exit is never lost.
 * @param level - a pino level
 * @param stderr - where to write
 */
export async function openLog(level: string, stderr: CommandIo['stderr']): Promise<Logger> {
  return pino({ level, base: null }, await destination(stderr));
}

async function destination(stderr: CommandIo['stderr']): Promise<DestinationStream> {
  if (!stderr.isTTY) {
    return stderr === process.stderr
      ? pino.destination({ dest: 2, sync: true })
      : { write: (line) => void stderr.write(line) };
  }
  const { default: pretty } = await import('pino-pretty');
  return pretty({
    destination: stderr,
    colorize: stderr.hasColors?.() ?? false,
    ignore: 'pid,hostname',
    translateTime: 'HH:MM:ss',
    singleLine: true,
  });
}
