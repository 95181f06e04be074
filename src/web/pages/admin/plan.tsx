// Where a number would go, and why, without calling.
import { useSignal } from '@preact/signals'
import { ask } from '../api'
import { useLoaded } from '../parts/load'
import { Button, Field, Lamp, Section, wordsOf } from '../parts/ui'
import type { DryRun, PhonePage, TrunkPage } from '../schema'
import { t } from '../words'

export function DialPlan() {
  const told = useSignal<DryRun | null>(null)
  const problem = useSignal<string | null>(null)
  const phones = useLoaded<PhonePage>('/phones').value.value?.items ?? []
  const trunks = useLoaded<TrunkPage>('/trunks').value.value?.items ?? []
  const run = async (form: HTMLFormElement): Promise<void> => {
    const given = new FormData(form)
    const path = `/route?number=${encodeURIComponent(String(given.get('number')).trim())}&from=${encodeURIComponent(String(given.get('from')))}`
    problem.value = told.value = null
    try {
      told.value = await ask<DryRun>('GET', path)
    } catch (why) {
      problem.value = wordsOf(why)
    }
  }
  return (
    <Section title={t('plan')} class="narrow">
      <form
        class="body stack"
        onSubmit={(event) => {
          event.preventDefault()
          void run(event.currentTarget)
        }}
      >
        <p class="soft">{t('plan.words')}</p>
        <div class="form two">
          <Field label={t('plan.from')}>
            <select name="from">
              {phones.map(({ extension, name }) => (
                <option key={extension} value={extension}>
                  {`${extension} ${name}`}
                </option>
              ))}
              {trunks.map(({ trunk }) => (
                <option key={trunk} value={`trunk:${trunk}`}>
                  {t('plan.trunk', { trunk })}
                </option>
              ))}
            </select>
          </Field>
          <Field label={t('plan.number')}>
            <input name="number" required inputMode="tel" maxLength={64} autocomplete="off" />
          </Field>
        </div>
        <div class="row">
          <Button kind="main" type="submit">
            {t('plan.run')}
          </Button>
        </div>
        <div role="status">
          {problem.value && <p class="wrong">{problem}</p>}
          {told.value && (
            <div class="stack tight">
              <Lamp shade="note">
                <strong>{told.value.leads_to}</strong>
              </Lamp>
              <ol class="steps">
                {told.value.why.map((step, at) => (
                  <li key={at}>{step}</li>
                ))}
              </ol>
            </div>
          )}
        </div>
      </form>
    </Section>
  )
}
