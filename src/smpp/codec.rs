//! PDUs read and written (SMPP 3.4 section 4, 5.0 section 4).
//!
//! Our own, for what is there refuses what carriers send. Measured on 27 shapes of PDUs that occur: rusmpp-core 0.4 refuses
//! ten of them whole (a `receipted_message_id` without its NUL, a `message_id` without one or of more than 64 characters, a
//! sender in Latin-1 or of 21 characters, a validity that is not of 16 characters, a `message_state` of two octets, a
//! `network_error_code` of four, a stray octet at the end), smpp-codec 0.2 refuses senders in Latin-1 and writes other
//! numbering plans than it read, and smpp34 1.5 comes with a client, a server and a second clock. A response that is refused
//! for its shape is a message sent twice. Tests have rusmpp-core read what we write.
//!
//! What is read is kept: written again, it is the same octets, but for stray ones at the end and what a text hides behind
//! a NUL. Lengths of texts are bounded by the PDU's own, which [`frame`](super::frame) bounds.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::frame::HEADER;
use super::pdu::{
    About, Address, Bind, BindKind, Destination, Found, Message, Multi, Named, Pdu, RESPONSE,
    Replace, SHORT, Text,
};
use super::status::Status;
use super::tlv::{Tlvs, tag};

/// A PDU with its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What became of the request, in a response.
    pub status: Status,
    /// Which request it is or answers.
    pub sequence: u32,
    /// The operation.
    pub pdu: Pdu,
}

/// A PDU whose body is not one; its header is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// Its `command_id`.
    pub command: u32,
    /// Its `command_status`.
    pub status: Status,
    /// Its sequence number.
    pub sequence: u32,
    /// What is wrong with it: what a request like that is answered with.
    pub verdict: Status,
}

impl Command {
    /// A request or a response.
    pub fn new(status: Status, sequence: u32, pdu: Pdu) -> Command {
        Command { status, sequence, pdu }
    }

    /// Reads one whole PDU, its header and its length included.
    pub fn read(frame: &Bytes) -> Result<Command, Malformed> {
        let mut rest = frame.clone();
        if rest.len() < HEADER {
            let verdict = Status::INVALID_COMMAND_LENGTH;
            return Err(Malformed { command: 0, status: Status::OK, sequence: 0, verdict });
        }
        rest.advance(4);
        let (command, status, sequence) = (rest.get_u32(), Status(rest.get_u32()), rest.get_u32());
        let malformed = |verdict| Malformed { command, status, sequence, verdict };
        let pdu = read_body(command, Reader(rest)).map_err(malformed)?;
        Ok(Command { status, sequence, pdu })
    }

    /// Writes it behind what is there.
    pub fn write(&self, out: &mut BytesMut) {
        let start = out.len();
        out.put_u32(0);
        out.put_u32(self.pdu.command());
        out.put_u32(self.status.0);
        out.put_u32(self.sequence);
        write_body(&self.pdu, self.status, out);
        let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }
}

/// What is left of a body.
struct Reader(Bytes);

type Read<T> = Result<T, Status>;

impl Reader {
    fn octet(&mut self) -> Read<u8> {
        self.0.try_get_u8().map_err(|_| Status::INVALID_PARAMETER_LENGTH)
    }

    fn number(&mut self) -> Read<u32> {
        self.0.try_get_u32().map_err(|_| Status::INVALID_PARAMETER_LENGTH)
    }

    /// Up to the next NUL. Without one the last text of a PDU ends with it.
    fn text(&mut self) -> Read<Text> {
        match self.0.iter().position(|octet| *octet == 0) {
            Some(at) => {
                let text = self.0.split_to(at);
                self.0.advance(1);
                Ok(Text(text))
            }
            None => Ok(Text(std::mem::take(&mut self.0))),
        }
    }

    /// A text that others follow: its NUL must be there.
    fn inner_text(&mut self) -> Read<Text> {
        if self.0.contains(&0) { self.text() } else { Err(Status::INVALID_PARAMETER_LENGTH) }
    }

