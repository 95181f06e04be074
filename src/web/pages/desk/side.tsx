// Who the agent is at this moment, the browser's telephone, who is open, the queues and the colleagues.
import { useSignal } from '@preact/signals'
import { me } from '../api'
import { shadeOf, stateOf } from '../parts/agent_state'
import { Icon } from '../parts/icon'
import { useKey } from '../parts/keys'
import { since } from '../parts/tick'
import { Button, Lamp, Section, wordsOf, type Shade } from '../parts/ui'
import { clock, count, named, t, type Key } from '../words'
import { line, trouble, turn, wanted } from './phone'
import type { Window } from './page'
import { agents, open, own, queues, setPresence, show, shown, shut, state } from './state'
import { Inbox } from './written/inbox'
import { open as openTalk } from './written/state'

/** Why an agent pauses, as the box keeps it. */
const REASONS = ['break', 'lunch', 'meeting', 'paperwork'] as const

export function Side({ open: openWindow }: { open: (which: Window) => void }) {
  return (
    <aside class="side" aria-label={t('desk.side')}>
      <Presence />
      <Inbox />
      <Telephone open={openWindow} />
      <People />
      <Queues />
    </aside>
  )
}

function Presence() {
  const problem = useSignal<string | null>(null)
  const put = async (wanted: 'ready' | 'paused' | 'signed_out', reason?: string): Promise<void> => {
    problem.value = null
    await setPresence(wanted, reason).catch((why: unknown) => (problem.value = wordsOf(why)))
  }
  const now = state.value
  useKey('r', 'keys.ready', () => void put('ready'), now === 'paused' || now === 'signed out')
  return (
    <Section title={t('presence')} class="presence">
      <div class="body stack tight">
        <p class="now">
          <Lamp shade={shadeOf(own.value?.state ?? '')}>
            <strong>{stateOf(own.value?.state ?? 'signed out')}</strong>
          </Lamp>
          {own.value && now !== 'signed out' && <time class="soft">{clock(since(own.value.since))}</time>}
        </p>
        <div class="choices" role="group" aria-label={t('presence')}>
          <Button pressed={now === 'ready'} onClick={() => void put('ready')}>
            {t('presence.ready')}
          </Button>
          <select
            aria-label={t('presence.pause')}
            value=""
            class={now === 'paused' ? 'on' : ''}
            onChange={(event) => {
              const reason = event.currentTarget.value
              event.currentTarget.value = ''
              if (reason) void put('paused', reason)
            }}
          >
            <option value="">{t('presence.pause')}</option>
            {REASONS.map((reason) => (
              <option key={reason} value={reason}>
                {named('reason', reason)}
              </option>
            ))}
          </select>
          <Button pressed={now === 'signed out'} onClick={() => void put('signed_out')}>
            {t('presence.off')}
          </Button>
        </div>
        {problem.value && <p class="wrong" role="alert">{problem}</p>}
      </div>
    </Section>
  )
}

/** What browsers call it when there is no microphone to be had. */
const TROUBLES: Record<string, Key> = {
  NotAllowedError: 'phone.denied',
  NotFoundError: 'phone.nothing',
  NotReadableError: 'phone.taken',
}

function Telephone({ open: openWindow }: { open: (which: Window) => void }) {
  const shade: Shade = line.value === 'ready' ? 'good' : line.value === 'off' ? 'none' : line.value === 'refused' ? 'bad' : 'warn'
  return (
    <Section
      title={t('phone')}
      side={<Button kind="quiet" icon="sliders" label={t('devices')} onClick={() => openWindow('devices')} />}
    >
      <div class="body stack tight">
        <label class="check">
          <input type="checkbox" role="switch" checked={wanted.value === 'on'} onChange={(event) => turn(event.currentTarget.checked)} />
          <span class="grow">{t('phone.here')}</span>
        </label>
        <Lamp shade={shade}>
          <span class="small">{t(`phone.${line.value}`, { extension: own.value?.extension ?? '' })}</span>
        </Lamp>
        {trouble.value && (
          <p class="wrong" role="alert">
            {TROUBLES[trouble.value] ? t(TROUBLES[trouble.value]!) : t('phone.trouble', { why: trouble.value })}
          </p>
        )}
      </div>
    </Section>
  )
}

function People() {
  if (open.value.length === 0) return null
  return (
    <Section title={t('open')}>
      <ul class="list">
        {open.value.map((person) => (
          <li key={person.contact} class={person.contact === shown.value?.contact ? 'on' : ''}>
            <button type="button" aria-current={person.contact === shown.value?.contact} onClick={() => {
                openTalk(null)
                show(person)
              }}
            >
              <Icon name="person" />
              <span>{person.name ?? person.number ?? t('person.nameless')}</span>
            </button>
            <Button kind="quiet" icon="close" label={t('open.shut', { name: person.name ?? person.number ?? '' })} onClick={() => shut(person.contact)} />
          </li>
        ))}
      </ul>
    </Section>
  )
}

function Queues() {
  const lines = [...queues.value.values()]
  const others = [...agents.value.values()].filter(({ agent }) => agent !== me.value?.agent)
  return (
    <Section title={t('queues')}>
      <ul class="lines">
        {lines.map((queue) => (
          <li key={queue.queue}>
            <span class="grow">{queue.queue}</span>
            <span class="soft">{count('ready.n', queue.ready)}</span>
            <strong class={queue.waiting > 0 ? 'number hot' : 'number'}>{count('waiting.n', queue.waiting)}</strong>
          </li>
        ))}
      </ul>
      {others.length > 0 && (
        <>
          <h3 class="inner">{t('colleagues')}</h3>
          <ul class="lines">
            {others.map((agent) => (
              <li key={agent.agent}>
                <span class="grow">{agent.agent}</span>
                <Lamp shade={shadeOf(agent.state)}>
                  <span class="soft">{stateOf(agent.state)}</span>
                </Lamp>
                <span class="number soft">{agent.extension}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </Section>
  )
}
