// What the API says and takes, from `branchline openapi` by schema.mjs: not written by hand.

export type ActLine = {
  "at": UnixTime
  "done": boolean
  "from"?: string | null
  "number": number
  "on"?: string | null
  "what": string
  "who": Who
}

export type ActLinePage = {
  "items": Array<ActLine>
  "next"?: string
}

export type ActiveCall = {
  "arrived": UnixTime
  "call": CallId
  "coded"?: Array<string>
  "consent"?: Consent
  "doing": string
  "from": string
  "held_by"?: Array<string>
  "paying"?: boolean
  "supervised"?: Mode
  "tape"?: Tape
  "to": string
  "with"?: string | null
}

export type ActiveCallPage = {
  "items": Array<ActiveCall>
  "next"?: string
}

export type ActorId = string

export type Agent = {
  "agent": AgentId
  "extension": ExtensionId
  "since": UnixTime
  "state": string
}

export type AgentId = string

export type AgentPage = {
  "items": Array<Agent>
  "next"?: string
}

export type AgentStanding = {
  "agent": AgentId
  "standing": string
  "words": string
}

export type ArticleId = string

export type ArticleLine = {
  "article": ArticleId
  "at": UnixTime
  "by": ActorId
  "channels": Array<string>
  "language"?: string
  "prompt"?: string
  "short"?: string
  "tags": Array<string>
  "template"?: ServiceTemplate
  "text": string
  "title": string
  "version": number
}

export type ArticleLinePage = {
  "items": Array<ArticleLine>
  "next"?: string
}

export type Ban = {
  "dropped": number
  "kind": string
  "since": UnixTime
  "source": string
  "until": UnixTime
  "why": string
}

export type BanPage = {
  "items": Array<Ban>
  "next"?: string
}

export type BegunCall = {
  "call": CallId
}

export type CallId = string

export type CallLine = {
  "agent"?: AgentId | null
  "answered"?: UnixTime | null
  "arrived": UnixTime
  "call": CallId
  "cause": string
  "class": string
  "conference"?: ConferenceId | null
  "connected"?: UnixTime | null
  "consent"?: Consent
  "direction": string
  "diverted_by"?: string | null
  "duration_s": number
  "encryption"?: Array<string>
  "ended": UnixTime
  "from": string
  "jitter_ms"?: number | null
  "loss_percent"?: number | null
  "mos"?: number | null
  "one_way": boolean
  "origin": string
  "queue"?: QueueId | null
  "reached"?: string | null
  "recordings": Array<RecordingId>
  "round_trip_ms"?: number | null
  "talk_s": number
  "to": string
  "wait_s": number
}

export type CallLinePage = {
  "items": Array<CallLine>
  "next"?: string
}

export type CallQuality = {
  "call": CallId
  "every_s": number
  "legs": Array<LegQuality>
}

export type CallerCard = {
  "case"?: CardCase | null
  "contact": ContactId
  "crm"?: CrmCard | null
  "last": Array<MomentLine>
  "name"?: string | null
  "pins": Array<string>
  "preferred"?: Channel | null
  "shared"?: Sharing | null
  "tags": Array<string>
  "users": Array<Named>
  "verified"?: number | null
  "version": number
}

export type CameOut = {
  "agent"?: string | null
  "code"?: string | null
  "fields"?: Record<string, string>
}

export type Cap = {
  "cap": number
  "lifted_until"?: UnixTime | null
  "measure": string
  "of": string
  "percent": number
  "spent": number
  "within": string
}

export type CardCase = {
  "case": CaseId
  "opened": UnixTime
  "title"?: string | null
}

export type CaseChange = {
  "closed"?: boolean | null
  "fields"?: Record<string, string | null>
}

export type CaseId = string

export type CaseLine = {
  "by": ActorId
  "case": CaseId
  "closed"?: UnixTime | null
  "contact": ContactId
  "fields": Record<string, string>
  "merged_into"?: CaseId | null
  "moments": Array<string>
  "opened": UnixTime
  "split_from"?: CaseId | null
  "title"?: string | null
  "verified"?: VerifiedLine | null
}

