// What the desk knows: the agent, what is offered, the call that is up, the people who are open. The feed tells, and after
// a gap everything is looked at anew.
import { computed, signal } from '@preact/signals'
import { ask, me } from '../api'
import { answered, listen, type Told } from '../feed'
import { announce } from '../parts/live'
import type { ActiveCall, ActiveCallPage, Agent, AgentPage, CallerCard, ContactLine, Mode, PersonRecordPage, Queue, QueuePage, Tape } from '../schema'
import { t } from '../words'
import { tell } from './alert'

/** A call that rings at this agent's. */
export type Offer = {
  call: string
  from: string
  to: string
  queue: string | null
  /** What the carrier says that the caller is called. */
  name?: string | null
  /** Why this agent, in the box's words. */
  reason?: string | null
  caller: CallerCard | null
  /** The conversation that it goes on with. */
  conversation?: string | null
  since: number
}
/** The call that is up, or was a moment ago. */
export type Talk = Offer & {
  /** Whether this agent has put the other on hold. */
  held: boolean
  /** Nothing of what is said is kept, and the keys of whoever calls reach nobody. */
  paying: boolean
  /** Whether whoever is outside lets the call be recorded; nobody was asked while it is nothing. */
  consent: boolean | null
  /** How the recording of it is; nothing while there is none. */
  tape: Tape | null
  /** How a supervisor listens in, where the site says so. */
  heard: Mode | null
  over: number | null
  /** Whether several are in one room. */
  room: boolean
  /** The contact that it goes on with, of a room: its call. */
  about: string
}
/** A person on the desk. */
export type Open = { contact: string; name: string | null; number: string | null }

export const agents = signal<ReadonlyMap<string, Agent>>(new Map())
export const queues = signal<ReadonlyMap<string, Queue>>(new Map())
export const offers = signal<readonly Offer[]>([])
export const talk = signal<Talk | null>(null)
/** Calls besides, such as somebody who is asked while another is on hold. */
export const besides = signal<readonly Talk[]>([])
export const missed = signal<Offer | null>(null)
export const open = signal<readonly Open[]>(kept())
export const shown = signal<Open | null>(open.value[0] ?? null)
/** Counts what makes a person's record another: whoever shows it looks again. */
export const changed = signal(0)

/** Calls that this page's telephone has a leg of; nobody else may be in them, as in the echo test. */
export const here = signal<ReadonlySet<string>>(new Set())

/** Calls that ring in this page's telephone: whatever else is told at the same time, they do. */
export const rings = signal<ReadonlySet<string>>(new Set())

/** The agent that is signed in. */
export const own = computed(() => agents.value.get(me.value?.agent ?? ''))
/** The agent's state without its reason: `ready`, `paused`, `talking`. */
export const state = computed(() => own.value?.state.split(':')[0] ?? 'signed out')

function kept(): Open[] {
  try {
    return JSON.parse(sessionStorage.getItem('branchline-open') ?? '[]') as Open[]
  } catch {
    return []
  }
}

/** Puts a person on the desk, in front. */
export function show(person: Open): void {
  const others = open.value.filter((known) => known.contact !== person.contact)
  const before = open.value.find((known) => known.contact === person.contact)
  const merged = { ...before, ...person, name: person.name ?? before?.name ?? null }
  // The oldest goes when there are more than fit.
  open.value = [merged, ...others].slice(0, 8)
  shown.value = merged
  sessionStorage.setItem('branchline-open', JSON.stringify(open.value))
}

export function shut(contact: string): void {
  open.value = open.value.filter((known) => known.contact !== contact)
  sessionStorage.setItem('branchline-open', JSON.stringify(open.value))
  if (shown.value?.contact === contact) shown.value = open.value[0] ?? null
}

/** Whose card the person's record is shown under. */
export function showCaller({ caller, from }: Offer): void {
  if (caller) show({ contact: caller.contact, name: caller.name ?? null, number: from })
  else shown.value = null
}

/** From now on. Answers what ends it. */
export function begin(): () => void {
  void lookAgain()
  const end = listen(took)
  // Calls that no queue sent (dialled here, or straight to the own phone) are on no agent's feed: they are looked for.
  const timer = window.setInterval(() => {
    if (!document.hidden && state.value !== 'ringing' && offers.value.length === 0) void lookForCalls()
  }, CALLS_EVERY)
  return () => {
    end()
    clearInterval(timer)
  }
}

/** How often; the box answers it in a millisecond. */
const CALLS_EVERY = 4000

export async function lookForCalls(): Promise<void> {
  const asked = moves
  const calls = await ask<ActiveCallPage>('GET', '/calls/live').catch(() => null)
  if (calls) await (asked === moves ? resume(calls) : lookForCalls())
}

/** Counts what was told of calls: an answer that was on its way meanwhile is older than that, and asked for once more. */
let moves = 0

