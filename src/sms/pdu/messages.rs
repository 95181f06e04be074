//! The six messages (3GPP TS 23.040 clause 9.2.2), field by field.

use super::octets::Octets;
use super::{
    Address, Coding, Failure, Field, Flaw, Protocol, Reading, ServiceTime, Status, UserData,
    Validity, Verdict,
};

/// What is left, the first octet, and where flaws go.
pub(super) type Source<'a, 'b> = (&'a mut Octets<'b>, u8, &'a mut Vec<Flaw>);

/// SMS-DELIVER: a message arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deliver {
    /// More messages wait at the centre (TP-MMS, which is 0 then).
    pub more: bool,
    /// TP-LP: it came by a way that could be a loop.
    pub loops: bool,
    /// TP-SRI: its sender is told what becomes of it.
    pub report: bool,
    /// TP-RP: an answer takes the way back.
    pub reply_path: bool,
    /// TP-OA.
    pub originator: Address,
    /// TP-PID.
    pub protocol: Protocol,
    /// TP-DCS.
    pub coding: Coding,
    /// TP-SCTS: when the centre got it.
    pub time: ServiceTime,
    /// TP-UD.
    pub user_data: UserData,
}

/// SMS-SUBMIT: a message is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submit {
    /// TP-RD: the centre is to refuse what it has already.
    pub reject_duplicates: bool,
    /// TP-SRR: a status report is wanted.
    pub report: bool,
    /// TP-RP.
    pub reply_path: bool,
    /// TP-MR. Most modems write one of their own over it.
    pub reference: u8,
    /// TP-DA.
    pub destination: Address,
    /// TP-PID.
    pub protocol: Protocol,
    /// TP-DCS.
    pub coding: Coding,
    /// TP-VP.
    pub validity: Validity,
    /// TP-UD.
    pub user_data: UserData,
}

/// SMS-STATUS-REPORT: what became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusReport {
    /// More messages wait at the centre.
    pub more: bool,
    /// TP-LP.
    pub loops: bool,
    /// TP-SRQ: it is about a command, not about a message.
    pub about_command: bool,
    /// TP-MR of the message.
    pub reference: u8,
    /// TP-RA: who was to get it.
    pub recipient: Address,
    /// TP-SCTS: when the centre got it.
    pub time: ServiceTime,
    /// TP-DT: when it was received, or tried last.
    pub discharged: ServiceTime,
    /// TP-ST.
    pub status: Status,
    /// What some networks add.
    pub options: Options,
}

/// SMS-DELIVER-REPORT: the phone has a message, or not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliverReport {
    /// TP-FCS, of a phone that has it not.
    pub failure: Option<Failure>,
    /// What may follow.
    pub options: Options,
}

/// SMS-SUBMIT-REPORT: the centre has a message, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmitReport {
    /// TP-FCS, of a centre that has it not.
    pub failure: Option<Failure>,
    /// TP-SCTS.
    pub time: ServiceTime,
    /// What may follow.
    pub options: Options,
}

/// SMS-COMMAND: something about a message that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// TP-SRR: a status report is wanted.
    pub report: bool,
    /// TP-UDHI: the data begin with a header.
    pub has_header: bool,
    /// TP-MR of the command.
    pub reference: u8,
    /// TP-PID.
    pub protocol: Protocol,
    /// TP-CT: 0 asks, 1 cancels the report, 2 deletes, 3 wants a report.
    pub command: u8,
    /// TP-MN: TP-MR of the message it is about.
    pub message: u8,
    /// TP-DA.
    pub destination: Address,
    /// TP-CD: at most 255 octets; more are not written.
    pub data: Vec<u8>,
}

/// What may stand at the end of a report (TP-PI, clause 9.2.3.27). What is not said is read as plain text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// TP-PI as it lies in the message, its extensions behind it; nothing if it is not there.
    pub parameters: Vec<u8>,
    /// TP-PID.
    pub protocol: Option<Protocol>,
    /// TP-DCS.
    pub coding: Option<Coding>,
    /// TP-UD.
    pub user_data: Option<UserData>,
}

