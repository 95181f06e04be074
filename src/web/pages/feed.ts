// The live feed. Tabs of one browser share one connection: the first that has the lock reads, and tells the others; when it
// goes, the next takes over behind the event that was seen last.
import { signal } from '@preact/signals'
import { look, me } from './api'
import type { Happening } from './schema'

/** An event; `reset` says that something was missed: look at everything anew. */
export type Told = Happening | { event: 'reset' }
type Listener = (event: Told) => void

/** Whether the box is heard at this moment. */
export const heard = signal(true)

const listeners = new Set<Listener>()
const others = new BroadcastChannel('branchline-feed')
let last: string | null = null
let begun = false

/** Calls the function with each event from now on. Answers what ends that. */
export function listen(listener: Listener): () => void {
  listeners.add(listener)
  begin()
  return () => listeners.delete(listener)
}

/**
 * Lines by name as an answer has them, but for those that the feed told of while the answer was on its way: these are newer.
 * `before` is what was known when it was asked for.
 */
export function answered<T>(
  lines: readonly T[],
  name: (line: T) => string,
  before: ReadonlyMap<string, T>,
  now: ReadonlyMap<string, T>,
): ReadonlyMap<string, T> {
  const told = (line: T): T | undefined => {
    const known = now.get(name(line))
    return known === before.get(name(line)) ? undefined : known
  }
  return new Map(lines.map((line) => [name(line), told(line) ?? line]))
}

function tell(event: Told, id: string | null): void {
  if (id) last = id
  for (const listener of listeners) listener(event)
}

type Passed = { who: string; id: string | null; event: Told } | { who: string; heard: boolean }

function own(): string {
  return JSON.stringify(me.value?.who ?? null)
}

function begin(): void {
  if (begun) return
  begun = true
  others.addEventListener('message', ({ data }: MessageEvent<Passed>) => {
    if (data.who !== own()) return
    if ('heard' in data) heard.value = data.heard
    else tell(data.event, data.id)
  })
  // Held for as long as the tab is there.
  void navigator.locks.request('branchline-feed', () => new Promise<void>(read))
}

function pass(message: Passed): void {
  others.postMessage(message)
}

function read(): void {
  let quiet: number | undefined
  let source: EventSource | undefined
  const say = (is: boolean): void => {
    if (heard.value !== is) pass({ who: own(), heard: is })
    heard.value = is
  }
  const open = (): void => {
    const behind = last ? `?after=${encodeURIComponent(last)}` : ''
    source = new EventSource(`/api/v1/feed${behind}`)
    source.onopen = () => {
      clearTimeout(quiet)
      say(true)
      // Whatever was looked at before this moment may have changed before it.
      if (!last) took(new MessageEvent('reset', { data: '{"event":"reset"}' }))
    }
    source.onerror = () => {
      // A moment without the box is nothing that anybody has to read.
      clearTimeout(quiet)
      quiet = window.setTimeout(() => say(false), 3000)
      if (source?.readyState !== EventSource.CLOSED) return
      // Refused: the session may be over; then somebody signs in again, and it goes on.
      void look()
      window.setTimeout(open, 3000 + Math.random() * 2000)
    }
    for (const name of EVENTS) source.addEventListener(name, took)
  }
  const took = (message: MessageEvent<string>): void => {
    const event = JSON.parse(message.data) as Told
    pass({ who: own(), id: message.lastEventId, event })
    tell(event, message.lastEventId)
  }
  open()
}

const EVENTS = [
  'reset',
  'call_arrived',
  'call_queued',
  'call_offered',
  'caller_known',
  'person_erased',
  'call_taken',
  'call_answered',
  'call_waits',
  'call_recording',
  'call_consent',
  'call_supervised',
  'call_payment',
  'call_held',
  'call_resumed',
  'call_transferred',
  'call_played',
  'call_collected',
  'call_ended',
  'site_event',
  'work',
  'work_offered',
  'work_over',
  'message',
  'message_state',
  'conversation',
  'typing',
  'agent',
  'queue',
  'trunk',
] as const satisfies readonly Told['event'][]
