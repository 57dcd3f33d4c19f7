/** What the parts of the rig say to each other. */
import type { Scene } from './scene.js';

/** Which way through a server a packet takes. */
export type Leg = 'client-trunk' | 'trunk-client' | 'same-relay' | 'two-relays';

/** What a datagram holds: the payload alone, ChannelData, or trunk records. */
export type Content = 'raw' | 'channel' | 'trunk';

/** A pattern of traffic, the same for every contestant. */
export interface Workload {
  /** Unique; what `--only` matches. */
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
  /** The load at which contestants are compared, where all can carry it; payloads a second. */
  readonly commonPps?: number;
  /** Whether other projects' TURN servers take part. */
  readonly rivals?: boolean;
  /** Whether XDP and the kernel's own forwarding take part. */
  readonly xdp?: boolean;
  /** Whether loss-free rate and latency are looked for. */
  readonly searches?: boolean;
  /** Whether `--quick` measures it. */
  readonly quick?: boolean;
  /** Whether as much traffic goes the other way at the same time, in the same connections. */
  readonly bothWays?: boolean;
  /** Whether the server's far device segments super-frames, as most real ones do. */
  readonly segmentation?: boolean;
}

/** What to send to a contestant, as the generator's arguments. */
export interface Load {
  /** What sends it: frames through a packet socket, or BPF's live frames. Default packet. */
  readonly generator?: 'packet' | 'live';
  readonly content: Content;
  readonly source: string;
  readonly destination: string;
  readonly extra?: Readonly<Record<string, string | number>>;
}

/** What leaves a contestant for the far end. */
export interface Arrivals {
  readonly content: Content;
  /** First port that datagrams go to, and how many ports from it on. */
  readonly port: number;
  readonly ports: number;
  /** Where the far end counts: XDP for what an XDP program redirects. Default tc. */
  readonly hook?: 'tc' | 'xdp';
}

/** Traffic in one direction: what is sent at one end, and what of it arrives at the other. */
export interface Stream {
  readonly load: Load;
  readonly arrivals: Arrivals;
}

/** A contestant that is up and forwards; the stream is that from the near end to the far one. */
export interface Running extends Stream {
  /** Processes, or kernel threads, whose CPU time is the contestant's. */
  readonly pids: readonly number[];
  /** From the far end to the near one, where the workload goes both ways. */
  readonly back?: Stream;
  /** Ends it; nothing of it is left when the promise resolves. */
  stop(): Promise<void>;
}

/** A server under measurement. */
export interface Contestant {
  /** Unique; what `--only` matches. */
  readonly name: string;
  readonly title: string;
  /**
   * Floors and Turnpike carry the common load together; rivals, which may be far slower, are
   * compared with Turnpike at loads of their own.
   */
  readonly kind: 'turnpike' | 'floor' | 'rival';
  /** Why it cannot run here; undefined when it can. */
  missing(): Promise<string | undefined>;
  /** Which one of somebody else's was measured, where that can be told. */
  version?(): Promise<string | undefined>;
  /** Why it has no part in a workload; undefined when it has. */
  unfit(workload: Workload, scene: Scene['kind']): string | undefined;
  /**
   * Starts it in the scene's server host, on the server's CPU.
   * @throws Error that says why it did not come up; nothing of it is left then
   */
  start(scene: Scene, workload: Workload): Promise<Running>;
}
