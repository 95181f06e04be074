// Written conversations at the desk: those of this agent and those that wait, what is offered, what is said in each. The
// feed tells; after a gap everything is looked at anew.
import { computed, signal } from '@preact/signals'
import { ask, me } from '../../api'
import { listen, type Told } from '../../feed'
import { announce } from '../../parts/live'
import type { ConversationLine, ConversationLinePage, MessageLine, MessageLinePage, WorkLine, WorkLinePage, WorkOffer } from '../../schema'
import { t } from '../../words'
import { chime, tell } from '../alert'
import { changed, show as showPerson } from '../state'
import { gist, nameOfActor, who } from './marks'

/** Something written that is on this agent's screen: taken, turned down, or gone when its time is over. */
export type Offered = { work: WorkLine; reason: string | null; until: number }

/** What is said in a conversation, the oldest first; `next` leads to what is before. */
export type Thread = { items: readonly MessageLine[]; next: string | null }

export const work = signal<ReadonlyMap<string, WorkLine>>(new Map())
export const talks = signal<ReadonlyMap<string, ConversationLine>>(new Map())
export const offered = signal<readonly Offered[]>([])
export const threads = signal<ReadonlyMap<string, Thread>>(new Map())
/** The conversation that is shown. */
export const inFront = signal<string | null>(sessionStorage.getItem('branchline-talk'))
/** Who writes at this moment: the person under their conversation, and agents besides. */
export const typing = signal<ReadonlyMap<string, ReadonlyMap<string, number>>>(new Map())

/** How long somebody counts as writing who does not say that they have stopped. */
const WRITES_FOR = 8000
/** Conversations that are looked at: far more than anybody answers at once. */
const MOST = 100
/** What was said of a conversation that is looked at in one go. */
const PAGE = 50

/** The conversation that a piece of work is. */
export function talkOf(line: WorkLine | undefined): string | null {
  return line?.conversation ?? null
}

/** The work that a conversation is. */
export function workOf(conversation: string): WorkLine | undefined {
  return [...work.value.values()].find((line) => talkOf(line) === conversation)
}

export function isOwn(talk: ConversationLine | undefined): boolean {
  return !!talk && !talk.closed && !!me.value?.agent && talk.owner.agent === me.value.agent
}

const byLast = (a: ConversationLine, b: ConversationLine): number => (a.last < b.last ? 1 : -1)

/** In which this agent answers; the one with the newest words first. */
export const own = computed(() => [...talks.value.values()].filter(isOwn).sort(byLast))
/** That nobody has taken yet; who waits longest first. */
export const waiting = computed(() =>
  [...talks.value.values()]
    .filter((talk) => !talk.closed && talk.owner.queue)
    .sort((a, b) => ((workOf(a.conversation)?.since ?? a.last) > (workOf(b.conversation)?.since ?? b.last) ? 1 : -1)),
)
/** Tasks that this agent has in hand. */
export const tasks = computed(() =>
  [...work.value.values()].filter((line) => line.channel === 'task' && line.agents.includes(me.value?.agent ?? '') && line.state === 'in-hand'),
)
/** What is left to say of conversations that are over. */
export const afterwards = computed(() => [...work.value.values()].filter((line) => line.state === 'wrap-up' && line.agents.includes(me.value?.agent ?? '')))

/** Puts a conversation in front, and who it is with beside it. */
export function open(conversation: string | null): void {
  inFront.value = conversation
  if (conversation) sessionStorage.setItem('branchline-talk', conversation)
  else sessionStorage.removeItem('branchline-talk')
  const talk = conversation && talks.value.get(conversation)
  if (talk) besides(talk)
  if (conversation && !threads.value.has(conversation)) void lookAtThread(conversation)
}

function besides({ person, way }: ConversationLine): void {
  showPerson({ contact: person.contact, name: person.name ?? null, number: way.kind === 'phone' ? way.address : null })
}

/** From now on. Answers what ends it. */
export function begin(): () => void {
  lookTwice()
  const end = listen(took)
  const timer = window.setInterval(fade, 1000)
  return () => {
    end()
    clearInterval(timer)
    clearTimeout(second)
  }
}

let second: number | undefined