/// TP-MMS, which is 0 when more wait; TP-RD in a submission.
const BIT_2: u8 = 0x04;
/// TP-LP.
const BIT_3: u8 = 0x08;
/// TP-SRI, TP-SRR, TP-SRQ.
const BIT_5: u8 = 0x20;
/// TP-UDHI.
const BIT_6: u8 = 0x40;
/// TP-RP.
const BIT_7: u8 = 0x80;

/// TP-PI: TP-PID follows.
const WITH_PROTOCOL: u8 = 0x01;
/// TP-PI: TP-DCS follows.
const WITH_CODING: u8 = 0x02;
/// TP-PI: TP-UDL and TP-UD follow.
const WITH_USER_DATA: u8 = 0x04;
/// TP-PI: another octet of it follows.
const EXTENDED: u8 = 0x80;

/// The bits of a first octet that are set.
fn flags(kind: u8, flags: &[(bool, u8)]) -> u8 {
    flags.iter().filter(|(set, _)| *set).fold(kind, |octet, (_, bit)| octet | bit)
}

fn address(
    octets: &mut Octets<'_>,
    field: Field,
    flaws: &mut Vec<Flaw>,
) -> Result<Address, Verdict> {
    let address = Address::read(octets, field)?;
    if !address.is_sound() {
        flaws.push(Flaw::Digits);
    }
    Ok(address)
}

fn time(
    octets: &mut Octets<'_>,
    field: Field,
    flaws: &mut Vec<Flaw>,
) -> Result<ServiceTime, Verdict> {
    let time = ServiceTime(octets.array(field)?);
    if !time.is_sound() {
        flaws.push(Flaw::Time);
    }
    Ok(time)
}

impl Deliver {
    /// The text, or the octets, with what could not be read.
    pub fn reading(&self) -> Reading {
        self.user_data.read(self.coding)
    }

    pub(super) fn read((octets, first, flaws): Source<'_, '_>) -> Result<Deliver, Verdict> {
        let originator = address(octets, Field::Originator, flaws)?;
        let protocol = Protocol(octets.octet(Field::Protocol)?);
        let coding = Coding(octets.octet(Field::Coding)?);
        let time = time(octets, Field::CentreTime, flaws)?;
        let user_data = UserData::take(octets, coding, first & BIT_6 != 0, flaws)?;
        Ok(Deliver {
            more: first & BIT_2 == 0,
            loops: first & BIT_3 != 0,
            report: first & BIT_5 != 0,
            reply_path: first & BIT_7 != 0,
            originator,
            protocol,
            coding,
            time,
            user_data,
        })
    }

    pub(super) fn write(&self, into: &mut Vec<u8>) {
        into.push(flags(
            0,
            &[
                (!self.more, BIT_2),
                (self.loops, BIT_3),
                (self.report, BIT_5),
                (self.user_data.has_header, BIT_6),
                (self.reply_path, BIT_7),
            ],
        ));
        self.originator.write(into);
        into.extend([self.protocol.0, self.coding.0]);
        into.extend(self.time.0);
        self.user_data.write(into);
    }
}

impl Submit {
    /// A message to `destination` with nothing special about it.
    pub fn new(destination: Address, coding: Coding, user_data: UserData) -> Submit {
        Submit {
            reject_duplicates: false,
            report: false,
            reply_path: false,
            reference: 0,
            destination,
            protocol: Protocol::PLAIN,
            coding,
            validity: Validity::Unsaid,
            user_data,
        }
    }

    /// The text, or the octets, with what could not be read.
    pub fn reading(&self) -> Reading {
        self.user_data.read(self.coding)
    }

