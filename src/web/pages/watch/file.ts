// A call as one file that opens in any browser: what is known of it, its ladder, and all of it again as JSON. It leaves
// the box, so whoever looks for what went wrong gets no numbers.
import { ask } from '../api'
import type { CallQuality, OneCall } from '../schema'
import { t } from '../words'

/** What names things, and is no text of anybody's. */
const NAMES = new Set(['call', 'at', 'us', 'local', 'peer', 'cseq', 'arrived', 'answered', 'connected', 'ended', 'recordings'])

/** All but the last three digits of every number. */
function masked(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return NAMES.has(key) ? value : hide(value)
  if (Array.isArray(value)) return value.map((one) => masked(one, key))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, own]) => [name, masked(own, name)]))
}

function hide(text: string): string {
  return text.replace(/\+?\d{5,}/g, (digits) => '•'.repeat(digits.length - 3) + digits.slice(-3))
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}

const STYLE =
  'body{font:14px/1.5 system-ui,sans-serif;margin:2rem;color:#18201d}svg{max-width:100%;height:auto;font:12px system-ui,sans-serif}' +
  '.leg{stroke:#d8dcd6;stroke-width:2}.rung{stroke:#0a6558;stroke-width:1.5}marker path{fill:#0a6558}.name{font-weight:650}' +
  '.time,.said{fill:#535e59}.said{font-style:italic}.bad text{fill:#ae231b}.bad .rung{stroke:#ae231b}' +
  'pre{background:#f3f4f1;padding:1rem;overflow:auto;font-size:12px}li{font-variant-numeric:tabular-nums}'

/** Makes the file, and hands it to the browser. */
export async function pageOf(one: OneCall, call: string): Promise<void> {
  const quality = one.live ? await ask<CallQuality>('GET', `/calls/${call}/quality`).catch(() => null) : null
  const drawn = document.querySelector('svg.ladder')
  const steps = [...(drawn?.closest('.section')?.querySelectorAll('ol li') ?? [])].map((own) => own.textContent ?? '')
  // XML of the page's own making: texts of strangers are escaped in it, and numbers are hidden after.
  const ladder = drawn ? hideTexts(drawn) : ''
  const data = JSON.stringify(masked({ ...one, quality }), null, 2)
  const page =
    `<!doctype html><html lang="${document.documentElement.lang}"><meta charset="utf-8">` +
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">` +
    `<title>${escaped(call)}</title><style>${STYLE}</style><h1>${escaped(t('calls.one'))} ${escaped(call)}</h1>` +
    `<p>${escaped(t('calls.masked'))}</p><h2>${escaped(t('ladder'))}</h2>${ladder}` +
    `<ol>${steps.map((step) => `<li>${escaped(hide(step))}</li>`).join('')}</ol>` +
    `<h2>JSON</h2><pre>${escaped(data)}</pre></html>`
  const link = document.createElement('a')
  link.download = `call-${call}.html`
  link.href = URL.createObjectURL(new Blob([page], { type: 'text/html' }))
  link.click()
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

function hideTexts(drawn: Element): string {
  const own = drawn.cloneNode(true) as Element
  for (const text of own.querySelectorAll('text, title')) {
    // Addresses of the two ends stay: they say which way a message took.
    if (text.nodeName === 'text') text.textContent = hide(text.textContent ?? '')
  }
  return new XMLSerializer().serializeToString(own)
}