export type Channel = "voice" | "sms" | "chat" | "mail" | "message" | "web" | "visit"

export type ChannelId = string

export type Chosen = {
  "able": number
  "agents": Array<AgentId>
  "at": UnixTime
  "offer": OfferId
  "rule": string
  "runners_up": Array<AgentId>
  "waited_s": number
  "words": string
}

export type Collect = {
  "keys": number
  "party"?: Party
  "prompt"?: string | null
  "seconds": number
}

export type ConferenceId = string

export type ConfigApplied = {
  "changes": Array<Difference>
  "digest": string
  "trial": OnTrial
  "warnings": Array<ConfigProblem>
}

export type ConfigChecked = {
  "changes": Array<Difference>
  "diff": string
  "good": boolean
  "problems": Array<ConfigProblem>
}

export type ConfigProblem = {
  "allowed"?: string | null
  "column": number
  "file"?: string | null
  "key": string
  "line": number
  "nearest"?: string | null
  "warning": boolean
  "what": string
  "width": number
}

export type ConfigShown = {
  "confirm_within_s": Array<number>
  "digest": string
  "text": string
  "trial"?: OnTrial | null
  "unapplied"?: string | null
  "version"?: number | null
}

export type ConfigState = "applied" | "confirmed" | "rolled_back"

export type Consent = {
  "given": boolean
  "how": ConsentBy
}

export type ConsentBy = "heard" | "key" | "earlier"

export type ConsentChange = {
  "channel": Channel
  "given": boolean
  "purpose": string
  "source"?: Source
  "through"?: Channel | null
}

export type ConsentLine = {
  "at": UnixTime
  "by": ActorId
  "channel": Channel
  "given": boolean
  "purpose": string
  "source": Source
  "through"?: Channel | null
}

export type ContactId = string

export type ContactLine = {
  "by": ActorId
  "consents": Array<ConsentLine>
  "contact": ContactId
  "created": UnixTime
  "elsewhere"?: Array<ElsewhereLine>
  "fields": Record<string, FieldLine>
  "holds": Array<HoldLine>
  "identities": Array<IdentityLine>
  "learned"?: LearnedLine | null
  "pins": Array<PinLine>
  "preferred"?: Channel | null
  "tags": Array<string>
  "verified"?: VerifiedLine | null
  "version": number
  "wanted"?: Array<WantedLine>
}

export type ConversationId = string

export type ConversationLine = {
  "calls"?: Array<CallId>
  "closed"?: UnixTime
  "conversation": ConversationId
  "last": UnixTime
  "last_in"?: UnixTime
  "messages": number
  "note"?: string
  "opened": UnixTime
  "owner": OwnerLine
  "person": Named
  "preview"?: string
  "subject"?: string
  "turns"?: Array<TurnLine>
  "unread": number
  "way": WayLine
}

export type ConversationLinePage = {
  "items": Array<ConversationLine>
  "next"?: string
}

export type CrmCard = LearnedLine & {
  "age_s": number
  "from": string
}

export type DeadLine = {
  "at": UnixTime
  "first": number
  "id"?: string
  "last": number
  "tries": number
  "why": string
}

export type DeadLinePage = {
  "items": Array<DeadLine>
  "next"?: string
}

export type Difference = {
  "key": string
  "live": boolean
}

export type DispositionLine = {
  "code": string
  "requires": Array<string>
}

export type DispositionLinePage = {
  "items": Array<DispositionLine>
  "next"?: string
}

export type Draft = {
  "text": string
}

export type DryRun = {
  "leads_to": string
  "why": Array<string>
}

export type ElsewhereLine = {
  "heard": UnixTime
  "masked"?: Record<string, string>
  "site": string
}

export type EndOfWork = {
  "code"?: string | null
  "fields"?: Record<string, string>
  "item"?: ItemId | null
}