    pub(super) fn read((octets, first, flaws): Source<'_, '_>) -> Result<Submit, Verdict> {
        let reference = octets.octet(Field::Reference)?;
        let destination = address(octets, Field::Destination, flaws)?;
        let protocol = Protocol(octets.octet(Field::Protocol)?);
        let coding = Coding(octets.octet(Field::Coding)?);
        let validity = match first >> 3 & 3 {
            0 => Validity::Unsaid,
            1 => Validity::Enhanced(octets.array(Field::Validity)?),
            2 => Validity::Relative(octets.octet(Field::Validity)?),
            _ => Validity::Absolute(time(octets, Field::Validity, flaws)?),
        };
        let user_data = UserData::take(octets, coding, first & BIT_6 != 0, flaws)?;
        Ok(Submit {
            reject_duplicates: first & BIT_2 != 0,
            report: first & BIT_5 != 0,
            reply_path: first & BIT_7 != 0,
            reference,
            destination,
            protocol,
            coding,
            validity,
            user_data,
        })
    }

    pub(super) fn write(&self, into: &mut Vec<u8>) {
        into.push(flags(
            1 | self.validity.format() << 3,
            &[
                (self.reject_duplicates, BIT_2),
                (self.report, BIT_5),
                (self.user_data.has_header, BIT_6),
                (self.reply_path, BIT_7),
            ],
        ));
        into.push(self.reference);
        self.destination.write(into);
        into.extend([self.protocol.0, self.coding.0]);
        self.validity.write(into);
        self.user_data.write(into);
    }
}

impl StatusReport {
    pub(super) fn read((octets, first, flaws): Source<'_, '_>) -> Result<StatusReport, Verdict> {
        Ok(StatusReport {
            more: first & BIT_2 == 0,
            loops: first & BIT_3 != 0,
            about_command: first & BIT_5 != 0,
            reference: octets.octet(Field::Reference)?,
            recipient: address(octets, Field::Recipient, flaws)?,
            time: time(octets, Field::CentreTime, flaws)?,
            discharged: time(octets, Field::DischargeTime, flaws)?,
            status: Status(octets.octet(Field::Status)?),
            options: Options::read((octets, first, flaws))?,
        })
    }

    pub(super) fn write(&self, into: &mut Vec<u8>) {
        into.push(flags(
            2,
            &[
                (!self.more, BIT_2),
                (self.loops, BIT_3),
                (self.about_command, BIT_5),
                (self.options.has_header(), BIT_6),
            ],
        ));
        into.push(self.reference);
        self.recipient.write(into);
        into.extend(self.time.0);
        into.extend(self.discharged.0);
        into.push(self.status.0);
        self.options.write(into);
    }
}

impl DeliverReport {
    pub(super) fn read((octets, first, flaws): Source<'_, '_>) -> Result<DeliverReport, Verdict> {
        let failure = failure(octets);
        let mut options = Options::read((octets, first, flaws))?;
        if options.parameters.is_empty() {
            options.parameters.push(0);
        }
        Ok(DeliverReport { failure, options })
    }

    pub(super) fn write(&self, into: &mut Vec<u8>) {
        into.push(flags(0, &[(self.options.has_header(), BIT_6)]));
        into.extend(self.failure.map(|failure| failure.0));
        // TP-PI must be there (clause 9.2.2.1a).
        match self.options.parameters.is_empty() {
            true => into.push(0),
            false => self.options.write(into),
        }
    }
}

impl SubmitReport {
    pub(super) fn read((octets, first, flaws): Source<'_, '_>) -> Result<SubmitReport, Verdict> {
        let failure = failure(octets);
        let parameters = Options::parameters(octets);
        if parameters.is_empty() {
            return Err(Verdict::Truncated(Field::Parameters));
        }
        let time = time(octets, Field::CentreTime, flaws)?;
        let options = Options::follow(parameters, (octets, first, flaws))?;
        Ok(SubmitReport { failure, time, options })
    }