async function lookAgain(): Promise<void> {
  const before = { agents: agents.value, queues: queues.value }
  const asked = moves
  const [all, lines, calls] = await Promise.all([
    ask<AgentPage>('GET', '/agents'),
    ask<QueuePage>('GET', '/queues'),
    ask<ActiveCallPage>('GET', '/calls/live').catch(() => null),
  ]).catch(() => [null, null, null] as const)
  if (all) agents.value = answered(all.items, ({ agent }) => agent, before.agents, agents.value)
  if (lines) queues.value = answered(lines.items, ({ queue }) => queue, before.queues, queues.value)
  if (calls) await (asked === moves ? resume(calls) : lookForCalls())
  if (state.value !== 'ringing') nothingElseRings()
}

/** After a reload, or a gap: what is up is shown again, with who it is, and what is over is over. */
async function resume({ items }: ActiveCallPage): Promise<void> {
  const up = items.filter((line) => line.with || here.value.has(line.call))
  const known = (): Talk[] => [...(talk.value && !talk.value.over ? [talk.value] : []), ...besides.value]
  for (const line of up) {
    const held = (line.held_by ?? []).includes(party())
    const tape = line.tape ?? null
    if (known().some(({ call }) => call === line.call)) change(line.call, { held, tape })
    else add(await talkOf(line, held))
  }
  for (const { call } of known()) if (!up.some((line) => line.call === call)) over(call)
}

/** How the box names whoever is at this agent's telephone. */
function party(): string {
  return `extension ${own.value?.extension ?? ''}`
}

async function talkOf(line: ActiveCall, held: boolean): Promise<Talk> {
  const { call, arrived } = line
  const out = line.from === own.value?.extension
  const from = out ? line.to : line.from
  const room = line.doing.includes('in a conference')
  // Whoever was brought into a room is who it is about.
  const first = room ? merging : null
  if (room) merging = null
  if (first) return { ...first, call, held, over: null, room, about: first.about }
  const offer = recent.find((one) => one.call === call)
  if (offer) return { ...offer, since: Date.now(), held, paying: line.paying ?? false, tape: line.tape ?? null, consent: line.consent?.given ?? null, heard: line.supervised ?? null, over: null, room, about: call }
  const found = await ask<PersonRecordPage>('GET', `/people?identity=${encodeURIComponent(`phone:${from}`)}`).catch(() => null)
  const contact = found?.items[0]?.contacts[0]
  const caller = contact ? cardOf(contact) : null
  const since = new Date(arrived).getTime()
  return { call, from, to: line.to, queue: null, caller, since, held, paying: line.paying ?? false, tape: line.tape ?? null, consent: line.consent?.given ?? null, heard: line.supervised ?? null, over: null, room, about: call }
}

/** The call that a room is made of, until the room is there. */
let merging: Talk | null = null

/** All that talk with this agent come into one room. */
export function merge(): void {
  merging = [...besides.value, ...(talk.value ? [talk.value] : [])].find(({ caller, queue }) => caller || queue) ?? talk.value
}

/** One more call is up: in front, unless it is on hold and another is not. */
function add(up: Talk): void {
  moves++
  const before = talk.value && !talk.value.over ? talk.value : null
  if (before && up.held && !before.held) {
    besides.value = [...besides.value, up]
    return
  }
  if (before) besides.value = [...besides.value, before]
  talk.value = up
  if (up.caller) show({ contact: up.caller.contact, name: up.caller.name ?? null, number: up.from })
}

/** What a card says of somebody, made of their record. */
function cardOf({ contact, version, fields, tags, pins, verified, preferred }: ContactLine): CallerCard {
  return {
    contact,
    version,
    name: fields['name']?.now.value ?? null,
    users: [],
    tags,
    pins: pins.map((pin) => pin.fact.value ?? ''),
    preferred: preferred ?? null,
    verified: verified && new Date(verified.until) > new Date() ? verified.level : null,
    last: [],
  }
}

function took(event: Told): void {
  const mine = me.value?.agent
  switch (event.event) {
    case 'reset':
      return void lookAgain()
    case 'agent':
      agents.value = new Map(agents.value).set(event.agent, event)
      if (event.agent === mine) moved(event)
      return
    case 'queue':
      queues.value = new Map(queues.value).set(event.queue, event)
      return
    case 'call_offered':
      return event.agent === mine ? offered(event) : undefined
    case 'caller_known':
      return known(event.call, event.caller)
    case 'call_taken':
      return event.agent === mine ? taken(event.call) : withdrawn(event.call)
    case 'call_supervised':
      return change(event.call, { heard: event.mode ?? null })
    case 'call_consent':
      return change(event.call, { consent: event.given })
    case 'call_payment':
      return paid(event.call, event.on)
    case 'call_recording':
      return change(event.call, { tape: event.state === 'ended' ? null : event.state })
    case 'call_held':
    case 'call_resumed':
      // Being on hold is told by the telephone, to the page that has the call.
      return event.by === party() ? change(event.call, { held: event.event === 'call_held' }) : undefined
    case 'call_ended':
      withdrawn(event.call)
      return over(event.call)
  }
}

/** What was offered last. It is told in several ways that a call is taken, in any order: what is known of it stays known. */
let recent: readonly Offer[] = []
/** Those of them that this agent has taken. */
const had = new Set<string>()

