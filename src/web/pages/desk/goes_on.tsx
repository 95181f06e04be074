// A call that goes on while whoever has it signs in again: it can be muted and ended.
import { Button, Lamp } from '../parts/ui'
import { t } from '../words'
import { hangUp, mute, muted, talking } from './phone'
import { talk } from './state'

export function GoesOn() {
  const leg = talking.value
  const up = talk.value
  if (!leg || !up || up.over) return null
  return (
    <div class="talking" role="group" aria-label={t('call')}>
      <Lamp shade="good">
        <span>{t('call.goes_on', { name: up.caller?.name ?? up.from })}</span>
      </Lamp>
      <div class="row">
        <Button icon={muted.value ? 'mute' : 'voice'} pressed={muted.value} onClick={() => mute(!muted.value)}>
          {t('call.mute')}
        </Button>
        <Button kind="bad" icon="hangup" onClick={() => hangUp(leg.leg)}>
          {t('call.end')}
        </Button>
      </div>
    </div>
  )
}
