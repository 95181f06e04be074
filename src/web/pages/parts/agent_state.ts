// How an agent's state is shown, wherever it is.
import type { Shade } from './ui'
import { named } from '../words'

const SHADES: Record<string, Shade> = {
  ready: 'good',
  ringing: 'note',
  talking: 'note',
  'wrap-up': 'warn',
  paused: 'warn',
  'signed out': 'none',
}

export function shadeOf(words: string): Shade {
  return SHADES[words.split(':')[0] ?? ''] ?? 'none'
}

/** An agent's state in the reader's words; a reason that nobody foresaw as it is. */
export function stateOf(words: string): string {
  const [kind, reason] = words.split(': ')
  const name = named('state', (kind ?? '').replace(/[ -]/g, '_'))
  return reason ? `${name} · ${named('reason', reason.replace(/ /g, '_'))}` : name
}
