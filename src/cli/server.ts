import { type ObservedService, openOperatorHttp } from '../http/operator-http.js';
import { SPECS } from '../options/shared-specs.js';
import type { CommandContext } from './command.js';
import { type OptionTable, option } from './config/option.js';
import { EXIT } from './exit-codes.js';
import type { Reloaded, ReloadedFile } from './reload/reload.js';
import { RELOAD_WATCH_MS } from './reload/watched-file.js';
import { aborted, untilStopped } from './signals.js';

/** The process ends with code 1 if its server takes longer than this to close. */
export const SERVER_STOP_MS = 4_500;

/** Options of every server. */
export const SERVER_OPTIONS = {
  http: option(SPECS.address, 'serve /metrics, /healthz and /readyz here', { defaultText: 'off' }),
} as const satisfies OptionTable;

/** A directory or a relay that is open, and what its command logs and reloads of it. */
export interface Server extends Pick<Reloaded, 'words'> {
  readonly service: ObservedService & {
    update(settings: never): void;
    close(): Promise<void>;
  };
  /** Text and members of the log line that says that it listens. */
  readonly listening: readonly [text: string, members: object];
  /** Further log lines when it listens. */
  readonly notes?: readonly (readonly [text: string, members: object])[];
  /** Text of the log line that says that it stops. */
  readonly stopping: string;
  /** Files that are renewed while it runs. */
  readonly files?: readonly ReloadedFile[];
  /** Finishes what it can before it is closed; `ms` at most. */
  readonly drain?: { readonly ms: number; readonly run: (ms: number) => Promise<void> };
  /** Rejects when the server cannot go on. */
  readonly failed?: () => Promise<never>;
}

type ServerContext = CommandContext<typeof SERVER_OPTIONS>;

/**
 * Runs a server until its command is told to stop, and closes it. If that is before the server is
 * open, which may take long, it does not wait for it.
 * @param opening - the server, once it is open
 * @returns the exit code
 * @throws what `opening` and `server.failed` reject with; TurnpikeError ERR_TURNPIKE_BIND where
 *   `--http` cannot be bound
 */
export async function runServer(context: ServerContext, opening: Promise<Server>): Promise<number> {
  const { logger, stop } = context;
  const server = await untilStopped(stop, opening).catch((error: unknown) => {
    if (!stop.aborted) throw error;
    opening.then(({ service }) => service.close()).catch(() => {});
  });
  if (server !== undefined) {
    try {
      await serve(context, server);
    } finally {
      await closeInTime(context, server);
    }
  }
  logger.info({ event: 'stopped', signal: stop.reason }, 'stopped');
  return EXIT.ok;
}

async function serve(
  { options, logger, stop, onReload, allowToStop }: ServerContext,
  { service, listening: [text, members], notes = [], stopping, files = [], ...more }: Server,
): Promise<void> {
  const http = options.http && (await openOperatorHttp(options.http, service));
  const { drain, failed, words } = more;
  if (drain !== undefined) allowToStop(drain.ms);
  await onReload({ update: (settings) => service.update(settings as never), files, words });
  const watching = watch(files);
  try {
    logger.info({ event: 'listening', ...members, ...(http && { http: http.url }) }, text);
    for (const [note, of] of notes) logger.info({ event: 'note', ...of }, note);
    await Promise.race([aborted(stop), ...(failed === undefined ? [] : [failed()])]);
    logger.info({ event: 'stopping', signal: stop.reason }, stopping);
    await drain?.run(drain.ms);
  } finally {
    clearInterval(watching);
    await http?.close();
  }
}

/** Checks files at intervals, so that renewed ones are taken without a signal. */
function watch(files: readonly ReloadedFile[]): NodeJS.Timeout {
  let isChecking = false;
  const check = async () => {
    if (isChecking) return;
    isChecking = true;
    for (const file of files) await file.check();
    isChecking = false;
  };
  return setInterval(() => void check(), RELOAD_WATCH_MS).unref();
}

/** Ends the process if the server does not close within `SERVER_STOP_MS`. */
async function closeInTime(
  { logger, leave }: ServerContext,
  { service }: Pick<Server, 'service'>,
): Promise<void> {
  const timer = setTimeout(() => {
    logger.error({ event: 'stop-timeout' }, `not closed within ${SERVER_STOP_MS} ms: leaving`);
    leave(EXIT.failed);
  }, SERVER_STOP_MS);
  await service.close();
  clearTimeout(timer);
}
