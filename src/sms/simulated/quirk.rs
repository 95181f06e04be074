//! What modems do that the standard does not say, one switch for each.

use std::collections::BTreeSet;

macro_rules! quirks {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// One way in which modems misbehave.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Quirk {
            $($(#[$doc])* $name,)*
        }

        impl Quirk {
            /// Every one.
            pub const ALL: &'static [Quirk] = &[$(Quirk::$name,)*];

            /// Its name on the command line.
            pub fn name(self) -> &'static str {
                match self {
                    $(Quirk::$name => $word,)*
                }
            }

            /// The one of that name.
            pub fn named(name: &str) -> Option<Quirk> {
                Quirk::ALL.iter().copied().find(|quirk| quirk.name() == name)
            }
        }
    };
}

quirks! {
    /// The port that was opened is the one for positions: it talks all the time and answers nothing.
    PositionPort = "position-port",
    /// A port for diagnosis: it swallows everything.
    DeafPort = "deaf-port",
    /// `^RSSI`, `^BOOT` and `^DSFLOWRPT` land between the lines of an answer (Huawei).
    Chatter = "chatter",
    /// Unsolicited codes go to another port: none is ever seen here (Quectel `urcport`, Huawei `^PORTSEL`).
    CodesElsewhere = "codes-elsewhere",
    /// CNMI takes mode 1 only, although 2 is listed (Qualcomm: Huawei, ZTE, SIMCom, Quectel, Novatel).
    ModeOneOnly = "cnmi-mode-1-only",
    /// CNMI refuses reports that come directly (`ds`=1).
    NoDirectReports = "cnmi-no-direct-reports",
    /// CNMI refuses every kind of report.
    NoReports = "cnmi-no-reports",
    /// CNMI answers OK and keeps what it had.
    CnmiForgets = "cnmi-forgets",
    /// Messages are given directly, whatever CNMI was asked for.
    AlwaysDirect = "always-direct",
    /// After a report that nobody acknowledged it answers nothing more until it is reset.
    HangsOnReport = "hangs-on-report",
    /// CNMA with a message or a number behind it is refused (Quectel over a serial line).
    CnmaBareOnly = "cnma-bare-only",
    /// CNMA without a number is refused (Quectel EC2x, Gemalto).
    CnmaNumberOnly = "cnma-number-only",
    /// There is no CNMA (SIMCom).
    NoCnma = "no-cnma",
    /// Phase 2+ has the number 128 in CSMS.
    Csms128 = "csms-128",
    /// CSMS cannot be set, and its first field means nothing (Huawei, Novatel).
    CsmsUnusable = "csms-unusable",
    /// `+CDS: ,25` (ZTE).
    ReportWithComma = "report-with-comma",
    /// `+CMT: 25`, without the field for a name (Gemalto).
    DirectWithoutName = "direct-without-name",
    /// CPMS lists two memories and takes one argument (Wavecom).
    CpmsOneArgument = "cpms-one-argument",
    /// CREG with all of its seven fields.
    CregLong = "creg-long",
    /// CREG forgets quotes.
    CregQuotes = "creg-quotes",
    /// CREG's codes are not quoted, and a code without number comes as the answer to the question.
    CregBare = "creg-bare",
    /// Reports are put into the memory `SR` and nowhere else (Quectel EC25).
    ReportsInSr = "reports-in-sr",
    /// There is no memory `SR`.
    NoSr = "no-sr",
    /// Places in memory are counted from 0.
    FromZero = "index-from-0",
    /// Places in memory are counted from 900.
    From900 = "index-from-900",
    /// CMGL leaves the messages out and shows the lines that announce them.
    BrokenCmgl = "broken-cmgl",
    /// There is no CMGL.
    NoCmgl = "no-cmgl",
    /// The memories `SM` and `ME` are one and the same.
    SharedMemory = "shared-memory",
    /// There is no UCS-2 in CSCS.
    NoUcs2 = "no-ucs2",
    /// Answers of USSD are written in UTF-8.
    Utf8 = "utf-8",
    /// What comes faster than one octet in two milliseconds is lost.
    SlowReader = "slow-reader",
    /// It hears commands at any speed; of sixteen digits of a message that come at once, one is lost.
    Overruns = "overruns",
    /// CPIN's answer has no OK.
    CpinWithoutOk = "cpin-without-ok",
    /// The year of the clock has four digits.
    LongYear = "four-digit-year",
    /// USSD is given and wanted in packed septets, written in hexadecimal (Huawei).
    UssdPacked = "ussd-packed",
    /// USSD answers with the text in UCS-2, written in hexadecimal.
    UssdUcs2 = "ussd-ucs2",
    /// Echo cannot be switched off.
    EchoForced = "echo-forced",
    /// Echo cannot be switched on.
    NoEcho = "no-echo",
    /// Lines end with a carriage return and nothing else.
    BareReturn = "bare-return",
    /// One answer in seven comes ten seconds late.
    LateAnswers = "late-answers",
    /// A reset loses the line, and the port comes back under another name.
    ResetLosesLine = "reset-loses-line",
    /// The SIM is busy for a minute after power came.
    SimBusy = "sim-busy",
    /// Registered with the packet network alone; the circuit network says that it is denied.
    PacketOnly = "packet-only",
    /// Registered, and no message leaves: neither IMS nor SGs is set up.
    RegisteredWithoutSms = "registered-without-sms",
    /// Messages are not to be had with AT commands (modules that want QMI or MBIM).
    NoSmsByAt = "no-sms-by-at",
    /// The port goes away in the middle of sending: the hub gives too little current.
    DetachesOnSend = "detaches-on-send",
    /// The network bars messages after the third.
    Barred = "barred-after-3",
    /// It answers errors with words.
    WordyErrors = "wordy-errors",
    /// It restarts by itself now and then and says `RDY`.
    Restarts = "restarts",
}

/// Those that are on.
pub type Quirks = BTreeSet<Quirk>;
