// Elements, made by hand: a page's policy lets nothing be read from text.
type Given = Record<string, string | boolean | undefined>
type Child = Node | string | undefined | false

export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  given: Given = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const own = document.createElement(name)
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || value === false) continue
    own.setAttribute(key, value === true ? '' : value)
  }
  own.append(...children.filter((child): child is Node | string => child !== undefined && child !== false && child !== ''))
  return own
}

export function icon(path: string): SVGSVGElement {
  const space = 'http://www.w3.org/2000/svg'
  const own = document.createElementNS(space, 'svg')
  own.setAttribute('viewBox', '0 0 24 24')
  own.setAttribute('aria-hidden', 'true')
  const line = document.createElementNS(space, 'path')
  line.setAttribute('d', path)
  own.append(line)
  return own
}

export const ICONS = {
  chat: 'M4 5h16v11H10l-4 4v-4H4z',
  close: 'M6 6l12 12M18 6L6 18',
  send: 'M4 12h15M13 6l6 6-6 6',
  attach: 'M8 12.5l6-6a3 3 0 0 1 4.3 4.3l-8 8a5 5 0 0 1-7-7l7.500-7.500',
}

const LINK = /https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]]/g

/** Words, with what is plainly a link as one. */
export function linked(text: string): Child[] {
  const out: Child[] = []
  let at = 0
  for (const found of text.matchAll(LINK)) {
    out.push(text.slice(at, found.index))
    out.push(make('a', { href: found[0], target: '_blank', rel: 'noopener noreferrer' }, found[0]))
    at = found.index + found[0].length
  }
  out.push(text.slice(at))
  return out
}
