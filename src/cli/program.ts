import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Logger } from 'pino';
import { messageOf } from '../errors.js';
import { FIRST_READ_MS } from '../files/small-file.js';
import { packageVersion } from '../version.js';
import { type CommandDefinition, type CommandIo, isReloaded } from './command.js';
import { COMMANDS } from './commands/index.js';
import type { ConfigInput, ResolvedConfig } from './config/resolve.js';
import { exitProcess, outputTaken } from './exit.js';
import { EXIT, exitCodeOf, SIGNAL_EXIT } from './exit-codes.js';
import { allOptions, exitCodeHelp, flagText, helpFooter, optionHelp } from './help.js';
import type { Reload } from './reload/reload.js';
import { type HangUp, inheritedIgnore, trapSignals } from './signals.js';

const GROUPS: Readonly<Record<string, string>> = {
  secret: 'make and derive the secrets of a deployment',
};

/**
 * Runs one command line.
 * @param argv - the words after `turnpike`
 * @param io - the process's streams and environment
 * @returns the exit code; nothing is thrown
 */
export async function runProgram(argv: readonly string[], io: CommandIo): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = buildProgram(io, async (command, words, flags) => {
    exitCode = await runCommand(io, command, words, flags);
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    await outputTaken(io.stdout);
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
}

type Flags = ConfigInput['flags'];
type Action = (command: CommandDefinition, words: string[], flags: Flags) => Promise<void>;

function buildProgram(io: CommandIo, action: Action): Command {
  // Wider lines are hard to read.
  const columns = Math.min(io.stdout.columns ?? 80, 100);
  // Its commands inherit how it shows help and ends.
  const program = new Command('turnpike')
    .description('A relay service for peers behind NATs: two peers talk through two relays.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .addHelpText('after', () => programFooter())
    .configureHelp({ helpWidth: columns })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    });
  for (const definition of COMMANDS) {
    const [word = '', subcommand] = definition.path;
    const group =
      subcommand === undefined
        ? program
        : (program.commands.find((each) => each.name() === word) ??
          program.command(word).description(GROUPS[word] ?? ''));
    addCommand(group.command(subcommand ?? word), definition, action, columns);
  }
  return program.helpCommand('help [command]', 'show help for a command');
}

function addCommand(
  command: Command,
  definition: CommandDefinition,
  action: Action,
  columns: number,
): void {
  command.summary(definition.summary).description(definition.description);
  for (const { name, description, optional } of definition.arguments ?? []) {
    command.argument(optional === true ? `[${name}]` : `<${name}>`, description);
  }
  for (const [name, definitionOf] of allOptions(definition)) {
    const option = new Option(
      flagText(name, definitionOf),
      optionHelp(definition, name, definitionOf),
    );
    if (definitionOf.repeat === true) {
      option.argParser((value: string, before: string[] = []) => [...before, value]);
    } else if (definitionOf.kind !== 'boolean') {
      option.argParser(onlyOnce);
    }
    command.addOption(option);
  }
  command.addHelpText('after', () => helpFooter(definition, columns));
  command.action(() => action(definition, command.args, command.opts()));
}

/** Refuses a second value of a flag that takes one. */
function onlyOnce(value: string, before: string | undefined): string {
  if (before !== undefined) throw new InvalidArgumentError('It is given twice.');
  return value;
}

function programFooter(): string {
  return `
Try it on this machine:
  turnpike demo

Then on real hosts, each on its own:
  turnpike directory --help
  turnpike relay --help
  turnpike turn --help
  turnpike peer --help

Every option is also a YAML key (--config FILE) and an environment
variable; each command's help names them.

${exitCodeHelp()}
`;
}

/** Said where the configuration takes longer than this to read, in ms. */
const SLOW_CONFIG_MS = 1_000;
const SLOW_CONFIG = `waiting for its configuration file, ${FIRST_READ_MS / 1_000} s at most`;

/** Prints usage errors as text, as commander does; logs everything later. */
async function runCommand(
  io: CommandIo,
  command: CommandDefinition,
  words: readonly string[],
  flags: Flags,
): Promise<number> {
  // Loaded only now, because the schema library would slow down --help.
  const { resolveConfig } = await import('./config/resolve.js');
  const { openLog } = await import('./log.js');
  const { path, options, rules = [], otherFile } = command;
  const input = { path, options, rules, flags, env: io.env, otherFile };
  const name = ['turnpike', ...path].join(' ');
  const slow = setTimeout(() => io.stderr.write(`${name}: ${SLOW_CONFIG}\n`), SLOW_CONFIG_MS);
  let config: ResolvedConfig;
  try {
    config = await resolveConfig(input);
  } catch (error) {
    const [first = '', ...rest] = messageOf(error).split('\n');
    const lines = [`${first} [${codeOf(error)}]`, ...rest, `see ${name} --help`];
    io.stderr.write(lines.map((line) => `${name}: ${line}\n`).join(''));
    return exitCodeOf(error);
  } finally {
    clearTimeout(slow);
  }
  const log = await openLog(String(config.values.logLevel), io.stderr);
  const { logger, terminal } = log;
  for (const warning of config.warnings) logger.warn(warning);
  const { Reload } = await import('./reload/reload.js');
  for (const { level, members, text } of config.remarks) logger[level](members, text);
  const reload = new Reload(input, config, logger);
  const hangUp = hangUpOf(command, io, reload);
  const end = (code: number) => void log.close().then(() => exitProcess(code));
  const trap = trapSignals(end, { hangUp, logger });
  const onCrash = (error: unknown) => {
    logFailure(logger, error);
    end(EXIT.failed);
  };
  process.on('uncaughtException', onCrash);
  try {
    const exitCode = await command.run({
      options: config.values as never,
      sourceOf: (name) => config.sources.get(name) ?? name,
      arguments: words,
      logger,
      terminal,
      io,
      stop: trap.stop,
      allowToStop: trap.allow,
      onReload: (program) => reload.of(program),
      leave: end,
    });
    const taken = await outputTaken(io.stdout, trap.stop);
    return taken ? exitCode : (SIGNAL_EXIT[trap.stop.reason] ?? EXIT.failed);
  } catch (error) {
    // A wait for a file that a signal cut short.
    if (trap.stop.aborted && error === trap.stop.reason) return SIGNAL_EXIT[trap.stop.reason] ?? 1;
    logFailure(logger, error);
    return exitCodeOf(error);
  } finally {
    process.off('uncaughtException', onCrash);
    await log.close();
    // A process of its own keeps the handlers to its end, so that no signal kills it before.
    if (io.stderr !== process.stderr) trap.release();
  }
}

/**
 * Returns what SIGHUP does: it reloads a server, and stops another command with a terminal, because
 * the terminal is closed. Under `nohup` no stream is a terminal.
 */
function hangUpOf(command: CommandDefinition, io: CommandIo, reload: Reload): HangUp {
  if (inheritedIgnore('SIGHUP')) return 'ignore';
  if (isReloaded(command)) return () => reload.request();
  const { stdin, stdout, stderr } = io;
  return stdin.isTTY || stdout.isTTY || stderr.isTTY ? 'stop' : 'ignore';
}

function logFailure(logger: Logger, error: unknown): void {
  logger.fatal({ code: codeOf(error) }, messageOf(error));
  logger.debug({ err: error }, 'stack of the error above');
}

function codeOf(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return typeof code === 'string' ? code : String(name ?? 'Error');
}
