// The browser as a telephone, over the desk's own channel: the page always offers, the box always answers.
import { computed, signal } from '@preact/signals'
import { me } from '../api'
import { kept } from '../settings'
import { lookForCalls, rang, withdrawn } from './state'

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
  | { type: 'state'; leg: string; call: string | null; state: 'ringing' | 'talking' | 'ended'; why?: string }
  | { type: 'problem'; leg?: string | null; detail: string }

/** A call at this page; `number` where the page has dialled it. */
export type Leg = { leg: string; call: string; state: 'ringing' | 'joining' | 'talking'; number: string | null }
export type Line = 'off' | 'connecting' | 'ready' | 'refused'

/** Whether the agent wants to talk in the browser here. */
export const wanted = kept<'on' | 'off'>('branchline-phone', 'off')
export const microphone = kept<string>('branchline-microphone', '')
export const speaker = kept<string>('branchline-speaker', '')
export const line = signal<Line>('off')
export const legs = signal<readonly Leg[]>([])
export const muted = signal(false)
export const trouble = signal<string | null>(null)
/** How the call sounds: round trip and jitter in milliseconds, loss in percent. */
export const quality = signal<{ trip: number; jitter: number; loss: number } | null>(null)

export const talking = computed(() => legs.value.find(({ state }) => state === 'talking') ?? null)
/** A call out whose other side has not answered yet. */
export const calling = computed(() => legs.value.find(({ state, number }) => number !== null && state !== 'talking') ?? null)

const PROTOCOL = 'branchline.desk.1'
/** How long is waited before the channel is tried again: at once, then longer and longer. */
const WAITS = [200, 1000, 3000, 8000, 15000]

let socket: WebSocket | null = null
let tries = 0
let again: number | undefined
let sounds: MediaStream | null = null
/** What passes sound on where this network lets none through. */
let relays: RTCIceServer[] = []
const peers = new Map<string, RTCPeerConnection>()
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

/** Once, when the desk comes. */
export function begin(): () => void {
  if (wanted.value === 'on') connect()
  const back = (): void => {
    if (wanted.value === 'on' && !socket) connect()
  }
  window.addEventListener('online', back)
  const timer = window.setInterval(() => void measure(), 2000)
  return () => {
    window.removeEventListener('online', back)
    clearInterval(timer)
  }
}

function connect(): void {
  clearTimeout(again)
  if (socket || !me.value?.agent) return
  line.value = 'connecting'
  const own = new WebSocket(`wss://${location.host}/api/v1/desk`, PROTOCOL)
  let opened = false
  socket = own
  own.onopen = () => {
    opened = true
    tries = 0
  }
  own.onmessage = ({ data }: MessageEvent<string>) => void heard(JSON.parse(data) as Said)
  own.onclose = () => {
    if (socket !== own) return
    socket = null
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

async function heard(said: Said): Promise<void> {
  switch (said.type) {
    case 'welcome':
      line.value = 'ready'
      relays = said.relays
      // Whatever was up goes on with a new session: after a reload, or on another network.
      for (const { leg, call } of said.calls) {
        put({ leg, call, state: 'joining', number: null })
        await join(leg, 'resume')
      }
      // The box may not have noticed yet that this page was away.
      for (const [leg, peer] of peers)
        if (peer.connectionState !== 'connected' && !said.calls.some((one) => one.leg === leg)) await join(leg, 'resume')
      return
    case 'relays':
      relays = said.relays
      return
    case 'ring':
      put({ leg: said.leg, call: said.call, state: 'ringing', number: null })
      return rang(said.call, said.caller.number, said.caller.name, said.queue)
    case 'stop':
      withdrawn(legs.value.find(({ leg }) => leg === said.leg)?.call ?? '')
      return end(said.leg)
    case 'sdp': {
      const peer = peers.get(said.leg) ?? adopt(said.leg)
      await peer?.setRemoteDescription({ type: 'answer', sdp: said.sdp }).catch((error: unknown) => {
        trouble.value = String(error)
      })
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
function moved(leg: string, call: string | null, state: 'ringing' | 'talking'): void {
  if (!peers.has(leg)) adopt(leg)
  const known = legs.value.find((own) => own.leg === leg)
  if (call) withdrawn(call)
  put({ leg, call: call ?? known?.call ?? '', state, number: known?.number ?? null })
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
  const audio = { ...own, echoCancellation: true, noiseSuppression: true, autoGainControl: true }
  return navigator.mediaDevices.getUserMedia({ audio, video: false })
}

async function session(): Promise<[RTCPeerConnection, string]> {
  sounds ??= await listenIn()
  const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle', iceServers: relays })
  const own = sounds
  for (const track of own.getAudioTracks()) {
    track.enabled = !muted.value
    peer.addTrack(track, own)
  }
  peer.ontrack = ({ streams }) => play(streams[0])
  const offer = await peer.createOffer()
  await peer.setLocalDescription(offer)
  return [peer, peer.localDescription?.sdp ?? offer.sdp ?? '']
}

async function play(stream: MediaStream | undefined): Promise<void> {
  const out = document.getElementById('far') as HTMLAudioElement | null
  if (!out || !stream) return
  out.srcObject = stream
  if (speaker.value && 'setSinkId' in out) await out.setSinkId(speaker.value).catch(() => undefined)
  await out.play().catch(() => undefined)
}

async function join(leg: string, how: 'answer' | 'resume'): Promise<void> {
  try {
    const [peer, sdp] = await session()
    peers.get(leg)?.close()
    peers.set(leg, peer)
    watch(leg, peer)
    say({ type: how, leg, sdp })
  } catch (error) {
    trouble.value = error instanceof DOMException ? error.name : String(error)
  }
}

/** A laptop on another network: a new session for the leg that is up. */
function watch(leg: string, peer: RTCPeerConnection): void {
  const answered = (): boolean => peers.get(leg) === peer && peer.remoteDescription !== null
  peer.onconnectionstatechange = () => {
    if (answered() && peer.connectionState === 'failed') void join(leg, 'resume')
    // What took the sound away took the channel along, and nothing says so for minutes: a new one tells.
    if (answered() && peer.connectionState === 'disconnected') renew()
  }
}

/** A new channel in place of one that may be dead. */
function renew(): void {
  const before = socket
  socket = null
  before?.close()
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
  const [peer, sdp] = await session()
  dialling = { peer, number }
  say({ type: 'dial', number, sdp })
}

export function mute(on: boolean): void {
  muted.value = on
  for (const track of sounds?.getAudioTracks() ?? []) track.enabled = !on
}

/** Keys, as events of their own in the sound (RFC 4733): the browser sends them itself. */
export function press(keys: string): void {
  const leg = talking.value
  const peer = leg && peers.get(leg.leg)
  peer?.getSenders()[0]?.dtmf?.insertDTMF(keys, 120, 70)
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