    fn address(&mut self) -> Read<Address> {
        Ok(Address { ton: self.octet()?, npi: self.octet()?, text: self.inner_text()? })
    }

    fn last_address(&mut self) -> Read<Address> {
        Ok(Address { ton: self.octet()?, npi: self.octet()?, text: self.text()? })
    }

    fn octets(&mut self) -> Read<Bytes> {
        let length = usize::from(self.octet()?);
        if length > self.0.len() {
            return Err(Status::INVALID_MESSAGE_LENGTH);
        }
        Ok(self.0.split_to(length))
    }

    fn tlvs(self) -> Read<Tlvs> {
        Tlvs::read(self.0).map_err(|_| Status::INVALID_OPTIONAL_PART)
    }
}

fn read_body(command: u32, mut rest: Reader) -> Read<Pdu> {
    Ok(match command {
        0x01 => Pdu::Bind(bind(BindKind::Receiver, rest)?),
        0x02 => Pdu::Bind(bind(BindKind::Transmitter, rest)?),
        0x09 => Pdu::Bind(bind(BindKind::Transceiver, rest)?),
        0x8000_0001 => bind_resp(BindKind::Receiver, rest)?,
        0x8000_0002 => bind_resp(BindKind::Transmitter, rest)?,
        0x8000_0009 => bind_resp(BindKind::Transceiver, rest)?,
        0x0B => Pdu::Outbind(rest.inner_text()?, rest.text()?),
        0x04 => Pdu::Submit(Box::new(message(rest)?)),
        0x05 => Pdu::Deliver(Box::new(message(rest)?)),
        0x103 => Pdu::Data(Box::new(data(rest)?)),
        0x21 => Pdu::Multi(Box::new(multi(rest)?)),
        0x8000_0004 => Pdu::SubmitResp(named(rest)?),
        0x8000_0005 => Pdu::DeliverResp(named(rest)?),
        0x8000_0103 => Pdu::DataResp(named(rest)?),
        0x8000_0021 => Pdu::MultiResp(multi_resp(rest)?),
        0x03 => Pdu::Query(query(rest)?),
        0x8000_0003 => Pdu::QueryResp(found(rest)?),
        0x08 => Pdu::Cancel(cancel(rest)?),
        0x07 => Pdu::Replace(Box::new(replace(rest)?)),
        0x111 => broadcast(rest)?,
        0x112 => Pdu::QueryBroadcast(query(rest)?),
        0x113 => Pdu::CancelBroadcast(cancel_broadcast(rest)?),
        0x8000_0111 => Pdu::BroadcastResp(named(rest)?),
        0x8000_0112 => Pdu::QueryBroadcastResp(named(rest)?),
        0x102 => Pdu::Alert(rest.address()?, rest.last_address()?, rest.tlvs()?),
        0x06 => Pdu::Unbind,
        0x8000_0006 => Pdu::UnbindResp,
        0x8000_0007 => Pdu::ReplaceResp,
        0x8000_0008 => Pdu::CancelResp,
        0x15 => Pdu::EnquireLink,
        0x8000_0015 => Pdu::EnquireLinkResp,
        0x8000_0113 => Pdu::CancelBroadcastResp,
        RESPONSE => Pdu::GenericNack,
        other => Pdu::Other(other, rest.0),
    })
}

fn bind(kind: BindKind, mut rest: Reader) -> Read<Bind> {
    Ok(Bind {
        kind,
        system_id: rest.inner_text()?,
        password: rest.inner_text()?,
        system_type: rest.inner_text()?,
        version: rest.octet()?,
        range: rest.last_address()?,
    })
}

fn bind_resp(kind: BindKind, mut rest: Reader) -> Read<Pdu> {
    Ok(Pdu::BindResp(kind, rest.text()?, rest.tlvs()?))
}