export type EndedThere = {
  "users": number
}

export type Ending = {
  "code"?: string | null
  "fields"?: Record<string, string>
}

export type ErasureId = string

export type ErasureLine = {
  "at": UnixTime
  "by": ActorId
  "contacts": Array<ContactId>
  "erasure": ErasureId
  "identities": number
  "keys": number
  "moments": number
  "recordings": number
  "rule"?: string | null
}

export type ErasureLinePage = {
  "items": Array<ErasureLine>
  "next"?: string
}

export type EventRefused = {
  "detail": string
  "index": number
  "retry_after_s"?: number
  "type": string
}

export type EventsTaken = {
  "again": number
  "counted": number
  "kept": number
  "refused": Array<EventRefused>
}

export type Evidence = "same_interaction" | "same_name" | "same_birthday" | "same_address" | "same_company" | "similar_mail" | "said"

export type Explanation = {
  "agents": Array<AgentStanding>
  "chosen": Array<Chosen>
  "item": ItemId
  "left_off": number
  "waiting"?: WaitingItem
}

export type ExtensionId = string

export type Fate = {
  "state": "read"
} | {
  "state": "on_trial"
} | {
  "at": UnixTime
  "by": string
  "state": "confirmed"
} | {
  "at": UnixTime
  "reason": Record<string, unknown>
  "state": "rolled_back"
  "words": string
}

export type Fault = "address" | "refused" | "window" | "content" | "account" | "expired" | "network" | "unknown"

export type FieldLine = {
  "before": Array<SaidLine>
  "now": SaidLine
  "others"?: Array<OtherLine>
}

export type FigureLine = {
  "beside"?: number | null
  "denominator": number
  "formula": string
  "high"?: number | null
  "low"?: number | null
  "numerator": number
  "value"?: number | null
}

export type FilledTemplate = {
  "language": string
  "name": string
  "values"?: Array<string>
}

export type FlowId = string

export type ForAgent = {
  "agent"?: string | null
}

export type Forcing = {
  "at": number
  "character": string
}

export type FormulaLine = {
  "by": Array<string>
  "id": string
  "title": string
  "unit": string
}

export type FormulaLinePage = {
  "items": Array<FormulaLine>
  "next"?: string
}

export type HandOver = {
  "agent"?: string | null
  "note"?: string | null
  "queue"?: string | null
}

export type Happening = {
  "call": CallId
  "event": "call_arrived"
  "from": string
  "origin": string
  "to": string
} | {
  "call": CallId
  "event": "call_queued"
  "queue": QueueId
} | {
  "agent": AgentId
  "call": CallId
  "caller"?: CallerCard | null
  "conversation"?: ConversationId
  "event": "call_offered"
  "from": string
  "queue"?: QueueId
  "reason"?: Chosen | null
  "to": string
} | StillWaits & {
  "event": "waits"
} | WorkLine & {
  "event": "work"
} | WorkOffer & {
  "event": "work_offered"
} | {
  "event": "work_over"
  "item": ItemId
} | WrittenLine & {
  "event": "message"
} | {
  "conversation": ConversationId
  "event": "message_state"
  "message": MessageId
  "state": State
} | TalkLine & {
  "event": "conversation"
} | {
  "conversation": ConversationId
  "event": "typing"
  "on": boolean
} | {
  "agent"?: AgentId | null
  "call": CallId
  "caller": CallerCard
  "event": "caller_known"
} | {
  "contacts": Array<ContactId>
  "event": "person_erased"
} | {
  "agent": AgentId
  "call": CallId
  "event": "call_taken"
} | {
  "by": string
  "call": CallId
  "event": "call_answered"
} | {
  "call": CallId
  "event": "call_waits"
  "from": string
  "program": string
  "to": string
} | {
  "call": CallId
  "event": "call_recording"
  "recording": RecordingId
  "state": Tape
} | {
  "call": CallId
  "event": "call_consent"
  "given": boolean
  "how": ConsentBy
} | {
  "by": ExtensionId
  "call": CallId
  "event": "call_supervised"
  "mode"?: Mode
  "shown": boolean
} | {
  "call": CallId
  "event": "call_payment"
  "on": boolean
} | {
  "by": string
  "call": CallId
  "event": "call_held"
} | {
  "by": string
  "call": CallId
  "event": "call_resumed"
} | {
  "call": CallId
  "event": "call_transferred"
} | {
  "call": CallId
  "event": "call_played"
} | {
  "call": CallId
  "complete": boolean
  "digits": string
  "event": "call_collected"
} | {
  "call": CallId
  "cause": string
  "class": string
  "event": "call_ended"
} | {
  "at": UnixTime
  "event": "site_event"
  "kind": string
  "person"?: ContactId | null
} | {
  "event": "configuration"
  "state": ConfigState
  "version": number
  "why"?: string
} | Agent & {
  "event": "agent"
} | Queue & {
  "event": "queue"
} | Trunk & {
  "event": "trunk"
}