/** Now, and when the look-up store shows what was told a moment before. */
function lookTwice(): void {
  clearTimeout(second)
  void lookAgain()
  second = window.setTimeout(() => void lookAgain(), SETTLES)
}

/** Offers whose time is over, and writing that nobody has ended. */
function fade(): void {
  const now = Date.now()
  if (offered.value.some(({ until }) => until <= now)) offered.value = offered.value.filter(({ until }) => until > now)
  for (const [conversation, who] of typing.value) {
    const left = [...who].filter(([, at]) => now - at < WRITES_FOR)
    if (left.length < who.size) typing.value = new Map(typing.value).set(conversation, new Map(left))
  }
}

/** Everything anew: after a reload, and after a gap. */
async function lookAgain(): Promise<void> {
  const agent = me.value?.agent
  const asked = moves
  const nothing = (): null => null
  const [mine, all, open] = await Promise.all([
    agent ? ask<ConversationLinePage>('GET', `/conversations?agent=${encodeURIComponent(agent)}&limit=${MOST}`).catch(nothing) : null,
    ask<ConversationLinePage>('GET', `/conversations?limit=${MOST}`).catch(nothing),
    ask<WorkLinePage>('GET', `/work?limit=200`).catch(nothing),
  ])
  if (asked !== moves) return lookAgain()
  if (open) work.value = new Map(open.items.map((line) => [line.item, line]))
  if (all) {
    const known = talks.value
    const lines = [...all.items, ...(mine?.items ?? [])]
    talks.value = new Map(lines.map((line) => [line.conversation, fresher(line, known.get(line.conversation))]))
  }
  offered.value = offered.value.filter(({ work: { item } }) => work.value.get(item)?.state === 'offered')
  const front = inFront.value
  if (front && !talks.value.has(front)) await lookAtTalk(front)
  const talk = front && talks.value.get(front)
  if (talk) besides(talk)
  await Promise.all([...new Set([...threads.value.keys(), ...(front ? [front] : [])])].map((one) => lookAtThread(one)))
}

/** Counts what the feed told: an answer that was on its way meanwhile is older than that. */
let moves = 0

const looking = new Map<string, { again: boolean; runs: Promise<void> }>()

/** Looks at one conversation; once more where it is asked for again meanwhile. */
export function lookAtTalk(conversation: string): Promise<void> {
  return soon(`talk ${conversation}`, async () => {
    const line = await ask<ConversationLine>('GET', `/conversations/${conversation}`).catch(() => null)
    if (line) talks.value = new Map(talks.value).set(conversation, fresher(line, talks.value.get(conversation)))
  })
}

/** A conversation as it was looked up, but for what the feed has told of it since. */
function fresher(line: ConversationLine, known: ConversationLine | undefined): ConversationLine {
  if (!known || !settling.has(line.conversation)) return line
  const { closed: _, note: __, ...rest } = line
  return { ...rest, ...toldOf(known) }
}

/** What the feed has told of a conversation a moment ago: what is looked up may be older than that until it has settled. */
const settling = new Map<string, number>()
/** How long the look-up store takes at most to show what the feed tells, in milliseconds. */
const SETTLES = 1500

function told(conversation: string): void {
  clearTimeout(settling.get(conversation))
  const timer = window.setTimeout(() => {
    settling.delete(conversation)
    void lookAtTalk(conversation)
    // What is beside it is of the same person.
    if (conversation === inFront.value) changed.value += 1
  }, SETTLES)
  settling.set(conversation, timer)
}

/** What of a conversation the feed tells. */
function toldOf({ owner, last, last_in, unread, preview, note, closed, way }: ConversationLine): Partial<ConversationLine> {
  return { owner, last, unread, way, ...(last_in ? { last_in } : {}), ...(preview ? { preview } : {}), ...(note ? { note } : {}), ...(closed ? { closed } : {}) }
}

function lookAtThread(conversation: string): Promise<void> {
  return soon(`thread ${conversation}`, async () => {
    const page = await ask<MessageLinePage>('GET', `/conversations/${conversation}/messages?limit=${PAGE}`).catch(() => null)
    if (page) merge(conversation, page.items, threads.value.has(conversation) ? undefined : (page.next ?? null))
  })
}

