// What rings, the call that is up with everything that can be done to it, and what is left to do when it is over.
import { useSignal } from '@preact/signals'
import { ask, me } from '../api'
import { useKey } from '../parts/keys'
import { since } from '../parts/tick'
import { Button, Field, Lamp, Notice, Tag, wordsOf } from '../parts/ui'
import type { PersonRecord } from '../schema'
import { ago, clock, t } from '../words'
import { now } from '../parts/tick'
import { answer, calling, decline, dial as call, hangUp, legs, line, mute, muted, press, quality, take, talking } from './phone'
import { agents, besides, bring, change, merge, missed, offers, own, setPresence, show, state, talk, type Offer, type Talk } from './state'
import { WrapUp } from './wrap_up'

export function Call({ dial, record }: { dial: () => void; record: PersonRecord | null }) {
  const up = talk.value && !talk.value.over ? talk.value : null
  return (
    <>
      {missed.value && <Missed offer={missed.value} />}
      {offers.value.map((offer) => (
        <Ringing key={offer.call} offer={offer} />
      ))}
      {calling.value && <Calling />}
      {up && <Talking key={up.call} up={up} dial={dial} />}
      {!up && (state.value === 'wrap-up' || talk.value?.over) && talk.value && (
        <WrapUp key={talk.value.call} call={talk.value} record={record} />
      )}
    </>
  )
}

function Missed({ offer }: { offer: Offer }) {
  const who = offer.caller?.name ?? offer.from
  const back = (): void => {
    void setPresence('ready')
  }
  return (
    <Notice
      shade="warn"
      actions={
        <>
          {offer.caller && (
            <Button onClick={() => show({ contact: offer.caller!.contact, name: offer.caller!.name ?? null, number: offer.from })}>
              {t('missed.show')}
            </Button>
          )}
          <Button kind="main" onClick={back}>
            {t('missed.ready')}
          </Button>
        </>
      }
    >
      <strong>{t('missed', { name: who })}</strong> {t('missed.words')}
    </Notice>
  )
}

/** A call out that nobody has answered yet. */
function Calling() {
  const leg = calling.value
  if (!leg) return null
  return (
    <section class="talking" aria-label={t('calling', { number: leg.number ?? '' })}>
      <div class="row apart">
        <Lamp shade="note">
          <strong>{t('calling', { number: leg.number ?? '' })}</strong>
        </Lamp>
        <Button kind="bad" icon="hangup" onClick={() => hangUp(leg.leg)}>
          {t('call.end')}
        </Button>
      </div>
    </section>
  )
}

/** The browser's leg of a call that rings, when it is the only thing that rings or says whose it is. */
function legOf(call: string) {
  return legs.value.find((leg) => leg.state === 'ringing' && leg.call === call) ?? null
}

function Ringing({ offer }: { offer: Offer }) {
  const { caller } = offer
  const leg = legOf(offer.call)
  useKey('a', 'keys.answer', () => leg && void answer(leg.leg), !!leg)
  useKey('d', 'keys.decline', () => leg && decline(leg.leg), !!leg)
  return (
    <section class="ringing" aria-label={t('offer')}>
      <div class="row apart">
        <p class="who">
          <strong>{caller?.name ?? offer.name ?? (caller?.shared ? t('person.shared') : offer.from)}</strong>
          {(caller?.name ?? offer.name) && <span class="number soft">{offer.from}</span>}
        </p>
        <time class="clock">{clock(since(offer.since))}</time>
      </div>
      <p class="row">
        <Tag shade="note">{offer.queue ? t('offer.queue', { queue: offer.queue }) : t('offer.to', { number: offer.to })}</Tag>
        {offer.reason && <Tag>{offer.reason}</Tag>}
        {offer.conversation && <Tag shade="good">{t('offer.goes_on')}</Tag>}
        <Verified level={caller?.verified ?? null} />
        {caller?.case && <Tag shade="warn">{t('case.open', { title: caller.case.title ?? t('case.untitled') })}</Tag>}
        {caller?.preferred && <Tag>{t('person.prefers', { channel: caller.preferred })}</Tag>}
        {[...(caller?.tags ?? [])].map((tag) => (
          <Tag key={tag}>{tag}</Tag>
        ))}
      </p>
      {caller?.pins.map((pin) => (
        <p key={pin} class="pinned">
          {pin}
        </p>
      ))}
      {caller?.crm?.found && (
        <p class="small soft">
          {Object.values(caller.crm.fields).join(' · ')} ({caller.crm.from})
        </p>
      )}
      {!caller && <p class="small soft">{t('offer.unknown')}</p>}
      {caller && caller.last.length > 0 && (
        <ol class="last">
          {caller.last.slice(0, 3).map((moment) => (
            <li key={`${moment.at}${moment.what}`}>
              <time class="soft">{ago(moment.at, now.value)}</time>
              <span>{moment.text ?? moment.name ?? t(moment.way === 'out' ? 'moment.call.out' : 'moment.call.in')}</span>
            </li>
          ))}
        </ol>
      )}
      <div class="row">
        {leg ? (
          <>
            <Button kind="main" icon="phone" hint="a" onClick={() => void answer(leg.leg)}>
              {t('answer')}
            </Button>
            <Button hint="d" onClick={() => decline(leg.leg)}>
              {t('decline')}
            </Button>
          </>
        ) : (
          <Lamp shade="note">
            <span>{t('offer.desk', { extension: own.value?.extension ?? '' })}</span>
          </Lamp>
        )}
      </div>
    </section>
  )
}