export type Held = {
  "estimates": number
  "held": number
  "percent": number
  "queue": QueueId
}

export type HitLine = {
  "case"?: CaseId
  "found": string
  "identities"?: Array<string>
  "moment"?: MomentLine
  "name"?: string
  "person": ContactId
  "title"?: string
}

export type HitLinePage = {
  "items": Array<HitLine>
  "next"?: string
}

export type HoldId = string

export type HoldLine = {
  "at": UnixTime
  "by": ActorId
  "hold": HoldId
  "reason": string
}

export type HookId = string

export type How = "first" | "together" | "said"

export type IdentityLine = {
  "at": UnixTime
  "by": ActorId
  "how": How
  "identity": string
}

export type Imported = "created" | "changed" | "unchanged"

export type ItemId = string

export type JourneyEnd = "finished" | "stopped" | "open-case" | "event" | "rule-changed" | "too-late" | "by-hand" | "gone" | "case-over"

export type JourneyId = string

export type JourneyLine = {
  "does": string
  "journey": JourneyId
  "person": ContactId
  "rule": string
  "since": UnixTime
  "step": number
  "steps": number
  "until"?: UnixTime | null
  "words": string
}

export type JourneyLinePage = {
  "items": Array<JourneyLine>
  "next"?: string
}

export type JourneyTold = {
  "at": UnixTime
  "end"?: JourneyEnd | null
  "journey": JourneyId
  "outcome"?: StepOutcome | null
  "person": ContactId
  "rule": string
  "step"?: number | null
  "words": string
}

export type JourneyToldPage = {
  "items": Array<JourneyTold>
  "next"?: string
}

export type KeptFile = {
  "content": string
  "mime": string
  "name"?: string | null
  "size": number
}

export type Kind = "phone" | "short" | "email" | "sip" | "business" | "visitor"

export type Lamp = "green" | "amber" | "red"

export type LearnedLine = {
  "at": UnixTime
  "fields": Record<string, string>
  "found": boolean
  "id"?: string | null
  "link"?: string | null
  "source": Source
  "until": UnixTime
}

export type LeftOut = {
  "answers": number
  "late": number
  "strays": number
}

export type LegQuality = {
  "leg": string
  "samples": Array<Sample>
}

export type Lifting = {
  "hours": number
  "of"?: string | null
}

export type ListenIn = {
  "phone"?: string
}

export type LogoutToken = {
  "logout_token": string
}

export type MadeMessage = {
  "conversation": ConversationId
  "message": MessageId
}

export type MadeTask = {
  "item": ItemId
}

export type MadeToken = {
  "about": TokenLine
  "token": string
}

export type Mailbox = {
  "mailbox": ExtensionId
  "new": number
  "old": number
}

export type MailboxPage = {
  "items": Array<Mailbox>
  "next"?: string
}

export type Me = {
  "agent"?: AgentId
  "csrf"?: string
  "idle_s"?: number
  "leave"?: string
  "role": Role
  "scopes"?: Array<Scope>
  "who": Who
}

