//! Between SIP's answers and the causes that call records carry.

use crate::call::ending::Cause;
use crate::sip::endpoint::Ended;
use crate::sip::message::Status;

/// The cause behind the end of a session.
pub(super) fn of_session(ended: &Ended) -> Cause {
    match ended {
        Ended::Refused { status, .. } => of_status(*status),
        // Our own refusal: the leg carries its cause already.
        Ended::Declined(status) => of_status(*status),
        Ended::Cancelled => Cause::Abandoned,
        Ended::ByeReceived { .. } | Ended::HungUp => Cause::Completed,
        Ended::TimedOut | Ended::Unreachable => Cause::Unreachable,
        Ended::NoAck | Ended::Expired => Cause::ConnectionLost,
        Ended::ProtocolError => Cause::NetworkFailure,
    }
}

/// The cause behind a final answer to our INVITE (RFC 3261 section 21).
fn of_status(status: Status) -> Cause {
    match status.code() {
        404 | 410 | 484 | 604 => Cause::NoSuchNumber,
        401 | 403 | 407 => Cause::NotAllowed,
        408 | 480 => Cause::NoAnswer,
        415 | 488 | 606 => Cause::MediaRefused,
        486 | 600 => Cause::Busy,
        487 => Cause::Completed,
        503 => Cause::Congestion,
        603 => Cause::Declined,
        _ => Cause::NetworkFailure,
    }
}

/// The answer that tells a caller the cause (RFC 3261 section 21).
pub(super) fn to_status(cause: Cause) -> Status {
    let code = match cause {
        Cause::NoSuchNumber => 404,
        Cause::NotAllowed | Cause::CapReached => 403,
        Cause::Busy => 486,
        Cause::Declined => 603,
        Cause::Completed
        | Cause::NoAnswer
        | Cause::EndedByAdmin
        | Cause::NotRegistered
        | Cause::Unreachable
        | Cause::ConnectionLost
        | Cause::Interrupted => 480,
        Cause::Abandoned => 487,
        Cause::MediaRefused => 488,
        Cause::LoopDetected => 482,
        Cause::InternalFault => 500,
        Cause::NetworkFailure => 502,
        Cause::Congestion | Cause::ShuttingDown => 503,
    };
    // Every code above is one.
    Status::new(code).unwrap_or(Status::SERVER_INTERNAL_ERROR)
}

/// Why we end a session, for a BYE or a CANCEL (RFC 3326); nothing where the end needs no reason.
pub(super) fn reason(cause: Cause) -> Option<String> {
    if matches!(cause, Cause::Completed | Cause::Abandoned) {
        return None;
    }
    let status = to_status(cause);
    Some(format!("SIP;cause={};text=\"{}\"", status.code(), status.reason()))
}

/// Which of two failed forks says more about why the called party cannot be had.
pub(super) fn more_telling(a: Option<Cause>, b: Cause) -> Cause {
    let weight = |cause: Cause| match cause {
        Cause::Declined => 4,
        Cause::Busy => 3,
        Cause::NoAnswer => 2,
        Cause::Completed | Cause::Abandoned => 0,
        _ => 1,
    };
    match a {
        Some(a) if weight(a) >= weight(b) => a,
        _ => b,
    }
}