/// Fields that `submit_sm`, `deliver_sm` and `submit_multi` have behind the receiver, and what follows them.
fn behind_receiver(mut message: Message, mut rest: Reader) -> Read<Message> {
    message.esm_class = rest.octet()?;
    message.protocol = rest.octet()?;
    message.priority = rest.octet()?;
    message.schedule = rest.inner_text()?;
    message.validity = rest.inner_text()?;
    message.registered_delivery = rest.octet()?;
    message.replace = rest.octet()?;
    message.data_coding = rest.octet()?;
    message.canned = rest.octet()?;
    message.short_message = rest.octets()?;
    message.tlvs = rest.tlvs()?;
    Ok(message)
}

fn message(mut rest: Reader) -> Read<Message> {
    let (service_type, from, to) = (rest.inner_text()?, rest.address()?, rest.address()?);
    behind_receiver(Message { service_type, from, to, ..Message::default() }, rest)
}

fn data(mut rest: Reader) -> Read<Message> {
    Ok(Message {
        service_type: rest.inner_text()?,
        from: rest.address()?,
        to: rest.address()?,
        esm_class: rest.octet()?,
        registered_delivery: rest.octet()?,
        data_coding: rest.octet()?,
        tlvs: rest.tlvs()?,
        ..Message::default()
    })
}

fn multi(mut rest: Reader) -> Read<Multi> {
    let (service_type, from) = (rest.inner_text()?, rest.address()?);
    let many = rest.octet()?;
    let to = (0..many).map(|_| destination(&mut rest)).collect::<Read<Vec<_>>>()?;
    let message = Message { service_type, from, ..Message::default() };
    Ok(Multi { message: behind_receiver(message, rest)?, to })
}

fn destination(rest: &mut Reader) -> Read<Destination> {
    match rest.octet()? {
        1 => Ok(Destination::Address(rest.address()?)),
        2 => Ok(Destination::List(rest.inner_text()?)),
        _ => Err(Status::INVALID_DESTINATION_FLAG),
    }
}

/// Errors usually come without a body.
fn named(mut rest: Reader) -> Read<Named> {
    Ok(Named { id: rest.text()?, refused: Vec::new(), tlvs: rest.tlvs()? })
}

fn multi_resp(mut rest: Reader) -> Read<Named> {
    let id = rest.text()?;
    if rest.0.is_empty() {
        return Ok(Named { id, ..Named::default() });
    }
    let many = rest.octet()?;
    let refused = (0..many).map(|_| Ok((rest.address()?, Status(rest.number()?))));
    Ok(Named { id, refused: refused.collect::<Read<Vec<_>>>()?, tlvs: rest.tlvs()? })
}

fn query(mut rest: Reader) -> Read<About> {
    let (id, from) = (rest.inner_text()?, rest.last_address()?);
    Ok(About { id, from, tlvs: rest.tlvs()?, ..About::default() })
}

fn found(mut rest: Reader) -> Read<Found> {
    if rest.0.is_empty() {
        return Ok(Found::default());
    }
    let (id, final_date) = (rest.inner_text()?, rest.inner_text()?);
    Ok(Found { id, final_date, state: rest.octet()?, error: rest.octet()? })
}

fn cancel(mut rest: Reader) -> Read<About> {
    let (service_type, id) = (rest.inner_text()?, rest.inner_text()?);
    let (from, to) = (rest.address()?, rest.last_address()?);
    Ok(About { service_type, id, from, to, tlvs: Tlvs::default() })
}

fn cancel_broadcast(mut rest: Reader) -> Read<About> {
    let (service_type, id, from) = (rest.inner_text()?, rest.inner_text()?, rest.last_address()?);
    Ok(About { service_type, id, from, to: Address::default(), tlvs: rest.tlvs()? })
}

fn replace(mut rest: Reader) -> Read<Replace> {
    Ok(Replace {
        id: rest.inner_text()?,
        from: rest.address()?,
        schedule: rest.inner_text()?,
        validity: rest.inner_text()?,
        registered_delivery: rest.octet()?,
        canned: rest.octet()?,
        short_message: rest.octets()?,
        tlvs: rest.tlvs()?,
    })
}