export type MergeId = string

export type MergeLine = {
  "at": UnixTime
  "by": ActorId
  "evidence": Array<Evidence>
  "gone": ContactId
  "kept": ContactId
  "merge": MergeId
}

export type MessageId = string

export type MessageLine = {
  "answers"?: MessageId
  "at": UnixTime
  "automatic"?: boolean
  "by"?: ActorId
  "code"?: string
  "contact": ContactId
  "conversation": ConversationId
  "direction": Way
  "fault"?: Fault
  "message": MessageId
  "not_before"?: UnixTime
  "pieces": Array<PieceLine>
  "proved"?: boolean
  "purpose"?: string
  "since": UnixTime
  "state": State
  "stopped"?: Stop
  "subject"?: string
  "until"?: UnixTime
  "way": WayLine
}

export type MessageLinePage = {
  "items": Array<MessageLine>
  "next"?: string
}

export type Mode = "monitor" | "whisper" | "barge"

export type MomentLine = {
  "agent"?: AgentId
  "at": UnixTime
  "by"?: ActorId
  "call"?: CallId
  "case"?: CaseId
  "cause"?: string
  "channel"?: Channel
  "fields"?: Record<string, string>
  "name"?: string
  "place"?: string
  "queue"?: QueueId
  "recordings"?: Array<RecordingId>
  "seconds"?: number
  "talked"?: number
  "text"?: string
  "way"?: Way
  "what": string
}

export type MomentLinePage = {
  "items": Array<MomentLine>
  "next"?: string
}

export type Moments = {
  "moments": Array<string>
}

export type MoveWaiting = {
  "channel"?: string | null
  "queue"?: string | null
}

export type Named = {
  "contact": ContactId
  "name"?: string | null
}

export type NewArticle = {
  "channels"?: Array<string>
  "language"?: string | null
  "prompt"?: string | null
  "short"?: string | null
  "tags"?: Array<string>
  "template"?: ServiceTemplate | null
  "text"?: string
  "title"?: string
  "version"?: number | null
}

export type NewCall = {
  "from": ExtensionId
  "to": string
}

export type NewCase = {
  "moments"?: Array<string>
  "title"?: string | null
}

export type NewConfig = {
  "confirm_within_s"?: number
  "text": string
  "why": string
}

export type NewDisposition = {
  "call"?: CallId | null
  "case"?: CaseId | null
  "code": string
  "fields"?: Record<string, string>
}

export type NewEvent = {
  "at"?: string | null
  "attributes"?: Record<string, string>
  "consent": boolean
  "detail"?: string | null
  "id": string
  "identities"?: Array<string>
  "kind": string
  "source"?: string | null
  "together"?: boolean
}

export type NewEvents = {
  "events": Array<NewEvent>
}

export type NewHold = {
  "reason": string
}

export type NewMessage = {
  "channel": string
  "purpose"?: string
  "template"?: FilledTemplate | null
  "text"?: string
  "to": string
  "until"?: UnixTime | null
}

export type NewNote = {
  "case"?: CaseId | null
  "text": string
}

export type NewPerson = {
  "channel"?: Channel | null
  "fields"?: Record<string, string>
  "identities"?: Array<string>
  "source"?: Source
}

export type NewPin = {
  "channel"?: Channel | null
  "fact": string
  "source"?: Source
  "until"?: UnixTime | null
}

export type NewReply = {
  "answers"?: MessageId | null
  "channel"?: string | null
  "files"?: Array<KeptFile>
  "template"?: FilledTemplate | null
  "text"?: string | null
}

export type NewSharing = {
  "identity": string
  "sharing": Sharing
}

export type NewTask = {
  "contact"?: ContactId | null
  "due"?: UnixTime | null
  "priority"?: number
  "queue": string
  "skills"?: Record<string, number>
  "text": string
}

export type NewToken = {
  "days"?: number | null
  "name": string
  "role": Role
  "scopes": Array<Scope>
}

