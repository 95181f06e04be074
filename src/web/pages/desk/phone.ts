// The browser as a telephone, over the desk's own channel: the page always offers, the box always answers.
import { computed, effect, signal, untracked } from '@preact/signals'
import { expired, look, me } from '../api'
import { heard as reached } from '../feed'
import { kept } from '../settings'
import { here, lookForCalls, rang, rings, taken, talk, withdrawn } from './state'

/** What the box says on the channel. */
type Said =
  | {
      type: 'welcome'
      agent: string
      extension: string
      position?: string | null
      calls: Array<{ leg: string; call: string }>
      relays: RTCIceServer[]
    }
  | { type: 'relays'; relays: RTCIceServer[] }
  | { type: 'ring'; leg: string; call: string; queue: string | null; caller: { number: string; name: string | null } }
  | { type: 'stop'; leg: string; why: string }
  | { type: 'sdp'; leg: string; sdp: string }
  | { type: 'state'; leg: string; call: string | null; state: 'ringing' | 'talking' | 'held' | 'ended'; why?: string }
  | { type: 'lost'; leg: string; call: string }
  | { type: 'expired' }
  | { type: 'here' }
  | { type: 'problem'; leg?: string | null; detail: string }

/**
 * A call at this page; `number` where the page has dialled it, `held` by the other side. One that is `lost` was in another
 * tab, which is gone.
 */
export type Leg = {
  leg: string
  call: string
  state: 'ringing' | 'joining' | 'talking' | 'lost'
  number: string | null
  held?: boolean
}
export type Line = 'off' | 'connecting' | 'ready' | 'refused'

/** Whether the agent wants to talk in the browser here. */
export const wanted = kept<'on' | 'off'>('branchline-phone', 'off')
export const microphone = kept<string>('branchline-microphone', '')
export const speaker = kept<string>('branchline-speaker', '')
/** Whether the browser takes echo and noise out of what it hears; a good headset does that itself. */
export const cleaned = kept<'on' | 'off'>('branchline-cleaned', 'on')
export const line = signal<Line>('off')
export const legs = signal<readonly Leg[]>([])
export const muted = signal(false)
export const trouble = signal<string | null>(null)
/** How the call sounds: round trip and jitter in milliseconds, loss in percent. */
export const quality = signal<{ trip: number; jitter: number; loss: number } | null>(null)

/** What is heard of each leg. */
export const streams = signal<ReadonlyMap<string, MediaStream>>(new Map())

/** The leg that this page has in a call. */
export function legIn(call: string): Leg | null {
  const up = legs.value.filter(({ state }) => state === 'talking' || state === 'joining')
  return up.find((leg) => leg.call === call) ?? (up.length === 1 && up[0]?.call === '' ? up[0] : null)
}

/** The leg of the call that is in front. */
export const talking = computed(() => (talk.value && !talk.value.over ? legIn(talk.value.call) : null))
/** A call out whose other side has not answered yet. */
export const calling = computed(() => legs.value.find(({ state, number }) => number !== null && state !== 'talking') ?? null)

const PROTOCOL = 'branchline.desk.1'
/** How long is waited before the channel is tried again: at once, then longer and longer. */
const WAITS = [200, 1000, 3000, 8000, 15000]
/** How long is waited before a session that has failed is begun anew. */
const BETWEEN = 1500
/** How long a new channel may take to open, in a network that swallows what is sent to an address that nobody has now. */
const OPENS = 2500
/**
 * How often it is looked whether sound arrives, in milliseconds; after how long without any the box is asked whether it is
 * there; and how long it may take to say so at least, which a relay on another continent does in half of that. A browser itself
 * takes five seconds to find out that its network is another one.
 */
const LOOKS = 200
const QUIET = 500
const ANSWERS = 600
/** How long is waited before the box is asked again, where nobody speaks and all is well. */
const ALL_WELL = 2000
/** How long a new way may take to bring the first sound. */
const NEW_WAY = 2000
/** How long a tab that is loaded anew has for its own call, before another tab of the agent's takes it. */
const OTHERS_FIRST = 5000