/** Many who want the same in one moment are one question, and another behind it for who came meanwhile. */
function soon(name: string, look: () => Promise<void>): Promise<void> {
  const before = looking.get(name)
  if (before) {
    before.again = true
    return before.runs
  }
  const own = { again: true, runs: Promise.resolve() }
  looking.set(name, own)
  own.runs = (async () => {
    while (own.again) {
      own.again = false
      await look()
    }
    looking.delete(name)
  })()
  return own.runs
}

/** What was said before. */
export async function lookBack(conversation: string): Promise<void> {
  const next = threads.value.get(conversation)?.next
  if (!next) return
  const page = await ask<MessageLinePage>('GET', `/conversations/${conversation}/messages?limit=${PAGE}&after=${encodeURIComponent(next)}`)
  merge(conversation, page.items, page.next ?? null)
}

/** Takes up lines of a conversation: what is known of one already is older than what is told. */
export function merge(conversation: string, lines: readonly MessageLine[], next?: string | null): void {
  const before = threads.value.get(conversation)
  const all = new Map((before?.items ?? []).map((line) => [line.message, line]))
  for (const line of lines) {
    const known = all.get(line.message)
    // An answer that was on its way while the feed told of a later state takes nothing back.
    if (!known || known.since <= line.since) all.set(line.message, line)
  }
  const items = [...all.values()].sort((a, b) => (a.at === b.at ? (a.message < b.message ? -1 : 1) : a.at < b.at ? -1 : 1))
  threads.value = new Map(threads.value).set(conversation, { items, next: next === undefined ? (before?.next ?? null) : next })
}

/** One message as it is by now. */
export async function lookAtMessage(message: string): Promise<void> {
  const line = await ask<MessageLine>('GET', `/messages/${message}`).catch(() => null)
  if (line) merge(line.conversation, [line])
}

function took(event: Told): void {
  switch (event.event) {
    case 'reset':
      return lookTwice()
    case 'work':
      return worked(event)
    case 'work_offered':
      return event.agent === me.value?.agent ? offer(event) : undefined
    case 'work_over':
      return gone(event.item)
    case 'message':
      return wrote(event)
    case 'message_state':
      return stands(event)
    case 'conversation':
      return moved(event)
    case 'call_ended':
      return called(event.call)
    case 'call_offered':
      return event.agent === me.value?.agent && event.conversation ? goesOn(event.conversation) : undefined
    case 'typing':
      return types(event)
  }
}

/** Something was written, by either side. */
function wrote({ event: _, owner, ...line }: Extract<Told, { event: 'message' }>): void {
  moves++
  const { conversation } = line
  if (threads.value.has(conversation)) merge(conversation, [line])
  const before = talks.value.get(conversation)
  if (before) {
    const came = line.direction === 'in'
    const next = { ...before, owner, last: line.at, preview: gist(line), messages: before.messages + 1, unread: came ? before.unread + 1 : 0, ...(came ? { last_in: line.at, way: line.way } : {}) }
    delete next.closed
    talks.value = new Map(talks.value).set(conversation, next)
    if (came) types({ event: 'typing', conversation, on: false })
    if (came && isOwn(next) && (conversation !== inFront.value || document.hidden)) news(next, line)
  }
  told(conversation)
  if (!before) void lookAtTalk(conversation)
}

/** Somebody of this agent's has written where nobody looks at this moment. */
function news(talk: ConversationLine, line: MessageLine): void {
  const name = who(talk)
  announce(t('talk.said', { name, text: gist(line) }))
  chime()
  tell(name, t('written.offer.note', { name }), false)
}

function stands({ message, conversation, state }: Extract<Told, { event: 'message_state' }>): void {
  const thread = threads.value.get(conversation)
  if (!thread) return
  const items = thread.items.map((line) => (line.message === message ? { ...line, state } : line))
  threads.value = new Map(threads.value).set(conversation, { ...thread, items })
  // Why it failed, and since when, the box says.
  void lookAtMessage(message)
}

/** A call that went on with a conversation is over: it stands between the lines once it is on record. */
function called(call: string): void {
  for (const { conversation, calls } of talks.value.values()) {
    if (calls?.includes(call)) window.setTimeout(() => told(conversation), RECORDED)
  }
}

/** How long a call is on its way into the record, in milliseconds, besides what the look-up store takes. */
const RECORDED = 2500