export type NewUser = {
  "agent"?: AgentId | null
  "name": string
  "password": string
  "role": Role
}

export type OfferId = string

export type OnTrial = {
  "before": number
  "until": UnixTime
  "version": number
  "watched": Array<string>
}

export type OneCall = {
  "ladder"?: unknown
  "live"?: ActiveCall | null
  "record"?: CallLine | null
}

export type OneIdentity = {
  "identity": string
}

export type OpenedLine = {
  "above": number
  "below": number
  "id"?: string | null
  "kind": string
}

export type OpenedLinePage = {
  "items": Array<OpenedLine>
  "next"?: string
}

export type Ordered = {
  "case"?: CaseId | null
  "contact"?: ContactId | null
  "erasure"?: ErasureId | null
  "hold"?: HoldId | null
  "imported"?: Imported | null
  "merge"?: MergeId | null
  "pin"?: PinId | null
}

export type OtherCase = {
  "gone": CaseId
}

export type OtherContact = {
  "gone": ContactId
}

export type OtherLine = {
  "at": UnixTime
  "site"?: string
  "value"?: string | null
}

export type OwnerLine = {
  "agent"?: AgentId
  "flow"?: FlowId
  "item"?: ItemId
  "queue"?: QueueId
}

export type Part = {
  "lamp": Lamp
  "name": string
  "words": string
}

export type Parts = {
  "channel": string
  "text": string
}

export type PartsLine = {
  "encoding": string
  "forced_by"?: Forcing
  "max_parts"?: number
  "parts": number
  "units_left": number
}

export type Party = "caller" | "other" | "both"

export type Pausing = {
  "paused": boolean
}

export type PersonChange = {
  "channel"?: Channel | null
  "fields": Record<string, string | null>
  "source"?: Source
  "version"?: number | null
}

export type PersonRecord = {
  "cases": Array<CaseLine>
  "contacts": Array<ContactLine>
  "merges": Array<MergeLine>
  "person": ContactId
  "suggestions": Array<SuggestionLine>
  "timeline": Array<MomentLine>
}

export type PersonRecordPage = {
  "items": Array<PersonRecord>
  "next"?: string
}

export type Phone = {
  "bindings": Array<string>
  "extension": ExtensionId
  "name": string
  "set"?: Array<string>
  "sheets"?: Array<PhoneSheet>
}

export type PhoneCode = {
  "code": string
  "number": string
  "until": UnixTime
}

export type PhonePage = {
  "items": Array<Phone>
  "next"?: string
}

export type PhoneSheet = {
  "fetched"?: UnixTime | null
  "mac": string
  "make": string
  "model": string
  "url_command": string
}

export type PieceLine = {
  "at"?: string
  "content"?: string
  "mime"?: string
  "name"?: string
  "piece": string
  "size"?: number
  "text"?: string
}

export type PinId = string

export type PinLine = {
  "fact": SaidLine
  "pin": PinId
  "until"?: UnixTime | null
}

export type Play = {
  "party"?: Party
  "prompt": string
}

export type Preference = {
  "channel"?: Channel | null
}

export type PresenceChange = {
  "reason"?: string | null
  "state": Wanted
}

export type Priority = {
  "priority": number
}

export type Problem = {
  "at"?: string
  "detail": string
  "do": string
  "retry_after_s"?: number
  "status": number
  "title": string
  "type": string
}

export type Queue = {
  "abandoned": number
  "connected": number
  "estimates"?: number
  "estimates_held"?: number
  "estimates_held_percent"?: number
  "longest_wait_s": number
  "overflowed": number
  "queue": QueueId
  "ready": number
  "taken_out"?: number
  "tasks"?: number
  "wait_s"?: Array<number>
  "waiting": number
}

export type QueueId = string

export type QueuePage = {
  "items": Array<Queue>
  "next"?: string
}

export type RecordingId = string

export type RecordingLine = {
  "call": CallId
  "from": string
  "heard": boolean
  "length_ms": number
  "mailbox": ExtensionId
  "recording": RecordingId
  "taken": UnixTime
}

