//! `command_status`: what a response says became of a request (SMPP 3.4 section 5.1.3, 5.0 section 4.7.6).

use std::fmt;

/// A `command_status`. Any number is one: providers have their own from 0x400 on, and they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Status(pub u32);

/// What a refusal means for whoever sent the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It was taken.
    Taken,
    /// Less, please: the link pauses and the same request comes again.
    Throttled,
    /// Something over there does not work now; another try may help.
    Passing,
    /// There is nobody at that address, or it is written wrongly.
    Address,
    /// The sender's address is not one that may be used.
    Sender,
    /// What it says or how it says it cannot be carried.
    Content,
    /// The account, its rights or its money.
    Account,
    /// It came too late to be delivered.
    Expired,
    /// The provider's own number, or one that says nothing.
    Unknown,
}

macro_rules! statuses {
    ($($value:literal $name:ident $text:literal $meaning:ident;)*) => {
        impl Status {
            $(#[doc = concat!("`", $text, "`.")] pub const $name: Status = Status($value);)*

            /// Its name in the standard, where it has one.
            pub fn name(self) -> Option<&'static str> {
                match self.0 { $($value => Some($text),)* _ => None }
            }

            /// What it means to whoever sent the request.
            pub fn meaning(self) -> Meaning {
                match self.0 { $($value => Meaning::$meaning,)* _ => Meaning::Unknown }
            }
        }
    };
}

statuses! {
    0x00 OK "ESME_ROK" Taken;
    0x01 INVALID_MESSAGE_LENGTH "ESME_RINVMSGLEN" Content;
    0x02 INVALID_COMMAND_LENGTH "ESME_RINVCMDLEN" Content;
    0x03 INVALID_COMMAND "ESME_RINVCMDID" Content;
    0x04 WRONG_STATE "ESME_RINVBNDSTS" Passing;
    0x05 ALREADY_BOUND "ESME_RALYBND" Passing;
    0x06 INVALID_PRIORITY "ESME_RINVPRTFLG" Content;
    0x07 INVALID_REGISTERED_DELIVERY "ESME_RINVREGDLVFLG" Content;
    0x08 SYSTEM_ERROR "ESME_RSYSERR" Passing;
    0x0A INVALID_SOURCE "ESME_RINVSRCADR" Sender;
    0x0B INVALID_DESTINATION "ESME_RINVDSTADR" Address;
    0x0C INVALID_MESSAGE_ID "ESME_RINVMSGID" Content;
    0x0D BIND_FAILED "ESME_RBINDFAIL" Account;
    0x0E INVALID_PASSWORD "ESME_RINVPASWD" Account;
    0x0F INVALID_SYSTEM_ID "ESME_RINVSYSID" Account;
    0x11 CANCEL_FAILED "ESME_RCANCELFAIL" Passing;
    0x13 REPLACE_FAILED "ESME_RREPLACEFAIL" Passing;
    0x14 QUEUE_FULL "ESME_RMSGQFUL" Throttled;
    0x15 INVALID_SERVICE_TYPE "ESME_RINVSERTYP" Content;
    0x33 INVALID_DESTINATIONS "ESME_RINVNUMDESTS" Content;
    0x34 INVALID_LIST_NAME "ESME_RINVDLNAME" Address;
    0x40 INVALID_DESTINATION_FLAG "ESME_RINVDESTFLAG" Content;
    0x42 INVALID_REPLACE "ESME_RINVSUBREP" Content;
    0x43 INVALID_ESM_CLASS "ESME_RINVESMCLASS" Content;
    0x44 CANNOT_SUBMIT_TO_LIST "ESME_RCNTSUBDL" Account;
    0x45 SUBMIT_FAILED "ESME_RSUBMITFAIL" Passing;
    0x48 INVALID_SOURCE_TON "ESME_RINVSRCTON" Sender;
    0x49 INVALID_SOURCE_NPI "ESME_RINVSRCNPI" Sender;
    0x50 INVALID_DESTINATION_TON "ESME_RINVDSTTON" Address;
    0x51 INVALID_DESTINATION_NPI "ESME_RINVDSTNPI" Address;
    0x53 INVALID_SYSTEM_TYPE "ESME_RINVSYSTYP" Account;
    0x54 INVALID_REPLACE_FLAG "ESME_RINVREPFLAG" Content;
    0x55 INVALID_MESSAGES "ESME_RINVNUMMSGS" Content;
    0x58 THROTTLED "ESME_RTHROTTLED" Throttled;
    0x61 INVALID_SCHEDULE "ESME_RINVSCHED" Content;
    0x62 INVALID_VALIDITY "ESME_RINVEXPIRY" Content;
    0x63 INVALID_DEFAULT_MESSAGE "ESME_RINVDFTMSGID" Content;
    0x64 RECEIVER_TEMPORARY "ESME_RX_T_APPN" Passing;
    0x65 RECEIVER_PERMANENT "ESME_RX_P_APPN" Unknown;
    0x66 RECEIVER_REJECT "ESME_RX_R_APPN" Unknown;
    0x67 QUERY_FAILED "ESME_RQUERYFAIL" Passing;
    0xC0 INVALID_OPTIONAL_PART "ESME_RINVOPTPARSTREAM" Content;
    0xC1 OPTIONAL_NOT_ALLOWED "ESME_ROPTPARNOTALLWD" Content;
    0xC2 INVALID_PARAMETER_LENGTH "ESME_RINVPARLEN" Content;
    0xC3 MISSING_OPTIONAL "ESME_RMISSINGOPTPARAM" Content;
    0xC4 INVALID_OPTIONAL_VALUE "ESME_RINVOPTPARAMVAL" Content;
    0xFE DELIVERY_FAILURE "ESME_RDELIVERYFAILURE" Passing;
    0xFF UNKNOWN_ERROR "ESME_RUNKNOWNERR" Unknown;
    0x100 SERVICE_NOT_AUTHORISED "ESME_RSERTYPUNAUTH" Account;
    0x101 PROHIBITED "ESME_RPROHIBITED" Account;
    0x102 SERVICE_UNAVAILABLE "ESME_RSERTYPUNAVAIL" Passing;
    0x103 SERVICE_DENIED "ESME_RSERTYPDENIED" Account;
    0x104 INVALID_DATA_CODING "ESME_RINVDCS" Content;
    0x105 INVALID_SOURCE_SUBUNIT "ESME_RINVSRCADDRSUBUNIT" Sender;
    0x106 INVALID_DESTINATION_SUBUNIT "ESME_RINVDSTADDRSUBUNIT" Address;
}

impl Status {
    /// Whether the request was taken.
    pub fn is_ok(self) -> bool {
        self == Status::OK
    }
}

/// The name of the standard, or the number in hexadecimal.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:08X}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_s_own_number_is_kept_and_shown() {
        assert_eq!(Status(0x403).to_string(), "0x00000403");
        assert_eq!(Status(0x403).meaning(), Meaning::Unknown);
        assert_eq!(Status::THROTTLED.to_string(), "ESME_RTHROTTLED");
    }

    #[test]
    fn both_ways_to_ask_for_less_are_understood() {
        for status in [Status::THROTTLED, Status::QUEUE_FULL] {
            assert_eq!(status.meaning(), Meaning::Throttled);
        }
    }
}
