import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import type { DataPlane, XdpStatus } from './types.js';
import { subjectsOf, type XdpFarEnd, type XdpFinding } from './xdp-finding.js';

/** Interval of reading the XDP status, ms. */
const CHECK_MS = 1_000;

/** Maximum findings named in a line; the fields hold all of them. */
const SPOKEN_OF_MAX = 8;

/** Logs the state of XDP, and which traffic it leaves to the sockets and why. */
export class XdpLog {
  readonly #plane: Pick<DataPlane, 'xdp'>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #checkedAt: number;
  #attached: readonly string[];
  #leftOut = '';
  #passedBySaid: ReadonlySet<string> = new Set();
  /** What was said of the other ends of devices, by device. */
  #farEnds: ReadonlyMap<string, XdpFarEnd['program']> = new Map();

  constructor(plane: Pick<DataPlane, 'xdp'>, clock: Clock, logger: Logger) {
    this.#plane = plane;
    this.#clock = clock;
    this.#logger = logger;
    this.#checkedAt = clock.monotonic();
    const status = plane.xdp;
    this.#attached = status.attached;
    if (status.interfaces.length === 0) return;
    this.#sayMode(status);
    this.#checkRules(status);
    this.#checkFarEnds(status);
  }

  /** Reads the status if that is due, and logs changes. */
  check(): void {
    const now = this.#clock.monotonic();
    if (now - this.#checkedAt < CHECK_MS) return;
    this.#checkedAt = now;
    const status = this.#plane.xdp;
    this.#checkDevices(status);
    this.#checkRules(status);
    this.#checkFarEnds(status);
  }

  #sayMode({ mode, interfaces, reason }: XdpStatus): void {
    const devices = interfaces.join(', ');
    const fields = { event: 'xdp', mode, interfaces };
    if (mode === 'native') {
      this.#logger.info(fields, `forwarding by XDP on ${devices}`);
    } else if (mode === 'generic') {
      this.#logger.warn(fields, `forwarding by the kernel's slow emulation of XDP on ${devices}`);
    } else {
      this.#logger.warn({ ...fields, reason }, `no XDP, forwarding by sockets: ${reason}`);
    }
  }

  #checkRules({ mode, leftOut, passedBy }: XdpStatus): void {
    const text = describe(leftOut);
    if (text !== this.#leftOut) {
      this.#leftOut = text;
      const fields = { event: 'xdp', mode, leftOut: leftOut.map(toFields) };
      if (text === '') this.#logger.info(fields, 'nothing is left to the sockets any more');
      else this.#logger.warn(fields, `XDP leaves to the sockets what this host changes: ${text}`);
    }
    const news = passedBy.filter(({ what }) => !this.#passedBySaid.has(what));
    this.#passedBySaid = new Set(passedBy.map(({ what }) => what));
    if (news.length === 0) return;
    this.#logger.warn(
      { event: 'xdp', mode, passedBy: news.map(toFields) },
      'packets that go by XDP are not seen by rules of this host that may drop or delay them ' +
        `(--xdp-strict leaves them to the sockets): ${describe(news)}`,
    );
  }

  #checkFarEnds({ farEnds }: XdpStatus): void {
    const before = this.#farEnds;
    this.#farEnds = new Map(farEnds.map(({ device, program }) => [device, program]));
    for (const { device, program } of farEnds) {
      if (before.get(device) === program) continue;
      const fields = { event: 'xdp-far-end', device, program };
      const what = `what XDP sends back through ${device} is lost`;
      const why =
        program === 'none'
          ? 'the other end of this veth has no XDP program'
          : 'if the other end of this veth has no XDP program, which this process cannot see';
      const advice = 'attach one to it that passes everything (docs/xdp.md), or leave out --xdp';
      this.#logger.warn(fields, `${what}${program === 'none' ? ': ' : ' '}${why}; ${advice}`);
    }
    for (const device of before.keys()) {
      if (this.#farEnds.has(device)) continue;
      const fields = { event: 'xdp-far-end', device };
      this.#logger.info(fields, `what XDP sends back through ${device} is no longer lost`);
    }
  }

  #checkDevices({ attached, leftOut }: XdpStatus): void {
    const before = this.#attached;
    this.#attached = attached;
    const known = new Set(leftOut.map(({ device }) => device));
    for (const device of before.filter((name) => !attached.includes(name) && !known.has(name))) {
      this.#logger.warn(
        { event: 'xdp-device-lost', device },
        `no XDP on ${device}, forwarding by sockets: the device is gone, or what came in its ` +
          'place does not take the program; it is tried again when links change',
      );
    }
    for (const device of attached.filter((name) => !before.includes(name))) {
      this.#logger.info(
        { event: 'xdp-device-back', device },
        `forwarding by XDP on ${device} again`,
      );
    }
  }
}

/** Joins the findings in one line of bounded length. */
function describe(findings: readonly XdpFinding[]): string {
  const texts = findings.map((finding) => `${subjectsOf(finding).join(', ')}: ${finding.what}`);
  const rest = texts.length - SPOKEN_OF_MAX;
  return [...texts.slice(0, SPOKEN_OF_MAX), ...(rest > 0 ? [`and ${rest} more`] : [])].join('; ');
}

function toFields(finding: XdpFinding) {
  return { kind: finding.kind, what: finding.what, about: subjectsOf(finding) };
}