    pub(super) fn write(&self, into: &mut Vec<u8>) {
        into.push(flags(1, &[(self.options.has_header(), BIT_6)]));
        into.extend(self.failure.map(|failure| failure.0));
        match self.options.parameters.as_slice() {
            [] => into.push(0),
            parameters => into.extend(parameters),
        }
        into.extend(self.time.0);
        self.options.write_rest(into);
    }
}

/// TP-FCS stands in a refusal only, and is 0x80 or more (clause 9.2.3.22); TP-PI, which stands there otherwise, has that
/// bit for extensions that nobody has defined.
fn failure(octets: &mut Octets<'_>) -> Option<Failure> {
    let failure = *octets.0.first().filter(|octet| **octet & EXTENDED != 0)?;
    octets.up_to(1);
    Some(Failure(failure))
}

impl Command {
    pub(super) fn read((octets, first, flaws): Source<'_, '_>) -> Result<Command, Verdict> {
        let reference = octets.octet(Field::Reference)?;
        let protocol = Protocol(octets.octet(Field::Protocol)?);
        let command = octets.octet(Field::CommandType)?;
        let message = octets.octet(Field::MessageNumber)?;
        let destination = address(octets, Field::Destination, flaws)?;
        let count = usize::from(octets.octet(Field::CommandData)?);
        Ok(Command {
            report: first & BIT_5 != 0,
            has_header: first & BIT_6 != 0,
            reference,
            protocol,
            command,
            message,
            destination,
            data: octets.take(count, Field::CommandData)?.to_vec(),
        })
    }

    pub(super) fn write(&self, into: &mut Vec<u8>) {
        into.push(flags(2, &[(self.report, BIT_5), (self.has_header, BIT_6)]));
        into.extend([self.reference, self.protocol.0, self.command, self.message]);
        self.destination.write(into);
        let data = &self.data[..self.data.len().min(255)];
        into.push(data.len() as u8);
        into.extend(data);
    }
}

impl Options {
    /// The text, if there is one.
    pub fn reading(&self) -> Option<Reading> {
        Some(self.user_data.as_ref()?.read(self.coding.unwrap_or_default()))
    }

    fn has_header(&self) -> bool {
        self.user_data.as_ref().is_some_and(|data| data.has_header)
    }

    fn read((octets, first, flaws): Source<'_, '_>) -> Result<Options, Verdict> {
        let parameters = Options::parameters(octets);
        Options::follow(parameters, (octets, first, flaws))
    }

    /// TP-PI and its extensions, which come one behind the other.
    fn parameters(octets: &mut Octets<'_>) -> Vec<u8> {
        let extended = octets.0.iter().take_while(|octet| **octet & EXTENDED != 0).count();
        octets.up_to(extended + 1).to_vec()
    }

    fn follow(
        parameters: Vec<u8>,
        (octets, first, flaws): Source<'_, '_>,
    ) -> Result<Options, Verdict> {
        let mut options = Options { parameters, ..Options::default() };
        if options.says(WITH_PROTOCOL) {
            options.protocol = Some(Protocol(octets.octet(Field::Protocol)?));
        }
        if options.says(WITH_CODING) {
            options.coding = Some(Coding(octets.octet(Field::Coding)?));
        }
        if options.says(WITH_USER_DATA) {
            let coding = options.coding.unwrap_or_default();
            options.user_data = Some(UserData::take(octets, coding, first & BIT_6 != 0, flaws)?);
        }
        Ok(options)
    }

    fn says(&self, bit: u8) -> bool {
        self.parameters.first().is_some_and(|first| first & bit != 0)
    }

    fn write(&self, into: &mut Vec<u8>) {
        into.extend(&self.parameters);
        self.write_rest(into);
    }

    fn write_rest(&self, into: &mut Vec<u8>) {
        into.extend(self.protocol.map(|protocol| protocol.0));
        into.extend(self.coding.map(|coding| coding.0));
        if let Some(data) = &self.user_data {
            data.write(into);
        }
    }
}