export function Verified({ level }: { level: number | null }) {
  return level ? <Tag shade="good">{t('verified', { level })}</Tag> : <Tag>{t('verified.not')}</Tag>
}

/** What a phone dials to bring everybody together whom it talks with. */
const EVERYBODY = '*46'

type Sending = 'blind' | 'keys' | null

function Talking({ up, dial }: { up: Talk; dial: () => void }) {
  const doing = useSignal<Sending>(null)
  const problem = useSignal<string | null>(null)
  const leg = talking.value
  const order = async (act: () => Promise<unknown>): Promise<boolean> => {
    problem.value = null
    try {
      await act()
      return true
    } catch (why) {
      problem.value = wordsOf(why)
      return false
    }
  }
  const path = `/calls/${up.call}`
  // As it is when the key is pressed, not when it was last drawn.
  const hold = async (): Promise<void> => {
    const on = !talk.value?.held
    // At once: whoever presses twice means both.
    change(up.call, { held: on })
    if (!(await order(() => ask(on ? 'POST' : 'DELETE', `${path}/hold`)))) change(up.call, { held: !on })
  }
  const record = (): Promise<boolean> =>
    order(() => {
      const tape = talk.value?.tape ?? null
      if (!tape) return ask('POST', `${path}/recording`)
      return ask(tape === 'runs' ? 'POST' : 'DELETE', `${path}/recording/pause`)
    })
  const pay = (): Promise<boolean> => order(() => ask(talk.value?.paying ? 'DELETE' : 'POST', `${path}/payment`))
  useKey('h', 'keys.hold', () => void hold(), !up.room)
  useKey('p', 'keys.pay', () => void pay(), !up.room)
  useKey('m', 'keys.mute', () => mute(!muted.value), !!leg)
  useKey('t', 'keys.transfer', () => (doing.value = 'blind'), !up.room)
  const lost = legs.value.find((own) => own.state === 'lost' && own.call === up.call)
  const name = up.caller?.name ?? up.from
  // One waits, the other is talked with: the other way round.
  const swap = async (other: Talk): Promise<void> => {
    if (!up.held) await ask('POST', `${path}/hold`)
    await ask('DELETE', `/calls/${other.call}/hold`)
    bring(other.call)
  }
  const all = (): Promise<void> => {
    merge()
    return call(EVERYBODY)
  }
  return (
    <section class={up.held ? 'talking held' : 'talking'} aria-label={t('call')}>
      <div class="row apart">
        <p class="who">
          <Lamp shade={up.held ? 'warn' : 'good'}>
            <strong>{name || t('call.up')}</strong>
          </Lamp>
          <span class="number soft">{up.caller?.name ? up.from : ''}</span>
          {up.queue && <Tag>{up.queue}</Tag>}
          {up.room && <Tag shade="note">{t('call.room')}</Tag>}
          {up.held && <Tag shade="warn">{t('call.held')}</Tag>}
          {leg?.held && <Tag shade="warn">{t('call.waits')}</Tag>}
          {leg?.state === 'joining' && <Tag shade="warn">{t('call.joining')}</Tag>}
          {muted.value && <Tag shade="bad">{t('call.muted')}</Tag>}
          {up.heard && <Tag shade="note">{t(`supervision.${up.heard}`)}</Tag>}
          {up.paying && <Tag shade="warn">{t('call.paying')}</Tag>}
          {up.consent === false && <Tag shade="warn">{t('call.unrecorded')}</Tag>}
          {up.tape === 'runs' && <Tag shade="bad">{t('call.recorded')}</Tag>}
        </p>
        <time class="clock">{clock(since(up.since))}</time>
      </div>
      <div class="row controls" role="group" aria-label={t('call.controls')}>
        {lost && (
          <Button kind="main" icon="phone" onClick={() => void take(lost.leg)}>
            {t('call.take')}
          </Button>
        )}
        {!up.room && (
          <Button icon={up.held ? 'play' : 'hold'} hint="h" pressed={up.held} onClick={() => void hold()}>
            {up.held ? t('call.resume') : t('call.hold')}
          </Button>
        )}
        {leg && (
          <Button icon={muted.value ? 'mute' : 'voice'} hint="m" pressed={muted.value} onClick={() => mute(!muted.value)}>
            {t('call.mute')}
          </Button>
        )}
        {leg && (
          <Button icon="keypad" pressed={doing.value === 'keys'} onClick={() => (doing.value = doing.value === 'keys' ? null : 'keys')}>
            {t('call.keys')}
          </Button>
        )}
        {!up.room && (
          <Button icon="transfer" hint="t" pressed={doing.value === 'blind'} onClick={() => (doing.value = doing.value === 'blind' ? null : 'blind')}>
            {t('call.transfer')}
          </Button>
        )}
        <Button icon="consult" onClick={dial}>
          {t('call.consult')}
        </Button>
        <Button icon="record" pressed={!!up.tape} disabled={up.paying} onClick={() => void record()}>
          {t(!up.tape ? 'call.record' : up.tape === 'runs' ? 'call.record.pause' : 'call.record.on')}
        </Button>
        <Button icon="card" hint="p" pressed={up.paying} onClick={() => void pay()}>
          {up.paying ? t('call.pay.over') : t('call.pay')}
        </Button>
        <span class="grow" />
        <Button
          kind="bad"
          icon="hangup"
          onClick={() => (leg ? hangUp(leg.leg) : void order(() => ask('DELETE', path)))}
        >
          {t('call.end')}
        </Button>
      </div>
      {up.paying && (
        <p class="small">{t('call.paying.words')}</p>
      )}
      {besides.value.map((other) => (
        <div class="row beside" key={other.call}>
          <Lamp shade="warn">{t('call.beside', { name: other.caller?.name ?? other.from })}</Lamp>
          <Button icon="play" onClick={() => void order(() => swap(other))}>
            {t('call.back', { name: other.caller?.name ?? other.from })}
          </Button>
          <Button icon="transfer" onClick={() => void order(() => ask('POST', `/calls/${other.call}/transfer`, { with: up.call }))}>
            {t('call.join', { name: other.caller?.name ?? other.from })}
          </Button>
        </div>
      ))}
      {besides.value.length > 0 && leg && (
        <div class="row beside">
          <span class="small soft">{t('call.all.words')}</span>
          <Button icon="group" onClick={() => void order(all)}>
            {t('call.all')}
          </Button>
        </div>
      )}
      {doing.value === 'blind' && (
        <SendOn
          send={async (to) => {
            if (await order(() => ask('POST', `${path}/transfer`, { to }))) doing.value = null
          }}
        />
      )}
      {doing.value === 'keys' && <Keypad />}
      {problem.value && <p class="wrong" role="alert">{problem}</p>}
      {leg && quality.value && (
        <p class="small soft number">
          {t('quality', { trip: Math.round(quality.value.trip), jitter: Math.round(quality.value.jitter), loss: quality.value.loss.toFixed(1) })}
          {line.value !== 'ready' && ` ${t('phone.connecting')}`}
        </p>
      )}
    </section>
  )
}

