// What a conversation and a message look like in a list: the mark of the channel, how long somebody waits, how it stands.
import type { IconName } from '../../parts/icon'
import type { Shade } from '../../parts/ui'
import { since } from '../../parts/tick'
import type { ConversationLine, MessageLine, State, WayLine } from '../../schema'
import { language, named, t, type Key } from '../../words'

const ICONS: Readonly<Record<string, IconName>> = { chat: 'chat', message: 'sms', mail: 'mail', task: 'tick' }

export function iconOf(countsAs: string): IconName {
  return ICONS[countsAs] ?? 'sms'
}

/** What a channel is called: as the site does, where that is not what it is anyhow. */
export function channelOf({ channel, counts_as: kind }: WayLine): string {
  return channel === kind ? named('channel', kind) : channel
}

/** An address as people say it; what the box calls a visitor says nothing, and a few letters of it tell two apart. */
export function addressOf({ kind, address }: WayLine): string {
  return kind === 'visitor' ? t('visitor', { name: address.slice(0, 4) }) : address
}

export function who(talk: ConversationLine): string {
  return talk.person.name ?? addressOf(talk.way)
}

/** Seconds after which an answer is late, and after which very late: who looks at a screen waits shorter than who wrote a letter. */
const LATE: Readonly<Record<string, readonly [number, number]>> = {
  chat: [60, 180],
  message: [15 * 60, 60 * 60],
  mail: [4 * 3600, 24 * 3600],
}

/** Since when somebody waits for an answer; nothing where nobody does. */
export function waitsSince(talk: ConversationLine): string | null {
  return talk.last_in && !talk.closed && talk.last_in >= talk.last ? talk.last_in : null
}

/** How late an answer is. */
export function lateness(talk: ConversationLine): Shade {
  const from = waitsSince(talk)
  if (!from) return 'none'
  const [late, very] = LATE[talk.way.counts_as] ?? [900, 3600]
  const seconds = since(from)
  return seconds >= very ? 'bad' : seconds >= late ? 'warn' : 'good'
}

/** `3m`, `2h`, `4d`: as short as can be understood. */
export function brief(at: string): string {
  const seconds = since(at)
  const [value, unit] =
    seconds < 60 ? [0, 'minute'] : seconds < 5400 ? [Math.round(seconds / 60), 'minute'] : seconds < 129_600 ? [Math.round(seconds / 3600), 'hour'] : [Math.round(seconds / 86_400), 'day']
  if (value === 0) return t('time.brief')
  return new Intl.NumberFormat(language.value, { style: 'unit', unit: unit as string, unitDisplay: 'narrow' }).format(value as number)
}

const STATES: Readonly<Record<State, readonly [IconName, Shade]>> = {
  received: ['in', 'none'],
  queued: ['clock', 'none'],
  sending: ['clock', 'none'],
  sent: ['check', 'none'],
  delivered: ['checks', 'none'],
  read: ['checks', 'note'],
  failed: ['wrong', 'bad'],
  unknown: ['unsure', 'warn'],
  stopped: ['wrong', 'warn'],
}

export function markOf(state: State): readonly [IconName, Shade] {
  return STATES[state]
}

/** Why a message did not go or arrive, in the reader's words. */
export function whyOf({ fault, code, stopped }: MessageLine): string | null {
  if (stopped) return named('stopped', stopped)
  if (!fault) return null
  const words = t(`fault.${fault}` as Key)
  return code ? `${words} (${code})` : words
}

/** What a message says, for one line of a list. */
export function gist(message: MessageLine): string {
  const one = message.pieces[0]
  if (!one) return ''
  return one.text ?? one.name ?? named('piece', one.piece)
}

/** `user:ann`, `agent ann`: who of the branch it was. */
export function nameOfActor(by: string | undefined): string | null {
  return by ? by.replace(/^(user|agent)[ :]/, '') : null
}
