/** Types of workloads and contestants. */
import type { TurnProgram } from './contestants/turn-spec.js';
import type { Scene } from './scene.js';

/**
 * The path of a packet through one server or two. The last two are those of a TURN server, whose
 * peers have bare UDP.
 */
export type Leg =
  | 'client-trunk'
  | 'trunk-client'
  | 'same-relay'
  | 'two-relays'
  | 'client-peer'
  | 'peer-client';

/**
 * Content of a datagram: the payload alone, ChannelData, trunk records, or a Send or Data
 * indication.
 */
export type Content = 'raw' | 'channel' | 'trunk' | 'send' | 'data';

/** A pattern of traffic, the same for every contestant. */
export interface Workload {
  /** Unique; `--only` matches it. */
  readonly name: string;
  readonly title: string;
  readonly leg: Leg;
  readonly flows: number;
  /** Frames of one flow in a row. */
  readonly burst: number;
  /** Payload sizes; flow i has the size at i modulo their number. */
  readonly sizesBytes: readonly number[];
  /** Datagrams in one arriving super-frame; 1 is plain arrivals. */
  readonly segments: number;
  /** Records in one arriving trunk datagram. */
  readonly records: number;
  /** Frames that the generator sends in one system call. */
  readonly chunk: number;
  /** The load at which contestants are compared, if all can carry it; payloads a second. */
  readonly commonPps?: number;
  /** Whether other projects' TURN servers are measured. */
  readonly rivals?: boolean;
  /** Whether XDP programs and kernel forwarding are measured. */
  readonly xdp?: boolean;
  /** Whether loss-free rate and latency are measured. */
  readonly searches?: boolean;
  /** Whether `--quick` measures it. */
  readonly quick?: boolean;
  /** Whether half of the traffic goes in the opposite direction, in the same connections. */
  readonly bothWays?: boolean;
  /** Whether a TURN server's clients use Send and Data indications instead of channels. */
  readonly indications?: boolean;
  /** Whether the server's far device segments super-frames, as most real ones do. */
  readonly segmentation?: boolean;
}

/** The traffic sent to a contestant, as arguments of the generator. */
export interface Load {
  /** How it is sent: through a packet socket (default), or as live frames of BPF_PROG_TEST_RUN. */
  readonly generator?: 'packet' | 'live';
  readonly content: Content;
  readonly source: string;
  readonly destination: string;
  readonly extra?: Readonly<Record<string, string | number>>;
}

/** The traffic that arrives at the far end. */
export interface Arrivals {
  readonly content: Content;
  /** First destination port of the datagrams. */
  readonly port: number;
  /** Number of destination ports from it on. */
  readonly ports: number;
  /** Hook of the counter; default tc. Packets that XDP redirects are counted in XDP. */
  readonly hook?: 'tc' | 'xdp';
}

/** Traffic in one direction, as sent at one end and as it arrives at the other. */
export interface Stream {
  readonly load: Load;
  readonly arrivals: Arrivals;
}

/** A running contestant. The stream is that from the near end to the far end. */
export interface Running extends Stream {
  /** Processes or kernel threads whose CPU time counts for the contestant. */
  readonly pids: readonly number[];
  /** The stream from the far end to the near end, if the workload goes both ways. */
  readonly back?: Stream;
  /** Ends it. Resolves when all of it is removed. */
  stop(): Promise<void>;
}

/** A server under measurement. */
export interface Contestant {
  /** Unique; `--only` matches it. */
  readonly name: string;
  readonly title: string;
  /**
   * Floors and Turnpike are compared at the common load. Rivals may be far slower, so they are
   * compared with Turnpike at their own loads.
   */
  readonly kind: 'turnpike' | 'floor' | 'rival';
  /** The TURN server that it is or has. */
  readonly turn?: TurnProgram;
  /** Returns why it cannot run here; undefined if it can. */
  missing(): Promise<string | undefined>;
  /** Installs another project's program, where that is allowed. */
  provide?(): Promise<void>;
  /** Returns the version of another project's program; undefined if it is unknown. */
  version?(): Promise<string | undefined>;
  /** Returns why it is not measured in a workload; undefined if it is. */
  unfit(workload: Workload, scene: Scene['kind']): string | undefined;
  /**
   * Starts it on the scene's servers, pinned to the server's CPU.
   * @throws Error with the reason if it does not start; all of it is removed then
   */
  start(scene: Scene, workload: Workload): Promise<Running>;
}