export type RecordingLinePage = {
  "items": Array<RecordingLine>
  "next"?: string
}

export type Release = {
  "flow"?: string | null
  "queue"?: string | null
}

export type Replay = {
  "id"?: string | null
  "since"?: UnixTime | null
  "until"?: UnixTime | null
}

export type ReportPage = {
  "by"?: string
  "formulas": Array<FormulaLine>
  "items": Array<ReportRow>
  "left_out": LeftOut
  "next"?: string
  "since": string
  "totals": Array<ReportTotal>
  "until": string
}

export type ReportRow = {
  "end": string
  "figures": Array<FigureLine>
  "group"?: string | null
  "start": string
}

export type ReportTotal = {
  "figures": Array<FigureLine>
  "group"?: string | null
}

export type Role = "agent" | "supervisor" | "admin" | "auditor"

export type SaidLine = {
  "at": UnixTime
  "by": ActorId
  "channel"?: Channel | null
  "source": Source
  "value"?: string | null
}

export type Sample = {
  "at": UnixTime
  "jitter_ms": number
  "loss_percent": number
  "mos"?: number | null
  "rating"?: number | null
  "received": number
  "round_trip_ms"?: number | null
}

export type Scope = "read" | "calls" | "control" | "agents" | "recordings" | "people" | "records" | "events" | "admin" | "audit"

export type Seen = {
  "upto": MessageId
}

export type ServiceTemplate = {
  "language": string
  "name": string
}

export type SessionLine = {
  "session": string
  "since": UnixTime
  "user": string
}

export type SessionLinePage = {
  "items": Array<SessionLine>
  "next"?: string
}

export type Sharing = "family" | "office" | "kiosk"

export type SignIn = {
  "name": string
  "password": string
}

export type Source = "customer" | "agent" | "import" | "rule" | "crm" | "branch"

export type Spending = {
  "caps": Array<Cap>
  "currency": string
  "spent": Array<Spent>
}

export type Spent = {
  "calls": number
  "minutes": number
  "money": number
  "of": string
  "within": string
}

export type State = "received" | "queued" | "sending" | "sent" | "delivered" | "read" | "failed" | "unknown" | "stopped"

export type Status = {
  "agents_ready": number
  "agents_signed_in": number
  "at": UnixTime
  "calls": number
  "counters": Array<Array<unknown>>
  "draining": boolean
  "estimates"?: Array<Held>
  "extensions": number
  "listeners": Array<string>
  "max_calls": number
  "parts": Array<Part>
  "phones_registered": number
  "ports": number
  "ports_in_use": number
  "site": string
  "started": UnixTime
  "version": string
  "waiting": number
}

export type StepOutcome = "done" | "not-meant" | "no-consent" | "capped" | "refused" | "no-carrier" | "no-address" | "unknown"

export type StillWaits = {
  "call"?: CallId
  "channel": string
  "item": ItemId
  "position": number
  "queue": QueueId
  "why": string
}

export type Stop = "consent" | "expired" | "withdrawn" | "erased" | "no_channel"

export type SuggestionLine = {
  "a": ContactId
  "at": UnixTime
  "b": ContactId
  "evidence": Array<Evidence>
  "refused": boolean
}

export type TalkLine = {
  "by"?: ActorId
  "call"?: CallId
  "closed": boolean
  "contact": ContactId
  "conversation": ConversationId
  "note"?: string
  "owner": OwnerLine
}

export type Tape = "runs" | "paused" | "ended"

export type TaskLine = {
  "person": ContactId
  "queue": QueueId
  "rule": string
  "since": UnixTime
  "task": string
  "text": string
}

export type TaskLinePage = {
  "items": Array<TaskLine>
  "next"?: string
}

export type TokenLine = {
  "expires"?: UnixTime | null
  "made": UnixTime
  "name": string
  "prefix": string
  "role": Role
  "scopes": Array<Scope>
}

