/**
 * Tells tap's process tracker to record no module; .taprc loads this file into every test file
 * before the tracker. A record costs the reading of the module's source map. Only coverage and
 * `--changed` use the records.
 */
process.env._TAPJS_PROCESSINFO_EXCLUDE_ = '/./';