let socket: WebSocket | null = null
let tries = 0
let again: number | undefined
let sounds: MediaStream | null = null
/** What passes sound on where this network lets none through. */
let relays: RTCIceServer[] = []
const peers = new Map<string, RTCPeerConnection>()
/** What has arrived of each session, and when something did last. */
const flows = new WeakMap<RTCPeerConnection, { packets: number; at: number }>()
/** When the box was asked whether it is there, and has not said so since. */
let asked: number | null = null
/** How often it has been found since that it takes too long to. */
let overdue = 0
/** When it last said so. */
let there = 0
/** Legs whose new session is being made. */
const joining = new Set<string>()
/** A number that is being dialled, whose leg the box has not named yet. */
let dialling: { peer: RTCPeerConnection; number: string } | null = null

/** Turns the browser's telephone on or off. */
export function turn(on: boolean): void {
  wanted.value = on ? 'on' : 'off'
  trouble.value = null
  if (on) connect()
  else {
    clearTimeout(again)
    socket?.close(1000)
    socket = null
    line.value = 'off'
    for (const leg of peers.keys()) end(leg)
  }
}

effect(() => {
  const up = legs.value.filter(({ state }) => state === 'talking' || state === 'joining')
  here.value = new Set(up.map(({ call }) => call))
  rings.value = new Set(legs.value.filter(({ state }) => state === 'ringing').map(({ call }) => call))
})

/** Once, when the desk comes. */
export function begin(): () => void {
  if (wanted.value === 'on') connect()
  const back = (): void => {
    if (wanted.value === 'on' && !socket) connect()
    else ask()
  }
  // What browsers tell of networks that come and go is a hint: whether this one is gone, the box's silence says.
  const network = (navigator as { connection?: EventTarget }).connection
  window.addEventListener('online', back)
  network?.addEventListener('change', back)
  // Timers of a tab that nobody sees are slow, and those of a box that was away long: whoever looks has not to wait for them.
  const seen = (): void => {
    if (!document.hidden) back()
  }
  document.addEventListener('visibilitychange', seen)
  const there = effect(() => {
    if (reached.value) untracked(back)
  })
  // Whoever has signed in again goes on with what is up, by a channel of the new session.
  let over = expired.value
  const again = effect(() => {
    const was = over
    over = expired.value
    if (was && !over && wanted.value === 'on') {
      socket = null
      connect()
    }
  })
  const timers = [window.setInterval(() => void measure(), 2000), window.setInterval(() => void feel(), LOOKS)]
  return () => {
    window.removeEventListener('online', back)
    network?.removeEventListener('change', back)
    document.removeEventListener('visibilitychange', seen)
    there()
    again()
    timers.forEach(clearInterval)
  }
}

function connect(): void {
  clearTimeout(again)
  if (socket || !me.value?.agent) return
  line.value = 'connecting'
  const own = new WebSocket(`wss://${location.host}/api/v1/desk`, PROTOCOL)
  let opened = false
  socket = own
  asked = null
  const late = window.setTimeout(() => {
    // Whoever has waited for this one tries another; `close` alone would wait on for minutes.
    if (socket === own) own.onclose?.(new CloseEvent('close', { code: 1006 }))
    own.close()
  }, OPENS)
  own.onopen = () => {
    clearTimeout(late)
    opened = true
    tries = 0
  }
  own.onmessage = ({ data }: MessageEvent<string>) => {
    // What an earlier channel says is about what this one has taken over.
    if (socket === own) void heard(JSON.parse(data) as Said)
  }
  own.onclose = ({ code }) => {
    clearTimeout(late)
    if (socket !== own) return
    socket = null
    gone()
    // It may be the session that is over; whoever signs in again is connected again.
    if (code === 1008 || !opened) void look()
    if (wanted.value === 'off') return
    // Never opened, again and again: the box has no such channel, or this agent may not.
    line.value = !opened && tries >= WAITS.length ? 'refused' : 'connecting'
    again = window.setTimeout(connect, WAITS[Math.min(tries, WAITS.length - 1)])
    tries += 1
  }
}