function remember(offer: Offer): void {
  recent = [...recent.filter(({ call }) => call !== offer.call), offer].slice(-5)
}

function offered(event: Extract<Told, { event: 'call_offered' }>): void {
  const queue = event.queue ?? null
  const { call, from, to } = event
  const caller = event.caller ?? null
  const offer: Offer = { call, from, to, queue, caller, conversation: event.conversation ?? null, reason: event.reason?.words ?? null, since: Date.now() }
  offers.value = [...offers.value.filter(({ call }) => call !== offer.call), offer]
  remember(offer)
  missed.value = null
  // Who writes to somebody else at this moment is not torn away: only an empty desk turns by itself.
  if (!talk.value || talk.value.over) showCaller(offer)
  const name = offer.caller?.name ?? offer.from
  announce(t('offer.said', { name, queue: queue ?? '' }), true)
  tell(name)
}

function known(call: string, caller: CallerCard): void {
  const learned = (offer: Offer): Offer => (offer.call === call ? { ...offer, caller } : offer)
  offers.value = offers.value.map(learned)
  recent = recent.map(learned)
  change(call, { caller })
  const offer = offers.value.find((one) => one.call === call) ?? (talk.value?.call === call ? talk.value : null)
  if (offer && (!talk.value || talk.value.call === call || talk.value.over)) showCaller({ ...offer, caller })
}

/** Puts a call that is up in front of the others. */
export function bring(call: string): void {
  const up = besides.value.find((one) => one.call === call)
  if (!up) return
  const before = talk.value && !talk.value.over ? [talk.value] : []
  besides.value = [...besides.value.filter((one) => one !== up), ...before]
  talk.value = up
  if (up.caller) showCaller(up)
}

/** A call that was offered is this agent's. */
export function taken(call: string): void {
  const offer = recent.find((one) => one.call === call)
  had.add(call)
  withdrawn(call)
  if (besides.value.some((one) => one.call === call)) return
  if (talk.value?.call === call && !talk.value.over) return change(call, offer ? { ...offer, since: talk.value.since } : {})
  if (!offer) return void lookForCalls()
  add({ ...offer, since: Date.now(), held: false, paying: false, tape: null, consent: null, heard: null, over: null, room: false, about: call })
  showCaller(offer)
  announce(t('call.said'))
}

/** The browser's telephone rings: a call that no queue has sent is offered by that alone. */
export function rang(call: string, from: string, name: string | null, queue: string | null): void {
  if (offers.value.some((one) => one.call === call)) return
  const offer: Offer = { call, from, to: own.value?.extension ?? '', queue, name, caller: null, since: Date.now() }
  offers.value = [...offers.value, offer]
  remember(offer)
  missed.value = null
  announce(t('offer.said', { name: name ?? from, queue: queue ?? '' }), true)
  tell(name ?? from)
}

function nothingElseRings(): void {
  offers.value = offers.value.filter(({ call }) => rings.value.has(call))
}

export function withdrawn(call: string): void {
  offers.value = offers.value.filter((one) => one.call !== call)
}

/** Something is known of a call that is up. */
export function change(call: string, what: Partial<Talk>): void {
  moves++
  if (talk.value?.call === call) talk.value = { ...talk.value, ...what }
  besides.value = besides.value.map((one) => (one.call === call ? { ...one, ...what } : one))
}

function over(call: string): void {
  moves++
  besides.value = besides.value.filter((one) => one.call !== call)
  if (talk.value?.call !== call || talk.value.over) return
  const next = besides.value.at(-1)
  if (next) {
    besides.value = besides.value.slice(0, -1)
    talk.value = next
  } else talk.value = { ...talk.value, over: Date.now() }
  changed.value += 1
  announce(t('call.over'))
}

/** A payment pause begins or ends, by whomever: whoever does not see the page is told so too. */
function paid(call: string, on: boolean): void {
  const own = [talk.value, ...besides.value].find((one) => one?.call === call && !one.over)
  if (!own || own.paying === on) return
  change(call, { paying: on })
  announce(on ? `${t('call.pay')}. ${t('call.paying.words')}` : t('call.paying.over'))
}

/** The agent's own state is another. */
function moved({ state: words }: Agent): void {
  const kind = words.split(':')[0]
  if (kind === 'ringing') return
  if (words === 'paused: did not answer') {
    missed.value = recent.filter(({ call }) => !had.has(call)).at(-1) ?? missed.value
    announce(t('missed.said'), true)
  }
  nothingElseRings()
  // The feed tells the end of a call itself; this is for an end that was told while the page was away.
  if (kind !== 'talking' && talk.value && !talk.value.over && !besides.value.length) over(talk.value.call)
}

/** Puts the agent into a state. */
export async function setPresence(wanted: 'ready' | 'paused' | 'signed_out', reason?: string): Promise<void> {
  const agent = me.value?.agent
  if (!agent) return
  await ask('PUT', `/agents/${encodeURIComponent(agent)}/presence`, { state: wanted, ...(reason ? { reason } : {}) })
  missed.value = null
}
