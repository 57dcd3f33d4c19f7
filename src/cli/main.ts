#!/usr/bin/env node
import { exitProcess } from './exit.js';
import { holdSignals } from './signals.js';

holdSignals(process.argv[2]);
const { runProgram } = await import('./program.js');

const { stdin, stdout, stderr, env } = process;

// A reader that goes away (`turnpike demo | head`) is no failure here. Commands for which it is one
// have their own listeners.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
// A failing stderr (a full disk, for example) does not end the program.
stderr.on('error', () => {});

const exitCode = await runProgram(process.argv.slice(2), { stdin, stdout, stderr, env });

// An open stdin would otherwise keep the process alive.
await exitProcess(exitCode);
