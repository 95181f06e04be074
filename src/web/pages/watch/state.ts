// What the wallboard knows, told by the feed; what only the API says is asked again when something has happened.
import { signal } from '@preact/signals'
import { ask } from '../api'
import { waitsSince } from '../desk/written/marks'
import { answered, listen, type Told } from '../feed'
import type {
  ActiveCall,
  ActiveCallPage,
  Agent,
  AgentPage,
  ConversationLine,
  ConversationLinePage,
  FigureLine,
  Queue,
  QueuePage,
  ReportPage,
  Trunk,
  WaitingItem,
  WaitingItemPage,
} from '../schema'

export const queues = signal<ReadonlyMap<string, Queue>>(new Map())
export const agents = signal<ReadonlyMap<string, Agent>>(new Map())
export const trunks = signal<ReadonlyMap<string, Trunk>>(new Map())
export const calls = signal<readonly ActiveCall[]>([])
export const waiting = signal<readonly WaitingItem[]>([])
/** Written conversations that are not over; of whoever waits longest for an answer first. */
export const talks = signal<readonly ConversationLine[] | undefined>(undefined)
/** Today's service level by queue, and of all under ''. */
export const levels = signal<ReadonlyMap<string, FigureLine>>(new Map())
/** When the queues' figures were said: waits go on from there. */
export const said = signal(Date.now())

/** The formula that stands on the wallboard. */
export const LEVEL = 'F1'

let soon: number | undefined
let later: number | undefined

export function begin(): () => void {
  void lookAgain()
  const end = listen(took)
  const timer = window.setInterval(() => void lookAtWork(), 15_000)
  return () => {
    end()
    clearInterval(timer)
    clearTimeout(soon)
    clearTimeout(later)
    soon = later = undefined
  }
}

async function lookAgain(): Promise<void> {
  const nothing = (): null => null
  const before = { agents: agents.value, queues: queues.value }
  const [all, lines] = await Promise.all([
    ask<AgentPage>('GET', '/agents').catch(nothing),
    ask<QueuePage>('GET', '/queues').catch(nothing),
  ])
  if (all) agents.value = answered(all.items, ({ agent }) => agent, before.agents, agents.value)
  if (lines) {
    queues.value = answered(lines.items, ({ queue }) => queue, before.queues, queues.value)
    said.value = Date.now()
  }
  await Promise.all([lookAtWork(), lookAtLevels()])
}

/** Calls that are up and who waits: many events in one moment are one question. */
export async function lookAtWork(): Promise<void> {
  const nothing = (): null => null
  const [up, written] = await Promise.all([
    ask<ActiveCallPage>('GET', '/calls/live').catch(nothing),
    // Whoever may not read records is not told of them.
    ask<ConversationLinePage>('GET', '/conversations?limit=100').catch(nothing),
  ])
  if (up) calls.value = up.items
  talks.value = written ? [...written.items].sort((a, b) => (waits(a) < waits(b) ? -1 : 1)) : talks.value
  const busy = [...queues.value.values()].filter((queue) => queue.waiting > 0)
  const pages = await Promise.all(
    busy.map(({ queue }) => ask<WaitingItemPage>('GET', `/queues/${encodeURIComponent(queue)}/items`).catch(() => null)),
  )
  waiting.value = pages.flatMap((page) => page?.items ?? [])
}

/** By since when somebody waits for an answer; whoever waits for none stands behind. */
function waits(talk: ConversationLine): string {
  return waitsSince(talk) ?? `~${talk.last}`
}

async function lookAtLevels(): Promise<void> {
  const page = await ask<ReportPage>('GET', `/reports?formula=${LEVEL}&by=queue`).catch(() => null)
  if (!page) return
  const found = new Map<string, FigureLine>()
  const whole: FigureLine = { formula: LEVEL, numerator: 0, denominator: 0, value: null }
  for (const { group, figures } of page.totals) {
    const figure = figures[0]
    if (!figure) continue
    if (group) found.set(group, figure)
    // Counts add up; shares would not.
    whole.numerator += figure.numerator
    whole.denominator += figure.denominator
  }
  if (whole.denominator > 0) whole.value = whole.numerator / whole.denominator
  levels.value = found.set('', whole)
}

function took(event: Told): void {
  switch (event.event) {
    case 'reset':
      return void lookAgain()
    case 'agent':
      agents.value = new Map(agents.value).set(event.agent, event)
      return
    case 'queue':
      queues.value = new Map(queues.value).set(event.queue, event)
      said.value = Date.now()
      break
    case 'trunk':
      trunks.value = new Map(trunks.value).set(event.trunk, event)
      return
    case 'call_ended':
      later ??= window.setTimeout(() => {
        later = undefined
        void lookAtLevels()
      }, 3000)
  }
  soon ??= window.setTimeout(() => {
    soon = undefined
    void lookAtWork()
  }, 250)
}