/// SMPP 5.0 section 4.4.1.1.
fn broadcast(mut rest: Reader) -> Read<Pdu> {
    let mut message =
        Message { service_type: rest.inner_text()?, from: rest.address()?, ..Message::default() };
    let id = rest.inner_text()?;
    message.priority = rest.octet()?;
    message.schedule = rest.inner_text()?;
    message.validity = rest.inner_text()?;
    message.replace = rest.octet()?;
    message.data_coding = rest.octet()?;
    message.canned = rest.octet()?;
    message.tlvs = rest.tlvs()?;
    Ok(Pdu::Broadcast(Box::new(message), id))
}

fn put_text(text: &Text, out: &mut BytesMut) {
    let end = text.0.iter().position(|octet| *octet == 0).unwrap_or(text.0.len());
    out.put_slice(&text.0[..end]);
    out.put_u8(0);
}

fn put_address(address: &Address, out: &mut BytesMut) {
    out.put_slice(&[address.ton, address.npi]);
    put_text(&address.text, out);
}

fn write_body(pdu: &Pdu, status: Status, out: &mut BytesMut) {
    match pdu {
        Pdu::Bind(bind) => put_bind(bind, out),
        Pdu::BindResp(_, system_id, tlvs) => {
            put_text(system_id, out);
            tlvs.write(out);
        }
        Pdu::Outbind(system_id, password) => {
            put_text(system_id, out);
            put_text(password, out);
        }
        Pdu::Submit(message) | Pdu::Deliver(message) => {
            put_text(&message.service_type, out);
            put_address(&message.from, out);
            put_address(&message.to, out);
            put_behind_receiver(message, out);
        }
        Pdu::Data(message) => put_data(message, out),
        Pdu::Multi(multi) => put_multi(multi, out),
        Pdu::SubmitResp(named) | Pdu::DeliverResp(named) | Pdu::DataResp(named) => {
            put_named(named, status, out);
        }
        Pdu::BroadcastResp(named) | Pdu::QueryBroadcastResp(named) => put_named(named, status, out),
        Pdu::MultiResp(named) => put_multi_resp(named, status, out),
        Pdu::Query(about) | Pdu::QueryBroadcast(about) => {
            put_text(&about.id, out);
            put_address(&about.from, out);
            about.tlvs.write(out);
        }
        Pdu::QueryResp(found) => {
            put_text(&found.id, out);
            put_text(&found.final_date, out);
            out.put_slice(&[found.state, found.error]);
        }
        Pdu::Cancel(about) => {
            put_text(&about.service_type, out);
            put_text(&about.id, out);
            put_address(&about.from, out);
            put_address(&about.to, out);
        }
        Pdu::CancelBroadcast(about) => {
            put_text(&about.service_type, out);
            put_text(&about.id, out);
            put_address(&about.from, out);
            about.tlvs.write(out);
        }
        Pdu::Replace(replace) => put_replace(replace, out),
        Pdu::Broadcast(message, id) => put_broadcast(message, id, out),
        Pdu::Alert(from, to, tlvs) => {
            put_address(from, out);
            put_address(to, out);
            tlvs.write(out);
        }
        Pdu::Other(_, body) => out.put_slice(body),
        Pdu::CancelResp | Pdu::ReplaceResp | Pdu::CancelBroadcastResp | Pdu::GenericNack => {}
        Pdu::Unbind | Pdu::UnbindResp | Pdu::EnquireLink | Pdu::EnquireLinkResp => {}
    }
}

fn put_bind(bind: &Bind, out: &mut BytesMut) {
    put_text(&bind.system_id, out);
    put_text(&bind.password, out);
    put_text(&bind.system_type, out);
    out.put_u8(bind.version);
    put_address(&bind.range, out);
}

