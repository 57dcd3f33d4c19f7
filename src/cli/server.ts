import { type ObservedService, openOperatorHttp } from '../http/operator-http.js';
import { SPECS } from '../options/shared-specs.js';
import { type CommandContext, type CommandDefinition, defineCommand } from './command.js';
import { type OptionTable, type OptionValues, option, optionKey } from './config/option.js';
import { EXIT } from './exit-codes.js';
import type { Reloaded } from './reload/reload.js';
import { FixedFile, RELOAD_WATCH_MS } from './reload/watched-file.js';
import { aborted } from './signals.js';

/** A program that takes longer than this to close is left as it is. */
export const SERVER_STOP_MS = 4_500;

/** Options of every server. */
export const SERVER_OPTIONS = {
  http: option(SPECS.address, 'serve /metrics, /healthz and /readyz here', { defaultText: 'off' }),
} as const satisfies OptionTable;

/** What runs until it is told to stop: a directory or a relay. */
export interface Service extends ObservedService {
  update(settings: never): void;
  close(): Promise<void>;
}

/** A file that is renewed under a server. */
export interface ServerFile<T extends OptionTable> {
  /**
   * Looks whether it has changed.
   * @param asked - the options at a reload
   */
  check(asked?: OptionValues<T>): Promise<void>;
}

/** A server that is open, and what is renewed under it. */
export interface Opened<T extends OptionTable, S extends Service> {
  readonly service: S;
  readonly files?: readonly ServerFile<T>[];
}

/** A command that runs a server. */
export interface ServerDefinition<T extends OptionTable, S extends Service>
  extends Omit<CommandDefinition<T>, 'run'>,
    Pick<Reloaded, 'words'> {
  /** Checks the options, reads the files that they name, and opens it. */
  readonly open: (context: CommandContext<T>) => Promise<Opened<T, S>>;
  /** What the log says once it serves, and the members of that line. */
  readonly listening: (service: S, options: OptionValues<T>) => [text: string, members: object];
  /** What the log says when it begins to stop. */
  readonly stopping: string;
  /** Rejects when it cannot go on. */
  readonly failed?: (service: S) => Promise<never>;
}

type ServerTable = OptionTable & typeof SERVER_OPTIONS;

/** Types a definition by its own table, and gives it the course of every server. */
export function defineServer<const T extends ServerTable, S extends Service>(
  definition: ServerDefinition<T, S>,
): CommandDefinition {
  return defineCommand<T>({ ...definition, run: (context) => runServer(definition, context) });
}

async function runServer<T extends ServerTable, S extends Service>(
  definition: ServerDefinition<T, S>,
  context: CommandContext<T>,
): Promise<number> {
  const { logger, stop } = context;
  const opened = await definition.open(context);
  try {
    await serve(definition, context, opened);
  } finally {
    await closeInTime(context, opened.service);
  }
  logger.info({ event: 'stopped', signal: stop.reason }, 'stopped');
  return EXIT.ok;
}

/** Shows what is measured, and takes what is renewed, until it is told to stop. */
async function serve<T extends ServerTable, S extends Service>(
  definition: ServerDefinition<T, S>,
  { options, logger, stop, onReload }: CommandContext<T>,
  { service, files = [] }: Opened<T, S>,
): Promise<void> {
  const fixed = await fixedFiles(definition.options, options, logger);
  const { http: httpAddress } = options as OptionValues<ServerTable>;
  const http = httpAddress && (await openOperatorHttp(httpAddress, service));
  onReload({
    update: (settings) => service.update(settings as never),
    files: [...files, ...fixed] as Reloaded['files'],
    ...(definition.words && { words: definition.words }),
  });
  const watching = watch(files);
  try {
    const [text, members] = definition.listening(service, options);
    logger.info({ event: 'listening', ...members, ...(http && { http: http.url }) }, text);
    await Promise.race([aborted(stop), ...(definition.failed ? [definition.failed(service)] : [])]);
    logger.info({ event: 'stopping', signal: stop.reason }, definition.stopping);
  } finally {
    clearInterval(watching);
    await http?.close();
  }
}

/** The files that are read at the start alone. */
async function fixedFiles<T extends OptionTable>(
  table: T,
  options: OptionValues<T>,
  logger: CommandContext<T>['logger'],
): Promise<FixedFile[]> {
  const names = Object.keys(table).filter(
    (name) => table[name]?.kind === 'file' && table[name]?.changes === 'at start',
  );
  const given = names.flatMap((name) => {
    const path = options[name];
    return typeof path === 'string' ? [FixedFile.read(optionKey(name), path, logger)] : [];
  });
  return Promise.all(given);
}

/** Looks at files again and again, so that what is renewed is taken without a signal. */
function watch<T extends OptionTable>(files: readonly ServerFile<T>[]): NodeJS.Timeout {
  let isLooking = false;
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    for (const file of files) await file.check();
    isLooking = false;
  };
  return setInterval(() => void look(), RELOAD_WATCH_MS).unref();
}

/** Ends the process itself when an orderly close takes longer than an operator waits. */
async function closeInTime<T extends OptionTable>(
  { logger, leave }: CommandContext<T>,
  service: Service,
): Promise<void> {
  const timer = setTimeout(() => {
    logger.error({ event: 'stop-timeout' }, `not closed within ${SERVER_STOP_MS} ms: leaving`);
    leave(EXIT.failed);
  }, SERVER_STOP_MS);
  await service.close();
  clearTimeout(timer);
}
