// What a channel can carry, as far as whoever writes has to know: whether a text is counted in parts, whether files go along,
// whether only templates go at this time.
import { signal } from '@preact/signals'
import { ask } from '../../api'
import type { WayLine } from '../../schema'

/** A channel of the site. */
export type Lane = { channel: string; kind: string; texts: boolean; files: boolean; templates: boolean; longest: number; window_s: number | null; templated: readonly Template[] }
/** A text that a provider has approved, with places for values. */
export type Template = { name: string; language: string; text?: string; values: number }

export const lanes = signal<ReadonlyMap<string, Lane>>(new Map())

export async function lookAtLanes(): Promise<void> {
  const page = await ask<{ items: Lane[] }>('GET', '/channels').catch(() => null)
  if (page) lanes.value = new Map(page.items.map((lane) => [lane.channel, lane]))
}

/** `closedSince`: since when nothing but a template goes. */
export function carries(way: WayLine): Lane & { closedSince: string | null } {
  const known = lanes.value.get(way.channel)
  const lane: Lane = known ?? { channel: way.channel, kind: '', texts: way.kind === 'phone' && way.counts_as === 'message', files: way.counts_as !== 'message', templates: false, longest: 0, window_s: null, templated: [] }
  return { ...lane, closedSince: null }
}
