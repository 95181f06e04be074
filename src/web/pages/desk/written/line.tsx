// One line of a conversation: what was written, with whatever came along, and how it stands.
import { Icon } from '../../parts/icon'
import { Button } from '../../parts/ui'
import type { MessageLine, PieceLine } from '../../schema'
import { named, number, t, timeOf, when } from '../../words'
import { markOf, nameOfActor, whyOf } from './marks'

type Props = {
  line: MessageLine
  /** Whether the next line is of somebody else, or of another time: then it says who and when. */
  last: boolean
  /** Whether this agent may have it sent again. */
  mine: boolean
  again: () => void
  leave: () => void
}

export function Line({ line, last, mine, again, leave }: Props) {
  const out = line.direction === 'out'
  const [icon, shade] = markOf(line.state)
  const why = whyOf(line)
  const doubt = line.state === 'unknown'
  const lost = line.state === 'failed' || line.state === 'stopped'
  const by = nameOfActor(line.by)
  return (
    <li class={`line ${line.direction}${last ? ' last' : ''}${doubt || lost ? ` ${shade}` : ''}`}>
      <div class="bubble">
        {line.subject && <p class="subject">{line.subject}</p>}
        {line.pieces.map((piece, at) => (
          <Piece key={at} piece={piece} message={line.message} />
        ))}
      </div>
      {(last || doubt || lost) && (
        <p class="under">
          {out && by && <span>{by}</span>}
          {line.automatic && <span>{t('line.automatic')}</span>}
          <time dateTime={line.at} title={when(line.at, true)}>
            {timeOf(line.at)}
          </time>
          {out && (
            <span class={`how ${shade}`}>
              <Icon name={icon} />
              {named('sent', line.state)}
            </span>
          )}
          {out && line.state === 'queued' && line.not_before && new Date(line.not_before) > new Date() && <span>{t('line.not_before', { at: when(line.not_before) })}</span>}
        </p>
      )}
      {!last && out && !doubt && !lost && <span class="unseen">{named('sent', line.state)}</span>}
      {(doubt || lost) && (
        <div class="trouble">
          <p>{doubt ? t('line.unknown') : (why ?? t('line.failed'))}</p>
          {mine && line.stopped !== 'consent' && line.stopped !== 'erased' && (
            <div class="row">
              <Button onClick={again}>{t('line.again')}</Button>
              {doubt && <Button onClick={leave}>{t('line.leave')}</Button>}
            </div>
          )}
        </div>
      )}
    </li>
  )
}

export function Piece({ piece, message }: { piece: PieceLine; message: string }) {
  switch (piece.piece) {
    case 'text':
      return <p class="text">{linked(piece.text ?? '')}</p>
    case 'media':
      return <File piece={piece} message={message} />
    case 'missing':
      return (
        <p class="soft">
          <Icon name="file" /> {t('piece.missing', { name: piece.name ?? piece.mime ?? t('piece.media') })}
        </p>
      )
    case 'location':
      return (
        <p>
          <Icon name="pin" /> {piece.name ?? t('piece.location')} <span class="number soft">{piece.at}</span>
        </p>
      )
    case 'choice':
      return (
        <p>
          <Icon name="tick" /> {t('piece.chosen', { label: piece.text ?? piece.name ?? '' })}
        </p>
      )
    case 'reaction':
      return <p class="reaction">{piece.text ?? t('piece.reaction.off')}</p>
    case 'template':
      return (
        <p class="text">
          <span class="soft">{t('piece.template.of', { name: piece.name ?? '' })}</span>
          {piece.text && `\n${piece.text}`}
        </p>
      )
    default:
      return <p class="soft">{named('piece', piece.piece)}</p>
  }
}

/** Pictures that a browser shows in a page. */
const PICTURES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp']

/** What came along: a picture as it is, anything else by its name; either may be kept. */
function File({ piece, message }: { piece: PieceLine; message: string }) {
  const name = piece.name ?? t('piece.media')
  const link = piece.content ? `/api/v1/messages/${message}/files/${piece.content}` : undefined
  const size = piece.size ? t('piece.size', { n: number(Math.max(1, piece.size / 1024)) }) : null
  if (link && PICTURES.includes(piece.mime ?? '')) {
    return (
      <a class="picture" href={link} download={name} title={[name, size].filter(Boolean).join(' · ')}>
        <img src={link} alt={name} loading="lazy" />
      </a>
    )
  }
  return (
    <p class="file">
      <Icon name="file" /> {link ? <a href={link} download={name}>{name}</a> : name}
      {size && <span class="soft small">{size}</span>}
    </p>
  )
}

/** Addresses of pages can be followed; what they look like is what they are. */
function linked(text: string) {
  const parts = text.split(/(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]])/g)
  return parts.map((part, at) =>
    at % 2 === 0 ? (
      part
    ) : (
      <a key={at} href={part} target="_blank" rel="noopener noreferrer nofollow">
        {part}
      </a>
    ),
  )
}
