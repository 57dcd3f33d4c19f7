/**
 * An agent of a browser: `browser-agent.mjs BROWSER TASK`. A headless browser opens a page, which
 * runs the agent and exchanges messages with this program by HTTP.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const MODULE = readFileSync(new URL('data-channel.mjs', import.meta.url));

/** The page's script. What goes wrong in it is told as an error. */
const SCRIPT = `
import { runAgent } from './data-channel.mjs';
const say = (message) => fetch('/say', { method: 'POST', body: JSON.stringify(message) });
const hear = async () => (await fetch('/hear')).json();
const connect = (configuration) => new RTCPeerConnection(configuration);
const task = await (await fetch('/task')).json();
runAgent(connect, task, say, hear).catch((error) => say({ error: String(error) }));
`;
const PAGE = `<!doctype html><title>agent</title><script type="module">${SCRIPT}</script>`;

/** Firefox waits for no first-run page, and asks nobody for updates. */
const FIREFOX_SETTINGS = {
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'toolkit.telemetry.server': '',
};

/** Each browser's command line. */
const BROWSERS = {
  chromium: (profile, url) => [
    ...['chromium', '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    ...['--disable-background-networking', '--no-first-run', `--user-data-dir=${profile}`, url],
  ],
  firefox: (profile, url) => {
    const lines = Object.entries(FIREFOX_SETTINGS).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
    );
    writeFileSync(join(profile, 'user.js'), lines.join(''));
    return ['firefox-esr', '--headless', '--no-remote', '--profile', profile, url];
  },
};

const [browser, task] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

let tellClosed;
const closed = new Promise((resolve) => {
  tellClosed = resolve;
});

async function answer(request, response) {
  if (request.url === '/data-channel.mjs') {
    response.setHeader('content-type', 'text/javascript');
    response.end(MODULE);
  } else if (request.url === '/task') {
    response.end(task);
  } else if (request.url === '/hear') {
    response.end((await lines.next()).value);
  } else if (request.url === '/say') {
    const parts = await request.toArray();
    const message = Buffer.concat(parts).toString();
    process.stdout.write(`${message}\n`);
    response.end();
    if ('closed' in JSON.parse(message)) tellClosed();
  } else {
    response.setHeader('content-type', 'text/html');
    response.end(PAGE);
  }
}

const server = createServer(answer).listen(0, '127.0.0.1');
await once(server, 'listening');
const profile = await mkdtemp(join(tmpdir(), 'turnpike-browser-'));
const url = `http://127.0.0.1:${server.address().port}/`;
const [program, ...args] = BROWSERS[browser](profile, url);
const child = spawn(program, args, {
  stdio: ['ignore', process.stderr, process.stderr],
  env: { ...process.env, HOME: profile },
});
await Promise.race([closed, once(child, 'exit')]);
const ended =
  child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
child.kill('SIGTERM');
await ended;
await rm(profile, { recursive: true, force: true, maxRetries: 5 });
process.exit(0);
