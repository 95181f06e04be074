// Figures by interval and group, each under the id of its formula; behind each figure is what it counted.
import { useSignal } from '@preact/signals'
import { Bars } from '../parts/plot'
import { useLoaded } from '../parts/load'
import { Table } from '../parts/table'
import { Button, Dialog, Empty, Field, Section, Tag } from '../parts/ui'
import type { FigureLine, FormulaLine, FormulaLinePage, OpenedLine, OpenedLinePage, ReportPage } from '../schema'
import { clock, number, percent, t } from '../words'

const SPANS = ['today', 'yesterday', 'week', 'month'] as const
type Span = (typeof SPANS)[number]
const BY = ['', 'queue', 'agent', 'channel'] as const
/** What is shown before anybody has chosen. */
const USUAL = 'F1,F4,F7'

function dateOf(days: number): string {
  const date = new Date()
  date.setDate(date.getDate() - days)
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

/** From when until when, and in which pieces. */
function spanOf(span: Span): { since: string; until: string; interval: string } {
  switch (span) {
    case 'today':
      return { since: dateOf(0), until: dateOf(0), interval: '60m' }
    case 'yesterday':
      return { since: dateOf(1), until: dateOf(1), interval: '60m' }
    case 'week':
      return { since: dateOf(6), until: dateOf(0), interval: 'day' }
    case 'month':
      return { since: dateOf(29), until: dateOf(0), interval: 'day' }
  }
}

function shown(figure: FigureLine | undefined, unit: string): string {
  const value = figure?.value
  return value == null ? '–' : inUnit(value, unit)
}

function inUnit(value: number, unit: string): string {
  if (unit === 'share') return percent(value)
  // Tenths matter as long as a person counts them.
  if (unit === 'seconds') return value < 10 ? t('seconds', { n: number(value, 1) }) : clock(value)
  return number(value, 2)
}

export function Reports() {
  const span = useSignal<Span>('today')
  const by = useSignal<(typeof BY)[number]>('')
  const chosen = useSignal(USUAL)
  const open = useSignal<{ formula: FormulaLine; group: string | null } | null>(null)
  const known = useLoaded<FormulaLinePage>('/reports/formulas').value.value?.items ?? []
  const { since, until, interval } = spanOf(span.value)
  const given = `since=${since}&until=${until}&interval=${interval}&limit=1000&formula=${encodeURIComponent(chosen.value)}`
  const whole = useLoaded<ReportPage>(`/reports?${given}`)
  const grouped = useLoaded<ReportPage>(by.value ? `/reports?${given}&by=${by.value}` : null)
  const page = whole.value.value
  const table = by.value ? grouped.value.value : page
  const problem = whole.problem.value ?? grouped.problem.value
  return (
    <>
      <form class="row wishes" onSubmit={(event) => event.preventDefault()}>
        <Field label={t('reports.span')}>
          <select value={span.value} onChange={(event) => (span.value = event.currentTarget.value as Span)}>
            {SPANS.map((name) => (
              <option key={name} value={name}>
                {t(`reports.${name}`)}
              </option>
            ))}
          </select>
        </Field>
        <Field label={t('reports.by')}>
          <select value={by.value} onChange={(event) => (by.value = event.currentTarget.value as (typeof BY)[number])}>
            {BY.map((name) => (
              <option key={name} value={name}>
                {t(name === '' ? 'reports.all' : `reports.by.${name}`)}
              </option>
            ))}
          </select>
        </Field>
        <Field label={t('reports.formula')}>
          <select
            value={chosen.value}
            onChange={(event) => (chosen.value = event.currentTarget.value)}
          >
            <option value={USUAL}>{t('reports.usual')}</option>
            {known.map(({ id, title }) => (
              <option key={id} value={id}>
                {`${id}: ${title}`}
              </option>
            ))}
          </select>
        </Field>
        <a class="button plain" href={`/api/v1/reports/intervals?since=${since}&until=${until}&interval=30m`} download={`intervals-${since}.csv`}>
          {t('reports.csv')}
        </a>
      </form>
      {problem && <Empty>{problem}</Empty>}
      <div class="plots">
        {page?.formulas
          .filter((formula) => chosen.value === USUAL ? USUAL.split(',').includes(formula.id) : true)
          .map((formula) => (
            <Section key={formula.id} title={`${formula.id} · ${formula.title}`} side={<strong class="number">{shown(totalOf(page, formula.id, null), formula.unit)}</strong>}>
              <div class="body">
                <Bars
                  title={`${formula.id} ${formula.title}`}
                  {...(formula.unit === 'share' ? { most: 1 } : {})}
                  show={(value) => inUnit(value, formula.unit)}
                  points={page.items.map((row) => {
                    const figure = row.figures.find((own) => own.formula === formula.id)
                    const name = interval === 'day' ? row.start.slice(5, 10) : row.start.slice(11, 16)
                    return { name, value: figure?.value ?? null, words: shown(figure, formula.unit) }
                  })}
                />
              </div>
            </Section>
          ))}
      </div>
      {table && (
        <Section title={t('reports.totals')}>
          <Table
            name={t('reports.totals')}
            rows={table.formulas.flatMap((formula) =>
              table.totals.map((total) => ({ formula, group: total.group ?? null, figure: total.figures.find((own) => own.formula === formula.id) })),
            ).filter(({ figure }) => figure)}
            id={({ formula, group }) => `${formula.id} ${group}`}
            empty={t('reports.nothing')}
            columns={[
              { name: t('reports.id'), show: ({ formula }) => <Tag>{formula.id}</Tag> },
              { name: t('reports.title'), show: ({ formula }) => formula.title },
              { name: t('reports.group'), show: ({ group }) => group ?? '–' },
              { name: t('reports.value'), number: true, show: ({ figure, formula }) => <strong>{shown(figure, formula.unit)}</strong> },
              {
                name: t('reports.counted'),
                number: true,
                show: ({ figure }) => (figure ? `${number(figure.numerator, 1)} / ${number(figure.denominator, 0)}` : '–'),
              },
              {
                name: t('reports.range'),
                number: true,
                show: ({ figure, formula }) => (figure?.low == null || figure.high == null ? '–' : `${inUnit(figure.low, formula.unit)}–${inUnit(figure.high, formula.unit)}`),
              },
              {
                name: '',
                show: ({ formula, group }) => (
                  <Button kind="quiet" onClick={() => (open.value = { formula, group })}>
                    {t('reports.open')}
                  </Button>
                ),
              },
            ]}
          />
        </Section>
      )}
      {open.value && (
        <Opened
          {...open.value}
          path={`/reports/${encodeURIComponent(open.value.formula.id)}/contacts?since=${since}&until=${until}&limit=200${
            by.value && open.value.group ? `&by=${by.value}&group=${encodeURIComponent(open.value.group)}` : ''
          }`}
          close={() => (open.value = null)}
        />
      )}
    </>
  )
}

function totalOf(page: ReportPage, formula: string, group: string | null): FigureLine | undefined {
  const total = page.totals.find((own) => (own.group ?? null) === group)
  return total?.figures.find((own) => own.formula === formula)
}

/** What a figure counted: calls lead to their page. */
function Opened({ formula, group, path, close }: { formula: FormulaLine; group: string | null; path: string; close: () => void }) {
  const { value, problem } = useLoaded<OpenedLinePage>(path)
  return (
    <Dialog title={`${formula.id} · ${formula.title}${group ? ` · ${group}` : ''}`} close={close} wide>
      {problem.value && <Empty>{problem.value}</Empty>}
      <Table<OpenedLine>
        name={formula.title}
        rows={value.value?.items}
        id={(line) => `${line.kind} ${line.id ?? ''} ${line.above} ${line.below}`}
        empty={t('reports.nothing')}
        columns={[
          { name: t('reports.kind'), show: ({ kind }) => kind },
          {
            name: t('reports.which'),
            show: ({ kind, id }) =>
              kind === 'contact' && id ? (
                <a class="mono" href={`/watch/calls/${id}`}>
                  {id}
                </a>
              ) : (
                <span class="mono">{id ?? '–'}</span>
              ),
          },
          { name: t('reports.above'), number: true, show: ({ above }) => number(above, 2) },
          { name: t('reports.below'), number: true, show: ({ below }) => number(below, 2) },
        ]}
      />
    </Dialog>
  )
}
