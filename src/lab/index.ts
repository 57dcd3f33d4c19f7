export { type HostOptions, Lab, type NatOptions } from './lab.js';
export { LoggedProcess, type LogLine, parseObject, readLines } from './logged-process.js';
export { LabProcess, type ProcessEnd, type SpawnOptions } from './processes.js';
export { type LabSupport, labSupport } from './support.js';
export {
  type LabHost,
  type LabNat,
  NAT_BEHAVIOURS,
  type NatBehaviour,
} from './topology.js';