function say(message: Record<string, unknown>): boolean {
  if (socket?.readyState !== WebSocket.OPEN) return false
  socket.send(JSON.stringify(message))
  return true
}

/** The channel is gone: what rang rings no more, and what is up goes on; sound does not need the channel. */
function gone(): void {
  for (const { leg, call, state } of legs.value) {
    if (state === 'talking' || (state === 'joining' && peers.has(leg))) continue
    withdrawn(call)
    end(leg)
  }
  dialling?.peer.close()
  dialling = null
  hush()
}

async function heard(said: Said): Promise<void> {
  switch (said.type) {
    case 'welcome':
      line.value = 'ready'
      relays = said.relays
      trouble.value = null
      return resume(said.calls)
    case 'relays':
      relays = said.relays
      return
    case 'expired':
      expired.value = true
      return
    case 'here':
      asked = null
      there = performance.now()
      return
    case 'lost': {
      if (peers.has(said.leg)) return
      put({ leg: said.leg, call: said.call, state: 'lost', number: null })
      window.setTimeout(() => {
        if (legs.value.some(({ leg, state }) => leg === said.leg && state === 'lost')) void take(said.leg)
      }, OTHERS_FIRST)
      return
    }
    case 'ring':
      put({ leg: said.leg, call: said.call, state: 'ringing', number: null })
      return rang(said.call, said.caller.number, said.caller.name, said.queue)
    case 'stop':
      withdrawn(legs.value.find(({ leg }) => leg === said.leg)?.call ?? '')
      return end(said.leg)
    case 'sdp': {
      const peer = peers.get(said.leg) ?? adopt(said.leg)
      // The answer to an offer that another has taken the place of is nobody's.
      if (peer?.signalingState !== 'have-local-offer') return
      await peer.setRemoteDescription({ type: 'answer', sdp: said.sdp }).catch(complain)
      return
    }
    case 'state':
      if (said.state === 'ended') end(said.leg)
      else moved(said.leg, said.call, said.state)
      return void lookForCalls()
    case 'problem':
      trouble.value = said.detail
      if (said.leg) return end(said.leg)
      dialling?.peer.close()
      dialling = null
      return hush()
  }
}

/** A leg is in another state; of a call out, it may be the first that is told of it. */
function moved(leg: string, call: string | null, state: 'ringing' | 'talking' | 'held'): void {
  if (!peers.has(leg)) adopt(leg)
  const known = legs.value.find((own) => own.leg === leg)
  if (call && known?.number === null && state === 'talking') taken(call)
  const held = state === 'held'
  put({ leg, call: call ?? known?.call ?? '', state: held ? 'talking' : state, number: known?.number ?? null, held })
}

/** What was up goes on: as it is where the sound has gone on, with a new session after a reload or on another network. */
async function resume(waiting: ReadonlyArray<{ leg: string; call: string }>): Promise<void> {
  for (const { leg } of [...legs.value]) {
    const peer = peers.get(leg)
    if (peer?.connectionState === 'connected' && silence(peer) < QUIET) say({ type: 'resume', leg })
    else if (peer) await join(leg, 'resume')
  }
  for (const { leg, call } of waiting) {
    if (peers.has(leg)) continue
    put({ leg, call, state: 'joining', number: null })
    await join(leg, 'resume')
  }
}

/** Goes on here with a call that was in another tab. */
export async function take(leg: string): Promise<void> {
  const known = legs.value.find((own) => own.leg === leg)
  if (known) put({ ...known, state: 'joining' })
  await join(leg, 'resume')
}

