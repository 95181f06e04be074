// What a text message costs: its parts, what is left in the last one, and the character that makes it dear (3GPP TS 23.038
// clause 6.2, 23.040 clause 9.2.3.24.1). The same rule as the box's own, so that the figure is there with the key.

/** The default alphabet, by place; the extension behind an escape takes two. */
const BASIC = new Set(
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà',
)
const EXTENSION = new Set('\f^{}\\[~]|€')

/** Septets, or halves of UCS-2, of a message that is alone, and of one of several, whose number is one octet. */
const ROOM = { septets: [160, 153], ucs2: [70, 67] } as const

/** What stands for a character that costs half of the room, and looks alike. */
const ALIKE: Readonly<Record<string, string>> = {
  '‘': "'", '’': "'", '‚': "'", '‛': "'", '′': "'", '`': "'", '´': "'",
  '“': '"', '”': '"', '„': '"', '‟': '"', '″': '"', '«': '"', '»': '"',
  '‐': '-', '‑': '-', '‒': '-', '–': '-', '—': '-', '−': '-', '•': '-', '·': '-',
  '…': '...', '\u00a0': ' ', '\u202f': ' ', '\u2009': ' ', '\t': ' ', '\u200b': '', '\ufeff': '', '×': 'x',
}

export type Cost = {
  parts: number
  /** Characters that still fit into the last part: septets, or halves of UCS-2. */
  left: number
  wide: boolean
  /** The first character that is in neither alphabet; nothing unless the text is wide. */
  forced: string | null
}

/** What a text costs. */
export function costOf(text: string): Cost {
  const forced = [...text].find((char) => !BASIC.has(char) && !EXTENSION.has(char)) ?? null
  const wide = forced !== null
  const width = (piece: string): number => (wide ? piece.length : [...piece].reduce((sum, char) => sum + (EXTENSION.has(char) ? 2 : 1), 0))
  const [alone, each] = ROOM[wide ? 'ucs2' : 'septets']
  const whole = width(text)
  if (whole <= alone) return { parts: 1, left: alone - whole, wide, forced }
  const tight = filled([...text].map(width), each)
  if (!wide) return { ...tight, wide, forced }
  // Not between a letter and its accents, if that costs no further part.
  const kind = filled(clusters(text).flatMap((piece) => (piece.length <= each ? [piece.length] : [...piece].map(width))), each)
  return { ...(kind.parts <= tight.parts ? kind : tight), wide, forced }
}

function filled(widths: readonly number[], room: number): { parts: number; left: number } {
  let [parts, left] = [1, room]
  for (const width of widths) {
    if (width > left) {
      parts++
      left = room
    }
    left -= width
  }
  return { parts, left }
}

function clusters(text: string): string[] {
  return [...new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(text)].map(({ segment }) => segment)
}

/** A text in pieces, and which of them make it dear: those are marked where it is written. */
export function marked(text: string): Array<{ text: string; dear: boolean }> {
  const all: Array<{ text: string; dear: boolean }> = []
  for (const char of text) {
    const dear = !BASIC.has(char) && !EXTENSION.has(char)
    const last = all.at(-1)
    if (last?.dear === dear) last.text += char
    else all.push({ text: char, dear })
  }
  return all
}

/** The same text with what looks alike; nothing where that would not make it cheaper. */
export function plainer(text: string): string | null {
  const other = [...text].map((char) => (BASIC.has(char) || EXTENSION.has(char) ? char : (ALIKE[char] ?? char))).join('')
  return other !== text && !costOf(other).wide ? other : null
}

/** What a character is called: itself where it can be seen, and its number. */
export function nameOf(char: string): string {
  const number = `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
  return /^[\p{L}\p{N}\p{P}\p{S}]$/u.test(char) ? `${char} (${number})` : number
}
