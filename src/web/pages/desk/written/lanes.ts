// What whoever writes has to know of a channel.
import type { WayLine } from '../../schema'

/** Whether a text goes out as text messages, which are counted in parts: to a telephone's number, by what is no mail and no chat. */
export function isCounted(way: WayLine): boolean {
  return (way.kind === 'phone' || way.kind === 'short') && way.counts_as === 'message'
}
