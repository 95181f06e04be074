// What the box and a page say to each other: src/messaging/chat/wire.rs is where it is explained.
export type Choice = { id: string; label: string }

export type Part =
  | { piece: 'text'; text: string }
  | { piece: 'file'; link: string; mime: string; size: number; name?: string }
  | { piece: 'missing'; name?: string }
  | { piece: 'location'; at: string; name?: string }
  | ({ piece: 'choice' } & Choice)

export type Line = {
  seq: number
  id: string
  client?: string
  from: 'visitor' | 'branch'
  pieces: Part[]
  at: number
}

export type NotTaken = 'later' | 'slowly' | 'too_long' | 'empty' | 'file'
export type Refusal = 'token' | 'expired' | 'identity' | 'senseless' | 'flood' | 'idle' | 'full'

export type Welcome = {
  token: string
  epoch: string
  fresh: boolean
  lines: Line[]
  upto: number
  seen: number
  typing: boolean
  ahead?: number
}

/** Of a call by voice: src/messaging/voice.rs. */
export type Told =
  | { what: 'invited'; on: boolean }
  | { what: 'ready'; relays: RTCIceServer[] }
  | { what: 'answer'; sdp: string }
  | { what: 'state'; state: 'waiting' | 'talking' | 'held' }
  | { what: 'waiting' }
  | { what: 'ended'; why: string }
  | { what: 'refused'; why: 'off' | 'uninvited' | 'unwritten' | 'busy' | 'sound' }

export type ToPage =
  | ({ type: 'welcome' } & Welcome)
  | { type: 'ack'; client: string; id: string; seq: number; at: number }
  | { type: 'nack'; client: string; why: NotTaken }
  | ({ type: 'line' } & Line)
  | { type: 'typing'; on: boolean }
  | { type: 'seen'; upto: number }
  | { type: 'place'; ahead?: number }
  | ({ type: 'call' } & Told)
  | { type: 'refused'; why: Refusal }

/** A line that the box has not acknowledged. */
export type Pending = {
  client: string
  at: number
  text?: string
  choice?: Choice
  file?: string
  /** How a file is called and what it is, until the box says so. */
  shown?: { name?: string; mime: string; size: number }
  /** Why it was not taken for good. */
  wrong?: NotTaken
}

export type Identity = { user: string; until: number; proof: string }
export type About = { name?: string; mail?: string }