function SendOn({ send }: { send: (to: string) => Promise<void> }) {
  return (
    <form
      class="row sendon"
      onSubmit={(event) => {
        event.preventDefault()
        const to = String(new FormData(event.currentTarget).get('to')).trim()
        if (to) void send(to)
      }}
    >
      <Field label={t('transfer.to')}>
        <input name="to" list="colleagues" inputMode="tel" autocomplete="off" maxLength={64} autofocus ref={(field) => field?.focus()} />
      </Field>
      <Colleagues />
      <Button kind="main" type="submit">
        {t('transfer.send')}
      </Button>
    </form>
  )
}

/** What can be chosen where a number is asked for. */
export function Colleagues() {
  return (
    <datalist id="colleagues">
      {[...agentsOf()].map(({ extension, agent }) => (
        <option key={agent} value={extension}>
          {agent}
        </option>
      ))}
    </datalist>
  )
}

function agentsOf() {
  return [...agents.value.values()].filter(({ agent }) => agent !== me.value?.agent)
}

function Keypad() {
  return (
    <div class="keypad" role="group" aria-label={t('call.keys')}>
      {[...'123456789*0#'].map((key) => (
        <Button key={key} onClick={() => press(key)}>
          {key}
        </Button>
      ))}
    </div>
  )
}