function put(own: Leg): void {
  legs.value = [...legs.value.filter(({ leg }) => leg !== own.leg), own]
}

/** The session that was dialled with belongs to this leg. */
function adopt(leg: string): RTCPeerConnection | undefined {
  if (!dialling) return undefined
  const { peer, number } = dialling
  dialling = null
  peers.set(leg, peer)
  watch(leg, peer)
  put({ leg, call: '', state: 'joining', number })
  return peer
}

function end(leg: string): void {
  peers.get(leg)?.close()
  peers.delete(leg)
  legs.value = legs.value.filter((own) => own.leg !== leg)
  streams.value = new Map([...streams.value].filter(([own]) => own !== leg))
  hush()
}

/** Nobody listens any more: the microphone is let go. */
function hush(): void {
  if (peers.size > 0 || dialling) return
  for (const track of sounds?.getTracks() ?? []) track.stop()
  sounds = null
  muted.value = false
  quality.value = null
}

/** The microphone, with what makes speech better; asked for when it is first needed. */
export async function listenIn(): Promise<MediaStream> {
  const own = microphone.value ? { deviceId: { ideal: microphone.value } } : {}
  const clean = cleaned.value === 'on'
  const audio = { ...own, echoCancellation: clean, noiseSuppression: clean, autoGainControl: clean }
  return navigator.mediaDevices.getUserMedia({ audio, video: false })
}

/**
 * What is offered: all but comfort noise. With it, browsers send nothing while they take what they hear for noise, which
 * cuts words at their beginning and lets the other side think that the line is dead.
 */
const CODECS = (RTCRtpReceiver.getCapabilities('audio')?.codecs ?? []).filter(({ mimeType }) => !/\/cn$/i.test(mimeType))

async function session(): Promise<[RTCPeerConnection, string]> {
  sounds ??= await listenIn()
  const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle', iceServers: relays })
  const own = sounds
  for (const track of own.getAudioTracks()) {
    track.enabled = !muted.value
    peer.addTrack(track, own)
  }
  for (const way of peer.getTransceivers()) way.setCodecPreferences(CODECS)
  const offer = await peer.createOffer()
  await peer.setLocalDescription(offer)
  return [peer, peer.localDescription?.sdp ?? offer.sdp ?? '']
}

async function join(leg: string, how: 'answer' | 'resume'): Promise<void> {
  if (joining.has(leg)) return
  joining.add(leg)
  try {
    const [peer, sdp] = await session()
    // It may have ended while the microphone was asked for.
    if (!legs.value.some((own) => own.leg === leg)) {
      peer.close()
      return hush()
    }
    peers.get(leg)?.close()
    peers.set(leg, peer)
    watch(leg, peer)
    say({ type: how, leg, sdp })
  } catch (error) {
    complain(error)
    // It rings on: whoever allows the microphone then can answer still.
    const known = legs.value.find((own) => own.leg === leg)
    if (known) put({ ...known, state: how === 'answer' ? 'ringing' : 'lost' })
  } finally {
    joining.delete(leg)
  }
}

function complain(error: unknown): void {
  trouble.value = error instanceof DOMException ? error.name : String(error)
}

/** What is heard is played; and a laptop on another network begins a new session for the leg that is up. */
function watch(leg: string, peer: RTCPeerConnection): void {
  const [receiver] = peer.getReceivers()
  if (receiver) streams.value = new Map(streams.value).set(leg, new MediaStream([receiver.track]))
  const answered = (): boolean => peers.get(leg) === peer && peer.remoteDescription !== null
  peer.onconnectionstatechange = () => {
    // Where there is no way at all, it fails at once, each time.
    if (answered() && peer.connectionState === 'failed') {
      window.setTimeout(() => {
        if (answered()) void join(leg, 'resume')
      }, BETWEEN)
    }
    // What took the sound away took the channel along, and nothing says so for minutes: a new one tells.
    if (answered() && peer.connectionState === 'disconnected') renew()
  }
}

