/**
 * Returns the weight of a candidate for a task, for rendezvous hashing: of several candidates the
 * one with the lowest weight gets the task. So all who know the same candidates agree, a candidate
 * that leaves moves only its own tasks, and one that comes back gets them back.
 * @returns an integer, 0 to 2^32 - 1: FNV-1a over both texts, mixed as MurmurHash3 finishes
 */
export function rendezvousWeight(task: string, candidate: string): number {
  let hash = 0x811c9dc5;
  const text = `${task} ${candidate}`;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
