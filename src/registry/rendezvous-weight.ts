import { mixed, textHash } from '../collections/hash.js';

/**
 * Returns the weight of a candidate for a task, for rendezvous hashing: of several candidates the
 * one with the lowest weight gets the task. So all who know the same candidates agree, a candidate
 * that leaves moves only its own tasks, and one that comes back gets them back.
 * @returns an integer, 0 to 2^32 - 1: FNV-1a over both texts, mixed as MurmurHash3 finishes
 */
export function rendezvousWeight(task: string, candidate: string): number {
  return mixed(textHash(`${task} ${candidate}`));
}
