// Going on by voice, over the line of the chat: the page always offers, and the box always answers.
import type { Told } from './wire'

/** Where it stands: nothing, somebody would like to speak, asking, nobody there yet, talking, held, a call that waits for a page. */
export type Stage = 'none' | 'invited' | 'asking' | 'waiting' | 'talking' | 'held' | 'lost'

/** Comfort noise would have the other side think that the line is dead. */
const CODECS = (): RTCRtpCodec[] =>
  (globalThis.RTCRtpReceiver?.getCapabilities('audio')?.codecs ?? []).filter(({ mimeType }) => !/\/cn$/i.test(mimeType))
/** How soon a session that has failed is begun anew. */
const BETWEEN = 1_500

export class Voice {
  stage: Stage = 'none'
  muted = false
  /** Why the last one did not come about, or that it is over. */
  trouble: 'mic' | 'off' | 'busy' | 'no' | 'over' | undefined
  changed: () => void = () => {}

  #peer: RTCPeerConnection | undefined
  #sounds: MediaStream | undefined
  #relays: RTCIceServer[] = []
  #invited = false
  #how: 'offer' | 'resume' = 'offer'
  /** What is heard comes out here. */
  readonly player = new Audio()

  constructor(private readonly tell: (what: object) => boolean) {}

  /** Whether this browser can. */
  get able(): boolean {
    return 'RTCPeerConnection' in globalThis && navigator.mediaDevices !== undefined
  }

  /** Whether this page is in a call, or about to be. */
  get busy(): boolean {
    return this.stage !== 'none' && this.stage !== 'invited'
  }

  /** The visitor wants to speak. */
  start(): void {
    this.#how = this.stage === 'lost' ? 'resume' : 'offer'
    this.trouble = undefined
    if (this.#say({ what: 'ask' })) this.#is('asking')
    else this.#over('no')
  }

  decline(): void {
    this.#invited = false
    this.#say({ what: 'decline' })
    this.#is('none')
  }

  hangUp(): void {
    this.#say({ what: 'hangup' })
    this.#over('over')
  }

  mute(on: boolean): void {
    this.muted = on
    for (const track of this.#sounds?.getTracks() ?? []) track.enabled = !on
    this.changed()
  }

  /** The line to the box is up again: what is up here goes on, with a new session where no sound goes through. */
  back(): void {
    if (!this.#peer) {
      if (this.stage === 'asking') this.#over('no')
    } else if (this.#peer.connectionState === 'connected') this.#say({ what: 'resume' })
    else void this.#offer('resume')
  }

  async hear(told: Told): Promise<void> {
    switch (told.what) {
      case 'invited':
        this.#invited = told.on
        if (!this.busy) this.#is(told.on ? 'invited' : 'none')
        return
      case 'ready':
        this.#relays = told.relays
        if (this.stage === 'asking') await this.#offer(this.#how)
        return
      case 'answer':
        if (this.#peer?.signalingState !== 'have-local-offer') return
        await this.#peer.setRemoteDescription({ type: 'answer', sdp: told.sdp }).catch(() => this.hangUp())
        return
      case 'state':
        if (this.#peer) this.#is(told.state)
        return
      case 'waiting':
        if (!this.#peer) this.#is('lost')
        return
      case 'ended':
        // Whoever has hung up here knows.
        if (this.busy) this.#over('over')
        return
      case 'refused':
        this.#over(told.why === 'busy' ? 'busy' : told.why === 'sound' ? 'no' : 'off')
    }
  }

  async #offer(what: 'offer' | 'resume'): Promise<void> {
    try {
      this.#sounds ??= await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } })
    } catch {
      this.#say({ what: 'hangup' })
      return this.#over('mic')
    }
    const sounds = this.#sounds
    // It may have ended while the microphone was asked for.
    if (!this.busy) return this.#hush()
    try {
      const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle', iceServers: this.#relays })
      this.#peer?.close()
      this.#peer = peer
      for (const track of sounds.getAudioTracks()) {
        track.enabled = !this.muted
        peer.addTrack(track, sounds)
      }
      for (const way of peer.getTransceivers()) way.setCodecPreferences(CODECS())
      peer.ontrack = ({ track }) => {
        this.player.srcObject = new MediaStream([track])
        this.player.play().catch(() => undefined)
      }
      peer.onconnectionstatechange = () => {
        if (peer.connectionState !== 'failed') return
        setTimeout(() => this.#peer === peer && peer.connectionState === 'failed' && void this.#offer('resume'), BETWEEN)
      }
      const offer = await peer.createOffer()
      await peer.setLocalDescription(offer)
      this.#say({ what, sdp: peer.localDescription?.sdp ?? offer.sdp })
    } catch {
      this.#say({ what: 'hangup' })
      this.#over('no')
    }
  }

  #say(what: object): boolean {
    return this.tell({ type: 'call', ...what })
  }

  #over(why: Voice['trouble']): void {
    this.trouble = why
    this.#hush()
    this.#is(this.#invited ? 'invited' : 'none')
  }

  #hush(): void {
    this.#peer?.close()
    this.#peer = undefined
    for (const track of this.#sounds?.getTracks() ?? []) track.stop()
    this.#sounds = undefined
    this.player.srcObject = null
    this.muted = false
  }

  #is(stage: Stage): void {
    this.stage = stage
    this.changed()
  }
}