/** For how long nothing has arrived. */
function silence(peer: RTCPeerConnection): number {
  return performance.now() - (flows.get(peer)?.at ?? performance.now())
}

/** Looks whether sound arrives. Where none does and the box says nothing either, the network is another one. */
async function feel(): Promise<void> {
  for (const [leg, peer] of [...peers]) {
    const packets = await arrived(peer)
    // A new session has its time; what came by the one before is none of its sound.
    const flow = flows.get(peer) ?? { packets: 0, at: performance.now() + NEW_WAY }
    flows.set(peer, packets === flow.packets ? flow : { packets, at: performance.now() })
    if (peers.get(leg) !== peer || peer.remoteDescription === null || silence(peer) < QUIET) continue
    if (performance.now() - there > ALL_WELL) ask()
  }
  const patience = Math.max(ANSWERS, 3 * (quality.value?.trip ?? 0))
  // Looked at twice: what the box said while this page was busy is heard in between.
  overdue = asked !== null && performance.now() - asked > patience ? overdue + 1 : 0
  if (overdue > 1) renew()
}

async function arrived(peer: RTCPeerConnection): Promise<number> {
  const all = (await peer.getReceivers()[0]?.getStats())?.values() ?? []
  const found = [...(all as Iterable<Record<string, number | string>>)].find(({ type }) => type === 'inbound-rtp')
  return Number(found?.['packetsReceived'] ?? 0)
}

/** Asks the box whether it is there, if there is a call that it matters to. */
function ask(): void {
  if (asked === null && peers.size > 0 && say({ type: 'ask' })) asked = performance.now()
}

/** A new channel in place of one that may be dead. */
function renew(): void {
  const before = socket
  socket = null
  before?.close()
  gone()
  tries = 0
  connect()
}

export async function answer(leg: string): Promise<void> {
  trouble.value = null
  const known = legs.value.find((own) => own.leg === leg)
  if (known) put({ ...known, state: 'joining' })
  await join(leg, 'answer')
}

export function decline(leg: string): void {
  say({ type: 'decline', leg })
  end(leg)
}

export function hangUp(leg: string): void {
  say({ type: 'hangup', leg })
}

export async function dial(number: string): Promise<void> {
  trouble.value = null
  try {
    const [peer, sdp] = await session()
    dialling = { peer, number }
    say({ type: 'dial', number, sdp })
  } catch (error) {
    complain(error)
    throw error
  }
}

export function mute(on: boolean): void {
  muted.value = on
  for (const track of sounds?.getAudioTracks() ?? []) track.enabled = !on
}

/** Keys, as events of their own in the sound (RFC 4733): the browser sends them itself. */
export function press(keys: string): void {
  const leg = talking.value
  const own = leg && peers.get(leg.leg)?.getSenders()[0]?.dtmf
  // What was pressed a moment ago is not sent yet, and would be lost.
  own?.insertDTMF(own.toneBuffer + keys, 120, 70)
}

async function measure(): Promise<void> {
  const leg = talking.value
  const peer = leg && peers.get(leg.leg)
  if (!peer) return
  const found = { trip: 0, jitter: 0, loss: 0 }
  for (const report of (await peer.getStats()).values() as Iterable<Record<string, number | string | boolean>>) {
    if (report['type'] === 'inbound-rtp') {
      const [lost, got] = [Number(report['packetsLost'] ?? 0), Number(report['packetsReceived'] ?? 0)]
      found.jitter = Number(report['jitter'] ?? 0) * 1000
      found.loss = got + lost > 0 ? Math.max(0, (100 * lost) / (got + lost)) : 0
    }
    if (report['type'] === 'candidate-pair' && report['nominated']) found.trip = Number(report['currentRoundTripTime'] ?? 0) * 1000
  }
  quality.value = found
}
