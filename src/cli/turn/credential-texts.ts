import { RestSecrets } from '../../auth/rest-secrets.js';
import { type CredentialText, credentialLines, StaticUsers } from '../../auth/static-users.js';
import { systemClock } from '../../clock.js';
import { readSmallFile } from '../../files/small-file.js';
import type { TurnServer } from '../../turn-server/index.js';
import type { CommandContext } from '../command.js';
import type { OptionTable } from '../config/option.js';
import type { ReloadedFile } from '../reload/reload.js';
import { sayReload } from '../reload/say-reload.js';
import { RELOAD_WATCH_MS, WatchedFile } from '../reload/watched-file.js';
import { warnIfReadable } from '../secret-files.js';

type Context = Pick<CommandContext<OptionTable>, 'logger'> & {
  readonly sourceOf: (name: 'user' | 'usersFile' | 'authSecretFile') => string;
  readonly options: {
    readonly user: readonly string[];
    readonly usersFile?: string | undefined;
    readonly authSecretFile?: string | undefined;
  };
};

/** A file of credentials, one a line. */
interface CredentialFile {
  readonly option: 'usersFile' | 'authSecretFile';
  readonly item: string;
  /** The name of its content in the log. */
  readonly content: string;
  readonly check: (file: CredentialText) => void;
}

const USERS_FILE: CredentialFile = {
  option: 'usersFile',
  item: 'users-file',
  content: 'users',
  check: (file) => void StaticUsers.parse({ files: [file] }),
};

const SECRET_FILE: CredentialFile = {
  option: 'authSecretFile',
  item: 'auth-secret-file',
  content: 'shared secrets',
  check: (file) => void RestSecrets.parse({ files: [file] }),
};

/**
 * The credentials of `turnpike turn`: those of `--user`, and the lines of the files. All may
 * change while the server runs.
 */
export class CredentialTexts {
  readonly #context: Context;
  #given: readonly string[];
  #inFile: readonly string[] = [];
  #secrets: readonly string[] = [];

  private constructor(context: Context) {
    this.#context = context;
    this.#given = context.options.user;
  }

  /**
   * Reads the files that the options name.
   * @throws TurnpikeError ERR_TURNPIKE_SECRET with the option or file, the line and the fault
   */
  static async read(context: Context): Promise<CredentialTexts> {
    const texts = new CredentialTexts(context);
    const source = context.sourceOf('user');
    StaticUsers.parse({ given: context.options.user.map((text) => ({ source, text })) });
    texts.#inFile = await texts.#readFirst(USERS_FILE);
    texts.#secrets = await texts.#readFirst(SECRET_FILE);
    return texts;
  }

  /** All users. */
  get users(): readonly string[] {
    return [...this.#given, ...this.#inFile];
  }

  /** All shared secrets. */
  get authSecrets(): readonly string[] {
    return this.#secrets;
  }

  /** Returns all users with other ones of `--user`. */
  withGiven(given: readonly string[]): readonly string[] {
    return [...given, ...this.#inFile];
  }

  /** Notes other users of `--user`, which the server has taken. */
  takeGiven(given: readonly string[]): void {
    this.#given = given;
  }

  /** Returns the files, to be read again. */
  files(server: TurnServer): ReloadedFile[] {
    const users = this.#watched(USERS_FILE, this.#inFile, (lines) => {
      server.update({ users: [...this.#given, ...lines] });
      this.#inFile = lines;
    });
    const secrets = this.#watched(SECRET_FILE, this.#secrets, (lines) => {
      server.update({ authSecrets: lines });
      this.#secrets = lines;
    });
    return [users, secrets];
  }

  async #readFirst(file: CredentialFile): Promise<readonly string[]> {
    const { options, sourceOf, logger } = this.#context;
    const path = options[file.option];
    if (path === undefined) return [];
    await warnIfReadable(path, logger);
    return readLines(file, { path, source: sourceOf(file.option) });
  }

  #watched(
    file: CredentialFile,
    lines: readonly string[],
    take: (lines: readonly string[]) => void,
  ): ReloadedFile {
    const { options, logger } = this.#context;
    const path = options[file.option];
    const { item, content } = file;
    const watched =
      path === undefined
        ? undefined
        : new WatchedFile(path, lines, {
            item,
            read: (from) => readLines(file, { path: from, source: `--${item}`, again: true }),
            take,
            stays: () => `the ${content} of ${path} stay`,
            changed: () => `the ${content} of ${path} have changed: from now on the new ones count`,
            settleMs: RELOAD_WATCH_MS,
            faultMs: RELOAD_WATCH_MS,
            clock: systemClock,
            logger,
          });
    return {
      check: async (asked) => {
        const next = asked?.[file.option];
        const isAsked = typeof next === 'string';
        if (asked === undefined || (watched !== undefined && isAsked)) {
          return watched?.check(isAsked ? next : undefined);
        }
        if (watched === undefined && !isAsked) return;
        const change = `--${item} ${isAsked ? 'is given now' : 'is gone'}`;
        sayReload(logger, item, 'restart-needed', `${change}: restart to apply`);
      },
    };
  }
}

async function readLines(
  { check }: CredentialFile,
  file: { readonly path: string; readonly source: string; readonly again?: boolean },
): Promise<readonly string[]> {
  const text = await readSmallFile({ ...file, code: 'ERR_TURNPIKE_SECRET' });
  const named = { source: `${file.source} ${file.path}`, text };
  check(named);
  return credentialLines(named).map((line) => line.text);
}
