// Something written that is offered: who, by which channel, what they wrote and why it comes here; taken or turned down by
// one key, as calls are.
import { useSignal } from '@preact/signals'
import { Icon } from '../../parts/icon'
import { useKey } from '../../parts/keys'
import { now } from '../../parts/tick'
import { Button, Tag, wordsOf } from '../../parts/ui'
import { clock, t } from '../../words'
import { addressOf, channelOf, gist, iconOf, who } from './marks'
import { decline, take, talkOf, talks, threads, type Offered } from './state'

/** Lines that are shown of what was written. */
const LINES = 3

/** `first`: whether its keys are the ones that are pressed. */
export function Offer({ offer, first }: { offer: Offered; first: boolean }) {
  const { work, reason, until } = offer
  const problem = useSignal<string | null>(null)
  const busy = useSignal(false)
  const order = async (act: () => Promise<void>): Promise<void> => {
    if (busy.value) return
    busy.value = true
    problem.value = null
    await act().catch((why: unknown) => (problem.value = wordsOf(why)))
    busy.value = false
  }
  const accept = (): Promise<void> => order(() => take(work))
  const refuse = (): Promise<void> => order(() => decline(work))
  useKey('a', 'keys.answer', () => void accept(), first)
  useKey('d', 'keys.decline', () => void refuse(), first)
  const conversation = talkOf(work)
  const talk = conversation ? talks.value.get(conversation) : undefined
  const items = (conversation && threads.value.get(conversation)?.items) || []
  const lines = items.filter(({ direction }) => direction === 'in').slice(-LINES)
  const name = talk ? who(talk) : (work.text ?? t('written.task'))
  return (
    <section class="ringing written" aria-label={t(talk ? 'written.offer' : 'written.offer.task')}>
      <div class="row apart">
        <div class="row">
          <p class="who">
            <Icon name={iconOf(talk?.way.counts_as ?? work.channel)} />
            <strong>{name}</strong>
            {talk?.person.name && <span class="number soft">{addressOf(talk.way)}</span>}
          </p>
          {talk && <Tag shade="note">{channelOf(talk.way)}</Tag>}
          <Tag shade="note">{t('offer.queue', { queue: work.queue })}</Tag>
          {reason && <Tag>{reason}</Tag>}
        </div>
        <time class="clock">{clock(Math.max(0, (until - now.value) / 1000))}</time>
      </div>
      {talk?.subject && <p class="subject">{talk.subject}</p>}
      <div class="row apart answer">
        <ol class="first">
          {lines.length > 0 ? lines.map((line) => <li key={line.message}>{gist(line)}</li>) : talk?.preview && <li>{talk.preview}</li>}
        </ol>
        <div class="row">
          <Button kind="main" icon="check" hint={first ? 'a' : undefined} busy={busy.value} onClick={() => void accept()}>
            {t('written.take')}
          </Button>
          <Button hint={first ? 'd' : undefined} disabled={busy.value} onClick={() => void refuse()}>
            {t('decline')}
          </Button>
        </div>
      </div>
      {problem.value && <p class="wrong" role="alert">{problem}</p>}
    </section>
  )
}