/** Whoever calls has written before: that is in front before anybody has answered, unless somebody else is written to. */
function goesOn(conversation: string): void {
  const front = inFront.value
  if (front !== conversation && document.activeElement?.closest('.composer')) return
  void lookAtTalk(conversation).then(() => open(conversation))
}

/** Somebody else answers from now on, or nobody. */
function moved({ conversation, owner, closed, note, by }: Extract<Told, { event: 'conversation' }>): void {
  moves++
  const before = talks.value.get(conversation)
  if (before) {
    const was = isOwn(before)
    const next: ConversationLine = { ...before, owner, ...(note ? { note } : {}) }
    if (closed) next.closed = before.closed ?? new Date().toISOString()
    else delete next.closed
    talks.value = new Map(talks.value).set(conversation, next)
    const mine = isOwn(next)
    const name = who(before)
    if (!was && mine && by && nameOfActor(by) !== me.value?.agent) {
      announce(t('talk.given', { name }), true)
      chime()
    }
    if (was && !mine && owner.agent) announce(t('talk.taken', { name, agent: owner.agent }))
  }
  told(conversation)
  if (!before) void lookAtTalk(conversation)
}

function types({ conversation, on }: Extract<Told, { event: 'typing' }>): void {
  const writing = new Map(typing.value.get(conversation))
  if (on) writing.set('', Date.now())
  else writing.delete('')
  typing.value = new Map(typing.value).set(conversation, writing)
}

function worked(line: WorkLine): void {
  moves++
  const before = work.value.get(line.item)
  work.value = new Map(work.value).set(line.item, line)
  if (line.state !== 'offered' || !line.agents.includes(me.value?.agent ?? '')) withdraw(line.item)
  const conversation = talkOf(line)
  if (conversation && (before?.state !== line.state || before?.agents[0] !== line.agents[0])) void lookAtTalk(conversation)
}

function withdraw(item: string): void {
  if (offered.value.some((one) => one.work.item === item)) offered.value = offered.value.filter((one) => one.work.item !== item)
}

function gone(item: string): void {
  moves++
  withdraw(item)
  const conversation = talkOf(work.value.get(item))
  const left = new Map(work.value)
  left.delete(item)
  work.value = left
  if (conversation) void lookAtTalk(conversation)
}

function offer({ work: line, for_s: seconds, reason }: WorkOffer): void {
  moves++
  work.value = new Map(work.value).set(line.item, line)
  const one = { work: line, reason: reason?.words ?? null, until: Date.now() + seconds * 1000 }
  offered.value = [...offered.value.filter(({ work: { item } }) => item !== line.item), one]
  const conversation = talkOf(line)
  // What they wrote is there before anybody has taken it.
  if (conversation) void Promise.all([lookAtTalk(conversation), lookAtThread(conversation)]).then(() => said(conversation))
  else announce(t('written.offer.said', { name: line.text ?? line.queue }), true)
  chime()
}

function said(conversation: string): void {
  const talk = talks.value.get(conversation)
  if (!talk) return
  const name = who(talk)
  announce(t('written.offer.said', { name }), true)
  tell(name, t('written.offer.note', { name }))
}

/** Takes what is offered, or what waits. */
export async function take(line: WorkLine): Promise<void> {
  const conversation = talkOf(line)
  if (conversation) return claim(conversation)
  await ask('POST', `/work/${line.item}/take`, {})
  withdraw(line.item)
}

/** Has a conversation from now on. */
export async function claim(conversation: string): Promise<void> {
  await ask('POST', `/conversations/${conversation}/claim`, {})
  const line = workOf(conversation)
  if (line) withdraw(line.item)
  await lookAtTalk(conversation)
  open(conversation)
}

/** Turns down what is offered. */
export async function decline(line: WorkLine): Promise<void> {
  await ask('POST', `/work/${line.item}/decline`, {})
  withdraw(line.item)
}

/** Messages that nobody knows the end of, and that somebody has decided to leave as they are. */
export const left = signal<ReadonlySet<string>>(new Set(JSON.parse(sessionStorage.getItem('branchline-left') ?? '[]') as string[]))

export function leaveIt(message: string): void {
  left.value = new Set([...left.value, message])
  sessionStorage.setItem('branchline-left', JSON.stringify([...left.value]))
}
