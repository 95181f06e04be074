// What a call does and who is in it, as the box says it, in the reader's words.
import { named } from '../words'

const code = (words: string): string => words.toLowerCase().replace(/ /g, '_')

/** `waiting in support`, `talking`. */
export function doingOf(words: string): string {
  const [, kind, name] = /^(waiting in|in conference|parked at) (.+)$/.exec(words) ?? []
  return kind ? `${named('doing', code(kind))} ${name}` : named('doing', code(words))
}

/** `extension 202`, `trunk carrier`, `chat site`; several with commas between. */
export function partyOf(words: string): string {
  return words.replace(/(^|, )(extension|trunk|chat) /g, (_, before: string, kind: string) => `${before}${named('party', kind)} `)
}