fn put_behind_receiver(message: &Message, out: &mut BytesMut) {
    out.put_slice(&[message.esm_class, message.protocol, message.priority]);
    put_text(&message.schedule, out);
    put_text(&message.validity, out);
    out.put_slice(&[message.registered_delivery, message.replace]);
    out.put_slice(&[message.data_coding, message.canned]);
    put_octets(&message.short_message, &message.tlvs, out);
}

/// The text, and the optional parameters behind it: a text that is too long for its field is one of them.
fn put_octets(octets: &Bytes, tlvs: &Tlvs, out: &mut BytesMut) {
    match u8::try_from(octets.len()) {
        // 255 are one too many for the standard, and are read all the same: what is read is written again.
        Ok(length) => {
            out.put_u8(length);
            out.put_slice(octets);
            tlvs.write(out);
        }
        Err(_) => {
            out.put_u8(0);
            tlvs.clone().with(tag::MESSAGE_PAYLOAD, octets.clone()).write(out);
        }
    }
}

/// `data_sm` has no field for the text: it is always an optional parameter.
fn put_data(message: &Message, out: &mut BytesMut) {
    put_text(&message.service_type, out);
    put_address(&message.from, out);
    put_address(&message.to, out);
    out.put_slice(&[message.esm_class, message.registered_delivery, message.data_coding]);
    if message.short_message.is_empty() {
        message.tlvs.write(out);
    } else {
        let text = message.short_message.clone();
        message.tlvs.clone().with(tag::MESSAGE_PAYLOAD, text).write(out);
    }
}

fn put_multi(multi: &Multi, out: &mut BytesMut) {
    put_text(&multi.message.service_type, out);
    put_address(&multi.message.from, out);
    let many = u8::try_from(multi.to.len()).unwrap_or(u8::MAX);
    out.put_u8(many);
    for to in multi.to.iter().take(usize::from(many)) {
        match to {
            Destination::Address(address) => {
                out.put_u8(1);
                put_address(address, out);
            }
            Destination::List(name) => {
                out.put_u8(2);
                put_text(name, out);
            }
        }
    }
    put_behind_receiver(&multi.message, out);
}

/// An error has no body (SMPP 3.4 section 4.4.2), and some peers take offence at one.
fn put_named(named: &Named, status: Status, out: &mut BytesMut) {
    if !status.is_ok() && named.id.is_empty() && named.tlvs.is_empty() {
        return;
    }
    put_text(&named.id, out);
    named.tlvs.write(out);
}

fn put_multi_resp(named: &Named, status: Status, out: &mut BytesMut) {
    if !status.is_ok() && named.id.is_empty() && named.refused.is_empty() {
        return;
    }
    put_text(&named.id, out);
    let many = u8::try_from(named.refused.len()).unwrap_or(u8::MAX);
    out.put_u8(many);
    for (address, why) in named.refused.iter().take(usize::from(many)) {
        put_address(address, out);
        out.put_u32(why.0);
    }
    named.tlvs.write(out);
}

fn put_replace(replace: &Replace, out: &mut BytesMut) {
    put_text(&replace.id, out);
    put_address(&replace.from, out);
    put_text(&replace.schedule, out);
    put_text(&replace.validity, out);
    out.put_slice(&[replace.registered_delivery, replace.canned]);
    put_octets(&replace.short_message, &replace.tlvs, out);
}

fn put_broadcast(message: &Message, id: &Text, out: &mut BytesMut) {
    put_text(&message.service_type, out);
    put_address(&message.from, out);
    put_text(id, out);
    out.put_u8(message.priority);
    put_text(&message.schedule, out);
    put_text(&message.validity, out);
    out.put_slice(&[message.replace, message.data_coding, message.canned]);
    message.tlvs.write(out);
}

/// Octets that every text of a message fits into without becoming a parameter.
const _: () = assert!(SHORT < u8::MAX as usize);

#[cfg(test)]
mod tests;
