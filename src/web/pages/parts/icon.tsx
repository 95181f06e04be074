// Icons, drawn with one pen: 20 by 20, a line of 1.6.
const PATHS = {
  phone: 'M4 3.5c0 7 5.5 12.5 12.5 12.5v-3.2l-3.4-1.3-1.6 1.6A11 11 0 0 1 6.900 8.500l1.600-1.600L7.200 3.500z',
  hangup: 'M2.500 12.500c4.500-4.500 10.500-4.500 15 0l-2 2-2.700-1.500v-2a9 9 0 0 0-5.600 0v2l-2.700 1.500z',
  hold: 'M7 4v12M13 4v12',
  play: 'M6 4l10 6-10 6z',
  mute: 'M7.500 5.500a2.500 2.500 0 0 1 5 0V10M12.500 12a2.500 2.500 0 0 1-5-2V8M4.500 9.500a5.500 5.500 0 0 0 9 4.300M15.500 9.500c0 .8-.2 1.500-.5 2.200M10 15v2.500M3 3l14 14',
  voice: 'M7.500 5a2.500 2.500 0 0 1 5 0v5a2.500 2.500 0 0 1-5 0zM4.500 9.500a5.500 5.500 0 0 0 11 0M10 15v2.500',
  keypad: 'M5 4h.01M10 4h.01M15 4h.01M5 9h.01M10 9h.01M15 9h.01M5 14h.01M10 14h.01M15 14h.01M10 18h.01',
  transfer: 'M3 7h12l-3-3M17 13H5l3 3',
  consult: 'M6 9a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM1.500 16c0-3 2-4.500 4.500-4.500s4.500 1.500 4.500 4.500M14 4v6M11 7h6',
  search: 'M9 14.500a5.500 5.500 0 1 0 0-11 5.500 5.500 0 0 0 0 11zM13 13l4 4',
  close: 'M5 5l10 10M15 5L5 15',
  person: 'M10 9.500a3.200 3.200 0 1 0 0-6.400 3.200 3.200 0 0 0 0 6.400zM3.500 17c0-3.600 2.800-5.500 6.500-5.500s6.500 1.900 6.500 5.500',
  note: 'M4 3.500h12v9l-4 4H4zM12 16.500v-4h4M7 7h6M7 10h4',
  in: 'M15 5L5 15M5 8v7h7',
  out: 'M5 15L15 5M8 5h7v7',
  mail: 'M3 5h14v10H3zM3 5.500l7 5.500 7-5.500',
  check: 'M4 10.500l4 4 8-9',
  clock: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 6v4.500l3 2',
  up: 'M10 16V4M5 9l5-5 5 5',
  move: 'M3 10h12M11 5l5 5-5 5',
  shield: 'M10 2.500l6 2.500v4.500c0 4-2.500 6.500-6 8-3.500-1.500-6-4-6-8V5z',
  sliders: 'M3 6h8M15 6h2M13 4v4M3 14h2M9 14h8M7 12v4',
  pin: 'M7 3h6l-1 5 3 3H5l3-3zM10 11v6',
  tag: 'M3 3h7l7 7-7 7-7-7zM6.500 6.500h.01',
  plus: 'M10 4v12M4 10h12',
  more: 'M4 10h.01M10 10h.01M16 10h.01',
  record: 'M10 14.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9z',
  file: 'M5 2.500h7l3.500 3.500v11.500H5zM12 2.500V6h3.500',
  tick: 'M4 4h12v12H4zM7 10l2 2 4-4.500',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name }: { name: IconName }) {
  const thick = name === 'keypad' || name === 'more'
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name]} stroke-width={thick ? 2.6 : 1.6} />
    </svg>
  )
}