export type TokenLinePage = {
  "items": Array<TokenLine>
  "next"?: string
}

export type Transfer = {
  "to"?: string | null
  "with"?: CallId | null
}

export type Trunk = {
  "calls": number
  "lamp": Lamp
  "trunk": TrunkId
  "words": string
}

export type TrunkId = string

export type TrunkPage = {
  "items": Array<Trunk>
  "next"?: string
}

export type TurnLine = {
  "at": UnixTime
  "by"?: ActorId
  "closed"?: boolean
  "owner": OwnerLine
}

export type Typing = {
  "on": boolean
}

export type UnixTime = string

export type UserChange = {
  "agent"?: AgentId | null
  "disabled"?: boolean | null
  "password"?: string | null
  "role"?: Role | null
}

export type UserLine = {
  "agent"?: AgentId | null
  "disabled": boolean
  "has_password": boolean
  "name": string
  "role": Role
}

export type UserLinePage = {
  "items": Array<UserLine>
  "next"?: string
}

export type Verdict = {
  "at": UnixTime
  "breaks": number
  "broken_seals": number
  "by": string
  "bytes": number
  "gaps": number
  "head": string
  "key": string
  "record": number
  "records": number
  "seals": number
  "segments": number
  "stands"?: boolean | null
  "whole": boolean
}

export type Verification = {
  "case"?: CaseId | null
  "level": number
  "minutes"?: number | null
}

export type VerifiedLine = {
  "at": UnixTime
  "level": number
  "until": UnixTime
}

export type Version = {
  "at": UnixTime
  "before"?: number | null
  "by": string
  "digest": string
  "fate": Fate
  "version": number
  "why": string
}

export type VersionPage = {
  "items": Array<Version>
  "next"?: string
}

export type VersionText = {
  "about": Version
  "diff": string
  "text": string
}

export type WaitingItem = {
  "channel": string
  "item": ItemId
  "position": number
  "priority": number
  "queue": QueueId
  "waited_s": number
  "why": string
}

export type WaitingItemPage = {
  "items": Array<WaitingItem>
  "next"?: string
}

export type Wanted = "ready" | "paused" | "signed_out"

export type WantedLine = {
  "at": UnixTime
  "erasure": string
  "site": string
  "waits": boolean
}

export type Way = "in" | "out"

export type WayLine = {
  "address": string
  "channel": ChannelId
  "counts_as": string
  "kind": Kind
}

export type WebhookLine = {
  "behind": number
  "failed"?: number
  "given_up": number
  "gone"?: boolean
  "last_given_up"?: UnixTime | null
  "name": HookId
  "oldest"?: UnixTime | null
  "paused"?: string | null
  "replays": number
  "tried"?: number
  "tries"?: number
  "trouble"?: string | null
  "upto": number
  "url": string
}

export type WebhookLinePage = {
  "items": Array<WebhookLine>
  "next"?: string
}

export type Who = {
  "by": "user"
  "name": string
} | {
  "by": "token"
  "name": string
} | {
  "by": "console"
} | {
  "by": "stranger"
} | {
  "by": "provider"
} | {
  "by": "gateway"
}

export type WorkLine = {
  "agents": Array<AgentId>
  "by_channel"?: ChannelId
  "channel": string
  "contact"?: ContactId
  "conversation"?: ConversationId
  "due"?: UnixTime
  "from"?: string
  "item": ItemId
  "overdue": boolean
  "position"?: number
  "priority": number
  "queue": QueueId
  "since": UnixTime
  "state": WorkState
  "task"?: string
  "text"?: string
  "why": string
}

export type WorkLinePage = {
  "items": Array<WorkLine>
  "next"?: string
}

export type WorkOffer = {
  "agent": AgentId
  "for_s": number
  "offer": OfferId
  "reason"?: Chosen
  "work": WorkLine
}

export type WorkState = "waiting" | "offered" | "in-hand" | "wrap-up"

export type WrittenLine = MessageLine & {
  "owner": OwnerLine
}
